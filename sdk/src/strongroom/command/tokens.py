"""`strongroom token`: who may do what."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any, Optional

import typer

from strongroom.api import CreateTokenInput
from strongroom.api.tokens import TokensTokensEdgesNode
from strongroom.command.asking import confirm
from strongroom.command.moments import read_duration
from strongroom.command.new_file import NewFile
from strongroom.command.output import note, report, say, show_json, show_table
from strongroom.command.session import PAGE, Json, Reason, Yes, connect, walk

app = typer.Typer(no_args_is_help=True, help="Create, list, rotate and revoke tokens.")

Id = Annotated[str, typer.Argument(metavar="TOKEN_ID", help="The token's id, as `token list` shows it.")]
Output = Annotated[
    Optional[str],  # noqa: UP045 - Typer reads it at run time
    typer.Option("--output", metavar="FILE", help="Write the secret to a new file that only you can read, not here."),
]


@app.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="Its name, which the audit log shows.")],
    permission: Annotated[
        list[str], typer.Option("--permission", "-p", help="Such as config:read; may be repeated. * is everything.")
    ],
    organization: Annotated[
        Optional[list[str]],  # noqa: UP045 - as above
        typer.Option("--organization", "-o", metavar="ID", help="Limit it to this organization; may be repeated."),
    ] = None,
    integration: Annotated[
        Optional[list[str]],  # noqa: UP045 - as above
        typer.Option("--integration", "-i", metavar="NAME", help="Limit it to this integration; may be repeated."),
    ] = None,
    expires_in: Annotated[
        Optional[str],  # noqa: UP045 - as above
        typer.Option("--expires-in", metavar="DURATION", help="When it ends: 90d, 12h, 30m. Never, without it."),
    ] = None,
    output: Output = None,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Create a token within your own rights. Its secret is shown this once."""
    with connect(reason) as client, NewFile(output) as file:
        given = CreateTokenInput(
            name=name,
            permissions=permission,
            organization_ids=organization or None,
            integrations=integration or None,
            expires_at=None if expires_in is None else datetime.now(timezone.utc) + read_duration(expires_in),
        )
        made = client.api.create_token(given).create_token
        _hand_over(file, made.id, made.token, as_json=as_json)


@app.command("list")
def list_tokens(
    everything: Annotated[bool, typer.Option("--all", help="Revoked and expired ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List the tokens within your own rights, without their secrets."""
    with connect() as client:
        rows: list[TokensTokensEdgesNode] = list(walk(lambda after: client.api.tokens(first=PAGE, after=after).tokens))
    rows = [row for row in rows if everything or _state(row) == "holds"]
    if as_json:
        show_json(rows)
        return
    cells = [
        (row.name, row.permissions, _limits(row), _state(row), row.expires_at, row.last_used_at, row.id) for row in rows
    ]
    titles = ("NAME", "PERMISSIONS", "LIMITED TO", "STATE", "EXPIRES", "LAST USED", "TOKEN_ID")
    show_table(titles, cells, "there is no token")


@app.command("rotate")
def rotate_token(
    id: Id,
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="DURATION", help="For how long the old secret goes on holding.")
    ] = "1h",
    output: Output = None,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Give a token a new secret, which is shown this once; the old one holds a while longer."""
    seconds = int(read_duration(overlap).total_seconds())
    with connect(reason) as client, NewFile(output) as file:
        made = client.api.rotate_token(id, seconds).rotate_token
        _hand_over(file, made.id, made.token, as_json=as_json)


@app.command("revoke")
def revoke_token(id: Id, yes: Yes = False, reason: Reason = None, as_json: Json = False) -> None:
    """End a token, at once."""
    confirm(f"Revoke token {id}?", yes=yes)
    with connect(reason) as client:
        client.api.revoke_token(id)
    report(f"revoked {id}", {"id": id, "revoked": True}, as_json=as_json)


def _hand_over(file: NewFile, id: str, secret: str, *, as_json: bool) -> None:
    """Print a new secret, or write it into the file."""
    file.write(f"{secret}\n")
    told: dict[str, Any] = {"id": id} | ({"token": secret} if file.path is None else {"file": file.path})
    if as_json:
        show_json(told)
        return
    note(f"token {id}" + ("; its secret, shown this once:" if file.path is None else f" is in {file.path}"))
    if file.path is None:
        say(secret)


def _state(row: TokensTokensEdgesNode) -> str:
    if row.revoked_at is not None:
        return "revoked"
    is_over = row.expires_at is not None and row.expires_at <= datetime.now(timezone.utc)
    return "expired" if is_over else "holds"


def _limits(row: TokensTokensEdgesNode) -> str | None:
    limits = [*(row.organization_ids or ()), *(row.integrations or ())]
    is_limited = row.organization_ids is not None or row.integrations is not None
    return ", ".join(limits) or "nothing" if is_limited else None
