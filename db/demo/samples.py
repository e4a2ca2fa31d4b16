"""Made-up values: obviously fake, and shaped like the real thing."""

import random
import string
from collections.abc import Mapping, Sequence
from typing import Final

from db.demo.world import DemoField
from db.values import JSON, ConfigType, dump

_ALPHABET: Final = string.ascii_lowercase + string.digits
_PEMS: Final[Mapping[str, str]] = {
    "ssh_key": "OPENSSH PRIVATE KEY",
    "auth_ssh_key": "OPENSSH PRIVATE KEY",
    "private_key": "PRIVATE KEY",
    "client_key": "PRIVATE KEY",
    "ca_certificate": "CERTIFICATE",
    "client_certificate": "CERTIFICATE",
    "ssl_certificate": "CERTIFICATE",
}
_SERVICE_ACCOUNTS: Final = ("credentials_json", "service_account_info")
_JSON: Final[Mapping[str, JSON]] = {
    "credentials": {"auth_type": "oauth2"},
    "provider": {"bucket": "demo-exports", "endpoint": "https://s3.example.com"},
    "replication_method": {"method": "STANDARD"},
    "ssl_mode": {"mode": "verify-full"},
    "ssl_method": {"ssl_method": "encrypted_verify_certificate"},
    "tunnel_method": {"tunnel_method": "NO_TUNNEL"},
    "schemas": ["public", "reporting"],
    "projects": ["OPS", "WEB"],
    "metrics": ["installs", "cost"],
    "dimensions": ["day", "country"],
}
_TEXT: Final[Mapping[str, str]] = {
    "start_date": "2025-01-01T00:00:00Z",
    "end_date": "2025-12-31T00:00:00Z",
    "database": "analytics",
    "schema": "public",
    "region": "eu-central-1",
    "path_pattern": "**/*.csv",
    "base": "EUR",
    "role": "REPORTER",
    "warehouse": "REPORTING",
    "pokemon_name": "ditto",
}
_HOSTS: Final = ("host", "domain", "domain_name", "storage_endpoint_suffix")
_URLS: Final = ("url", "api_url", "queue_url", "endpoint", "datasetId")


def draw(field: DemoField, owner: str, lots: random.Random) -> JSON:
    """A value that fits the field, for the organization of this short name."""
    if field.options:
        return lots.choice(list(field.options))
    match field.type:
        case ConfigType.SECRET:
            return draw_secret(field.key, lots)
        case ConfigType.INT:
            return field.default or lots.choice([10, 30, 100, 1000])
        case ConfigType.BOOL:
            return lots.random() < 0.5
        case ConfigType.JSON:
            return _JSON.get(field.key, [f"{owner}-{number}" for number in range(1, lots.randint(2, 4))])
        case ConfigType.STRING:
            return _text(field.key, owner, lots)


def draw_secret(key: str, lots: random.Random) -> str:
    """A secret for this key; nobody's."""
    last = key.rpartition(".")[2]
    if last in _PEMS:
        return _pem(_PEMS[last], lots)
    if last in _SERVICE_ACCOUNTS:
        account: JSON = {"type": "service_account", "project_id": "demo", "private_key_id": _noise(lots, 24)}
        return dump(account)
    return f"demo-{last.replace('_', '-')}-{_noise(lots, 20)}"


def _text(key: str, owner: str, lots: random.Random) -> str:
    if key in _TEXT:
        return _TEXT[key]
    if key in _HOSTS:
        return f"{owner}.example.com"
    if key in _URLS:
        return f"https://{owner}.example.com/api"
    if "date" in key:
        return "2025-01-01"
    if key in ("email", "user", "username", "docker_username"):
        return f"integration@{owner}.example.com" if key == "email" else f"{owner}_reader"
    return str(lots.randint(10_000, 99_999)) if key.endswith("id") else f"{owner}-{key.replace('_', '-')}"


def _pem(label: str, lots: random.Random) -> str:
    lines: Sequence[str] = [_noise(lots, 64) for _ in range(4)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def _noise(lots: random.Random, length: int) -> str:
    return "".join(lots.choices(_ALPHABET, k=length))
