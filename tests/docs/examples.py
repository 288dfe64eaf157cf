"""A document's examples, found in its text and made into one script that runs them in order.

What is fenced as ``sh``, ``js`` or ``python`` runs; ``toml`` whose first line is a
comment with a file's name becomes that file; ``json`` right after ``sh``, beneath the same
heading, is what that must answer, value by value alike in kind. Other languages
(``console`` among them) are for reading.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "127.0.0.1:8000"
"""Where documents say that the service is."""

_FENCE = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^##+ ", re.MULTILINE)  # a single # begins comments as well
_CUT = "---- the example ends ----"

_HEAD = f"""
set -eu -o pipefail
export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH PYTHONPATH={shlex.quote(str(ROOT))}
# A refusal fails the example; the end of --max-time (28) is how one watches for a while.
curl() {{ command curl --fail-with-body "$@" || [ $? -eq 28 ]; }}
"""


class Example(NamedTuple):
    """One fenced block."""

    language: str
    text: str
    section: int
    """How many headings stand before it."""


class Expected(NamedTuple):
    """What the example of this number must answer."""

    example: int
    document: Any  # Any: JSON


def examples_of(document: Path) -> list[Example]:
    """Every fenced block that names its language."""
    text = document.read_text()
    return [
        Example(found["language"], found["text"], len(_HEADING.findall(text, 0, found.start())))
        for found in _FENCE.finditer(text)
    ]


def expectations_of(examples: list[Example]) -> list[Expected]:
    """The answers that stand right after their commands."""
    pairs = enumerate(itertools.pairwise(examples))
    return [
        Expected(number, json.loads(after.text))
        for number, (before, after) in pairs
        if (before.language, after.language) == ("sh", "json") and before.section == after.section
    ]


def script_of(examples: list[Example], folder: Path, address: str) -> str:
    """One bash script for ``folder`` and the service at ``address``; a cut ends what each example says."""
    refusals = {
        number
        for number, document in expectations_of(examples)
        if str(document.get("type")).startswith("/problems/")
    }
    parts = [_HEAD]
    for number, example in enumerate(examples):
        text = example.text.replace(ADDRESS, address)
        command = _command_for(example.language, text, folder, number)
        parts.append(f"( {command}\n) || true" if number in refusals else command)
        parts.append(f"\necho; echo '{_CUT}'")
    return "\n".join(parts)


def outputs_of(stdout: str) -> list[str]:
    """What each example said."""
    return [said.strip() for said in stdout.split(_CUT)]


def _command_for(language: str, text: str, folder: Path, number: int) -> str:
    match language:
        case "sh":
            return text
        case "js":
            (folder / f"example{number}.mjs").write_text(text)
            return f"node --experimental-websocket example{number}.mjs"
        case "python":
            (folder / f"example{number}.py").write_text(text)
            return f"python example{number}.py"
        case "toml" if text.startswith("# "):
            (folder / text.partition("\n")[0].removeprefix("# ")).write_text(text)
    return ":"


def is_alike(shown: Any, said: Any) -> bool:
    """Whether two JSON values have the same shape; null stands for whatever may be absent, and
    a list of another length has items like the first that is shown."""
    if shown is None or said is None:
        return True
    if isinstance(shown, dict) and isinstance(said, dict):
        return shown.keys() == said.keys() and all(is_alike(shown[name], said[name]) for name in shown)
    if isinstance(shown, list) and isinstance(said, list):
        if len(shown) == len(said):
            return all(map(is_alike, shown, said))
        return all(is_alike(shown[0], item) for item in said) if shown else not said
    return type(shown) is type(said)
