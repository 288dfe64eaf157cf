"""Every endpoint, setting and page has its place in the documents, and links lead to it."""

from __future__ import annotations

import re

import pytest
from pollwire_server.problem_details import TABLE
from pollwire_server.settings import PARSERS, PREFIX, SECRET_FIELDS

from tests.api.conftest import Service, serve, service
from tests.docs.examples import ROOT
from tests.docs.pages import PAGES, anchor_of, headings_of, links_of, prose_of

__all__ = ["serve", "service"]

DOCS = ROOT / "docs"
API = sorted((DOCS / "api").glob("*.md"))
WEBSOCKETS = {("WS", "/v1/live"), ("WS", "/v1/polls/{}/live")}
"""OpenAPI cannot describe these two."""
MAX_LINE = 100
SEARCH_TERMS = [
    "rate limits",
    "authentication",
    "reverse prox",
    "health checks",
    "load balancer",
    "scaling",
    "monitoring",
    "logging",
    "environment variables",
    "graceful shutdown",
    "gdpr",
    "pagination",
    "timeouts",
    "cors",
    "backups",
    "quick start",
    "troubleshooting",
]


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


@pytest.mark.parametrize("term", SEARCH_TERMS)
def test_search_terms_occur_in_a_heading(term: str) -> None:
    assert any(term in heading.lower() for page in PAGES for heading in headings_of(page))


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
