"""docker-compose.yml: valid by its schema, safe by default, and with settings that the service accepts."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from compose_spec import PyCompose
from pollwire_server.settings import PARSERS, PREFIX, SECRET_FIELDS, Settings, read_settings
from pollwire_server.store.embedded.server import OPTIONS

from tests.deploy.dockerfile import DOCKERFILE, ROOT

TEXT = (ROOT / "docker-compose.yml").read_text()
SECRETS = {"POLLWIRE_SECRET": "s" * 64, "POLLWIRE_ADMIN_KEY": "k" * 64}
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[?-])(?P<rest>[^}]*))?\}")


def interpolated(environ: dict[str, str]) -> dict[str, Any]:  # Any: YAML values
    """Return the document with interpolated variables. A missing ``:?`` variable is an error."""

    def value(match: re.Match[str]) -> str:
        found = environ.get(match["name"], "")
        if not found and match["kind"] == "?":
            raise LookupError(match["name"])
        return found or (match["rest"] if match["kind"] == "-" else "")

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: walk(child) for key, child in node.items()}
        if isinstance(node, list):
            return [walk(child) for child in node]
        return _VARIABLE.sub(value, node) if isinstance(node, str) else node

    document: dict[str, Any] = walk(msgspec.yaml.decode(TEXT))
    return document


def services() -> dict[str, Any]:
    found: dict[str, Any] = interpolated(SECRETS)["services"]
    return found


def parsed(document: dict[str, Any]) -> PyCompose:
    """Check the document against the schema of the compose specification and return it."""
    return PyCompose.from_yaml(msgspec.yaml.encode(document).decode())


def test_compose_file_matches_specification() -> None:
    """Every named volume and network must be declared."""
    compose = parsed(interpolated(SECRETS))
    compose.validate()
    assert sorted(compose.service_names()) == ["pollwire", "store"]


def test_schema_rejects_unknown_field() -> None:
    document = interpolated(SECRETS)
    document["services"]["pollwire"]["imagine"] = "pollwire"
    with pytest.raises(Exception, match="imagine"):
        parsed(document)


@pytest.mark.parametrize("secret", SECRETS)
def test_secret_without_value_fails(secret: str) -> None:
    with pytest.raises(LookupError, match=secret):
        interpolated({name: value for name, value in SECRETS.items() if name != secret})


def test_service_environment_is_valid_settings() -> None:
    environment = services()["pollwire"]["environment"]
    settings = read_settings(environment)
    assert settings.warnings == ()
    assert settings.redis_url == "redis://store:6379/0"
    assert settings.secrets == (SECRETS["POLLWIRE_SECRET"],)
    assert settings.admin_key == SECRETS["POLLWIRE_ADMIN_KEY"]
    assert all(name.startswith(PREFIX) for name in environment)


def test_every_setting_is_passed_to_the_service() -> None:
    environment = services()["pollwire"]["environment"]
    assert list(environment) == [PREFIX + name for name in PARSERS]
    for name in PARSERS.keys() - {"SECRET", "ADMIN_KEY"}:
        value = interpolated(SECRETS | {PREFIX + name: "a-value"})
        assert value["services"]["pollwire"]["environment"][PREFIX + name] == "a-value"


def test_port_and_data_folder_apply_to_the_whole_service() -> None:
    changed = interpolated(SECRETS | {"POLLWIRE_PORT": "9000", "POLLWIRE_DATA_DIR": "/polls"})
    service = changed["services"]["pollwire"]
    assert service["ports"] == ["127.0.0.1:8000:9000"]
    assert "/polls:uid=10001,mode=0700" in service["tmpfs"]


def test_store_is_as_durable_as_the_embedded_store() -> None:
    words = services()["store"]["command"][1:]
    options = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    for name in ("appendonly", "appendfsync", "save", "maxmemory-policy"):
        assert options[name] == OPTIONS[name], name


def test_settings_page_lists_every_setting_with_its_default() -> None:
    page = (ROOT / "docs/operations/settings.md").read_text()
    rows = dict(re.findall(r"^\| `POLLWIRE_(\w+)` \| [^|]*\|\s*([^|]*?)\s*\|", page, re.MULTILINE))
    assert rows.keys() == PARSERS.keys()
    environment = {PREFIX + name: value.strip("`") for name, value in rows.items() if value.startswith("`")}
    documented, default = read_settings(environment), Settings()
    assert documented == default
    secrets = {f"{PREFIX}{name}_FILE" for name, (field, _) in PARSERS.items() if field in SECRET_FIELDS}
    assert set(re.findall(r"POLLWIRE_\w+_FILE", page)) == secrets


def test_image_is_built_from_project_dockerfile() -> None:
    build = services()["pollwire"]["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).resolve() == DOCKERFILE.resolve()


def test_store_flushes_every_write_and_evicts_no_key() -> None:
    store = services()["store"]
    options = dict(zip(store["command"][1::2], store["command"][2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "always"
    assert options["--maxmemory-policy"] == "noeviction"
    assert store["volumes"] == [f"store:{options['--dir']}"]


def test_store_is_reachable_by_service_only() -> None:
    document = interpolated(SECRETS)
    store = document["services"]["store"]
    assert not store.keys() & {"ports", "expose", "network_mode"}
    assert [document["networks"][name] for name in store["networks"]] == [{"internal": True}]


def test_service_port_is_published_on_loopback() -> None:
    """The port has no TLS."""
    assert services()["pollwire"]["ports"] == ["127.0.0.1:8000:8000"]


def test_service_starts_after_healthy_store() -> None:
    assert services()["pollwire"]["depends_on"] == {"store": {"condition": "service_healthy"}}
    assert services()["store"]["healthcheck"]["test"]


def test_store_image_is_not_musl() -> None:
    """musl builds have crashed on loading functions."""
    assert re.fullmatch(r"valkey/valkey:[\d.]+-(bookworm|trixie)", services()["store"]["image"])
