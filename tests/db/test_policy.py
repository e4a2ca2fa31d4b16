"""The policy: nothing is open that it does not open, and each of its rules is asked where the rule is kept."""

import re
import uuid
from pathlib import Path

import pytest

from db.access import Permission, Principal
from db.errors import Forbidden
from db.policy import FOLLOWING, POLICY, Reach, admit, admit_to
from db.policy_page import PAGE, write_page

ROOT = Path(__file__).parent.parent.parent
RUNS = {f"Mutation.{move}Backfill" for move in ("pause", "resume", "cancel")}


def caller(*permissions: Permission, organizations: bool = False, integrations: bool = False) -> Principal:
    limit = frozenset([uuid.uuid4()])
    return Principal(
        uuid.uuid4(), "x", frozenset(permissions), limit if organizations else None, limit if integrations else None
    )


def test_deny_is_the_default() -> None:
    """What the policy does not name is open to nobody, whatever they may do."""
    for name in ("Query.nothing", "", "config", *FOLLOWING):
        with pytest.raises(Forbidden):
            admit(caller(*Permission), name)


@pytest.mark.parametrize("name", POLICY)
def test_what_opens_an_operation(name: str) -> None:
    """Any one of its permissions opens an operation, and all others together do not."""
    rule = POLICY[name]
    assert rule.permissions
    for permission in rule.permissions:
        admit(caller(permission), name)
    with pytest.raises(Forbidden):
        admit(caller(*(set(Permission) - set(rule.permissions))), name)


@pytest.mark.parametrize("name", [name for name in POLICY if POLICY[name].reach is Reach.UNLIMITED])
def test_limits_where_none_is_allowed(name: str) -> None:
    """An operation that concerns everybody is refused to a token with any limit, before anything is looked up."""
    for limits in ({"organizations": True}, {"integrations": True}):
        with pytest.raises(Forbidden):
            admit(caller(*Permission, **limits), name)


def test_global_things_need_a_token_without_organization_limits() -> None:
    """To change what is global, or what stands alone, takes a token without the limit that would hide it."""
    limited, narrow = caller(*Permission, organizations=True), caller(*Permission, integrations=True)
    for name, rule in POLICY.items():
        admit_to(caller(*Permission), name, None)
        admit_to(limited, name, uuid.uuid4())
        if rule.reach in (Reach.OWNED, Reach.STANDALONE):
            with pytest.raises(Forbidden):
                admit_to(limited, name, None)
        if rule.reach is Reach.STANDALONE:
            with pytest.raises(Forbidden):
                admit_to(narrow, name, uuid.uuid4())
        else:
            admit_to(narrow, name, uuid.uuid4())


def test_every_rule_is_asked_in_db() -> None:
    """Each operation is admitted by the rule that carries it out too, not only at the edge; and no rule names a
    permission itself, or an operation that is not in the policy."""
    sources = {path: path.read_text() for path in (ROOT / "db").rglob("*.py") if path.name != "policy.py"}
    named = re.compile(r'"((?:Query|Mutation|Subscription|Config)\.\w+)"')
    asked = {name for text in sources.values() for name in named.findall(text)}
    # A subscription begins with the query of the same run.
    assert asked | RUNS | {"Subscription.backfillProgress"} == set(POLICY)
    found = [path.name for path, text in sources.items() if re.search(r"\.require\(", text)]
    assert found == []
    reaching = {name for text in sources.values() for name in re.findall(r'admit_to\([\w.]+, "([\w.]+)"', text)}
    owned = {name for name, rule in POLICY.items() if rule.reach in (Reach.OWNED, Reach.STANDALONE)}
    assert reaching | {"Mutation.deleteConfig", "Mutation.restoreConfig"} == owned


def test_the_page_is_written_from_the_policy() -> None:
    """docs/permissions.md says what the policy says: `python -m db.policy_page` writes it."""
    assert PAGE.read_text() == write_page()
