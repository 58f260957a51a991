"""Waiting: thousands of deferred sensors in one event loop, ours next to the HTTP provider's.

`python -m benchmarks.waiting --waits 100` runs one size. Each contestant waits in its own process until drafts are
approved. At the end some are approved, and the waits for these must end.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.measure import Figures, medians, repeated, table, verdict
from benchmarks.waiters import CHANGES

SIZES = (100, 1_000, 10_000)
# The seconds between two looks.
INTERVAL = 3.0
CONTESTANTS = {"ours": "ours", "HttpSensorTrigger": "http"}

_COLUMNS = (
    "contestant",
    "waits",
    "requests per interval",
    "CPU, % of a core",
    "lag p50, ms",
    "lag p99, ms",
    "lag p99 while they arrive, ms",
    "memory per wait, KB",
    "noticed after, s",
    "ended in time",
)


def measure(sizes: Sequence[int], times: int, interval: float) -> str:
    """The section of the results."""
    contestants: dict[str, tuple[object, ...]] = {"nothing, 0": ("nothing", "--waits", 0, "--interval", interval)}
    for waits in sizes:
        for title, name in CONTESTANTS.items():
            contestants[f"{title}, {waits:,}"] = (name, "--waits", waits, "--interval", interval)
    runs = repeated(times, contestants, "benchmarks.waiters")
    found = {name: {part: medians([run[part] for run in each]) for part in each[0]} for name, each in runs.items()}
    text = table(_COLUMNS, [_row(name, parts, "quiet") for name, parts in found.items()])
    changing = [name for name in found if name.startswith("ours")]
    return (
        f"## Waiting\n\nInterval {interval:g} s; medians of {times} runs. The first row is a loop without any wait: "
        f"what the machine itself adds.\n\n{text}\n\nWith {CHANGES} changes per interval, of offers that are waited "
        f"for:\n\n{table(_COLUMNS[:6], [_row(name, found[name], 'changing')[:6] for name in changing])}\n\n"
        f"{_goals([(name, found[name]) for name in changing])}\n"
    )


def _row(name: str, parts: dict[str, Figures], part: str) -> list[str]:
    title, waits = name.split(", ")
    figures, whole = parts[part], parts["whole"]
    row = [title, waits, *(f"{figures[each]:.1f}" for each in ("requests", "cpu", "lag_p50", "lag_p99"))]
    if not int(waits.replace(",", "")):
        return [*row, "", "", "", ""]
    memory, noticed = f"{whole['memory'] / 1000:.1f}", f"{whole['noticed']:.1f}"
    return [*row, f"{whole['arriving_p99']:.1f}", memory, noticed, f"{whole['ended']:.0f} of {whole['approved']:.0f}"]


def _goals(ours: Sequence[tuple[str, dict[str, Figures]]]) -> str:
    """Each goal beside the measured value."""
    rows = []
    for name, parts in ours:
        quiet, changing = parts["quiet"], parts["changing"]
        rows.append([f"{name}: at most 2 requests a look", f"{quiet['a_look']:.2f}", verdict(quiet["a_look"] <= 2)])
        allowed = 2 + changing["pages"]
        goal = f"{name}: at most 2 and one per page of changes ({allowed:.2f}) a look"
        rows.append([goal, f"{changing['a_look']:.2f}", verdict(changing["a_look"] <= allowed)])
    last, parts = ours[-1]
    worst = max(parts["quiet"]["lag_p99"], parts["changing"]["lag_p99"])
    rows.append([f"{last}: lag p99 under 20 ms", f"{worst:.1f} ms", verdict(worst < 20)])
    memory = parts["whole"]["memory"]
    rows.append([f"{last}: under 10 KB a wait", f"{memory / 1000:.1f} KB", verdict(memory < 10_000)])
    return table(("goal", "measured", ""), rows)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waits", type=int, action="append", help="how many wait (may be given several times)")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--interval", type=float, default=INTERVAL, help="seconds between two looks")
    options = parser.parse_args()
    print(measure(options.waits or SIZES, options.repeat, options.interval))


if __name__ == "__main__":
    main()
