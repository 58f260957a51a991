"""The outlets of a task that emits asset events. A DAG's file decides them when it is parsed."""

from __future__ import annotations

from typing import Any

from airflow_provider_offers.assets.library import LIBRARY_ALIAS, library_alias, library_asset
from airflow_provider_offers.assets.uris import SCHEME, address_of
from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.operators.words import EMIT_ASSETS


def outlets_of(task_id: Any, emit_assets: Any, outlets: Any) -> list[Any]:
    """The outlets with the alias, for `emit_assets=True`. Raises `InvalidInputError` for arguments that do not fit."""
    given = [] if not outlets else list(outlets) if isinstance(outlets, (list, tuple, set)) else [outlets]
    if emit_assets is True:
        there = any(getattr(each, "name", None) == LIBRARY_ALIAS for each in given)
        return given if there else [*given, library_alias()]
    if emit_assets in EMIT_ASSETS:
        if any(map(_is_of_a_kind, given)):
            return given
        example = f"{library_asset.__name__}('1234@AdobeOrg', 'prod', 'personalized')"
        wrong = Violation("outlets", quoted([str(each) for each in given]), f"the asset of a kind, such as {example}")
    elif emit_assets is False:
        return given
    else:
        wrong = Violation("emit_assets", quoted(emit_assets), "True, False or 'partitions'; no template")
    raise InvalidInputError(f"The task {task_id!r} is not valid", [wrong])


def _is_of_a_kind(outlet: Any) -> bool:
    uri = getattr(outlet, "uri", None)
    try:
        return isinstance(uri, str) and uri.startswith(f"{SCHEME}:") and address_of(uri).name is None
    except ValueError:
        return False
