"""One workflow on a terminal: facts, what to do, attempts with their evidence, and the story. Pure.

Programs read `workflows show --json`; this is for eyes and may change.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from external_gate.cli.moments import readable, short_age
from external_gate.cli.showing import painted, pasteable, safe
from external_gate.domain.aftermath import Aftermath
from external_gate.domain.chain import NO_CHAIN, Chain
from external_gate.domain.evidence import Attempt, Evidence
from external_gate.domain.gate_report import KeptReport
from external_gate.domain.ledger import HistoryEntry, Incident, Release
from external_gate.domain.workflow import State, Workflow
from external_gate.engine.advice import offered, what_next
from external_gate.engine.customer_action import action_url
from external_gate.engine.workflow_view import View, answer_view
from external_gate.stores.store_records import Dossier, KeptNotice


@dataclass(frozen=True, slots=True)
class WholeStory:
    """All that is kept about one workflow."""

    dossier: Dossier
    history: Sequence[HistoryEntry]
    incidents: Sequence[Incident]
    notices: Sequence[KeptNotice] = ()
    """The newest of what gateways told by themselves."""
    reports: Sequence[KeptReport] = ()
    """The newest of what Metronome reported about the gate."""
    chain: Chain = NO_CHAIN
    """The failed payments before it, and what followed it if it failed."""
    aftermaths: Sequence[Aftermath] = ()
    """What was done after each failed one of them."""

    def aftermath_of(self, workflow: Workflow) -> Aftermath | None:
        """Give what was done after one workflow of the chain; None when it did not fail."""
        of_it = (one for one in self.aftermaths if one.workflow_id == workflow.workflow_id)
        return next(of_it, None)


def workflow_lines(story: WholeStory, *, now: datetime) -> Iterator[str]:
    """Give the lines; none of them holds anything that the outside could steer a terminal with."""
    workflow = story.dossier.workflow
    yield f"workflow {safe(workflow.workflow_id)}"
    for name, text in _facts(story, now).items():
        if text:
            line = f"  {name:<11}{safe(text)}"
            yield painted(line, "yellow") if _is_alarming(name, workflow) else line
    for act in offered(story.dossier):
        yield f"             {command_for(act, workflow.workflow_id)}"
    yield from _section("chain", _chain_lines(story))
    yield from _section("attempts", _attempt_lines(story.dossier.attempts))
    yield from _section("notices of the gateway", map(_notice_line, story.notices))
    yield from _section("releases", map(_release_line, story.dossier.releases))
    yield from _section("reports of Metronome", map(_report_line, story.reports))
    yield from _section("incidents", map(_incident_line, story.incidents))
    yield from _section("history", map(_history_line, story.history))


def command_for(act: str, workflow_id: str) -> str:
    """Give the command of an act, to be pasted; people fill in the capitals."""
    verb, _, verdict = act.partition(" ")
    words = ["external-gate workflows", verb, pasteable(workflow_id), verdict, "--reason WHY"]
    words += ["--evidence WHAT"] if verb == "settle" or verdict == "--by-hand" else []
    return " ".join(word for word in words if word)


def _facts(story: WholeStory, now: datetime) -> Mapping[str, str]:
    dossier, workflow = story.dossier, story.dossier.workflow
    aftermath = story.aftermath_of(workflow)
    facts = workflow.facts
    total = "not understood" if facts.total is None else f"{facts.total:f} {facts.currency}"
    return {
        "state": _state(workflow),
        "amount": f"{workflow.amount or 'not known yet'} (Metronome wrote: {total})",
        "outcome": workflow.verdict or "not decided",
        "customer": facts.customer_id,
        "contract": facts.contract_id,
        "invoice": facts.invoice_id,
        "type": facts.workflow_type,
        "received": f"{readable(workflow.received_at)} ({short_age(now - workflow.received_at)})",
        "due": readable(workflow.due_at) if workflow.due_at else "",
        "look asked": readable(workflow.look_at) if workflow.look_at else "",
        "deadline": readable(workflow.pending_deadline) if workflow.pending_deadline else "",
        "pay at": action_url(dossier) or "",
        "approved": ", ".join(sorted(workflow.approvals)),
        "threshold": "" if aftermath is None else _told_of(aftermath),
        "next": what_next(workflow),
    }


def _state(workflow: Workflow) -> str:
    reason = f": {workflow.held_reason}" if workflow.held_reason else ""
    detail = f" ({workflow.held_detail})" if workflow.held_detail else ""
    return f"{workflow.state}{reason}{detail}"


def _is_alarming(name: str, workflow: Workflow) -> bool:
    return name in {"state", "next"} and workflow.state is State.HELD


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    listed = list(lines)
    if listed:
        yield ""
        yield title
        yield from (f"  {line}" for line in listed)


def _told_of(aftermath: Aftermath) -> str:
    due = f", looked at again {readable(aftermath.due_at)}" if aftermath.due_at else ""
    return (
        f"{aftermath.stage}: {aftermath.detail}{due}" if aftermath.detail else "not looked at yet"
    )


def _chain_lines(story: WholeStory) -> Iterator[str]:
    links = [("before", each) for each in story.chain.before]
    links += [("this one", story.dossier.workflow)] if links or story.chain.after else []
    links += [("after", each) for each in story.chain.after]
    for place, each in links:
        aftermath = story.aftermath_of(each)
        told = "" if aftermath is None else f"; threshold {_told_of(aftermath)}"
        line = f"{place:<9} {each.workflow_id}  {readable(each.received_at)}  {each.state}{told}"
        yield safe(line)


def _attempt_lines(attempts: Sequence[Attempt]) -> Iterator[str]:
    for attempt in attempts:
        charge = attempt.charge
        payer = f"{charge.payer.customer} {charge.payer.payment_method}".rstrip()
        dead = ", dead" if attempt.closed else ""
        found = f", charge {attempt.charge_id}" if attempt.charge_id else ""
        yield safe(
            f"{attempt.number}  key {charge.attempt_key}  gateway {attempt.gateway}  "
            f"{charge.amount} from {payer}: {_times(attempt.sends)}{found}{dead}"
        )
        yield from (f"   {_evidence_line(piece)}" for piece in attempt.evidence)


def _evidence_line(piece: Evidence) -> str:
    told = answer_view(piece.answer)
    send = f" {piece.send}" if piece.send else ""
    return safe(f"{readable(piece.at)}  {piece.source}{send}: {told['answer']}{_details(told)}")


def _details(told: View) -> str:
    shown = []
    for name, value in told.items():
        if name == "answer" or value in ("", None):
            continue
        # The one mapping among them is the amount.
        minor = f"{value['minor']} minor {value['currency']}" if isinstance(value, dict) else value
        shown.append(f"{name} {minor}")
    return f" ({', '.join(shown)})" if shown else ""


def _notice_line(notice: KeptNotice) -> str:
    claim = None if notice.outcome is None else answer_view(notice.outcome)
    said = "look again" if claim is None else f"{claim['answer']}{_details(claim)}"
    final = ", signed and final" if notice.signed_and_final else ""
    times = f", {notice.deliveries} times" if notice.deliveries > 1 else ""
    matched = "" if notice.workflow_id else ", not matched"
    told = f"{notice.gateway} {notice.event_id}: {said}{final}{times}{matched}"
    return safe(f"{readable(notice.received_at)}  {told}")


def _release_line(release: Release) -> str:
    answer = release.answer or "no answer yet"
    at = f" at {readable(release.answered_at)}" if release.answered_at else ""
    first = f"{_times(release.sends)}, first {readable(release.first_sent_at)}"
    return safe(f"{release.verdict}  key {release.key}: {first}; {answer}{at}")


def _report_line(told: KeptReport) -> str:
    report = told.report
    said = " ".join(part for part in (report.kind.removeprefix("payment_gate."), report.status))
    why = f" ({report.message})" if report.message else ""
    happened = f", of {readable(report.told_at)}" if report.told_at else ""
    times = f", {told.deliveries} times" if told.deliveries > 1 else ""
    line = f"{readable(told.received_at)}  {said.strip()}{why}{happened}"
    return safe(f"{line}, notification {told.notification}{times}")


def _incident_line(incident: Incident) -> str:
    return painted(safe(f"{readable(incident.at)}  {incident.kind}: {incident.detail}"), "yellow")


def _history_line(entry: HistoryEntry) -> str:
    who = f"{entry.actor} {entry.who}".rstrip()
    moved = f"{entry.from_state or 'new'} → {entry.to_state}" if entry.to_state else ""
    facts = ", ".join(f"{name} {value}" for name, value in sorted(entry.facts.items()))
    told = "; ".join(part for part in (moved, entry.reason, facts) if part)
    return safe(f"{readable(entry.at)}  {who:<10}  {entry.event:<20}  {told}").rstrip()


def _times(sends: int) -> str:
    return {0: "never sent", 1: "sent once"}.get(sends, f"sent {sends} times")
