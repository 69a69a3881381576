"""The options of `gateways certify --url`: how a host outside is addressed, steered and read."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from external_gate.gateways.http_gateway import HttpSettings
from external_gate.testkit.outside_rig import DEFAULT_PAYERS, SETTLE_SECONDS, OutsideRig
from external_gate.testkit.rig import Situation

_Command = TypeVar("_Command", bound=Callable[..., Any])  # click gives back what it decorates

_OPTIONS = (
    click.option("--url", help="Address of a host's charges, http or https, instead of NAME."),
    click.option("--secret", help="Signs our requests, whsec_…; shows in the list of processes."),
    click.option(
        "--secret-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Better: a file that holds the secret.",
    ),
    click.option(
        "--ca",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Authorities for the certificate of an https host, PEM; default: the system's.",
    ),
    click.option(
        "--books-url",
        help="A page with the host's books; without it money is not counted.",
    ),
    click.option(
        "--payer",
        "payers",
        multiple=True,
        metavar="SITUATION=METHOD",
        help="Payment method that plays a situation; repeatable. Default: those of the example "
        "hosts. One given replaces them all.",
    ),
    click.option(
        "--customer", default="cus_certify", show_default=True, help="Customer of every charge."
    ),
    click.option(
        "--setting",
        "given",
        multiple=True,
        metavar="KEY=VALUE",
        help="A key of the http adapter as in the configuration, such as refund=false; repeatable.",
    ),
    click.option(
        "--settle-seconds",
        type=click.FloatRange(0, 3600),
        default=SETTLE_SECONDS,
        show_default=True,
        help="How long to wait, in real time, for a pending charge to become final.",
    ),
    click.option(
        "--yes-this-is-a-test-system",
        "is_test_system",
        is_flag=True,
        help="Needed when the address is neither this machine's nor a private one.",
    ),
)


def host_options(command: _Command) -> _Command:
    """Add every option of a host outside; `HostOptions.taken` makes something of them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class HostOptions:
    """How a host outside is certified."""

    url: str
    secret: str
    books_url: str | None
    payers: Mapping[Situation, str]
    customer: str
    settings: Mapping[str, object]
    settle_seconds: float
    ca: Path | None

    @classmethod
    def taken(
        cls,
        *,
        url: str,
        secret: str | None,
        secret_file: Path | None,
        books_url: str | None,
        payers: tuple[str, ...],
        customer: str,
        given: tuple[str, ...],
        settle_seconds: float,
        ca: Path | None,
    ) -> "HostOptions":
        """Read the options as they were typed. Raises `click.UsageError`."""
        if secret is not None and secret_file is not None:
            raise click.UsageError("give --secret or --secret-file, not both")
        if secret_file is not None:
            secret = secret_file.read_text("utf-8").strip()
        return cls(
            url=url,
            secret=secret or "",
            books_url=books_url,
            payers=_payers(payers),
            customer=customer,
            settings=dict(_setting(one) for one in given),
            settle_seconds=settle_seconds,
            ca=ca,
        )

    def rig(self) -> OutsideRig:
        """Give a fresh rig. Raises `Broken` for an address that is none."""
        return OutsideRig(
            self.url,
            secret=self.secret,
            payment_methods=self.payers,
            customer=self.customer,
            books_url=self.books_url,
            settle_seconds=self.settle_seconds,
            ca=self.ca,
            **self.settings,
        )


def _payers(written: tuple[str, ...]) -> Mapping[Situation, str]:
    if not written:
        return DEFAULT_PAYERS
    known = ", ".join(Situation)
    found: dict[Situation, str] = {}
    for one in written:
        name, is_there, method = one.partition("=")
        if name not in set(Situation) or not is_there:
            raise click.UsageError(f"--payer {one}: write SITUATION=METHOD, of {known}")
        found[Situation(name)] = method
    if Situation.SUCCEEDS not in found:
        raise click.UsageError("--payer: succeeds=METHOD is needed whenever one is given")
    if not {Situation.DECLINED_SOFT, Situation.DECLINED_HARD} & found.keys():
        raise click.UsageError("--payer: declined_soft or declined_hard is needed as well")
    return found


def _setting(written: str) -> tuple[str, object]:
    """Read a value as TOML; what is none is a text, so that quotes can be left out."""
    key, is_there, text = written.partition("=")
    theirs = HttpSettings.model_fields.keys() - {"url", "secret"}
    if key not in theirs or not is_there:
        known = ", ".join(sorted(theirs))
        raise click.UsageError(f"--setting {key}: write KEY=VALUE, with a key of {known}")
    try:
        return key, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key, text
