"""Before test charges are made at an address: is it near, or did a person say that it is a test?"""

import ipaddress
import socket
import sys
from urllib.parse import urlsplit

import click

from external_gate.cli.endings import WRONG_USE, leave
from external_gate.cli.showing import safe
from external_gate.domain.errors import BadInput, Unavailable

NEAR = tuple(
    ipaddress.ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
"""Loopback, RFC 1918, link-local and RFC 4193: nobody's public address."""


def make_sure_of_test_system(url: str, *, is_sure: bool) -> None:
    """Go on when every address of the host is near, or a person says that nobody's money is there.

    Leaves with code 2 when nobody does. Raises `Unavailable` when the name is unknown.
    """
    if is_sure or is_near(url):
        return
    where = safe(urlsplit(url).hostname or url)
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"certifying charges and refunds, and {where} is neither this machine nor in a private "
            "network; give --yes-this-is-a-test-system if it is one"
        )
    question = f"Hundreds of charges will be made at {where}. Is it a test system, without money?"
    if not click.confirm(question, err=True):
        leave("nothing was charged; start a test system and certify that", WRONG_USE)


def is_near(url: str) -> bool:
    """Tell whether all addresses behind a URL are of this machine or a private network.

    Raises `BadInput` for what is no URL with a host, `Unavailable` when the name is unknown.
    """
    try:
        host, port = urlsplit(url).hostname, urlsplit(url).port
    except ValueError as error:
        raise BadInput(
            f"{safe(url)} is no address; write it as http://127.0.0.1:8099/charges"
        ) from error
    if not host:
        raise BadInput(f"{safe(url)} is no address; write it as http://127.0.0.1:8099/charges")
    try:
        found = socket.getaddrinfo(host, port or 80, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable(f"the name {safe(host)} is unknown here; mend it") from error
    return all(_is_near(str(address[0])) for *_, address in found)


def _is_near(written: str) -> bool:
    address = ipaddress.ip_address(written.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in NEAR if network.version == address.version)
