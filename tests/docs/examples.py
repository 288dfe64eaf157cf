"""Code examples of a document, extracted into one script that runs them in order.

Blocks fenced as ``sh``, ``js`` or ``python`` run. A ``toml`` block that begins with a comment becomes the
file that the comment names. A ``json`` block directly after ``sh``, under the same heading, shows the
response: the real one must have the same fields and types. Other languages, such as ``console``, do not run.
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
"""The address of the service in the documents."""

_FENCE = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^##+ ", re.MULTILINE)  # a single # also begins a comment
_END = "---- end of example ----"

_HEAD = f"""
set -eu -o pipefail
export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH PYTHONPATH={shlex.quote(str(ROOT))}
# An HTTP error fails the example. Exit code 28 is the end of --max-time: it ends a stream.
curl() {{ command curl --fail-with-body "$@" || [ $? -eq 28 ]; }}
"""


class Example(NamedTuple):
    """One fenced block."""

    language: str
    text: str
    section: int
    """Number of headings before the block."""


class Expected(NamedTuple):
    """The response that the example of this number must print."""

    example: int
    document: Any  # Any: JSON


def examples_of(document: Path) -> list[Example]:
    """Return every fenced block that names its language."""
    text = document.read_text()
    return [
        Example(found["language"], found["text"], len(_HEADING.findall(text, 0, found.start())))
        for found in _FENCE.finditer(text)
    ]


def expectations_of(examples: list[Example]) -> list[Expected]:
    """Return the responses that directly follow their commands."""
    pairs = enumerate(itertools.pairwise(examples))
    return [
        Expected(number, json.loads(after.text))
        for number, (before, after) in pairs
        if (before.language, after.language) == ("sh", "json") and before.section == after.section
    ]


def script_of(examples: list[Example], folder: Path, address: str) -> str:
    """Return one bash script for ``folder`` and the service at ``address``. A marker ends each output."""
    errors = {
        number
        for number, document in expectations_of(examples)
        if str(document.get("type")).startswith("/problems/")
    }
    parts = [_HEAD]
    for number, example in enumerate(examples):
        text = example.text.replace(ADDRESS, address)
        command = _command_for(example.language, text, folder, number)
        parts.append(f"( {command}\n) || true" if number in errors else command)
        parts.append(f"\necho; echo '{_END}'")
    return "\n".join(parts)


def outputs_of(stdout: str) -> list[str]:
    """Return the output of each example."""
    return [output.strip() for output in stdout.split(_END)]


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


def has_same_shape(shown: Any, actual: Any) -> bool:
    """Return True if two JSON values have the same shape.

    Null matches any value. The items of a list of another length must match its first item.
    """
    if shown is None or actual is None:
        return True
    if isinstance(shown, dict) and isinstance(actual, dict):
        return shown.keys() == actual.keys() and all(
            has_same_shape(shown[name], actual[name]) for name in shown
        )
    if isinstance(shown, list) and isinstance(actual, list):
        if len(shown) == len(actual):
            return all(map(has_same_shape, shown, actual))
        return all(has_same_shape(shown[0], item) for item in actual) if shown else not actual
    return type(shown) is type(actual)
