"""How turns are taken, and what is made of them."""

import dataclasses

from bench.plan import quick_plan
from bench.rounds import Contender, race
from bench.samples import Sample, merged, p99_of, rate_of, ratios

PLAN = dataclasses.replace(quick_plan(seed=7), rounds=4, seconds=1.0, slices=2, warm_up_seconds=9.0)


def test_everybody_takes_as_many_turns_in_changing_order_and_warm_up_does_not_count() -> None:
    turns: list[tuple[str, float]] = []

    def contender(name: str) -> Contender:
        def measure(seconds: float) -> Sample:
            turns.append((name, seconds))
            return Sample(10, seconds, [1_000])

        return Contender(name, measure)

    rounds = race([contender(name) for name in "abc"], PLAN, tell=lambda _text: None)

    assert turns[:3] == [("a", 9.0), ("b", 9.0), ("c", 9.0)]
    slices = [tuple(name for name, _ in turns[at : at + 3]) for at in range(3, len(turns), 3)]
    assert len(slices) == PLAN.rounds * PLAN.slices
    assert {tuple(sorted(order)) for order in slices} == {("a", "b", "c")}
    assert len(set(slices)) > 1
    assert {seconds for _, seconds in turns[3:]} == {0.5}
    assert [sample.count for sample in rounds["a"]] == [20] * PLAN.rounds
    assert [sample.seconds for sample in rounds["a"]] == [1.0] * PLAN.rounds


def test_the_same_seed_takes_the_same_turns() -> None:
    def order_of_a_run() -> str:
        taken: list[str] = []

        def measure_as(name: str) -> Contender:
            def measure(seconds: float) -> Sample:
                taken.append(name)
                return Sample(1, seconds)

            return Contender(name, measure)

        race([measure_as(name) for name in "abc"], PLAN, tell=lambda _text: None)
        return "".join(taken)

    assert order_of_a_run() == order_of_a_run()


def test_ratios_compare_within_a_round_only() -> None:
    fast, slow = [Sample(200, 1.0), Sample(100, 1.0)], [Sample(100, 1.0), Sample(50, 1.0)]

    assert ratios(fast, slow, rate_of) == (2.0, 2.0)


def test_turns_of_one_round_are_counted_together() -> None:
    whole = merged([Sample(99, 1.0, [1_000] * 99), Sample(1, 3.0, [50_000])])

    assert whole.rate == 25.0
    assert whole.p50_ms == 1.0
    assert p99_of(whole) == 50.0
