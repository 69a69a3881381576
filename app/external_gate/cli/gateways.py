"""`external-gate gateways`: adapters that are installed, a new one, and one under trial."""

import click

from external_gate.cli.lazy_group import LazyGroup, Place

_CLI = "external_gate.cli"

COMMANDS = {
    "list": Place(
        f"{_CLI}.gateways_list:list_gateways", "List installed adapters and what they promise."
    ),
    "new": Place(f"{_CLI}.gateway_new:new", "Write a plugin project for your own gateway."),
    "certify": Place(
        f"{_CLI}.gateways_certify:certify_gateway", "Try to make an adapter charge twice."
    ),
}


@click.group("gateways", cls=LazyGroup, places=COMMANDS)
def gateways() -> None:
    """See which gateway adapters are installed, make a new one, and certify one.

    \b
    Example:
      external-gate gateways list
      external-gate gateways certify http
    """
