"""`external-gate emulator`: run a pretend Metronome on this machine."""

import ipaddress
import signal
import socket

import click

from external_gate.emulator import EmulatorSettings, serve


@click.command("emulator")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=9090,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option("--token", help="The one API token to accept. Default: any token.")
@click.option("--webhook-url", help="Where notifications go. Default: they wait for a target.")
@click.option(
    "--webhook-secret",
    default="emulator-secret",
    show_default=True,
    help="Secret that signs the notifications.",
)
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Emulator seconds per real second.",
)
def emulator(
    *,
    host: str,
    port: int,
    token: str | None,
    webhook_url: str | None,
    webhook_secret: str,
    speed: float,
) -> None:
    """Run a pretend Metronome: a test tool that forgets everything when it stops.

    It speaks enough of Metronome's API for the official SDK, sends signed webhooks with retries,
    and misbehaves on demand through POST /_emulator/faults.

    \b
    Example:
      external-gate emulator --webhook-url http://127.0.0.1:8080/webhooks/metronome
    """
    if webhook_url is not None and not webhook_url.startswith(("http://", "https://")):
        raise click.BadParameter(
            "it must begin with http:// or https://", param_hint="--webhook-url"
        )
    try:
        settings = EmulatorSettings(
            host=host,
            port=port,
            token=token,
            webhook_url=webhook_url,
            webhook_secret=webhook_secret,
            speed=speed,
        )
    except ValueError as fault:
        raise click.UsageError(str(fault)) from fault
    listener = _listen(host, port)
    _tell(settings, listener)
    _end_quietly_on_signals()
    serve(settings, sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as fault:
        raise click.UsageError(
            f"cannot listen on {host}:{port}: {fault.strerror or fault}"
        ) from fault


def _tell(settings: EmulatorSettings, listener: socket.socket) -> None:
    shown_host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{shown_host}:{listener.getsockname()[1]}"
    if not _is_loopback(settings.host):
        click.echo(
            f"warning: {settings.host} is open to others; the emulator is a test tool without "
            "protection",
            err=True,
        )
    if settings.webhook_url is None:
        following = f"next: POST {address}/_emulator/webhook " + '{"url": "…", "secret": "…"}'
    else:
        following = f"next: set metronome.base_url to {address}; state: {address}/_emulator/books"
    click.echo(f"pretend Metronome on {address}; {following}", err=True)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _end_quietly_on_signals() -> None:
    # uvicorn stops on these and then raises them again; stopping a test tool is no failure.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
