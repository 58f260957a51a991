"""The assets for DAG authors: an object of the library, all objects of a kind, and the alias of all tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Asset, AssetAlias, AssetWatcher

    from airflow_provider_offers.operators.words import KindName

__all__ = ["LIBRARY_ALIAS", "library_alias", "library_asset"]

# The name of the alias that `emit_assets=True` gives a task as its outlet.
LIBRARY_ALIAS = "offer-library"


def library_asset(
    organization: str,
    sandbox: str,
    kind: KindName | str,
    name: str | None = None,
    *,
    extra: dict[str, Any] | None = None,
    watchers: list[AssetWatcher] | None = None,
) -> Asset:
    """The asset of one object, or of all objects of a kind.

    :param organization: the `org_id` of the connection, such as `1234567890ABCDEF@AdobeOrg`, in the same letters. A DAG
        that waits for the asset of another organization never runs
    :param sandbox: the name of the sandbox, as the tasks use it
    :param kind: the kind, as in the operators: `personalized`, `fallback`, `placement`, `tag`, `collection`, `rule`,
        `formula`, `decision`; or `dataset` for the dataset of a batch decision
    :param name: the exact name of the object, or the id of the dataset; None is the asset of the whole kind
    :param extra: the `extra` of Airflow's `Asset`
    :param watchers: the `watchers` of Airflow's `Asset`

    The asset's name is its URI. Raises `ValueError` for a part that is not valid, or if the URI has more than 1,500
    characters, which Airflow does not store. Sends no request.
    """
    _check(organization=organization, sandbox=sandbox, name=name)
    return _asset(organization, sandbox, kind, name, extra=extra, watchers=watchers)


def _asset(
    organization: str,
    sandbox: str,
    kind: str,
    name: str | None,
    *,
    extra: dict[str, Any] | None,
    watchers: list[AssetWatcher] | None = None,
) -> Asset:
    from airflow.sdk import Asset

    from airflow_provider_offers.assets.uris import Address

    uri = Address(organization, sandbox, kind, name).uri
    return Asset(name=uri, uri=uri, extra=extra, watchers=watchers or [])


def _check(**parts: Any) -> None:
    """Refuse what no task ever writes to: a DAG that waits for such an asset would never run."""
    from airflow_provider_offers.client.model.identifiers import TYPED_ID
    from airflow_provider_offers.client.settings import HEADER_SAFE, ORG_ID

    for part, given in parts.items():
        if not isinstance(given, str):
            continue
        expected = ""
        if "{{" in given or "{%" in given:
            expected = "text without a template, because Airflow renders none in assets"
        elif part == "name" and given.startswith("name:"):
            expected = "the exact name, without 'name:'"
        elif part == "name" and TYPED_ID.fullmatch(given.strip()):
            expected = "the exact name, because an asset has no id in it"
        elif part == "organization" and given.strip() and not ORG_ID.fullmatch(given):
            expected = "the org_id of the connection, such as 0123456789ABCDEF01234567@AdobeOrg"
        elif part == "sandbox" and given.strip() and not HEADER_SAFE.fullmatch(given):
            expected = "the name of a sandbox, without blanks"
        if expected:
            raise ValueError(f"The asset's {part} is not valid: given {given!r}; expected {expected}")


def library_alias() -> AssetAlias:
    """The alias of everything that tasks with `emit_assets=True` write: a schedule for a DAG, or an outlet."""
    from airflow.sdk import AssetAlias

    return AssetAlias(LIBRARY_ALIAS)


def create_asset(
    *, organization: str, sandbox: str, kind: str, name: str | None = None, extra: dict[str, Any] | None = None
) -> Asset:
    """The factory of the scheme, for Airflow's collector of lineage."""
    return _asset(organization, sandbox, kind, name, extra=extra)
