"""The console's way to a person's JWT: OAuth's authorization code with PKCE (RFC 7636), as a public client.

The page goes to the provider and comes back with a code; this service, not the page, takes the code there. So the page
asks no other host, and the provider has to trust no page's origin.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode

from db.errors import Unauthenticated, Unavailable
from db.jwks import FRESH_SECONDS, discover, fetch_json
from db.oidc import Oidc, looks_like_jwt

_AT_ONCE: Final = 8
"""Requests to the provider at a time: whoever invents codes must not make this service knock harder."""

_ILL: Final = 500
_FAILURES: Final = (OSError, ValueError, HTTPException, RecursionError)


@dataclass(frozen=True, slots=True, repr=False)
class Granted:
    """What the provider granted: JWTs to try, in this order, and what gets new ones. No repr."""

    candidates: tuple[str, ...]
    refresh_token: str | None


class CodeFlow:
    """Signing in at one provider. Only where the settings name a client."""

    def __init__(self, oidc: Oidc) -> None:
        self._oidc = oidc
        self._endpoints: dict[str, tuple[float, str]] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def authorize(self, state: str, challenge: str, redirect_uri: str) -> str:
        """Where at the provider a person signs in. Raises Unavailable while the provider does not answer."""
        wanted = {
            "response_type": "code",
            "client_id": self._oidc.client_id or "",
            "redirect_uri": redirect_uri,
            "scope": self._oidc.scopes,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = await self._find("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(wanted)}"

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Granted:
        """What a code is worth. Raises Unauthenticated for one that is worth nothing, and Unavailable."""
        return await self._ask(
            {
                "grant_type": "authorization_code",
                "code": code,
                "code_verifier": verifier,
                "redirect_uri": redirect_uri,
            }
        )

    async def refresh(self, refresh_token: str) -> Granted:
        """What a refresh token is worth. Raises as `exchange` does."""
        return await self._ask({"grant_type": "refresh_token", "refresh_token": refresh_token})

    async def _ask(self, form: Mapping[str, str]) -> Granted:
        endpoint = await self._find("token_endpoint")
        async with self._gate:
            try:
                found = await asyncio.to_thread(fetch_json, endpoint, {**form, "client_id": self._oidc.client_id or ""})
                failure = None
            except HTTPError as error:
                # The provider's word on a code or a refresh token that is worth nothing, unless it is ill itself.
                found, failure = {}, Unauthenticated() if error.code < _ILL else _unreachable()
            except _FAILURES:
                found, failure = {}, _unreachable()
        if failure is not None:
            # Outside of the handlers: an error's text may repeat what was sent.
            raise failure
        tokens = (found.get("access_token"), found.get("id_token"))
        refresh_token = found.get("refresh_token")
        return Granted(
            tuple(token for token in tokens if isinstance(token, str) and looks_like_jwt(token)),
            refresh_token if isinstance(refresh_token, str) else None,
        )

    async def _find(self, endpoint: str) -> str:
        known: Any = self._endpoints.get(endpoint)
        if known is not None and time.monotonic() - known[0] < FRESH_SECONDS:
            return known[1]
        async with self._gate:
            try:
                url = await asyncio.to_thread(discover, self._oidc.issuer, endpoint)
            except _FAILURES:
                url = None
        if url is None:
            raise _unreachable()
        self._endpoints[endpoint] = (time.monotonic(), url)
        return url


def _unreachable() -> Unavailable:
    return Unavailable("the service cannot reach its sign-in provider")
