"""``make dist``, installed into clean environments and used with a real service."""

from __future__ import annotations

import hashlib
import json
import tarfile
import zipfile
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Route, async_playwright, expect

from tests.browser.conftest import ARGUMENTS, chromium
from tests.packaging.conftest import ROOT, environment, run
from tests.pollwire_process import Up

HERE = Path(__file__).parent
PINNED = HERE / "node_modules"
COMPILER = ROOT / "tests" / "browser" / "node_modules" / "typescript" / "bin" / "tsc"
COMPILER_OPTIONS = {
    "strict": True,
    "noEmit": True,
    "target": "es2022",
    "module": "es2022",
    "moduleResolution": "bundler",
    "lib": ["es2022", "dom"],
    "types": [],
}
PYTHON_SCRIPT = """
import asyncio, sys
from pollwire import Client

async def main(url, key):
    async with Client(url, key=key) as client:
        options = [{"id": "a", "label": "A"}, {"id": "b", "label": "B"}]
        await client.create_poll({"id": "tea", "kind": "single", "question": "Tea?", "options": options})
        await client.issue_voter()
        await client.vote("tea", "a")
        async for results in client.watch("tea"):
            print(results["counts"]["a"])
            break

asyncio.run(main(*sys.argv[1:]))
"""
NODE_SCRIPT = """
import { connect } from 'pollwire';
import { defineLivePoll } from 'pollwire/element';

defineLivePoll(process.argv[2]); // does nothing on a server
const polls = connect(process.argv[2]);
const poll = await polls.poll('lunch');
const connections = [];
const counted = new Promise((resolve) => {
  const stop = polls.watch('lunch', {
    results: ({ counts }) => {
      if (counts.rice !== 1) return;
      stop();
      resolve(counts);
    },
    connection: (connection) => connections.push(connection),
  });
});
const { status } = await polls.vote(poll, 'rice');
const counts = await counted;
console.log(JSON.stringify([status, counts, connections.includes('live')]));
"""

PAGE = """<!doctype html><script type="module">
import { defineLivePoll } from '/npm/element.js';
defineLivePoll('SERVICE');
</script><live-poll poll="lunch" lang="fr"></live-poll>"""


@pytest.fixture(scope="module")
def node_project(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the installed npm package."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    run("npm", "install", "--silent", "--no-audit", "--no-fund", _one(dist, "*.tgz"), cwd=folder)
    return folder


def _one(dist: Path, pattern: str) -> Path:
    """Return the distribution whose name matches."""
    (path,) = dist.glob(pattern)
    return path


def _hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_distributions_are_reproducible(dist: Path, tmp_path: Path) -> None:
    run("make", "--no-print-directory", "dist", f"DIST={tmp_path / 'dist'}")
    hashes = _hashes(dist)
    assert len(hashes) == 5
    assert _hashes(tmp_path / "dist") == hashes


def test_distributions_contain_only_their_package(dist: Path) -> None:
    for name in ("pollwire", "pollwire_server"):
        with zipfile.ZipFile(_one(dist, f"{name}-*.whl")) as wheel:
            names = wheel.namelist()
        assert {path.partition("/")[0].partition("-")[0] for path in names} == {name}
        assert f"{name}/py.typed" in names
        with tarfile.open(_one(dist, f"{name}-*.tar.gz")) as sdist:
            assert not [path for path in sdist.getnames() if path.endswith("service/client.py")]


async def test_installed_client_votes_and_watches(
    service: Up, dist: Path, constraints: Path, tmp_path: Path
) -> None:
    wheel = _one(dist, "pollwire-*.whl")
    python = environment(tmp_path / "venv", str(wheel), constraints=constraints)
    assert run(python, "-c", PYTHON_SCRIPT, service.url, service.key, cwd=tmp_path) == "1\n"
    assert run(python, "-c", "import importlib.util as u; print(u.find_spec('click'))") == "None\n"


async def test_installed_command_line_reads_poll(
    service: Up, dist: Path, constraints: Path, tmp_path: Path
) -> None:
    wheel = _one(dist, "pollwire-*.whl")
    python = environment(tmp_path / "venv", f"pollwire[cli] @ {wheel.as_uri()}", constraints=constraints)
    command = python.with_name("pollwire")
    shown = run(command, "--url", service.url, "--key", service.key, "polls", "show", "lunch", "--json")
    assert json.loads(shown)["id"] == "lunch"


@pytest.mark.parametrize(
    "path", ["/", "/widget.js", "/client.js", "/widget.d.ts", "/console", "/docs", "/demo"]
)
async def test_installed_server_serves_its_files(service: Up, path: str) -> None:
    async with httpx.AsyncClient(base_url=service.url, follow_redirects=True) as client:
        response = await client.get(path)
    assert response.status_code == 200
    assert response.content


async def test_installed_npm_package_votes_and_watches(service: Up, node_project: Path) -> None:
    """Before Node 22 there is no WebSocket: the client reads server-sent events with ``fetch``."""
    (node_project / "script.js").write_text(NODE_SCRIPT)
    printed = run("node", "script.js", service.url + "/", cwd=node_project)
    assert json.loads(printed) == ["counted", {"rice": 1, "yam": 0}, True]


@pytest.mark.browser
async def test_installed_element_shows_poll_and_loads_lazy_modules(service: Up, node_project: Path) -> None:
    files = node_project / "node_modules" / "pollwire" / "dist"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        page = await browser.new_page()

        async def serve_package(route: Route) -> None:
            await route.fulfill(path=files / route.request.url.partition("/npm/")[2])

        async def serve_page(route: Route) -> None:
            await route.fulfill(body=PAGE.replace("SERVICE", f"{service.url}/"), content_type="text/html")

        await page.route("**/npm/**", serve_package)
        await page.route("**/article", serve_page)
        await page.goto(f"{service.url}/article")
        await expect(page.locator("live-poll .question")).to_have_text("Rice or yam?")
        await expect(page.locator("live-poll .primary")).to_have_text("Voter")
        await browser.close()


@pytest.mark.parametrize(
    ("sample", "packages"),
    [
        ("react18.tsx", {"@types/react": "@types/react-18"}),
        ("react19.tsx", {"@types/react": "@types/react"}),
        ("vue.ts", {"vue": "vue"}),
    ],
)
def test_sample_page_has_correct_types(
    sample: str, packages: dict[str, str], node_project: Path, tmp_path: Path
) -> None:
    modules = tmp_path / "node_modules"
    for name, pinned in packages.items():
        (modules / name).parent.mkdir(parents=True, exist_ok=True)
        (modules / name).symlink_to(PINNED / pinned)
    (modules / "pollwire").symlink_to(node_project / "node_modules" / "pollwire")
    (tmp_path / sample).write_text((HERE / "samples" / sample).read_text())
    options = COMPILER_OPTIONS | {"jsx": "react-jsx", "preserveSymlinks": True}
    options["paths"] = {"*": [f"{modules}/*", f"{modules}/@types/*", f"{PINNED}/*", f"{PINNED}/@types/*"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": [sample]}))
    run("node", COMPILER, "-p", tmp_path, cwd=tmp_path)
