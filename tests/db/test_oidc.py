"""The settings of the sign-in provider: all of them fit, or nothing starts."""

import pytest

from db.access import Permission
from db.errors import SettingsError
from db.oidc import ALGORITHMS, NAMES, Oidc, is_safe_url, looks_like_jwt, read_oidc
from db.settings import Settings
from db.tokens import generate_token

GIVEN = {"STRONGROOM_OIDC_ISSUER": "https://id.example.com", "STRONGROOM_OIDC_AUDIENCE": "strongroom"}


def test_none() -> None:
    """Without any of its settings nobody signs in by OIDC."""
    assert read_oidc({}) is None
    assert Settings.from_env({}).oidc is None


def test_the_least() -> None:
    """An issuer and an audience are enough; the rest has defaults that are strict."""
    assert read_oidc(GIVEN) == Oidc("https://id.example.com", ("strongroom",))
    assert Oidc("", ()).algorithms == ("RS256",)


def test_the_console_as_a_client() -> None:
    """Without a client people do not sign in to the console; its scopes are those given, openid among them."""
    told = read_oidc(GIVEN | {"STRONGROOM_OIDC_CLIENT_ID": "console", "STRONGROOM_OIDC_SCOPES": "openid  email"})
    assert told is not None
    assert (told.client_id, told.scopes) == ("console", "openid email")
    for scopes in ("profile", 'openid "x"', "openid\n"):
        with pytest.raises(SettingsError, match="STRONGROOM_OIDC_SCOPES"):
            read_oidc(GIVEN | {"STRONGROOM_OIDC_SCOPES": scopes})


def test_all() -> None:
    """Every setting is read."""
    found = Settings.from_env(
        GIVEN
        | {
            "STRONGROOM_OIDC_AUDIENCE": "one, two",
            "STRONGROOM_OIDC_JWKS_URL": "https://id.example.com/keys",
            "STRONGROOM_OIDC_ALGORITHMS": "ES256,EdDSA",
            "STRONGROOM_OIDC_PERMISSIONS_CLAIM": "realm_access.roles",
            "STRONGROOM_OIDC_ORGANIZATIONS_CLAIM": "orgs",
            "STRONGROOM_OIDC_INTEGRATIONS_CLAIM": "products",
            "STRONGROOM_OIDC_ROLES": '{"admin": ["*"], "reader": ["config:read"], "none": []}',
            "STRONGROOM_OIDC_LEEWAY": "0",
        }
    ).oidc
    roles = {"admin": frozenset(Permission), "reader": frozenset({Permission.CONFIG_READ}), "none": frozenset()}
    algorithms = ("ES256", "EdDSA")
    wanted = Oidc(
        "https://id.example.com",
        ("one", "two"),
        "https://id.example.com/keys",
        algorithms,
        "realm_access.roles",
        "orgs",
        "products",
        roles,
        0,
    )
    assert found == wanted


WRONG = {
    "ISSUER": [
        "http://id.example.com",
        "id.example.com",
        "file:///etc/passwd",
        "https://",
        "https://a b",
        "https://[x",
    ],
    "JWKS_URL": ["http://id.example.com/keys", "ftp://id.example.com", "https://user:word@id.example.com"],
    "ALGORITHMS": ["HS256", "none", "RS256,HS512", "RS256,none", "rs256", ","],
    "ROLES": ["[]", "{", '{"a": "config:read"}', '{"a": ["config:delete"]}', '{"a": [1]}', "[" * 100_000],
    "LEEWAY": ["-1", "301", "1.5", "x"],
    "MAX_AGE": ["0", "-1", "1.5", "99999999", "x"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_value_that_does_not_fit(name: str, value: str) -> None:
    """A setting that does not fit is named; symmetric algorithms and none are not to be had."""
    with pytest.raises(SettingsError, match=f"STRONGROOM_OIDC_{name}"):
        read_oidc(GIVEN | {f"STRONGROOM_OIDC_{name}": value})


@pytest.mark.parametrize("name", ["ISSUER", "AUDIENCE"])
def test_half_of_it(name: str) -> None:
    """A part of the settings without the issuer or the audience is a mistake, not a provider without checks."""
    with pytest.raises(SettingsError, match=name):
        read_oidc({key: value for key, value in GIVEN.items() if not key.endswith(name)})


@pytest.mark.parametrize("name", NAMES)
def test_blank(name: str) -> None:
    """A blank setting is refused, as all blank settings are."""
    with pytest.raises(SettingsError, match="blank"):
        Settings.from_env(GIVEN | {name: " "})


def test_an_audience_of_nothing() -> None:
    """An audience that lists nothing is refused: it would let no token in, or every one."""
    with pytest.raises(SettingsError, match="AUDIENCE"):
        read_oidc(GIVEN | {"STRONGROOM_OIDC_AUDIENCE": " , "})


def test_an_admin_token_like_a_jwt() -> None:
    """An admin token that would be taken for a JWT is refused where people sign in, for it would never hold."""
    token = {"STRONGROOM_ADMIN_TOKEN": "eyJ" + "a" * 40 + ".b.c"}
    assert Settings.from_env(token).admin_token is not None
    with pytest.raises(SettingsError, match="STRONGROOM_ADMIN_TOKEN"):
        Settings.from_env(GIVEN | token)
    assert not looks_like_jwt(generate_token())


def test_plain_http_is_for_this_machine_only() -> None:
    """Keys come over TLS, or from this very machine."""
    assert is_safe_url("http://127.0.0.1:9/x")
    assert is_safe_url("http://localhost/x")
    assert is_safe_url("http://[::1]/x")
    assert not is_safe_url("http://127.0.0.1.example.com/x")


def test_every_algorithm_is_asymmetric() -> None:
    """No algorithm takes a key that the provider's public keys could be mistaken for."""
    assert {kind for kind, _ in ALGORITHMS.values()} == {"RSA", "EC", "OKP"}


@pytest.mark.parametrize("name", ["ADDRESS", "CREDENTIAL"])
@pytest.mark.parametrize("value", ["0", "-1", "x", "1000001"])
def test_limits_of_failures(name: str, value: str) -> None:
    """The limits of failed sign-ins are whole numbers from 1."""
    variable = f"STRONGROOM_FAILED_SIGN_INS_PER_{name}"
    with pytest.raises(SettingsError, match=variable):
        Settings.from_env({variable: value})
    found = Settings.from_env({variable: "7"})
    assert 7 in (found.failed_sign_ins_per_address, found.failed_sign_ins_per_credential)
