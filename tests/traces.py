"""Everything in an exception that a log, a store or a report could show."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Iterator
from contextlib import suppress

import airflow_provider_offers

PACKAGE = airflow_provider_offers.__path__[0]


def told_by(error: BaseException, *, by_locals: bool = True) -> str:
    """The texts of an exception and its causes, their pickles, and their tracebacks with our local variables."""
    return "\n".join(part for each in _chain(error) for part in (*_texts(each), *(_locals(each) if by_locals else ())))


def _texts(error: BaseException) -> Iterator[str]:
    yield from (str(error), repr(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error))
    with suppress(Exception):
        yield pickle.dumps(error, protocol=0).decode("latin-1")


def _locals(error: BaseException) -> Iterator[str]:
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    for frame in told.stack:
        if frame.filename.startswith(PACKAGE):
            yield repr(frame.locals)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes, as a traceback shows them."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
