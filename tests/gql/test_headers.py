"""What browsers are told, with every answer of every kind."""

from typing import Any

import pytest

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/graphql", 200),
        ("POST", "/graphql?none", 401),
        ("GET", "/graphql?query={__typename}", 200),
        ("PUT", "/graphql", 405),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/nowhere", 404),
        ("POST", "/healthz", 405),
        ("GET", "/static/nothing.js", 404),
        ("GET", "/static/../app.py", 404),
    ],
)
async def test_answers_that_are_no_pages(api: Any, client: Any, method: str, path: str, status: int) -> None:
    """JSON, refusals too, is never kept by a cache, never sniffed, framed, or run as a page."""
    headers = {} if "none" in path else dict(client._headers)
    answer = await api.http.request(method, path, headers=headers, json={"query": "{ __typename }"})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    assert EVERYWHERE.items() <= dict(answer.headers).items()
    assert len(answer.headers.get_list("x-content-type-options")) == 1


async def test_an_answer_that_holds_a_secret(client: Any, api: Any, world: Any) -> None:
    """A revealed and a resolved secret are never kept by a browser or a proxy, as JSON or as events."""
    for accept in ("*/*", "text/event-stream"):
        headers = {**client._headers, "accept": accept}
        query = f'{{ resolve(integration: "{world.name}", organizationId: "{world.organization}") {{ config }} }}'
        for answer in (
            await api.http.post("/graphql", json={"query": query}, headers=headers),
            await api.http.get("/graphql", params={"query": query}, headers=headers),
        ):
            assert "the-default-key" in answer.text
            assert answer.headers["cache-control"].startswith("no-store")
            assert EVERYWHERE.items() <= dict(answer.headers).items()


async def test_the_page(api: Any) -> None:
    """GraphiQL runs this service's own files only, has no inline script, calls nobody else and cannot be framed."""
    page = await api.http.get("/graphql", headers={"accept": "text/html"})
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in page.headers["content-security-policy"]
    assert EVERYWHERE.items() <= dict(page.headers).items()
    assert "<script>" not in page.text
    assert "style=" not in page.text


async def test_files(api: Any) -> None:
    """Files of pages are not sniffed either."""
    file = await api.http.get("/static/graphiql.js")
    assert file.status_code == 200
    assert EVERYWHERE.items() <= dict(file.headers).items()
