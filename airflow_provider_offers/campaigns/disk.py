"""Files on a disk: each is replaced as a whole, and one process at a time writes in a folder."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# What is written to, and never replaced.
_DEVICES = ("/dev/", "/proc/")


def write_whole(path: Any, content: bytes) -> None:
    """Write a file so that nobody reads a part of it, and none stays behind if this process dies.

    A path in an object store is written as that does it: as a whole, too. A link stays a link, a file keeps its
    permissions, and a device or a pipe is written to.
    """
    if not isinstance(path, Path) or str(path).startswith(_DEVICES) or (path.exists() and not path.is_file()):
        path.write_bytes(content)
        return
    real = Path(os.path.realpath(path))
    temporary = real.with_name(f".{real.name[:60]}-{uuid.uuid4().hex}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError:
        # The file may be writable where the folder is not. If not, the error names the file.
        path.write_bytes(content)
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(real, temporary)
        os.replace(temporary, real)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


@contextmanager
def alone_in(folder: Any) -> Iterator[None]:
    """A context in which no other process of this kind writes in a folder that exists, if the place can do that."""
    try:
        handle = os.open(folder, os.O_RDONLY) if isinstance(folder, Path) else None
    except OSError:
        handle = None
    if handle is None:
        yield
        return
    try:
        lock_file(handle)
        yield
    finally:
        os.close(handle)


def lock_file(file: int) -> None:
    """Keep other processes out until the file is closed."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        # Some network disks know no locks.
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
