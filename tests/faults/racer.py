"""A process that creates an object on command: half of a race in real time.

Run as `python -m tests.faults.racer CONNECTION`, with a connection as JSON. It prints `ready`, then reads one offer a
line and answers with one line: the id of the result, or the error's class and text.
"""

from __future__ import annotations

import json
import sys

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.settings import parse_settings


def main() -> None:
    connection = json.loads(sys.argv[1])
    del connection["conn_type"]
    with OfferLibrary(parse_settings(**connection)) as library:
        print("ready", flush=True)
        for line in sys.stdin:
            job = json.loads(line)
            try:
                written = library.create(PERSONALIZED, job["offer"], if_exists=job["if_exists"], patience=3.0)
                said = {"id": written.receipt.id, "action": written.action}
            except OfferLibraryError as error:
                said = {"error": type(error).__name__, "text": str(error)}
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
