"""HTTP headers and content of pages and static files, without a browser."""

from __future__ import annotations

import gzip
import re

import pytest
import pytest_asyncio

from tests.browser.conftest import Service

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"}
"""Accept header of a browser that follows a link."""


@pytest_asyncio.fixture(loop_scope="session")
async def service(own_service: Service) -> Service:
    """Return a service for one test alone: the tests use the same ids of polls."""
    return own_service


async def edition_of(service: Service) -> str:
    """Return the edition in the URLs of the current modules."""
    found = re.search(r"/static/([0-9a-f]+)/", (await service.http.get("/widget.js")).text)
    assert found is not None
    return found[1]


async def test_widget_script_allows_every_origin(service: Service) -> None:
    """Module scripts of other origins need CORS, CORP and the right type."""
    answer = await service.http.get("/widget.js", headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_matching_etag_gets_304(service: Service) -> None:
    first = await service.http.get("/widget.js")
    again = await service.http.get("/widget.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await service.http.get("/widget.js", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


async def test_only_files_of_the_current_edition_are_immutable(service: Service) -> None:
    edition = await edition_of(service)
    current = await service.http.get(f"/static/{edition}/widget/widget.css")
    assert "immutable" in current.headers["cache-control"]
    assert current.headers["content-type"] == "text/css; charset=utf-8"
    other = await service.http.get("/static/0123/widget/widget.css")
    assert other.headers["cache-control"] == "public, no-cache"


async def test_files_are_compressed_if_the_client_accepts_gzip(service: Service) -> None:
    packed = await service.http.get("/widget.js", headers={"Accept-Encoding": "gzip"})
    plain = await service.http.get("/widget.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == "Accept-Encoding"
    assert packed.content == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize("path", ["../routes.py", "%2e%2e/routes.py", "page/home.html", "nothing.js", ""])
async def test_paths_outside_the_static_files_get_404(service: Service, path: str) -> None:
    answer = await service.http.get(f"/static/x/{path}")
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/", "/demo", "/polls/lunch", "/embed/lunch", "/polls/nothing", "/nothing"])
async def test_pages_have_a_strict_csp_and_no_inline_code(service: Service, path: str) -> None:
    await service.create_poll(id="lunch")
    answer = await service.http.get(path, headers=BROWSER)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=", answer.text)


async def test_page_of_unknown_poll_is_404_and_escapes_its_id(service: Service) -> None:
    answer = await service.http.get("/polls/%3Cscript%3E")
    assert answer.status_code == 404
    assert "&lt;script&gt;" in answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/nope", "./"),
        ("/docs/nope/", "../../"),
        ("/%FF%2Fb/%3Cb%3E", "../"),
        ("/static/x/nothing.js", "../../"),
    ],
)
async def test_browser_at_unknown_url_gets_html_404_in_its_language(
    service: Service, path: str, root: str
) -> None:
    """Its links lead to the root from any depth, and it shows the path as text."""
    answer = await service.http.get(path, headers=BROWSER | {"Accept-Language": "fr"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "Page introuvable" in answer.text
    assert f'<a class="button-primary" href="{root}">' in answer.text
    assert "<b>" not in answer.text


async def test_very_long_path_gets_a_short_page(service: Service) -> None:
    answer = await service.http.get("/" + "a/" * 3000, headers=BROWSER)
    assert answer.status_code == 404
    assert len(answer.content) < 10_000


@pytest.mark.parametrize(
    ("method", "path", "accept"),
    [
        ("GET", "/nope", "*/*"),
        ("GET", "/nope", "application/json, text/html"),
        ("GET", "/v1/nope", BROWSER["Accept"]),
        ("GET", "/v1/polls/nope", BROWSER["Accept"]),
        ("GET", "/v1", BROWSER["Accept"]),
        ("POST", "/nope", BROWSER["Accept"]),
    ],
)
async def test_api_and_json_clients_get_a_problem_document(
    service: Service, method: str, path: str, accept: str
) -> None:
    answer = await service.http.request(method, path, headers={"Accept": accept})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_poll_not_yet_visible_has_no_page(service: Service) -> None:
    """Before ``visible_at`` the page neither exists nor shows the question."""
    await service.create_poll(id="secret", visible_at="2999-01-01T00:00:00Z")
    answer = await service.http.get("/polls/secret")
    assert answer.status_code == 404
    assert "Rice or yam?" not in answer.text


async def test_frames_are_for_the_sites_of_the_poll(service: Service) -> None:
    """Only the embedded page can be framed, and only by the sites that the poll names."""
    await service.create_poll(id="framed", origins=["https://news.example"])
    embedded = await service.http.get("/embed/framed")
    assert embedded.headers["content-security-policy"].endswith("frame-ancestors 'self' https://news.example")
    own = await service.http.get("/polls/framed")
    assert own.headers["content-security-policy"].endswith("frame-ancestors 'self'")


async def test_the_widget_is_light(service: Service) -> None:
    """Everything that an embedding page loads stays within 22 KB, packed."""
    edition = await edition_of(service)
    entry = (await service.http.get("/widget.js")).text
    names = [
        *re.findall(rf"""["'`]\./static/{edition}/([^"'`]+)["'`]""", entry),
        "widget/widget.css",
        "widget/rows.css",
    ]
    bodies = [(await service.http.get(f"/static/{edition}/{name}")).content for name in names]
    assert sum(len(gzip.compress(body, 9)) for body in bodies) < 22_000
