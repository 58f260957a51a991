"""The pytest plugin gives a test an empty library, a connection to it, and its clock."""

import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import TAG
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.emulator import Emulator
from tests.docs.pages import page

# The service of the fixtures. A pytest in this process then finds it imported.
EMULATOR = Emulator.__module__.rpartition(".")[0]
HEAD = """
import json
import os

import pytest

from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import TAG
from airflow_provider_offers.client.settings import parse_settings


def connected(conn_id="OFFER_LIBRARY_DEFAULT"):
    fields = json.loads(os.environ[f"AIRFLOW_CONN_{conn_id}"])
    del fields["conn_type"]
    return OfferLibrary(parse_settings(**fields))

"""


@pytest.fixture(autouse=True, scope="module")
def _import_first() -> None:
    """Import what the inner tests use: a pytest in this process forgets modules that it imported itself."""
    with Emulator() as emulator:
        fields = emulator.connection()
        del fields["conn_type"]
        with OfferLibrary(parse_settings(**fields)) as library:
            library.run(library.calls.create(TAG, {"name": "Spring"}))


def _run(pytester: pytest.Pytester, tests: str, *options: str) -> pytest.RunResult:
    """Run these tests in a pytest of their own, in this process."""
    pytester.makepyfile(HEAD + tests)
    return pytester.runpytest_inprocess("--strict-markers", "-p", "no:cacheprovider", "-rA", *options)


def test_each_test_has_an_empty_library_and_a_connection_to_it(pytester: pytest.Pytester) -> None:
    done = _run(
        pytester,
        """
@pytest.mark.parametrize("time", [1, 2])
def test_one_tag_is_made(offer_library, time):
    before = len(offer_library.objects("tag"))
    with connected() as library:
        written = library.run(library.calls.create(TAG, {"name": "Spring"}))
    assert written.receipt.id.startswith("dps:")
    assert len(offer_library.objects("tag")) == before + 1
    assert [tag["body"]["name"] for tag in offer_library.objects("tag")].count("Spring") == 1
""",
    )
    done.assert_outcomes(passed=2)


def test_a_fault_that_matched_no_request_is_a_warning(pytester: pytest.Pytester) -> None:
    done = _run(
        pytester,
        """
def test_lost(offer_library):
    offer_library.add_fault("drop", method="POST", path="*/ofers", when="after")
    offer_library.add_fault("delay", method="POST", path="*/tags", seconds=0)
    offer_library.add_fault("drop", path="*/tags", times=0)
    with connected() as library:
        library.run(library.calls.create(TAG, {"name": "Spring"}))
""",
    )
    done.assert_outcomes(passed=1, warnings=1)
    done.stdout.fnmatch_lines(["*PytestWarning: the fault 'drop' (method='POST', path='*/ofers') matched no request"])


def test_a_fault_that_was_never_applied_is_a_warning(pytester: pytest.Pytester) -> None:
    done = _run(
        pytester,
        """
def test_lost(offer_library):
    offer_library.add_fault("drop", method="POST", path="*/tags", after=5)
    offer_library.add_fault("drop", method="POST", path="*/tags", after=1, times=3)
    offer_library.add_fault("drop", method="POST", path="*/tags", probability=0)
    with connected() as library:
        library.run(library.calls.create(TAG, {"name": "Spring"}))
""",
    )
    done.assert_outcomes(passed=1, warnings=3)
    rule = "*PytestWarning: the fault 'drop' (method='POST', path='*/tags') matched 1 request and was never applied: "
    done.stdout.fnmatch_lines_random(
        [
            f"{rule}after=5 leaves out the first 5",
            f"{rule}after=1 leaves out the first 1",
            f"{rule}its probability is 0",
        ]
    )


def test_a_test_may_stop_the_emulator(pytester: pytest.Pytester) -> None:
    done = _run(
        pytester,
        """
def test_outage(offer_library):
    offer_library.stop()

def test_next(offer_library):
    with connected() as library:
        library.run(library.calls.create(TAG, {"name": "Spring"}))
""",
    )
    done.assert_outcomes(passed=2)


@pytest.mark.parametrize("given", ["list_lag=5", "api='xcore'", ""])
def test_a_mark_without_a_fixture_is_an_error(pytester: pytest.Pytester, given: str) -> None:
    """Its tasks would use another connection of that id, perhaps the real one."""
    done = _run(pytester, f"@pytest.mark.offer_library({given})\ndef test_it():\n    pass\n")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*::test_it: the mark offer_library has no effect without the fixture `offer_library`*"])


def test_a_mark_of_a_module_is_for_those_tests_that_use_it(pytester: pytest.Pytester) -> None:
    body = """
pytestmark = pytest.mark.offer_library(api="xcore")

def test_other():
    pass

@pytest.mark.usefixtures("offer_library")
@pytest.mark.offer_library(list_lag=5)
def test_it():
    pass
"""
    _run(pytester, body).assert_outcomes(passed=2)


def test_the_warning_of_a_fault_can_be_left_out(pytester: pytest.Pytester) -> None:
    body = 'def test_it(offer_library):\n    offer_library.add_fault("drop", path="*/tags")\n'
    filters = ["error", "ignore:the fault"]
    pytester.makeini("[pytest]\nfilterwarnings =\n" + "".join(f"    {each}\n" for each in filters))
    _run(pytester, body).assert_outcomes(passed=1)


@pytest.mark.parametrize(("given", "meant"), [("apy", "api"), ("conid", "conn_id"), ("extras", "extra")])
def test_a_misspelled_argument_of_the_mark_is_told(pytester: pytest.Pytester, given: str, meant: str) -> None:
    done = _run(
        pytester, f"@pytest.mark.offer_library({given}='dps')\ndef test_it(offer_library):\n    assert offer_library\n"
    )
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines([f"*the mark offer_library has '{given}'; did you mean '{meant}'?*"])


def test_the_mark_names_generations_connection_and_settings(pytester: pytest.Pytester) -> None:
    done = _run(
        pytester,
        """
pytestmark = pytest.mark.offer_library(token_lifetime=99)


@pytest.mark.offer_library(api=["dps", "xcore"], conn_id="ajo_dev", extra={"timeout": 7})
def test_both(offer_library, offer_library_api):
    with connected("AJO_DEV") as library:
        assert library.settings.api == offer_library_api
        assert library.settings.timeout == 7
        written = library.run(library.calls.create(TAG, {"name": "Spring"}))
        assert written.receipt.id.startswith(offer_library_api)
    assert offer_library.settings.token_lifetime == 99
""",
    )
    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines(["PASSED *::test_both[[]dps[]]", "PASSED *::test_both[[]xcore[]]"])


def test_the_clock_moves_the_service(pytester: pytest.Pytester) -> None:
    done = _run(
        pytester,
        """
def test_a_year_passes(offer_library, offer_library_clock):
    offer_library_clock.freeze("2027-03-01T00:00:00Z")
    with connected() as library:
        assert library.run(library.calls.service_time()).year == 2027
        offer_library_clock.advance(365 * 86400)
        assert library.run(library.calls.service_time()).year == 2028


def test_the_next_test_has_the_real_time_again(offer_library, offer_library_clock):
    assert offer_library_clock.now().year < 2027
""",
    )
    done.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        ('api="dsp"', "the mark offer_library has api='dsp'; expected 'dps', 'xcore' or both"),
        ("api=[]", "the mark offer_library has api=[]"),
        ('"xcore"', "the mark offer_library takes named arguments only"),
        ("token_life=5", "token_lifetime"),
        ('sandbox="dev"', "the mark offer_library has 'sandbox'; did you mean extra={'sandbox': 'dev'}?"),
        ('extra={"api": "xcore"}', "the mark offer_library has 'api' in extra; it is an argument of its own"),
    ],
)
def test_a_wrong_mark_is_named(pytester: pytest.Pytester, mark: str, told: str) -> None:
    done = _run(pytester, f"\n@pytest.mark.offer_library({mark})\ndef test_it(offer_library):\n    pass\n")
    assert done.ret != 0
    assert told in done.stdout.str() + done.stderr.str()


def test_a_test_without_it_imports_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        f'import sys\n\ndef test_it():\n    assert "airflow_provider_offers.pytest_plugin" in sys.modules\n'
        f'    assert "{EMULATOR}" not in sys.modules\n    assert "airflow" not in sys.modules\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_examples_of_the_documentation_pass(pytester: pytest.Pytester) -> None:
    examples = [block.text for block in page("docs/testing.md").blocks("python") if "dags" not in block.text]

    for number, text in enumerate(examples):
        pytester.makepyfile(**{f"test_example_{number}": text})
    done = pytester.runpytest_inprocess("--strict-markers", "-p", "no:cacheprovider")

    assert len(examples) == 2
    done.assert_outcomes(passed=3)
