"""The host application hears of every workflow, whoever is killed; by the official library."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.stories.players import Account, Json, Players, until

SECRET = "whsec_bm90aWNlcy1vZi1hLXN0b3J5LTEyMzQ1Njc4OTAxMjM="


class Application:
    """A host application on a real socket; it may be down for a while."""

    def __init__(self) -> None:
        self.heard: list[Json] = []
        self.ids: list[str] = []
        self.refused = 0
        self.is_down = False
        application = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(application.take(body, dict(self.headers.items())))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_words: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        if self.is_down:
            self.refused += 1
            return 503
        self.heard.append(Webhook(SECRET).verify(body, headers))
        self.ids.append({k.lower(): v for k, v in headers.items()}["webhook-id"])
        return 204

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/notices"

    def types(self) -> list[str]:
        return [one["type"] for one in self.heard]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def application(cast: Players) -> Iterator[Application]:
    found = Application()
    cast.write_config(
        more=f'[notices]\nurl = "{found.url}"\nsecret = "{SECRET}"\nallow_private = true\n'
        f'[notices.pager]\nurl = "{found.url}"\nsecrets = ["{SECRET}"]\n'
        'allow_private = true\nevents = ["workflow.held"]\ntimeout_seconds = 2\n'
    )
    yield found
    found.stop()


@pytest.mark.slow
def test_killed_between_commit_and_delivery_the_host_hears_after_the_restart(
    cast: Players, metronome: Account, application: Application
) -> None:
    application.is_down = True
    cast.start_service()
    workflow = metronome.reach("pm_ok")
    metronome.ended(workflow, "COMMITTED")
    until(lambda: application.refused, "the notice was never offered")
    # Killed while it is still being offered, it would wait for the end of its lease.
    waiting = until(lambda: offered_in_vain(cast), "nobody wrote down that it was not taken")

    cast.kill("service")
    application.is_down = False
    cast.start_service()

    until(lambda: application.heard or None, f"nobody told: {cast.log('service')}")
    (notice,) = application.heard
    assert notice["type"] == "workflow.released"
    assert notice["data"]["workflow_id"] == workflow["workflow_id"]
    assert notice["data"]["sequence"] == 1
    assert notice["data"]["amount"] == {"minor": 1500, "currency": "USD"}
    assert notice["data"]["charge_id"]
    assert [one["message_id"] for one in waiting] == application.ids
    until(
        lambda: cast.command("notices", "list", "--state", "delivered", "--json").stdout != "[]\n",
        "the delivery was not written down",
    )


def offered_in_vain(cast: Players) -> list[Json]:
    """Give the notices that wait for another try."""
    listed = cast.command("notices", "list", "--state", "waiting", "--json")
    waiting: list[Json] = json.loads(listed.stdout)
    return [one for one in waiting if any(way["outcome"] for way in one["deliveries"])]


@pytest.mark.slow
def test_each_end_is_told_and_a_person_can_have_it_told_again(
    cast: Players, metronome: Account, application: Application
) -> None:
    cast.start_service()
    declined = metronome.reach("pm_decline_hard")
    metronome.ended(declined, "CANCELLED")
    held = metronome.reach("pm_misconfigured")

    until(lambda: len(application.heard) >= 4 or None, f"{application.types()}")
    assert sorted(application.types()) == [
        "threshold.disabled",
        "workflow.cancelled",
        "workflow.held",
        "workflow.held",
    ]
    holds = [one["data"] for one in application.heard if one["type"] == "workflow.held"]
    assert {one["workflow_id"] for one in holds} == {held["workflow_id"]}
    assert {one["held_reason"] for one in holds} == {"misconfigured"}
    assert cast.command("notices", "resend", "1").returncode == 0
    until(lambda: application.types().count("workflow.cancelled") == 2, "not told again")
    assert len(set(application.ids)) == 3
