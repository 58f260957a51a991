"""The emulator's page names every setting, fault, command and route, and no others."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from airflow_provider_offers.emulator.control.control import _COMMANDS
from airflow_provider_offers.emulator.control.faults import EFFECTS
from airflow_provider_offers.emulator.kinds import KINDS
from airflow_provider_offers.emulator.runtime.pql import FUNCTIONS
from airflow_provider_offers.emulator.settings import Settings

PAGE = (Path(__file__).parents[3] / "docs" / "emulator.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading, up to the next heading of that level or above."""
    level, _, _ = title.partition(" ")
    rest = PAGE.partition(f"\n{title}\n")[2]
    assert rest, title
    return re.split(rf"\n#{{1,{len(level)}}} ", rest)[0]


def first_cells(text: str) -> set[str]:
    """The names in the first cells of a section's tables."""
    cells = re.findall(r"^\|([^|]*)\|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def rows_of_settings() -> dict[str, str]:
    """The row of each setting; some rows describe several."""
    rows = [line for line in section("### Settings").splitlines() if line.startswith("| `")]
    return {name: row for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_setting_is_in_the_table_with_its_default() -> None:
    rows = rows_of_settings()
    assert set(rows) == {each.name for each in dataclasses.fields(Settings)}
    for each in dataclasses.fields(Settings):
        if isinstance(each.default, str):
            assert f"| `{each.default}` |" in rows[each.name]


def test_every_choice_of_a_setting_is_in_its_row() -> None:
    rows = rows_of_settings()
    for each in dataclasses.fields(Settings):
        # A list has many orders, as its row says.
        if each.name != "xcore_default_order":
            assert all(str(choice) in rows[each.name] for choice in each.metadata.get("choices", ())), each.name


def test_every_fault_is_in_the_table() -> None:
    assert first_cells(section("### Faults")) == set(EFFECTS)


def test_every_command_is_in_the_table() -> None:
    table = section("## The control plane")
    for method, path in _COMMANDS:
        assert f"`{method} {path}`" in table or f"`{method} /_emulator/{path}`" in table, f"{method} {path}"


def test_every_kind_is_in_the_table() -> None:
    table = section("### The library")
    assert first_cells(table) == {kind.name for kind in KINDS}
    for kind in KINDS:
        assert f"| `/{kind.dps_path}` |" in table


def test_every_function_of_the_subset_is_named() -> None:
    text = section("### Rules and formulas")
    for name in FUNCTIONS:
        assert f"`{name}`" in text


def test_the_examples_of_delivery_run() -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    run = [each for each in examples if "import Emulator\n\nwith Emulator(" in each]
    assert len(run) == 2
    for each in run:
        exec(each, {})
