"""Rigs by the adapter's name, and a rig for a host that runs already."""

from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint

import pytest

from external_gate.domain.errors import Broken
from external_gate.testkit import (
    FakeServer,
    Rig,
    Situation,
    certify,
    json_answer,
    shipped_scenarios,
)
from external_gate.testkit.fake_server import WireAnswer, WireRequest
from external_gate.testkit.http_host import PATH, HttpHost
from external_gate.testkit.http_rig import SECRET, HttpRig
from external_gate.testkit.outside_rig import OutsideRig
from external_gate.testkit.rig import MovesTime, SendsNotifications, SortsCalls
from external_gate.testkit.rig_registry import GROUP, find_rig
from external_gate.testkit.sandbox_rig import SandboxRig
from tests.testkit.piggy_rig import PiggyRig

WANTED = ("success", "repeat-after-success", "at-once", "silence[drop_after_effect]",
          "cancel-unseen-key", "refund", "conflict-after-effect", "declined-soft")  # fmt: skip
SCENARIOS = [scenario for scenario in shipped_scenarios() if scenario.id in WANTED]


def entries(*values: str) -> Iterable[EntryPoint]:
    return [EntryPoint("piggy", value, GROUP) for value in values]


def test_rigs_keep_the_contract() -> None:
    for make in (HttpRig, SandboxRig, PiggyRig):
        assert isinstance(make(), Rig)
    assert isinstance(HttpRig(), MovesTime)
    assert isinstance(HttpRig(), SendsNotifications)
    assert not isinstance(HttpRig(), SortsCalls)
    assert not isinstance(SandboxRig(), MovesTime)


def test_rig_is_found_by_the_adapters_name() -> None:
    plugin = entries("tests.testkit.piggy_rig:PiggyRig")

    assert find_rig("http") is HttpRig
    assert find_rig("sandbox") is SandboxRig
    assert isinstance(find_rig("piggy", entry_points=lambda: plugin)(), PiggyRig)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([], "no rig is installed for the adapter 'piggy'"),
        (["a:B", "c:D"], "2 rigs claim the adapter 'piggy'"),
        (["tests.testkit.nothing:Rig"], "cannot be imported"),
        (["tests.testkit.piggy_fake:TOKEN"], "neither a class nor a function"),
        (["tests.testkit.piggy_fake:PiggyFake"], "lacks adapter, payers"),
    ],
)
def test_what_is_wrong_with_a_rig_is_named(values: Sequence[str], sentence: str) -> None:
    with pytest.raises(Broken, match=sentence):
        find_rig("piggy", entry_points=lambda: entries(*values))()


async def test_running_host_is_certified_from_outside() -> None:
    host = HttpHost(SECRET)

    async def respond(request: WireRequest) -> WireAnswer:
        if request.path != "/books":
            return await host.respond(request)
        books = [
            {
                "attempt_key": one.attempt_key,
                "charge_id": one.charge_id,
                "minor": one.amount.minor,
                "currency": one.amount.currency,
                "refunds": one.refunds,
            }
            for one in host.takings
        ]
        return json_answer(200, books)

    server = FakeServer(respond)
    address = await server.start()
    methods = {Situation.SUCCEEDS: "succeeds", Situation.DECLINED_SOFT: "declined_soft"}

    def rig(*, books: bool) -> OutsideRig:
        return OutsideRig(
            f"{address}{PATH}",
            secret=SECRET,
            payment_methods=methods,
            books_url=f"{address}/books" if books else None,
        )

    seen = await certify(lambda: rig(books=True), scenarios=SCENARIOS, seeds=range(3))
    blind = await certify(lambda: rig(books=False), scenarios=SCENARIOS, seeds=range(3))
    await server.stop()

    assert not seen.findings
    assert seen.money_was_counted
    assert not blind.findings
    assert not blind.money_was_counted
