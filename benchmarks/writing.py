"""Many writes: thousands of patches with slow answers, ours next to a loop, mapped tasks and bare aiohttp.

`python -m benchmarks.writing --offers 200` runs fewer. Every contestant works in its own process. Our operators do what
they do in a task; the others send the same patch, which sets a status. Slow contestants send fewer; the figures are per
second.
"""

from __future__ import annotations

import argparse

from benchmarks.measure import medians, repeated, table, verdict

OFFERS = 2_000
CONNECTIONS = 32
SERVER_SECONDS = 0.02
# Each is a task with a list.
VERBS = ("patch", "publish", "schedule", "archive", "create")
# The contestants that send one request at a time get fewer offers.
FEWER = {"a loop on requests": 10, "HttpOperator, mapped": 100}


def _title(verb: str) -> str:
    return f"ours, {verb.capitalize()}OfferOperator"


CONTESTANTS = {
    "bare aiohttp (the limit)": "limit",
    "bare aiohttp in a task": "limit_task",
    "ours, run_batch of patch": "patch",
    **{_title(verb): f"{verb}_task" for verb in VERBS},
    "a loop on requests": "loop",
    "HttpOperator, mapped": "mapped",
}


def measure(offers: int, times: int) -> str:
    """The section of the results."""
    shares = {title: max(2, offers // FEWER.get(title, 1)) for title in CONTESTANTS}
    contestants: dict[str, tuple[object, ...]] = {
        title: (name, "--offers", shares[title]) for title, name in CONTESTANTS.items()
    }
    runs = repeated(times, contestants, "benchmarks.writers")
    found = {title: medians(each) for title, each in runs.items()}
    limit, loop = found["bare aiohttp (the limit)"], found["a loop on requests"]
    ours = found["ours, run_batch of patch"]
    rows = [
        [
            title,
            f"{shares[title]:,}",
            f"{figures['seconds']:.2f}",
            f"{figures['offers'] / figures['seconds']:,.1f}",
            f"{figures['requests'] / figures['offers']:.2f}",
            f"{figures['requests'] / figures['seconds']:,.1f}",
            f"{1000 * figures['cpu'] / figures['requests']:.2f}",
            f"{1000 * figures['own'] / figures['requests']:.2f}",
        ]
        for title, figures in found.items()
    ]
    columns = (
        "contestant",
        "offers",
        "seconds",
        "offers/s",
        "requests per offer",
        "requests/s",
        "CPU, ms a request",
        "of it in the main thread",
    )
    # Both send one request for each offer.
    of_limit = limit["seconds"] / ours["seconds"]
    of_loop = (ours["offers"] / ours["seconds"]) / (loop["offers"] / loop["seconds"])
    goals = [
        ["at least 0.9 of the limit's speed", f"{of_limit:.2f}", verdict(of_limit >= 0.9)],
        ["at least 20 times the loop's speed", f"{of_loop:.1f}", verdict(of_loop >= 20)],
    ]
    for verb in VERBS:
        for name in ("bare aiohttp (the limit)", "bare aiohttp in a task"):
            share = found[name]["seconds"] / found[_title(verb)]["seconds"]
            wanted = f"{_title(verb)}: at least 0.85 of the offers/s of {name}"
            goals.append([wanted, f"{share:.2f}", verdict(share >= 0.85)])
    return (
        f"## Many writes\n\n{1000 * SERVER_SECONDS:g} ms of server time for each request, {CONNECTIONS} connections; "
        f"medians of {times} runs. The loop and the mapped tasks did fewer offers, as the table says; compare offers "
        f"per second.\n\n{table(columns, rows)}\n\n{table(('goal', 'measured', ''), goals)}\n"
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--offers", type=int, default=OFFERS)
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    print(measure(options.offers, options.repeat))


if __name__ == "__main__":
    main()
