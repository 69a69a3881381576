"""Scenarios as data: what is done, with which faults, and what must hold; read from TOML files.

An author adds a folder of files of their own. Words that stand nowhere here are refused.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from external_gate.domain.errors import BadInput
from external_gate.testkit.checks import BY_ID
from external_gate.testkit.proxy_faults import ProxyFault
from external_gate.testkit.rig import Situation


class Need(StrEnum):
    """What rig or capabilities must offer for a scenario or a step to make sense."""

    PROXY = "proxy"  # the adapter speaks HTTP to an address
    BOOKS = "books"  # the rig shows its takings
    REPEAT = "repeat"  # a key with a window: the same attempt may be sent again
    EVERY_ANSWER = "every_answer"  # declines are stored under the key
    LOOKUP = "lookup"
    CANCEL = "cancel"
    CANCEL_BY_KEY = "cancel_by_key"
    REFUND = "refund"
    NOTIFICATIONS = "notifications"
    TIME = "time"  # the rig's time can be moved


class Deed(StrEnum):
    """What a step does."""

    CHARGE = "charge"  # the first send of an attempt, and every repeat, with the same bytes
    CHARGES_AT_ONCE = "charges_at_once"  # `times` sends of one attempt at the same time
    CHARGE_CUT = "charge_cut"  # the task is cancelled once the call has arrived
    CHARGE_TOO_LATE = "charge_too_late"  # a request whose send deadline has passed
    LOOKUP = "lookup"
    CANCEL = "cancel"
    REFUND = "refund"
    SETTLE = "settle"  # time passes and lookups are made until the charge is final
    ADVANCE = "advance"  # `seconds` pass
    NOTIFICATIONS = "notifications"  # a genuine one, and every forgery of it
    PURITY = "purity"  # build and capabilities, without any call
    ODD_TEXTS = "odd_texts"  # a charge whose description and metadata hold any characters


class Word(StrEnum):
    """How an answer is called in `allow`."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    PENDING = "pending"
    UNKNOWN = "unknown"  # of cancel and refund too
    NOT_SENT = "not_sent"
    MISCONFIGURED = "misconfigured"
    NOT_FOUND = "not_found"  # not conclusive
    ABSENT = "absent"  # conclusive
    UNDONE = "undone"
    UNDO_PENDING = "undo_pending"
    TOO_LATE = "too_late"


def _known_check(check: str) -> str:
    if check not in BY_ID:
        raise ValueError(f"there is no check {check!r}")
    return check


CheckId = Annotated[str, AfterValidator(_known_check)]
STRICT = ConfigDict(frozen=True, extra="forbid")


class Step(BaseModel):
    """One deed, and what must hold after it."""

    model_config = STRICT

    do: Deed
    attempt: int = 1
    """Whose key is used; another number is another attempt of the same workflow."""
    faults: tuple[ProxyFault, ...] = ()
    """For the calls of this step, one each; later calls pass."""
    allow: frozenset[Word] = frozenset()
    """The honest answers; empty allows every one."""
    check: CheckId = "succeeds"
    """What fails when another answer comes."""
    needs: frozenset[Need] = frozenset()
    """Left out silently where these are lacking; the scenario goes on."""
    times: int = Field(default=3, ge=2, le=20)
    seconds: float = 0.0
    after_lag: bool = False
    """Lets the declared `visibility_lag` pass first."""
    fresh_adapter: bool = False
    """Makes the adapter anew first, as after a restart of the service."""
    heartbeat: bool = False
    """Measures whether the event loop goes on meanwhile."""


class Ending(BaseModel):
    """What the books must show at the end; of attempt 1, without what was refunded."""

    model_config = STRICT

    takings: int | None = None
    """Exactly so many; that no attempt has two is asked for in any case."""
    refunded: int | None = None
    check: CheckId = "at-most-one-charge"


class Scenario(BaseModel):
    """A short play with one or two attempts, and what must hold."""

    model_config = STRICT

    id: str
    title: str
    promise: str
    """Which promise of the service it defends, P1 to P9."""
    payer: Situation = Situation.SUCCEEDS
    needs: frozenset[Need] = frozenset()
    currency: str | None = None
    """None takes one with two decimals that the adapter declares."""
    minor: int = Field(default=1999, gt=0)
    amount_check: CheckId = "amount-exact"
    """What fails when another amount is taken than was asked."""
    steps: tuple[Step, ...] = Field(min_length=1)
    end: Ending = Ending()


def shipped_scenarios() -> list[Scenario]:
    """Give the scenarios of the kit."""
    with as_file(files(__package__).joinpath("scenarios")) as folder:
        return read_scenarios(folder)


def read_scenarios(folder: Path) -> list[Scenario]:
    """Read every `*.toml` of a folder, in order of their names.

    A scenario with a table `each` stands for one per value: `each.fault = ["a", "b"]` puts each in
    for the word `$fault`. Raises `BadInput`, which names file, scenario and fault.
    """
    found = [scenario for path in sorted(folder.glob("*.toml")) for scenario in _read_file(path)]
    _refuse_twins(found)
    return found


def _read_file(path: Path) -> Iterator[Scenario]:
    try:
        said = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name} is no TOML: {error}") from error
    if set(said) != {"scenario"} or not isinstance(said["scenario"], list):
        raise BadInput(f"{path.name} must hold nothing but [[scenario]] tables")
    for written in said["scenario"]:
        for variant in _variants(written):
            try:
                yield Scenario.model_validate(variant)
            except ValidationError as error:
                name = variant.get("id", "a scenario without id")
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                raise BadInput(f"{path.name}, {name}: {where}: {first['msg']}") from error


def _variants(written: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """Expand `each`; what TOML holds is judged only afterwards."""
    rest = {key: value for key, value in written.items() if key != "each"}
    each = written.get("each")
    if not each:
        return [rest]
    ((name, values),) = each.items()
    return [
        {**_filled(rest, f"${name}", value), "id": f"{rest.get('id')}[{value}]"} for value in values
    ]


def _filled(value: Any, word: str, by: Any) -> Any:  # parts of TOML, whatever they are
    if isinstance(value, dict):
        return {key: _filled(part, word, by) for key, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, word, by) for part in value]
    if value == word:
        return by
    return value.replace(word, str(by)) if isinstance(value, str) else value


def _refuse_twins(scenarios: Sequence[Scenario]) -> None:
    seen: set[str] = set()
    for scenario in scenarios:
        if scenario.id in seen:
            raise BadInput(f"two scenarios have the id {scenario.id}")
        seen.add(scenario.id)
