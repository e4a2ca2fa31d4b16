"""Forms of a setting's value: numbers, choices, lists, keys. Each reader refuses what has not its form with a
SettingsError that names the variable and repeats nothing of its value."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final, TypeVar

from db.crypto.keyring import RootKeyring
from db.errors import SettingsError

Network = IPv4Network | IPv6Network

_SHORTEST_TOKEN: Final = 32

Choice = TypeVar("Choice", bound=str)


def read_whole(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number."""
    text = environ.get(name, str(default))
    if not _is_whole(text, least, most):
        raise SettingsError(f"{name} is not a whole number from {least} to {most:,}")
    return int(text)


def read_optional(environ: Mapping[str, str], name: str, default: int | None, most: int) -> int | None:
    """A whole number from 1, or None for `off`."""
    text = environ.get(name, "off" if default is None else str(default))
    if text == "off":
        return None
    if not _is_whole(text, 1, most):
        raise SettingsError(f"{name} is neither off nor a whole number from 1 to {most:,}")
    return int(text)


def _is_whole(text: str, least: int, most: int) -> bool:
    return re.fullmatch(r"[0-9]{1,7}", text) is not None and least <= int(text) <= most


def read_choice(environ: Mapping[str, str], name: str, choices: tuple[Choice, ...]) -> Choice:
    """One of a few words; the first where none is given."""
    text = environ.get(name, choices[0])
    for choice in choices:
        if text == choice:
            return choice
    *others, last = choices
    raise SettingsError(f"{name} is not {', '.join(others)} or {last}")


def read_home(text: str) -> Path:
    """The folder of our own, absolute."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise SettingsError("STRONGROOM_HOME begins with a ~ that names no home folder") from None


def read_host(text: str) -> str:
    """A host name or an address to listen on."""
    if re.search(r"[\s/]", text):
        raise SettingsError("STRONGROOM_HOST is not a host name or an address")
    return text


def check_token(text: str) -> str:
    """An admin token: long enough, and of the characters that a bearer token may have."""
    if len(text) < _SHORTEST_TOKEN:
        raise SettingsError(f"STRONGROOM_ADMIN_TOKEN is shorter than {_SHORTEST_TOKEN} characters")
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", text):
        raise SettingsError("STRONGROOM_ADMIN_TOKEN has characters other than A-Z a-z 0-9 - . _ ~ + / =")
    return text


def check_root_keys(text: str) -> str:
    """The text of a root keyring."""
    try:
        RootKeyring.parse(text)
    except SettingsError as error:
        fault = str(error).removeprefix("root keyring: ")
    else:
        return text
    raise SettingsError(f"STRONGROOM_ROOT_KEYS: {fault}")


def read_networks(text: str | None) -> tuple[Network, ...]:
    """Addresses and networks."""
    try:
        return tuple(ip_network(entry) for entry in read_list(text))
    except ValueError:
        pass  # Raised below, outside: the text of this one repeats the value.
    raise SettingsError(
        "STRONGROOM_TRUSTED_PROXIES is not a list of addresses and networks, such as 10.0.0.0/8,fd00::1"
    )


def read_list(text: str | None) -> tuple[str, ...]:
    """What is between commas; nothing where nothing is given."""
    return () if text is None else tuple(entry.strip() for entry in text.split(","))


def read_origins(text: str | None) -> tuple[str, ...]:
    """Origins exactly as browsers send them; anything else would never match, and nobody would know why."""
    origins = read_list(text)
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
