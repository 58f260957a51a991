"""The frame of all commands: exit codes, errors without tracebacks, and an output that holds nothing else."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.cli import running
from airflow_provider_offers.cli.definition import get_offers_cli_commands
from airflow_provider_offers.cli.running import UserError
from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.emulator import __main__ as emulators
from tests.cli.commands import Offers


def commands() -> dict[str, Any]:
    """Every command of the group."""
    (group,) = get_offers_cli_commands()
    return {each.name: each for each in group.subcommands}  # type: ignore[union-attr]


def test_every_command_has_a_function_and_help() -> None:
    for name, command in commands().items():
        assert callable(running.command_of(name)), name
        assert command.help
        assert not [arg.flags for arg in command.args if not arg.kwargs.get("help")]


def test_the_emulator_takes_the_options_of_its_module() -> None:
    ours = argparse.ArgumentParser()
    for arg in commands()["emulator"].args:
        arg.add_to_parser(ours)

    def told(parser: argparse.ArgumentParser) -> dict[str, Any]:
        return {each.dest: (each.option_strings, each.default, each.type) for each in parser._actions}

    assert told(ours) == told(emulators._parser())


def raising(error: BaseException) -> Any:
    def command(args: argparse.Namespace, screen: Any) -> int:
        screen.line("so far")
        print("a log line")
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("wrong"), 1, "airflow offers doctor: wrong\n"),
        (OfferLibraryError("refused\n  do this"), 1, "airflow offers doctor: refused\n  do this\n"),
        (FileNotFoundError(2, "No such file or directory", "x.yaml"), 1, "x.yaml: No such file or directory\n"),
        (KeyboardInterrupt(), 130, "a log line\n"),
        (KeyboardInterrupt("nothing was removed"), 130, "airflow offers doctor: interrupted; nothing was removed\n"),
        (BrokenPipeError(), 1, "a log line\n"),
    ],
)
def test_a_mistake_ends_with_one_message_and_a_code(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("airflow_provider_offers.cli.doctor.doctor", raising(error))

    with pytest.raises(SystemExit) as ended:
        running.run("doctor", argparse.Namespace())

    written = capsys.readouterr()
    assert ended.value.code == code
    assert written.out == "so far\n"
    assert written.err.startswith("a log line\n")
    assert written.err.endswith(said)
    assert "Traceback" not in written.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [(KeyboardInterrupt(), 130, "interrupted"), (BrokenPipeError(), 1, "the program that read the output has ended")],
)
@pytest.mark.parametrize("name", ["apply", "promote", "prune"])
def test_what_may_have_written_says_how_to_go_on(
    name: str,
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(f"airflow_provider_offers.cli.applying.{name}", raising(error))

    with pytest.raises(SystemExit) as ended:
        running.run(name, argparse.Namespace())

    expected = f"airflow offers {name}: {said}; what was written stays, and the same command does the rest\n"
    assert (ended.value.code, capsys.readouterr().err.endswith(expected)) == (code, True)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_no_encoding_of_a_terminal_ends_a_command(
    encoding: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Text shows what the encoding lacks as an escape; JSON is UTF-8 everywhere, as its readers expect."""
    name = "Été ☃ \udce9"

    def command(args: argparse.Namespace, screen: Any) -> int:
        screen.line(name)
        if args.format == "json":
            screen.document(json.dumps({"name": name}, ensure_ascii=False))
        return 0

    monkeypatch.setattr("airflow_provider_offers.cli.doctor.doctor", command)
    for format in ("text", "json"):
        file = tmp_path / format
        with (
            open(file, "w", encoding=encoding) as out,
            open(tmp_path / "err", "w", encoding="utf-8") as err,
            monkeypatch.context() as streams,
        ):
            streams.setattr("sys.stdout", out)
            streams.setattr("sys.stderr", err)
            running.run("doctor", argparse.Namespace(format=format))
        text, *documents = file.read_bytes().splitlines()
        assert text == name.encode(encoding, "backslashreplace")
        assert [json.loads(each.decode("utf-8")) for each in documents] == [{"name": name}][: len(documents)]
        assert len(documents) == (format == "json")


def test_a_defect_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_offers.cli.doctor.doctor", raising(ZeroDivisionError()))

    with pytest.raises(ZeroDivisionError):
        running.run("doctor", argparse.Namespace())


def test_the_emulator_runs_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "airflow", "offers", "emulator", "--port", "0", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ) as started:
        assert started.stdout is not None
        first = started.stdout.readline().decode()
        started.send_signal(signal.SIGINT)
        assert started.wait(60) == 0

    assert first.startswith("Offer Library emulator on http://127.0.0.1:")


@pytest.mark.parametrize("given", ["x", "-1", "1.5"])
def test_a_number_that_is_not_one_is_told_with_what_is_expected(given: str, offers: Offers) -> None:
    done = offers("plan", "spring.yaml", f"--max-prune={given}")

    assert done.code == 2
    assert f"--max-prune: given '{given}'; expected a whole number from 0" in done.err


def test_the_help_shows_what_stands_in_it(offers: Offers) -> None:
    """A word in brackets is markup to Airflow's parser, and is not shown."""
    for name, command in commands().items():
        shown = " ".join(offers(name, "--help").out.split())
        for arg in command.args:
            assert " ".join(arg.kwargs["help"].split()) in shown, (name, arg.flags)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("plan", "spring.yaml", "--force"), "--force; did you mean '--force-conflicts'?"),
        (("apply", "spring.yaml", "--targ=dev"), "--targ=dev; did you mean '--target'?"),
        (("apply", "spring.yaml", "--acept-live"), "--acept-live"),
        (("apply", "spring.yaml", "--state", "x"), "--state x; did you mean '--state-path'?"),
        (("apply", "spring.yaml", "-yes"), "-yes; did you mean '--yes'?"),
        (("drift", "spring.yaml", "--traget", "dev"), "--traget dev; did you mean '--target'?"),
        (("import", "spring.yaml", "--row", "a=b"), "--row a=b; did you mean '--rows'?"),
        (("promote", "spring.yaml", "dev", "prod", "--max_prune", "3"), "--max_prune 3; did you mean '--max-prune'?"),
        (("prune", "spring.yaml", "--prune", "delete"), "--prune delete"),
        (("unlock", "spring.yaml", "--forced"), "--forced; did you mean '--force'?"),
        (("export", "--sel", "tag:Spring"), "--sel tag:Spring; did you mean '--select'?"),
        (("export", "--o", "x"), "--o x; did you mean '--only' or '--out' or '--overwrite'?"),
        (("doctor", "--conn", "x"), "--conn x; did you mean '--conn-id'?"),
        (("emulator", "--prot", "1"), "--prot 1; did you mean '--port'?"),
        (("validate", "spring.yaml", "--hlep"), "--hlep; did you mean '--help'?"),
        (("schema", "--outt"), "--outt"),
    ],
)
def test_an_option_is_written_in_full_and_a_misspelled_one_gets_a_suggestion(
    arguments: tuple[str, ...], meant: str, offers: Offers
) -> None:
    done = offers(*arguments)

    assert done.code == 2
    assert f"error: unrecognized arguments: {meant}, see help above.\n" in done.err


@pytest.mark.parametrize("module", ["airflow_provider_offers.emulator", "airflow_provider_offers.campaigns"])
def test_the_modules_take_no_abbreviations_either(module: str) -> None:
    arguments = ["--por", "0"] if module.endswith("emulator") else ["valid", "spring.yaml"]
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, check=False, text=True, timeout=60
    )

    assert done.returncode == 2
    assert arguments[0] in done.stderr
