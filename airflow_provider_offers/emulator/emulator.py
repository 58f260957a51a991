"""The emulator for Python: start and stop, connections for Airflow, and the control plane as methods."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from errno import EADDRINUSE
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from airflow_provider_offers.emulator import wellknown
from airflow_provider_offers.emulator.clock import Clock
from airflow_provider_offers.emulator.settings import Settings, nearest

if TYPE_CHECKING:
    from airflow_provider_offers.emulator.control.faults import Fault
    from airflow_provider_offers.emulator.control.journal import Entry
    from airflow_provider_offers.emulator.http.server import ServerThread
    from airflow_provider_offers.emulator.service import Service


_LAST_PORT = 65535
_APIS = ["dps", "xcore"]


class EmulatorError(Exception):
    """The emulator cannot start; the message says why."""


def _expect_types(*, port: Any, db: Any, host: Any, log: Any) -> None:
    """Refuse what would end deep inside, or make a file with the name None."""
    expected = {
        "port": (port, isinstance(port, int) and not isinstance(port, bool), "a whole number from 0 to 65535"),
        "db": (db, isinstance(db, (str, PathLike)) and bool(str(db).strip()), "the path of a file, or ':memory:'"),
        "host": (host, isinstance(host, str), "a name or an address of this machine, such as '127.0.0.1'"),
        "log": (log, log is None or callable(log), "a function of one text, or None"),
    }
    for name, (given, is_right, what) in expected.items():
        if not is_right:
            raise EmulatorError(f"{name}: given {given!r}; expected {what}")


class Emulator:
    """Adobe's Offer Library over HTTP, on this machine.

    Use it as a context manager, or call `start` and `stop`. Other keyword arguments are settings, such as
    `index_lag=5` or `sandboxes=["prod", "dev"]`; see `docs/emulator.md`. Lags and other times are in seconds.
    """

    CLIENT_ID = wellknown.OWNER.client_id
    CLIENT_SECRET = wellknown.OWNER.client_secret
    READER_CLIENT_ID = wellknown.READER.client_id
    READER_CLIENT_SECRET = wellknown.READER.client_secret
    OUTSIDER_CLIENT_ID = wellknown.OUTSIDER.client_id
    OUTSIDER_CLIENT_SECRET = wellknown.OUTSIDER.client_secret
    ORG_ID = wellknown.ORG_ID
    SANDBOX = wellknown.SANDBOX
    CONTAINER_ID = wellknown.CONTAINER_ID
    PLACEMENT_ID = wellknown.HTML_PLACEMENT
    RULE_ID = wellknown.RULE
    TAG_ID = wellknown.TAG

    def __init__(
        self,
        port: int = 0,
        db: str | Path = ":memory:",
        host: str = "127.0.0.1",
        *,
        log: Callable[[str], None] | None = None,
        **settings: Any,
    ) -> None:
        """Prepare an emulator; port 0 selects any free port, and `log` receives one line for each request.

        Raises `EmulatorError` for a value of another type, and `SettingError`.
        """
        _expect_types(port=port, db=db, host=host, log=log)
        self._host, self._port, self._db, self._log = host, port, str(db), log
        self._initial = Settings().updated(settings)
        self._service: Service | None = None
        self._server: ServerThread | None = None
        self.clock = Clock()

    def start(self) -> Emulator:
        """Open the database and start the server; returns when the server is ready."""
        from airflow_provider_offers.emulator.http.server import ServerThread
        from airflow_provider_offers.emulator.service import Service
        from airflow_provider_offers.emulator.store.database import DatabaseError

        if self._server is not None:
            raise EmulatorError("the emulator is running already")
        if not 0 <= self._port <= _LAST_PORT:
            # The operating system would take another port.
            raise EmulatorError(f"cannot listen on port {self._port}; a port is a whole number from 0 to {_LAST_PORT}")
        try:
            service = Service(self._db, self._initial, self.clock)
        except DatabaseError as error:
            raise EmulatorError(str(error)) from None
        try:
            server = ServerThread(service, self._host, self._port, self._log)
        except (OSError, OverflowError) as error:
            service.close()
            why = getattr(error, "strerror", None) or error
            hint = "; choose another port, or 0 for any free one" if getattr(error, "errno", None) == EADDRINUSE else ""
            raise EmulatorError(f"cannot listen on {self._host} port {self._port}: {why}{hint}") from None
        server.start()
        self._service, self._server = service, server
        return self

    def stop(self) -> None:
        """Stop the server and close the database; the journal remains readable."""
        if self._server is not None and self._service is not None:
            self._server.stop()
            self._server = None
            self._service.close()

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._server is not None

    @property
    def port(self) -> int:
        """The port of the server."""
        if self._server is None:
            raise EmulatorError("the emulator is not running")
        return self._server.port

    @property
    def url(self) -> str:
        """Scheme, host and port, without a path."""
        host = "127.0.0.1" if self._host in ("0.0.0.0", "::", "") else self._host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def token_url(self) -> str:
        """The address of the token endpoint."""
        return self.url + wellknown.IMS_TOKEN_PATH

    def container_id(self, sandbox: str = wellknown.SANDBOX) -> str:
        """The generation 1 container of a sandbox."""
        return wellknown.container_of(sandbox)

    def connection(self, api: str = "dps", **extra: Any) -> dict[str, Any]:
        """An Airflow connection of type `offer_library`; its JSON is a valid value of AIRFLOW_CONN_…

        `api` is `dps` or `xcore`; another value raises `ValueError`.
        """
        if api not in _APIS:
            raise ValueError(f"unknown api {api!r}{nearest(str(api), _APIS)}")
        login = extra.pop("login", self.CLIENT_ID)
        password = extra.pop("password", None)
        if password is None:
            known = wellknown.CREDENTIALS.get(login)
            password = known.client_secret if known else self.CLIENT_SECRET
        return {
            "conn_type": "offer_library",
            "host": self.url,
            "login": login,
            "password": password,
            "extra": {
                "org_id": self.ORG_ID,
                "sandbox": self.SANDBOX,
                "api": api,
                "token_url": self.token_url,
                **extra,
            },
        }

    def conn_uri(self, api: str = "dps", **extra: Any) -> str:
        """The same connection as a URI, in Airflow's form."""
        connection = self.connection(api, **extra)
        scheme, _, address = connection["host"].partition("://")
        account = f"{quote(connection['login'], safe='')}:{quote(connection['password'], safe='')}"
        settings = connection["extra"]
        query = urlencode(settings if _flat(settings) else {"__extra__": json.dumps(settings)})
        return f"offer-library://{scheme}://{account}@{quote(address, safe='')}/?{query}"

    def reset(self) -> None:
        """Reset everything: only reference objects, no faults, no journal, real time, initial settings."""
        self._running.reset()

    def seed(
        self, count: int | None = None, *, objects: Sequence[Mapping[str, Any]] | None = None, **options: Any
    ) -> list[str]:
        """Add objects to the library and return their ids.

        Pass `count` to create objects from one `template`, of one `kind`, in one `sandbox`, with names from `name`
        (`"Seeded {n:05d}"`). Or pass `objects`, each with a `kind` and a neutral `body`.
        """
        if (count is None) is (objects is None):
            raise ValueError("give either count or objects")
        service = self._running
        records = service.seed_objects(objects, **options) if count is None else service.seed_count(count, **options)
        return [record.id for record in records]

    def seed_sample(self, sandbox: str = wellknown.SANDBOX, offers: int = 180) -> list[str]:
        """Add a shop's library around the emulator's time, and return the ids: months of campaigns in every state.

        `offers` is the number of ordinary offers. Call it once for each sandbox.
        """
        from airflow_provider_offers.emulator.sample import sample_objects

        return self.seed(objects=sample_objects(self.clock.now(), sandbox=sandbox, offers=offers))

    def objects(self, kind: str | None = None, sandbox: str | None = None) -> list[dict[str, Any]]:
        """The objects in the library, oldest first, in neutral form.

        `kind` is the service's name, such as `offer-placement`, or the operators' name, such as `placement`. Raises
        `ValueError` for an unknown kind or sandbox.
        """
        from airflow_provider_offers.emulator.control import control

        found: list[dict[str, Any]] = control.objects(self._running, {"kind": kind, "sandbox": sandbox})["objects"]
        return found

    def journal(self, **filters: Any) -> list[Entry]:
        """The requests received, filtered by method, path, route, status, since and limit.

        `since` is the number of the last known entry, and no time. Raises `ValueError` for a value that matches no
        request, such as an unknown route or a status that is a text.
        """
        return self._known.journal.entries(**filters)

    def request_counts(self) -> dict[str, int]:
        """The number of requests of each route."""
        return self._known.journal.counts()

    def clear_journal(self) -> None:
        """Remove all requests."""
        self._known.journal.clear()

    def add_fault(self, effect: str, **rule: Any) -> Fault:
        """Add a fault rule; see `docs/emulator.md` for its keys."""
        service = self._running
        with service.lock:
            return service.faults.add({"effect": effect, **rule})

    def faults(self) -> list[Fault]:
        """The fault rules, with the number of applications of each."""
        return self._known.faults.all()

    def clear_faults(self) -> None:
        """Remove all fault rules."""
        self._running.faults.clear()

    def answer_rule(
        self, rule_id: str, answer: bool | float | None, profile: str | None = None, sandbox: str = wellknown.SANDBOX
    ) -> None:
        """Declare the answer of a rule or formula, for everybody or for one profile (`Email:a@b.com`).

        `rule_id` is an id or a name. Raises `ValueError` if no rule or formula has it.
        """
        self._declare("answer_rule", rule_id=rule_id, answer=answer, profile=profile, sandbox=sandbox)

    def set_profile(self, profile: str, attributes: Mapping[str, Any] | None, sandbox: str = wellknown.SANDBOX) -> None:
        """Declare the attributes of a profile; None removes them."""
        self._declare("set_profile", profile=profile, attributes=attributes, sandbox=sandbox)

    def set_audience(self, audience_id: str, profiles: Sequence[str] | None, sandbox: str = wellknown.SANDBOX) -> None:
        """Declare the profiles of an audience; None removes them."""
        self._declare("set_audience", audience_id=audience_id, profiles=profiles, sandbox=sandbox)

    def add_events(
        self,
        offer_id: str,
        placement_id: str,
        profile: str,
        event: str = "impression",
        count: int = 1,
        sandbox: str = wellknown.SANDBOX,
    ) -> None:
        """Add displays, clicks or other events of an offer, for caps that count them."""
        self._declare(
            "add_events",
            offer_id=offer_id,
            placement_id=placement_id,
            profile=profile,
            event=event,
            count=count,
            sandbox=sandbox,
        )

    def events(self, sandbox: str = wellknown.SANDBOX) -> list[dict[str, Any]]:
        """How often each offer was proposed, displayed or clicked, by placement, profile and event."""
        found: list[dict[str, Any]] = self._declare("events", sandbox=sandbox)["events"]
        return found

    def jobs(self, sandbox: str = wellknown.SANDBOX) -> list[dict[str, Any]]:
        """The batch jobs with the rows that they wrote into their datasets, oldest first."""
        found: list[dict[str, Any]] = self._declare("jobs", sandbox=sandbox)["jobs"]
        return found

    @property
    def settings(self) -> Settings:
        """The current settings."""
        return self._service.settings if self._service is not None else self._initial

    def configure(self, **settings: Any) -> Settings:
        """Change settings while running."""
        return self._running.configure(settings)

    def issue_token(self, client_id: str = wellknown.OWNER.client_id, lifetime: float | None = None) -> str:
        """Issue a token without a request to the identity service. It is valid for `lifetime` seconds."""
        seconds = self.settings.token_lifetime if lifetime is None else lifetime
        return self._running.issue_token(client_id, seconds)

    def expire_tokens(self) -> int:
        """Expire all tokens; returns the number."""
        return self._running.expire_tokens()

    def _declare(self, name: str, **given: Any) -> Any:
        from airflow_provider_offers.emulator.control import declaring

        return getattr(declaring, name)(self._running, given)

    @property
    def _known(self) -> Service:
        if self._service is None:
            raise EmulatorError("the emulator was never started")
        return self._service

    @property
    def _running(self) -> Service:
        if self._server is None:
            raise EmulatorError("the emulator is not running")
        return self._known


def _flat(settings: Mapping[str, Any]) -> bool:
    """Whether every value survives as a query parameter: Airflow parses values that look like JSON."""
    for value in settings.values():
        if not isinstance(value, str) or not value:
            return False
        try:
            json.loads(value)
        except ValueError:
            continue
        return False
    return True
