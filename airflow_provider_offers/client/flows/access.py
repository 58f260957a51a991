"""The way to one sandbox: an exchange with credentials, and the generation that spells its calls."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from airflow_provider_offers.client.errors import ConfigurationError, Violation
from airflow_provider_offers.client.exchange import Exchange
from airflow_provider_offers.client.generations import Generation
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.xcore import Xcore, containers, read_containers
from airflow_provider_offers.client.wire import Answer, Call, Flow


@dataclass(frozen=True, slots=True)
class Access:
    """Sends the calls of one generation."""

    exchange: Exchange
    generation: Generation

    def send(self, call: Call, *, accept: tuple[int, ...] = ()) -> Flow[Answer]:
        return (yield from self.exchange.send(call, self.generation.base, accept=accept))

    def relative(self, href: str, answer: Answer) -> str:
        """A link of the service relative to its base. One that leads to another host is an error, not followed."""
        try:
            parts = urlsplit(href)
        except ValueError:
            raise answer.unexpected(f"its link {href[:120]!r} is no address") from None
        ours = urlsplit(self.exchange.settings.host)
        if (parts.scheme or parts.netloc) and (parts.scheme, parts.netloc) != (ours.scheme, ours.netloc):
            raise answer.unexpected("it links to another host, where the credentials may not go")
        path = parts.path.removeprefix(self.generation.base)
        if path and not path.startswith("/"):
            # Generation 1 documents `Location` as a reference relative to its `Content-Base`, the base of the service.
            path = f"/{path}"
        if not path.startswith("/"):
            raise answer.unexpected(f"its link {href[:120]!r} is no path of the service")
        return f"{path}?{parts.query}" if parts.query else path


def open_access(exchange: Exchange) -> Flow[Access]:
    """The access that the settings ask for; for xcore, the sandbox's container is looked up if none is named.

    Calls `GET /?product=acp&property=_instance.containerType==decisioning` of generation 1 (Adobe: getting started
    with the Offer Library API). Raises `ConfigurationError` where no container, or more than one, fits the sandbox.
    """
    settings = exchange.settings
    if settings.api == "dps":
        return Access(exchange, Dps())
    if settings.container_id:
        return Access(exchange, Xcore(settings.container_id))
    answer = yield from exchange.send(containers(), Xcore("").base)
    found = read_containers(answer)
    fitting = [identifier for identifier, names in found.items() if settings.sandbox in names]
    if not fitting and len(found) == 1 and not any(found.values()):
        fitting = list(found)
    if len(fitting) != 1:
        names = sorted({name for names in found.values() for name in names}) or ["none"]
        raise ConfigurationError(
            "The container of the sandbox cannot be told",
            [
                Violation(
                    "sandbox" if not fitting else "container_id",
                    f"{settings.sandbox!r}, which {len(fitting) or 'no'} containers belong to",
                    f"a sandbox that the credential may see ({', '.join(names)}), or container_id in the extra",
                )
            ],
        )
    return Access(exchange, Xcore(fitting[0]))
