"""Checkpoints: where the chains ended at some time, to be kept where whoever changes the database cannot reach it."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import select

from db.audit.chain import AuditLog, Head, canonical
from db.audit.deeds import show_id
from db.crypto.audit_keys import AuditKey
from db.crypto.data_keys import Scope
from db.errors import SealError, SettingsError
from db.models import AuditHead
from db.sessions import ReadSession, WriteSession

FORMAT: Final = "strongroom audit checkpoint 1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The heads of all chains at one moment."""

    at: datetime
    heads: Mapping[Scope, Head]

    def write(self, key: AuditKey) -> str:
        """The checkpoint as a file holds it, with a MAC over all of it."""
        body = self._body() | {"keyId": str(key.id)}
        return json.dumps(body | {"mac": key.mac(canonical(body)).hex()}, indent=1) + "\n"

    def _body(self) -> dict[str, Any]:
        chains = [
            {"organizationId": show_id(id), "sequence": head.sequence, "mac": head.mac.hex()}
            for id, head in sorted(self.heads.items(), key=lambda item: str(item[0] or ""))
        ]
        return {"format": FORMAT, "at": self.at.astimezone(UTC).isoformat(), "chains": chains}


async def take_checkpoint(session: WriteSession, log: AuditLog) -> str:
    """The checkpoint of this moment, as a file holds it."""
    checkpoint = Checkpoint(datetime.now(UTC), await read_heads(session))
    return checkpoint.write(await log.keys.active(session))


async def read_checkpoint(session: ReadSession, log: AuditLog, text: str) -> Checkpoint:
    """The checkpoint that a file holds. SettingsError for anything that this log's keys do not vouch for."""
    try:
        body = json.loads(text)
        mac = bytes.fromhex(body.pop("mac"))
        key = await log.keys.find(session, uuid.UUID(body["keyId"]))
        if body["format"] == FORMAT and key.vouches(canonical(body), mac):
            heads = {_scope(chain): Head(chain["sequence"], bytes.fromhex(chain["mac"])) for chain in body["chains"]}
            return Checkpoint(datetime.fromisoformat(body["at"]), heads)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, SealError):
        pass
    raise SettingsError("the file is no checkpoint of this audit log, or was changed")


async def read_heads(session: ReadSession) -> dict[Scope, Head]:
    """Where each chain ends."""
    rows = await session.rows(select(AuditHead.organization_id, AuditHead.sequence, AuditHead.mac))
    return {row.organization_id: Head(row.sequence, row.mac) for row in rows}


def _scope(chain: Mapping[str, Any]) -> Scope:
    id = chain["organizationId"]
    return None if id is None else uuid.UUID(id)
