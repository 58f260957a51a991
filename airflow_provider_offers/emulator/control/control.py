"""The control plane: what a test or a user can see and change, under one prefix of the same server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_offers.emulator import wellknown
from airflow_provider_offers.emulator.control import declaring, pages
from airflow_provider_offers.emulator.control.declaring import DeclarationError
from airflow_provider_offers.emulator.control.faults import FaultError
from airflow_provider_offers.emulator.control.journal import JournalError
from airflow_provider_offers.emulator.control.overview import overview, words
from airflow_provider_offers.emulator.http import cors
from airflow_provider_offers.emulator.http.json_body import JsonError, loads
from airflow_provider_offers.emulator.http.messages import Answer, Request
from airflow_provider_offers.emulator.kinds import WORDS, by_word
from airflow_provider_offers.emulator.service import Service
from airflow_provider_offers.emulator.settings import SettingError, nearest
from airflow_provider_offers.emulator.store.library import Record
from airflow_provider_offers.emulator.store.seeding import SeedError


class ControlError(ValueError):
    """A request that is not valid for the control plane."""


@dataclass(frozen=True)
class _Command:
    keys: tuple[str, ...]
    run: Callable[[Service, dict[str, Any]], Any]


def guarded_answer(service: Service, request: Request) -> Answer:
    """Answer a request, unless a web page of another origin may have sent it."""
    why = cors.why_foreign(request, service.settings)
    return (
        Answer.of(403, {"error": f"rejected as a request of a foreign web page: {why}"})
        if why
        else answer(service, request)
    )


def answer(service: Service, request: Request) -> Answer:
    """Answer a request under the control plane's prefix."""
    path = request.raw_path.removeprefix(wellknown.CONTROL_PREFIX).strip("/")
    try:
        if (
            request.method == "GET"
            and (path or "text/html" in (request.header("accept") or ""))
            and path in pages.FILES
        ):
            return pages.file(path)
        return Answer.of(200, _run(service, request, path))
    except (ControlError, DeclarationError, JsonError, FaultError, JournalError, SeedError, SettingError) as error:
        return Answer.of(400, {"error": str(error)})
    except LookupError as error:
        return Answer.of(404, {"error": str(error.args[0] if error.args else error)})


def _wants_page(request: Request, path: str) -> bool:
    """Whether a browser asks for a file of the page; the root is also the status, as JSON."""
    readable = path != "" or "text/html" in (request.header("accept") or "")
    return request.method == "GET" and path in pages.FILES and readable


def status(service: Service) -> dict[str, Any]:
    """The content of the library and the settings of the emulator."""
    with service.lock:
        library: dict[str, dict[str, dict[str, int]]] = {}
        for sandbox, kind, state, count in service.library.counts():
            library.setdefault(sandbox, {}).setdefault(kind, {})[state or "-"] = count
        return {
            "library": library,
            "containers": {name: wellknown.container_of(name) for name in service.settings.sandboxes},
            "org_id": wellknown.ORG_ID,
            "clock": service.clock.as_json(),
            "settings": service.settings.as_json(),
            "faults": len(service.faults.all()),
            "requests": service.journal.counts(),
        }


def object_json(record: Record) -> dict[str, Any]:
    """An object in its neutral form, for assertions."""
    return {
        "id": record.id,
        "instance_id": record.instance_id,
        "sandbox": record.sandbox,
        "kind": record.kind_name,
        "etag": record.etag,
        "created_us": record.created_us,
        "modified_us": record.modified_us,
        "created_by": record.created_by,
        "modified_by": record.modified_by,
        "body": record.body,
    }


def _run(service: Service, request: Request, path: str) -> Any:
    command = _COMMANDS.get((request.method, path))
    given = dict(request.parameters)
    if command is None and request.method == "DELETE" and path.startswith("faults/"):
        command, given = _COMMANDS["DELETE", "faults"], {**given, "id": path.removeprefix("faults/")}
    if command is None:
        known = sorted(f"{method} {wellknown.CONTROL_PREFIX}/{name}" for method, name in _COMMANDS)
        raise LookupError(f"the control plane has no {request.method} {request.path}; it has {', '.join(known)}")
    if request.body:
        document = loads(request.body)
        if not isinstance(document, dict):
            raise ControlError("the body must be an object")
        given.update(document)
    for key in given:
        if command.keys and key not in command.keys:
            raise ControlError(f"unknown key {key!r}{nearest(key, list(command.keys))}")
    if not command.keys and given and path not in ("settings", "faults"):
        raise ControlError(f"unknown key {next(iter(given))!r}; {request.method} {request.path} takes none")
    return command.run(service, given)


def _reset(service: Service, given: dict[str, Any]) -> Any:
    service.reset()
    return status(service)


def _seed(service: Service, given: dict[str, Any]) -> Any:
    if ("count" in given) is ("objects" in given):
        raise ControlError("give either count or objects")
    if "objects" in given:
        if given.keys() - {"objects", "checked"}:
            raise ControlError("objects go with checked only; each object names its own kind and sandbox")
        records = service.seed_objects(given["objects"], checked=bool(given.get("checked", True)))
    else:
        options = {key: value for key, value in given.items() if key not in ("count", "checked")}
        if "template" in options and not isinstance(options["template"], dict):
            raise ControlError("template must be an object")
        records = service.seed_count(given["count"], **options)
    listed = [{"id": each.id, "instance_id": each.instance_id, "name": each.name} for each in records[:1000]]
    return {"count": len(records), "objects": listed}


def _journal(service: Service, given: dict[str, Any]) -> Any:
    numbers: dict[str, Any] = {key: _whole(given[key], key) for key in ("status", "since", "limit") if key in given}
    texts: dict[str, Any] = {key: str(given[key]) for key in ("method", "path", "route") if key in given}
    entries = service.journal.entries(**texts, **numbers)
    return {
        "count": len(entries),
        "counts": service.journal.counts(),
        "entries": [entry.as_json() for entry in entries],
    }


def _clear_journal(service: Service, given: dict[str, Any]) -> Any:
    service.journal.clear()
    return {}


def _set_clock(service: Service, given: dict[str, Any]) -> Any:
    if len(given) != 1:
        raise ControlError("give one of freeze, set, advance, resume")
    ((key, value),) = given.items()
    try:
        if key == "freeze":
            service.clock.freeze(None if value in (None, True) else value)
        elif key == "set":
            service.clock.set(value)
        elif key == "advance":
            service.clock.advance(float(value))
        else:
            service.clock.resume()
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ControlError(f"{key}: {error}") from None
    return service.clock.as_json()


def _add_faults(service: Service, given: dict[str, Any]) -> Any:
    with service.lock:
        return service.faults.add(given).as_json()


def _clear_faults(service: Service, given: dict[str, Any]) -> Any:
    fault_id = _whole(given["id"], "id") if "id" in given else None
    removed = service.faults.clear(fault_id)
    if fault_id is not None and not removed:
        raise LookupError(f"there is no fault {fault_id}")
    return {"removed": removed}


def _issue(service: Service, given: dict[str, Any]) -> Any:
    client_id = given.get("client_id", wellknown.OWNER.client_id)
    if not isinstance(client_id, str) or client_id not in wellknown.CREDENTIALS:
        raise ControlError(f"unknown client_id {client_id!r}{nearest(str(client_id), list(wellknown.CREDENTIALS))}")
    lifetime = given.get("lifetime", service.settings.token_lifetime)
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or not 0 <= lifetime < 10**9:
        raise ControlError(f"lifetime must be a number of seconds, not {lifetime!r}")
    return {"access_token": service.issue_token(client_id, lifetime), "expires_in": lifetime}


def objects(service: Service, given: Mapping[str, Any]) -> Any:
    """The objects in the library, oldest first; optionally of one `kind`, in one `sandbox`, or with one `id`."""
    word, sandbox, wanted = given.get("kind"), given.get("sandbox"), given.get("id")
    kind = by_word(word)
    if word is not None and kind is None:
        raise ControlError(f"unknown kind {word!r}{nearest(str(word), list(WORDS))}")
    with service.lock:
        service.catch_up()
        _check_sandbox(service, sandbox)
        every = service.library.all(sandbox, None if kind is None else kind.name)
        found = [object_json(each) for each in every if wanted in (None, each.id)]
    return {"count": len(found), "objects": found}


def _overview(service: Service, given: dict[str, Any]) -> Any:
    sandbox, seen = given.get("sandbox", wellknown.SANDBOX), given.get("seen")
    _check_sandbox(service, sandbox)
    return overview(service, sandbox, None if seen is None else _whole(seen, "seen"))


def _check_sandbox(service: Service, sandbox: Any) -> None:
    """Refuse an unknown sandbox. One that is no longer declared keeps its objects."""
    with service.lock:
        declared = [*service.settings.sandboxes, *(each[0] for each in service.library.counts())]
    if sandbox is not None and sandbox not in declared:
        raise ControlError(f"unknown sandbox {sandbox!r}{nearest(str(sandbox), list(dict.fromkeys(declared)))}")


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool | float):
        raise ControlError(f"{name} must be a whole number, not {value!r}")
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise ControlError(f"{name} must be a whole number, not {value!r}") from None


_SEED_KEYS = ("count", "kind", "sandbox", "name", "template", "generation", "client_id", "objects", "checked")
_EVENT_KEYS = ("offer_id", "placement_id", "profile", "event", "count", "sandbox")
_COMMANDS: Mapping[tuple[str, str], _Command] = {
    ("GET", ""): _Command((), lambda service, given: status(service)),
    ("POST", "reset"): _Command((), _reset),
    ("POST", "seed"): _Command(_SEED_KEYS, _seed),
    ("GET", "objects"): _Command(("sandbox", "kind", "id"), objects),
    ("GET", "overview"): _Command(("sandbox", "seen"), _overview),
    ("GET", "words"): _Command((), lambda service, given: words()),
    ("GET", "journal"): _Command(("method", "path", "route", "status", "since", "limit"), _journal),
    ("DELETE", "journal"): _Command((), _clear_journal),
    ("GET", "clock"): _Command((), lambda service, given: service.clock.as_json()),
    ("PUT", "clock"): _Command(("freeze", "set", "advance", "resume"), _set_clock),
    ("GET", "settings"): _Command((), lambda service, given: service.settings.as_json()),
    ("PUT", "settings"): _Command((), lambda service, given: service.configure(given).as_json()),
    ("GET", "faults"): _Command((), lambda service, given: {"faults": [f.as_json() for f in service.faults.all()]}),
    ("POST", "faults"): _Command((), _add_faults),
    ("DELETE", "faults"): _Command(("id",), _clear_faults),
    ("GET", "answers"): _Command(("sandbox",), declaring.declared),
    ("PUT", "answers"): _Command(("rule_id", "answer", "profile", "sandbox"), declaring.answer_rule),
    ("PUT", "profiles"): _Command(("profile", "attributes", "sandbox"), declaring.set_profile),
    ("PUT", "audiences"): _Command(("audience_id", "profiles", "sandbox"), declaring.set_audience),
    ("GET", "events"): _Command(("sandbox",), declaring.events),
    ("POST", "events"): _Command(_EVENT_KEYS, declaring.add_events),
    ("GET", "jobs"): _Command(("sandbox",), declaring.jobs),
    ("POST", "tokens"): _Command(("client_id", "lifetime"), _issue),
    ("DELETE", "tokens"): _Command((), lambda service, given: {"expired": service.expire_tokens()}),
}
