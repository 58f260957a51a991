"""Runs every benchmark and writes `benchmarks/results.md`; `make bench` calls it.

With `--smoke`, every contestant runs with small numbers and nothing is written. That shows within a minute or two that
all contestants still work, and says nothing about speed. `make bench-smoke` calls it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from benchmarks import bulk, campaigns, parsing, reading, waiting, writing
from benchmarks.machine import describe, measured_commit
from benchmarks.measure import CHECKOUT, ContestantError, forget_homes

RESULTS = CHECKOUT / "benchmarks" / "results.md"
# Above this load, another program was running before the first benchmark.
_BUSY = 0.5

Sections = Mapping[str, Callable[[], str]]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="how often each contestant runs (default 3)")
    parser.add_argument("--smoke", action="store_true", help="try every contestant once, in small; write nothing")
    options = parser.parse_args()
    forget_homes()
    if options.smoke:
        _smoke()
    else:
        _measure(options.repeat)


def _measure(times: int) -> None:
    began, load, commit = time.monotonic(), os.getloadavg()[0], measured_commit()
    sections: Sections = {
        "parsing": lambda: parsing.measure(times),
        "reading": lambda: reading.measure(reading.OFFERS, times),
        "many writes": lambda: writing.measure(writing.OFFERS, times),
        "lists": lambda: bulk.measure(bulk.SIZES, bulk.OTHERS, draw=True),
        "campaigns": lambda: campaigns.measure(campaigns.SIZES, draw=True),
        # By far the longest section, so it has one round less.
        "waiting": lambda: waiting.measure(waiting.SIZES, max(1, times - 1), waiting.INTERVAL),
    }
    # One after the other, so that they do not slow each other down.
    texts = _run(sections, at_once=1, told=print)
    minutes = (time.monotonic() - began) / 60
    busy = f" The load average was {load:.1f} before the first benchmark: other work shared the machine."
    head = (
        f"# Results\n\nWritten by `make bench` in {minutes:.1f} minutes; [what is measured, and how]"
        f"(../docs/benchmarks.md).{busy if load > _BUSY else ''}\n\n{describe(load, commit)}\n"
    )
    RESULTS.write_text("\n".join([head, *texts]), encoding="utf-8")
    print(f"Written to {RESULTS.relative_to(CHECKOUT)}")


def _smoke() -> None:
    began = time.monotonic()
    sections: Sections = {
        "many writes": lambda: writing.measure(20, 1),
        "lists": lambda: bulk.measure((50,), (100,)),
        "campaigns": lambda: campaigns.measure((30,)),
        "waiting": lambda: waiting.measure((20,), 1, 1.0),
        "reading": lambda: reading.measure(300, 1),
        "parsing": lambda: parsing.measure(1),
    }
    _run(sections, at_once=2, told=lambda _: None)
    seconds = time.monotonic() - began
    print(f"Every contestant works ({seconds:.0f} s). What so few offers take says nothing, and is not told.")


def _run(sections: Sections, *, at_once: int, told: Callable[[str], object]) -> list[str]:
    """The text of each section. If a contestant fails, its section ends at once, and the program fails at the end."""
    failed = []

    def run(name: str) -> str:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            text = sections[name]()
        except ContestantError as error:
            failed.append(name)
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            return ""
        told(text)
        return text

    with ThreadPoolExecutor(at_once) as pool:
        texts = list(pool.map(run, sections))
    if failed:
        raise SystemExit(f"Failed: {', '.join(failed)}. Nothing was written.")
    return texts


if __name__ == "__main__":
    main()
