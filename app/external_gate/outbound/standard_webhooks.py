"""Signing and verifying by the Standard Webhooks scheme, symmetric (`v1`).

Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, 2026-11-22.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from external_gate.domain.clock import EPOCH
from external_gate.domain.errors import BadInput, Broken

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"

# Visible ASCII without the full stop: with one in the id, bytes could be moved between id,
# timestamp and body under an unchanged signature (the specification warns of it).
MESSAGE_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,256}")
# Eleven digits reach into the year 5138.
SECONDS = re.compile(r"[0-9]{1,11}")


def sign(secret: str, *, message_id: str, timestamp: datetime, body: bytes) -> dict[str, str]:
    """Give the three headers that go with `body`.

    `secret` is base64, with or without `whsec_`; the timestamp is cut to whole seconds. Raises
    `Broken` for a secret that is none, `BadInput` for an id with a full stop or a space.
    """
    if not MESSAGE_ID.fullmatch(message_id):
        raise BadInput(f"{ID} must be visible ASCII without a full stop, up to 256 characters")
    seconds = str((timestamp - EPOCH) // timedelta(seconds=1))
    signature = _signature(secret_key(secret), message_id, seconds, body)
    return {ID: message_id, TIMESTAMP: seconds, SIGNATURE: signature.decode()}


def verify(
    secrets: Iterable[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    tolerance: timedelta,
) -> str:
    """Give the message id, when one live secret signed `body` within `tolerance` of `now`.

    Raises `BadInput` for everything else, whatever the headers hold, and `Broken` for a secret
    that is none. Says nothing about repeats: remember the id for that.
    """
    message_id, seconds, signatures = _read(headers)
    if abs(now - datetime.fromtimestamp(int(seconds), UTC)) > tolerance:
        raise BadInput(f"{TIMESTAMP} is more than {tolerance} away from now")
    given = [signature.encode("utf-8", "replace") for signature in signatures.split(" ")]
    good = False
    for secret in secrets:
        expected = _signature(secret_key(secret), message_id, seconds, body)
        for signature in given:
            good |= hmac.compare_digest(signature, expected)
    if not good:
        raise BadInput(f"{SIGNATURE} matches none of our secrets")
    return message_id


def secret_key(secret: str) -> bytes:
    """Give the bytes behind a secret: base64, padded or not, with or without `whsec_`.

    Raises `Broken`; the sentence does not repeat the secret.
    """
    text = secret.removeprefix("whsec_").rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Broken("a webhook secret is not base64: copy it again, whsec_ included") from error
    if not key:
        raise Broken("a webhook secret is empty")
    return key


def _read(headers: Mapping[str, str]) -> tuple[str, str, str]:
    found = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in (ID, TIMESTAMP, SIGNATURE) if not found.get(name)]
    if missing:
        raise BadInput(f"missing header: {', '.join(missing)}")
    if not MESSAGE_ID.fullmatch(found[ID]):
        raise BadInput(f"{ID} is not visible ASCII without a full stop")
    if not SECONDS.fullmatch(found[TIMESTAMP]):
        raise BadInput(f"{TIMESTAMP} is not a count of seconds")
    return found[ID], found[TIMESTAMP], found[SIGNATURE]


def _signature(key: bytes, message_id: str, seconds: str, body: bytes) -> bytes:
    signed = f"{message_id}.{seconds}.".encode() + body
    return b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
