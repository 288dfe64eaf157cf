"""What the documents show is what happens: their examples run against the whole service."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.api.conftest import Service, serve, store
from tests.api.conftest import own_service as service
from tests.docs.examples import ROOT, examples_of, expectations_of, is_alike, outputs_of, script_of

__all__ = ["serve", "service", "store"]

DOCUMENTS = [
    document
    for document in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if any(example.language in ("sh", "js", "python") for example in examples_of(document))
]

_COMMAND = """\
#!/bin/sh
exec {python} -c "from pollwire.cli import main; main(prog_name='pollwire')" "$@"
"""


@pytest.fixture
def folder(tmp_path: Path, service: Service) -> Path:
    """A folder in which a service runs, as ``make up`` leaves it."""
    (tmp_path / ".pollwire").mkdir()
    (tmp_path / ".pollwire" / "service.json").write_text(json.dumps({"url": service.url}))
    (tmp_path / ".pollwire" / "admin-key").write_text(f"{service.settings.admin_key}\n")
    command = tmp_path / ".venv" / "bin" / "pollwire"
    command.parent.mkdir(parents=True)
    command.write_text(_COMMAND.format(python=sys.executable))
    command.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
async def test_examples_run(document: Path, folder: Path, service: Service) -> None:
    """Every command, script and program of the document succeeds, and answers what the document shows."""
    examples = examples_of(document)
    if any(example.language == "js" for example in examples) and shutil.which("node") is None:
        assert not os.environ.get("CI"), "the documents' JavaScript needs node"
        pytest.skip("the documents' JavaScript needs node")
    script = script_of(examples, folder, service.url.removeprefix("http://"))
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = (text.decode() for text in await process.communicate())
    assert process.returncode == 0, f"{out}\n{err}"
    said = outputs_of(out)
    for number, shown in expectations_of(examples):
        assert is_alike(shown, json.loads(said[number].splitlines()[-1])), f"{shown}\n{said[number]}"


@pytest.mark.parametrize(
    ("shown", "said", "alike"),
    [
        ({"a": 1, "b": None}, {"a": 2, "b": "x"}, True),
        ({"a": 1}, {"a": "1"}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}, {"c": 3}]}, False),
        ({"type": "results", "counts": {"rice": 1}}, {"type": "results", "counts": {"yam": 1}}, False),
    ],
)
def test_answers_are_compared(shown: object, said: object, alike: bool) -> None:
    """A document that shows other fields than are answered, or values of another kind, is found out."""
    assert is_alike(shown, said) is alike


def test_documents_link_to_what_exists() -> None:
    """Every relative link of every document leads to a file of this repository."""
    for document in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_make_knows_what_the_documents_name() -> None:
    """Every `make` target that a document tells people to use is one."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        named = set(re.findall(r"(?:^\$ |`)make ([a-z]+)", document.read_text(), re.MULTILINE))
        assert named <= targets, f"{document.name}: {named - targets}"
