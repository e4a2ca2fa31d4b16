"""Where the service is, and who is asking."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import httpx

from strongroom.errors import SettingsError


def find_url(url: str | None) -> str:
    """The address of the GraphQL endpoint, from what was given or STRONGROOM_URL. Raises SettingsError."""
    given = url or os.environ.get("STRONGROOM_URL")
    if not given:
        raise SettingsError("no address: pass url, or set STRONGROOM_URL")
    try:
        parts = urlsplit(given)
        _ = parts.port, httpx.URL(given)
    except (ValueError, httpx.InvalidURL):
        raise SettingsError("the address is no URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError("the address must begin with https:// or http:// and a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError("the address must have no credentials, query or fragment")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith('/graphql') else f'{path}/graphql'}"


def find_token(token: str | None) -> str:
    """The token that was given, or STRONGROOM_TOKEN. Raises SettingsError, which does not repeat it."""
    given = (token or os.environ.get("STRONGROOM_TOKEN") or "").strip()
    if not given:
        raise SettingsError("no token: pass token, or set STRONGROOM_TOKEN")
    if not given.isascii() or not given.isprintable() or " " in given:
        raise SettingsError("the token is none: it has characters that no token has")
    return given
