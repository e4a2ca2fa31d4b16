"""`strongroom login`, `logout` and `profiles`."""

from __future__ import annotations

from typing import Annotated, Optional
from urllib.parse import urlsplit

import typer

from strongroom.command.asking import ask_line, ask_secret, confirm
from strongroom.command.output import note, report, show_json, show_table
from strongroom.command.profiles import DEFAULT, Profile, check_name, find_file, read_profiles, write_profiles
from strongroom.command.session import Json, Yes, chosen
from strongroom.errors import Forbidden, SettingsError
from strongroom.settings import find_token, find_url
from strongroom.synchronous import Strongroom

CHECK = "query { integrations(first: 1) { pageInfo { hasNextPage } } }"


def login(
    url: Annotated[Optional[str], typer.Option("--url", help="The service's address; asked for without it.")] = None,  # noqa: UP045 - Typer reads it at run time
    check: Annotated[bool, typer.Option("--check/--no-check", help="Try the token before it is stored.")] = True,
    as_json: Json = False,
) -> None:
    """Store the address of a service and a token for it.

    The token is asked for, or read from standard input: echo is off, and it is never an argument. It is kept in a file
    that only you can read, under the profile that `strongroom --profile NAME` names.
    """
    name = check_name(chosen.profile or DEFAULT)
    address = _shorten(find_url(url or ask_line("Address, such as https://strongroom.example.com")))
    if _is_in_the_clear(address):
        note("without https the token, and every secret, goes over the network in the clear")
    token = find_token(ask_secret("Token") or " ")
    if check:
        _try(address, token)
    file = find_file()
    write_profiles(file, {**read_profiles(file), name: Profile(address, token)})
    told = {"profile": name, "url": address, "file": str(file)}
    report(f"stored as profile {name} in {file}", told, as_json=as_json)


def logout(yes: Yes = False, as_json: Json = False) -> None:
    """Forget a profile, its token with it. The token goes on holding: `strongroom token revoke` ends it."""
    name, file = check_name(chosen.profile or DEFAULT), find_file()
    profiles = read_profiles(file)
    if name not in profiles:
        raise SettingsError(f"there is no profile {name}")
    confirm(f"Forget profile {name}?", yes=yes)
    del profiles[name]
    write_profiles(file, profiles)
    report(f"forgot profile {name}", {"profile": name, "forgotten": True}, as_json=as_json)


def profiles(as_json: Json = False) -> None:
    """List the profiles, without their tokens."""
    found = [{"name": name, "url": _shorten(one.url)} for name, one in sorted(read_profiles(find_file()).items())]
    if as_json:
        show_json(found)
    else:
        show_table(("PROFILE", "ADDRESS"), [(one["name"], one["url"]) for one in found], "there is no profile")


def _shorten(url: str) -> str:
    """An address without the endpoint's own path."""
    return url.removesuffix("/graphql")


def _is_in_the_clear(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "http" and host not in ("localhost", "::1") and not host.startswith("127.")


def _try(url: str, token: str) -> None:
    with Strongroom(url, token=token) as client:
        try:
            client.execute(CHECK)
        except Forbidden:
            # Somebody whom the service knows, and who may do other things.
            return
