"""The wheel has the right content, and Airflow finds the provider if only the wheel is installed."""

import email
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import airflow_provider_offers

# `airflow providers get …` and `airflow providers hooks`: a process for each would load Airflow twice.
TWO_COMMANDS = """
import sys
from airflow.__main__ import main
sys.argv = ["airflow", "providers", "get", "airflow-provider-offers", "--output", "json"]
main()
print("\\nTHEN")
sys.argv = ["airflow", "providers", "hooks", "--output", "json"]
main()
"""


def _metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {
        "airflow_provider_offers",
        f"airflow_provider_offers-{airflow_provider_offers.__version__}.dist-info",
    }
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".db"))]


def test_the_wheel_holds_every_source_file(wheel: Path, checkout: Path) -> None:
    package = checkout / "airflow_provider_offers"
    sources = {str(path.relative_to(checkout)) for path in package.rglob("*.py")}
    with zipfile.ZipFile(wheel) as archive:
        assert sources <= set(archive.namelist())
        assert {
            f"airflow_provider_offers/{each}" for each in ("py.typed", "campaigns/manifest/manifest.schema.json")
        } <= set(archive.namelist())


def test_the_wheel_holds_the_page_and_the_licenses_of_what_it_bundles(wheel: Path, checkout: Path) -> None:
    static = checkout / "airflow_provider_offers" / "plugins" / "static"
    bundle = static / "vendor" / "vis-timeline-graph2d.min.mjs"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {str(path.relative_to(checkout)) for path in static.rglob("*") if path.is_file()} <= set(names)
    assert any("/licenses/" in name and name.endswith("vendor/LICENSES.txt") for name in names)
    assert hashlib.sha256(bundle.read_bytes()).hexdigest() in (bundle.parent / "README.md").read_text()


def test_the_wheel_tells_its_version_and_what_it_needs(wheel: Path) -> None:
    metadata = _metadata(wheel)
    assert metadata["Version"] == airflow_provider_offers.__version__
    assert metadata["Requires-Python"] == ">=3.11"
    needed = {re.split(r"[<>=!~;\[ ]", line)[0]: line for line in metadata.get_all("Requires-Dist", [])}
    assert needed["apache-airflow"] == "apache-airflow>=3.2.0"
    assert not [line for line in needed.values() if "<" in line], "users' resolvers decide the upper bounds"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_airflow_lists_the_provider_where_only_the_wheel_is_installed(
    wheel: Path, checkout: Path, tmp_path: Path
) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or pytest.skip("this environment has no uv")
    python = tmp_path / "venv" / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")} | {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(checkout / ".cache" / "uv")),
    }

    def run(*command: str) -> str:
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    constraints = checkout / "constraints" / "airflow-3.3.txt"
    run(uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv"))
    run(uv, "pip", "install", "--quiet", "--python", str(python), "-c", str(constraints), str(wheel))

    listed, hooks = run(str(python), "-c", TWO_COMMANDS).split("\nTHEN\n")
    (provider,) = json.loads(listed)
    assert provider["Version"] == airflow_provider_offers.__version__
    (ours,) = (hook for hook in json.loads(hooks) if hook["connection_type"] == "offer_library")
    assert ours["class"] == "airflow_provider_offers.hooks.offer_library.OfferLibraryHook"
