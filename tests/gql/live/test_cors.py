from typing import Any

import httpx
import pytest

ALLOWED = "https://console.example.com"
TOKEN = "Bearer let-me-in"


def ask_first(origin: str, **headers: str) -> dict[str, str]:
    return {"origin": origin, "access-control-request-method": "POST", **headers}


@pytest.mark.parametrize("stage", [{"origins": (ALLOWED,)}], indirect=True)
async def test_pages_of_allowed_origins(stage: Any) -> None:
    """A page of a configured origin may ask with its token, reads the answer, and nobody else's page does."""
    url = f"http://127.0.0.1:{stage.port}/graphql"
    wanted = {"access-control-request-headers": "authorization,content-type,strongroom-reason"}
    async with httpx.AsyncClient() as http:
        allowed = await http.options(url, headers=ask_first(ALLOWED, **wanted))
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == ALLOWED
        assert "authorization" in allowed.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in allowed.headers
        for headers in (
            ask_first("https://evil.example.com"),
            ask_first("null"),
            ask_first(ALLOWED, **{"access-control-request-headers": "x-other"}),
            {**ask_first(ALLOWED), "access-control-request-method": "DELETE"},
        ):
            refused = await http.options(url, headers=headers)
            assert refused.status_code == 400
            assert refused.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
            assert refused.headers.get("access-control-allow-origin") in (None, ALLOWED)
        body = {"query": "{ hello }"}
        for origin, shown in ((ALLOWED, ALLOWED), ("https://evil.example.com", None)):
            answer = await http.post(url, headers={"origin": origin, "authorization": TOKEN}, json=body)
            assert answer.headers.get("access-control-allow-origin") == shown
            assert "Origin" in answer.headers["vary"]
        refused = await http.post(url, headers={"origin": ALLOWED}, json=body)
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, ALLOWED)


async def test_without_configuration(stage: Any) -> None:
    """Nothing is allowed, and nothing about origins is said, until origins are configured."""
    async with httpx.AsyncClient() as http:
        answer = await http.options(f"http://127.0.0.1:{stage.port}/graphql", headers=ask_first(ALLOWED))
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]
