"""`python -m db.policy_page` writes docs/permissions.md from the policy."""

from pathlib import Path
from typing import Final

from db.access import EVERYTHING, Permission
from db.policy import FOLLOWING, POLICY, Reach, Rule

PAGE: Final = Path(__file__).parent.parent / "docs" / "permissions.md"

_HEAD: Final = """\
# Permissions

Written by `python -m db.policy_page` from the policy in `db/policy.py`; a test fails where the two differ.

Every operation is denied unless this table opens it. The policy is asked before an operation runs, and by the
rules themselves once more. A caller is refused in this order: `UNAUTHENTICATED` without a token that holds; `FORBIDDEN`
without the permission, or with a limit where none is allowed; `NOT_FOUND` for what its limits hide, word for word as
for what does not exist; `FORBIDDEN` to change or reveal what is global with a token that is limited to organizations.
"""

_KINDS: Final = ("Query", "Mutation", "Subscription")

_REACHES: Final = {
    Reach.SEEN: "own part",
    Reach.OWNED: "own things",
    Reach.STANDALONE: "own things, no integration limits",
    Reach.UNLIMITED: "no limits",
}


def write_page() -> str:
    """The text of docs/permissions.md."""
    sections = [_HEAD, "## Operations\n", *_table(sorted(POLICY, key=_place)), "", "## What limits mean\n"]
    sections += [f"- **{name}**: {reach.value}." for reach, name in _REACHES.items()]
    sections += ["", "## Permissions\n"]
    sections += [f"- `{permission}` opens {_opened(permission)}." for permission in Permission]
    sections += [f"- `{EVERYTHING}` is all of them.", "", "## Fields that look something up\n", _FOLLOWING]
    sections += [", ".join(f"`{name}`" for name in sorted(FOLLOWING)) + "."]
    return "\n".join(sections) + "\n"


_FOLLOWING: Final = """\
These need no more than the operation they are asked under: they show values masked, and only what the caller's limits
let it see. So a token with `config:write` alone sees, masked, what its own writes answer.
"""


def _table(names: list[str]) -> list[str]:
    rows = ["| operation | needs | limited tokens | sometimes also |", "| --- | --- | --- | --- |"]
    for name in names:
        rule = POLICY[name]
        needs = _needs(rule)
        rows.append(f"| `{name}` | {needs} | {_REACHES[rule.reach]} | {_also(rule)} |")
    return rows


def _needs(rule: Rule) -> str:
    if len(rule.permissions) == len(Permission):
        return "any permission"
    return " or ".join(f"`{permission}`" for permission in rule.permissions)


def _also(rule: Rule) -> str:
    return "" if rule.also is None else f"`{rule.also.permission}` {rule.also.when}"


def _opened(permission: Permission) -> str:
    opened = [name for name in sorted(POLICY, key=_place) if permission in POLICY[name].permissions]
    names = [name for name in opened if len(POLICY[name].permissions) < len(Permission)]
    return ", ".join(f"`{name}`" for name in names) or "nothing yet"


def _place(name: str) -> tuple[int, str]:
    kind = name.partition(".")[0]
    return (_KINDS.index(kind) if kind in _KINDS else len(_KINDS)), name


if __name__ == "__main__":
    PAGE.write_text(write_page())
