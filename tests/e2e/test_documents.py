"""What the documents point at is there: places within documents, and files of this repository."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    ROOT / "sdk" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def anchors_of(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_to_headings(document: Path) -> None:
    """Every link to a place in a document leads to a heading that is there."""
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", document.read_text()):
        linked = (document.parent / target).resolve() if target else document
        assert anchor in anchors_of(linked), f"{target}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_named_files_are_there(document: Path) -> None:
    """Every file of this repository that a document names is where it says."""
    for name in re.findall(r"`((?:db|gql|workers|bench|tests|client|sdk)/[\w/.-]+\.\w+)`", document.read_text()):
        assert (ROOT / name).exists(), name
