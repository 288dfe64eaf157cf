"""Settings: what is read, what is refused and in which words, and that secrets stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from pollwire_server.domain.rate_limit import RateLimit
from pollwire_server.settings import Settings, SettingsError, decode_settings, encode_settings, read_settings

STRONG = "0123456789abcdef"


def test_an_empty_environment_gives_the_defaults() -> None:
    """Nothing set means exactly the defaults of the struct, and nothing to warn of."""
    assert read_settings({}) == Settings()


def test_every_name_of_the_contract_reaches_its_field() -> None:
    """Each variable sets its own field, in the field's type."""
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


def test_the_command_line_wins_over_the_environment() -> None:
    """An override that is given replaces the variable; one that is None leaves it."""
    read = read_settings({"POLLWIRE_PORT": "9000", "POLLWIRE_WORKERS": "2"}, port=0, workers=None, demo=True)
    assert (read.port, read.workers, read.demo) == (0, 2, True)


def test_an_override_hides_a_broken_variable() -> None:
    """What is not used is not judged."""
    assert read_settings({"POLLWIRE_PORT": "none"}, port=1).port == 1


def test_an_empty_value_counts_as_absent() -> None:
    """Compose files leave empty values behind; they set nothing."""
    assert (
        read_settings({"POLLWIRE_PORT": "", "POLLWIRE_SECRET": " ", "POLLWIRE_SECRET_FILE": ""}) == Settings()
    )


@pytest.mark.parametrize(
    ("name", "value", "told"),
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
        ("REDIS_URL", "redis://", "begins with redis://"),
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
def test_a_bad_value_is_one_sentence_that_names_it(name: str, value: str, told: str) -> None:
    """Whoever set the variable reads its name and what would be right, on one line."""
    with pytest.raises(SettingsError) as refused:
        read_settings({f"POLLWIRE_{name}": value})
    sentence = str(refused.value)
    assert sentence.startswith(f"POLLWIRE_{name} ")
    assert told in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_bad_flag_is_named_as_it_was_typed() -> None:
    """The sentence about an override speaks of the flag, not of a variable nobody set."""
    with pytest.raises(SettingsError, match=r"^--redis must be an address"):
        read_settings({}, redis_url="http://cache")


def test_a_refused_secret_is_not_repeated() -> None:
    """A store's password does not reach the terminal or the log through a refusal."""
    with pytest.raises(SettingsError) as refused:
        read_settings({"POLLWIRE_REDIS_URL": "https://user:hunter2@cache"})
    assert "hunter2" not in str(refused.value)


def test_a_port_that_kubernetes_set_is_not_ours() -> None:
    """The address that Kubernetes puts beside a Service called pollwire neither sets a port nor warns."""
    read = read_settings(
        {
            "POLLWIRE_PORT": "tcp://10.0.0.1:8000",
            "POLLWIRE_PORT_8000_TCP_ADDR": "10.0.0.1",
            "POLLWIRE_SERVICE_HOST": "10.0.0.1",
        }
    )
    assert read == Settings()


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    """``..._FILE`` gives the content without the line end that editors leave."""
    file = tmp_path / "secret"
    file.write_text(f"{STRONG}\n")
    assert read_settings({"POLLWIRE_SECRET_FILE": str(file)}).secret == STRONG


@pytest.mark.parametrize(
    ("content", "told"), [(None, "cannot be read"), ("", "is empty"), (b"\xff", "UTF-8")]
)
def test_a_file_without_a_secret_is_refused(tmp_path: Path, content: str | bytes | None, told: str) -> None:
    """A missing, empty or binary file stops the start instead of leaving the secret unset."""
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError, match=told):
        read_settings({"POLLWIRE_ADMIN_KEY_FILE": str(file)})


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    """A variable and its file could differ, so nobody guesses which is meant."""
    with pytest.raises(SettingsError, match="both set"):
        read_settings({"POLLWIRE_SECRET": STRONG, "POLLWIRE_SECRET_FILE": str(tmp_path / "s")})


def test_only_secrets_have_files(tmp_path: Path) -> None:
    """``POLLWIRE_HOST_FILE`` is no setting: it sets nothing, and is told of."""
    file = tmp_path / "host"
    file.write_text("0.0.0.0")
    read = read_settings({"POLLWIRE_HOST_FILE": str(file)})
    assert read.host == "127.0.0.1"
    assert read.warnings[0].startswith("POLLWIRE_HOST_FILE ")


def test_unknown_names_are_warned_of() -> None:
    """A misspelt name is told, since it would otherwise do nothing in silence."""
    assert read_settings({"POLLWIRE_SECRTE": "x"}).warnings == (
        "POLLWIRE_SECRTE is not a setting of this version and has no effect.",
    )


def test_weak_secrets_are_warned_of() -> None:
    """Every secret that can be guessed is told, the old one of a rotation too; none is shown."""
    warnings = read_settings({"POLLWIRE_SECRET": f"{STRONG},old", "POLLWIRE_ADMIN_KEY": "hunter2"}).warnings
    assert [warning.split()[0] for warning in warnings] == ["POLLWIRE_SECRET", "POLLWIRE_ADMIN_KEY"]
    assert not any("old," in warning or "hunter2" in warning for warning in warnings)


def test_a_rotated_secret_signs_with_the_first() -> None:
    """``new,old`` is two secrets in the order written."""
    assert Settings(secret="new, old").secrets == ("new", "old")
    assert Settings().secrets == ()


def test_origins_are_kept_as_browsers_write_them() -> None:
    """Case, a trailing slash, a default port and repeats make no second origin."""
    written = "https://A.example:443/ https://a.example http://[::1]:80 http://a.example:443"
    read = read_settings({"POLLWIRE_ALLOWED_ORIGINS": written}).allowed_origins
    assert read == ("https://a.example", "http://[::1]", "http://a.example:443")


def test_a_star_allows_every_origin() -> None:
    """Beside ``*`` nothing else matters."""
    assert read_settings({"POLLWIRE_ALLOWED_ORIGINS": "https://a.example,*"}).allowed_origins == ("*",)


def test_secrets_are_not_shown() -> None:
    """Settings in a log or a traceback give nothing away."""
    shown = repr(Settings(secret="hunter1", admin_key="hunter2", redis_url="redis://:hunter3@cache", port=9))
    assert "hunter" not in shown
    assert "port=9" in shown


def test_settings_survive_the_way_to_a_worker() -> None:
    """What is handed down is what was read, secrets and path included."""
    settings = Settings(secret="s", data_dir=Path("/a b"), allowed_origins=("*",), stream_hz=0.5, demo=True)
    assert decode_settings(encode_settings(settings)) == settings


def test_limits_are_read_and_can_be_off() -> None:
    """A limit that is set holds for this machine, too; ``off`` is none."""
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
    assert read_settings({}).limit_votes == RateLimit(30_000, 60, spares_loopback=True)
    assert decode_settings(encode_settings(read)) == read
