"""A small OpenID Connect provider: `python oidc_server.py` prints its URL and serves until it is killed.

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


class Provider(BaseHTTPRequestHandler):
    """Answers as `state` says."""

    state: dict[str, Any] = {"listed": ["first"], "silent": False, "issuer": None, "reads": 0}  # noqa: RUF012

    def do_GET(self) -> None:
        url = f"http://{self.headers['host']}"
        if self.state["silent"]:
            self.send_error(503)
        elif self.path == "/.well-known/openid-configuration":
            self._answer({"issuer": self.state["issuer"] or url, "jwks_uri": f"{url}/jwks"})
        elif self.path == "/jwks":
            self.state["reads"] += 1
            self._answer({"keys": [describe(name) for name in self.state["listed"]]})
        elif self.path == "/moved":
            self.send_response(302)
            self.send_header("location", f"{url}/jwks")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/state":
            self.state.update(asked)
            self._answer(self.state)
            return
        if self.path == "/sign":
            self._answer({"signature": sign(asked["text"])})
            return
        name = asked.get("key", "first")
        header = {"alg": "RS256", "kid": name} | asked.get("header", {})
        header = {member: value for member, value in header.items() if value is not None}
        self._answer({"token": jwt.encode(header, asked["claims"], KEYS[name], algorithms=ALGORITHMS)})

    def _answer(self, body: dict[str, Any]) -> None:
        sent = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
