"""A sign-in provider of people: discovery, keys, and the code flow with PKCE, for one public client.

Whoever comes to /authorize is signed in at once and sent back with a code. `seconds` is how long a JWT holds.
"""

import base64
import hashlib
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.json_answers import JSONAnswers

CLIENT = "strongroom-console"


class Provider:
    """The provider; it serves until the block ends."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256", "use": "sig"})
        self.challenges: dict[str, str] = {}
        self.seconds = 300
        self.refreshed = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"provider": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.settings = {
            "STRONGROOM_OIDC_ISSUER": self.url,
            "STRONGROOM_OIDC_AUDIENCE": CLIENT,
            "STRONGROOM_OIDC_CLIENT_ID": CLIENT,
            "STRONGROOM_OIDC_LEEWAY": "0",
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def grant(self) -> dict[str, Any]:
        """Tokens of the one person there is: the access token is none of Strongroom's business."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "7",
            "preferred_username": "ada",
            "permissions": ["config:read", "config:reveal"],
            "iat": now,
            "exp": now + self.seconds,
        }
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        return {"access_token": "opaque", "id_token": token, "refresh_token": secrets.token_urlsafe(16)}


class _Handler(JSONAnswers, BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/.well-known/openid-configuration":
            base = self.provider.url
            ends = {"jwks_uri": "jwks", "authorization_endpoint": "authorize", "token_endpoint": "token"}
            self.answer({"issuer": base} | {name: f"{base}/{end}" for name, end in ends.items()})
        elif url.path == "/jwks":
            self.answer({"keys": [self.provider.key.as_dict(private=False)]})
        elif url.path == "/authorize" and query["client_id"] == CLIENT and query["code_challenge_method"] == "S256":
            code = secrets.token_urlsafe(16)
            self.provider.challenges[code] = query["code_challenge"]
            self.send_on(f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}")
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        form = {name: values[0] for name, values in parse_qs(self.read()).items()}
        if form["grant_type"] == "refresh_token":
            self.provider.refreshed += 1
            self.answer(self.provider.grant())
            return
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if self.provider.challenges.pop(form["code"], None) != challenge:
            self.send_error(400)
            return
        self.answer(self.provider.grant())
