"""Templates: the answer to a resolve, made once for a snapshot, with a hole for each secret.

A template is made by the executor itself, from a config that has a placeholder for each secret; so it answers what
the executor would. It holds sealed values only. Each answer opens its secrets anew and writes them into the holes.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from db.deeds import Deed
from db.errors import SealError
from db.resolving import ResolvedEntry, show_snapshot
from db.snapshot import Clear, Closed, Snapshot
from db.values import ConfigType
from gql.compiled import complete_plain
from gql.outlines import Outline
from gql.payloads import write_json
from gql.resolving import record_resolve, show_resolved

_FORMS: Final = 2
"""Templates of one snapshot: an application sends one document, and who looks into it another."""

_SWELL: Final = 2
"""A template takes no more than so many times its snapshot's weight: aliases can ask for one thing many times."""


@dataclass(frozen=True, slots=True, repr=False)
class Template:
    """An answer with holes. `pieces` has one more than `openers`; `deed` is what giving it is on record as. No repr."""

    pieces: Sequence[bytes]
    openers: Sequence[Callable[[], bytes]]
    deed: Deed | None

    def fill(self) -> bytes:
        """The answer's JSON. Raises SealError if a secret does not open."""
        answer = [self.pieces[0]]
        for opener, piece in zip(self.openers, self.pieces[1:], strict=True):
            answer.append(opener())
            answer.append(piece)
        return b"".join(answer)


def find_template(snapshot: Snapshot, outline: Outline) -> Template | None:
    """The template of a snapshot; None where there is none to be had, and the executor is to answer."""
    found: Template | None = snapshot.forms.get(outline.name)
    if found is None and snapshot.cacheable and not snapshot.undecided and len(snapshot.forms) < _FORMS:
        found = _make(snapshot, outline)
        if sum(map(len, found.pieces)) <= _SWELL * snapshot.weight:
            snapshot.forms[outline.name] = found
    return found


def _make(snapshot: Snapshot, outline: Outline) -> Template:
    mark = secrets.token_hex(16)
    closed = [entry for entry in snapshot.entries if isinstance(entry, Closed)]
    entries = [_stand_in(entry, f"{mark}{index}") for index, entry in enumerate(snapshot.entries)]
    resolved = show_snapshot(snapshot, entries)
    answer = write_json({"data": {outline.field.key: complete_plain(outline.shape, show_resolved(resolved))}})
    openers = {id(entry): _opener(entry) for entry in closed}
    parts = re.split(rb'"' + mark.encode() + rb'(\d+)"', answer)
    holes = [openers[id(snapshot.entries[int(index)])] for index in parts[1::2]]
    return Template(parts[::2], holes, record_resolve(resolved))


def _stand_in(entry: Clear | Closed, placeholder: str) -> ResolvedEntry:
    if isinstance(entry, Clear):
        return ResolvedEntry(entry.key, entry.type, entry.value, entry.source)
    return ResolvedEntry(entry.key, ConfigType.SECRET, placeholder, entry.source)


def _opener(entry: Closed) -> Callable[[], bytes]:
    if entry.data_key is None:
        raise SealError
    return entry.data_key.opener(entry.place, entry.sealed)
