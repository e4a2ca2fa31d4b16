"""Certificates and proxies, of the environment and others: the token goes to the service, or nowhere."""

import datetime
import ipaddress
import ssl
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from strongroom import AsyncStrongroom, SettingsError, Strongroom, Unavailable
from tests.sdk.clients import refuse
from tests.sdk.servers import GOOD, ORGANIZATION, SECRET, TOKEN, OddServer, reply

Serve = Callable[..., OddServer]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that nobody vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "odd")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "odd.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


def test_a_certificate_that_does_not_hold(
    serve: Serve, dial: Callable[..., Any], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says that it is the certificate, and nothing was sent; SSL_CERT_FILE vouches for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = serve(reply(GOOD), context)
    assert "certificate" in str(refuse(dial(server.url), Unavailable))
    plain = serve(reply(GOOD))
    assert "TLS" in str(refuse(dial(plain.url.replace("http:", "https:")), Unavailable))
    assert server.seen == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert dial(server.url).resolve("halo", ORGANIZATION).entity_id == "42"
    vouched = ssl.create_default_context(cafile=certificate)
    monkeypatch.delenv("SSL_CERT_FILE")
    assert dial(server.url, verify=vouched).resolve("halo", ORGANIZATION).entity_id == "42"


PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def set_proxy(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """An environment with these proxies and no others."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)

    def set_proxy(**given: str) -> None:
        for name, value in given.items():
            monkeypatch.setenv(name, value)

    return set_proxy


def test_a_proxy_sees_no_token(serve: Serve, dial: Callable[..., Any], set_proxy: Callable[..., None]) -> None:
    """Through a proxy of the environment goes a tunnel, never a token in the clear: http does without the proxy."""
    proxy, service = serve(reply(b"", "403 Forbidden")), serve(reply(GOOD))
    set_proxy(HTTP_PROXY=proxy.url, http_proxy=proxy.url, HTTPS_PROXY=proxy.url, ALL_PROXY=proxy.url)
    assert dial(service.url).resolve("halo", ORGANIZATION)["port"] == 443
    assert proxy.seen == []
    told = refuse(dial("https://strongroom.example.com"), Unavailable)
    assert "roxy" in told.message
    assert [seen.split(b" ")[0] for seen in proxy.seen] == [b"CONNECT"]
    assert TOKEN.encode() not in b"".join(proxy.seen)


def test_an_environment_that_cannot_be_used(set_proxy: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies and certificates that are none are an error of the settings, which repeats no credentials."""
    for given in ("socks5://planted-secret@h:1", "what://planted-secret@h", "http://planted-secret@h:port"):
        set_proxy(HTTPS_PROXY=given)
        for kind in (Strongroom, AsyncStrongroom):
            with pytest.raises(SettingsError) as refused:
                kind("https://a.example", token=TOKEN)
            assert SECRET not in "".join(traceback.format_exception(refused.value))
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at/all")
    with pytest.raises(SettingsError):
        Strongroom("https://a.example", token=TOKEN)
    for url in ("https://a b", "https://a\x00b", "http://[::1", f"https://{'a' * 70000}"):
        with pytest.raises(SettingsError):
            Strongroom(url, token=TOKEN)
