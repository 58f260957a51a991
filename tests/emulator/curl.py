"""Reads the curl commands of Adobe's documents, so that tests can send them as printed."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import requests

from airflow_provider_offers.emulator import Emulator

DOCUMENTS = Path(__file__).parent / "documents"


@dataclass
class Curl:
    """A printed command."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None

    def send(self, emulator: Emulator, **headers: str) -> requests.Response:
        """Send it to an emulator, with additional or changed headers."""
        filled = {
            "{ACCESS_TOKEN}": emulator.issue_token(),
            "{API_KEY}": emulator.CLIENT_ID,
            "{IMS_ORG}": emulator.ORG_ID,
            "{SANDBOX_NAME}": emulator.SANDBOX,
        }
        sent = {}
        for name, printed in self.headers.items():
            sent[name] = re.sub(r"\{[A-Z_]+\}", lambda found: filled[found[0]], printed)
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        url = self.url.replace("https://platform.adobe.io", emulator.url)
        with requests.Session() as session:
            session.trust_env = False
            data = self.body.encode() if self.body is not None else None
            return session.request(self.method, url, headers=sent, data=data, timeout=10)


def read(name: str) -> Curl:
    """The command in a document."""
    words = shlex.split((DOCUMENTS / f"{name}.curl").read_text(encoding="utf-8").replace("\\\n", ""))
    command = Curl("GET", "", {}, None)
    arguments = iter(words[1:])
    for word in arguments:
        if word == "-X":
            command.method = next(arguments)
        elif word == "-H":
            header, _, value = next(arguments).partition(":")
            command.headers[header] = value.strip()
        elif word == "-d":
            command.body = next(arguments)
        else:
            command.url = word
    return command
