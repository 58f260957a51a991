"""A value in a message is short and on one line, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.text import damage_in, damage_of, quoted


class Broken:
    """Has no text."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


def endless() -> list[Any]:
    """Lists in lists, deeper than Python goes."""
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "None"),
        ("a\nb", r"'a\nb'"),
        ("x" * 1_000, "'" + "x" * 296 + "..."),
        (10**5_000, "an int too large to show"),
        (endless(), "a list too large to show"),
        (Broken(), "a Broken that cannot be shown"),
    ],
    ids=["nothing", "lines", "long", "digits", "levels", "no text"],
)
def test_any_value_can_be_told(value: Any, told: str) -> None:
    assert quoted(value) == told


@pytest.mark.parametrize("text", ["Été", "Müller", "ça", "50 °C", "£5", "it\u2019s", "“so”", "wait…", "Straße", "ÜBER"])
def test_letters_that_were_read_in_another_encoding_are_told(text: str) -> None:
    misread = f"<p>{text.encode().decode('cp1252', 'replace')}</p>"

    assert "another encoding than UTF-8" in damage_of(misread)
    assert "another encoding than UTF-8" in damage_in(misread, "<p>{{ row.text }}</p>")
    assert damage_of(f"<p>{text}</p>") == damage_in(f"<p>{text}</p>", "<p>{{ row.text }}</p>") == ""


def test_a_formula_that_keeps_zeros_is_told() -> None:
    assert damage_of('="0042"') == damage_in('Offer ="0042"', "Offer {{ row.sku }}") != ""
    assert damage_of('<p class="a">="0042"</p>') == damage_in('x="1"', "{{ row.sku }}") == ""


@pytest.mark.parametrize("text", ["AMANHÃ, SÃO PAULO", "«AMANHû", "“AMANHÔ", "AMANHÃ\xa0!", "pâté", "10 €", "Â la"])
def test_letters_that_a_language_writes_are_no_damage(text: str) -> None:
    assert damage_of(text) == ""
