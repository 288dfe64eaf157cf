"""Security headers: the table in SECURITY.md compared with real responses, and no version headers."""

from __future__ import annotations

import re

import pytest

from tests.api.conftest import Service
from tests.api.test_leaks import INSIDES
from tests.architecture.tree import ROOT

ADDRESSES = {
    "API": "/v1/polls/{poll}",
    "refusal": "/v1/polls/nowhere",
    "operators' API": "/v1/admin/polls",
    "page": "/polls/{poll}",
    "embed": "/embed/{poll}",
    "console": "/console",
    "asset": "/widget.js",
}
"""One path for each kind of response."""
_ROW = re.compile(r"^\| (?P<kind>[^|:]+): `(?P<name>[A-Za-z-]+)` \| `(?P<value>[^|]+)` \|$", re.MULTILINE)


def documented_headers() -> list[tuple[str, str, str]]:
    """Return the rows of the table: kind, header and value. ``...`` in a value matches anything."""
    section = (ROOT / "SECURITY.md").read_text().partition("## Headers")[2].partition("\n## ")[0]
    return [(row["kind"], row["name"], row["value"]) for row in _ROW.finditer(section)]


@pytest.mark.parametrize("kind", ADDRESSES)
async def test_documented_headers_are_sent(service: Service, kind: str) -> None:
    """Check that every row of the table matches a response of its kind."""
    poll = (await service.create_poll())["id"]
    answer = await service.admin.get(ADDRESSES[kind].format(poll=poll))
    rows = [(name, value) for of, name, value in documented_headers() if of == kind]
    assert rows, f"the table has no row for {kind}"
    for name, value in rows:
        pattern = re.escape(value).replace(re.escape("..."), ".*")
        assert re.fullmatch(pattern, answer.headers.get(name, "")), (name, value, answer.headers)


def test_table_documents_exactly_the_tested_kinds() -> None:
    """Check that the table has rows for exactly the kinds tested here."""
    assert {kind for kind, _, _ in documented_headers()} == set(ADDRESSES)


@pytest.mark.parametrize("kind", ADDRESSES)
async def test_no_response_names_the_server_software(service: Service, kind: str) -> None:
    """Check that no header has the name of a server, a library or a version."""
    poll = (await service.create_poll())["id"]
    answer = await service.admin.get(ADDRESSES[kind].format(poll=poll))
    assert not {"server", "x-powered-by", "via"} & set(answer.headers)
    assert not any(INSIDES.search(value) for _, value in answer.headers.raw)
    if "html" in answer.headers["content-type"]:
        assert not re.search(r'name="generator"|traceback', answer.text, re.IGNORECASE)
