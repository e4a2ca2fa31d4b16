"""What the environment says, checked as a whole before anything starts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from db.crypto.legacy import LegacyKeys
from db.errors import SettingsError
from db.oidc import Oidc, looks_like_jwt, read_oidc
from db.settings_forms import (
    Network,
    check_root_keys,
    check_token,
    read_choice,
    read_home,
    read_host,
    read_list,
    read_networks,
    read_optional,
    read_origins,
    read_whole,
)
from db.settings_names import refuse_blank, tell_misspelt
from db.urls import asyncpg_dsn, check_database_url, check_redis_url, sqlalchemy_url

__all__ = ["Network", "Settings", "asyncpg_dsn", "sqlalchemy_url"]

_LAST_PORT: Final = 65_535
_MOST_FAILURES: Final = 1_000_000
_MOST_DOCUMENTS: Final = 100_000
_MOST_PROCESSES: Final = 64

Trusted = Literal["off", "allow", "only"]
Introspection = Literal["authenticated", "unlimited", "off"]

_TRUSTED: Final[tuple[Trusted, ...]] = ("off", "allow", "only")
_INTROSPECTION: Final[tuple[Introspection, ...]] = ("authenticated", "unlimited", "off")
_REASON: Final = ("optional", "required")


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
        refuse_blank(environ)
        tell_misspelt(environ)
        settings = cls(
            home=read_home(environ.get("STRONGROOM_HOME", ".strongroom")),
            host=read_host(environ.get("STRONGROOM_HOST", "127.0.0.1")),
            port=read_whole(environ, "STRONGROOM_PORT", 8000, 1, _LAST_PORT),
            database_url=_checked(check_database_url, environ.get("DATABASE_URL")),
            redis_url=_checked(check_redis_url, environ.get("REDIS_URL")),
            admin_token=_checked(check_token, environ.get("STRONGROOM_ADMIN_TOKEN")),
            root_keys=_checked(check_root_keys, environ.get("STRONGROOM_ROOT_KEYS")),
            legacy_fernet_keys=read_list(environ.get("STRONGROOM_LEGACY_FERNET_KEYS")),
            legacy_secret_key=environ.get("STRONGROOM_LEGACY_SECRET_KEY"),
            legacy_secret_key_salt=environ.get("STRONGROOM_LEGACY_SECRET_KEY_SALT"),
            legacy_secret_key_info=environ.get("STRONGROOM_LEGACY_SECRET_KEY_INFO"),
            oidc=read_oidc(environ),
            failed_sign_ins_per_address=read_whole(
                environ, "STRONGROOM_FAILED_SIGN_INS_PER_ADDRESS", 60, 1, _MOST_FAILURES
            ),
            failed_sign_ins_per_credential=read_whole(
                environ, "STRONGROOM_FAILED_SIGN_INS_PER_CREDENTIAL", 20, 1, _MOST_FAILURES
            ),
            cors_origins=read_origins(environ.get("STRONGROOM_CORS_ORIGINS")),
            trusted_documents=read_choice(environ, "STRONGROOM_TRUSTED_DOCUMENTS", _TRUSTED),
            trusted_documents_file=_read_file(environ.get("STRONGROOM_TRUSTED_DOCUMENTS_FILE")),
            automatic_persisted_queries=read_whole(
                environ, "STRONGROOM_AUTOMATIC_PERSISTED_QUERIES", 0, 0, _MOST_DOCUMENTS
            ),
            migration_database_url=_read_migration_url(environ.get("STRONGROOM_MIGRATION_DATABASE_URL")),
            trusted_proxies=read_networks(environ.get("STRONGROOM_TRUSTED_PROXIES")),
            reveal_needs_reason=read_choice(environ, "STRONGROOM_REVEAL_REASON", _REASON) == "required",
            introspection=read_choice(environ, "STRONGROOM_INTROSPECTION", _INTROSPECTION),
            backfill_max_lag=read_optional(environ, "STRONGROOM_BACKFILL_MAX_LAG", 5, 3600),
            backfill_schedule=read_optional(environ, "STRONGROOM_BACKFILL_SCHEDULE", None, 60),
            api_processes=read_whole(environ, "STRONGROOM_API_PROCESSES", 1, 1, _MOST_PROCESSES),
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


def _checked(check: Callable[[str], str], text: str | None) -> str | None:
    return None if text is None else check(text)


def _read_migration_url(text: str | None) -> str | None:
    return None if text is None else check_database_url(text, "STRONGROOM_MIGRATION_DATABASE_URL")


def _read_file(text: str | None) -> Path | None:
    return None if text is None else Path(text).absolute()


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
