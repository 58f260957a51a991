"""Runs the examples that are in no DAG: requests to the control plane, and the steps of a campaign in Python."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.emulator import Emulator
from tests.docs.pages import page

EMULATOR = page("docs/emulator.md")
SEMANTICS = page("docs/campaign-semantics.md")
CONTROL = [line for block in EMULATOR.blocks("bash") for line in block.text.splitlines() if "/_emulator/" in line]
PLAIN = [
    *(block for block in EMULATOR.blocks("python") if "def test_" not in block.text),
    *(block for block in page("docs/models.md").blocks("python") if "json_schema" in block.text),
]


@pytest.fixture(scope="module")
def running() -> Any:
    with Emulator() as emulator:
        yield emulator


@pytest.mark.parametrize("line", CONTROL)
def test_the_emulator_accepts_the_command(line: str, running: Emulator) -> None:
    words = shlex.split(line)
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    data = words[words.index("-d") + 1] if "-d" in words else None
    (address,) = (word for word in words if word.startswith("localhost:8765/"))
    answer = requests.request(method, address.replace("localhost:8765", running.url), data=data, timeout=30)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("block", PLAIN, ids=str)
def test_the_example_runs_by_itself(block: Any) -> None:
    exec(compile(block.text, str(block), "exec"), {})


def test_the_steps_of_a_campaign_run_in_python(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tutorial = page("docs/campaigns.md")
    Path("campaign.yaml").write_text(tutorial.blocks("yaml")[0].text)
    Path("offers.csv").write_text(tutorial.blocks("csv")[0].text)
    steps: dict[str, Any] = {}
    for block in SEMANTICS.blocks("python"):
        exec(compile(block.text.replace("tag:Spring", "tag:Summer"), str(block), "exec"), steps)
    connection = emulator.connection()
    given = {name: connection[name] for name in ("host", "login", "password", "extra")}
    settings, store = parse_settings(**given), steps["store"]
    campaign = steps["load"]("campaign.yaml", target="dev")

    with OfferLibrary(settings) as library:
        plan = steps["plan_it"](library, campaign, store.read(campaign.name, settings.org_id, settings.sandbox))
        assert steps["plan_from_json"](steps["plan_as_json"](plan)) == plan
        assert steps["apply_it"](settings, plan) == "7 created"
        state = store.read(campaign.name, settings.org_id, settings.sandbox)
        assert steps["look_for_drift"](library, state)["objects"] == []
        assert steps["export_to"](library, Path("exported.yaml")) == ()
        assert steps["take_over"](library, campaign, store)[1] == {}
    assert steps["load"]("exported.yaml", target="prod").name == "spring-2027"
    assert steps["not_portable"]("campaign.yaml") == []
