import pytest

from gql.negotiation import EVENTS, GRAPHQL, HTML, JSON, choose_media, is_json

URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/json; charset=utf-8, application/graphql-response+json;q=0.9", JSON),
        ("application/graphql-response+json", GRAPHQL),
        ("Application/GraphQL-Response+JSON; charset=utf-8, application/json", GRAPHQL),
        ("application/json;q=0.5, application/graphql-response+json", GRAPHQL),
        ("application/json;q=0, */*", GRAPHQL),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        ("text/html", None),
        ("text/event-stream", EVENTS),
        ("text/event-stream, application/json", EVENTS),
        ("text/event-stream, */*", EVENTS),
        ("application/json;q=0.9, Text/Event-Stream", EVENTS),
        ("text/event-stream, multipart/mixed", EVENTS),
        ("application/json, text/event-stream", JSON),
        ("*/*, text/event-stream", JSON),
        ("text/event-stream;q=0.9, application/json", JSON),
        ("text/event-stream;q=0", None),
        ("text/*", None),
        (URQL, GRAPHQL),
        ("application/json;q=0", None),
        ("application/json;q=many", None),
        (",;,", JSON),
    ],
)
def test_answers_in_what_is_accepted(accept: str, media: str | None) -> None:
    """The Accept header decides the answer's media type; JSON where it leaves the choice."""
    assert choose_media(accept) == media


def test_shows_the_page_to_browsers_only() -> None:
    """HTML is chosen only where it is offered and asked for by name."""
    assert choose_media("text/html,application/xhtml+xml,*/*;q=0.8", True) == HTML
    assert choose_media("*/*", True) == JSON
    assert choose_media("application/json, text/html", True) == JSON


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        ("application/json", True),
        ('Application/JSON; charset="UTF-8"', True),
        ("application/json; charset=latin-1", False),
        ("application/json; charset=utf-16", False),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data", False),
        ("", False),
    ],
)
def test_takes_json_in_utf_8_only(content_type: str, taken: bool) -> None:
    """A body is JSON in UTF-8; forms and plain text, which any web page can post, are not taken."""
    assert is_json(content_type) is taken
