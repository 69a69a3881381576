"""Load the configuration: environment over file over defaults, and all faults at once."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from external_gate.settings.demands import unmet
from external_gate.settings.faulty import MASK, Fault, SettingsFaulty, dotted, faults_from
from external_gate.settings.keys import Path, knob_at, values_of
from external_gate.settings.model import Settings
from external_gate.settings.sources import (
    CONFIG_NAME,
    Behind,
    Given,
    Layer,
    read_behind,
    read_environment,
    read_file,
)

USUAL_FILE = FilePath("config/external-gate.toml")
"""Read when nobody names another, if it is there."""

# Below this, a secret might be part of an ordinary word of a sentence.
_SHORTEST_SCRUBBED = 6

CheckGateway = Callable[[str, str, Mapping[str, object]], Sequence[Fault]]
"""Check a gateway's own keys: name, adapter, keys without `adapter`; gives what is wrong."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be used, and where it came from."""

    settings: Settings
    sources: Mapping[str, str]
    """Per dotted key: `default`, `file …`, `environment NAME` or `file behind NAME`."""
    file: FilePath | None
    """The TOML file that was read, if any."""
    ignored_names: tuple[str, ...]
    """Environment names with our prefix that are not ours: log them."""


def load(
    path: FilePath | None,
    environ: Mapping[str, str],
    *,
    check_gateway: CheckGateway | None = None,
) -> Loaded:
    """Load the settings from `path`, else from the file that the environment names, else the usual.

    Raises `SettingsFaulty` with every fault; none of them repeats a value.
    """
    file, faults = _chosen_file(path, environ)
    below = read_file(file) if file else Layer()
    above = read_environment(environ)
    given, unread = _resolve(_merge(below, above))
    settings, invalid = _validate(given)
    faults += [*below.faults, *above.faults, *unread, *invalid]
    if not below.is_unreadable:
        faults += _new(unmet(settings), known=faults)
    if check_gateway is not None and not below.is_unreadable:
        faults += _new(_adapter_faults(settings, given, check_gateway), known=faults)
    if faults:
        raise SettingsFaulty(faults)
    found = {dotted(path): value.source for path, value in given.items()}
    sources = {knob.key: found.get(knob.key, "default") for knob, _ in values_of(settings)}
    return Loaded(settings, MappingProxyType(sources), file, tuple(above.ignored_names))


def _chosen_file(
    path: FilePath | None, environ: Mapping[str, str]
) -> tuple[FilePath | None, list[Fault]]:
    if path is not None:
        return path, []
    named = environ.get(CONFIG_NAME)
    if named == "":
        return None, [Fault(CONFIG_NAME, "names no file", "unset it, or name the TOML file")]
    if named is not None:
        return FilePath(named), []
    return (USUAL_FILE if USUAL_FILE.exists() else None), []


def _merge(below: Layer, above: Layer) -> dict[Path, Given | Behind]:
    kept = {path: found for path, found in below.given.items() if path[:-1] not in above.replaced}
    return kept | above.given


def _resolve(merged: Mapping[Path, Given | Behind]) -> tuple[dict[Path, Given], list[Fault]]:
    """Read the files that secrets stand in, now that it is known which of them count."""
    given: dict[Path, Given] = {}
    faults: list[Fault] = []
    for path, found in merged.items():
        match found:
            case Given():
                given[path] = found
            case Behind():
                read, fault = read_behind(found)
                given |= {path: read} if read else {}
                faults += [fault] if fault else []
    return given, faults


def _validate(given: Mapping[Path, Given]) -> tuple[Settings, list[Fault]]:
    """Check every value; what is faulty is left at its default, so that the rest can be judged."""
    try:
        return Settings.model_validate(_nested(given)), []
    except ValidationError as error:
        faults = [_explained(fault, given) for fault in faults_from(error)]
    sound = {path: found for path, found in given.items() if not _touches(dotted(path), faults)}
    return Settings.model_validate(_nested(sound)), faults


def _nested(given: Mapping[Path, Given]) -> dict[str, object]:
    """Build what the model takes."""
    tree: dict[str, object] = {}
    for path, found in given.items():
        *tables, last = _path_in_model(path)
        inner: dict[str, Any] = tree  # tables within tables, and values at the end
        for table in tables:
            inner = inner.setdefault(table, {})
        inner[last] = found.value
    return tree


def _path_in_model(path: Path) -> Path:
    """Give a path as the model has it: names of a person's choice stand in tables of their own."""
    match path:
        case ("gateways", name, key) if key != "adapter":
            return ("gateways", name, "settings", key)
        case ("operators", name, key):
            return ("operators", "people", name, key)
        case (("notices" | "forward") as section, name, key):
            return (section, "endpoints", name, key)
        case _:
            return path


def _key_in_file(key: str) -> str:
    """Give a key as a person wrote it, from the key in the model."""
    if key.startswith("gateways."):
        # Nothing else of an adapter's keys is judged by the model.
        return re.sub(r"\.settings$", ".timeout_seconds", key)
    key = key.replace("operators.people.", "operators.", 1)
    return re.sub(r"^(notices|forward)\.endpoints\.", r"\1.", key)


def _explained(fault: Fault, given: Mapping[Path, Given]) -> Fault:
    """Say of a fault in the model where the value came from, and what belongs there."""
    key = _key_in_file(fault.key)
    matching = [path for path in given if _meet(dotted(path), key)]
    sources = sorted({given[path].source for path in matching})
    near = map(knob_at, [*matching, *(path[:-1] for path in matching)])
    knob = next((knob for knob in near if knob and knob.key == key), None)
    cure = f"what belongs here: {knob.description}" if knob else fault.cure
    return Fault(key, f"{fault.wrong} ({', '.join(sources)})", cure)


def _meet(key: str, other: str) -> bool:
    """Tell whether two keys are the same, or one is a table that holds the other."""
    return key == other or key.startswith(f"{other}.") or other.startswith(f"{key}.")


def _touches(key: str, faults: Iterable[Fault]) -> bool:
    return any(_meet(key, fault.key) for fault in faults)


def _new(faults: Iterable[Fault], *, known: Sequence[Fault]) -> list[Fault]:
    """Leave out what only follows from a fault that is known already."""
    return [fault for fault in faults if not _touches(fault.key, known)]


def _adapter_faults(
    settings: Settings, given: Mapping[Path, Given], check_gateway: CheckGateway
) -> list[Fault]:
    """Let adapters judge their own keys; their sentences are not ours, so secrets are removed."""
    secrets = sorted(_secrets_in(given), key=len, reverse=True)
    return [
        replace(fault, wrong=_scrubbed(fault.wrong, secrets), cure=_scrubbed(fault.cure, secrets))
        for name, gateway in settings.gateways.items()
        if gateway.adapter
        for fault in check_gateway(name, gateway.adapter, gateway.settings)
    ]


def _secrets_in(given: Mapping[Path, Given]) -> set[str]:
    found: set[str] = set()
    for path, value in given.items():
        knob = knob_at(path)
        if knob and knob.may_come_from_file:
            found |= {text for text in _texts_in(value.value) if len(text) >= _SHORTEST_SCRUBBED}
    return found


def _texts_in(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for item in value.values():
                yield from _texts_in(item)
        case list():
            for item in value:
                yield from _texts_in(item)


def _scrubbed(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text
