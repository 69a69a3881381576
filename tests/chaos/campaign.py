"""Lets whole processes fail on one PostgreSQL, and judges by the books of the others.

`python -m tests.chaos.campaign --workflows 20000 --report chaos.md`, or `--seed 7` for another
course of troubles. Processes run as they like, so a seed repeats the troubles, not their effect.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx

from tests.chaos.fleet import KEYLESS, LEASE_SECONDS, MAIN, Fleet
from tests.chaos.orders import Orders
from tests.chaos.our_rows import OurRows
from tests.chaos.report import Outcome, Plan, written
from tests.chaos.storm import Storm
from tests.chaos.verdict import OVER, Verdict, charges_in, is_told, judge
from tests.chaos.weather import Forecast
from tests.chaos.wires import wires
from tests.stories.players import Json, account, bearer, players
from tests.throwaway_postgres import (
    URL_VARIABLE,
    Cluster,
    found_binaries,
    fresh_namespace,
    running_cluster,
)

PATIENCE_SECONDS = 1800.0
"""After the storm: who met much trouble looks again after a minute, after two, after five, and what
a storm of an hour has left undone is done first."""

A_DAY_SECONDS = 10.0
"""What stands for the day after which the service itself asks a person."""

AN_HOUR_SECONDS = 120.0
"""What stands for the hour after which it looks again at what it could not look up ten times."""

LOOK_EVERY_SECONDS = 0.1

RETRIES = 5
"""Of a call that opens a workflow: on a machine that stood still for seconds a kept connection is
closed just when it is used. Usage is counted once by its id, a customer too many uses nothing."""

Tell = Callable[[str], None]


class Campaign:
    """One campaign in a folder of its own."""

    def __init__(self, plan: Plan, fleet: Fleet, http: httpx.Client, tell: Tell) -> None:
        self._plan = plan
        self._fleet = fleet
        self._http = http
        self._tell = tell
        self._account = account(fleet.cast)
        self._rows = OurRows(fleet.cluster, fleet.namespace)
        self._hurried: set[str] = set()

    def run(self) -> Outcome:
        """Run it, and judge."""
        self._fleet.start()
        outcome = Outcome(self._plan, started_again=self._fleet.started_again)
        with self._account.sdk:
            began = time.monotonic()
            self._storm(outcome)
            over = time.monotonic()
            self._calm_down()
            outcome.storm_seconds, outcome.calm_seconds = over - began, time.monotonic() - over
            outcome.verdict = self._judge()
        return outcome

    def _storm(self, outcome: Outcome) -> None:
        plan = self._plan
        forecast = Forecast(plan.seed, plan.storm_seconds, LEASE_SECONDS)
        patient = replace(self._account, sdk=self._account.sdk.with_options(max_retries=RETRIES))
        orders = Orders(patient, seed=plan.seed, number=plan.workflows, per_second=plan.per_second)
        orders.start()
        storm = Storm(self._fleet, forecast.strikes(), self._http)
        told_at = 0.0
        try:
            while not (storm.is_over and orders.is_done):
                storm.step()
                self._fleet.look_after()
                if time.monotonic() - told_at > 5:
                    told_at = time.monotonic()
                    self._tell(f"{orders.opened} opened, {storm.struck.total()} troubles")
                time.sleep(LOOK_EVERY_SECONDS)  # the troubles keep to the clock
        finally:
            orders.stop()
            storm.stop()
            outcome.struck = storm.struck
        if orders.opened != plan.workflows:
            raise AssertionError("the emulator took not all orders") from orders.trouble

    def _calm_down(self) -> None:
        """Wait until every workflow has ended or is held, and Metronome has told of all of them."""
        url = f"{self._fleet.cast.emulator_url}/_emulator"
        self._http.delete(f"{url}/faults", headers=bearer()).raise_for_status()
        began = time.monotonic()
        for look in (self._unfinished, self._untold):
            while (left := look()) and time.monotonic() < began + PATIENCE_SECONDS:
                self._fleet.look_after()
                self._tell(f"{left} are not over yet")
                self._account.control("clock", advance_seconds=900)  # send again what waits
                if time.monotonic() > began + A_DAY_SECONDS:
                    self._be_the_person()
                if time.monotonic() > began + AN_HOUR_SECONDS:
                    self._be_impatient()
                time.sleep(1)  # asked again: other processes set no event here

    def _be_the_person(self) -> None:
        """Hold what the service would look up for a day: never charged, and never sent again.

        So it is without a key for a worker that died between its intent and the first byte.
        """
        charged = {c["workflow_id"] for c in charges_in(self._fleet.host_books) if c["captures"]}
        for workflow_id in sorted(self._rows.unresolved_at(KEYLESS) - charged):
            act = ("workflows", "hold", workflow_id, "--as", "ada", "--reason", "not charged")
            self._fleet.cast.command(*act)

    def _be_impatient(self) -> None:
        """Have every unknown charge looked up at once, by the two commands that a person has."""
        for workflow_id in sorted(self._rows.unresolved_at(MAIN) - self._hurried):
            self._hurried.add(workflow_id)
            for verb in ("hold", "retry"):
                act = ("workflows", verb, workflow_id, "--as", "ada", "--reason", "look now")
                self._fleet.cast.command(*act)

    def _unfinished(self) -> int:
        rows = self._rows.by_workflow().values()
        return self._plan.workflows - sum(row["state"] in OVER for row in rows)

    def _untold(self) -> int:
        told = {d["workflow_id"] for d in self._books["deliveries"] if is_told(d)}
        return self._plan.workflows - len(told)

    @property
    def _books(self) -> Json:
        return self._account.books()

    def _judge(self) -> Verdict:
        rows = self._rows.by_workflow()
        found = judge(self._books, charges_in(self._fleet.host_books), rows)
        if found.workflows != self._plan.workflows:
            found.complaints.append(f"Metronome opened {found.workflows} workflows")
        found.complaints += [f"a process is not well: {end}" for end in self._fleet.bad_ends]
        found.unresolved = self._rows.times_unresolved()
        found.most_claims = max((row["fence"] for row in rows.values()), default=0)
        return found


def run_campaign(
    plan: Plan, cluster: Cluster, folder: Path, tell: Tell = lambda _: None
) -> Outcome:
    """Run one campaign on a server that it may kill; every process has ended afterwards."""
    with (
        fresh_namespace(cluster) as namespace,
        players(folder) as cast,
        wires() as running,
        httpx.Client(trust_env=False, timeout=60) as http,
    ):
        return Campaign(plan, Fleet(cast, cluster, namespace, running), http, tell).run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; 1 when anything is wrong, 2 without PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workflows", type=int, default=Plan.workflows)
    parser.add_argument("--per-second", type=float, default=Plan.per_second)
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--report", type=Path, help="write a report into this file")
    asked = parser.parse_args(arguments)
    if found_binaries() is None or os.environ.get(URL_VARIABLE):
        sys.stderr.write(f"install PostgreSQL and unset {URL_VARIABLE}: the server is killed\n")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    plan = Plan(asked.workflows, asked.per_second, asked.seed)
    began = datetime.now(UTC)
    with running_cluster() as cluster:
        outcome = run_campaign(plan, cluster, folder, _tell_on_one_line)
    sys.stderr.write("\n")
    text = written(outcome, began=began)
    sys.stdout.write(text)
    if asked.report is not None:
        asked.report.write_text(text)
    if not outcome.verdict.complaints:
        shutil.rmtree(folder)
        return 0
    sys.stderr.write(f"the logs and books: {folder}\n")
    return 1


def _tell_on_one_line(what: str) -> None:
    sys.stderr.write(f"\r{what:<60}")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
