"""`external-gate gateways new`: writes the project of a gateway plugin."""

import shlex
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import click

from external_gate.cli.endings import endings
from external_gate.domain.errors import BadInput, Refused
from external_gate.testkit.scaffolding import plugin_files, plugin_name


@click.command("new")
@click.argument("name")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Where to write it.  [default: ./NAME-gateway]",
)
@click.option("--force", is_flag=True, help="Overwrite what is in the folder already.")
def new(*, name: str, directory: Path | None, force: bool) -> None:
    """Write the project of a plugin for the gateway NAME.

    It has an adapter, a stateful fake of the gateway, and tests that certify the one before the
    other; all of it works as it is written, for an invented gateway. Its README says how to go on.
    Ends with 1 when the folder is not empty.

    \b
    Example:
      external-gate gateways new acme
    """
    with endings():
        plugin = plugin_name(name)
        folder = directory or Path(plugin.distribution)
        written = plugin_files(plugin, version=version("external-gate"))
        write_plugin(folder, written, force=force)
    click.echo(f"wrote {len(written)} files to {folder}; it is green as it stands:")
    click.echo(f"  cd {shlex.quote(str(folder))}")
    click.echo('  python -m pip install --editable ".[dev]"')
    click.echo("  python -m pytest")
    click.echo("README.md says which five places to fill in")


def write_plugin(folder: Path, written: Mapping[str, str], *, force: bool = False) -> None:
    """Write the files into a folder; nothing that is not named is touched.

    Raises `Refused` when the folder is not empty, `BadInput` when it cannot be written to.
    """
    try:
        if not force and folder.exists() and any(folder.iterdir()):
            raise Refused(
                f"the folder {folder} is not empty; name another one with --directory, or let "
                "--force overwrite what the project has files for"
            )
        for path, text in written.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
    except OSError as error:
        raise BadInput(
            f"cannot write to {error.filename or folder} ({error.strerror}); name another folder "
            "with --directory"
        ) from error
