"""A provider, and JWTs that are none of its own."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt import PyJWK

AUDIENCE = "strongroom"


WHO = "{ tokens { totalCount } }"


CONFIGS = "{ configs { totalCount edges { node { key value } } } }"


TOLD = '{"errors":[{"message":"a valid bearer token is needed","extensions":{"code":"UNAUTHENTICATED"}}]}'


@dataclass
class Provider:
    """The provider's process."""

    url: str

    def sign(self, key: str = "first", header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A JWT. A claim or a header member given as None is left out."""
        now = int(time.time())
        usual = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "anna",
            "iat": now,
            "exp": now + 300,
            "permissions": ["*"],
            "jti": str(uuid.uuid4()),
        }
        sent = {name: value for name, value in (usual | claims).items() if value is not None}
        asked = {"claims": sent, "key": key, "header": header or {}}
        return httpx.post(f"{self.url}/token", json=asked).json()["token"]

    def sign_anything(self, text: bytes) -> bytes:
        """A signature by the first key."""
        found = httpx.post(f"{self.url}/sign", json={"text": text.decode()}).json()["signature"]
        return base64.urlsafe_b64decode(found + "==")

    def behave(self, **state: Any) -> int:
        """Change how it behaves; how often its keys have been read."""
        return httpx.post(f"{self.url}/state", json=state).json()["reads"]

    def jwks(self) -> list[dict[str, Any]]:
        return httpx.get(f"{self.url}/jwks").json()["keys"]


SignIn = Callable[..., Any]


def now(seconds: int) -> int:
    return int(time.time()) + seconds


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forge(provider: Provider, header: dict[str, Any], sign: Callable[[bytes], bytes], claims: str | None = None) -> str:
    told = claims or json.dumps(
        {"iss": provider.url, "aud": AUDIENCE, "sub": "anna", "exp": now(300), "permissions": ["*"]}
    )
    signed = f"{encode(json.dumps(header).encode())}.{encode(told.encode())}"
    return f"{signed}.{encode(sign(signed.encode()))}"


def confuse(provider: Provider, algorithm: str) -> str:
    """Signed symmetrically, with the public key's PEM for a secret."""
    pem = PyJWK(provider.jwks()[0]).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return forge(
        provider, {"alg": algorithm, "kid": "first"}, lambda signed: hmac.new(pem, signed, hashlib.sha256).digest()
    )


def exchange(one: str, other: str) -> str:
    """The claims of the other under the signature of the one."""
    header, _, signature = one.split(".")
    return f"{header}.{other.split('.')[1]}.{signature}"
