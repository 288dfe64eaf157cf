"""The built files are those of the sources in the tree, and the modules at the root are complete."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pollwire_server.web.assets.static_files import (
    DIST,
    ENTRIES,
    LAZY_MODULES,
    STATIC,
    AssetLibrary,
    read_manifest,
)

BUILD = Path(__file__).parents[3] / "service" / "assets-build"
MAX_WIDGET_BYTES = 15_360


def hashes(root: Path, *suffixes: str) -> dict[str, str]:
    """Return the SHA-256 of each file with one of the suffixes, by its path under ``root``."""
    paths = (path for path in sorted(root.rglob("*")) if path.suffix in suffixes)
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
    }


def test_build_matches_sources() -> None:
    assert read_manifest().sources == hashes(STATIC, ".js", ".css", ".svg"), "Run: make assets"


def test_built_files_match_manifest() -> None:
    assert read_manifest().outputs == hashes(DIST, ".js", ".css"), "Run: make assets"


def test_edition_changes_with_sources() -> None:
    """The build script computes the edition from the hashes of all sources."""
    manifest = read_manifest()
    listed = "".join(f"{name} {digest}\n" for name, digest in manifest.sources.items())
    assert manifest.edition == hashlib.sha256(listed.encode()).hexdigest()[:12]


def test_rebuild_gives_same_bytes(tmp_path: Path) -> None:
    """The hashes prove which sources were built, but not how."""
    node = shutil.which("node")
    if node is None or not (BUILD / "node_modules").exists():
        pytest.skip("esbuild is not installed; `make assets` installs it")
    output = tmp_path / "dist"
    subprocess.run([node, BUILD / "build.mjs", output], check=True, capture_output=True, timeout=60)
    assert hashes(output, ".js", ".css", ".json") == hashes(DIST, ".js", ".css", ".json")


@pytest.mark.parametrize("name", [*ENTRIES, *LAZY_MODULES])
def test_bundle_contains_its_imports(name: str) -> None:
    """Other sites and the widget load each of these modules with one request."""
    library = AssetLibrary()
    script = library.entry(name) if name in ENTRIES else library.asset(name)
    assert script is not None
    assert not re.search(r"\bimport\s*[{'\"]|\bfrom\s*['\"]", script.body.decode())


@pytest.mark.parametrize(
    ("name", "exports"),
    [("client.js", {"connect", "Client", "PollwireError"}), ("widget.js", set())],
)
def test_entry_keeps_exported_names(name: str, exports: set[str]) -> None:
    found = re.search(r"export\s*\{([^}]*)\}", AssetLibrary().entry(name).body.decode())
    assert exports <= ({item.split(" as ")[-1].strip() for item in found[1].split(",")} if found else set())


def test_bundle_addresses_lazy_modules_by_edition() -> None:
    """Every module that an entry loads later exists under the edition of the release."""
    library = AssetLibrary()
    for entry in map(library.entry, ENTRIES):
        prefix = f"./static/{library.edition}/"
        names = re.findall(rf"[\"'`]{re.escape(prefix)}([^\"'`]+)[\"'`]", entry.body.decode())
        assert names
        assert all(library.asset(name) is not None for name in names)


@pytest.mark.parametrize(
    "path", sorted(STATIC.rglob("*.js")), ids=lambda path: path.relative_to(STATIC).as_posix()
)
def test_dynamic_import_names_an_existing_module(path: Path) -> None:
    """No compiler checks an import with a computed address."""
    calls = re.findall(r"import\((?:new URL\()?[`']([^`']+\.js)[`']", path.read_text("utf-8"))
    for call in calls:
        target = path.parent / re.sub(r"\$\{\w+\}", "fr", call)
        assert target.resolve().is_file(), call


def test_widget_stays_within_its_size() -> None:
    compressed = AssetLibrary().entry("widget.js").compressed
    assert compressed is not None
    assert len(compressed) <= MAX_WIDGET_BYTES
