"""How pages and files are sent, asked without a browser."""

from __future__ import annotations

import gzip
import re

import pytest

from tests.browser.conftest import Service

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"}
"""What somebody sends who follows a link."""


async def edition_of(service: Service) -> str:
    """The folder under which the present modules lie."""
    found = re.search(r"/static/([0-9a-f]+)/", (await service.http.get("/widget.js")).text)
    assert found is not None
    return found[1]


async def test_the_widget_may_be_loaded_by_any_site(service: Service) -> None:
    """Module scripts of other origins need CORS, CORP and the right type."""
    answer = await service.http.get("/widget.js", headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_what_a_browser_has_is_not_sent_again(service: Service) -> None:
    """A validator that still holds is answered 304, without a body; another one is not."""
    first = await service.http.get("/widget.js")
    again = await service.http.get("/widget.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await service.http.get("/widget.js", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


async def test_files_of_this_edition_are_kept_for_good(service: Service) -> None:
    """A file under the present edition is immutable; under any other it must be asked for each time."""
    edition = await edition_of(service)
    kept = await service.http.get(f"/static/{edition}/widget/widget.css")
    assert "immutable" in kept.headers["cache-control"]
    assert kept.headers["content-type"] == "text/css; charset=utf-8"
    passing = await service.http.get("/static/0123/widget/widget.css")
    assert passing.headers["cache-control"] == "public, no-cache"


async def test_files_are_packed_where_that_is_taken(service: Service) -> None:
    """gzip is used where the browser names it, not where it rules it out, and caches are told."""
    packed = await service.http.get("/widget.js", headers={"Accept-Encoding": "gzip"})
    plain = await service.http.get("/widget.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == "Accept-Encoding"
    assert packed.content == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize("path", ["../routes.py", "%2e%2e/routes.py", "page/home.html", "nothing.js", ""])
async def test_nothing_else_is_served(service: Service, path: str) -> None:
    """No path leads out of the folder of files, and pages are not files."""
    answer = await service.http.get(f"/static/x/{path}")
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/", "/demo", "/polls/lunch", "/embed/lunch", "/polls/nothing", "/nothing"])
async def test_pages_run_nothing_but_our_own_files(service: Service, path: str) -> None:
    """The policy of every page allows no inline script or style and nobody else's, and no page needs one."""
    await service.create_poll(id="lunch")
    answer = await service.http.get(path, headers=BROWSER)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=", answer.text)


async def test_an_unknown_poll_has_a_page_that_helps(service: Service) -> None:
    """A page of no poll is 404, and what was asked for stands in it as text."""
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
async def test_a_browser_at_an_unknown_address_gets_a_page_that_helps(
    service: Service, path: str, root: str
) -> None:
    """The page is 404, leads back to the start however deep it is, and repeats the address as text."""
    answer = await service.http.get(path, headers=BROWSER | {"Accept-Language": "fr"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "Page introuvable" in answer.text
    assert f'<a class="go" href="{root}">' in answer.text
    assert "<b>" not in answer.text


async def test_an_endless_address_makes_no_endless_page(service: Service) -> None:
    """A path of nothing but folders is answered in few bytes."""
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
async def test_who_asks_for_data_is_never_sent_a_page(
    service: Service, method: str, path: str, accept: str
) -> None:
    """The API, and whoever does not ask for HTML before JSON, are answered with a problem."""
    answer = await service.http.request(method, path, headers={"Accept": accept})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_poll_not_yet_visible_has_no_page(service: Service) -> None:
    """Before ``visible_at`` the page neither exists nor tells the question."""
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
