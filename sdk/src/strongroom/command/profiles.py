"""Profiles: where services are and who is asking, in a file that only its owner can read."""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from strongroom.errors import SettingsError

DEFAULT = "default"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Profile:
    """An address and a token, which is in no repr."""

    url: str
    token: str = field(repr=False)


def find_file() -> Path:
    """Where profiles are kept."""
    base = os.environ.get("XDG_CONFIG_HOME") or ""
    folder = Path(base) if Path(base).is_absolute() else Path.home() / ".config"
    return folder / "strongroom" / "profiles.json"


def read_profiles(file: Path) -> dict[str, Profile]:
    """All profiles by name. Raises SettingsError for a file that others can read, or that is no such file."""
    try:
        with file.open(encoding="utf-8") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if stat.S_IMODE(mode) & 0o077:
                raise SettingsError(f"{file} holds tokens and others can read it: chmod 600 it, and rotate them")
            told: Any = json.load(opened)
        return {str(name): _read(entry) for name, entry in cast("Mapping[str, Any]", told).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        why = type(error).__name__
    raise SettingsError(f"{file} cannot be read: {why}")


def write_profiles(file: Path, profiles: Mapping[str, Profile]) -> None:
    """Keep these profiles and no others; the file is whole at every moment."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes files that only their owner can read.
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".profiles-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            entries = {key: {"url": one.url, "token": one.token} for key, one in profiles.items()}
            json.dump(entries, opened, indent=2)
            opened.flush()
            os.fsync(opened.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def find_profile(name: str | None) -> Profile:
    """The profile of this name; without one, STRONGROOM_URL with STRONGROOM_TOKEN, else the profile `default`.

    An address and a token are never mixed from two places: a token is for one address. Raises SettingsError.
    """
    url, token = os.environ.get("STRONGROOM_URL"), os.environ.get("STRONGROOM_TOKEN")
    if name is None and (url or token):
        if url and token:
            return Profile(url, token)
        lacking = "STRONGROOM_TOKEN" if url else "STRONGROOM_URL"
        raise SettingsError(f"{lacking} is not set, and its counterpart is: set both or none")
    wanted = check_name(name or DEFAULT)
    found = read_profiles(find_file()).get(wanted)
    if found is None:
        raise SettingsError(f"there is no profile {wanted}")
    return found


def check_name(name: str) -> str:
    """The name of a profile. Raises SettingsError."""
    if _NAME.fullmatch(name):
        return name
    raise SettingsError("a profile's name has letters, digits, '.', '_' and '-', 64 at most")


def _read(entry: Any) -> Profile:
    return Profile(str(entry["url"]), str(entry["token"]))
