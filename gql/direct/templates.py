"""Templates: the answer to a resolve, made once for a snapshot, with a hole for each secret.

A template is made by the executor itself, from a config that has a placeholder for each secret; so it answers what
the executor would. It holds sealed values only. Each answer opens its secrets anew and writes them into the holes.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from db.audit.deeds import Deed
from db.errors import LimitExceeded, SealError
from db.resolving import ResolvedConfig, ResolvedEntry, open_snapshot, show_snapshot
from db.snapshot import Clear, Closed, Snapshot
from db.values import ConfigType
from gql.payloads import write_json
from gql.plans.outlines import Outline
from gql.plans.running import complete_plain
from gql.resolving import record_resolve, show_resolved
from gql.volume import MAX_VOLUME

_FORMS: Final = 2
"""Templates of one snapshot: an application sends one document, and who looks into it another."""

_DIGITS: Final = 6
"""Of a placeholder's number, so that where it ends is known."""


@dataclass(frozen=True, slots=True, repr=False)
class Template:
    """An answer with holes. `pieces` has one more than `openers`; `deed` is what giving it is on record as. No repr."""

    pieces: Sequence[bytes]
    openers: Sequence[Callable[[], bytes]]
    deed: Deed | None

    @property
    def weight(self) -> int:
        """Bytes of the pieces."""
        return sum(map(len, self.pieces))

    def fill(self) -> bytes:
        """The answer's JSON. Raises SealError if a secret does not open."""
        answer = [self.pieces[0]]
        for opener, piece in zip(self.openers, self.pieces[1:], strict=True):
            answer.append(opener())
            answer.append(piece)
        return b"".join(answer)


def answer(snapshot: Snapshot, outline: Outline) -> tuple[bytes, Deed | None]:
    """The answer's JSON, and what giving it is on record as. Raises Undecryptable or SealError if a secret does not
    open, and LimitExceeded if it is too large for this way."""
    template = _find(snapshot, outline)
    if template is not None:
        return template.fill(), template.deed
    resolved = open_snapshot(snapshot)
    written = _write(resolved, outline)
    _check_volume(len(written))
    return written, record_resolve(resolved)


def _find(snapshot: Snapshot, outline: Outline) -> Template | None:
    """The template of a snapshot; None where there is none to be had, and for the first who asks: making one costs more
    than an answer, and a snapshot that is not kept is asked for once."""
    forms: dict[str, Template | None] = snapshot.forms
    if outline.name not in forms:
        if len(forms) < _FORMS:
            forms[outline.name] = None
        return None
    found = forms[outline.name]
    if found is None and snapshot.cacheable and not snapshot.undecided:
        found = _make(snapshot, outline)
        # Aliases can ask for one thing many times: all templates together weigh no more than what they are made of.
        if found.weight + sum(form.weight for form in forms.values() if form) <= snapshot.weight:
            forms[outline.name] = found
    return found


def _make(snapshot: Snapshot, outline: Outline) -> Template:
    mark = secrets.token_hex(16)
    entries = [_stand_in(entry, f"{mark}{index:0{_DIGITS}}") for index, entry in enumerate(snapshot.entries)]
    resolved = show_snapshot(snapshot, entries)
    first, *others = _write(resolved, outline).split(f'"{mark}'.encode())
    closed = {index: entry for index, entry in enumerate(snapshot.entries) if isinstance(entry, Closed)}
    holes = [closed[int(other[:_DIGITS])] for other in others]
    pieces = [first, *(other[_DIGITS + 1 :] for other in others)]
    _check_volume(sum(map(len, pieces)) + sum(len(entry.sealed) for entry in holes))
    openers = {index: _opener(entry) for index, entry in closed.items()}
    return Template(pieces, [openers[int(other[:_DIGITS])] for other in others], record_resolve(resolved))


def _check_volume(length: int) -> None:
    """An answer that is too large is for the application to refuse, which counts its values."""
    if length > MAX_VOLUME:
        raise LimitExceeded("the answer is too large")


def _write(resolved: ResolvedConfig, outline: Outline) -> bytes:
    return write_json({"data": {outline.field.key: complete_plain(outline.shape, show_resolved(resolved))}})


def _stand_in(entry: Clear | Closed, placeholder: str) -> ResolvedEntry:
    if isinstance(entry, Clear):
        return ResolvedEntry(entry.key, entry.type, entry.value, entry.source)
    return ResolvedEntry(entry.key, ConfigType.SECRET, placeholder, entry.source)


def _opener(entry: Closed) -> Callable[[], bytes]:
    if entry.data_key is None:
        raise SealError
    return entry.data_key.opener(entry.place, entry.sealed)
