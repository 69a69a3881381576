"""Metronome's other notifications: on the timeline, compared, and passed on as they came."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.stories.players import SECRET, Account, Json, Players, until


class Ledger:
    """A receiver that verifies Metronome's own signature."""

    def __init__(self) -> None:
        self.heard: list[Json] = []
        ledger = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(ledger.take(body, self.headers))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_words: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def take(self, body: bytes, headers: Any) -> int:
        message = headers["X-Metronome-Date"].encode() + b"\n" + body
        wanted = hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, headers["Metronome-Webhook-Signature"]):
            return 401
        self.heard.append(json.loads(body))
        return 204

    def types(self) -> list[str]:
        return sorted({one["type"] for one in self.heard})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def ledger(cast: Players) -> Iterator[Ledger]:
    found = Ledger()
    cast.write_config(
        more=f'[forward]\nurl = "{found.url}"\nallow_private = true\n'
        'types = ["invoice.*", "payment_gate.*"]\n'
    )
    yield found
    found.stop()


def shown(cast: Players, workflow: Json) -> Json:
    found: Json = json.loads(
        cast.command("workflows", "show", workflow["workflow_id"], "--json").stdout
    )
    return found


@pytest.mark.slow
def test_release_is_confirmed_on_the_timeline_and_what_contradicts_it_is_an_incident(
    cast: Players, metronome: Account, ledger: Ledger
) -> None:
    cast.start_service()
    workflow = metronome.reach("pm_ok")
    until(lambda: len(ledger.heard) >= 2 or None, "the release was not announced")
    # Metronome changes its mind: that is no news about the money, and a person must look.
    body = {
        "workflow_type": "spend",
        **{name: workflow[name] for name in ("customer_id", "contract_id", "invoice_id")},
        "payment_status": "failed",
    }
    metronome.control("notifications", type="payment_gate.payment_status", properties=body)
    metronome.control("notifications", type="payment_gate.payment_status", properties={"odd": 1})
    until(lambda: len(ledger.heard) >= 4 or None, f"not passed on: {cast.log('service')}")
    (odd,) = json.loads(cast.command("notifications", "list", "--flawed", "--json").stdout)
    assert (odd["type"], odd["deliveries"]) == ("payment_gate.payment_status", 1)
    found = shown(cast, workflow)
    assert (found["state"], found["outcome"]) == ("released", "paid")
    assert [e["event"] for e in found["history"]].count("release_confirmed") == 1
    assert [each["kind"] for each in found["incidents"]] == ["payment_status_contradicted"]
    kinds = [each["type"].removeprefix("payment_gate.") for each in found["metronome_reports"]]
    assert kinds == ["payment_status", "payment_status", "threshold_reached"]
    assert ledger.types() == ["payment_gate.payment_status", "payment_gate.threshold_reached"]
