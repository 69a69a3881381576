"""Which names say that their value is a secret, and which that it is an id of ours."""

import re
from functools import lru_cache
from itertools import pairwise

_SECRET_WORDS = frozenset(
    {
        *("token", "tokens", "secret", "secrets", "credential", "credentials", "apikey", "jwt"),
        *("password", "passwords", "passwd", "passwort", "passphrase", "pwd", "pin", "otp"),
        *("authorization", "auth", "bearer", "cookie", "cookies", "signature", "signatures"),
        *("card", "cards", "pan", "pans", "cvv", "cvc", "cvn", "cvv2", "cvc2", "iban"),
        *("body", "payload"),  # never logged: what they hold is not ours to judge
    }
)

_KEY_WORDS = frozenset(
    {"api", "private", "access", "secret", "signing", "encryption", "webhook", "account"}
)
"""What makes a `…_key` a secret; `attempt_key` and `idempotency_key` are none."""

ID_NAMES = frozenset(
    {
        *("workflow_id", "customer_id", "contract_id", "invoice_id", "notification_id"),
        *("attempt_key", "release_key", "charge_id", "digest", "amount", "amount_minor"),
    }
)
"""Names whose values may look like a card number or a signature, and must stay readable."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+[0-9]*|[0-9]+")


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Tell whether what is called so is a secret: `api_token`, `clientSecret`, `X-Api-Key`."""
    words = [word.lower() for word in _WORD.findall(name)]
    return not _SECRET_WORDS.isdisjoint(words) or any(
        second == "key" and first in _KEY_WORDS for first, second in pairwise(words)
    )
