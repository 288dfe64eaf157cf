"""The examples of the documents run against the whole service."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.api.conftest import Serve, Service, serve, store
from tests.docs.examples import ROOT, examples_of, expectations_of, has_same_shape, outputs_of, script_of
from tests.docs.pages import PAGES

__all__ = ["serve", "store"]

DOCUMENTS = [
    document
    for document in PAGES
    if any(example.language in ("sh", "js", "python") for example in examples_of(document))
]

_COMMAND = """\
#!/bin/sh
exec {python} -c "from pollwire.cli import main; main(prog_name='pollwire')" "$@"
"""


@pytest_asyncio.fixture(loop_scope="session")
async def service(serve: Serve) -> AsyncIterator[Service]:
    """Run a service whose webhooks may call this machine, as the webhook examples need."""
    async with serve(webhook_allow=("127.0.0.1",)) as running_service:
        yield running_service


@pytest.fixture
def folder(tmp_path: Path, service: Service) -> Path:
    """Return a data folder as ``make up`` leaves it, with the URL and key of the service."""
    (tmp_path / ".pollwire").mkdir()
    (tmp_path / ".pollwire" / "service.json").write_text(json.dumps({"url": service.url}))
    (tmp_path / ".pollwire" / "admin-key").write_text(f"{service.settings.admin_key}\n")
    command = tmp_path / ".venv" / "bin" / "pollwire"
    command.parent.mkdir(parents=True)
    command.write_text(_COMMAND.format(python=sys.executable))
    command.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
async def test_examples_run_and_print_the_shown_responses(
    document: Path, folder: Path, service: Service
) -> None:
    examples = examples_of(document)
    if any(example.language == "js" for example in examples) and shutil.which("node") is None:
        assert not os.environ.get("CI"), "the JavaScript examples need node"
        pytest.skip("the JavaScript examples need node")
    script = script_of(examples, folder, service.url.removeprefix("http://"))
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = (text.decode() for text in await process.communicate())
    assert process.returncode == 0, f"{out}\n{err}"
    outputs = outputs_of(out)
    for number, shown in expectations_of(examples):
        actual = json.loads(outputs[number].splitlines()[-1])
        assert has_same_shape(shown, actual), f"{shown}\n{outputs[number]}"


@pytest.mark.parametrize(
    ("shown", "actual", "same"),
    [
        ({"a": 1, "b": None}, {"a": 2, "b": "x"}, True),
        ({"a": 1}, {"a": "1"}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}, {"c": 3}]}, False),
        ({"type": "results", "counts": {"rice": 1}}, {"type": "results", "counts": {"yam": 1}}, False),
    ],
    ids=["null matches", "other type", "extra field", "other item", "other nested field"],
)
def test_responses_of_another_shape_are_detected(shown: object, actual: object, same: bool) -> None:
    assert has_same_shape(shown, actual) is same
