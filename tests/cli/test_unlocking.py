"""`airflow offers unlock`: whose lock it is and since when, and never that of an apply that seems to run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.campaigns.errors import StateLockedError
from airflow_provider_offers.campaigns.state.storage import StateStore
from airflow_provider_offers.cli import plans
from airflow_provider_offers.emulator import Emulator
from tests.cli.commands import Offers
from tests.cli.manifests import SPRING, written

WHERE = ("spring", Emulator.ORG_ID, "dev")
OWNER = "anna@laptop, process 7"


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long commands waited for an apply to stop."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


def taken(path: Path, *, ago: timedelta = timedelta(0)) -> StateStore:
    """A store in which an apply took the lock some time ago, and did not renew it since."""
    StateStore(path / "state", now=lambda: datetime.now(UTC) - ago).lock(*WHERE, owner=OWNER).__enter__()
    return StateStore(path / "state")


def test_a_campaign_without_a_lock_is_left_alone(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    done = offers("unlock", written(tmp_path), "--target", "dev")

    assert (done.code, done.lines) == (
        0,
        ["the campaign 'spring' in the sandbox 'dev' has no lock: no apply of it runs"],
    )
    assert connected.journal(path="/data/*") == []


def test_the_lock_of_an_apply_that_seems_to_run_stays(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    store = taken(tmp_path)
    held = store.holder(*WHERE)
    assert held is not None
    assert held.since is not None

    done = offers("unlock", written(tmp_path), "--target", "dev", "--yes")

    assert done.code == 1
    assert f"held by {OWNER} since {held.since:%Y-%m-%dT%H:%M:%S}" in done.err
    assert "that apply seems to run" in done.err
    assert done.err.rstrip().endswith("add --force")
    assert store.owner_of_lock(*WHERE) == OWNER


def test_it_is_removed_by_force_and_its_apply_has_time_to_stop(
    offers: Offers, connected: Emulator, tmp_path: Path, waits: list[float]
) -> None:
    store = taken(tmp_path)

    done = offers("unlock", written(tmp_path), "--target", "dev", "--yes", "--force")

    assert (done.code, done.lines[-1]) == (0, "the lock is removed")
    assert OWNER in done.lines[0]
    assert store.holder(*WHERE) is None
    assert waits == [4.0]


@pytest.mark.parametrize(("answer", "code"), [("yes", 0), ("no", 1)])
def test_a_lock_that_has_expired_is_removed_after_a_question(
    offers: Offers, connected: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    store = taken(tmp_path, ago=timedelta(hours=1))
    asked: list[str] = []
    monkeypatch.setattr(plans, "can_ask", lambda screen: True)

    def ask(question: str) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr("builtins.input", ask)

    done = offers("unlock", written(tmp_path), "--target", "dev")

    assert done.code == code
    assert "it was not renewed, so its process has died" in done.lines[0]
    assert asked == ["Type yes to remove the lock: "]
    assert (store.holder(*WHERE) is None) is (code == 0)


def test_nothing_is_removed_where_nobody_can_answer(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    store = taken(tmp_path, ago=timedelta(hours=1))

    done = offers("unlock", written(tmp_path), "--target", "dev")

    assert done.code == 1
    assert "nobody can answer here, so nothing was removed; add --yes" in done.err
    assert store.holder(*WHERE) is not None


def test_a_lock_that_another_apply_takes_meanwhile_stays(
    offers: Offers, connected: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = taken(tmp_path, ago=timedelta(hours=1))
    others: list[Any] = []

    def answer(question: str) -> str:
        others.append(store.lock(*WHERE, owner="another apply").__enter__())
        return "yes"

    monkeypatch.setattr(plans, "can_ask", lambda screen: True)
    monkeypatch.setattr("builtins.input", answer)

    done = offers("unlock", written(tmp_path), "--target", "dev")

    assert done.code == 1
    assert "has changed meanwhile, so nothing was removed" in done.err
    assert store.owner_of_lock(*WHERE) == "another apply"
    others[0].__exit__(None, None, None)


def test_only_the_head_of_a_manifest_is_read(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    """Its rows may come from a task, and its templates from a run."""
    taken(tmp_path)
    text = SPRING.replace("name: Spring towels", 'for_each: items, name: "{{ row.name }} {{ ds }}"').replace(
        "  - for_each: items, ", "  - for_each: items\n    "
    )

    done = offers("unlock", written(tmp_path, text), "--target", "dev", "--yes", "--force")

    assert (done.code, done.lines[-1]) == (0, "the lock is removed"), done.err


def test_a_campaign_is_known_by_its_name_and_a_connection(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    store = taken(tmp_path)

    refused = offers("unlock", "spring", "--yes", "--force")
    twice = offers("unlock", "spring", "--conn-id", "ajo_dev", "--target", "dev", "--yes", "--force")
    elsewhere = offers("unlock", "spring", "--conn-id", "ajo_prod", "--yes", "--force")
    done = offers("unlock", "spring", "--conn-id", "ajo_prod", "--sandbox", "dev", "--yes", "--force")

    assert "CAMPAIGN: given 'spring', which is not a file or a folder" in refused.err
    assert "--target: only a manifest has targets" in twice.err
    assert "in the sandbox 'prod' has no lock" in elsewhere.lines[0]
    assert (done.code, done.lines[-1]) == (0, "the lock is removed")
    assert store.holder(*WHERE) is None


def test_a_lock_that_is_not_readable_is_removed_by_force(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    store = taken(tmp_path)
    (lock,) = (tmp_path / "state").rglob("*.lock")
    lock.write_text("{}")

    refused = offers("unlock", written(tmp_path), "--target", "dev", "--yes")
    done = offers("unlock", written(tmp_path), "--target", "dev", "--yes", "--force")

    assert refused.code == 1
    assert "airflow offers unlock --force" in refused.err
    assert (done.code, done.lines[-1]) == (0, "the lock is removed")
    assert store.holder(*WHERE) is None


def test_an_apply_names_the_command(offers: Offers, connected: Emulator, tmp_path: Path) -> None:
    store = taken(tmp_path)

    done = offers("apply", written(tmp_path), "--target", "dev", "--yes")

    assert done.code == 1
    assert f"is held by {OWNER} until " in done.err
    assert "`airflow offers unlock --force` removes it at once" in done.err
    with pytest.raises(StateLockedError):
        store.lock(*WHERE, owner="another").__enter__()
