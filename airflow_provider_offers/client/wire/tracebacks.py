"""Removes the frames that hold secrets from exceptions, because error trackers send local variables."""

from __future__ import annotations

import os
from types import TracebackType

_CLIENT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PACKAGE = os.path.dirname(_CLIENT)
# Our own modules whose frames may hold secrets.
_HOLDING = frozenset(
    os.path.join(_CLIENT, *name.split("/")) + ".py"
    for name in (
        "secret",
        "settings",
        "wire/async_connections",
        "wire/async_shell",
        "wire/auth",
        "wire/connections",
        "wire/exchange",
        "wire/messages",
        "wire/network",
        "wire/pace",
        "wire/refusals",
        "wire/sync_shell",
    )
)


def without_secrets_in_frames(error: BaseException, outside: BaseException | None) -> BaseException:
    """The same exception; its traceback below the caller has only our own frames that hold no secret.

    A signal, a cancellation or a lack of memory may interrupt `urllib3`, whose local variables contain the body of a
    token request. The exception that was handled there is removed too. `outside` is the caller's handled exception.
    """
    if error.__cause__ is not None:
        error.__cause__ = None
    error.__context__ = None if outside is error else outside
    return error.with_traceback(_kept(error.__traceback__))


def _kept(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback without its first frame, the caller's, which is added again when the exception is raised."""
    frames = []
    traceback = traceback.tb_next if traceback is not None else None
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if name.startswith(_PACKAGE + os.sep) and name not in _HOLDING:
            frames.append(traceback)
        traceback = traceback.tb_next
    kept: TracebackType | None = None
    for each in reversed(frames):
        kept = TracebackType(kept, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return kept
