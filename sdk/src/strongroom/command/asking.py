"""What is asked of people, and what comes by standard input or from a file: never by the command line."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from strongroom.command.failures import DECLINED, USAGE, Failure
from strongroom.command.output import clean

STDIN = "-"
LIMIT = 8 * 2**20
"""Bytes that are read of a file, at most: as much as the service takes."""


def is_interactive() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def ask_secret(prompt: str) -> str:
    """A secret that is typed without being shown; from standard input, one line, where nobody types."""
    if is_interactive():
        return getpass.getpass(f"{prompt}: ")
    return drop_line_break(read_text(STDIN, encoding="utf-8"))


def drop_line_break(text: str) -> str:
    """A text without the one line break at its end that whoever wrote it on a line gave it."""
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def ask_line(prompt: str, default: str | None = None) -> str:
    """A line that is typed."""
    if not is_interactive():
        raise Failure(f"nobody can be asked for: {prompt}", code=USAGE)
    shown = f"{prompt} [{default}]: " if default else f"{prompt}: "
    sys.stderr.write(shown)
    sys.stderr.flush()
    return sys.stdin.readline().strip() or default or ""


def confirm(question: str, *, yes: bool) -> None:
    """Go on only when somebody says yes. Raises Failure."""
    if yes:
        return
    if not is_interactive():
        raise Failure(f"{question} nobody can be asked: --yes says so", code=DECLINED)
    if ask_line(f"{clean(question)} [y/N]").lower() not in ("y", "yes"):
        raise Failure("not confirmed: nothing was changed", code=DECLINED)


def read_text(file: str, encoding: str = "utf-8-sig") -> str:
    """The text of a file, or of standard input for `-`. Raises Failure, which does not repeat any of it.

    A mark that says in which order bytes come is left out, unless the encoding is utf-8: then nothing is.
    """
    try:
        if file == STDIN:
            data = sys.stdin.buffer.read(LIMIT + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(LIMIT + 1)
    except OSError as error:
        raise Failure(f"{clean(file)} cannot be read: {error.strerror}", code=USAGE) from None
    if len(data) > LIMIT:
        raise Failure(f"{clean(file)} is longer than {LIMIT // 2**20} MiB")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        pass
    raise Failure(f"{clean(file)} is not UTF-8")
