"""`POST /webhooks/gateways/{name}`: every answer, and what each leaves on disk."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from external_gate.domain.errors import BadInput, Refused
from external_gate.domain.identifiers import AttemptKey
from external_gate.domain.outcome import Declined, NotFound, Succeeded
from external_gate.domain.workflow import State
from external_gate.gateways.gateway import GatewayNotice
from external_gate.stores.store_records import Dossier
from external_gate.testkit.store_checks.store_samples import (
    PRICE,
    W1,
    attempt,
    change,
    charging,
    key_of,
)
from tests.databases import Database
from tests.web.conftest import HOST_SECRET, Served

TAKEN = Succeeded("ch_1", PRICE)


async def tell(served: Served, name: str = "odd", **request: Any) -> httpx.Response:
    """Send a notification to a gateway's address."""
    return await served.client.post(f"/webhooks/gateways/{name}", **request)


async def hint(
    served: Served, key: str = key_of(), *, event_id: str = "msg_1", secret: str = HOST_SECRET
) -> httpx.Response:
    """Say "look again" as a host application does, signed by the official library."""
    body, now = json.dumps({"attempt_key": key}), datetime.now(UTC)
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, now, body),
    }
    return await tell(served, "shop", content=body, headers=headers)


async def sent_through(served: Served, gateway: str) -> None:
    """Have a pending charge of that gateway on the books, leased by nobody."""
    dossier = await charging(served.store)
    closed = attempt(closed=True)
    through = attempt(number=2, gateway=gateway)
    waits = replace(dossier.workflow, state=State.PENDING, due_at=datetime(2099, 1, 1, tzinfo=UTC))
    await served.store.save(
        change(dossier, State.PENDING, after=waits, attempts=(closed, through), give_back=True)
    )


KEY = key_of(number=2)


async def found(served: Served) -> Dossier:
    dossier = await served.store.dossier(W1)
    assert dossier is not None
    return dossier


def notice(event_id: str = "evt-1", **other: Any) -> GatewayNotice:
    return GatewayNotice(event_id, KEY, **other)


def result(answer: httpx.Response) -> tuple[int, object]:
    return answer.status_code, answer.json().get("result")


async def test_hint_of_a_host_is_recorded_and_the_worker_woken(served: Served) -> None:
    await sent_through(served, "shop")

    answer = await hint(served, KEY)

    assert result(answer) == (200, "recorded")
    assert answer.json() == {"result": "recorded"}
    assert (await found(served)).attempts[1].wants_look
    assert served.woken == ["woken"]


async def test_same_hint_again_is_a_duplicate(served: Served) -> None:
    await sent_through(served, "shop")
    await hint(served, KEY)

    assert result(await hint(served, KEY)) == (200, "duplicate")
    assert [kept.deliveries for kept in await served.store.notices(limit=9)] == [2]


async def test_hint_about_nobodys_charge_is_kept_and_wakes_nobody(served: Served) -> None:
    assert result(await hint(served, "a" * 20)) == (200, "unmatched")

    assert [kept.attempt_key for kept in await served.store.notices(limit=9)] == ["a" * 20]
    assert served.woken == []


async def test_hint_about_another_gateways_charge_is_unmatched_and_alerted(served: Served) -> None:
    await sent_through(served, "odd")

    assert result(await hint(served, KEY)) == (200, "unmatched")

    assert (await found(served)).workflow.look_at is None
    metrics = (await served.client.get("/metrics")).text
    assert 'gateway_notices_total{effect="misdirected",gateway="shop"} 1.0' in metrics


async def test_signed_and_final_word_is_evidence_before_200(served: Served) -> None:
    await sent_through(served, "odd")
    served.odd.says = lambda: [notice(outcome=TAKEN, signed_and_final=True)]

    assert result(await tell(served)) == (200, "recorded")
    assert result(await tell(served)) == (200, "duplicate")

    evidence = (await found(served)).attempts[1].evidence
    assert [piece.answer for piece in evidence] == [TAKEN]
    assert served.woken == ["woken"]


async def test_several_notices_in_one_body_are_told_one_by_one(served: Served) -> None:
    await sent_through(served, "odd")
    served.odd.says = lambda: [
        notice("a", outcome=Declined(), signed_and_final=True),
        GatewayNotice("b", AttemptKey("nobodys")),
        notice("a", outcome=Declined(), signed_and_final=True),
    ]

    answer = await tell(served)

    assert answer.json() == {
        "result": "recorded",
        "notices": ["recorded", "unmatched", "duplicate"],
    }


async def test_notification_about_nothing_of_ours_is_ignored(served: Served) -> None:
    served.odd.says = list

    assert result(await tell(served)) == (200, "ignored")
    assert await served.store.notices(limit=9) == []


async def test_unknown_gateway_is_404(served: Served) -> None:
    answer = await tell(served, "nowhere", content=b"{}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "nowhere" not in (await served.client.get("/metrics")).text


async def test_gateway_that_takes_none_is_401_with_the_cure(served: Served) -> None:
    answer = await tell(served, "silent", content=b"{}")

    assert answer.status_code == 401
    assert "gateways.silent.secret" in answer.json()["detail"]


async def test_forged_hint_is_401_and_changes_nothing(served: Served) -> None:
    await sent_through(served, "shop")

    answer = await hint(served, KEY, secret="whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldCAxMjM0NTY=")

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert await served.store.notices(limit=9) == []
    assert (await found(served)).workflow.look_at is None


async def test_signed_bytes_that_say_nothing_are_400(served: Served) -> None:
    answer = await hint(served, "")

    assert answer.status_code == 400
    assert "attempt_key" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("error", "status"), [(Refused("not\nsigned"), 401), (BadInput("what is this?"), 400)]
)
async def test_adapters_word_is_passed_on_as_one_line(
    served: Served, error: Exception, status: int
) -> None:
    def says() -> Sequence[GatewayNotice]:
        raise error

    served.odd.says = says

    answer = await tell(served)

    assert (answer.status_code, answer.json()["detail"]) == (status, str(error).replace("\n", " "))


def _raise(error: Exception) -> Callable[[], Sequence[GatewayNotice]]:
    def says() -> Sequence[GatewayNotice]:
        raise error

    return says


BREACHES: dict[str, Callable[[], Any]] = {  # Any: what a stranger may do
    "a bug with a card number": _raise(RuntimeError("4111111111111111")),
    "a missing field": _raise(KeyError("attempt_key")),
    "too deep": _raise(RecursionError()),
    "nothing": lambda: None,
    "a list of nothing": lambda: [None],
    "texts": lambda: ["evt"],
    "an empty id": lambda: [GatewayNotice("", KEY)],
    "a huge id": lambda: [GatewayNotice("e" * 256, KEY)],
    "an id with a zero": lambda: [GatewayNotice("evt\0", KEY)],
    "an id that is no text": lambda: [GatewayNotice("evt\ud800", KEY)],
    "a number as id": lambda: [GatewayNotice(7, KEY)],  # type: ignore[arg-type]  # as said above
    "no key": lambda: [GatewayNotice("evt", None)],  # type: ignore[arg-type]  # as above
    "no outcome of a charge": lambda: [notice(outcome=NotFound(conclusive=True))],
    "no money": lambda: [notice(outcome=Succeeded("ch", 15), signed_and_final=True)],  # type: ignore[arg-type]  # as above
}


@pytest.mark.parametrize("says", BREACHES.values(), ids=BREACHES)
async def test_adapter_that_breaks_its_contract_is_503_and_nothing_is_kept(
    served: Served, says: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    served.odd.says = says

    answer = await tell(served)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert await served.store.notices(limit=9) == []
    metrics = (await served.client.get("/metrics")).text
    refused = 'gateway_notices_refused_total{gateway="odd",reason="adapter_failed"} 1.0'
    assert refused in metrics
    assert "4111111111111111" not in answer.text + "".join(capsys.readouterr())


async def test_too_many_notices_at_once_are_400(served: Served) -> None:
    served.odd.says = lambda: [notice(f"evt-{n}") for n in range(1001)]

    assert (await tell(served)).status_code == 400
    assert await served.store.notices(limit=9) == []


async def test_words_that_no_database_takes_are_made_harmless(served: Served) -> None:
    await sent_through(served, "odd")
    broken = Declined(code="\ud800", message="a\0b")
    served.odd.says = lambda: [notice(outcome=broken, signed_and_final=True)]

    assert result(await tell(served)) == (200, "recorded")
    (piece,) = (await found(served)).attempts[1].evidence
    assert piece.answer == Declined(code="?", message="a?b")


async def test_huge_body_is_refused_before_the_adapter_sees_it(served: Served) -> None:
    served.odd.says = _raise(AssertionError("nobody may read this"))

    assert (await tell(served, content=b"x" * 5000)).status_code == 413


async def test_slow_body_is_408_and_holds_nobody_up(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"POST /webhooks/gateways/odd HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na")
    await writer.drain()

    assert (await tell(served, content=b"{}")).status_code == 200
    assert b"408" in await asyncio.wait_for(reader.readline(), timeout=5)
    writer.close()
    await writer.wait_closed()


async def test_other_methods_are_405(served: Served) -> None:
    assert (await served.client.get("/webhooks/gateways/odd")).status_code == 405


async def test_locked_database_is_503_and_the_notice_comes_again(
    served: Served, database: Database
) -> None:
    await sent_through(served, "odd")
    served.odd.says = lambda: [notice(outcome=TAKEN, signed_and_final=True)]
    with database.locked():
        refused = await tell(served)

    again = await tell(served)

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert result(again) == (200, "recorded")


async def test_old_signature_is_refused(served: Served) -> None:
    body, then = json.dumps({"attempt_key": KEY}), datetime.now(UTC) - timedelta(minutes=6)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(then.timestamp())),
        "webhook-signature": Webhook(HOST_SECRET).sign("msg_1", then, body),
    }

    assert (await tell(served, "shop", content=body, headers=headers)).status_code == 401
