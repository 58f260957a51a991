"""JSON files next to a DAG: finds them by the name in a field, reads them, and distinguishes them from text."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation

if TYPE_CHECKING:
    from collections.abc import Sequence

    import jinja2

_ACCEPTED = "a file in the DAG's folder or in its template_searchpath, or an absolute path"
_LONGEST_PATH = 4_000
_LIKE_A_NAME = re.compile(r"[^\n{}\[\]\"<>|]{1,300}\.[A-Za-z][A-Za-z0-9]{0,7}")


def names_a_file(value: Any, endings: Sequence[str]) -> bool:
    """Whether a value, or an item of a list, is the name of a file."""
    if isinstance(value, str):
        return value.strip().endswith(tuple(endings)) and "\n" not in value.strip() and not _is_document(value)
    # The class is asked: an undefined value of Jinja raises for each attribute.
    return isinstance(value, os.PathLike) or hasattr(type(value), "read_bytes")


def looks_like_a_name(text: str) -> bool:
    """Whether text that is not JSON looks like the name of a file."""
    return _LIKE_A_NAME.fullmatch(text.strip()) is not None


def _is_document(text: str) -> bool:
    return text.lstrip().startswith(("[", '"')) or (text.lstrip().startswith("{") and text.lstrip()[1:2] != "{")


def read(field: str, given: Any, env: jinja2.Environment, endings: Sequence[str]) -> str:
    """The text of a file: `given` is a path of any type, or text, relative to the DAG's files.

    Raises `InvalidInputError` with one violation if the file cannot be used, as `content` does.
    """
    name = str(given).strip()
    if not name.endswith(tuple(endings)):
        raise _unusable(field, repr(name), f"a file of JSON, {' or '.join(endings)}")
    return _decoded(field, name, content(field, given, env))


def content(field: str, given: Any, env: jinja2.Environment) -> bytes:
    """The bytes of a file: `given` is a path of any type, or text, relative to the DAG's files."""
    name = str(given).strip()
    try:
        if not isinstance(given, (str, Path)) and hasattr(given, "read_bytes"):
            # A path of Airflow's object storage.
            return bytes(given.read_bytes())
        return _located(name, env).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return _from_template_loader(field, name, env).encode()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise _unusable(field, f"{name!r}, which exists: {why}", "a file that the worker may read") from None


def _located(name: str, env: jinja2.Environment) -> Path:
    if "\0" in name or len(name) > _LONGEST_PATH:
        raise FileNotFoundError(name)
    folders = [] if os.path.isabs(name) else [Path(each) for each in getattr(env.loader, "searchpath", ())]
    candidates = [folder / name for folder in folders] or [Path(name)]
    found = next((each for each in candidates if each.is_file()), None)
    if found is None:
        # Opening a folder raises the right error.
        found = next((each for each in candidates if each.exists()), None)
    if found is None:
        raise FileNotFoundError(name)
    return found


def _from_template_loader(field: str, name: str, env: jinja2.Environment) -> str:
    """The file of this name in a custom loader of the DAG."""
    from jinja2 import TemplateNotFound

    if env.loader is not None and not hasattr(env.loader, "searchpath"):
        try:
            return env.loader.get_source(env, name)[0].removeprefix("\ufeff")
        except TemplateNotFound:
            pass
    accepted = f"{_ACCEPTED}{_likely(name, env)}"
    raise _unusable(field, f"{name!r}, which does not exist", accepted, "A file is missing") from None


def _likely(name: str, env: jinja2.Environment) -> str:
    """The end of a message about a missing file: the names that differ by a typing error in a file or a folder."""
    from airflow_provider_offers.client.model.likeness import perhaps

    path = Path(name)
    folders = [path.anchor] if path.anchor else getattr(env.loader, "searchpath", ())
    found = [_nearest(Path(folder), path) for folder in folders]
    return perhaps(dict.fromkeys(each for each in found if each is not None))


def _nearest(folder: Path, path: Path) -> str | None:
    from airflow_provider_offers.client.model.likeness import near

    place = folder
    try:
        for part in path.relative_to(path.anchor).parts:
            meant = [part] if (place / part).exists() else near(part, [each.name for each in place.iterdir()])
            if not meant:
                return None
            place /= meant[0]
        return str(place if path.anchor else place.relative_to(folder)) if place.is_file() else None
    except (OSError, ValueError):
        return None


def _decoded(field: str, name: str, content: bytes) -> str:
    """Text without its byte order mark."""
    encoding = "utf-8-sig"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise _unusable(field, f"{name!r}, which is not text in UTF-8", "a file in UTF-8") from None


def _unusable(field: str, given: str, accepted: str, subject: str = "A file cannot be read") -> InvalidInputError:
    return InvalidInputError(subject, [Violation(field, given, accepted)])
