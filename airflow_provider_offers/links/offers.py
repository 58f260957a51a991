"""The buttons of a task: its offer on the calendar page, and its sandbox in Journey Optimizer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

    from airflow_provider_offers.client.settings import Settings

_ADOBE_HOST = "platform.adobe.io"
_PAGE = "/offer-library/"
# The fields of a task that name its object.
_FIELDS = ("offer_id", "object_id", "decision_id")
_ID = re.compile(r"[a-z]+:([a-z-]+):[0-9A-Za-z]+")


class CalendarLink(BaseOperatorLink):
    """Opens the calendar page at the task's object, or at its library if the task names no single object by its id.

    The task stores the address before it waits. After it has ended, the link also leads to an object that it created.
    """

    name = "Offer calendar"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address that the task stored while it ran; empty if there is none. Sends no request."""
        return getattr(operator, "calendar_url", "")


class OfferLink(BaseOperatorLink):
    """Opens the sandbox of the task's offer in Journey Optimizer.

    Adobe documents no address of a single offer, so the link leads to its sandbox. A connection to another host than
    Adobe's, such as the emulator, has no such page and gives no link.
    """

    name = "Journey Optimizer"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address that the task stored while it ran; empty if there is none. Sends no request."""
        return getattr(operator, "journey_optimizer_url", "")


LINKS: tuple[BaseOperatorLink, ...] = (CalendarLink(), OfferLink())


def set_links(task: Any, settings: Settings, result: Any = None) -> None:
    """Give a running task its links. `result` is what it returns, if it has ended.

    Airflow stores them when the task ends, is deferred or rescheduled. Links without an address are left out.
    """
    kind, identifier = _object_of(task, result)
    task.calendar_url = calendar_url(task.offer_library_conn_id, settings.sandbox, kind, identifier)
    task.journey_optimizer_url = journey_optimizer_url(settings.host, settings.sandbox)
    task.operator_extra_links = tuple(each for each in LINKS if each.get_link(task, ti_key=None))  # type: ignore[arg-type]


def store_links(task: Any, context: Context) -> None:
    """Store the links now, for a task that waits in its worker. A failure is only logged: the links are an extra."""
    for each in task.operator_extra_links:
        try:
            ti: Any = context["ti"]
            ti.xcom_push(key=each.xcom_key, value=each.get_link(task, ti_key=ti))
        except Exception as error:  # noqa: BLE001  whatever it is, the task goes on
            task.log.warning("The task has no link %r while it waits: %s", each.name, error)


def calendar_url(conn_id: str, sandbox: str, kind: str = "", identifier: str = "") -> str:
    """The calendar page at an object, under `[api] base_url`; without an object, at the library of the sandbox."""
    from airflow.sdk.configuration import conf

    base = str(conf.get("api", "base_url", fallback=None) or "").rstrip("/")
    shown = {"conn_id": conn_id, "sandbox": sandbox, "kind": kind, "id": identifier}
    query = urlencode({name: value for name, value in shown.items() if value}, quote_via=quote)
    return f"{base}{_PAGE}#{query}"


def journey_optimizer_url(host: str, sandbox: str) -> str:
    """The page of a sandbox in Journey Optimizer; empty for a host that is not Adobe's."""
    if urlsplit(host).hostname != _ADOBE_HOST:
        return ""
    return f"https://experience.adobe.com/#/sname:{quote(sandbox, safe='')}/journey-optimizer/home"


def _object_of(task: Any, result: Any) -> tuple[str, str]:
    """The kind and the id of the only object of a task. Both are empty if it has several, or names it otherwise."""
    for named in (result, *(getattr(task, name, None) for name in _FIELDS)):
        given = named[0] if isinstance(named, list) and len(named) == 1 else named
        identifier = given.get("id") if isinstance(given, Mapping) else given
        matched = _ID.fullmatch(identifier.strip()) if isinstance(identifier, str) else None
        if matched is not None and (kind := _key_of(matched[1])):
            return kind, matched[0]
    return "", ""


def _key_of(type_name: str) -> str:
    """The name of the kind in the words of the operators; empty for an unknown one."""
    from airflow_provider_offers.client.model.kinds import KINDS

    return next((each.key for each in KINDS.values() if each.type_name == type_name), "")
