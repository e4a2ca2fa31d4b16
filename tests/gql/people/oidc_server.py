"""A small OpenID Connect provider: `python -m tests.gql.people.oidc_server` prints its URL and serves until it is
killed.

Its own, since a test must make it misbehave: sign what no honest provider signs, change its keys, fall silent. It
signs with joserfc, so that what it signs is not checked by the library that made it.

GET  /.well-known/openid-configuration, /jwks     what providers have
POST /token   {"claims": {…}, "header": {…}, "key": "first"}     a signed JWT
POST /sign    {"text": "…"}     a signature of anything
POST /state   {"listed": ["first"], "silent": false, "issuer": "…"}     how it behaves; answers how often /jwks was read
"""

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.json_answers import JSONAnswers

KEYS: dict[str, Any] = {
    "first": RSAKey.generate_key(2048, {"kid": "first"}),
    "second": RSAKey.generate_key(2048, {"kid": "second"}),
    "stranger": RSAKey.generate_key(2048, {"kid": "first"}),
    "weak": RSAKey.generate_key(1024, {"kid": "weak"}),
    "encrypting": RSAKey.generate_key(2048, {"kid": "encrypting"}),
    "curve": ECKey.generate_key("P-256", {"kid": "curve"}),
    "edwards": OKPKey.generate_key("Ed25519", {"kid": "edwards"}),
}
LISTED_AS = {"first": {"use": "sig", "alg": "RS256"}, "encrypting": {"use": "enc"}}
ALGORITHMS = ["RS256", "RS384", "PS256", "ES256", "EdDSA", "Ed25519"]


def describe(name: str) -> dict[str, Any]:
    """A key as the JWKS lists it."""
    return KEYS[name].as_dict(private=False) | LISTED_AS.get(name, {})


def sign(text: str) -> str:
    """The signature (RS256, first key) of what joserfc would refuse to sign."""
    signature = KEYS["first"].private_key.sign(text.encode(), PKCS1v15(), SHA256())
    return base64.urlsafe_b64encode(signature).decode().rstrip("=")


class Provider(JSONAnswers, BaseHTTPRequestHandler):
    """Answers as `state` says."""

    state: dict[str, Any] = {"listed": ["first"], "silent": False, "issuer": None, "reads": 0}  # noqa: RUF012

    def do_GET(self) -> None:
        url = f"http://{self.headers['host']}"
        if self.state["silent"]:
            self.send_error(503)
        elif self.path == "/.well-known/openid-configuration":
            self.answer({"issuer": self.state["issuer"] or url, "jwks_uri": f"{url}/jwks"})
        elif self.path == "/jwks":
            self.state["reads"] += 1
            self.answer({"keys": [describe(name) for name in self.state["listed"]]})
        elif self.path == "/moved":
            self.send_on(f"{url}/jwks")
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        asked = json.loads(self.read())
        if self.path == "/state":
            self.state.update(asked)
            self.answer(self.state)
            return
        if self.path == "/sign":
            self.answer({"signature": sign(asked["text"])})
            return
        name = asked.get("key", "first")
        header = {"alg": "RS256", "kid": name} | asked.get("header", {})
        header = {member: value for member, value in header.items() if value is not None}
        self.answer({"token": jwt.encode(header, asked["claims"], KEYS[name], algorithms=ALGORITHMS)})


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
