"""Runs every benchmark and writes `benchmarks/results.md`; `make bench` calls it."""

from __future__ import annotations

import argparse
import os
import sys
import time

from benchmarks import parsing, reading, waiting, writing
from benchmarks.machine import describe
from benchmarks.measure import CHECKOUT

RESULTS = CHECKOUT / "benchmarks" / "results.md"
# Above this, something else was at work before the first benchmark.
_BUSY = 0.5


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="how often each contestant runs (default 3)")
    times = parser.parse_args().repeat
    began, load = time.monotonic(), os.getloadavg()[0]
    sections = []
    for name, run in {
        "parsing": lambda: parsing.measure(times),
        "reading": lambda: reading.measure(reading.OFFERS, times),
        "many writes": lambda: writing.measure(writing.OFFERS, times),
        # The longest by far, so one round fewer.
        "waiting": lambda: waiting.measure(waiting.SIZES, max(1, times - 1), waiting.INTERVAL),
    }.items():
        print(f"{name} ...", file=sys.stderr, flush=True)
        sections.append(run())
        print(sections[-1], flush=True)
    minutes = (time.monotonic() - began) / 60
    busy = f" The load average was {load:.1f} before the first benchmark: other work shared the machine."
    head = (
        f"# Results\n\nWritten by `make bench` in {minutes:.1f} minutes; [what is measured, and how]"
        f"(../docs/benchmarks.md).{busy if load > _BUSY else ''}\n\n{describe(load)}\n"
    )
    RESULTS.write_text("\n".join([head, *sections]), encoding="utf-8")
    print(f"Written to {RESULTS.relative_to(CHECKOUT)}")


if __name__ == "__main__":
    main()
