"""Removes the frames that hold secrets from exceptions, because error trackers send local variables."""

from __future__ import annotations

import os
from types import TracebackType

_CLIENT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PACKAGE = os.path.dirname(_CLIENT)
# Of our own frames, those through which secrets pass.
_HOLDING = frozenset(
    os.path.join(_CLIENT, *name.split("/")) + ".py"
    for name in (
        "secret",
        "settings",
        "wire/async_shell",
        "wire/auth",
        "wire/exchange",
        "wire/messages",
        "wire/network",
        "wire/refusals",
        "wire/sync_shell",
    )
)


def without_secrets_in_frames(error: BaseException, outside: BaseException | None) -> BaseException:
    """The same exception, whose traceback below the caller shows none but frames of ours that hold no secret.

    A signal, a cancellation or a lack of memory may strike in the middle of `urllib3`, whose local variables are the
    body of a token request. What was being handled there goes as well; `outside` is what was being handled before.
    """
    if error.__cause__ is not None:
        error.__cause__ = None
    error.__context__ = None if outside is error else outside
    return error.with_traceback(_kept(error.__traceback__))


def _kept(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback without its first frame, the caller's, which it gets again when it is raised."""
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
