import base64
from pathlib import Path

import pytest

from db.errors import SettingsError
from db.settings import Settings, asyncpg_dsn, sqlalchemy_url

PLANTED = "planted-secret-0123456789abcdefghijklmn"
FERNET = base64.urlsafe_b64encode(bytes(range(32))).decode()
ROOT = "k1:" + base64.b64encode(bytes(range(32))).decode()


def test_defaults():
    """Without any variable: this folder's .strongroom, 127.0.0.1:8000, embedded servers, no keys."""
    settings = Settings.from_env({})
    assert settings == Settings(home=Path.cwd() / ".strongroom", host="127.0.0.1", port=8000)


def test_a_misspelt_setting_is_told(caplog: pytest.LogCaptureFixture):
    """A variable whose name is nearly a setting's is told with the one that was meant, without its value; what the SDK
    and others read is not."""
    others = ("STRONGROOM_URL", "STRONGROOM_TOKEN", "STRONGROOM_ORGANIZATION", "STRONGROOM_PROFILE", "MY_ROOT_KEY")
    Settings.from_env(dict.fromkeys(others, PLANTED))
    assert caplog.text == ""
    Settings.from_env({"STRONGROOM_ROOT_KEY": PLANTED, "STRONGROOM_TRUSTED_DOCUMENT": "only"})
    told = ["STRONGROOM_ROOT_KEY is not a setting and is ignored; STRONGROOM_ROOT_KEYS is one"]
    told += ["STRONGROOM_TRUSTED_DOCUMENT is not a setting and is ignored; STRONGROOM_TRUSTED_DOCUMENTS is one"]
    assert [record.getMessage() for record in caplog.records] == told
    assert PLANTED not in caplog.text


def test_everything_given():
    """Every variable of the contract is read."""
    settings = Settings.from_env(
        {
            "STRONGROOM_HOME": "/srv/strongroom",
            "STRONGROOM_HOST": "::",
            "STRONGROOM_PORT": "9000",
            "DATABASE_URL": "postgresql://a:b@c/d",
            "REDIS_URL": "redis://localhost:6379/1",
            "STRONGROOM_ADMIN_TOKEN": PLANTED,
            "STRONGROOM_ROOT_KEYS": ROOT,
            "STRONGROOM_LEGACY_FERNET_KEYS": f"{FERNET}, {FERNET}",
            "STRONGROOM_LEGACY_SECRET_KEY": "key",
            "STRONGROOM_LEGACY_SECRET_KEY_SALT": "salt",
            "STRONGROOM_LEGACY_SECRET_KEY_INFO": "info",
            "STRONGROOM_CORS_ORIGINS": "https://console.example.com, http://[::1]:5173",
            "STRONGROOM_TRUSTED_DOCUMENTS": "allow",
            "STRONGROOM_TRUSTED_DOCUMENTS_FILE": "documents.json",
            "STRONGROOM_AUTOMATIC_PERSISTED_QUERIES": "500",
        }
    )
    assert settings == Settings(
        home=Path("/srv/strongroom"),
        host="::",
        port=9000,
        database_url="postgresql://a:b@c/d",
        redis_url="redis://localhost:6379/1",
        admin_token=PLANTED,
        root_keys=ROOT,
        legacy_fernet_keys=(FERNET, FERNET),
        legacy_secret_key="key",
        legacy_secret_key_salt="salt",
        legacy_secret_key_info="info",
        cors_origins=("https://console.example.com", "http://[::1]:5173"),
        trusted_documents="allow",
        trusted_documents_file=Path.cwd() / "documents.json",
        automatic_persisted_queries=500,
    )


def test_revealing_with_a_reason():
    """A reason is asked for only where that is set."""
    given = Settings.from_env({"STRONGROOM_REVEAL_REASON": "required"})
    assert (Settings.from_env({}).reveal_needs_reason, given.reveal_needs_reason) == (False, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRONGROOM_PORT", PLANTED),
        ("STRONGROOM_PORT", "0"),
        ("STRONGROOM_PORT", "65536"),
        ("STRONGROOM_PORT", "-1"),
        ("STRONGROOM_PORT", "٨٠٨٠"),
        ("STRONGROOM_API_PROCESSES", "0"),
        ("STRONGROOM_API_PROCESSES", "65"),
        ("STRONGROOM_API_PROCESSES", "two"),
        ("STRONGROOM_HOST", f"http://{PLANTED}"),
        ("STRONGROOM_HOME", f"~{PLANTED}/x"),
        ("STRONGROOM_ADMIN_TOKEN", PLANTED[:31]),
        ("STRONGROOM_ADMIN_TOKEN", f"{PLANTED} {PLANTED}"),
        ("STRONGROOM_ADMIN_TOKEN", f"{PLANTED}é"),
        ("DATABASE_URL", f"mysql://u:{PLANTED}@h/d"),
        ("DATABASE_URL", f"postgresql:{PLANTED}"),
        ("DATABASE_URL", f"postgresql://u:{PLANTED}@h:port/d"),
        ("DATABASE_URL", f"postgresql://u:{PLANTED}@[h/d"),
        ("DATABASE_URL", f"postgresql://u:{PLANTED} @h/d"),
        ("DATABASE_URL", f"postgresql://h/d?sslpassword={PLANTED}"),
        ("STRONGROOM_MIGRATION_DATABASE_URL", f"mysql://u:{PLANTED}@h/d"),
        ("STRONGROOM_MIGRATION_DATABASE_URL", f"postgresql://u:{PLANTED}@h/d"),
        ("STRONGROOM_TRUSTED_PROXIES", PLANTED),
        ("STRONGROOM_INTROSPECTION", PLANTED),
        ("STRONGROOM_REVEAL_REASON", PLANTED),
        ("STRONGROOM_BACKFILL_MAX_LAG", PLANTED),
        ("STRONGROOM_BACKFILL_MAX_LAG", "0"),
        ("STRONGROOM_BACKFILL_SCHEDULE", PLANTED),
        ("STRONGROOM_BACKFILL_SCHEDULE", "61"),
        ("REDIS_URL", f"http://u:{PLANTED}@h"),
        ("REDIS_URL", f"redis://:{PLANTED}@h:port"),
        ("REDIS_URL", f"redis://:{PLANTED}@h/zero"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "unix://"),
        ("STRONGROOM_ROOT_KEYS", PLANTED),
        ("STRONGROOM_ROOT_KEYS", f"{ROOT},{ROOT}"),
        ("STRONGROOM_LEGACY_FERNET_KEYS", PLANTED),
        ("STRONGROOM_LEGACY_FERNET_KEYS", f"{FERNET},{PLANTED}"),
        ("STRONGROOM_LEGACY_SECRET_KEY", f"\udcff{PLANTED}"),
        ("STRONGROOM_CORS_ORIGINS", "*"),
        ("STRONGROOM_CORS_ORIGINS", "https://a.example, *"),
        ("STRONGROOM_CORS_ORIGINS", "https://a.example,"),
        ("STRONGROOM_CORS_ORIGINS", "https://a.example/"),
        ("STRONGROOM_CORS_ORIGINS", "https://A.example"),
        ("STRONGROOM_CORS_ORIGINS", "https://a.example:443"),
        ("STRONGROOM_CORS_ORIGINS", "http://[::1]:80"),
        ("STRONGROOM_CORS_ORIGINS", f"https://u:{PLANTED}@a.example"),
        ("STRONGROOM_CORS_ORIGINS", "null"),
        ("STRONGROOM_TRUSTED_DOCUMENTS", PLANTED),
        ("STRONGROOM_TRUSTED_DOCUMENTS", "only"),
        ("STRONGROOM_TRUSTED_DOCUMENTS_FILE", "documents.json"),
        ("STRONGROOM_AUTOMATIC_PERSISTED_QUERIES", "-1"),
        ("STRONGROOM_AUTOMATIC_PERSISTED_QUERIES", "100001"),
        ("STRONGROOM_AUTOMATIC_PERSISTED_QUERIES", PLANTED),
    ],
)
def test_malformed_value(name: str, value: str):
    """A malformed value is refused in one line that names the variable and repeats nothing of the value."""
    with pytest.raises(SettingsError) as refusal:
        Settings.from_env({name: value})
    told = str(refusal.value)
    assert name in told
    assert "\n" not in told
    assert PLANTED[:10] not in told
    assert refusal.value.__context__ is None or PLANTED[:10] not in repr(refusal.value.__context__)


def test_nobody_registers_where_only_trusted_documents_run():
    """Settings that contradict each other are refused, not weighed against each other."""
    given = {"STRONGROOM_TRUSTED_DOCUMENTS": "only", "STRONGROOM_TRUSTED_DOCUMENTS_FILE": "documents.json"}
    with pytest.raises(SettingsError, match="cannot go with STRONGROOM_TRUSTED_DOCUMENTS=only"):
        Settings.from_env({**given, "STRONGROOM_AUTOMATIC_PERSISTED_QUERIES": "1"})
    assert Settings.from_env({**given, "STRONGROOM_TRUSTED_DOCUMENTS": "off"}).trusted_documents == "off"


@pytest.mark.parametrize("name", ["DATABASE_URL", "STRONGROOM_ROOT_KEYS", "STRONGROOM_HOME", "STRONGROOM_CORS_ORIGINS"])
@pytest.mark.parametrize("value", ["", "  "])
def test_blank_value(name: str, value: str):
    """A variable that is set but blank is refused: nothing starts on an empty database by mistake."""
    with pytest.raises(SettingsError, match=f"{name} is set but blank"):
        Settings.from_env({name: value})


def test_text_form_shows_no_secret():
    """Settings printed by accident show neither keys, nor tokens, nor the URLs' passwords."""
    settings = Settings.from_env(
        {
            "DATABASE_URL": f"postgresql://u:{PLANTED}@h/d",
            "REDIS_URL": f"redis://:{PLANTED}@h",
            "STRONGROOM_ADMIN_TOKEN": PLANTED,
            "STRONGROOM_ROOT_KEYS": ROOT,
            "STRONGROOM_LEGACY_FERNET_KEYS": FERNET,
            "STRONGROOM_LEGACY_SECRET_KEY": PLANTED,
        }
    )
    for secret in (PLANTED, ROOT, FERNET):
        assert secret not in repr(settings)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_schemes(scheme: str):
    """All three usual spellings of the scheme are taken."""
    url = f"{scheme}://u:p%40ss@h:5433/d"
    assert Settings.from_env({"DATABASE_URL": url}).database_url == url
    assert asyncpg_dsn(url) == "postgresql://u:p%40ss@h:5433/d"
    assert sqlalchemy_url(url) == "postgresql+asyncpg://u:p%40ss@h:5433/d"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("redis://localhost:6379", "redis://localhost:6379"),
        ("redis://localhost:6379/", "redis://localhost:6379"),
        ("rediss://u:p@h/3", "rediss://u:p@h/3"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("unix:///run/redis.sock?db=2", "unix:///run/redis.sock?db=2"),
    ],
)
def test_redis_urls(given: str, kept: str):
    """Redis URLs keep their meaning; a trailing slash, which arq stumbles over, goes."""
    assert Settings.from_env({"REDIS_URL": given}).redis_url == kept


def test_parameters_for_sqlalchemy():
    """A URL's parameters reach asyncpg through SQLAlchemy; a password goes where SQLAlchemy hides it."""
    url = sqlalchemy_url("postgres://h/?host=/run/pg&sslmode=verify-full&user=me&password=p%20w&dbname=d")
    assert url == (
        "postgresql+asyncpg://me:p%20w@h/d?dsn=postgresql%3A%2F%2F%3Fhost%3D%2Frun%2Fpg%26sslmode%3Dverify-full"
    )
