"""A config as text that other programs read. Any value survives, or is refused by its key.

env      NAME=value, as `docker run --env-file` reads it: to the end of the line, without quotes
dotenv   NAME='value', as python-dotenv reads it
shell    export NAME='value', as any POSIX shell reads it
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

from strongroom.command.failures import Failure
from strongroom.command.output import MASK, clean

Quote = Callable[[str, str], str]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,-]+")

# Loaders, shells, interpreters, proxies, certificates, temporary files: whoever may write a config is not to choose
# them for a command. STRONGROOM_ is this command's own.
_STEERING = re.compile(
    r"(BASH|DYLD|GIT|LD|LUA|MALLOC|OPENSSL|STRONGROOM)_.*"
    r"|PYTHON.*|PERL5?(LIB|OPT|DB)|RUBY(LIB|OPT)|GEM_(HOME|PATH)|(ALL|FTP|HTTPS?|NO)_PROXY"
    r"|NODE_(EXTRA_CA_CERTS|OPTIONS|PATH|REPL_EXTERNAL_MODULE|TLS_REJECT_UNAUTHORIZED)"
    r"|(JAVA_TOOL|JDK_JAVA|_JAVA)_OPTIONS|CLASSPATH|DOTNET_STARTUP_HOOKS|PHPRC|PHP_INI_SCAN_DIR"
    r"|SSL_CERT_(DIR|FILE)|SSLKEYLOGFILE|(CURL|REQUESTS)_CA_BUNDLE|(SSH|SUDO)_ASKPASS"
    r"|(CD|GCONV_|LOC|MAN|NLS|F)?PATH|GLIBC_TUNABLES|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS|TERM(CAP|INFO)?"
    r"|ENV|HOME|IFS|LOGNAME|OLDPWD|PROMPT_COMMAND|PS[0-4]|PWD|SHELL|SHELLOPTS|TE?MP|TMPDIR|USER|ZDOTDIR"
    r"|BROWSER|EDITOR|LESS(OPEN|CLOSE)|PAGER|VISUAL"
)


class Format(str, Enum):
    """How `resolve` prints a config."""

    TABLE = "table"
    JSON = "json"
    ENV = "env"
    DOTENV = "dotenv"
    SHELL = "shell"


def name_variables(keys: Iterable[str], prefix: str = "") -> dict[str, str]:
    """Key -> the environment variable that it becomes: `api-key` is API_KEY.

    Refused: two keys of one name, and names by which programs are steered, such as PATH, unless a prefix is given.
    """
    named: dict[str, str] = {}
    problems: list[str] = []
    taken: dict[str, str] = {}
    for key in keys:
        name = prefix + re.sub(r"[^A-Za-z0-9]", "_", key).upper()
        if not _NAME.fullmatch(name):
            name = f"_{name}"
        if name in taken:
            problems.append(f"{clean(key)} and {clean(taken[name])} are both {name}")
        if _STEERING.fullmatch(name):
            problems.append(f"{clean(key)} would be {name}, which steers programs: give a --prefix")
        taken[name] = key
        named[key] = name
    if problems:
        raise Failure("not every key can be a variable", problems)
    return named


def as_text(value: Any) -> str:
    """A value as a variable holds it: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write_lines(format: Format, values: Mapping[str, Any], masked: Iterable[str], prefix: str) -> list[str]:
    """One entry for each key; what is masked is a comment, so that no program takes the mask for the secret."""
    names, hidden, quote = name_variables(values, prefix), set(masked), _QUOTES[format]
    problems: list[str] = []
    lines: list[str] = []
    for key, name in names.items():
        text = as_text(values[key])
        if key in hidden:
            lines.append(f"# {name}={MASK}")
        elif "\0" in text:
            problems.append(f"{clean(key)}: has a NUL character, which no variable can hold")
        elif format is Format.ENV and ("\n" in text or "\r" in text):
            problems.append(f"{clean(key)}: has line breaks, which this format cannot hold; use dotenv, shell or json")
        else:
            lines.append(quote(name, text))
    if problems:
        raise Failure("not every value can be written", problems)
    return lines


def quote_shell(text: str) -> str:
    """A word of a POSIX shell: nothing in it is expanded."""
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "'\"'\"'") + "'"


def quote_dotenv(text: str) -> str:
    """A value as python-dotenv reads it with its defaults.

    It expands ${…} even between quotes, and before 1.2 took a backslash before the closing quote for an escape of it.
    ${:-x} is x there, which is how `${` and a last backslash are written.
    """
    if _PLAIN.fullmatch(text):
        return text
    text = text.replace("\\", "\\\\")
    # Between single quotes a carriage return would be read as a line break.
    mark = '"' if "\r" in text else "'"
    text = text.replace(mark, f"\\{mark}").replace("\r", "\\r").replace("${", "${:-$}{")
    return f"{mark}{text}{'${:-}' if text.endswith(chr(92)) else ''}{mark}"


_QUOTES: Mapping[Format, Quote] = {
    Format.ENV: lambda name, text: f"{name}={text}",
    Format.DOTENV: lambda name, text: f"{name}={quote_dotenv(text)}",
    Format.SHELL: lambda name, text: f"export {name}={quote_shell(text)}",
}
