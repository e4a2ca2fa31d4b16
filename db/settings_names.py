"""Which variables there are: of those that are given, the blank ones are refused and the misspelt ones told."""

import logging
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from db.errors import SettingsError
from db.oidc import NAMES as OIDC_NAMES

_PREFIX: Final = "STRONGROOM_"

_logger = logging.getLogger("strongroom.settings")

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


def refuse_blank(environ: Mapping[str, str]) -> None:
    """A blank value is a mistake: taken as absent, it would start on an empty database, or with new keys."""
    for name in _NAMES:
        if name in environ and not environ[name].strip():
            raise SettingsError(f"{name} is set but blank: give it a value or unset it")


def tell_misspelt(environ: Mapping[str, str]) -> None:
    """A misspelt setting would be without effect, and nobody would know. It is not refused: it may be another version's
    own."""
    known = [name.removeprefix(_PREFIX) for name in _NAMES]
    for name in sorted(environ.keys() - set(_NAMES)):
        if name.startswith(_PREFIX) and (near := get_close_matches(name.removeprefix(_PREFIX), known, 1, 0.75)):
            _logger.warning("%s is not a setting and is ignored; %s%s is one", name, _PREFIX, near[0])
