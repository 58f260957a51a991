"""Campaigns in Airflow: the connection of a target, the place of the states, and plans as files."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_offers import configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from airflow_provider_offers.campaigns.applying.apply import ApplyOptions
    from airflow_provider_offers.campaigns.applying.items import Progress
    from airflow_provider_offers.campaigns.moving.exporting import Exported
    from airflow_provider_offers.campaigns.moving.importing import Imported
    from airflow_provider_offers.campaigns.objects import Campaign, Key, Target
    from airflow_provider_offers.campaigns.planning.drift import Drift
    from airflow_provider_offers.campaigns.planning.planner import PlanOptions
    from airflow_provider_offers.campaigns.plans import Plan
    from airflow_provider_offers.campaigns.reports import Report
    from airflow_provider_offers.campaigns.state.storage import StateStore
    from airflow_provider_offers.client.reading import OnPage
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

_FOLDER = "campaign_state"
# What looks like the scheme of an address whose `://` is misspelled: any before `:/`, and those of known stores before
# `:` or `//`.
_NEARLY_A_SCHEME = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]+(?=:/)"
    r"|(?:s3[an]?|gs|gcs|abfss?|adl|az|wasbs?|oss|(?:web)?hdfs|https?|s?ftp|file)(?=:|//))",
    re.IGNORECASE,
)


def storage_path(name: str, given: Any) -> Any:
    """The path of a file or folder: a `pathlib.Path`, or an `ObjectStoragePath` for an address with a scheme.

    Raises `InvalidInputError`, with `name` as the place, for text that is not a path.
    """
    from pathlib import Path

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_offers.client.errors import InvalidInputError, Violation
    from airflow_provider_offers.client.text import quoted

    if hasattr(given, "read_bytes"):
        return given
    accepted = "a path, or an address of object storage such as 's3://aws_default@bucket/folder'"
    text = given.strip() if isinstance(given, str) else ""
    if not text or "\0" in text:
        raise InvalidInputError("The path is not valid", [Violation(name, quoted(given), accepted)])
    if "://" not in text:
        if scheme := _NEARLY_A_SCHEME.match(text):
            # An address may hold a password, so it is not quoted.
            given = f"text that begins with {scheme[0]!r} and has no '://'"
            expected = f"{accepted}; did you mean '{scheme[0]}://...'?"
            raise InvalidInputError("The path is not valid", [Violation(name, given, expected)])
        return Path(text)
    if ":" in text.partition("://")[2].partition("/")[0].rpartition("@")[0]:
        raise InvalidInputError("The path is not valid", [Violation(name, "an address with a password", accepted)])
    try:
        return ObjectStoragePath(text)
    except (ValueError, ImportError) as error:
        # An address may hold a password, so it is not quoted.
        given = f"an address that cannot be used: {type(error).__name__}"
        raise InvalidInputError("The path is not valid", [Violation(name, given, accepted)]) from None


@contextmanager
def stored(name: str, place: Any) -> Iterator[None]:
    """A context in which an exception of object storage is an `OfferLibraryError` that says so; `name` is the argument.

    The package of a store may be missing, and a store has exceptions of its own.
    """
    from pathlib import Path

    from airflow_provider_offers.campaigns.errors import may_pass
    from airflow_provider_offers.client.errors import OfferLibraryError
    from airflow_provider_offers.client.text import legible

    try:
        yield
    except (OfferLibraryError, OSError):
        raise
    except Exception as error:
        if isinstance(place, Path):
            raise
        why = legible(f"{type(error).__name__}: {error}")
        told = f"{name}: {place} cannot be read or written: {why}"
        raise OfferLibraryError(told, retryable=may_pass(error)) from error


def state_folder(path: Any = None, name: str = "state_path") -> Any:
    """The folder of the states: the path, or that of `[offer_library] state_path`, or one in Airflow's DAGs folder.

    `name` is the argument that gives the path. Only on a command line may it be relative: each process of Airflow has a
    working directory of its own, so a relative path would be another folder in each.
    """
    from pathlib import Path

    from airflow.sdk.configuration import conf

    if path is None and (configured := configuration.state_path()):
        path, name = configured, f"[{configuration.SECTION}] {configuration.STATE_PATH}"
    if path is not None:
        folder = storage_path(name, path)
        if isinstance(folder, Path) and not folder.is_absolute() and not name.startswith("--"):
            _refuse_relative(name, folder)
        return folder
    return Path(conf.get("core", "dags_folder")) / _FOLDER


def _refuse_relative(name: str, folder: Path) -> NoReturn:
    from airflow_provider_offers.client.errors import InvalidInputError, Violation
    from airflow_provider_offers.client.text import quoted

    given = f"{quoted(str(folder))}, a relative path, which leads to another folder in each process of Airflow"
    accepted = "an absolute path that all workers share, or an address of object storage"
    raise InvalidInputError("The path is not valid", [Violation(name, given, accepted)])


def state_store(path: Any = None, name: str = "state_path") -> StateStore:
    """The states of campaigns at a path; by default, that of `[offer_library] state_path`."""
    from airflow_provider_offers.campaigns.state.storage import StateStore

    return StateStore(state_folder(path, name))


def load_campaign(
    manifest: Any,
    target: str | None = None,
    *,
    rows: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
) -> Campaign:
    """The campaign of a manifest at a path. Raises `ManifestError` with every violation."""
    from airflow_provider_offers.campaigns.manifest.loading import load

    path = storage_path("manifest", manifest)
    with stored("manifest", path):
        return load(path, target=target, rows=rows, variables=variables, context=context)


def head_of_campaign(manifest: Any, target: str | None = None) -> tuple[str, Target]:
    """The name of the campaign of a manifest at a path, and its target; its objects are not looked at."""
    from airflow_provider_offers.campaigns.manifest.loading import load_head

    path = storage_path("manifest", manifest)
    with stored("manifest", path):
        return load_head(path, target=target)


def make_plan(
    hook: OfferLibraryHook,
    campaign: Campaign,
    store: StateStore,
    options: PlanOptions | None = None,
    on_page: OnPage | None = None,
) -> Plan:
    """The plan of a campaign. Reads each kind that the campaign needs once, page by page; writes nothing."""
    from airflow_provider_offers.campaigns.objects import WantedByKey
    from airflow_provider_offers.campaigns.planning.planner import plan_campaign

    settings = hook.settings
    state = store.read(campaign.name, settings.org_id, settings.sandbox)
    shared: dict[Key, str] = {}
    if options is not None and options.prune is not None:
        wanted = WantedByKey(campaign.objects)
        shared = store.shared(state, (key for key in state.objects if key not in wanted))
    return hook.library.run(lambda access: plan_campaign(access, campaign, state, options, on_page, shared))


def apply_plan(
    hook: OfferLibraryHook,
    plan: Plan,
    store: StateStore,
    options: ApplyOptions,
    on_progress: Callable[[Progress], None] | None = None,
    on_page: OnPage | None = None,
) -> Report:
    """Apply a plan, and return what became of each object; see `campaigns.applying.apply_plan`."""
    from airflow_provider_offers.campaigns.applying import apply as applying
    from airflow_provider_offers.operators.lists import completed

    async def applied() -> Report:
        session = await hook.async_session()
        try:
            return await applying.apply_plan(session, plan, store, options, on_progress, on_page)
        finally:
            await session.close()

    return completed(applied())


class DriftLook:
    """One look for drift: reads the state before, and tells after it whether an apply ran meanwhile.

    An apply writes the library first and the state then, so its own changes would look like somebody else's.
    """

    def __init__(self, store: StateStore, campaign: str, organization: str, sandbox: str) -> None:
        self._store, self._place = store, (campaign, organization, sandbox)
        self.state = store.read(*self._place)

    def apply_meanwhile(self) -> str | None:
        """A sentence about the apply that ran during the look; None if there was none."""
        from airflow_provider_offers.client.text import legible

        if owner := self._store.owner_of_lock(*self._place):
            return f"an apply of the campaign is running ({legible(owner)})"
        if self._store.read(*self._place).generation != self.state.generation:
            return "an apply of the campaign has just ended"
        return None


def look_for_drift(
    hook: OfferLibraryHook, campaign: Campaign, store: StateStore, on_page: OnPage | None = None
) -> tuple[Drift, str | None]:
    """What somebody else changed since the last apply, and a sentence if an apply ran meanwhile: then look again.

    Reads each kind of the state once, page by page; writes nothing.
    """
    from airflow_provider_offers.campaigns.planning.drift import find_drift

    settings = hook.settings
    look = DriftLook(store, campaign.name, settings.org_id, settings.sandbox)
    drift = hook.library.run(lambda access: find_drift(access, look.state, campaign, on_page))
    return drift, look.apply_meanwhile()


def export_manifest(
    hook: OfferLibraryHook,
    conn_id: str,
    sandbox: str | None,
    select: Sequence[str],
    campaign: str,
    target: str,
    *,
    only: bool = False,
    on_page: OnPage | None = None,
) -> tuple[Exported, dict[str, Any]]:
    """The library, or what the patterns of `select` pick, and the document of a manifest for it.

    Reads each kind once, page by page; writes nothing.
    """
    from airflow_provider_offers.campaigns.moving.exporting import check_head, export_library

    check_head(campaign, target, conn_id)
    exported = hook.library.run(lambda access: export_library(access, select, only=only, on_page=on_page))
    return exported, exported.manifest(campaign, target, conn_id, sandbox)


def import_into_state(
    hook: OfferLibraryHook, campaign: Campaign, store: StateStore, on_page: OnPage | None = None
) -> Imported:
    """Take the objects of a manifest that exist as managed, and write the state, under its lock.

    Reads each kind of the campaign once, page by page; writes nothing to the library.
    """
    from airflow_provider_offers.campaigns.applying.apply import this_process
    from airflow_provider_offers.campaigns.moving.importing import import_objects

    settings = hook.settings
    with store.lock(campaign.name, settings.org_id, settings.sandbox, owner=this_process()) as held:
        state = held.read()
        imported = hook.library.run(lambda access: import_objects(access, campaign, state, on_page))
        if imported.taken:
            held.write(imported.state)
    return imported


def read_plan(name: str, path: Any, expected: str | None = None) -> Plan:
    """The plan in a file that `write_plan` wrote. Raises `InvalidInputError` for anything else.

    `expected` is what the error says if there is no such file.
    """
    from airflow_provider_offers.campaigns.planning.documents import plan_from_json
    from airflow_provider_offers.client.errors import InvalidInputError, Violation
    from airflow_provider_offers.client.rows.reading import decoded
    from airflow_provider_offers.client.text import json_of, quoted

    place = storage_path(name, path)
    try:
        with stored(name, place):
            content = place.read_bytes()
        document = json_of(decoded(content, str(path)))
    except FileNotFoundError:
        given = f"{quoted(str(path))}, which does not exist"
        accepted = expected or "the file of a plan"
        raise InvalidInputError("The plan cannot be read", [Violation(name, given, accepted)]) from None
    except (ValueError, RecursionError, InvalidInputError):
        given = f"{quoted(str(path))}, which is not JSON, or is cut off"
        raise InvalidInputError("The plan cannot be read", [Violation(name, given, "the file of a plan")]) from None
    return plan_from_json(document)


def _start(place: Any) -> bytes:
    with place.open("rb") as file:
        start: bytes = file.read(200)
    return start


def write_plan(name: str, path: Any, plan: Plan) -> None:
    """Write a plan as a file for `read_plan`. Raises `InvalidInputError` if the path has a file that is not a plan."""
    from airflow_provider_offers.campaigns.disk import write_whole
    from airflow_provider_offers.campaigns.planning.documents import may_be_replaced, plan_as_bytes
    from airflow_provider_offers.client.errors import InvalidInputError, Violation
    from airflow_provider_offers.client.text import quoted

    place = storage_path(name, path)
    with stored(name, place):
        if place.is_dir():
            given, accepted = f"{quoted(str(path))}, a folder", f"a file, such as {quoted(str(place / 'plan.json'))}"
            raise InvalidInputError("The plan cannot be written", [Violation(name, given, accepted)])
        if place.is_file() and not may_be_replaced(_start(place)):
            given, accepted = (
                f"{quoted(str(path))}, a file that is not a plan",
                "a new file, or that of an earlier plan",
            )
            raise InvalidInputError("The plan cannot be written", [Violation(name, given, accepted)])
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, plan_as_bytes(plan))
