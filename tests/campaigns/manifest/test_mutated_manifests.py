"""Any change of a good manifest loads or ends as a `ManifestError`, whose violations all have a place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.campaigns.errors import ManifestError
from airflow_provider_offers.campaigns.manifest.loading import validate
from airflow_provider_offers.client.errors import Violation
from tests.campaigns.manifest.spring import FILES
from tests.effort import examples

NAMES = sorted(FILES)
ODD = [
    *("{{", "}}", "{%", "{{ row }}", "{{ var }}", "{{ target }}", "{{ [row] }}", "{{ row.name.upper }}", "{{ 1/0 }}"),
    *("*a", "&a", "!x", "<<: ", "? ", "---\n", "...\n", "\t", "\r", "\x00", "\ufeff", "\ud800", "|", ">", "null", "[]"),
    *("{}", "- ", ": ", "#", "%", "'", '"', "name:", "!include ", "!!binary x", "1e999", "-", "\u2028", "name:Spring"),
]
PLACE = re.compile(r"(campaign\.yaml|offers\.csv|welcome\.json)(:\d+){0,2}( .*)?", re.DOTALL)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["", "x", "name:Spring", "{{ row.name }}", "offers"]),
    st.just([]), st.just({}), st.just([[]]), st.just({"name": {}}), st.just([None]), st.just({"x": [{}]}),
)  # fmt: skip


def check(files: dict[str, bytes]) -> None:
    """The files are a manifest, or the error names a place for everything that is wrong."""
    with TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        violations = violations_of(Path(folder) / "campaign.yaml")
    for each in violations:
        assert PLACE.fullmatch(each.pointer), each


def violations_of(path: Path) -> Sequence[Violation]:
    """The violations of a manifest; none if it loads."""
    try:
        validate(path)
    except ManifestError as error:
        return error.violations or [Violation("nowhere", "", "")]
    return ()


def encoded(name: str) -> bytes:
    content = FILES[name]
    return content if isinstance(content, bytes) else content.encode()


@examples(30)
@given(st.data())
def test_text_that_is_changed_anywhere(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    content = encoded(name)
    at = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(at, min(len(content), at + 12)))
    new = data.draw(st.sampled_from(ODD).map(lambda text: text.encode(errors="surrogatepass")) | st.binary(max_size=4))

    check({**{each: encoded(each) for each in NAMES}, name: content[:at] + new + content[end:]})


@examples(30)
@given(st.data())
def test_values_of_any_type_in_any_place(data: st.DataObject) -> None:
    text = encoded("campaign.yaml").decode().replace("!include welcome.json", "[]")
    manifest = yaml.load(text, yaml.BaseLoader)
    places = list(_places(manifest))
    for _ in range(data.draw(st.integers(1, 2))):
        parent, key = data.draw(st.sampled_from(places))
        parent[key] = data.draw(VALUES)

    check({**{each: encoded(each) for each in NAMES}, "campaign.yaml": yaml.safe_dump(manifest).encode()})


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)
