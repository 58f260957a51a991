"""Lists every public name with its parameters and defaults, as the code has them: the page `reference/names.md`."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

PACKAGE = "airflow_provider_offers"
_TOP = """# Names

Every public name, with its parameters and their defaults. The page is made of the code. A parameter after `*` is
passed by its name, and a *required* one has no default. Operators, sensors and notifiers also take the arguments of
Airflow. If `deferrable` is None, Airflow's `[operators] default_deferrable` decides.
"""
# An attribute that a constructor sets.
_KEPT = re.compile(r"^ +self\.([a-z]\w*)(?:: [^=]+)? = ", re.MULTILINE)
# What Airflow or the base class takes, and what Airflow adds to notifiers.
_OTHERS = ("self", "kwargs", "context")


def page() -> str:
    """The whole page."""
    return "\n".join([_TOP, *(f"## {title}\n\n{text}\n" for title, text in sections())])


def sections() -> Iterator[tuple[str, str]]:
    """Each section with its text."""
    for title, section in (("Operators", "operators"), ("Sensors", "sensors")):
        yield title, _table((title[:-1].lower(), "parameters"), _signatures(of_modules(section)))
    yield "Notifiers", _table(("notifier", "parameters"), _signatures(classes("notifications")))
    yield "Parameters", f"{_PARAMETERS}\n\n{_table(('parameter', 'default', 'taken by'), _defaults())}"
    yield "Assets", _table(("name", "parameters"), _assets())
    yield "Triggers", _table(("trigger", "parameters"), _signatures(of_modules("triggers")))
    yield from _of_the_hook()
    yield (
        "Errors",
        f"Every error has `verdict` and `retryable`.\n\n{_table(('error', 'base', 'attributes'), _errors())}",
    )
    yield "Models", _table(("model", "properties"), _models())
    yield "Connection", _table(("field", "default"), _connection())
    yield "Configuration", _table(("section", "option", "default"), _configuration())
    yield "Commands", _table(("command", "arguments"), _commands())
    yield "Manifest", _table(("entry", "fields"), _manifest())
    yield "Results of tasks", _table(("result", "keys"), _receipts())
    yield from _of_the_emulator()
    yield "Pytest plugin", _table(("name", "is"), _pytest_plugin())


_PARAMETERS = """A parameter has the same meaning and the same unit wherever it occurs. If its default differs, it has
several rows. `duration`, `older_than` and `within` are ISO 8601 durations or timedeltas. All other durations are
seconds or timedeltas."""


def of_modules(section: str) -> dict[str, type]:
    """The public classes of the modules that a section of the provider's metadata names."""
    from airflow_provider_offers.get_provider_info import get_provider_info

    info: Any = get_provider_info()
    names = [name for each in info[section] for name in each["python-modules"]]
    return {name: each for module in names for name, each in _public(importlib.import_module(module)).items()}


def classes(section: str) -> dict[str, type]:
    """The classes that a section of the provider's metadata names one by one."""
    from airflow_provider_offers.get_provider_info import get_provider_info

    info: Any = get_provider_info()
    paths = [path.rpartition(".") for path in info[section]]
    return {name: getattr(importlib.import_module(module), name) for module, _, name in paths}


def _public(module: Any) -> dict[str, type]:
    own = [name for name, each in vars(module).items() if getattr(each, "__module__", "") == module.__name__]
    names = getattr(module, "__all__", [name for name in own if not name.startswith("_")])
    found = {name: getattr(module, name) for name in sorted(names)}
    return {name: each for name, each in found.items() if inspect.isclass(each) and not inspect.isabstract(each)}


def parameters(callable_: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """What a class or a function takes, without the arguments of Airflow."""
    taken = inspect.signature(callable_).parameters
    found = {name: each for name, each in taken.items() if name not in _OTHERS and not name.startswith("_")}
    if "kwargs" not in taken or not inspect.isclass(callable_):
        return found
    # The rest is a base's, unless the base is Airflow's.
    bases = [each for each in callable_.__mro__[1:] if each.__module__.startswith(f"{PACKAGE}.triggers")]
    return {**(parameters(bases[0]) if bases else {}), **found}


def _signatures(found: Mapping[str, type]) -> Iterator[tuple[str, ...]]:
    return ((f"`{name}`", _listed(each)) for name, each in found.items())


def _listed(callable_: Callable[..., Any], *, marked: bool = False) -> str:
    """The parameters with their defaults; `marked` shows which ones are passed by name."""
    shown, by_name = [], False
    for name, each in parameters(callable_).items():
        if each.kind is each.KEYWORD_ONLY and marked and not by_name:
            shown.append("`*`")
            by_name = True
        shown.append(f"`**{name}`" if each.kind is each.VAR_KEYWORD else f"`{name}`{_default(each)}")
    return ", ".join(shown)


def _default(each: inspect.Parameter) -> str:
    if each.default is each.empty:
        return " *required*"
    return f" = `{_value(each.default)}`"


def _value(value: Any) -> str:
    """A default as an author writes it."""
    if dataclasses.is_dataclass(value) or (type(value).__module__ or "").startswith(PACKAGE):
        return f"{getattr(value, 'key', type(value).__name__)}"
    return repr(value).removesuffix(".0")


def _defaults() -> Iterator[tuple[str, ...]]:
    found: dict[str, dict[str, list[str]]] = {}
    for name, each in {**of_modules("operators"), **of_modules("sensors"), **classes("notifications")}.items():
        for parameter in parameters(each).values():
            default = _default(parameter).strip().removeprefix("= ")
            found.setdefault(parameter.name, {}).setdefault(default, []).append(name)
    for parameter, defaults in sorted(found.items()):
        for default, takers in defaults.items():
            yield f"`{parameter}`", default, ", ".join(f"`{each}`" for each in takers)


def _assets() -> Iterator[tuple[str, ...]]:
    from airflow_provider_offers.assets import library

    for name in library.__all__:
        each = getattr(library, name)
        yield f"`{name}`", _listed(each, marked=True) if callable(each) else f"(constant) `{each!r}`"


def _methods(each: type) -> Iterator[tuple[str, ...]]:
    """The methods that a class adds to Airflow's, and its properties."""
    for name, member in inspect.getmembers_static(each):
        owner = next(base for base in each.__mro__ if name in vars(base))
        if name.startswith("_") or not owner.__module__.startswith(PACKAGE):
            continue
        if callable(getattr(each, name)) and not isinstance(member, type):
            yield f"`{name}`", _listed(getattr(each, name), marked=True)
        elif hasattr(member, "__get__") and not callable(member):
            yield f"`{name}`", "(property)"


def _of_the_hook() -> Iterator[tuple[str, str]]:
    from airflow_provider_offers.client.library import AsyncOfferLibrary, OfferLibrary
    from airflow_provider_offers.hooks.objects import AsyncLibraryObjects, LibraryObjects
    from airflow_provider_offers.hooks.offer_library import OfferLibraryAsyncHook, OfferLibraryHook
    from airflow_provider_offers.policies import retry

    for title, each, twin in (
        ("Hook", OfferLibraryHook, OfferLibraryAsyncHook),
        ("Objects of the hook", LibraryObjects, AsyncLibraryObjects),
        ("Client", OfferLibrary, AsyncOfferLibrary),
    ):
        known = set(_methods(each))
        differing = _table(("method", "parameters"), (row for row in _methods(twin) if row not in known))
        yield (
            title,
            "\n\n".join((_made(each), _table(("method", "parameters"), _methods(each)), _made(twin), differing)),
        )
    # Airflow 3.2 has no retry policies.
    policies = [getattr(retry, name) for name in ("retry_arguments", "OfferLibraryRetryPolicy") if hasattr(retry, name)]
    rows = [(f"`{each.__name__}`", _listed(each)) for each in policies]
    yield "Retry policy", _table(("name", "parameters"), rows)


def _made(each: type) -> str:
    """What a class is made with, and for a twin what its table holds."""
    others = " The other methods are those above, and awaited." if "Async" in each.__name__ else ""
    return f"`{each.__name__}`: {_listed(each, marked=True)}.{others}"


def _errors() -> Iterator[tuple[str, ...]]:
    from airflow_provider_offers.campaigns import errors as of_campaigns
    from airflow_provider_offers.client import errors

    for module in (errors, of_campaigns):
        for name, each in _public(module).items():
            if issubclass(each, Exception):
                base = next(one for one in each.__mro__[1:] if not one.__name__.startswith("_"))
                yield f"`{name}`", f"`{base.__name__}`", ", ".join(f"`{attribute}`" for attribute in _attributes(each))


def _attributes(each: type) -> list[str]:
    """What the constructors of an error keep."""
    made = [vars(base).get("__init__") for base in reversed(each.__mro__) if base.__module__.startswith(PACKAGE)]
    kept = [_KEPT.findall(inspect.getsource(function)) for function in made if function is not None]
    return list(dict.fromkeys(name for names in kept for name in names))


def _models() -> Iterator[tuple[str, ...]]:
    from airflow_provider_offers import models

    for name in models.__all__:
        each = getattr(models, name)
        if inspect.isclass(each):
            fields = [f"`{field.alias or own}`" for own, field in each.model_fields.items()]
            yield f"`{name}`", ", ".join(fields)
        else:
            yield f"`{name}()`", _listed(each)


def _connection() -> Iterator[tuple[str, ...]]:
    from airflow_provider_offers.get_provider_info import get_provider_info

    info: Any = get_provider_info()
    (connection,) = info["connection-types"]
    behavior = connection["ui-field-behaviour"]
    for name in ("host", "login", "password", "port"):
        yield f"`{name}`", behavior["relabeling"].get(name, "") and f"{behavior['relabeling'][name]} in the form"
    for name, field in connection["conn-fields"].items():
        yield f"extra `{name}`", f"`{field['schema']['default']}`" if "default" in field["schema"] else ""


def _configuration() -> Iterator[tuple[str, ...]]:
    from airflow_provider_offers.get_provider_info import get_provider_info

    info: Any = get_provider_info()
    for section, held in info.get("config", {}).items():
        for name, option in held["options"].items():
            yield f"`[{section}]`", f"`{name}`", f"`{option['default']}`"


def _commands() -> Iterator[tuple[str, ...]]:
    from airflow_provider_offers.cli.definition import get_offers_cli_commands

    (group,) = get_offers_cli_commands()
    for command in group.subcommands:  # type: ignore[union-attr]
        shown = []
        for argument in command.args:
            default, choices = argument.kwargs.get("default"), argument.kwargs.get("choices")
            told = f" ({' or '.join(choices)})" if choices else ""
            named = argument.flags[0] if argument.flags[0].startswith("-") else argument.kwargs["metavar"]
            shown.append(
                f"`{named}`{told}" + (f" = `{default}`" if default not in (None, [], argparse.SUPPRESS) else "")
            )
        yield f"`airflow offers {command.name}`", ", ".join(shown)


def _manifest() -> Iterator[tuple[str, ...]]:
    from airflow_provider_offers.campaigns.manifest import models

    for name, each in (
        ("the manifest", models.Manifest),
        ("`targets`", models.TargetEntry),
        ("`external`", models.External),
        ("`moved`", models.MoveEntry),
        ("an object, besides its properties", models.EntryWords),
        ("`window`", models.WindowEntry),
        ("`lifecycle`", models.LifecycleEntry),
    ):
        fields = each.model_fields.items()
        yield (
            name,
            ", ".join(f"`{field.alias or own}`{' *required*' if field.is_required() else ''}" for own, field in fields),
        )


def _receipts() -> Iterator[tuple[str, ...]]:
    from airflow_provider_offers.client.model import receipts
    from airflow_provider_offers.client.model.entities import Deleted, Entity, Receipt, Written
    from airflow_provider_offers.client.model.kinds import PERSONALIZED, TAG

    settings: Any = argparse.Namespace(api="dps", sandbox="prod")
    offer, tag = (Entity(kind, "id", "instance", 1, {"name": "name"}) for kind in (PERSONALIZED, TAG))
    written = Written.of(offer)
    deleted = Deleted(Receipt("id", "instance", None), "deleted")
    for name, keys in (
        ("a write to an offer", receipts.write_receipt(written, settings, PERSONALIZED)),
        ("a write to another object", receipts.write_receipt(Written.of(tag), settings, TAG)),
        ("a deletion with `cascade`", receipts.write_receipt(deleted, settings, TAG)),
        ("a read of an offer", receipts.entity_receipt(offer, settings, full=True)),
        ("a read of another object", receipts.object_receipt(tag, settings, full=True)),
    ):
        yield name, ", ".join(f"`{key}`" for key in keys)


def _of_the_emulator() -> Iterator[tuple[str, str]]:
    from airflow_provider_offers.emulator.control.control import _COMMANDS
    from airflow_provider_offers.emulator.control.faults import EFFECTS
    from airflow_provider_offers.emulator.emulator import Emulator
    from airflow_provider_offers.emulator.http.routes import ROUTES

    shown = f"`Emulator`: {_listed(Emulator, marked=True)}"
    yield "Emulator", f"{shown}\n\n{_table(('method', 'parameters'), _methods(Emulator))}"
    yield "Settings of the emulator", _table(("setting", "default", "others"), _settings())
    routes: dict[str, list[str]] = {}
    for route in ROUTES:
        routes.setdefault(route.name, []).append(f"`{route}`")
    yield (
        "Routes of the emulator",
        _table(("route", "calls"), ((f"`{name}`", ", ".join(calls)) for name, calls in routes.items())),
    )
    rows = (
        (f"`{method} /_emulator/{path}`", ", ".join(f"`{key}`" for key in command.keys))
        for (method, path), command in _COMMANDS.items()
    )
    yield "Control plane", _table(("call", "keys"), rows)
    yield "Faults", ", ".join(f"`{each}`" for each in EFFECTS)


def _settings() -> Iterator[tuple[str, ...]]:
    from airflow_provider_offers.emulator.settings import Settings

    for field in dataclasses.fields(Settings):
        choices: tuple[Any, ...] = field.metadata.get("choices", ())
        others = [f"`{each}`" for each in choices if each != field.default]
        if isinstance(field.default, bool):
            others = [f"`{not field.default}`"]
        yield f"`{field.name}`", f"`{_value(field.default)}`", ", ".join(others)


def _pytest_plugin() -> Iterator[tuple[str, ...]]:
    from airflow_provider_offers import pytest_plugin

    for name in ("offer_library", "offer_library_api", "offer_library_clock"):
        assert hasattr(pytest_plugin, name), name
        yield f"`{name}`", "fixture"
    options = ", ".join(f"`{each}`" for each in pytest_plugin._OPTIONS)
    yield f"`{pytest_plugin.MARK}`", f"mark with {options} and settings of the emulator"


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, tuple("---" for _ in heading), *rows]
    return "\n".join(f"| {' | '.join(each.replace('|', chr(92) + '|') for each in line)} |" for line in lines)


if __name__ == "__main__":
    print(page())
