"""Sealing an export for another installation, in the format age (https://age-encryption.org/v1), with pyrage.

The recipient is a public key, the identity the secret key of the other side; any implementation of age makes both and
opens the file. Whoever has the public key can seal: a sealed file says nothing about who made it.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

from strongroom.command.asking import read_text
from strongroom.command.failures import USAGE, Failure
from strongroom.command.new_file import NewFile
from strongroom.command.output import clean

ARMOR = "-----BEGIN AGE ENCRYPTED FILE-----"


def is_sealed(text: str) -> bool:
    """Whether a text is a sealed export."""
    return text.lstrip().startswith(ARMOR)


def seal(text: str, recipients: list[str]) -> str:
    """The text, sealed for these public keys, as ASCII."""
    age = _find_age()
    try:
        keys: list[Any] = [age.x25519.Recipient.from_str(one.strip()) for one in recipients]
    except age.RecipientError:
        raise Failure("a recipient is a public key of age, which begins with age1", code=USAGE) from None
    return bytes(age.encrypt(text.encode(), keys, armored=True)).decode("ascii")


def unseal(text: str, identity_file: str) -> str:
    """The text that was sealed. Raises Failure where no identity of the file opens it, or some of it was changed."""
    age = _find_age()
    identities: list[Any] = []
    for line in read_text(identity_file).splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        with suppress(age.IdentityError):
            identities.append(age.x25519.Identity.from_str(line.strip()))
    if not identities:
        raise Failure(f"{clean(identity_file)} holds no identity: a line that begins with AGE-SECRET-KEY-1")
    try:
        return bytes(age.decrypt(text.strip().encode("ascii", "replace"), identities)).decode()
    except (age.DecryptError, UnicodeDecodeError):
        pass
    raise Failure("the file does not open: it is sealed for another key, or was changed")


def make_identity(file: str) -> str:
    """Makes a new identity in a new file that only its owner can read; its public key."""
    identity = _find_age().x25519.Identity.generate()
    recipient = str(identity.to_public())
    with NewFile(file) as opened:
        opened.write(f"# public key: {recipient}\n{identity}\n")
    return recipient


def _find_age() -> Any:
    """pyrage, which has no types and is an extra that few need."""
    try:
        return import_module("pyrage")
    except ImportError:
        raise Failure("sealed files need pyrage: pip install 'strongroom[sealed]'", code=USAGE) from None
