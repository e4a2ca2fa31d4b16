"""`strongroom export` and `strongroom identity`."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Optional

import typer

from strongroom.api import ConfigType
from strongroom.command.asking import read_text
from strongroom.command.exported import write_document
from strongroom.command.failures import USAGE, Failure
from strongroom.command.new_file import NewFile
from strongroom.command.output import clean, note, say
from strongroom.command.sealed import make_identity, seal
from strongroom.command.session import Integration, Organization, Reason, connect
from strongroom.command.targets import IsGlobal, Target, find_target


def export(
    integration: Integration = None,
    organization: Organization = None,
    is_global: IsGlobal = False,
    recipient: Annotated[
        Optional[list[str]],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--recipient", "-r", metavar="KEY", help="Seal it for this public key, age1…; may be repeated."),
    ] = None,
    recipients_file: Annotated[
        Optional[str],  # noqa: UP045 - as above
        typer.Option("--recipients-file", metavar="FILE", help="Seal it for the public keys in this file, one a line."),
    ] = None,
    output: Annotated[
        Optional[str],  # noqa: UP045 - as above
        typer.Option("--output", metavar="FILE", help="Write a new file that only you can read, not standard output."),
    ] = None,
    reason: Reason = None,
) -> None:
    """Export the configs of one place: with secrets masked, or, for a recipient, sealed with everything in it.

    Sealing needs config:reveal, and the service puts every secret on record. There is no export in plaintext.
    `strongroom identity FILE` makes a key pair, `strongroom import FILE --identity FILE` opens what is sealed.
    """
    keys = [*(recipient or ()), *_read_recipients(recipients_file)]
    with connect(reason) as client, NewFile(output) as file:
        target = find_target(client, integration, organization, is_global=is_global)
        if keys:
            # A bad key is refused before anything is revealed.
            seal("", keys)
            text = seal(write_document(str(target), _list_clear(target)), keys)
        else:
            text = write_document(str(target), _list_masked(target))
        file.write(text)
    if output is None:
        sys.stdout.write(text)
    else:
        note(f"wrote {output}")


def identity(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The new file for the secret key.")],
) -> None:
    """Make a key pair for sealed exports: the secret key in a file that only you can read, the public key printed."""
    recipient = make_identity(file)
    note("the public key, for whoever exports:")
    say(recipient)


def _list_masked(target: Target) -> list[dict[str, Any]]:
    return [
        {"key": row.key, "type": row.type_.value}
        | ({"masked": True} if row.type_ is ConfigType.SECRET else {"value": row.value})
        for row in target.list()
    ]


def _list_clear(target: Target) -> list[dict[str, Any]]:
    return [{"key": row.key, "type": row.type_.value, "value": row.decrypted_value} for row in target.reveal()]


def _read_recipients(file: str | None) -> list[str]:
    if file is None:
        return []
    lines = [line.strip() for line in read_text(file).splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        # Without a recipient the export would be another one than was asked for.
        raise Failure(f"{clean(file)} holds no public key", code=USAGE)
    return found
