"""Reading: a whole library, page by page, ours next to a simple loop that parses the same JSON.

`python -m benchmarks.reading --offers 10000` reads fewer. Every contestant reads in its own process.
"""

from __future__ import annotations

import argparse

from benchmarks.measure import Figures, medians, repeated, table, verdict

OFFERS = 100_000
PAGE = 100
# Each contestant, and the bare loop on the same HTTP client that is its limit.
CONTESTANTS = {
    "bare requests (the limit)": "requests",
    "ours, OfferLibrary.search_offers": "library",
    "ours, OfferLibraryHook.search_offers": "hook",
    "bare aiohttp (the limit)": "aiohttp",
    "ours, OfferLibraryAsyncHook.search_offers": "async_hook",
}


def measure(offers: int, times: int) -> str:
    """The section of the results."""
    contestants: dict[str, tuple[object, ...]] = {
        title: (name, "--offers", offers) for title, name in CONTESTANTS.items()
    }
    runs = repeated(times, contestants, "benchmarks.readers")
    found = {title: medians(each) for title, each in runs.items()}
    limits = {title: _limit(title, found) for title in CONTESTANTS}
    rows = [
        [
            title,
            f"{figures['seconds']:.2f}",
            f"{offers / figures['seconds']:,.0f}",
            f"{figures['cpu']:.2f}",
            f"{limits[title]['seconds'] / figures['seconds']:.2f}",
            f"{limits[title]['cpu'] / figures['cpu']:.2f}",
            f"{figures['peak'] / 1e6:.1f}",
        ]
        for title, figures in found.items()
    ]
    columns = (
        "contestant",
        "seconds",
        "offers/s",
        "CPU, s",
        "speed, of the limit on the same client",
        "the same by CPU",
        "peak memory, MB",
    )
    goals = []
    for title, figures in found.items():
        if title.startswith("ours"):
            peak, limit = figures["peak"] / 1e6, limits[title]
            for name, share in (
                ("speed", limit["seconds"] / figures["seconds"]),
                ("CPU", limit["cpu"] / figures["cpu"]),
            ):
                wanted = f"{title}: at least 0.9 of the limit on the same client by {name}"
                goals.append([wanted, f"{share:.2f}", verdict(share >= 0.9)])
            goals.append([f"{title}: under 30 MB above the start", f"{peak:.1f} MB", verdict(peak < 30)])
    return (
        f"## Reading\n\n{offers:,} offers of 1.3 KB, {PAGE} a page; medians of {times} runs. Peak memory is what the "
        f"process held beyond what it held before the first request.\n\n{table(columns, rows)}\n\n"
        f"{table(('goal', 'measured', ''), goals)}\n"
    )


def _limit(title: str, found: dict[str, Figures]) -> Figures:
    return found["bare aiohttp (the limit)" if "Async" in title or "aiohttp" in title else "bare requests (the limit)"]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--offers", type=int, default=OFFERS)
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    print(measure(options.offers, options.repeat))


if __name__ == "__main__":
    main()
