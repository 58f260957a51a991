"""A client in its own process: it writes to an emulator as fast as it can, and prints what it begins and finishes.

Usage: `python -m tests.emulator.writer PORT NAME SEED`. It ends when the emulator no longer answers.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
from typing import Any

from airflow_provider_offers.emulator import Emulator
from tests.emulator.conftest import dps_offer

OFFERS = "/data/core/dps/offers"
HEADERS = {
    "Authorization": "Bearer writer",
    "Content-Type": "application/json",
    "x-api-key": Emulator.CLIENT_ID,
    "x-gw-ims-org-id": Emulator.ORG_ID,
    "x-sandbox-name": "prod",
}


def main(port: int, name: str, seed: int) -> None:
    """Create, patch and delete objects until the emulator stops answering."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    chance = random.Random(seed)
    mine: dict[str, str] = {}

    def send(method: str, path: str, what: dict[str, Any], body: Any = None) -> Any:
        print(json.dumps(["begun", what]), flush=True)
        content = None if body is None else json.dumps(body)
        connection.request(method, f"{OFFERS}{path}?offer-type=personalized", content, HEADERS)
        answer = connection.getresponse()
        content = answer.read().decode()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path} was answered {answer.status}: {content}")
        print(json.dumps(["done", what]), flush=True)
        return json.loads(content) if content else None

    for number in range(1_000_000):
        mark = f"{name}-{number}"
        chosen = chance.choice([*mine]) if mine else ""
        step = chance.random()
        if step < 0.5 or not mine:
            receipt = send("POST", "", {"do": "create", "name": mark}, dps_offer(mark, description=mark))
            mine[receipt["id"]] = mark
        elif step < 0.9:
            # Both or neither, at any time of the kill.
            patch = [{"op": "replace", "path": path, "value": mark} for path in ("/name", "/description")]
            send("PATCH", f"/{chosen}", {"do": "patch", "name": mine[chosen], "to": mark}, patch)
            mine[chosen] = mark
        else:
            send("DELETE", f"/{chosen}", {"do": "delete", "name": mine.pop(chosen)})


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    except (OSError, http.client.HTTPException):
        sys.exit(0)
