"""Secrets that must not come out anywhere, and the errors that a contract allows."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager

from external_gate.domain.errors import GateError

CANARY = "Canary7Canary7Canary7Canary7"
"""A secret in every spelling that we use: token, key of a signature, password. Valid base64."""

WHSEC = f"whsec_{CANARY}"

LONGEST_SENTENCE = 1000
"""Characters of an error; it does not grow with the input."""

assert base64.b64decode(CANARY, validate=True)


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Give an error and all that a traceback would show with it."""
    current: BaseException | None = error
    while current is not None:
        yield current
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)


def tells_canary(*values: object) -> bool:
    """Tell whether the secret can be read in what something prints as."""
    # A traceback shows `str` of an error, and a log `repr` of a record.
    texts = (str(value) if isinstance(value, BaseException) else repr(value) for value in values)
    return any(CANARY in text for text in texts)


def names_tell(tree: object) -> bool:
    """Tell whether a secret stands where a name belongs, at whatever depth."""
    left = [tree]
    while left:
        match left.pop():
            case dict() as table:
                if any(CANARY in name for name in table):
                    return True
                left.extend(table.values())
            case list() as items:
                left.extend(items)
            case _:
                pass
    return False


@contextmanager
def only(
    *allowed: type[GateError], may_tell: bool = False, longest: int = LONGEST_SENTENCE
) -> Iterator[None]:
    """Let errors of the contract end the work; any other one is the finding.

    None of those allowed may tell a secret, nor be longer than `longest` characters. With
    `may_tell` the input itself has put the secret where names are shown.
    """
    try:
        yield
    except allowed as error:
        _judge_error(error, may_tell=may_tell, longest=longest)


def _judge_error(error: BaseException, *, may_tell: bool, longest: int) -> None:
    for shown in chain_of(error):
        assert may_tell or not tells_canary(shown), f"{type(shown).__name__} tells a secret"
    assert len(str(error)) <= longest, f"a sentence of {len(str(error))} characters"


def is_line(text: str, *, longest: int) -> bool:
    """Tell whether a text fits one line of a terminal and holds nothing that steers it."""
    return len(text) <= longest and (not text or text.isprintable())
