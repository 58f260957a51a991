"""The source distribution contains everything that its tests and its Makefile need."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

FOLDERS = (
    "airflow_provider_offers",
    "tests",
    "docs",
    "example_dags",
    "demo",
    "benchmarks",
    "constraints",
    "scripts",
    ".github",
    ".ci",
)
FILES = (
    "Makefile",
    "mkdocs.yml",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CODE_OF_CONDUCT.md",
    "LICENSE",
    ".airflow-registry.yaml",
    ".editorconfig",
    ".pre-commit-config.yaml",
)


@pytest.fixture(scope="module")
def sdist(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source distribution from the checkout with the pinned tools."""
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.tar.gz")
    return built


def test_the_source_distribution_is_the_checkout(checkout: Path, sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        held = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    wanted = {path.relative_to(checkout) for folder in FOLDERS for path in (checkout / folder).rglob("*")}
    files = {str(path) for path in wanted if (checkout / path).is_file() and "__pycache__" not in path.parts}
    assert {*files, *FILES} - held == set()
    assert {name.partition("/")[0] for name in held} == {*FOLDERS, *FILES, "PKG-INFO", ".gitignore"}


def test_pypi_accepts_both_distributions(sdist: Path, wheel: Path) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_source_distribution_tests_itself(sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/client/wire/test_pace.py"]
    done = subprocess.run(command, cwd=unpacked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert " passed" in done.stdout
