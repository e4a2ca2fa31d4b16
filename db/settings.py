"""What the environment says, checked as a whole before anything starts."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final, Literal

from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys
from db.errors import SettingsError
from db.oidc import NAMES as OIDC_NAMES
from db.oidc import Oidc, looks_like_jwt, read_oidc
from db.urls import asyncpg_dsn, check_database_url, check_redis_url, sqlalchemy_url

__all__ = ["Network", "Settings", "asyncpg_dsn", "sqlalchemy_url"]

Network = IPv4Network | IPv6Network

_PREFIX: Final = "STRONGROOM_"
_SHORTEST_TOKEN: Final = 32
_LAST_PORT: Final = 65535
_MOST_FAILURES: Final = 1_000_000
_MOST_DOCUMENTS: Final = 100_000
_MOST_PROCESSES: Final = 64

_logger = logging.getLogger("strongroom.settings")

Trusted = Literal["off", "allow", "only"]
Introspection = Literal["authenticated", "unlimited", "off"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of Strongroom. Its text form shows neither secrets nor URLs, which may hold passwords."""

    home: Path
    host: str
    port: int
    database_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    admin_token: str | None = field(default=None, repr=False)
    root_keys: str | None = field(default=None, repr=False)
    legacy_fernet_keys: tuple[str, ...] = field(default=(), repr=False)
    legacy_secret_key: str | None = field(default=None, repr=False)
    legacy_secret_key_salt: str | None = field(default=None, repr=False)
    legacy_secret_key_info: str | None = field(default=None, repr=False)
    oidc: Oidc | None = None
    failed_sign_ins_per_address: int = 60
    failed_sign_ins_per_credential: int = 20
    cors_origins: tuple[str, ...] = ()
    trusted_documents: Trusted = "off"
    trusted_documents_file: Path | None = None
    automatic_persisted_queries: int = 0
    migration_database_url: str | None = field(default=None, repr=False)
    trusted_proxies: tuple[Network, ...] = ()
    reveal_needs_reason: bool = False
    introspection: Introspection = "authenticated"
    backfill_max_lag: int | None = 5
    """Seconds that a replica may lag before runs hold back; None heeds none."""
    backfill_schedule: int | None = None
    """Minutes between two looks for rows to seal; None looks for none."""
    api_processes: int = 1

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read and check all variables. SettingsError names the one at fault and never repeats a secret. One whose
        name is nearly that of a setting is told in the log."""
        _refuse_blank(environ)
        _tell_misspelt(environ)
        settings = cls(
            home=_read_home(environ.get("STRONGROOM_HOME", ".strongroom")),
            host=_read_host(environ.get("STRONGROOM_HOST", "127.0.0.1")),
            port=_read_port(environ.get("STRONGROOM_PORT", "8000")),
            database_url=_checked(check_database_url, environ.get("DATABASE_URL")),
            redis_url=_checked(check_redis_url, environ.get("REDIS_URL")),
            admin_token=_checked(_check_token, environ.get("STRONGROOM_ADMIN_TOKEN")),
            root_keys=_checked(_check_root_keys, environ.get("STRONGROOM_ROOT_KEYS")),
            legacy_fernet_keys=_read_list(environ.get("STRONGROOM_LEGACY_FERNET_KEYS")),
            legacy_secret_key=environ.get("STRONGROOM_LEGACY_SECRET_KEY"),
            legacy_secret_key_salt=environ.get("STRONGROOM_LEGACY_SECRET_KEY_SALT"),
            legacy_secret_key_info=environ.get("STRONGROOM_LEGACY_SECRET_KEY_INFO"),
            oidc=read_oidc(environ),
            failed_sign_ins_per_address=_read_failures(environ, "STRONGROOM_FAILED_SIGN_INS_PER_ADDRESS", "60"),
            failed_sign_ins_per_credential=_read_failures(environ, "STRONGROOM_FAILED_SIGN_INS_PER_CREDENTIAL", "20"),
            cors_origins=_read_origins(environ.get("STRONGROOM_CORS_ORIGINS")),
            trusted_documents=_read_trusted(environ.get("STRONGROOM_TRUSTED_DOCUMENTS", "off")),
            trusted_documents_file=_read_file(environ.get("STRONGROOM_TRUSTED_DOCUMENTS_FILE")),
            automatic_persisted_queries=_read_count(environ.get("STRONGROOM_AUTOMATIC_PERSISTED_QUERIES", "0")),
            migration_database_url=_read_migration_url(environ.get("STRONGROOM_MIGRATION_DATABASE_URL")),
            trusted_proxies=_read_networks(environ.get("STRONGROOM_TRUSTED_PROXIES")),
            reveal_needs_reason=_read_reason(environ.get("STRONGROOM_REVEAL_REASON", "optional")),
            introspection=_read_introspection(environ.get("STRONGROOM_INTROSPECTION", "authenticated")),
            backfill_max_lag=_read_optional(environ, "STRONGROOM_BACKFILL_MAX_LAG", "5", 3600),
            backfill_schedule=_read_optional(environ, "STRONGROOM_BACKFILL_SCHEDULE", "off", 60),
            api_processes=_read_processes(environ.get("STRONGROOM_API_PROCESSES", "1")),
        )
        settings.legacy_keys()
        if settings.oidc is not None and looks_like_jwt(settings.admin_token or ""):
            raise SettingsError("STRONGROOM_ADMIN_TOKEN looks like a JWT, and STRONGROOM_OIDC_… takes it for one")
        _check_documents(settings, environ)
        settings.check_roles()
        return settings

    def legacy_keys(self) -> LegacyKeys:
        """The keys that open what the replaced software sealed."""
        return LegacyKeys.from_settings(
            self.legacy_fernet_keys,
            self.legacy_secret_key,
            self.legacy_secret_key_salt,
            self.legacy_secret_key_info,
        )

    def check_roles(self) -> None:
        """Refuse an owner's URL without the service's own: nobody could be granted anything."""
        if self.migration_database_url is not None and self.database_url is None:
            raise SettingsError("STRONGROOM_MIGRATION_DATABASE_URL is set, but DATABASE_URL is not")


_NAMES: Final = (
    "DATABASE_URL",
    "REDIS_URL",
    "STRONGROOM_ADMIN_TOKEN",
    "STRONGROOM_API_PROCESSES",
    "STRONGROOM_AUTOMATIC_PERSISTED_QUERIES",
    "STRONGROOM_BACKFILL_MAX_LAG",
    "STRONGROOM_BACKFILL_SCHEDULE",
    "STRONGROOM_CORS_ORIGINS",
    "STRONGROOM_FAILED_SIGN_INS_PER_ADDRESS",
    "STRONGROOM_FAILED_SIGN_INS_PER_CREDENTIAL",
    "STRONGROOM_HOME",
    "STRONGROOM_HOST",
    "STRONGROOM_INTROSPECTION",
    "STRONGROOM_LEGACY_FERNET_KEYS",
    "STRONGROOM_LEGACY_SECRET_KEY",
    "STRONGROOM_LEGACY_SECRET_KEY_INFO",
    "STRONGROOM_LEGACY_SECRET_KEY_SALT",
    "STRONGROOM_MIGRATION_DATABASE_URL",
    "STRONGROOM_PORT",
    "STRONGROOM_REVEAL_REASON",
    "STRONGROOM_ROOT_KEYS",
    *OIDC_NAMES,
    "STRONGROOM_TRUSTED_DOCUMENTS",
    "STRONGROOM_TRUSTED_DOCUMENTS_FILE",
    "STRONGROOM_TRUSTED_PROXIES",
)


def _refuse_blank(environ: Mapping[str, str]) -> None:
    """A blank value is a mistake: taken as absent, it would start on an empty database, or with new keys."""
    for name in _NAMES:
        if name in environ and not environ[name].strip():
            raise SettingsError(f"{name} is set but blank: give it a value or unset it")


def _tell_misspelt(environ: Mapping[str, str]) -> None:
    """A misspelt setting would be without effect, and nobody would know. It is not refused: it may be another version's
    own."""
    known = [name.removeprefix(_PREFIX) for name in _NAMES]
    for name in sorted(environ.keys() - set(_NAMES)):
        if name.startswith(_PREFIX) and (near := get_close_matches(name.removeprefix(_PREFIX), known, 1, 0.75)):
            _logger.warning("%s is not a setting and is ignored; %s%s is one", name, _PREFIX, near[0])


def _checked(check: Callable[[str], str], text: str | None) -> str | None:
    return None if text is None else check(text)


def _read_home(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise SettingsError("STRONGROOM_HOME begins with a ~ that names no home folder") from None


def _read_host(text: str) -> str:
    if re.search(r"[\s/]", text):
        raise SettingsError("STRONGROOM_HOST is not a host name or an address")
    return text


def _read_port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) <= _LAST_PORT:
        raise SettingsError(f"STRONGROOM_PORT is not a whole number from 1 to {_LAST_PORT}")
    return int(text)


def _read_processes(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,2}", text) or not 0 < int(text) <= _MOST_PROCESSES:
        raise SettingsError(f"STRONGROOM_API_PROCESSES is not a whole number from 1 to {_MOST_PROCESSES}")
    return int(text)


def _read_failures(environ: Mapping[str, str], name: str, default: str) -> int:
    text = environ.get(name, default)
    if not re.fullmatch(r"[0-9]{1,7}", text) or not 0 < int(text) <= _MOST_FAILURES:
        raise SettingsError(f"{name} is not a whole number from 1 to {_MOST_FAILURES:,}")
    return int(text)


def _check_token(text: str) -> str:
    if len(text) < _SHORTEST_TOKEN:
        raise SettingsError(f"STRONGROOM_ADMIN_TOKEN is shorter than {_SHORTEST_TOKEN} characters")
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", text):
        raise SettingsError("STRONGROOM_ADMIN_TOKEN has characters other than A-Z a-z 0-9 - . _ ~ + / =")
    return text


def _check_root_keys(text: str) -> str:
    try:
        RootKeyring.parse(text)
    except SettingsError as error:
        fault = str(error).removeprefix("root keyring: ")
    else:
        return text
    raise SettingsError(f"STRONGROOM_ROOT_KEYS: {fault}")


def _read_migration_url(text: str | None) -> str | None:
    return None if text is None else check_database_url(text, "STRONGROOM_MIGRATION_DATABASE_URL")


def _read_networks(text: str | None) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(entry) for entry in _read_list(text))
    except ValueError:
        pass  # Raised below, outside: the text of this one repeats the value.
    raise SettingsError(
        "STRONGROOM_TRUSTED_PROXIES is not a list of addresses and networks, such as 10.0.0.0/8,fd00::1"
    )


def _read_list(text: str | None) -> tuple[str, ...]:
    return () if text is None else tuple(entry.strip() for entry in text.split(","))


def _read_origins(text: str | None) -> tuple[str, ...]:
    """Origins exactly as browsers send them; anything else would never match, and nobody would know why."""
    origins = _read_list(text)
    if "*" in origins:
        raise SettingsError(
            "STRONGROOM_CORS_ORIGINS takes no *: name every origin, such as https://console.example.com"
        )
    for number, origin in enumerate(origins, 1):
        if not re.fullmatch(r"https?://([a-z0-9._-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?", origin):
            fault = "is not scheme://host or scheme://host:port in small letters, without a slash at the end"
        elif re.fullmatch(r"http://.*[^:]:80|https://.*[^:]:443", origin):
            fault = "names its scheme's own port, which browsers leave out"
        else:
            continue
        raise SettingsError(f"STRONGROOM_CORS_ORIGINS: origin {number} {fault}")
    return origins


def _read_trusted(text: str) -> Trusted:
    if text not in ("off", "allow", "only"):
        raise SettingsError("STRONGROOM_TRUSTED_DOCUMENTS is not off, allow or only")
    return text


def _read_reason(text: str) -> bool:
    if text not in ("optional", "required"):
        raise SettingsError("STRONGROOM_REVEAL_REASON is not optional or required")
    return text == "required"


def _read_introspection(text: str) -> Introspection:
    if text not in ("authenticated", "unlimited", "off"):
        raise SettingsError("STRONGROOM_INTROSPECTION is not authenticated, unlimited or off")
    return text


def _read_file(text: str | None) -> Path | None:
    return None if text is None else Path(text).absolute()


def _read_count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) > _MOST_DOCUMENTS:
        raise SettingsError(f"STRONGROOM_AUTOMATIC_PERSISTED_QUERIES is not a whole number from 0 to {_MOST_DOCUMENTS}")
    return int(text)


def _read_optional(environ: Mapping[str, str], name: str, default: str, limit: int) -> int | None:
    """A whole number, or None for `off`."""
    text = environ.get(name, default)
    if text == "off":
        return None
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 0 < int(text) <= limit:
        raise SettingsError(f"{name} is neither off nor a whole number from 1 to {limit}")
    return int(text)


def _check_documents(settings: Settings, environ: Mapping[str, str]) -> None:
    """Who names a file and forgets to turn it on would take every document for refused that is not in it."""
    if settings.trusted_documents != "off" and settings.trusted_documents_file is None:
        raise SettingsError(
            f"STRONGROOM_TRUSTED_DOCUMENTS={settings.trusted_documents} needs STRONGROOM_TRUSTED_DOCUMENTS_FILE"
        )
    if settings.trusted_documents_file is not None and "STRONGROOM_TRUSTED_DOCUMENTS" not in environ:
        raise SettingsError("STRONGROOM_TRUSTED_DOCUMENTS_FILE needs STRONGROOM_TRUSTED_DOCUMENTS=allow or only")
    if settings.trusted_documents == "only" and settings.automatic_persisted_queries:
        raise SettingsError("STRONGROOM_AUTOMATIC_PERSISTED_QUERIES cannot go with STRONGROOM_TRUSTED_DOCUMENTS=only")
