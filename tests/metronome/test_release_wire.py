"""Every way in which a release can end, and what it is taken for (design §4)."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.metronome.billing import ReleaseAnswer, ReleaseResult
from external_gate.metronome.release_wire import judge_release, retry_after
from external_gate.outbound.calls import Answered, CallEnd, NeverSent, SentUnanswered

DATE = "Sun, 22 Nov 2026 12:00:00 GMT"


def answered(status: int, body: bytes = b"", **headers: str) -> Answered:
    return Answered(status, {n.replace("_", "-"): v for n, v in headers.items()}, body)


def judged(end: CallEnd) -> ReleaseAnswer:
    return judge_release(end, hide="")


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (200, b"", ReleaseResult.DONE),
        (200, b"<html>", ReleaseResult.DONE),
        (201, b"{}", ReleaseResult.DONE),
        (202, b"not in COMMITTING state", ReleaseResult.DONE),
        (204, b"", ReleaseResult.DONE),
        (301, b"already in state COMMITTED", ReleaseResult.REFUSED),
        (307, b"", ReleaseResult.REFUSED),
        (400, b'{"message":"workflow is already in state COMMITTED"}', "already_committed"),
        (422, b"ALREADY IN STATE Committed", ReleaseResult.ALREADY_COMMITTED),
        (400, b'{"message":"Workflow not in COMMITTING state"}', ReleaseResult.NOT_COMMITTING),
        (404, b"not in committing state", ReleaseResult.NOT_COMMITTING),
        (
            400,
            b"not in COMMITTING state, already in state COMMITTED",
            ReleaseResult.ALREADY_COMMITTED,
        ),
        (400, b'{"message":"COMMITTED"}', ReleaseResult.REFUSED),
        (400, b"\xff\x00", ReleaseResult.REFUSED),
        (404, b'{"message":"unknown"}', ReleaseResult.REFUSED),
        (422, b"", ReleaseResult.REFUSED),
        (401, b"already in state COMMITTED", ReleaseResult.UNAUTHORIZED),
        (403, b"", ReleaseResult.UNAUTHORIZED),
        (408, b"", ReleaseResult.BUSY),
        (429, b"not in COMMITTING state", ReleaseResult.BUSY),
        (409, b"already in state COMMITTED", ReleaseResult.ALREADY_COMMITTED),
        (500, b"", ReleaseResult.FAILED),
        (503, b"not in COMMITTING state", ReleaseResult.NOT_COMMITTING),
        (599, b"", ReleaseResult.FAILED),
        (101, b"", ReleaseResult.UNANSWERED),
        (600, b"", ReleaseResult.UNANSWERED),
    ],
)
def test_answers_mean_what_the_design_says(status: int, body: bytes, result: str) -> None:
    assert judged(answered(status, body)).result == result


def test_calls_without_an_answer() -> None:
    assert judged(SentUnanswered("reset")) == ReleaseAnswer(ReleaseResult.UNANSWERED, "reset")
    assert judged(NeverSent("refused")) == ReleaseAnswer(ReleaseResult.NOT_SENT, "refused")


@given(
    st.integers(100, 699),
    st.binary(),
    st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text()),
)
def test_no_answer_crashes_the_judge(status: int, body: bytes, headers: dict[str, str]) -> None:
    judgement = judge_release(Answered(status, headers, body), hide="x")

    assert (judgement.result is ReleaseResult.DONE) == (200 <= status < 300)
    assert len(judgement.detail) <= 500
    assert judgement.detail.isprintable()


def test_detail_carries_metronomes_words_without_our_token() -> None:
    body = b'{"code":"Agentic","message":"token s3cret\\nis restricted ' + b"x" * 1000 + b'"}'

    detail = judge_release(answered(403, body), hide="s3cret").detail

    assert detail.startswith("HTTP 403 Agentic: token [hidden] is restricted xxx")
    assert len(detail) == 500


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        ("120", timedelta(seconds=120)),
        (" 0 ", timedelta(0)),
        ("999999999", timedelta(hours=1)),
        ("Sun, 22 Nov 2026 12:00:30 GMT", timedelta(seconds=30)),
        ("Sun, 22 Nov 2026 11:00:00 GMT", timedelta(0)),
        ("Sun, 22 Nov 2099 12:00:30 GMT", timedelta(hours=1)),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("120, 120", None),
        ("²", None),
        ("9" * 5000, None),
        ("Sun, 22 Nov 2026 12:00:30 -0000", None),
    ],
)
def test_retry_after_is_bounded_and_garbage_is_ignored(asked: str, waits: timedelta | None) -> None:
    assert retry_after(answered(429, retry_after=asked, date=DATE)) == waits


def test_retry_after_as_a_date_needs_the_answers_own_date() -> None:
    date = "Sun, 22 Nov 2026 12:00:30 GMT"

    assert retry_after(answered(429, retry_after=date)) is None
    assert retry_after(answered(429, retry_after=date, date="yesterday")) is None


@pytest.mark.parametrize(("status", "waits"), [(429, 7), (408, 7), (503, 7), (409, None)])
def test_only_waiting_results_carry_the_wait(status: int, waits: int | None) -> None:
    expected = None if waits is None else timedelta(seconds=waits)

    assert judged(answered(status, retry_after="7")).retry_after == expected
