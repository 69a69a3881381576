"""Which addresses lead into somebody's own network, however they are written."""

import pytest

from external_gate.domain.public_address import is_plainly_private, is_public

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::808:808"]
PRIVATE = [
    "127.0.0.1", "127.9.9.9", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1",
    "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::", "2002:a00:1::",
    "", "localhost", "example.com", "1.2.3", "127.1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_everything_else_is_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://127.0.0.1:3000/x", True),
        ("https://localhost", True),
        ("https://LOCALHOST./x", True),
        ("https://app.localhost", True),
        ("http://[::1]:80", True),
        ("http://[fe80::1]/", True),
        ("https://8.8.8.8", False),
        ("https://app.example", False),
        ("https://localhost.example", False),
    ],
)
def test_what_an_address_says_without_being_looked_up(url: str, private: bool) -> None:
    assert is_plainly_private(url) is private
