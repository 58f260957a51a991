"""The part of the demo about campaigns as code: a plan, an apply, an edit by hand, and the decision about it.

It runs the commands of `airflow offers` as a user types them, in the sandbox `stage`.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_offers.emulator import Emulator

SANDBOX = "stage"
MANIFEST = Path(__file__).resolve().parent.parent / "example_dags" / "campaigns" / "spring"
# The object to which the manifest refers and that it never changes.
EXTERNAL = {
    "name": "Web hero",
    "channel": "https://ns.adobe.com/xdm/channel-types/web",
    "componentType": "imagelink",
}
# A marketer raises the cap of an offer, and writes a note that the manifest knows nothing of.
EDITED = "Spring towels"
EDIT: list[dict[str, Any]] = [
    {"op": "replace", "path": "/cappingConstraint/profileCap", "value": 9},
    {"op": "add", "path": "/characteristics", "value": {"note": "raised for the shop in Lyon"}},
]


def show(emulator: Emulator, home: Path, say: Callable[[str], None]) -> bool:
    """Plan, apply, edit by hand, and decide the conflict. Returns whether each command ended as it should."""
    shutil.copytree(MANIFEST, home / "spring")
    emulator.seed(objects=[{"kind": "offer-placement", "sandbox": SANDBOX, "body": EXTERNAL}])
    os.environ["AIRFLOW_CONN_AJO_STAGE"] = json.dumps(emulator.connection(sandbox=SANDBOX))
    os.environ["AIRFLOW__OFFER_LIBRARY__STATE_PATH"] = str(home / "campaign_state")

    say("\nA campaign as code, from one reviewed file (the values of new objects are left out here)")
    ended = [
        _command(home, say, "plan", "spring", "--target", "stage", "--out", "plan.json", brief=True),
        _command(home, say, "apply", "plan.json", "--yes", brief=True),
    ]
    say("\nNow a marketer edits an offer by hand: another cap, and a note")
    _edit_by_hand(emulator)
    ended += [
        _command(home, say, "plan", "spring", "--target", "stage", "--detailed-exitcode", expected=1),
        _command(home, say, "apply", "spring", "--target", "stage", "--force-conflicts", "--yes"),
    ]
    left = _offer(emulator)
    kept = left["cappingConstraint"]["profileCap"] == 3 and left["characteristics"] == EDIT[1]["value"]
    say(f"\nThe cap is {left['cappingConstraint']['profileCap']} again, as the file says. The note is still there,")
    say("because the file does not name it.")
    return all(ended) and kept


def _command(home: Path, say: Callable[[str], None], *arguments: str, brief: bool = False, expected: int = 0) -> bool:
    """Run the command in this process, which has loaded Airflow already."""
    from airflow.cli.cli_parser import get_parser

    say(f"\n$ airflow offers {' '.join(arguments)}")
    out, err, code = io.StringIO(), io.StringIO(), 0
    with chdir(home), redirect_stdout(out), redirect_stderr(err):
        try:
            parsed = get_parser().parse_args(["offers", *arguments])
            parsed.func(parsed)
        except SystemExit as ended:
            code = int(ended.code or 0)
    for line in _shown(out.getvalue(), brief):
        say(f"  {line}")
    if code != expected:
        say(f"  ended with {code}: {err.getvalue().strip()}")
    return code == expected


def _shown(output: str, brief: bool) -> Iterator[str]:
    for line in output.splitlines():
        if not (brief and line.startswith("    ")):
            yield line


def _edit_by_hand(emulator: Emulator) -> None:
    """Edit as a colleague does, with the client on a connection of its own."""
    from airflow_provider_offers.client.library import OfferLibrary
    from airflow_provider_offers.client.model.kinds import PERSONALIZED
    from airflow_provider_offers.client.settings import parse_settings

    fields = emulator.connection(sandbox=SANDBOX)
    del fields["conn_type"]
    with OfferLibrary(parse_settings(**fields)) as library:
        library.patch(PERSONALIZED, f"name:{EDITED}", EDIT)


def _offer(emulator: Emulator) -> dict[str, Any]:
    (found,) = (
        each["body"] for each in emulator.objects("personalized-offer", SANDBOX) if each["body"]["name"] == EDITED
    )
    return dict(found)
