"""The client against the emulator, over HTTP: every call on both generations, and each write once under faults."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    AlreadyExistsError,
    AmbiguousNameError,
    AuthenticationError,
    ConflictError,
    InvalidInputError,
    NotAuthenticatedError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RejectedError,
    UnsupportedError,
)
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED
from airflow_provider_offers.client.model.query import parse_query
from airflow_provider_offers.client.model.windows import OfferWindow, window_of
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.emulator import Emulator

QUICK = Retries(max_retries=4, base=0.01, cap=0.05)
APPROVE = [{"op": "replace", "path": "/status", "value": "approved"}]

Connect = Callable[..., OfferLibrary]


@pytest.fixture
def connect(emulator: Emulator, api: str) -> Iterator[Connect]:
    """Opens the library of a connection, with changes."""
    opened: list[OfferLibrary] = []

    def connect(**extra: Any) -> OfferLibrary:
        connection = emulator.connection(**{"api": api, **extra})
        settings = parse_settings(**{name: connection[name] for name in ("host", "login", "password", "extra")})
        opened.append(OfferLibrary(settings, retries=QUICK))
        return opened[-1]

    yield connect
    for library in opened:
        library.close()


@pytest.fixture
def library(connect: Connect) -> OfferLibrary:
    return connect()


def sale(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Spring voucher",
        "status": "draft",
        "representations": [
            {
                "channel": "https://ns.adobe.com/xdm/channel-types/email",
                "placement": Emulator.PLACEMENT_ID,
                "components": [{"type": "html", "format": "text/html", "language": ["en"], "content": "<p>10%</p>"}],
            }
        ],
        "selectionConstraint": {"startDate": "2026-03-10T00:00:00Z", "endDate": "2036-06-30T21:59:59Z"},
        "rank": {"priority": 10},
        "tags": [Emulator.TAG_ID],
        "characteristics": {"sku": "SPR-10"},
        **changes,
    }


def offers(emulator: Emulator) -> list[dict[str, Any]]:
    """All offers in the library."""
    return emulator.objects("personalized-offer")


def committed(emulator: Emulator, method: str) -> int:
    return sum(entry.committed for entry in emulator.journal(method=method) if "token" not in entry.path)


def sent(emulator: Emulator, method: str) -> int:
    return sum("token" not in entry.path for entry in emulator.journal(method=method))


def test_an_offer_from_its_creation_to_its_end(library: OfferLibrary, emulator: Emulator, api: str) -> None:
    created = library.create(PERSONALIZED, sale())
    assert (created.action, created.receipt.etag) == ("created", 1)
    offer = library.get(PERSONALIZED, created.receipt.id)
    assert offer is not None
    assert offer.id == created.receipt.id
    assert offer.instance_id == created.receipt.instance_id
    assert (offer.name, offer.status, offer.etag) == ("Spring voucher", "draft", 1)
    assert offer.properties["representations"][0]["components"][0]["type"] == "html"
    assert offer.properties["characteristics"] == {"sku": "SPR-10"}
    assert library.get_unless(PERSONALIZED, created.receipt.id, 1) is None

    patched = library.patch(PERSONALIZED, created.receipt.id, APPROVE)
    assert patched.receipt.etag == 2
    changed = library.get_unless(PERSONALIZED, created.receipt.id, '"1"')
    assert changed is not None
    assert changed.status == "approved"

    found = list(library.search(PERSONALIZED, parse_query(name="Spring voucher")))
    assert [each.id for each in found] == [created.receipt.id]
    assert library.delete(PERSONALIZED, created.receipt.id).action == "deleted"
    assert library.delete(PERSONALIZED, created.receipt.id, missing_ok=True).action == "unchanged"
    with pytest.raises(NotFoundError):
        library.get(PERSONALIZED, created.receipt.id)
    assert offers(emulator) == []


def test_a_fallback_offer(library: OfferLibrary) -> None:
    fallback = {name: value for name, value in sale().items() if name not in ("selectionConstraint", "rank")}
    created = library.create(FALLBACK, fallback)
    assert "fallback-offer" in created.receipt.id
    offer = library.get(FALLBACK, created.receipt.id)
    assert offer is not None
    assert offer.window == {"start": None, "end": None}
    assert library.create(FALLBACK, fallback, if_exists="update").action == "unchanged"
    assert library.delete(FALLBACK, created.receipt.id).action == "deleted"


def test_one_generations_offer_is_the_others(emulator: Emulator, connect: Connect, api: str) -> None:
    made = connect().create(PERSONALIZED, sale()).receipt
    other = connect(api="xcore" if api == "dps" else "dps")
    seen = other.get(PERSONALIZED, made.id)
    assert seen is not None
    assert seen.properties["representations"][0]["components"][0]["content"] == "<p>10%</p>"
    other.patch(
        PERSONALIZED, made.id, [{"op": "add", "path": "/_instance/xdm:description", "value": "from the other side"}]
    )
    offer = connect().get(PERSONALIZED, made.id)
    assert offer is not None
    assert offer.properties["description"] == "from the other side"


def test_replacing(library: OfferLibrary) -> None:
    made = library.create(PERSONALIZED, sale()).receipt
    assert library.replace(PERSONALIZED, made.id, sale(name="Summer voucher"), if_match=1).receipt.etag == 2
    offer = library.get(PERSONALIZED, made.id)
    assert offer is not None
    assert offer.name == "Summer voucher"
    with pytest.raises(ConflictError, match="etag is 2, not 1"):
        library.replace(PERSONALIZED, made.id, sale(), if_match=1)


# Creation with faults: one POST takes effect and one offer exists.

FAULTS: list[dict[str, Any]] = [
    {"effect": "drop", "when": "after"},
    {"effect": "drop", "when": "before"},
    {"effect": "status", "status": 500, "when": "after"},
    {"effect": "status", "status": 503, "when": "before"},
    {"effect": "status", "status": 504, "when": "after", "times": 3},
    {"effect": "html", "when": "after", "status": 502},
    {"effect": "html", "when": "after", "status": 200},
    {"effect": "truncate"},
    {"effect": "malformed"},
    {"effect": "status", "status": 429, "retry_after": 0, "times": 2},
    {"effect": "expire_token"},
]


@pytest.fixture(params=FAULTS, ids=lambda fault: "-".join(map(str, fault.values())))
def fault(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(request.param)


def strike(emulator: Emulator, fault: dict[str, Any], method: str) -> None:
    emulator.add_fault(
        fault["effect"], method=method, path="/data/*", **{k: v for k, v in fault.items() if k != "effect"}
    )


def test_a_creation_happens_once(library: OfferLibrary, emulator: Emulator, fault: dict[str, Any]) -> None:
    strike(emulator, fault, "POST")
    created = library.create(PERSONALIZED, sale(), patience=0.3)
    assert created.action == "created"
    assert committed(emulator, "POST") == 1
    (offer,) = offers(emulator)
    assert offer["id"] == created.receipt.id


def test_a_creation_happens_once_behind_a_lagging_index(connect: Connect, emulator: Emulator) -> None:
    emulator.configure(list_lag=0.6, index_lag=0.6)
    emulator.add_fault("drop", method="POST", path="/data/*", when="after")
    assert connect().create(PERSONALIZED, sale(), patience=1.0).action == "created"
    assert committed(emulator, "POST") == sent(emulator, "POST") == 1


def test_a_creation_whose_every_answer_is_lost_is_found_by_the_next_run(
    library: OfferLibrary, emulator: Emulator
) -> None:
    since = datetime.now(UTC) - timedelta(seconds=1)
    assert list(library.search(PERSONALIZED, parse_query())) == []
    emulator.add_fault("drop", method="POST", path="/data/*", when="after")
    emulator.add_fault("status", method="GET", path="/data/*", status=503, after=2, times=None)
    with pytest.raises(OutcomeUnknownError):
        library.create(PERSONALIZED, sale(), patience=0, since=since)
    assert sent(emulator, "POST") == 1
    emulator.clear_faults()
    assert library.create(PERSONALIZED, sale(), patience=0.3, since=since).action == "adopted"
    assert committed(emulator, "POST") == 1
    with pytest.raises(AlreadyExistsError):
        library.create(PERSONALIZED, sale())
    with pytest.raises(AlreadyExistsError):
        library.create(PERSONALIZED, sale(), since=datetime.now(UTC) + timedelta(minutes=5))


def test_a_creation_of_an_earlier_try_is_adopted_behind_a_lagging_index(connect: Connect, emulator: Emulator) -> None:
    since = datetime.now(UTC) - timedelta(seconds=1)
    emulator.configure(list_lag=0.6, index_lag=0.6)
    made = connect().create(PERSONALIZED, sale())
    again = connect().create(PERSONALIZED, sale(), since=since, patience=3.0)
    assert (again.action, again.receipt.id) == ("adopted", made.receipt.id)
    assert sent(emulator, "POST") == 1


def test_a_creation_with_a_window(library: OfferLibrary) -> None:
    asked = {"start": "2030-03-30", "duration": "P2D", "timezone": "Europe/Paris"}
    window = OfferWindow(datetime(2030, 3, 29, 23, tzinfo=UTC), datetime(2030, 3, 31, 22, tzinfo=UTC))
    made = library.create(PERSONALIZED, sale(), window=asked)
    offer = library.get(PERSONALIZED, made.receipt.id)
    assert offer is not None
    assert window_of(offer.properties) == window
    assert library.create(PERSONALIZED, sale(), window=window, if_exists="update").action == "unchanged"
    with pytest.raises(UnsupportedError, match="no window"):
        library.create(FALLBACK, sale(), window=asked)
    with pytest.raises(InvalidInputError, match="window/until"):
        library.create(PERSONALIZED, sale(name="another"), window={"start": "2030-03-30", "until": "2030-04-01"})


def test_what_is_there_already(library: OfferLibrary, emulator: Emulator) -> None:
    made = library.create(PERSONALIZED, sale()).receipt
    for if_exists, action in (("adopt", "adopted"), ("skip", "skipped"), ("update", "unchanged")):
        assert library.create(PERSONALIZED, sale(), if_exists=if_exists).action == action
    updated = library.create(PERSONALIZED, sale(rank={"priority": 3}, tags=[]), if_exists="update")
    assert (updated.action, updated.receipt.id, updated.receipt.etag) == ("updated", made.id, 2)
    offer = library.get(PERSONALIZED, made.id)
    assert offer is not None
    assert offer.properties["rank"]["priority"] == 3
    assert not offer.properties.get("tags")
    emulator.seed(objects=[{"kind": "personalized-offer", "body": sale()}])
    with pytest.raises(AmbiguousNameError):
        library.create(PERSONALIZED, sale(), if_exists="adopt")


def test_what_the_service_refuses(library: OfferLibrary, api: str) -> None:
    unknown = sale()
    unknown["representations"][0]["placement"] = "dps:offer-placement:ffffffffffffffff"
    with pytest.raises((RejectedError, Exception), match="placement") as caught:
        library.create(PERSONALIZED, unknown)
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert getattr(caught.value, "request_id", None)


# Patches with faults.


def test_a_patch_that_sets_survives_faults(library: OfferLibrary, emulator: Emulator, fault: dict[str, Any]) -> None:
    made = library.create(PERSONALIZED, sale()).receipt
    strike(emulator, fault, "PATCH")
    assert library.patch(PERSONALIZED, made.id, APPROVE).action == "updated"
    (offer,) = offers(emulator)
    assert offer["body"]["status"] == "approved"


def test_a_patch_that_adds_happens_once(library: OfferLibrary, emulator: Emulator, fault: dict[str, Any]) -> None:
    made = library.create(PERSONALIZED, sale(frequencyCappingConstraints=[])).receipt
    strike(emulator, fault, "PATCH")
    rule = {"limit": 1, "scope": "profile", "entity": "offer"}
    library.patch(PERSONALIZED, made.id, [{"op": "add", "path": "/frequencyCappingConstraints/-", "value": rule}])
    (offer,) = offers(emulator)
    assert len(offer["body"]["frequencyCappingConstraints"]) == 1
    assert committed(emulator, "PATCH") == 1


def test_edits_from_many_sides_are_all_kept(library: OfferLibrary, emulator: Emulator, connect: Connect) -> None:
    made = library.create(PERSONALIZED, sale(characteristics={})).receipt
    failures: list[Exception] = []

    def edit(number: int) -> None:
        operations = [
            {"op": "test", "path": "/name", "value": "Spring voucher"},
            {"op": "add", "path": f"/characteristics/c{number}", "value": "x"},
        ]
        try:
            connect().patch(PERSONALIZED, made.id, operations)
        except Exception as failure:  # noqa: BLE001  shown below
            failures.append(failure)

    threads = [threading.Thread(target=edit, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (offer,) = offers(emulator)
    assert failures == []
    assert sorted(offer["body"]["characteristics"]) == ["c0", "c1", "c2"]


def test_conflicts(library: OfferLibrary) -> None:
    made = library.create(PERSONALIZED, sale()).receipt
    library.patch(PERSONALIZED, made.id, APPROVE, if_match=1)
    with pytest.raises(ConflictError, match="etag is 2, not 1"):
        library.patch(PERSONALIZED, made.id, APPROVE, if_match=1)
    with pytest.raises(ConflictError, match="nothing was sent"):
        library.patch(PERSONALIZED, made.id, [{"op": "test", "path": "/status", "value": "draft"}, *APPROVE])
    library.patch(PERSONALIZED, made.id, [{"op": "test", "path": "/etag", "value": 2}, *APPROVE])


# Deletions with faults.


def test_a_deletion_survives_faults(library: OfferLibrary, emulator: Emulator, fault: dict[str, Any]) -> None:
    made = library.create(PERSONALIZED, sale()).receipt
    strike(emulator, fault, "DELETE")
    assert library.delete(PERSONALIZED, made.id).action == "deleted"
    assert offers(emulator) == []


# Searches.


@pytest.fixture
def seeded(emulator: Emulator) -> list[str]:
    bodies = [
        sale(name=f"Offer {n:02d}", rank={"priority": n}, status="approved" if n % 2 else "draft") for n in range(23)
    ]
    return emulator.seed(objects=[{"kind": "personalized-offer", "body": body} for body in bodies])


@pytest.mark.parametrize("page_size", [1, 5, 23, 100, None])
def test_every_offer_is_listed_once(library: OfferLibrary, seeded: list[str], page_size: int | None) -> None:
    found = list(library.search(PERSONALIZED, parse_query(page_size=page_size)))
    assert sorted(offer.name or "" for offer in found) == [f"Offer {n:02d}" for n in range(23)]


def test_ties_in_time_lose_no_offer(library: OfferLibrary, emulator: Emulator) -> None:
    emulator.configure(unique_timestamps=False)
    emulator.seed(objects=[{"kind": "personalized-offer", "body": sale(name=f"Tied {n}")} for n in range(30)])
    found = list(library.search(PERSONALIZED, parse_query(page_size=2, order_by="-modified")))
    assert len({offer.id for offer in found}) == len(found) == 30


def test_limits_and_laziness(library: OfferLibrary, emulator: Emulator, seeded: list[str]) -> None:
    search = library.search(PERSONALIZED, parse_query(page_size=5))
    assert sent(emulator, "GET") == 0
    for _ in range(5):
        next(search)
    pages = sent(emulator, "GET")
    next(search)
    assert sent(emulator, "GET") == pages + 1
    assert len(list(library.search(PERSONALIZED, parse_query(limit=7, page_size=5)))) == 7


def test_filters_and_orders(library: OfferLibrary, seeded: list[str]) -> None:
    query = parse_query(properties=["status==approved", "rank.priority>=15"], order_by="-name")
    assert [offer.name for offer in library.search(PERSONALIZED, query)] == [
        "Offer 21",
        "Offer 19",
        "Offer 17",
        "Offer 15",
    ]
    query = parse_query(q="OFFER 07", qop="AND", fields="name")
    assert [offer.name for offer in library.search(PERSONALIZED, query)] == ["Offer 07"]
    assert len(list(library.search(PERSONALIZED, parse_query(ids=seeded[:3])))) == 3


@pytest.mark.parametrize("name", ["100% & more, #1", "a+b = c?", "ü ~ *", 'say "hi"', "x/y;z"])
def test_any_name_is_created_once(library: OfferLibrary, emulator: Emulator, name: str) -> None:
    emulator.add_fault("drop", method="POST", path="/data/*", when="after")
    made = library.create(PERSONALIZED, sale(name=name), patience=0.3)
    assert library.create(PERSONALIZED, sale(name=name), if_exists="adopt").receipt.id == made.receipt.id
    assert len(offers(emulator)) == 1


@pytest.mark.parametrize("effect", ["status", "drop", "truncate", "html"])
def test_a_page_that_fails_is_asked_for_again(
    library: OfferLibrary, emulator: Emulator, seeded: list[str], effect: str
) -> None:
    emulator.add_fault(effect, method="GET", path="/data/*", after=2, times=2)
    assert len(list(library.search(PERSONALIZED, parse_query(page_size=5)))) == 23


# Credentials.


def test_a_wrong_secret(connect: Connect) -> None:
    with pytest.raises(AuthenticationError, match="client secret") as caught:
        connect(password="not-the-secret").create(PERSONALIZED, sale())
    assert "not-the-secret" not in str(caught.value)


def test_a_credential_that_may_only_read(connect: Connect, emulator: Emulator) -> None:
    library = connect(login=Emulator.READER_CLIENT_ID)
    assert list(library.search(PERSONALIZED, parse_query())) == []
    with pytest.raises(PermissionDeniedError) as caught:
        library.create(PERSONALIZED, sale())
    assert caught.value.hint
    assert offers(emulator) == []


def test_tokens_are_renewed_once_when_they_end(library: OfferLibrary, emulator: Emulator) -> None:
    made = library.create(PERSONALIZED, sale()).receipt
    emulator.expire_tokens()
    assert library.get(PERSONALIZED, made.id) is not None
    assert len([entry for entry in emulator.journal(method="POST") if "token" in entry.path]) == 2


def test_a_ready_token_that_has_ended(connect: Connect, emulator: Emulator) -> None:
    library = connect(access_token=emulator.issue_token())
    library.create(PERSONALIZED, sale())
    emulator.expire_tokens()
    with pytest.raises(NotAuthenticatedError):
        library.create(PERSONALIZED, sale(name="another"))


def test_no_secret_is_ever_in_a_url(library: OfferLibrary, emulator: Emulator) -> None:
    library.create(PERSONALIZED, sale())
    for entry in emulator.journal():
        assert Emulator.CLIENT_SECRET not in entry.path + entry.query + json.dumps(entry.headers)


@pytest.mark.parametrize("etag", ["", " ", '""'])
def test_an_empty_etag_is_refused(library: OfferLibrary, emulator: Emulator, etag: str) -> None:
    """It would guard nothing, although the author asked for a guard."""
    made = library.create(PERSONALIZED, sale()).receipt
    emulator.clear_journal()
    for write in (
        lambda: library.patch(PERSONALIZED, made.id, APPROVE, if_match=etag),
        lambda: library.replace(PERSONALIZED, made.id, sale(name="Summer voucher"), if_match=etag),
    ):
        with pytest.raises(InvalidInputError, match=r"if_match: given .*; expected the etag of the object"):
            write()
    assert emulator.journal() == []
