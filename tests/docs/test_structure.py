"""Every endpoint, setting and page has its place in the documents, and links lead to it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
from pollwire.cli import main
from pollwire_server.admin import api_keys as admin_api_keys
from pollwire_server.admin import bulk_vote_stream, ndjson, pagination
from pollwire_server.admin import issuers as admin_issuers
from pollwire_server.admin.webhooks import service as webhook_service
from pollwire_server.app import http_exchange
from pollwire_server.auth import issuers
from pollwire_server.domain import options, vote_history
from pollwire_server.http_protocol import HttpLimits
from pollwire_server.http_protocol.websocket_protocol import MAX_FRAMES_PER_S
from pollwire_server.live import client_messages
from pollwire_server.live.fast_path import frame_decoder
from pollwire_server.problem_details import TABLE
from pollwire_server.settings import PARSERS, PREFIX, SECRET_FIELDS
from pollwire_server.store.service_audit_log import MAX_ENTRIES

from tests.api.conftest import Service, serve, service
from tests.docs.examples import ROOT
from tests.docs.pages import PAGES, anchor_of, headings_of, links_of, prose_of
from tests.docs.search_terms import SEARCH_TERMS

__all__ = ["serve", "service"]

DOCS = ROOT / "docs"
SERVER = ROOT / "service" / "pollwire_server"
API = sorted((DOCS / "api").glob("*.md"))
WEBSOCKETS = {("WS", "/v1/live"), ("WS", "/v1/polls/{}/live")}
"""OpenAPI cannot describe these two."""
MAX_LINE = 100
COMMON_OPTIONS = {"--url", "--key", "--data", "--json", "--help"}


def _endpoints_with_heading() -> list[tuple[str, str]]:
    headings = [heading for page in API for heading in headings_of(page, level=3)]
    found = (re.search(r": `([A-Z]+) (/[^` ]*)`$", heading) for heading in headings)
    return [(match[1], re.sub(r"{\w+}", "{}", match[2])) for match in found if match]


async def test_every_endpoint_of_the_openapi_document_has_one_heading(service: Service) -> None:
    paths = (await service.http.get("/openapi.json")).json()["paths"]
    endpoints = {
        (method.upper(), re.sub(r"{\w+}", "{}", path)) for path, item in paths.items() for method in item
    }
    documented = _endpoints_with_heading()
    assert len(documented) == len(set(documented))
    assert {endpoint for endpoint in endpoints if endpoint[0] not in ("HEAD", "OPTIONS")} | WEBSOCKETS == set(
        documented
    )


def test_every_http_endpoint_has_an_example_that_runs() -> None:
    """The section of each endpoint contains a ``sh`` block; tests/docs/test_examples.py runs it."""
    for page in API:
        for section in re.split(r"^### ", page.read_text(), flags=re.MULTILINE)[1:]:
            heading, _, body = section.partition("\n")
            if re.search(r": `(?!WS)[A-Z]+ /", heading):
                assert re.search(r"^```sh$", re.split(r"^## ", body, flags=re.MULTILINE)[0], re.MULTILINE), (
                    heading
                )


def test_every_problem_type_has_a_heading() -> None:
    headings = set(headings_of(DOCS / "api" / "errors.md", level=3))
    assert headings == {f"`{problem.slug}`" for problem in TABLE.values()}


def test_every_setting_has_a_row_in_the_settings_page() -> None:
    page = (DOCS / "operations" / "settings.md").read_text()
    documented = re.findall(r"^\| `(POLLWIRE_\w+)` \|", page, re.MULTILINE)
    assert sorted(documented) == sorted(f"{PREFIX}{name}" for name in PARSERS)
    for name, (field, _) in PARSERS.items():
        assert (f"`{PREFIX}{name}_FILE`" in page) == (field in SECRET_FIELDS), name


def test_search_terms_occur_in_a_heading_of_their_page() -> None:
    misses = [
        f"{page}: {term}"
        for page, terms in SEARCH_TERMS.items()
        for headings in (headings_of(ROOT / page),)
        for term in terms
        if not any(term in heading.lower() for heading in headings)
    ]
    assert misses == []


def test_every_command_has_its_help_text_and_options_in_the_page_of_the_command_line() -> None:
    page = (DOCS / "cli.md").read_text()
    rows = re.findall(r"^\| `(pollwire(?: [a-z]+)*)[^`]*` \| (.+) \| (.*) \|$", page, re.MULTILINE)
    documented = {name: (effect, set(re.findall(r"`([\w-]+)`", flags))) for name, effect, flags in rows}
    assert documented == dict(_commands(main, "pollwire"))


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, tuple[str, set[str]]]]:
    """Return name, first paragraph of the help text, and own options of each command."""
    if isinstance(command, click.Group):
        for word, child in command.commands.items():
            yield from _commands(child, f"{name} {word}")
        return
    effect = (command.help or "").split("\n\n")[0].replace("\n", " ")
    flags = {option.opts[0] for option in command.params if isinstance(option, click.Option)}
    yield name, (effect, flags - COMMON_OPTIONS)


def test_limits_in_the_api_page_equal_those_of_the_code() -> None:
    page = (DOCS / "api" / "index.md").read_text().partition("\n## Limits\n")[2].partition("\n## ")[0]
    documented = dict(re.findall(r"^\| (.+) \| (.+) \|$", page, re.MULTILINE))
    expected = {
        "options of a poll": f"{options.MIN_OPTIONS} to {options.MAX_OPTIONS}",
        "`capacity` of an option": f"up to {options.MAX_CAPACITY:,}",
        "changes of one vote in a prediction": f"{vote_history.MAX_CHANGES}",
        "body of a public request": f"{http_exchange.MAX_PUBLIC_BODY_BYTES // 1024} KiB",
        "body of an admin request": f"{http_exchange.MAX_ADMIN_BODY_BYTES // 1024} KiB",
        "line of bulk votes": f"{ndjson.LINE_BYTES // 1024} KiB",
        "bulk requests at once, for each worker": f"{bulk_vote_stream.MAX_STREAMS}",
        "request line and headers": f"{HttpLimits().header_bytes // 1024} KiB",
        "JWT": f"{issuers.MAX_TOKEN_LENGTH:,} characters",
        "items of a page (`limit`)": f"{pagination.MAX_ITEMS}",
        "polls of one socket or event stream": f"{client_messages.MAX_POLLS}",
        "WebSocket message of a client": f"{frame_decoder.MAX_MESSAGE_BYTES // 1024} KiB",
        "WebSocket frames of a client in a second": f"{MAX_FRAMES_PER_S:,}",
        "waiting requests of a connection (pipelining)": f"{HttpLimits().pipelined_requests}",
        "entries of the audit log of the service": f"{MAX_ENTRIES:,}",
        "API keys": f"{admin_api_keys.MAX_KEYS:,}",
        "issuers": f"{admin_issuers.MAX_ISSUERS:,}",
        "webhooks": f"{webhook_service.MAX_WEBHOOKS}",
    }
    assert documented | expected == documented


def test_files_that_contributing_names_exist() -> None:
    """Paths without a folder of the repository are below the server's package."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.partition("## Where things are")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| .+ \| (.+) \|$", section, re.MULTILINE)
    named = {path for row in rows for path in re.findall(r"`([^`]+)`", row)}
    assert len(named) > 60
    missing = [path for path in sorted(named) if not (SERVER / path).exists() and not (ROOT / path).exists()]
    assert missing == []


def test_source_files_that_the_documents_name_exist() -> None:
    """Paths are below the repository or the server's package. Records and the changelog keep old names."""
    folders = (ROOT, SERVER, SERVER / "store" / "functions")
    missing = [
        f"{page.name}: {path}"
        for page in PAGES
        if page.parent.name != "adr" and page.name not in ("CHANGELOG.md", "performance.md")
        for path in re.findall(r"`([\w.-]+(?:/[\w.-]+)+\.(?:py|lua|js|toml|yml))`", page.read_text())
        if not any((folder / path).exists() for folder in folders)
    ]
    assert missing == []


def test_links_lead_to_files_and_headings() -> None:
    for page in PAGES:
        for path, anchor in links_of(page):
            target = page.parent / path if path else page
            assert target.exists(), f"{page.name} links to {path}"
            if anchor and target.suffix == ".md":
                anchors = {anchor_of(heading) for heading in headings_of(target)}
                assert anchor in anchors, f"{page.name} links to {path}#{anchor}"


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2]
    listed = re.findall(r"[\w/.-]+\.md", navigation)
    pages = [str(page.relative_to(DOCS)) for page in PAGES if page.is_relative_to(DOCS)]
    root_pages = [f"project/{page.name}" for page in ROOT.glob("*.md")]
    assert sorted(listed) == sorted([*pages, *root_pages])


def test_every_document_of_the_root_is_copied_into_the_site() -> None:
    copied = re.search(r"^_OUTSIDE = \((.*)\)$", (DOCS / "site_hooks.py").read_text(), re.MULTILINE)
    assert copied is not None
    assert set(re.findall(r'"(.+?)"', copied[1])) == {page.name for page in ROOT.glob("*.md")}


def test_prose_is_wrapped() -> None:
    """Tables, links and images cannot be wrapped."""
    long_lines = [
        f"{page.name}: {line}"
        for page in PAGES
        for line in prose_of(page).splitlines()
        if len(line) > MAX_LINE and not line.startswith(("|", "!", "<", "#", "  http"))
    ]
    assert long_lines == []


def test_code_links_to_pages_that_exist() -> None:
    suffixes = (".py", ".js", ".ts", ".lua", ".css", ".html", ".yml", ".toml")
    for root in ("service", "clients", "tests", "benchmarks", "deploy"):
        for path in (ROOT / root).rglob("*"):
            if path.suffix in suffixes and not {"node_modules", ".venv"} & set(path.parts):
                for page in re.findall(r"\bdocs/[\w/-]+\.md", path.read_text()):
                    assert (ROOT / page).exists(), f"{path.relative_to(ROOT)} refers to {page}"


def test_make_targets_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:^\$ |`)make ([a-z-]+)", page.read_text(), re.MULTILINE))
        assert named <= targets, f"{page.name}: {named - targets}"
