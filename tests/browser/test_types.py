"""Types of the pages, and the served type declarations."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser.conftest import Service

HERE = Path(__file__).parent
STATIC = HERE.parents[1] / "service" / "pollwire_server" / "web" / "static"
COMPILER = HERE / "node_modules" / "typescript" / "bin" / "tsc"


@pytest.mark.parametrize("project", [".", "types"])
def test_modules_and_served_types_compile(project: str) -> None:
    node = shutil.which("node")
    assert node, "The tests need Node 18 or newer (on Debian and Ubuntu: apt-get install nodejs npm)."
    assert COMPILER.exists(), "TypeScript is not installed: make dev"
    checked = subprocess.run(
        [node, COMPILER, "-p", HERE / project], capture_output=True, text=True, timeout=100, check=False
    )
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize("name", ["client.d.ts", "widget.d.ts"])
async def test_types_are_served(service: Service, name: str) -> None:
    answer = await service.http.get(f"/{name}")
    assert answer.status_code == 200
    assert answer.text == (STATIC / name).read_text("utf-8")


LANGUAGES = ("fr", "es", "ar")


def messages(path: Path) -> dict[str, str]:
    """Return the messages of a file by key."""
    lines = path.read_text("utf-8").splitlines()
    found = (re.match(r"  (\w+): (.*),$", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_all_messages_and_placeholders(language: str) -> None:
    folder = STATIC / "i18n" / "widget"
    english = messages(folder / "en.js") | messages(folder / "en_on_demand.js")
    other = messages(folder / f"{language}.js")
    assert sorted(other) == sorted(english)
    for key, text in english.items():
        places = set(re.findall(r"\{(\w+)\}", text))
        assert set(re.findall(r"\{(\w+)\}", other[key])) == places, key


def test_lock_file_pins_by_hash_and_names_no_registry() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text())
    packages = [package for name, package in lock["packages"].items() if name]
    assert packages
    assert all(
        "resolved" not in package and package["integrity"].startswith("sha512-") for package in packages
    )
