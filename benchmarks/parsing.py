"""Parsing: the cost of importing every operator and sensor in a DAG file, ours next to the HTTP provider's.

And the cost of the list of commands, which every `airflow` command loads.

`python -m benchmarks.parsing --repeat 3` runs it. Every import happens in a new interpreter.
"""

from __future__ import annotations

import argparse
import json
import runpy
import sys
import time
from importlib import import_module

from benchmarks.measure import CHECKOUT, Figures, medians, repeated, table, verdict

# Modules that every DAG file loads in any case: `airflow.sdk` loads them on first use.
_BASES = ("DAG", "BaseOperator", "BaseSensorOperator")
CONTESTANTS = {"ours": "ours", "HTTP provider": "http"}
COMMANDS = "commands"
# Every `airflow` command pays for the list of ours.
_MOST_MILLISECONDS = 20
BASELINES = {"import airflow.sdk": "sdk", "DAG, BaseOperator and BaseSensorOperator of it": "bases"}


def measure(times: int) -> str:
    """The section of the results."""
    contestants: dict[str, tuple[object, ...]] = {
        f"{title} over {over}": (name, over) for title, name in CONTESTANTS.items() for over in BASELINES.values()
    }
    runs = repeated(times, contestants, "benchmarks.parsing")
    found = {title: medians(each) for title, each in runs.items()}
    rows, goals = [], []
    for title, over in BASELINES.items():
        ours, theirs = found[f"ours over {over}"], found[f"HTTP provider over {over}"]
        for name, figures in (("ours", ours), ("HTTP provider", theirs)):
            modules = f"{figures['modules']:.0f}"
            rows.append([name, title, f"{figures['sources']:.0f}", modules, f"{1000 * figures['seconds']:.0f}"])
        share = ours["modules"] / theirs["modules"]
        goals.append([f"over {title}: fewer than half of their modules", f"{share:.2f}", verdict(share < 0.5)])
    listed = medians(repeated(times, {"commands": (COMMANDS,)}, "benchmarks.parsing")["commands"])
    took = 1000 * listed["seconds"]
    goals.append(
        [
            f"the list of commands costs every command below {_MOST_MILLISECONDS} ms",
            f"{took:.1f} ms",
            verdict(took < _MOST_MILLISECONDS),
        ]
    )
    columns = ("contestant", "over", "files with operators and sensors", "modules added", "milliseconds added")
    return (
        f"## Parsing\n\nMedians of {times} runs, each in a new interpreter.\n\n{table(columns, rows)}\n\n"
        f"{table(('goal', 'measured', ''), goals)}\n"
    )


def _sources(name: str) -> list[str]:
    """The modules that a DAG file imports operators and sensors from."""
    if name == "http":
        return ["airflow.providers.http.operators.http", "airflow.providers.http.sensors.http"]
    # It is run and not imported, because an import would load the package before the count begins.
    info = runpy.run_path(str(CHECKOUT / "airflow_provider_offers" / "get_provider_info.py"))["get_provider_info"]()
    return [module for part in ("operators", "sensors") for each in info[part] for module in each["python-modules"]]


def _import(name: str, over: str) -> Figures:
    """Import them all, and print which modules were loaded."""
    sdk = import_module("airflow.sdk")
    if over == "bases":
        for base in _BASES:
            getattr(sdk, base)
    sources = _sources(name)
    before, began = len(sys.modules), time.perf_counter()
    for source in sources:
        import_module(source)
    seconds = time.perf_counter() - began
    return {"sources": len(sources), "modules": len(sys.modules) - before, "seconds": seconds}


def _list_commands() -> Figures:
    """List our commands as Airflow does, after it has loaded its own."""
    import_module("airflow.cli.cli_config")
    before, began = len(sys.modules), time.perf_counter()
    commands = import_module("airflow_provider_offers.cli.definition").get_offers_cli_commands()
    seconds = time.perf_counter() - began
    return {"commands": len(commands), "modules": len(sys.modules) - before, "seconds": seconds}


def main() -> None:
    """Run from the command line; with a contestant and a baseline, import and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contestant", nargs="?", choices=[*CONTESTANTS.values(), COMMANDS])
    parser.add_argument("over", nargs="?", choices=list(BASELINES.values()), default="sdk")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    if options.contestant == COMMANDS:
        print(json.dumps(_list_commands()))
    elif options.contestant:
        print(json.dumps(_import(options.contestant, options.over)))
    else:
        print(measure(options.repeat))


if __name__ == "__main__":
    main()
