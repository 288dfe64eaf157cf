"""Client generators, run on the document that a service serves. Their clients use that service."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.packaging.conftest import ROOT, run
from tests.pollwire_process import Up

HERE = Path(__file__).parent
TYPESCRIPT_GENERATOR = HERE / "node_modules" / "openapi-typescript" / "bin" / "cli.js"
PYTHON_ENVIRONMENT = HERE / ".venv" / "bin"
COMPILER = ROOT / "tests" / "browser" / "node_modules" / "typescript" / "bin" / "tsc"
NDJSON_AS_JSON = "content_type_overrides:\n  application/x-ndjson: application/json\n"
"""Settings of the Python generator, which does not know NDJSON."""
PYTHON_SCRIPT = """
import sys
from generated import AuthenticatedClient, Client
from generated.api.polls import create_poll
from generated.api.results import get_results
from generated.api.voting import cast_vote, register_voter
from generated.models import Kind, OptionDraft, PollDraft, Problem, Vote

url, key = sys.argv[1:]
anonymous, operator = Client(url), AuthenticatedClient(url, token=key)
options = [OptionDraft("a", "A"), OptionDraft("b", "B")]
draft = PollDraft(id="tea", kind=Kind.SINGLE, question="Tea?", options=options)
poll = create_poll.sync(client=operator, body=draft)
voter = AuthenticatedClient(url, token=register_voter.sync(client=anonymous).token)
vote = cast_vote.sync(poll.id, client=voter, body=Vote(choice="a"))
second = cast_vote.sync(poll.id, client=voter, body=Vote(choice="b"))
assert isinstance(second, Problem)
results = get_results.sync(poll.id, client=anonymous)
print(vote.status.value, second.type_.value, results.counts.to_dict(), results.phase.value)
"""


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Up]:
    """Run the service, and save its document as ``openapi.json`` in ``tmp_path``."""
    up = Up(tmp_path / "data", tmp_path)
    await (await up.start()).ready()
    async with httpx.AsyncClient(base_url=up.url) as http:
        (tmp_path / "openapi.json").write_bytes((await http.get("/openapi.json")).content)
    yield up
    await up.kill()


@pytest.mark.usefixtures("served")
def test_generated_typescript_types_accept_right_bodies_only(tmp_path: Path) -> None:
    run("node", TYPESCRIPT_GENERATOR, "openapi.json", "--output", "api.d.ts", cwd=tmp_path)
    (tmp_path / "generated.ts").write_text((HERE / "samples" / "generated.ts").read_text())
    options = {"strict": True, "noEmit": True, "target": "es2022", "moduleResolution": "bundler"}
    config = {
        "compilerOptions": {**options, "module": "es2022", "types": []},
        "files": ["api.d.ts", "generated.ts"],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    run("node", COMPILER, "-p", tmp_path, cwd=tmp_path)


async def test_generated_python_client_votes_and_reads_results(served: Up, tmp_path: Path) -> None:
    (tmp_path / "settings.yml").write_text(NDJSON_AS_JSON)
    run(
        *(PYTHON_ENVIRONMENT / "openapi-python-client", "generate", "--path", "openapi.json"),
        *("--output-path", "generated", "--meta", "none", "--config", "settings.yml", "--fail-on-warning"),
        cwd=tmp_path,
        PATH=f"{PYTHON_ENVIRONMENT}{os.pathsep}{os.environ['PATH']}",  # the generator calls ruff
    )
    output = run(PYTHON_ENVIRONMENT / "python", "-c", PYTHON_SCRIPT, served.url, served.key, cwd=tmp_path)
    assert output == "counted /problems/already-voted {'a': 1, 'b': 0} open\n"
