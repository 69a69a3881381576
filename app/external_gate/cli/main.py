"""`external-gate`: which command is where, and how the whole command line ends.

A command's module is imported only when the command is used, so that `--help` is there at once.
"""

import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import NoReturn

import click

from external_gate.cli.config import CHECK_GATEWAY
from external_gate.cli.endings import WRONG_USE
from external_gate.cli.lazy_group import LazyGroup, Place, imported
from external_gate.settings import Fault

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the number of SIGINT."""


_CLI = "external_gate.cli"

COMMANDS: Mapping[str, Place] = {
    "serve": Place(f"{_CLI}.serve:serve", "Receive webhooks, charge, and release."),
    "worker": Place(f"{_CLI}.serve:worker", "Charge and release without receiving."),
    "demo": Place(f"{_CLI}.demo:demo", "Show the main job on this machine, from end to end."),
    "emulator": Place(f"{_CLI}.emulator:emulator", "Run a pretend Metronome."),
    "doctor": Place(f"{_CLI}.doctor:doctor", "Find out what is wrong, and the cure."),
    "config": Place(f"{_CLI}.config:config", "Check the configuration, or show it."),
    "workflows": Place(f"{_CLI}.workflows:workflows", "See workflows, and decide held ones."),
    "notifications": Place(
        f"{_CLI}.notifications:notifications", "See what Metronome sent, and read it again."
    ),
    "thresholds": Place(
        f"{_CLI}.thresholds:thresholds", "Put payment gates on contracts, and switch them."
    ),
    "notices": Place(
        f"{_CLI}.notices:notices", "See what your application was told, and tell it again."
    ),
    "forward": Place(
        f"{_CLI}.forward:forward", "See which notifications were passed on, and send them again."
    ),
    "payers": Place(f"{_CLI}.payers:payers", "See and change who pays for a customer."),
    "operators": Place(f"{_CLI}.operators:operators", "Make tokens for the HTTP interface."),
    "gateways": Place(f"{_CLI}.gateways:gateways", "See, make and certify gateway adapters."),
    "db": Place(f"{_CLI}.db:db", "Bring the database up to date, or move it."),
    "send": Place(f"{_CLI}.send:send", "Send a signed notification to a running service."),
}


@click.group(
    cls=LazyGroup,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="external-gate", message="external-gate %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """The sidecar behind Metronome's external payment gate.

    Exit codes: 0 done, 1 the answer is no, 2 wrong use or configuration, 3 unreachable.

    \b
    Example:
      external-gate demo
      external-gate doctor --config config/external-gate.toml
      external-gate workflows list --held
    """
    context.meta[CHECK_GATEWAY] = _check_gateway


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with a pinned exit code."""
    try:
        answer = cli.main(arguments, prog_name="external-gate", standalone_mode=False)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except click.Abort as abort:
        click.echo("stopped", err=True)
        sys.exit(INTERRUPTED if isinstance(abort.__cause__, KeyboardInterrupt) else WRONG_USE)
    # Left alone it would end with 1, which says "no"; and its words could hold a secret.
    except Exception as bug:  # noqa: BLE001 - the outermost frame of every command
        _tell_bug(bug)
        sys.exit(WRONG_USE)
    sys.exit(answer if isinstance(answer, int) else 0)


def _tell_bug(bug: BaseException) -> None:
    """Show where a bug is: every frame and type, but no message and no value."""
    click.echo("This is a bug of external-gate; please report it with these lines:", err=True)
    told: BaseException | None = bug
    while told is not None:
        click.echo("".join(traceback.format_tb(told.__traceback__)) + type(told).__name__, err=True)
        told = told.__cause__ or told.__context__


def _check_gateway(name: str, adapter: str, values: Mapping[str, object]) -> Sequence[Fault]:
    faults: Sequence[Fault] = imported("external_gate.assembly:check_gateway")(
        name, adapter, values
    )
    return faults
