"""The types of content components (a word on generation 2, a URI on generation 1), and the channels."""

from __future__ import annotations

from typing import Annotated, Any

from airflow_provider_offers.client.model.facts import KnownUri, Respelled

_ROOT = "https://ns.adobe.com/experience/offer-management/content-component-"
_WORDS = ("html", "imagelink", "json", "text")
# A media type of each component type without a picture.
_USUAL = {"html": "text/html", "json": "application/json", "text": "text/plain"}


class SameComponentType(str):
    """A component type for comparisons: `text` and `component-text` are equal, because the service may show either."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and _bare(self) == _bare(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(_bare(self))


def _bare(word: str) -> str:
    return str.removeprefix(word, "component-")


def _compared(value: Any) -> Any:
    return SameComponentType(value) if isinstance(value, str) else value


def _long(value: Any) -> Any:
    """The URI of generation 1 for `html` and `component-text`; a URI stays unchanged."""
    if not isinstance(value, str) or ":" in value or not value:
        return value
    return _ROOT + value.removeprefix("component-")


def _bare_word(value: Any) -> Any:
    """The bare word for a URI, as a placement has it on generation 2."""
    if not isinstance(value, str) or not value.startswith(_ROOT):
        return value
    word = value.removeprefix(_ROOT)
    return value if not word or ":" in word or word.startswith("component-") else word


def _short(value: Any) -> Any:
    """The word for a URI as a component has it on generation 2: `component-text` for text, otherwise the bare word."""
    word = _bare_word(value)
    return "component-text" if word == "text" and word != value else word


def other_media(chosen: Any, media: Any) -> str:
    """What is expected beside a component type in place of that media type; empty if nothing is known to be wrong."""
    if not isinstance(chosen, str) or not isinstance(media, str) or "/" not in media:
        # What is no media type at all is told by its own rule.
        return ""
    family = media.partition("/")[0].casefold()
    if _bare(chosen) == "imagelink" and family != "image":
        return f"a media type of pictures such as image/png, beside the type {chosen!r}"
    if _bare(chosen) in _USUAL and family not in ("text", "application"):
        return f"a media type such as {_USUAL[_bare(chosen)]}, beside the type {chosen!r}"
    return ""


_TYPE = KnownUri(
    words=(*_WORDS, *(f"component-{word}" for word in _WORDS)),
    roots=(_ROOT,),
    tails=_WORDS,
    uri=_ROOT + "html",
    page='Adobe\'s page "Create placements" shows URIs of the content components only',
)
ComponentType = Annotated[str, _TYPE, Respelled(_long, _short, _compared)]
PlacementComponentType = Annotated[str, _TYPE, Respelled(_long, _bare_word, _compared)]

_CHANNELS = (
    "web",
    "email",
    "mobile",
    "offline",
    "phone",
    "sms",
    "push",
    "mail",
    "direct-mail",
    "social",
    "search",
    "display",
    "video",
    "audio",
    "inapp",
    "other",
)
Channel = Annotated[
    str,
    KnownUri(
        words=(),
        roots=("https://ns.adobe.com/xdm/channel-types/", "https://ns.adobe.com/xdm/channels/"),
        tails=_CHANNELS,
        uri="https://ns.adobe.com/xdm/channel-types/web",
        page='Adobe\'s page "Create placements" shows URIs of https://ns.adobe.com/xdm/channel-types/ only',
    ),
]
