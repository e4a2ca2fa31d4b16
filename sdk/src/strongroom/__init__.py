"""The SDK of Strongroom.

    from strongroom import Strongroom

    with Strongroom("https://strongroom.example.com", token="…") as client:
        config = client.resolve("halo-psa", organization_id=organization)
        config["api_key"], config.entity_id, config.missing, config.source("api_key")

`AsyncStrongroom` has the same names, awaited. Without arguments both read STRONGROOM_URL and STRONGROOM_TOKEN.
"""

from strongroom.asynchronous import AsyncStrongroom
from strongroom.changes import Change
from strongroom.config import ResolvedConfig, Source
from strongroom.errors import (
    BadInput,
    Conflict,
    Forbidden,
    Internal,
    LimitExceeded,
    NotFound,
    Problem,
    SettingsError,
    StrongroomError,
    Unauthenticated,
    Unavailable,
    Undecryptable,
)
from strongroom.synchronous import Strongroom

__all__ = [
    "AsyncStrongroom",
    "BadInput",
    "Change",
    "Conflict",
    "Forbidden",
    "Internal",
    "LimitExceeded",
    "NotFound",
    "Problem",
    "ResolvedConfig",
    "SettingsError",
    "Source",
    "Strongroom",
    "StrongroomError",
    "Unauthenticated",
    "Unavailable",
    "Undecryptable",
]
