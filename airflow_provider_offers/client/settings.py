"""The settings of a connection, and the check that makes them from loose fields."""

from __future__ import annotations

import base64
import difflib
import hashlib
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from airflow_provider_offers.client.errors import ConfigurationError, Violation
from airflow_provider_offers.client.secret import Secret, Unpicklable
from airflow_provider_offers.client.text import quoted, typed

Api = Literal["dps", "xcore"]

DEFAULT_HOST = "https://platform.adobe.io"
DEFAULT_TOKEN_URL = "https://ims-na1.adobelogin.com/ims/token/v3"
DEFAULT_SANDBOX = "prod"
DEFAULT_SCOPES = "openid,AdobeID,read_organizations,additional_info.projectedProductContext,session"
DEFAULT_TIMEOUT = 30.0
DEFAULT_MAX_RETRIES = 5

_EXTRAS = (
    "org_id",
    "sandbox",
    "api",
    "container_id",
    "scopes",
    "token_url",
    "access_token",
    "timeout",
    "max_retries",
    "verify",
    "allow_http",
    "proxies",
)
_RETIRED = {"jwt", "jwt_token", "private_key", "technical_account_id", "metascopes", "exchange_jwt"}
ORG_ID = re.compile(r"[0-9A-Za-z]+@AdobeOrg")
HEADER_SAFE = re.compile(r"[\x21-\x7e]+")
_CONTAINER_ID = re.compile(r"[0-9A-Za-z-]+")
_PATH = re.compile(r"[\x21-\x7e]*")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\\]")
# What a proxy is for, in the words of requests.
_PROXY_KEY = re.compile(r"(https?|all)(://[^/]+)?")
_HOSTNAME = re.compile(r"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+")


@dataclass(frozen=True, slots=True)
class Settings(Unpicklable):
    """A checked connection, made by `parse_settings`. No repr shows its secrets, and it cannot be pickled.

    `host` is scheme, host and port without a path. `timeout` is in seconds, for each read and each connect. `verify` is
    True, False or the path of a CA bundle. `allow_http` permits plain http beyond loopback addresses.
    """

    client_id: str
    org_id: str
    host: str = DEFAULT_HOST
    client_secret: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    sandbox: str = DEFAULT_SANDBOX
    api: Api = "dps"
    container_id: str | None = None
    scopes: str = DEFAULT_SCOPES
    token_url: str = DEFAULT_TOKEN_URL
    timeout: float = DEFAULT_TIMEOUT
    max_retries: int = DEFAULT_MAX_RETRIES
    verify: bool | str = True
    allow_http: bool = False
    proxies: Mapping[str, str] | None = field(default=None, repr=False)
    # The texts that no message may quote: the client secret, the token, and the login for a proxy.
    secrets: tuple[str, ...] = field(init=False, compare=False, repr=False)
    # A key for the credential that does not contain its secret.
    credential: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        hidden = {
            "client_secret": None if self.client_secret is None else Secret(self.client_secret),
            "access_token": None if self.access_token is None else Secret(self.access_token),
            "proxies": None if self.proxies is None else {key: Secret(value) for key, value in self.proxies.items()},
        }
        for name, value in hidden.items():
            object.__setattr__(self, name, value)
        proxies = [secret for proxy in (self.proxies or {}).values() for secret in _proxy_secrets(proxy)]
        known = [secret for secret in (self.client_secret, self.access_token, *proxies) if secret]
        object.__setattr__(self, "secrets", tuple(Secret(secret) for secret in dict.fromkeys(known)))
        parts = (self.token_url, self.client_id, self.client_secret or "", self.scopes)
        object.__setattr__(self, "credential", hashlib.sha256(json.dumps(parts).encode()).hexdigest())

    @property
    def target(self) -> list[str]:
        """The place that a task writes to, as its tries keep it: the host, the sandbox and the generation."""
        return [self.host, self.sandbox, self.api]


def parse_settings(
    *,
    host: str | None = None,
    schema: str | None = None,
    port: int | None = None,
    login: str | None = None,
    password: str | None = None,
    extra: Mapping[str, Any] | None = None,
    sandbox: str | None = None,
    label: str = "The Offer Library connection",
) -> Settings:
    """Settings from the fields of a connection; `sandbox` overrides the connection's.

    Raises `ConfigurationError` with every wrong field at once. Empty fields and the port 0 count as absent, because a
    form sends them for empty inputs. `schema` is the scheme of a host without one.
    """
    reader = _Reader({key: value for key, value in (extra or {}).items() if value not in (None, "")})
    settings = Settings(
        host=reader.origin("host", host, schema, port),
        client_id=reader.header("login (the client id)", login, accepted="the client id of the credential"),
        client_secret=reader.secret("password (the client secret)", password),
        access_token=reader.token(),
        org_id=reader.org_id(),
        sandbox=reader.header(
            "sandbox", sandbox or reader.text("sandbox") or DEFAULT_SANDBOX, accepted="the name of a sandbox"
        ),
        api=reader.api(),
        container_id=reader.container_id(),
        scopes=reader.scopes(),
        token_url=reader.url("token_url", DEFAULT_TOKEN_URL),
        timeout=reader.number("timeout", DEFAULT_TIMEOUT, "a number of seconds above 0", minimum=0.001),
        max_retries=int(
            reader.number("max_retries", DEFAULT_MAX_RETRIES, "a whole number from 0 to 20", 0, 20, whole=True)
        ),
        verify=reader.verify(),
        allow_http=reader.allow_http,
        proxies=reader.proxies(),
    )
    reader.known_extras()
    if not settings.client_secret and not settings.access_token:
        reader.wrong("password (the client secret)", "nothing", "the client secret, or `access_token` in the extra")
    if reader.violations:
        # A traceback may show the local variables.
        del host, password, extra
        raise ConfigurationError(f"{label} cannot work", reader.violations)
    return settings


def _proxy_secrets(address: str) -> list[str]:
    """The password in a proxy's address, quoted and plain, and the header that is made from it."""
    userinfo, at, _ = address.rpartition("://")[2].rpartition("@")
    user, _, password = userinfo.partition(":")
    meant = Secret(f"{unquote(user)}:{unquote(password)}")
    login = Secret(base64.b64encode(meant.encode(errors="replace")).decode())
    return [Secret(password), Secret(unquote(password)), login] if at else []


class _Reader:
    """Reads one field after the other, and collects the violations.

    It never quotes an address, because a wrong address may contain a password.
    """

    def __init__(self, extra: Mapping[str, Any]) -> None:
        self.extra = extra
        self.violations: list[Violation] = []
        self.allow_http = self._flag("allow_http")

    def wrong(self, name: str, given: str, accepted: str) -> None:
        self.violations.append(Violation(name, given, accepted))

    def text(self, name: str) -> str | None:
        value = self.extra.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.wrong(name, typed(value), "text")
            return None
        return value.strip()

    def header(self, name: str, value: str | None, *, accepted: str) -> str:
        """A value that is sent as a header: no blanks, no line breaks, only ASCII."""
        if not value:
            self.wrong(name, "nothing", accepted)
            return ""
        if not HEADER_SAFE.fullmatch(value):
            self.wrong(name, "text with blanks or characters outside ASCII", accepted)
        return value

    def secret(self, name: str, value: str | None) -> str | None:
        """A secret as it is sent. Blanks around it are an error, because the service would only refuse them."""
        if value and value != value.strip():
            self.wrong(name, "text with a blank or a line break at its beginning or end", "the secret alone")
        elif value and not value.isprintable():
            self.wrong(name, "text with a line break or another control character in it", "the secret alone")
        return value or None

    def token(self) -> str | None:
        value = self.text("access_token")
        if value and not HEADER_SAFE.fullmatch(value):
            accepted = "the token alone, without 'Bearer' before it"
            self.wrong("access_token", "text with blanks or characters outside ASCII", accepted)
        return value

    def org_id(self) -> str:
        accepted = "the organization's id, such as 0123456789ABCDEF01234567@AdobeOrg"
        value = self.text("org_id")
        if value is None:
            if "org_id" not in self.extra:
                self.wrong("org_id", "nothing", accepted)
        elif not ORG_ID.fullmatch(value):
            self.wrong("org_id", quoted(value), accepted)
        return value or ""

    def api(self) -> Api:
        value = self.extra.get("api", "dps")
        if value == "xcore":
            return "xcore"
        if value != "dps":
            self.wrong("api", quoted(value), "'dps' (Adobe's current service) or 'xcore' (the older repository)")
        return "dps"

    def scopes(self) -> str:
        """The scopes with commas, as IMS expects; blanks and lists are accepted too."""
        given = self.extra.get("scopes", DEFAULT_SCOPES)
        texts = list(given) if isinstance(given, (list, tuple)) else [given]
        if not all(isinstance(text, str) for text in texts):
            self.wrong("scopes", quoted(given), "scopes with commas between them, or a list of them")
            return DEFAULT_SCOPES
        scopes = [scope for scope in re.split(r"[\s,]+", ",".join(texts)) if scope]
        if not all(map(HEADER_SAFE.fullmatch, scopes)):
            self.wrong("scopes", "text with characters outside ASCII", "scopes with commas between them")
        return ",".join(scopes) or DEFAULT_SCOPES

    def container_id(self) -> str | None:
        value = self.text("container_id")
        if value and not _CONTAINER_ID.fullmatch(value):
            self.wrong("container_id", quoted(value), "the id of a container: letters, digits and dashes")
        return value

    def origin(self, name: str, host: str | None, schema: str | None, port: int | None) -> str:
        """Scheme, host and port of the service, without parts that could send a credential elsewhere."""
        accepted = f"scheme, host and port, such as {DEFAULT_HOST}"
        text = (host or "").strip() or DEFAULT_HOST.removeprefix("https://")
        scheme = self._scheme(schema, text if "://" in text else "")
        if "://" not in text:
            text = f"{scheme}://{text}"
        parts = self._address(name, text, f"{accepted}; credentials go into login and password")
        if parts is None:
            return DEFAULT_HOST
        if parts.path.strip("/") or parts.query or parts.fragment:
            given = "an address with a path, a query or a fragment"
            self.wrong(name, given, f"{accepted}, without a path: /data/core/... is appended by the client")
        if port is not None and not 0 <= port < 65_536:
            self.wrong("port", quoted(port), "a port from 1 to 65535, or none")
        return _origin(parts, parts.port or port)

    def _scheme(self, schema: str | None, host: str) -> str:
        """The scheme for a host without one; `host` is the address, whose scheme it may repeat."""
        given = (schema or "").strip().lower()
        if given not in ("", "https", "http"):
            self.wrong("schema", quoted(schema), "https or http, the scheme of the host, or nothing")
        elif given and host and not host.lower().startswith(f"{given}://"):
            self.wrong("schema", quoted(schema), "the scheme that the host names, or nothing")
        return given if given == "http" else "https"

    def url(self, name: str, default: str) -> str:
        accepted = f"an https address, such as {default}"
        parts = self._address(name, self.text(name) or default, accepted)
        if parts is None:
            return default
        if parts.query or parts.fragment:
            self.wrong(name, "an address with a query or a fragment", accepted)
        if not _PATH.fullmatch(parts.path):
            self.wrong(name, "an address with characters that no path has", accepted)
        return f"{_origin(parts, parts.port)}{parts.path}"

    def _address(self, name: str, text: str, accepted: str) -> SplitResult | None:
        """The parts of an address that may receive credentials; None if it is not valid or hides its target."""
        if "@" in text:
            self.wrong(name, "an address with user information", accepted)
            return None
        try:
            parts = urlsplit(text)
            usable = not _UNPRINTABLE.search(text) and _HOSTNAME.fullmatch(parts.hostname or "") and parts.port != 0
        except ValueError:
            usable = None
        if not usable:
            self.wrong(name, "an address that is not valid", accepted)
            return None
        if parts.scheme != "https":
            self._refuse_plain_http(name, parts.scheme, parts.hostname or "")
        return parts

    def _refuse_plain_http(self, name: str, scheme: str, hostname: str) -> None:
        if scheme == "http" and (self.allow_http or is_loopback(hostname)):
            return
        accepted = "https (plain http only to a loopback address, or with allow_http in the extra)"
        self.wrong(name, f"the scheme {scheme!r} for {hostname!r}", accepted)

    def number(
        self,
        name: str,
        default: float,
        accepted: str,
        minimum: float = 0,
        maximum: float = 3600,
        *,
        whole: bool = False,
    ) -> float:
        value = self.extra.get(name, default)
        try:
            number = float(value) if not isinstance(value, bool) else float("nan")
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if not minimum <= number <= maximum or (whole and number != int(number)):
            self.wrong(name, quoted(value), accepted)
            return default
        return number

    def _flag(self, name: str) -> bool:
        value = self.extra.get(name, False)
        if isinstance(value, str) and value.strip().lower() in ("true", "false"):
            value = value.strip().lower() == "true"
        if not isinstance(value, bool):
            self.wrong(name, typed(value), "true or false")
        return value is True

    def verify(self) -> bool | str:
        value = self.extra.get("verify", True)
        if isinstance(value, str) and value.strip().lower() in ("true", "false"):
            return value.strip().lower() == "true"
        if isinstance(value, (bool, str)):
            return value
        self.wrong("verify", quoted(value), "true, false, or the path of a CA bundle")
        return True

    def proxies(self) -> Mapping[str, str] | None:
        value = self.extra.get("proxies")
        if value is None:
            return None
        if isinstance(value, str) and value.lstrip().startswith("{"):
            try:
                value = json.loads(value)
            except ValueError:
                value = None
        elif isinstance(value, str):
            value = {"https": value, "http": value}
        if not isinstance(value, Mapping) or not all(
            isinstance(key, str) and isinstance(address, str) for key, address in value.items()
        ):
            self.wrong("proxies", typed(value), 'an object such as {"https": "http://proxy:3128"}')
            return None
        for key in value:
            if not _PROXY_KEY.fullmatch(key):
                # Another key may be an address with a password.
                given = f"the key {key!r}" if key.isalpha() else "a key that is not a scheme"
                self.wrong("proxies", given, "the keys http and https")
        if not all(map(_is_proxy, value.values())):
            accepted = "addresses of http or https proxies, such as http://proxy:3128"
            self.wrong("proxies", "something that is not a proxy address", accepted)
        return dict(value)

    def known_extras(self) -> None:
        for name in self.extra:
            if name in _EXTRAS:
                continue
            if name in _RETIRED:
                accepted = "OAuth server-to-server (login and password): Adobe retired JWT credentials in January 2025"
            elif near := difflib.get_close_matches(name, _EXTRAS, n=1, cutoff=0.5):
                accepted = f"one of {', '.join(_EXTRAS)}; did you mean {near[0]!r}?"
            else:
                accepted = f"one of {', '.join(_EXTRAS)}"
            self.wrong(name, "an unknown extra", accepted)


def is_loopback(hostname: str) -> bool:
    """Whether data that is sent there stays on this machine."""
    if hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False


def _origin(parts: SplitResult, port: int | None) -> str:
    """Scheme, host and port, built from the parsed parts, so that characters which the parser skipped disappear."""
    hostname = parts.hostname or ""
    authority = f"[{hostname}]" if ":" in hostname else hostname
    # The service's own links leave out the default port of the scheme.
    implied = {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{authority}{f':{port}' if port and port != implied else ''}"


def _is_proxy(address: str) -> bool:
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
