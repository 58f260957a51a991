"""The diagrams are what the tables of the code say, and are readable in light and dark."""

import xml.etree.ElementTree as ET

import pytest

from airflow_provider_offers.client.flows.referring import referring_kinds
from airflow_provider_offers.client.model.kinds import DECISION, KINDS, PERSONALIZED
from scripts.drawing import COLORS
from scripts.pictures import FOLDER, PICTURES, lifecycle, references
from tests.docs.pages import all_pages

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_is_drawn_from_the_code(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PICTURES[name](), "make pictures draws it again"


@pytest.mark.parametrize("name", PICTURES)
def test_a_page_shows_the_picture(name: str) -> None:
    assert [each.name for each in all_pages() if f"pictures/{name})" in each.text] != []


def test_the_picture_of_the_lifecycles_has_every_status_and_every_step() -> None:
    root = ET.fromstring(lifecycle().svg())
    shown = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}text")]
    for kind in (PERSONALIZED, DECISION):
        assert set(kind.statuses) <= set(shown)
    for verb in {step.verb for kind in (PERSONALIZED, DECISION) for step in kind.steps} - {"complete"}:
        wanted = [step for kind in (PERSONALIZED, DECISION) for step in kind.steps if step.verb == verb]
        assert shown.count(verb) == sum(len(step.origins) for step in wanted)


def test_the_picture_of_the_objects_has_every_reference_that_the_service_keeps() -> None:
    documented = {(other.key, kind.key) for kind in KINDS.values() for other in referring_kinds(kind)}
    # The service drops these two properties of a fallback offer.
    assert documented - references() == {("fallback", "rule"), ("fallback", "formula")}
    assert references() <= documented


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "faint", "blue", "green", "red", "orange", "violet"])
def test_a_color_stands_out_from_the_ground(name: str, scheme: int) -> None:
    """By the contrast of the Web Content Accessibility Guidelines for texts."""
    ground, color = sorted((_brightness(COLORS["ground"][scheme]), _brightness(COLORS[name][scheme])))
    assert (color + 0.05) / (ground + 0.05) >= 4.5


def _brightness(color: str) -> float:
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
