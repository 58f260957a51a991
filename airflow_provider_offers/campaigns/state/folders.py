"""A folder for small documents: on a disk, where a document is replaced as a whole, or in an object store.

A path is a `pathlib.Path` or an Airflow `ObjectStoragePath`. Both have the same methods, so nothing here knows Airflow.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, Self, TypeVar

from airflow_provider_offers.campaigns.disk import lock_file, write_whole
from airflow_provider_offers.campaigns.errors import StateError, may_pass

T = TypeVar("T")

_PLAIN = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_@.-]{0,99}")
_OTHER = re.compile(r"[^A-Za-z0-9_@-]+")
_GUARD = ".guard"
# How long another process may take between its look at a document and its write, where nothing excludes others.
_SETTLING_SECONDS = 1.0


class StoragePath(Protocol):
    """The methods of `pathlib.Path` that an object store has, too."""

    @property
    def parent(self) -> Self: ...

    @property
    def name(self) -> str: ...

    def iterdir(self) -> Iterator[Self]: ...

    def __truediv__(self, name: str) -> Self: ...

    def is_dir(self) -> bool: ...

    def mkdir(self, *, parents: bool, exist_ok: bool) -> Any: ...

    def read_bytes(self) -> bytes: ...

    def write_bytes(self, data: bytes) -> Any: ...

    def unlink(self) -> Any: ...

    def open(self, mode: str) -> Any: ...


class Folder(Protocol):
    """The documents of one folder, by name."""

    # How long to wait before a look shows whether another process has written the same document at once.
    settling_seconds: float

    def read(self, name: str) -> bytes | None:
        """The content of the document, or None if it does not exist."""

    def names(self) -> list[str]:
        """The names of everything in the folder, in order; none if the folder does not exist."""

    def write(self, name: str, content: bytes) -> None:
        """Replace the document as a whole."""

    def create(self, name: str, content: bytes) -> bool | None:
        """Write a document that does not exist yet; False if it exists. Only one of several processes succeeds.

        None if the place cannot do that, or need not, because `alone` keeps others out: then nothing is written.
        """

    def remove(self, name: str) -> None:
        """Remove the document, if it exists."""

    def alone(self) -> Any:
        """A context in which no other process reads and writes here, if the place can do that."""


def folder_at(path: StoragePath, *names: str) -> Folder:
    """The folder below the path. Names of any text become names that every store accepts."""
    protocol = getattr(path, "protocol", "")
    if isinstance(path, pathlib.Path):
        return _DiskFolder(path.joinpath(*map(file_name, names)))
    if protocol in ("", "file", "local"):
        return _DiskFolder(pathlib.Path(str(getattr(path, "path", path))).joinpath(*map(file_name, names)))
    for name in names:
        path = path / file_name(name)
    return _RemoteFolder(path)


def file_name(name: str) -> str:
    """The name of a file for any text. Text with other signs gets a digest, so that two texts have two files."""
    if _PLAIN.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:10]
    return f"{_OTHER.sub('-', name)[:60].strip('-')}-{digest}".lstrip("-")


class _DiskFolder:
    """On a disk a document is replaced at once, and processes exclude each other by a lock of the file system."""

    settling_seconds = 0.0

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes | None:
        return _tried(self._path / name, "read", (self._path / name).read_bytes)

    def names(self) -> list[str]:
        return _names_in(self._path)

    def write(self, name: str, content: bytes) -> None:
        _tried(self._path / name, "written", lambda: self._replace(name, content))

    def create(self, name: str, content: bytes) -> None:
        """Nothing: `alone` keeps others out."""

    def remove(self, name: str) -> None:
        _tried(self._path / name, "removed", (self._path / name).unlink)

    @contextmanager
    def alone(self) -> Iterator[None]:
        _tried(self._path, "made", lambda: self._path.mkdir(parents=True, exist_ok=True))
        guard = _tried(self._path, "written", lambda: os.open(self._path / _GUARD, os.O_RDWR | os.O_CREAT, 0o666))
        assert guard is not None
        try:
            _tried(self._path, "locked", lambda: lock_file(guard))
            yield
        finally:
            os.close(guard)

    def _replace(self, name: str, content: bytes) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        write_whole(self._path / name, content)


class _RemoteFolder:
    """A folder in an object store. A write is atomic, but locks nobody out.

    Most stores can refuse to create an object that exists, which decides between two processes. In the others, a second
    read shows who was last.
    """

    settling_seconds = _SETTLING_SECONDS

    def __init__(self, path: StoragePath) -> None:
        self._path = path

    def read(self, name: str) -> bytes | None:
        path = self._path / name
        content = _tried(path, "read", path.read_bytes)
        # Some stores read a folder as an empty document.
        return None if content == b"" and _tried(path, "read", path.is_dir) else content

    def names(self) -> list[str]:
        return _names_in(self._path)

    def write(self, name: str, content: bytes) -> None:
        _tried(self._path / name, "written", lambda: self._put(name, content))

    def create(self, name: str, content: bytes) -> bool | None:
        return _tried(self._path / name, "written", lambda: self._put_new(name, content))

    def remove(self, name: str) -> None:
        _tried(self._path / name, "removed", (self._path / name).unlink)

    @contextmanager
    def alone(self) -> Iterator[None]:
        yield

    def _put_new(self, name: str, content: bytes) -> bool | None:
        """Whether the document was created; None if the file system does not know this mode."""
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            path = self._path / name
            # As `write_bytes` does: Airflow's own `open` knows the stores of providers only.
            with getattr(path, "__wrapped__", path).open("xb") as file:
                file.write(content)
        except FileExistsError:
            return False
        except (NotImplementedError, ValueError):
            return None
        return True

    def _put(self, name: str, content: bytes) -> None:
        try:
            (self._path / name).write_bytes(content)
        except FileNotFoundError:
            # Some stores have real folders.
            self._path.mkdir(parents=True, exist_ok=True)
            (self._path / name).write_bytes(content)


def _names_in(path: StoragePath) -> list[str]:
    def names() -> list[str]:
        try:
            return sorted(each.name for each in path.iterdir())
        except NotADirectoryError:
            # Object stores have no folders without objects.
            return []

    return _tried(path, "listed", names) or []


def _tried(path: object, done: str, work: Callable[[], T]) -> T | None:
    """The result of the work; None if there is no such file. A store may raise any exception: it is a `StateError`."""
    try:
        return work()
    except FileNotFoundError:
        if done in ("read", "listed", "removed"):
            return None
        raise StateError(f"{path} cannot be {done}: no such file or folder") from None
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise StateError(f"{path} cannot be {done}: {why}", retryable=may_pass(error)) from error
