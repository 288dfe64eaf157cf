"""Parsing, validation and protection of settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from pollwire_server.domain.rate_limit import RateLimit
from pollwire_server.settings import Settings, SettingsError, decode_settings, encode_settings, read_settings

STRONG = "0123456789abcdef"


def test_empty_environment_gives_defaults() -> None:
    assert read_settings({}) == Settings()


def test_every_variable_sets_its_field() -> None:
    read = read_settings(
        {
            "POLLWIRE_HOST": "0.0.0.0",
            "POLLWIRE_PORT": "9000",
            "POLLWIRE_WORKERS": "2",
            "POLLWIRE_DATA_DIR": "/srv/polls",
            "POLLWIRE_REDIS_URL": "redis://cache:6379",
            "POLLWIRE_SECRET": STRONG,
            "POLLWIRE_ADMIN_KEY": STRONG,
            "POLLWIRE_PUBLIC_URL": "https://polls.example.org/",
            "POLLWIRE_ALLOWED_ORIGINS": "https://a.example, https://b.example:8443",
            "POLLWIRE_STREAM_HZ": "2.5",
            "POLLWIRE_LOG_FORMAT": "json",
            "POLLWIRE_RESULTS_MAX_AGE": "30",
            "POLLWIRE_WEBHOOK_ALLOW": "Hooks.Intern, 10.0.0.0/8 ::1",
        }
    )
    assert read == Settings(
        host="0.0.0.0",
        port=9000,
        workers=2,
        data_dir=Path("/srv/polls"),
        redis_url="redis://cache:6379",
        secret=STRONG,
        admin_key=STRONG,
        public_url="https://polls.example.org",
        allowed_origins=("https://a.example", "https://b.example:8443"),
        stream_hz=2.5,
        log_format="json",
        results_max_age_s=30,
        webhook_allow=("hooks.intern", "10.0.0.0/8", "::1"),
    )


def test_command_line_overrides_environment() -> None:
    read = read_settings({"POLLWIRE_PORT": "9000", "POLLWIRE_WORKERS": "2"}, port=0, workers=None, demo=True)
    assert (read.port, read.workers, read.demo) == (0, 2, True)


def test_override_hides_invalid_variable() -> None:
    assert read_settings({"POLLWIRE_PORT": "none"}, port=1).port == 1


def test_empty_value_counts_as_absent() -> None:
    assert (
        read_settings({"POLLWIRE_PORT": "", "POLLWIRE_SECRET": " ", "POLLWIRE_SECRET_FILE": ""}) == Settings()
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "eighty", "a whole number from 0 to 65535"),
        ("PORT", "65536", "a whole number from 0 to 65535"),
        ("PORT", "-1", "a whole number from 0 to 65535"),
        ("PORT", "8_0", "a whole number from 0 to 65535"),
        ("WEBHOOK_ALLOW", "https://hooks.example", "a list of hosts, addresses or networks"),
        ("WEBHOOK_ALLOW", "10.0.0.300", "a list of hosts, addresses or networks"),
        ("WORKERS", "0", "a whole number from 1 to 256"),
        ("HOST", "http://here", "without port or path"),
        ("STREAM_HZ", "0", "from 0.1 to 100"),
        ("STREAM_HZ", "nan", "from 0.1 to 100"),
        ("LOG_FORMAT", "xml", "text or json"),
        ("RESULTS_MAX_AGE", "1h", "a whole number"),
        ("REDIS_URL", "http://cache:6379", "begins with redis://"),
        ("REDIS_URL", "redis://", "has no valid host"),
        ("PUBLIC_URL", "polls.example.org", "an origin such as"),
        ("PUBLIC_URL", "https://polls.example.org/path", "an origin such as"),
        ("PUBLIC_URL", "https://polls.example.org:99999", "an origin such as"),
        ("ALLOWED_ORIGINS", "https://a.example b.example", "an origin such as"),
        ("ALLOWED_ORIGINS", "https://user@a.example", "an origin such as"),
        ("SECRET", ",", "must not be blank"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, proxy", "addresses or networks"),
        ("LIMIT_VOTES", "100", "<count>/<seconds>"),
        ("LIMIT_VOTES", "0/60", "<count>/<seconds>"),
        ("LIMIT_VOTERS", "10/0", "<count>/<seconds>"),
        ("LIMIT_VOTERS", "-1/60", "<count>/<seconds>"),
        ("LIMIT_SOCKETS", "0", "or off"),
        ("CHALLENGES", "on", "0 or 1"),
    ],
)
def test_invalid_value_error_names_the_variable(name: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({f"POLLWIRE_{name}": value})
    sentence = str(refused.value)
    assert sentence.startswith(f"POLLWIRE_{name} ")
    assert expected in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_invalid_override_error_names_the_flag() -> None:
    with pytest.raises(SettingsError, match=r"^--redis must be an address"):
        read_settings({}, redis_url="http://cache")


def test_invalid_secret_is_not_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"POLLWIRE_REDIS_URL": "https://user:hunter2@cache"})
    assert "hunter2" not in str(refused.value)


def test_kubernetes_service_variables_are_ignored() -> None:
    read = read_settings(
        {
            "POLLWIRE_PORT": "tcp://10.0.0.1:8000",
            "POLLWIRE_PORT_8000_TCP_ADDR": "10.0.0.1",
            "POLLWIRE_SERVICE_HOST": "10.0.0.1",
        }
    )
    assert read == Settings()


def test_secret_is_read_from_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{STRONG}\n")
    assert read_settings({"POLLWIRE_SECRET_FILE": str(file)}).secret == STRONG


@pytest.mark.parametrize(
    ("content", "expected"), [(None, "cannot be read"), ("", "is empty"), (b"\xff", "UTF-8")]
)
def test_unusable_secret_file_is_rejected(tmp_path: Path, content: str | bytes | None, expected: str) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError, match=expected):
        read_settings({"POLLWIRE_ADMIN_KEY_FILE": str(file)})


def test_secret_and_secret_file_together_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="both set"):
        read_settings({"POLLWIRE_SECRET": STRONG, "POLLWIRE_SECRET_FILE": str(tmp_path / "s")})


def test_file_variable_of_other_setting_is_ignored_with_warning(tmp_path: Path) -> None:
    file = tmp_path / "host"
    file.write_text("0.0.0.0")
    read = read_settings({"POLLWIRE_HOST_FILE": str(file)})
    assert read.host == "127.0.0.1"
    assert read.warnings[0].startswith("POLLWIRE_HOST_FILE ")


def test_unknown_variable_causes_warning() -> None:
    assert read_settings({"POLLWIRE_SECRTE": "x"}).warnings == (
        "POLLWIRE_SECRTE is not a setting of this version and has no effect.",
    )


def test_weak_secret_causes_warning() -> None:
    warnings = read_settings({"POLLWIRE_SECRET": f"{STRONG},old", "POLLWIRE_ADMIN_KEY": "hunter2"}).warnings
    assert [warning.split()[0] for warning in warnings] == ["POLLWIRE_SECRET", "POLLWIRE_ADMIN_KEY"]
    assert not any("old," in warning or "hunter2" in warning for warning in warnings)


def test_secrets_keep_their_order() -> None:
    assert Settings(secret="new, old").secrets == ("new", "old")
    assert Settings().secrets == ()


def test_origins_are_normalized() -> None:
    written = "https://A.example:443/ https://a.example http://[::1]:80 http://a.example:443"
    read = read_settings({"POLLWIRE_ALLOWED_ORIGINS": written}).allowed_origins
    assert read == ("https://a.example", "http://[::1]", "http://a.example:443")


def test_wildcard_replaces_other_origins() -> None:
    assert read_settings({"POLLWIRE_ALLOWED_ORIGINS": "https://a.example,*"}).allowed_origins == ("*",)


def test_repr_hides_secrets() -> None:
    shown = repr(Settings(secret="hunter1", admin_key="hunter2", redis_url="redis://:hunter3@cache", port=9))
    assert "hunter" not in shown
    assert "port=9" in shown


def test_settings_roundtrip_through_json() -> None:
    settings = Settings(secret="s", data_dir=Path("/a b"), allowed_origins=("*",), stream_hz=0.5, demo=True)
    assert decode_settings(encode_settings(settings)) == settings


def test_limits_are_parsed_and_can_be_off() -> None:
    read = read_settings(
        {
            "POLLWIRE_LIMIT_VOTES": "600/60",
            "POLLWIRE_LIMIT_VOTERS": "off",
            "POLLWIRE_LIMIT_SOCKETS": "off",
            "POLLWIRE_TRUSTED_PROXIES": "unix, 10.0.0.0/8 2001:db8::1",
        }
    )
    assert read.limit_votes == RateLimit(600, 60)
    assert (read.limit_voters, read.limit_sockets) == (None, None)
    assert read.trusted_proxies == ("unix", "10.0.0.0/8", "2001:db8::1")
    assert read_settings({}).limit_votes == RateLimit(30_000, 60)
    assert decode_settings(encode_settings(read)) == read


@pytest.mark.parametrize(
    ("environ", "demo", "spared"),
    [
        ({}, False, (False, False)),
        ({}, True, (True, True)),
        ({"POLLWIRE_LIMIT_VOTES": "600/60"}, True, (False, True)),
        ({"POLLWIRE_LIMIT_VOTES": "600/60", "POLLWIRE_EXEMPT_LOOPBACK": "1"}, False, (True, True)),
    ],
)
def test_loopback_is_exempt_in_demos_or_by_setting(
    environ: dict[str, str], demo: bool, spared: tuple[bool, bool]
) -> None:
    read = read_settings(environ, demo=demo)
    assert read.limit_votes is not None
    assert read.limit_voters is not None
    assert (read.limit_votes.spares_loopback, read.limit_voters.spares_loopback) == spared
