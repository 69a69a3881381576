"""Scenario files: an author's own are read as ours are, and what is wrong in them is named."""

from pathlib import Path

import pytest

from external_gate.domain.errors import BadInput
from external_gate.testkit import Status, certify, read_scenarios, shipped_scenarios
from external_gate.testkit.checks import ALL, AREAS, BY_ID, explanations
from external_gate.testkit.http_rig import HttpRig
from external_gate.testkit.proxy_faults import ProxyFault

OWN = """
[[scenario]]
id = "mine"
title = "A decline after a success"
promise = "P2"
each = { fault = ["busy_429", "pass"] }
steps = [{ do = "charge", faults = ["$fault"], allow = ["unknown", "succeeded"] }]
"""


def test_checks_have_ids_areas_and_explanations_that_exist() -> None:
    assert len(ALL) == len(BY_ID)
    assert {check.area for check in ALL} == set(AREAS)
    for check in ALL:
        assert explanations(check) <= BY_ID.keys()
        assert check.id not in explanations(check)


def test_every_fault_strikes_in_a_shipped_scenario() -> None:
    struck = {
        fault
        for scenario in shipped_scenarios()
        for step in scenario.steps
        for fault in step.faults
    }

    assert struck == set(ProxyFault) - {ProxyFault.PASS}


async def test_folder_of_an_authors_own_is_played(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN)

    report = await certify(HttpRig, scenarios=read_scenarios(tmp_path), seeds=())

    assert [result.scenario for result in report.scenarios] == ["mine[busy_429]", "mine[pass]"]
    assert report.count(Status.FAILED) == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("busy_429", "meteor"), "meteor"),
        (("allow =", "alow ="), "alow"),
        (('"unknown", "succeeded"', '"maybe"'), "allow"),
        (('do = "charge"', 'do = "steal"'), "do"),
        (("[[scenario]]", "[[scene]]"), "[[scenario]]"),
        (('title = "', "title = "), "no TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(
    tmp_path: Path, change: tuple[str, str], named: str
) -> None:
    (tmp_path / "own.toml").write_text(OWN.replace(*change))

    with pytest.raises(BadInput, match=r"own\.toml") as raised:
        read_scenarios(tmp_path)

    assert named in str(raised.value) or "mine[meteor]" in str(raised.value)


def test_unknown_check_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN.replace("allow =", 'check = "nonsense", allow ='))

    with pytest.raises(BadInput, match="nonsense"):
        read_scenarios(tmp_path)


def test_two_scenarios_of_one_id_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(OWN)
    (tmp_path / "b.toml").write_text(OWN)

    with pytest.raises(BadInput, match="two scenarios"):
        read_scenarios(tmp_path)
