"""Tokens of operators: long and random, so that their plain SHA-256 tells nobody what they are."""

import hashlib
import secrets

PREFIX = "eg_"
"""By which people, and scanners for leaked secrets, know what it is."""


def new_token() -> str:
    """Make a token of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def sha256_of(token: str) -> str:
    """Give what the configuration keeps of a token, as `operators.NAME.token_sha256`."""
    return hashlib.sha256(token.encode()).hexdigest()
