"""One request to the pretend API and its answer, free of HTTP machinery."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from external_gate.emulator.books import Books
from external_gate.emulator.decimal_json import render_json
from external_gate.emulator.refusals import invalid

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Call:
    """Everything that a handler may look at."""

    books: Books
    now: datetime
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: object = None

    def field(self, name: str) -> str | None:
        """Give a text from the path or the top of the body, if it is there."""
        found = self.path.get(name)
        if found is None and isinstance(self.body, Mapping):
            found = self.body.get(name)
        return found if isinstance(found, str) else None

    def page(self, items: Sequence[Item]) -> tuple[list[Item], str | None]:
        """Cut out the page that the query asks for, and give the token of the next one."""
        limit = self.query.get("limit", "25")
        if not limit.isdecimal() or not 1 <= int(limit) <= 100:
            raise invalid(f"limit is {limit}; it must be between 1 and 100")
        return cut_page(items, limit=int(limit), token=self.query.get("next_page"))


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and a JSON body; None is an empty body, bytes are JSON already."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes | None:
        """Give the body's bytes."""
        return self.body if isinstance(self.body, bytes | None) else render_json(self.body)

    def frozen(self) -> "Reply":
        """Give the same answer as it stands now: records change later, stored results must not."""
        return replace(self, body=self.content())


Handler = Callable[[Call], Reply]


def cut_page(
    items: Sequence[Item], *, limit: int, token: str | None
) -> tuple[list[Item], str | None]:
    """Give one page of a listing and the token of the next; None at the end."""
    digits = (token or "p0").removeprefix("p")
    if not digits.isdecimal():
        raise invalid(f"next_page {token} is not a token of this listing")
    start = int(digits)
    following = start + limit
    return list(items[start:following]), f"p{following}" if following < len(items) else None
