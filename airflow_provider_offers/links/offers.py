"""The button of a task that opens its offer's sandbox in Journey Optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

_ADOBE_HOST = "platform.adobe.io"


class OfferLink(BaseOperatorLink):
    """Opens the sandbox of the task's offer in Journey Optimizer.

    Adobe documents no address of a single offer, so the link leads to its sandbox. A connection to another host than
    Adobe's, such as the emulator, has no such page and gives no link.
    """

    name = "Journey Optimizer"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address that the task stored while it ran; empty if there is none. Sends no request."""
        return getattr(operator, "journey_optimizer_url", "")


def journey_optimizer_url(host: str, sandbox: str) -> str:
    """The page of a sandbox in Journey Optimizer; empty for a host that is not Adobe's."""
    if urlsplit(host).hostname != _ADOBE_HOST:
        return ""
    return f"https://experience.adobe.com/#/sname:{quote(sandbox, safe='')}/journey-optimizer/home"
