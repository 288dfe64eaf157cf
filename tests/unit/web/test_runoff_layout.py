"""The layout of the instant-runoff chart, run by Node as the page's own module."""

from __future__ import annotations

import json
import shutil
import subprocess

from tests.architecture.tree import ROOT

MODULE = ROOT / "service/pollwire_server/web/static/page/live/runoff_layout.js"
ROUNDS = [
    {"counts": {"constructor": 1, "rice": 3}, "eliminated": "constructor", "exhausted": 0},
    {"counts": {"rice": 4}, "eliminated": None, "exhausted": 0},
]
SCRIPT = """
const { computeRunoffLayout } = await import(process.argv[1]);
const order = ['constructor', 'rice'];
const layout = computeRunoffLayout(JSON.parse(process.argv[2]), order, { height: 100, gap: 1 });
console.log(JSON.stringify(layout));
"""


def test_option_with_the_name_of_an_object_property_is_drawn_once() -> None:
    """Check that an eliminated option `constructor` is in no later round, so the height is a number."""
    node = shutil.which("node")
    assert node is not None
    arguments = [MODULE.as_uri(), json.dumps(ROUNDS)]
    ran = subprocess.run(
        [node, "--input-type=module", "-e", SCRIPT, *arguments], capture_output=True, check=True, timeout=30
    )
    layout = json.loads(ran.stdout)
    drawn = [(block["id"], block["round"]) for block in layout["blocks"]]
    assert ("constructor", 1) not in drawn
    assert ("constructor", 0) in drawn
    assert isinstance(layout["height"], int | float)
