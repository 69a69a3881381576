"""Looks at an adapter without letting it call anybody: build, capabilities, secrets."""

from copy import deepcopy

from external_gate.domain.charge import Capabilities, Charge
from external_gate.domain.errors import BadInput
from external_gate.gateways.enforcement import check_capabilities, refusal
from external_gate.testkit.stage import Stage
from external_gate.testkit.violation import Notebook

ODD_DESCRIPTION = (
    'Verbrauch im November — "größer" als üblich; 使用量 👍\r\nSet-Cookie: a=b\t' + "x" * 600
)
"""Quotes, line ends, letters of several scripts, and more of them than most gateways take."""

ODD_METADATA = {"invoice id": "räksmörgås ☃", "empty": "", "long": "y" * 900, "nul": "a\0b"}


def probe_purity(stage: Stage, book: Notebook, charge: Charge) -> None:
    """Try that build is pure and capabilities are constant."""
    before, calls = deepcopy(charge), stage.caller.calls
    try:
        first, second = stage.gateway.build(charge), stage.gateway.build(charge)
        promised = stage.gateway.capabilities
        stage.renew_adapter()
        third = stage.gateway.build(deepcopy(charge))
    except BadInput:
        return
    alike = first == second == third
    book.must("build-is-pure", alike, "build gave other bytes for the same charge")
    book.must("build-is-pure", isinstance(first, bytes), "build gave no bytes")
    book.must("build-is-pure", calls == stage.caller.calls, "build made a call")
    book.must("input-unchanged", charge == before, "build changed the charge it got")
    bare = not book.holds_secret(first.decode("latin-1"))
    book.must("secrets-stay-out-of-bytes", bare, "build put a secret into the bytes")
    _probe_promises(stage, book, charge, promised)


def _probe_promises(stage: Stage, book: Notebook, charge: Charge, promised: Capabilities) -> None:
    check = "capabilities-are-constant"
    again = stage.gateway.capabilities
    book.must(check, promised == again, "the capabilities changed from one look to the next")
    wrong = check_capabilities(promised)
    book.must(check, not wrong, f"the capabilities contradict each other: {'; '.join(wrong)}")
    refused = refusal(promised, charge)
    book.must(check, refused is None, f"the core would not send this charge: {refused}")
