"""JSON that grows in every way in which a parser could come to need more than its share."""

from collections.abc import Callable, Mapping

GROWING_BODIES: Mapping[str, Callable[[int], bytes]] = {
    "open lists": lambda size: b"[" * size,
    "open objects": lambda size: b'{"properties":' * (size // 14),
    "closed lists": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "numbers": lambda size: b'{"a":[' + b"1," * (size // 2) + b"1]}",
    "empty objects": lambda size: b'{"a":[' + b"{}," * (size // 3) + b"{}]}",
    "names": lambda size: (
        b"{" + b"".join(b'"%d":1,' % number for number in range(size // 9)) + b'"a":1}'
    ),
    "one name": lambda size: b"{" + b'"a":1,' * (size // 6) + b'"a":1}',
    "long text": lambda size: b'{"status":"' + b"x" * size + b'"}',
    "wide text": lambda size: b'{"message":"' + b"x" * size + "\U0001f4b6".encode() + b'"}',
    "escapes": lambda size: b'{"message":"' + b"\\u0000" * (size // 6) + b'"}',
    "surrogates": lambda size: b'{"message":"' + b"\\ud800" * (size // 6) + b'"}',
    "long number": lambda size: b'{"a":' + b"9" * size + b"}",
    "long fraction": lambda size: b'{"a":0.' + b"9" * size + b"}",
    "exponent": lambda size: b'{"a":1e' + b"9" * min(size, 18) + b"}",
    "small exponent": lambda size: b'{"a":1e-' + b"9" * min(size, 18) + b"}",
    "spaces": lambda size: b" " * size + b"{}",
    "backslashes": lambda size: b'{"a":"' + b"\\" * size + b'"}',
}
