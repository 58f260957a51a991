"""The generated reference: every public class has a place, and every parameter of an operator a description."""

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import griffe
import pytest

from airflow_provider_offers import client, models
from airflow_provider_offers.client import errors
from airflow_provider_offers.get_provider_info import get_provider_info
from scripts.reference import Complete
from tests.docs.pages import all_pages

PACKAGE = "airflow_provider_offers"


def _names(module: Any) -> list[str]:
    """What a module offers to authors of DAGs."""
    default = [
        name
        for name, each in vars(module).items()
        if inspect.isclass(each) and each.__module__ == module.__name__ and not name.startswith("_")
    ]
    return list(getattr(module, "__all__", default))


def _shown() -> list[str]:
    """The classes of the reference; a module shows all of its own."""
    pages = [page.text for page in all_pages() if page.name.startswith("docs/reference/")]
    found = []
    for path in re.findall(rf"^::: {PACKAGE}\.(\S+)$", "\n".join(pages), re.MULTILINE):
        if re.search(r"\.[a-z_]+$", path) and path.startswith(("operators.", "sensors.")):
            found += [f"{path}.{name}" for name in _names(importlib.import_module(f"{PACKAGE}.{path}"))]
        else:
            found.append(path)
    return found


SHOWN = _shown()


def _public() -> set[str]:
    """The operators, sensors and notifiers of the provider's modules, the errors, and the models."""
    info: Any = get_provider_info()
    modules = {
        name for section in ("operators", "sensors") for each in info[section] for name in each["python-modules"]
    }
    modules |= {path.rpartition(".")[0] for path in info.get("notifications", ())}
    found = {f"{name}.{each}" for name in modules for each in _names(importlib.import_module(name))}
    found |= {f"{errors.__name__}.{name}" for name, each in vars(errors).items() if _is_error(each)}
    found |= {f"{models.__name__}.{name}" for name in models.__all__}
    return {path.removeprefix(f"{PACKAGE}.") for path in found}


def _is_error(each: Any) -> bool:
    public = inspect.isclass(each) and not each.__name__.startswith("_")
    return public and issubclass(each, errors.OfferLibraryError) and each.__module__ == errors.__name__


def test_every_public_class_is_in_the_reference() -> None:
    missing = sorted(_public() - set(SHOWN))
    assert missing == [], "\n".join(["Missing in docs/reference:", *(f"::: {PACKAGE}.{each}" for each in missing)])


@pytest.fixture(scope="module")
def package() -> Any:
    """The package as the reference reads it."""
    return griffe.load(PACKAGE, extensions=griffe.Extensions(Complete()))


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in SHOWN if path.endswith(("Operator", "Sensor"))])
def test_every_parameter_is_described(package: Any, path: str) -> None:
    shown = package[path].final_target if package[path].is_alias else package[path]
    taken = [each.name for each in shown.parameters if each.name not in ("self", "kwargs")]
    assert taken, "expected parameters"
    module, _, name = path.rpartition(".")
    given = inspect.signature(getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)).parameters
    assert set(taken) == set(given) - {"kwargs"}
    told = re.findall(r"^:param (\w+): \S", shown.docstring.value, re.MULTILINE)
    assert sorted(set(taken)) == sorted(set(told) & set(taken))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "result", "label"),
    [
        ("hooks.offer_library.OfferLibraryHook.create_offer", "WriteReceipt", None),
        ("hooks.offer_library.OfferLibraryHook.search_offers", "Iterator[ReadReceipt]", None),
        ("hooks.offer_library.OfferLibraryAsyncHook.create_offer", "WriteReceipt", "async"),
        ("client.library.AsyncOfferLibrary.search", "AsyncIterator[Entity]", None),
    ],
)
def test_a_method_that_is_written_once_is_shown_as_it_is_called(
    package: Any, path: str, result: str, label: str | None
) -> None:
    method = package[path]
    assert str(method.returns) == result
    assert label is None or label in method.labels
    assert method.docstring.value


@pytest.mark.slow
def test_a_model_shows_its_properties(package: Any) -> None:
    shown = package["client.model.offers.PersonalizedOffer"].docstring.value
    for name, field in models.PersonalizedOffer.model_fields.items():
        assert not field.description or f":var {name}: {field.description}" in shown


def _docstrings(shown: Any) -> list[str]:
    """The docstrings of a class or a function of the reference, and of its public methods."""
    owners = [shown, *(shown.mro() if shown.is_class else [])]
    methods = [
        each
        for owner in owners
        for name, each in owner.members.items()
        if not name.startswith("_") and not each.is_alias and each.is_function
    ]
    return [each.docstring.value for each in (shown, *methods) if each.docstring]


@pytest.mark.slow
@pytest.mark.parametrize("path", SHOWN)
def test_a_docstring_points_to_nothing_that_a_reader_cannot_find(package: Any, path: str) -> None:
    """A class that the reference does not show, or a module without the package, such as `flows.patching`."""
    shown = package[path].final_target if package[path].is_alias else package[path]
    found = {name for text in _docstrings(shown) for name in re.findall(r"`([\w.]+)`", text)}
    known = {each.rpartition(".")[2] for each in SHOWN}

    classes = {name for name in found if re.fullmatch(r"[A-Z]\w+(?:Operator|Sensor)|Calls", name)}
    assert classes <= known
    folders = {each.name for each in Path(client.__path__[0]).iterdir() if each.is_dir()}
    assert not {name for name in found if name.partition(".")[0] in {"client", *folders} and "." in name}
