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


def test_the_source_distribution_is_the_checkout(checkout: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(tmp_path), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        held = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    wanted = {path.relative_to(checkout) for folder in FOLDERS for path in (checkout / folder).rglob("*")}
    files = {str(path) for path in wanted if (checkout / path).is_file() and "__pycache__" not in path.parts}
    assert {*files, *FILES} - held == set()
    assert {name.partition("/")[0] for name in held} == {*FOLDERS, *FILES, "PKG-INFO", ".gitignore"}
