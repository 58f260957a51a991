"""The list of all names: it has every one, and the same thing has the same name, default and place everywhere."""

import re
from itertools import combinations

from airflow_provider_offers.client.model.query import SearchParameters
from airflow_provider_offers.client.settings import _EXTRAS
from airflow_provider_offers.get_provider_info import get_provider_info
from scripts import names
from tests.docs.pages import page, quoted, table
from tests.docs.test_reference import _public

SECTIONS = dict(names.sections())
TAKERS = {**names.of_modules("operators"), **names.of_modules("sensors"), **names.classes("notifications")}
# Parameters whose default depends on what takes them, with the reason.
OTHER_DEFAULTS = {
    "dry_run": "Adobe's own default, or the operator's",
    "include_content": "an answer for one profile has room for content, and a dataset has not",
    "item_count": "the placement's own default, or that of a batch",
    "manifest": "an apply takes a plan instead",
    "max_concurrent": "an apply works on a whole library",
    "notifiers": "Airflow's own default of an approval",
    "offer_library_conn_id": "the target of a campaign names its connection",
    "offer_type": "an id tells its type, and a search needs one",
    "on_failure": "an expired offer does not depend on another one",
    "plan": "an apply takes a manifest instead",
    "profile": "a sensor can look at the decision runtime without a profile",
    "target": "an export writes a target, and does not choose one",
}
# What stands at the end of every operator, and the search that `takes` adds.
AT_THE_END = {"report", "offer_library_conn_id", "sandbox", "deferrable", *SearchParameters.__annotations__}


def test_every_section_has_rows() -> None:
    assert [title for title, text in SECTIONS.items() if "|" not in text and title != "Faults"] == []


def test_no_part_of_the_providers_metadata_is_overlooked() -> None:
    told = {"package-name", "name", "description", "integrations"}
    listed = {"operators", "sensors", "triggers", "hooks", "notifications", "asset-uris", "config", "cli"}
    elsewhere = {"connection-types", "extra-links"}
    assert set(get_provider_info()) - told - listed - elsewhere == set()


def test_every_public_class_is_listed() -> None:
    listed = set(re.findall(r"`(\w+)(?:\(\))?`", "\n".join(SECTIONS.values())))
    assert {path.rpartition(".")[2] for path in _public()} - listed == set()


def test_every_field_of_the_connection_is_listed() -> None:
    listed = [quoted(row[0])[0] for row in table(SECTIONS["Connection"], "field")]
    assert listed == ["host", "login", "password", "port", *_EXTRAS]


def test_the_same_parameter_has_the_same_default() -> None:
    found: dict[str, set[str]] = {}
    for each in TAKERS.values():
        for name, parameter in names.parameters(each).items():
            found.setdefault(name, set()).add(repr(parameter.default))
    differing = {name for name, defaults in found.items() if len(defaults) > 1}
    assert differing == set(OTHER_DEFAULTS)


def test_parameters_are_in_the_same_order_everywhere() -> None:
    before: dict[tuple[str, str], str] = {}
    for name, each in TAKERS.items():
        taken = [parameter for parameter in names.parameters(each) if parameter not in AT_THE_END]
        before |= dict.fromkeys(combinations(taken, 2), name)
    reversed_ = {pair: (name, before[pair[::-1]]) for pair, name in before.items() if pair[::-1] in before}
    assert reversed_ == {}


def test_the_settings_of_the_emulator_are_those_of_its_page() -> None:
    told = [quoted(row[0]) for row in table(page("docs/emulator.md").text, "setting")]
    listed = [quoted(row[0])[0] for row in table(SECTIONS["Settings of the emulator"], "setting")]
    assert sorted(each for row in told for each in row) == sorted(listed)
