"""The URIs of assets: `offer-library://{organization}/{sandbox}/{kind}/{name}`. Airflow calls `sanitize_uri`.

Each part is percent-encoded, because an organization has an `@` and a name may have anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from urllib.parse import SplitResult

SCHEME = "offer-library"
# What is not an object of the library: the dataset that a batch decision fills. Its name is its id.
DATASET = "dataset"
_FORM = f"{SCHEME}://{{organization}}/{{sandbox}}/{{kind}}/{{name}}"


@dataclass(frozen=True, slots=True)
class Address:
    """One object by its name, or with `name=None` all objects of a kind. Raises `ValueError` for a part that is wrong.

    `kind` is a word of `kind=` in the operators, or `dataset`.
    """

    organization: str
    sandbox: str
    kind: str
    name: str | None = None

    def __post_init__(self) -> None:
        for part in ("organization", "sandbox"):
            if not isinstance(given := getattr(self, part), str) or not given.strip():
                raise ValueError(f"The asset's {part} is not valid: given {given!r}; expected text that is not empty")
        if self.kind not in asset_kinds():
            from airflow_provider_offers.client.model.likeness import one_of

            expected = one_of(asset_kinds(), self.kind)
            raise ValueError(f"The asset's kind is not valid: given {self.kind!r}; expected {expected}")
        if self.name is not None and (not isinstance(self.name, str) or not self.name):
            raise ValueError(f"The asset's name is not valid: given {self.name!r}; expected text that is not empty")

    @property
    def uri(self) -> str:
        """The URI, in the only spelling that Airflow keeps."""
        parts = [_encoded(self.organization), _encoded(self.sandbox), self.kind]
        if self.name is not None:
            parts.append(_encoded(self.name))
        return f"{SCHEME}://{'/'.join(parts)}"


def asset_kinds() -> tuple[str, ...]:
    """The words for the kind in a URI."""
    from airflow_provider_offers.operators.words import KINDS

    return (*KINDS, DATASET)


def address_of(uri: str | SplitResult) -> Address:
    """The address in a URI; `ValueError` says what is wrong with it."""
    try:
        parts = urlsplit(uri) if isinstance(uri, str) else uri
    except ValueError as error:
        raise ValueError(f"The asset's URI is not valid: given {uri!r} ({error}); expected {_FORM}") from None
    given = parts.geturl()
    segments = parts.path.split("/")[1:]
    if segments and not segments[-1]:
        segments.pop()
    if parts.scheme != SCHEME or len(segments) not in (2, 3) or parts.query or parts.fragment:
        hint = "percent-encode each part (/ is %2F, ? is %3F, # is %23), or use `library_asset`"
        raise ValueError(f"The asset's URI is not valid: given {given!r}; expected {_FORM}; {hint}")
    try:
        return Address(*(_decoded(each) for each in (parts.netloc, *segments)))
    except UnicodeDecodeError:
        raise ValueError(f"The asset's URI is not valid: given {given!r}; expected percent-encoded UTF-8") from None


def sanitize_uri(parts: SplitResult) -> SplitResult:
    """The URI in its only spelling; Airflow calls this for every asset of the scheme. Raises `ValueError`."""
    return urlsplit(address_of(parts).uri)


def _encoded(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def _decoded(text: str) -> str:
    return unquote(text, errors="surrogatepass")
