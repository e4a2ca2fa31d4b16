"""How people sign in: what the environment says about the OpenID Connect provider, checked as a whole."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

from db.access import EVERYTHING, Permission
from db.errors import SettingsError

ALGORITHMS: Final[Mapping[str, tuple[str, str | None]]] = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""The algorithms there are, each with the key type and curve it takes. None is symmetric, and "none" is none."""

PREFIX: Final = "STRONGROOM_OIDC_"
NAMES: Final = tuple(
    PREFIX + name
    for name in (
        "ALGORITHMS",
        "AUDIENCE",
        "CLIENT_ID",
        "INTEGRATIONS_CLAIM",
        "ISSUER",
        "JWKS_URL",
        "LEEWAY",
        "MAX_AGE",
        "ORGANIZATIONS_CLAIM",
        "PERMISSIONS_CLAIM",
        "ROLES",
        "SCOPES",
    )
)

_LONGEST_LEEWAY: Final = 300
_LONGEST_AGE: Final = 366 * 24 * 60 * 60
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Oidc:
    """The provider, and which of its claims say what. `roles` None: the claim names permissions itself.

    `client_id` is what the console is at the provider; None: people do not sign in there.
    `max_age`: for how many seconds a JWT holds at most after it was issued, whatever its own end; None is no limit.
    """

    issuer: str
    audience: tuple[str, ...]
    jwks_url: str | None = None
    algorithms: tuple[str, ...] = ("RS256",)
    permissions_claim: str = "permissions"
    organizations_claim: str | None = None
    integrations_claim: str | None = None
    roles: Mapping[str, frozenset[Permission]] | None = None
    leeway: int = 30
    client_id: str | None = None
    scopes: str = "openid profile"
    max_age: int | None = None


def read_oidc(environ: Mapping[str, str]) -> Oidc | None:
    """The provider's settings; None where there are none. SettingsError names the variable at fault."""
    given = {name.removeprefix(PREFIX): environ[name] for name in NAMES if name in environ}
    if not given:
        return None
    for name in ("ISSUER", "AUDIENCE"):
        if name not in given:
            raise SettingsError(f"{PREFIX}{name} is needed where any {PREFIX}… is set")
    return Oidc(
        issuer=_url("ISSUER", given["ISSUER"]),
        audience=_audience(given["AUDIENCE"]),
        jwks_url=_url("JWKS_URL", given["JWKS_URL"]) if "JWKS_URL" in given else None,
        algorithms=_algorithms(given.get("ALGORITHMS", "RS256")),
        permissions_claim=given.get("PERMISSIONS_CLAIM", "permissions"),
        organizations_claim=given.get("ORGANIZATIONS_CLAIM"),
        integrations_claim=given.get("INTEGRATIONS_CLAIM"),
        roles=_roles(given["ROLES"]) if "ROLES" in given else None,
        leeway=_leeway(given.get("LEEWAY", "30")),
        client_id=given.get("CLIENT_ID"),
        scopes=_scopes(given.get("SCOPES", "openid profile")),
        max_age=_max_age(given["MAX_AGE"]) if "MAX_AGE" in given else None,
    )


def is_safe_url(url: str) -> bool:
    """Whether keys may come from there: https, or plain http on this very machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or re.search(r"[\s\x00-\x1f]", url):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def looks_like_jwt(credential: str) -> bool:
    """Whether a bearer credential is of the form of a JWT; no token that is generated here is."""
    return credential.startswith("eyJ") and credential.count(".") == 2


def grant(names: frozenset[str]) -> frozenset[Permission]:
    """The permissions of these names; what is no permission grants nothing."""
    if EVERYTHING in names:
        return frozenset(Permission)
    return frozenset(permission for permission in Permission if permission.value in names)


def _url(name: str, text: str) -> str:
    if not is_safe_url(text):
        raise SettingsError(f"{PREFIX}{name} is not an https URL (plain http is for this machine only)")
    return text


def _list(text: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())


def _audience(text: str) -> tuple[str, ...]:
    found = _list(text)
    if not found:
        raise SettingsError(f"{PREFIX}AUDIENCE names no audience")
    return found


def _algorithms(text: str) -> tuple[str, ...]:
    found = _list(text)
    if not found or set(found) - set(ALGORITHMS):
        raise SettingsError(f"{PREFIX}ALGORITHMS may name only {', '.join(ALGORITHMS)}")
    return found


def _scopes(text: str) -> str:
    found = text.split()
    if "openid" not in found or not re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e ]+", text):
        raise SettingsError(f"{PREFIX}SCOPES is not a list of scopes apart by spaces, openid among them")
    return " ".join(found)


def _leeway(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > _LONGEST_LEEWAY:
        raise SettingsError(f"{PREFIX}LEEWAY is not a number of seconds from 0 to {_LONGEST_LEEWAY}")
    return int(text)


def _max_age(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,8}", text) or not 0 < int(text) <= _LONGEST_AGE:
        raise SettingsError(f"{PREFIX}MAX_AGE is not a number of seconds from 1 to {_LONGEST_AGE}")
    return int(text)


def _roles(text: str) -> Mapping[str, frozenset[Permission]]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise SettingsError(f'{PREFIX}ROLES is not JSON like {{"role": ["config:read"]}}')
    return {role: _role(role, names) for role, names in cast("dict[str, Any]", given).items()}


def _role(role: str, names: Any) -> frozenset[Permission]:
    known = {EVERYTHING, *(permission.value for permission in Permission)}
    if not isinstance(names, list) or not all(
        isinstance(name, str) and name in known for name in cast("list[Any]", names)
    ):
        raise SettingsError(f"{PREFIX}ROLES: the role {role!r} is not a list of permissions")
    return grant(frozenset(cast("list[str]", names)))
