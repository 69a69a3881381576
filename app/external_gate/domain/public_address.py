"""Whether an address belongs to the public internet: the others lead into somebody's own network.

Registries: iana.org/assignments/iana-ipv4-special-registry and …-ipv6-special-registry, which
`ipaddress` follows; 2026-11-22.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

_NAT64 = IPv6Network("64:ff9b::/96")  # a gateway makes an IPv4 address of the last 32 bits


def is_public(address: str) -> bool:
    """Tell whether a literal IP address, and each that is wrapped in it, is a public host's."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in _unwrapped(found))


def is_plainly_private(url: str) -> bool:
    """Tell whether an address says without being looked up that it leads to a private host."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False  # a name: nobody knows before it is resolved
    return not is_public(host)


def _unwrapped(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """Give the address, or the IPv4 addresses to which it is a way around."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    yield address
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
