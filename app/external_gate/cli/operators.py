"""`external-gate operators`: who may act over HTTP."""

import click

from external_gate.settings.model import Role
from external_gate.settings.operator_tokens import new_token, sha256_of
from external_gate.settings.values import check_name


@click.group("operators")
def operators() -> None:
    """Make tokens for people and programs that call the HTTP interface.

    \b
    Example:
      external-gate operators token shop --role operator
    """


@operators.command("token")
@click.argument("name")
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), default=Role.OPERATOR.value,
    show_default=True, help="What its bearer may do.",
)  # fmt: skip
def token(*, name: str, role: str) -> None:
    """Make a token for NAME, and print the lines of the configuration that let it in.

    The token goes to standard output and is shown this once; the configuration keeps its SHA-256.

    \b
    Example:
      external-gate operators token shop > shop.token
    """
    try:
        check_name(name)
    except ValueError as error:
        raise click.UsageError(f"NAME: {error}") from error
    made = new_token()
    click.echo(made)
    lines = (f"[operators.{name}]", f'token_sha256 = "{sha256_of(made)}"', f'role = "{role}"')
    click.echo("add to the configuration, and start again:\n", err=True)
    click.echo("\n".join(lines), err=True)
