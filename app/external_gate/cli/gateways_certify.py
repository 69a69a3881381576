"""`external-gate gateways certify`: the conformance kit for people who do not write tests."""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from external_gate.cli.endings import THE_ANSWER_IS_NO, endings
from external_gate.cli.host_options import HostOptions, host_options
from external_gate.cli.safety_belt import make_sure_of_test_system
from external_gate.cli.showing import as_json, safe
from external_gate.testkit import report_forms
from external_gate.testkit.certification import Report
from external_gate.testkit.certifying import DEFAULT_SEEDS, certify
from external_gate.testkit.outside_rig import preflight, reach
from external_gate.testkit.rig import Rig
from external_gate.testkit.rig_registry import find_rig
from external_gate.testkit.scenario import Scenario, read_scenarios, shipped_scenarios
from external_gate.testkit.violation import ScenarioResult

TELL_EVERY = 25
"""Scenarios between two lines of progress: about two seconds."""


def _report_file(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix not in report_forms.FORMS:
        raise click.BadParameter(f"the ending must be one of {', '.join(report_forms.FORMS)}")
    if path is not None and not path.absolute().parent.is_dir():
        raise click.BadParameter(f"the folder {path.parent} is not there; make it")
    return path


@click.command("certify")
@click.argument("name", required=False)
@host_options
@click.option(
    "--seeds",
    type=click.IntRange(0, 1_000_000),
    default=len(DEFAULT_SEEDS),
    show_default=True,
    help="Whole lives to live through faults drawn from a seed.",
)
@click.option(
    "--first-seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="With --seeds 1: live the life of a report again.",
)
@click.option(
    "--scenarios",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with scenarios of your own, beside those of the kit; repeatable.",
)
@click.option(
    "--only",
    "patterns",
    multiple=True,
    metavar="PATTERN",
    help="Play the scenarios whose id fits, such as 'silence*'; repeatable. No certificate.",
)
@click.option(
    "--report",
    "report_path",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_report_file,
    help="Write the report to a file: .md to commit, .json or .txt.",
)
@click.option("--json", "json_wanted", is_flag=True, help="The report as one JSON object.")
@click.pass_context
def certify_gateway(
    context: click.Context,
    /,
    *,
    name: str | None,
    url: str | None,
    is_test_system: bool,
    seeds: int,
    first_seed: int,
    folders: tuple[Path, ...],
    patterns: tuple[str, ...],
    report_path: Path | None,
    json_wanted: bool,
    **options: Any,  # the rest of `host_options`, as `HostOptions.taken` names them
) -> None:
    """Certify the adapter NAME against its fake, or any running host at --url.

    A proxy holds, loses, delays, doubles and garbles every call, and the books are compared
    with what was said: everything that could charge a customer twice is a finding with its
    trace and its cure. NAME is ours, or that of a plugin that brings a rig under the entry
    point external_gate.rigs.

    --url makes hundreds of charges, refunds and cancels there: a TEST SYSTEM only, never
    one that moves money. An address that is neither this machine's nor private needs
    --yes-this-is-a-test-system. Start the example hosts with --books --pending-seconds 0.3.
    Before an https host the proxy speaks TLS to the host, and plain http to the adapter.

    Ends with 0 when certified, 1 with findings or when the books could not be read, 2 after wrong
    use, 3 when the host is unreachable.

    \b
    Example:
      external-gate gateways certify http --report certification.md
      external-gate gateways certify --url http://127.0.0.1:8099/charges \\
        --secret-file host.secret --books-url http://127.0.0.1:8099/_books
    """
    _one_of_both(context, name, url, [*options, "is_test_system"])
    lives = range(first_seed, first_seed + seeds)
    with endings(), redirect_stdout(sys.stderr):  # what a plugin prints is not our answer
        scenarios = _scenarios(folders, patterns)
        if name is not None:
            report = _certified(find_rig(name), scenarios, lives)
        else:
            host = HostOptions.taken(url=url or "", **options)
            make_sure_of_test_system(host.url, is_sure=is_test_system)
            report = _certified_host(host, scenarios, lives)
        if patterns:
            report = replace(report, subject=f"{report.subject}, only {' '.join(patterns)}")
        if report_path is not None:
            report_path.write_text(report_forms.form_of(report_path)(report), "utf-8")
    _show(report, json_wanted=json_wanted)
    if not (report.passed and report.money_was_counted):
        sys.exit(THE_ANSWER_IS_NO)


def _one_of_both(
    context: click.Context, name: str | None, url: str | None, of_hosts: Sequence[str]
) -> None:
    if (name is None) == (url is None):
        raise click.UsageError(
            "give the NAME of an adapter, or the --url of a host; see: external-gate gateways list",
            context,
        )
    typed = {one for one in of_hosts if _was_typed(context, one)}
    if name is not None and typed:
        raise click.UsageError("only --url takes options of a host", context)


def _was_typed(context: click.Context, option: str) -> bool:
    return context.get_parameter_source(option) is not ParameterSource.DEFAULT


def _scenarios(folders: Sequence[Path], patterns: Sequence[str]) -> list[Scenario]:
    own = [scenario for folder in folders for scenario in read_scenarios(folder)]
    every = [*shipped_scenarios(), *own]
    if not patterns:
        return every
    chosen = [one for one in every if any(_fits(one.id, pattern) for pattern in patterns)]
    if not chosen:
        raise click.UsageError(f"no scenario fits {' '.join(patterns)}")
    return chosen


def _fits(scenario_id: str, pattern: str) -> bool:
    """Brackets are part of an id, as in `silence[drip]`, and no pattern of their own."""
    return fnmatchcase(scenario_id, pattern.replace("[", "[[]"))


def _certified(
    make_rig: Callable[[], Rig], scenarios: Sequence[Scenario], lives: Sequence[int]
) -> Report:
    progress = Progress(len(scenarios), len(lives))
    return asyncio.run(certify(make_rig, scenarios=scenarios, seeds=lives, heard=progress.heard))


def _certified_host(
    host: HostOptions, scenarios: Sequence[Scenario], lives: Sequence[int]
) -> Report:
    asyncio.run(preflight(host.rig()))
    report = _certified(host.rig, scenarios, lives)
    if report.findings:
        # A host that went away would have made findings of its silence.
        asyncio.run(reach(host.url, ca=host.ca))
    return replace(report, subject=f"the host at {host.url}")


class Progress:
    """Tells on standard error how far a certification has come."""

    def __init__(self, scenarios: int, lives: int) -> None:
        self._scenarios = scenarios
        self._lives = lives
        self._done = 0
        click.echo(f"{scenarios} scenarios, then {lives} whole lives", err=True)

    def heard(self, result: ScenarioResult) -> None:
        """Take note of a result; a failure is told at once."""
        self._done += 1
        for found in result.violations:
            click.echo(safe(f"  {found.scenario}: {found.sentence}  [{found.check}]"), err=True)
        if self._done == self._scenarios and self._lives:
            click.echo(f"  all scenarios played, living {self._lives} whole lives …", err=True)
        elif self._done % TELL_EVERY == 0 and self._done < self._scenarios:
            click.echo(f"  {self._done} of {self._scenarios} scenarios", err=True)


def _show(report: Report, *, json_wanted: bool) -> None:
    if json_wanted:
        click.echo(as_json(json.loads(report_forms.as_json(report))))
        return
    for line in report_forms.as_text(report).rstrip("\n").split("\n"):
        click.echo(safe(line))
