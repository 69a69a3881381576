"""`external-gate send`: signed notifications to a running service, as Metronome would send them."""

import asyncio
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click
from click.core import ParameterSource

from external_gate.cli.config import config_option
from external_gate.cli.deliveries import (
    Wording,
    changed,
    message,
    read_message,
    written,
)
from external_gate.cli.endings import THE_ANSWER_IS_NO, endings
from external_gate.cli.moments import DURATION
from external_gate.cli.sending import deliver, target_of
from external_gate.cli.showing import as_json, safe
from external_gate.domain.errors import BadInput
from external_gate.engine.workflow_view import View
from external_gate.intake.envelope import INITIATE

WRONG_SECRET = "not-the-secret"  # noqa: S105 - what --bad-signature signs with

# Click's decorators give back what they decorate.
_Command = TypeVar("_Command", bound=Callable[..., Any])


_WORDING = {
    "kind": click.option(
        "--type", "kind", default=INITIATE, show_default=True, help="Type of notification."
    ),
    "workflow_id": click.option("--workflow-id", help="Default: a new one for every notification."),
    "workflow_type": click.option("--workflow-type", default="spend", show_default=True),
    "customer_id": click.option("--customer-id", help="Default: a new one."),
    "contract_id": click.option("--contract-id", help="Default: a new one."),
    "invoice_id": click.option("--invoice-id", help="Default: a new one for every workflow."),
    "total": click.option(
        "--total", default="1500", show_default=True, help="In cents for USD, else in whole units."
    ),
    "currency": click.option("--currency", default="USD", show_default=True),
}


def _wording_options(command: _Command) -> _Command:
    for option in reversed(_WORDING.values()):
        command = option(command)
    return command


@click.command("send")
@click.option("--url", help="Where to. Default: server.host and server.port of the configuration.")
@click.option("--secret", help="What signs it. Default: the first of metronome.webhook_secrets.")
@click.option("--file", type=click.File("rb"), help="Send these bytes instead; - reads stdin.")
@_wording_options
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE",
    help="Change a field, such as properties.invoice_total=12.50; several times if need be.",
)  # fmt: skip
@click.option("--times", default=1, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--duplicate", is_flag=True, help="Deliver each twice, byte for byte.")
@click.option("--bad-signature", is_flag=True, help="Sign with a wrong secret.")
@click.option("--age", type=DURATION, help="Date it that far back, such as 10m; -10m: ahead.")
@click.option("--json", "json_wanted", is_flag=True, help="One JSON array for programs.")
@config_option
@click.pass_context
def send(
    context: click.Context,
    /,
    *,
    url: str | None,
    secret: str | None,
    file: BinaryIO | None,
    overrides: tuple[str, ...],
    times: int,
    duplicate: bool,
    bad_signature: bool,
    age: timedelta | None,
    json_wanted: bool,
    config_path: Path | None,
    **said: Any,  # the wording, as click read it
) -> None:
    """Send signed notifications to a running service and show its answers.

    Ends with 0 when all were taken (200), 1 when one was refused, 3 when nobody answered.

    \b
    Example:
      external-gate send --customer-id 13117714-3f05-48e5-a6e9-a66093f13b4d --total 2500
      external-gate send --file captured.json --url http://127.0.0.1:8080/webhooks/metronome
    """
    if file is not None:
        _refuse_wording(context)
    with endings():
        target = target_of(
            config_path, url=url, secret=WRONG_SECRET if bad_signature else secret, age=age
        )
        bodies = _bodies(file, said, overrides, times=times)
        every = [body for body in bodies for _ in range(2 if duplicate else 1)]
        answers = asyncio.run(deliver(target, every, tell=_keep_quiet if json_wanted else _tell))
    if json_wanted:
        click.echo(as_json(answers))
    if any(answer["status"] != 200 for answer in answers):
        sys.exit(THE_ANSWER_IS_NO)


def _refuse_wording(context: click.Context) -> None:
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in _WORDING
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"{' and '.join(given)} cannot change --file: use --set")


def _bodies(
    file: BinaryIO | None, said: Mapping[str, Any], overrides: Sequence[str], *, times: int
) -> Iterator[bytes]:
    if file is not None:
        content = file.read()
        if overrides:
            content = written(changed(read_message(content), overrides))
        yield from [content] * times
        return
    wording = _wording(**said)
    for _ in range(times):
        yield written(changed(message(wording, _new_id), overrides))


def _wording(
    *,
    kind: str,
    workflow_type: str,
    total: str,
    currency: str,
    workflow_id: str | None,
    customer_id: str | None,
    contract_id: str | None,
    invoice_id: str | None,
) -> Wording:
    # One workflow has one invoice, also when its notification is made several times.
    one_invoice = _new_id() if workflow_id else None
    return Wording(
        type=kind,
        workflow_type=workflow_type,
        customer_id=customer_id or _new_id(),
        contract_id=contract_id or _new_id(),
        total=_decimal(total),
        currency=currency,
        workflow_id=workflow_id,
        invoice_id=invoice_id or one_invoice,
    )


def _decimal(written_total: str) -> Decimal:
    try:
        total = Decimal(written_total)
    except InvalidOperation:
        total = Decimal("NaN")
    if not total.is_finite():
        raise BadInput("--total is no number; for what is none, use --set")
    return total


def _new_id() -> str:
    return str(uuid.uuid4())


def _tell(answer: View) -> None:
    workflow = f"  workflow {answer['workflow_id']}" if answer["workflow_id"] else ""
    line = f"{answer['status']} {answer['answer']}  {answer['notification_id']}{workflow}"
    click.echo(safe(line))


def _keep_quiet(_answer: View) -> None:
    """Say nothing now: all answers are shown together."""
