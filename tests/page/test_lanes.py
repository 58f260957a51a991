"""The lanes of the timeline, by the page's own code in Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = """
import {filtered, lanesOf, libraryOf} from %s;
const library = libraryOf(%s);
const view = {start: 0, end: 8e15, from: 0, to: 8e15, room: 1};
const state = {text: "", type: "", status: "", mark: "", decision: "", group: "decision"};
const names = (placement) => lanesOf(library, filtered(library, {...state, placement}), [], {...state, placement}, view)
  .map((lane) => lane.name);
console.log(JSON.stringify([names(""), names("a"), names("b")]));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_decisions_of_other_placements_have_no_lane(checkout: Path, tmp_path: Path) -> None:
    columns = ("id", "kind", "name", "status", "start", "end", "placements", "decisions", "tags", "marks")
    window = ("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z")
    document = {
        "service_now": "2026-05-02T00:00:00Z",
        "columns": columns,
        "placements": [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}],
        "decisions": [{"id": "x", "name": "X", "placements": [0]}, {"id": "y", "name": "Y", "placements": [1]}],
        "rows": [["o", "personalized", "Both", "approved", *window, [0, 1], [0, 1], [], []]],
        "gaps": [],
    }
    code = (checkout / "airflow_provider_offers/plugins/static/library.js").as_uri()
    script = tmp_path / "lanes.mjs"
    script.write_text(SCRIPT % (json.dumps(code), json.dumps(document)))

    done = subprocess.run(["node", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["X", "Y"], ["X"], ["Y"]]
