"""Who calls the HTTP interface: an operator's bearer token, of which only the SHA-256 is known."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from external_gate.settings.model import Operator, Role
from external_gate.settings.operator_tokens import sha256_of

LONGEST_TOKEN = 512
"""Characters; ours have 46."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose token is good."""

    name: str
    role: Role

    @property
    def may_act(self) -> bool:
        """Whether they may do more than look."""
        return self.role is not Role.VIEWER


class Bearers:
    """Everybody whom the configuration names."""

    def __init__(self, people: Mapping[str, Operator]) -> None:
        self._people = {
            name: (operator.token_sha256.get_secret_value(), operator.role)
            for name, operator in people.items()
        }

    def caller(self, headers: Mapping[str, str]) -> Caller | None:
        """Give who sent the request; None without a good token. Takes the same time for all."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip() or len(token) > LONGEST_TOKEN:
            return None
        digest = sha256_of(token.strip())
        found = None
        for name, (known, role) in self._people.items():
            if hmac.compare_digest(digest, known):
                found = Caller(name, role)
        return found
