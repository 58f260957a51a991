"""The types and the closed words of the operators' arguments, for editors, mypy and checks where a DAG is parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from airflow.sdk import XComArg

    # A document, the name of a file of it, or several; or what a task returns of these.
    Document: TypeAlias = (
        dict[str, Any] | str | PathLike[str] | Sequence[dict[str, Any] | str | PathLike[str]] | XComArg
    )
