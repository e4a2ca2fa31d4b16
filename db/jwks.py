"""The provider's public keys: fetched when first needed, kept, and fetched again when they may have changed."""

import asyncio
import json
import logging
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any, Final, cast
from urllib.parse import urlencode

from jwt import PyJWK
from jwt.exceptions import PyJWTError

from db.errors import Unavailable
from db.oidc import ALGORITHMS, Oidc, is_safe_url

_logger = logging.getLogger("strongroom.sign_in")

FRESH_SECONDS: Final = 600.0
"""How old keys may be before they are fetched again, while the old ones go on serving."""

STALE_SECONDS: Final = 24 * 60 * 60.0
"""How long keys serve a provider that does not answer. After that nobody signs in."""

PAUSE_SECONDS: Final = 10.0
"""Between two fetches, whoever asks for what: tokens with made-up key ids cannot make this a flood."""

_TIMEOUT: Final = 5.0
_LONGEST: Final = 1 << 20
_SHORTEST_RSA: Final = 2048
_PUBLIC: Final = ("kty", "n", "e", "crv", "x", "y")

Keys = Mapping[str | None, Mapping[str, Any]]


class KeySet:
    """The keys of one provider."""

    def __init__(self, oidc: Oidc, clock: Callable[[], float] = time.monotonic) -> None:
        self._oidc = oidc
        self._clock = clock
        self._keys: Keys = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        """The key with this id, for this algorithm; None if the provider has none. Raises Unavailable while its keys
        cannot be had at all."""
        if self._fetched is None or self._age() > STALE_SECONDS:
            await self._fetch()
            if self._fetched is None or self._age() > STALE_SECONDS:
                raise Unavailable("the service cannot reach its sign-in provider")
        elif self._age() > FRESH_SECONDS:
            self._begin()
        key = self._pick(key_id)
        if key is None:
            await self._fetch()
            key = self._pick(key_id)
        return None if key is None else _usable(key, algorithm)

    def close(self) -> None:
        """Give up a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()

    def _age(self) -> float:
        return self._clock() - (self._fetched or 0.0)

    def _pick(self, key_id: str | None) -> Mapping[str, Any] | None:
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)

    async def _fetch(self) -> None:
        """Wait for a fetch that is under way, or for a new one unless the last was a moment ago."""
        task = self._begin()
        if task is not None:
            # Shielded: whoever gives up waiting must not end it for all others.
            await asyncio.shield(task)

    def _begin(self) -> asyncio.Task[None] | None:
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        if self._tried is not None and self._clock() - self._tried < PAUSE_SECONDS:
            return None
        self._tried = self._clock()
        self._fetching = asyncio.create_task(self._load())
        return self._fetching

    async def _load(self) -> None:
        try:
            self._keys = await asyncio.to_thread(fetch_keys, self._oidc)
            self._fetched = self._clock()
        except (OSError, ValueError, HTTPException, RecursionError) as error:
            _logger.warning("the sign-in provider's keys cannot be fetched: %s", type(error).__name__)


def fetch_keys(oidc: Oidc) -> Keys:
    """The provider's keys by id, from its JWKS; where that is, its discovery document says unless it is configured."""
    url = oidc.jwks_url or discover(oidc.issuer, "jwks_uri")
    listed = fetch_json(url).get("keys")
    if not isinstance(listed, list):
        raise ValueError("no JWKS")  # noqa: TRY004 - what the network sent is no programmer's error
    keys = [cast("dict[str, Any]", key) for key in cast("list[Any]", listed) if isinstance(key, dict)]
    return {_id(key): key for key in keys if key.get("use", "sig") == "sig"}


def _id(key: Mapping[str, Any]) -> str | None:
    id = key.get("kid")
    return id if isinstance(id, str) else None


def discover(issuer: str, endpoint: str) -> str:
    """The URL that an issuer's discovery document gives for an endpoint. Raises ValueError, OSError, HTTPException."""
    found = fetch_json(issuer.rstrip("/") + "/.well-known/openid-configuration")
    url = found.get(endpoint)
    # An issuer speaks for itself only, and its keys do not come over a plain wire.
    if found.get("issuer") != issuer or not isinstance(url, str) or not is_safe_url(url):
        raise ValueError("no discovery document of this issuer")
    return url


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keys come from the place that was configured, and from no other."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none: urllib then raises HTTPError."""


def fetch_json(url: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object at a URL, or what it answers to a form. Follows no redirect. Raises ValueError, OSError,
    HTTPException."""
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=ssl.create_default_context()))
    data = None if form is None else urlencode(form).encode()
    request = urllib.request.Request(url, data=data, headers={"accept": "application/json"})  # noqa: S310 - `is_safe_url`
    try:
        with opener.open(request, timeout=_TIMEOUT) as answer:
            body = answer.read(_LONGEST + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise
    found = json.loads(body) if len(body) <= _LONGEST else None
    if not isinstance(found, dict):
        raise ValueError("no JSON object")  # noqa: TRY004
    return cast("dict[str, Any]", found)


def _usable(key: Mapping[str, Any], algorithm: str) -> PyJWK | None:
    """The key, if it is a public key of the kind that this algorithm takes, and says nothing else of itself."""
    kind, curve = ALGORITHMS[algorithm]
    if key.get("kty") != kind or (curve is not None and key.get("crv") != curve):
        return None
    if key.get("alg", algorithm) != algorithm:
        return None
    try:
        made = PyJWK({name: key[name] for name in _PUBLIC if name in key}, algorithm)
    except (PyJWTError, ValueError, TypeError):
        return None
    return None if kind == "RSA" and made.key.key_size < _SHORTEST_RSA else made
