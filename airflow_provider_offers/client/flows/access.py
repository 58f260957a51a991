"""Access to one sandbox: the exchange that holds the credentials, and the generation that spells the calls."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urlsplit

from airflow_provider_offers.client.errors import ConfigurationError, Violation
from airflow_provider_offers.client.flows.ahead import Ahead
from airflow_provider_offers.client.generations import Generation
from airflow_provider_offers.client.generations.choosing import generation_for
from airflow_provider_offers.client.generations.xcore import Xcore, containers, read_containers
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.messages import Answer, Call, Flow

_LONGEST_LINK = 16_000
# A link that is a path of plain names: it needs no escape, leads to no other host, and goes up to no other folder.
_PLAIN_LINK = re.compile(r"((?:/[A-Za-z0-9_-]+)+)(\?[!\"$-~]+)?")
# How long a name that was looked up is used again without another lookup: another object may get the name.
_KNOWN_SECONDS = 10.0
_AS_WRITTEN = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class Access:
    """Sends the calls of one generation. `named` holds the objects whose names were looked up, by kind and name.

    `ahead` holds what a list has read for all of its objects at once; it is empty for a single object.
    """

    exchange: Exchange
    generation: Generation
    named: dict[tuple[str, str], Reference] = field(default_factory=dict, compare=False, repr=False)
    ahead: Ahead = field(default_factory=Ahead, compare=False, repr=False)
    # When each object was last seen with its name.
    _seen: dict[tuple[str, str], float] = field(default_factory=dict, compare=False, repr=False)

    def known(self, key: tuple[str, str]) -> Reference | None:
        """The object of that kind and name, if it was looked up a moment ago."""
        if self.exchange.clock() - self._seen.get(key, -_KNOWN_SECONDS) < _KNOWN_SECONDS:
            return self.named.get(key)
        return None

    def remember(self, key: tuple[str, str], reference: Reference) -> Reference:
        """Keep the object that was just seen with this name."""
        self._seen[key] = self.exchange.clock()
        self.named[key] = reference
        return reference

    def forget(self, reference: Reference) -> None:
        """Forget the names of a deleted object: another object may get one of them."""
        ids = {reference.id, reference.instance_id} - {None}
        for key in [key for key, known in self.named.items() if ids & {known.id, known.instance_id}]:
            self.named.pop(key, None)

    def send(self, call: Call, *, accept: tuple[int, ...] = ()) -> Flow[Answer]:
        try:
            return (yield from self.exchange.send(call, self.generation.base, accept=accept))
        finally:
            # After any answer, another object may have a name that was looked up before.
            if self.generation.renames(call):
                self.named.clear()

    def relative(self, href: str, answer: Answer) -> str:
        """A link of the service, relative to its base.

        Raises `UnexpectedResponseError` for a link that leads to another host or out of the service; it is not
        followed.
        """
        base = self.generation.base
        if len(href) <= _LONGEST_LINK and (plain := _PLAIN_LINK.fullmatch(href)) and not plain[1].startswith(base):
            return href
        parts = _split(href)
        if parts is None or (parts.scheme and not parts.netloc):
            raise answer.unexpected("its link is not an address")
        if parts.netloc and not _same_origin(parts, self.exchange.settings.host):
            raise answer.unexpected("it links to another host, where the credentials may not go")
        if {".", ".."} & set(unquote(parts.path).replace("\\", "/").split("/")):
            raise answer.unexpected("its link leads out of the service")
        path = parts.path.removeprefix(base) if f"{parts.path}/".startswith(f"{base}/") else parts.path
        if not path:
            raise answer.unexpected("its link is not a path of the service")
        # Generation 1 documents `Location` as a reference relative to its `Content-Base`, the base of the service.
        path = path if path.startswith("/") else f"/{path}"
        return f"{path}?{parts.query}" if parts.query else path


def _split(href: str) -> SplitResult | None:
    if len(href) > _LONGEST_LINK:
        # No server accepts such a long address.
        return None
    try:
        # Escape only what HTTP cannot carry. Half of a surrogate pair cannot be escaped.
        parts = urlsplit(quote(href, safe=_AS_WRITTEN))
        parts.port  # noqa: B018  raises if the port is not valid
    except ValueError:
        return None
    return parts


def _same_origin(parts: SplitResult, host: str) -> bool:
    """Whether a link leads to the host of the connection and holds no user name or password."""
    ours = urlsplit(host)
    scheme = parts.scheme or ours.scheme
    default = {"http": 80, "https": 443}.get(scheme)
    return (
        "@" not in parts.netloc
        and (scheme, parts.hostname) == (ours.scheme, ours.hostname)
        and (parts.port or default) == (ours.port or default)
    )


def open_access(exchange: Exchange) -> Flow[Access]:
    """Open the access that the settings ask for. For xcore, look up the sandbox's container if none is named.

    Calls `GET /?product=acp&property=_instance.containerType==decisioning` of generation 1 (Adobe: getting started with
    the Offer Library API). Raises `ConfigurationError` if no container, or more than one, belongs to the sandbox.
    """
    settings = exchange.settings
    known = generation_for(settings)
    if known is not None:
        return Access(exchange, known)
    answer = yield from exchange.send(containers(), Xcore("").base)
    found = read_containers(answer)
    fitting = [identifier for identifier, names in found.items() if settings.sandbox in names]
    if not fitting and len(found) == 1 and not any(found.values()):
        fitting = list(found)
    if len(fitting) != 1:
        names = sorted({name for names in found.values() for name in names}) or ["none"]
        raise ConfigurationError(
            "The container of the sandbox is not known",
            [
                Violation(
                    "sandbox" if not fitting else "container_id",
                    f"{settings.sandbox!r}, which has {len(fitting) or 'no'} containers",
                    f"a sandbox that the credential may see ({', '.join(names)}), or container_id in the extra",
                )
            ],
        )
    return Access(exchange, Xcore(fitting[0]))
