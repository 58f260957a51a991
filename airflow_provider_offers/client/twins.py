"""Makes the methods of a synchronous and an asynchronous door from one method that is written once.

A class of calls has the method. It checks its arguments and returns an `Action` or a `Search`. A door names the method
in its body, as in `get = driven(Calls.get)`. The door has `_driving`, which returns the calls and the door of the
client that runs flows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from airflow_provider_offers.client.actions import Action, Search

P = ParamSpec("P")
T = TypeVar("T")


class _Method:
    """A method of a door. It is built from the method of the calls at its first use, because most are never used."""

    def __init__(self, build: Callable[..., Any], drive: Callable[[Callable[..., Any]], Any], result: str) -> None:
        self._build = build
        self._drive = drive
        self._result = result
        self._made: Any = None

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner, self._name = owner, name

    def __get__(self, door: Any, owner: type | None = None) -> Any:
        if self._made is None:
            self._made = self._make()
        return self._made if door is None else self._made.__get__(door, owner)

    def _make(self) -> Any:
        """A function with the name, documentation and parameters of the method in the calls."""
        import inspect

        made, build = self._drive(self._build), self._build
        signature = inspect.signature(build)
        returned = str(signature.return_annotation).partition("[")[2].removesuffix("]")
        made.__signature__ = signature.replace(return_annotation=self._result.format(returned))
        made.__doc__, made.__name__, made.__module__ = build.__doc__, self._name, self._owner.__module__
        made.__qualname__ = f"{self._owner.__qualname__}.{self._name}"
        return made


def driven(build: Callable[Concatenate[Any, P], Action[T]]) -> Callable[Concatenate[Any, P], T]:
    """The method of a synchronous door that runs the action of a method of the calls."""
    return cast("Callable[Concatenate[Any, P], T]", _Method(build, _driven, "{}"))


def awaited(build: Callable[Concatenate[Any, P], Action[T]]) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
    """The method of an asynchronous door that runs the action of a method of the calls."""
    return cast("Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]", _Method(build, _awaited, "{}"))


def iterated(build: Callable[Concatenate[Any, P], Search[T]]) -> Callable[Concatenate[Any, P], Iterator[T]]:
    """The method of a synchronous door that iterates over a search, page by page."""
    return cast("Callable[Concatenate[Any, P], Iterator[T]]", _Method(build, _iterated, "Iterator[{}]"))


def async_iterated(build: Callable[Concatenate[Any, P], Search[T]]) -> Callable[Concatenate[Any, P], AsyncIterator[T]]:
    """The method of an asynchronous door that iterates over a search, page by page."""
    return cast("Callable[Concatenate[Any, P], AsyncIterator[T]]", _Method(build, _async_iterated, "AsyncIterator[{}]"))


def _driven(build: Callable[..., Action[Any]]) -> Callable[..., Any]:
    def method(self: Any, /, *arguments: Any, **options: Any) -> Any:
        calls, door = self._driving()
        return door.run(build(calls, *arguments, **options))

    return method


def _awaited(build: Callable[..., Action[Any]]) -> Callable[..., Any]:
    async def method(self: Any, /, *arguments: Any, **options: Any) -> Any:
        calls, door = await self._driving()
        return await door.run(build(calls, *arguments, **options))

    return method


def _iterated(build: Callable[..., Search[Any]]) -> Callable[..., Any]:
    def method(self: Any, /, *arguments: Any, **options: Any) -> Any:
        calls, door = self._driving()
        return _each(door, build(calls, *arguments, **options))

    return method


def _each(door: Any, search: Search[T]) -> Iterator[T]:
    listing, show, found = door.run(search.begin), search.show, 0
    while (page := door.run(lambda _: listing.advance())) is not None:
        for entity in page:
            found += 1
            yield show(entity)
        # Release the page before the next one comes.
        del page
    search.ended(found)


def _async_iterated(build: Callable[..., Search[Any]]) -> Callable[..., Any]:
    async def method(self: Any, /, *arguments: Any, **options: Any) -> AsyncIterator[Any]:
        calls, door = await self._driving()
        search = build(calls, *arguments, **options)
        listing, show, found = await door.run(search.begin), search.show, 0
        while (page := await door.run(lambda _: listing.advance())) is not None:
            for entity in page:
                found += 1
                yield show(entity)
            # Release the page before the next one comes.
            del page
        search.ended(found)

    return method
