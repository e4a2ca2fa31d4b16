"""What every answer tells a browser: what it may do with it. A page may set its own; nothing goes without."""

from collections.abc import MutableSequence
from typing import Final

_SEALED: Final = "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

NOTHING_POLICY: Final = f"default-src 'none'; {_SEALED}"
"""For answers that are no pages: whoever gets a browser to show one as a page has nothing run, loaded or framed."""

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " + _SEALED
)
"""For pages: files of this service alone, no inline script, no calls to anywhere else. What a script that crept in
has read, it cannot send away."""

_ALWAYS: Final = (
    (b"content-security-policy", NOTHING_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_UNCACHED: Final = (b"cache-control", b"no-store")


def complete_headers(headers: MutableSequence[tuple[bytes, bytes]]) -> None:
    """Add what an answer does not say itself. Only files, which have a tag, may be kept by a cache."""
    given = {name for name, _ in headers}
    headers.extend(pair for pair in _ALWAYS if pair[0] not in given)
    if b"cache-control" not in given and b"etag" not in given:
        headers.append(_UNCACHED)
