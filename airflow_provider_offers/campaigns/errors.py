"""The errors of campaigns. Each one is an `OfferLibraryError`.

::

    OfferLibraryError
    ├── InvalidInputError
    │   └── ManifestError           the manifest is not valid; nothing was sent
    └── CampaignError
        ├── CampaignConflictError   the plan has conflicts, so it is not applied
        ├── StalePlanError          the library, the state or the manifest has changed since the plan
        ├── ProtectedTargetError    the target is protected, and nobody approved the plan
        ├── TooManyRetiredError     the plan would retire more objects than allowed
        ├── CampaignFailedError     some objects could not be applied; the report names each
        ├── StateError              the state cannot be read or written
        └── StateLockedError        another apply holds the lock of the state
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_offers.client.errors import InvalidInputError, OfferLibraryError

if TYPE_CHECKING:
    from airflow_provider_offers.campaigns.reports import Report


class ManifestError(InvalidInputError):
    """The manifest is not valid. Each violation begins with its file, line and column. Nothing was sent."""


class CampaignError(OfferLibraryError):
    """A campaign cannot be planned or applied."""


class CampaignConflictError(CampaignError):
    """The plan has conflicts, so it is not applied. Nothing was sent."""


class StalePlanError(CampaignError):
    """The library, the state or the manifest has changed since the plan was made. Nothing was sent."""


class ProtectedTargetError(CampaignError):
    """The target is protected, and nobody approved the plan. Nothing was sent."""


class TooManyRetiredError(CampaignError):
    """The plan would retire more objects than `max_prune` allows. Nothing was sent."""


class CampaignFailedError(CampaignError):
    """Some objects could not be applied. Another apply goes on with them. `report` has the outcome of each object."""

    def __init__(self, message: str = "", *, report: Report | None = None, retryable: bool = False) -> None:
        self.report = report
        super().__init__(message, retryable=retryable)


class StateError(CampaignError):
    """The state of the campaign cannot be read or written, or somebody else has written it meanwhile.

    It is `retryable` if the place of the state failed, and not if the state itself is wrong.
    """


class StateLockedError(CampaignError):
    """Another apply of the campaign holds the lock, until `expires_at` if it does not renew it."""

    _retryable = True

    def __init__(self, message: str = "", *, owner: str = "", expires_at: datetime | None = None) -> None:
        self.owner = owner
        self.expires_at = expires_at
        super().__init__(message)


# What a store raises if the next try would end in the same way: a path, a right or a package is wrong.
_LASTING = (
    FileNotFoundError,
    PermissionError,
    IsADirectoryError,
    NotADirectoryError,
    ImportError,
    ValueError,
    TypeError,
    AttributeError,
    NotImplementedError,
)


def may_pass(error: Exception) -> bool:
    """Whether reading or writing a file may succeed later after an exception of a disk or an object store."""
    return not isinstance(error, _LASTING)
