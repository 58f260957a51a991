"""The entry of the provider registry names every operator and sensor of the package, in the words of the package."""

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_offers.get_provider_info import get_provider_info


@pytest.fixture(scope="module")
def entry(checkout: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((checkout / ".airflow-registry.yaml").read_text(encoding="utf-8"))
    return read


def _public(section: str, ending: str) -> dict[str, str]:
    """The first line of the documentation of each class in the provider's modules, by the path of the class."""
    info: Any = get_provider_info()
    found = {}
    for name in (module for group in info[section] for module in group["python-modules"]):
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", ()):
            each = getattr(module, public)
            if inspect.isclass(each) and public.endswith(ending):
                found[f"{name}.{public}"] = str(inspect.getdoc(each)).splitlines()[0]
    return found


@pytest.mark.parametrize(("section", "ending"), [("operators", "Operator"), ("sensors", "Sensor")])
def test_the_registry_lists_every_class(entry: dict[str, Any], section: str, ending: str) -> None:
    wanted = _public(section, ending)
    assert wanted, "expected classes in the modules of the provider"
    assert {each["module"]: each["description"] for each in entry[section]} == wanted


def test_the_registry_names_the_distribution(entry: dict[str, Any]) -> None:
    info: Any = get_provider_info()
    assert entry["package-name"] == info["package-name"]
    assert entry["display-name"] == info["name"]
