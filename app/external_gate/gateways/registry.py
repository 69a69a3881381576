"""Which adapters are installed, and how one becomes a gateway: entry points, ours too."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from importlib.metadata import EntryPoint

from pydantic import BaseModel, ValidationError

from external_gate.domain.charge import Capabilities
from external_gate.domain.errors import Broken, GateError
from external_gate.gateways.adapter_loading import Adapter, AdapterUnusable, load, shown
from external_gate.gateways.enforcement import check_capabilities
from external_gate.gateways.gateway import Gateway, Surroundings
from external_gate.settings.faulty import Fault, SettingsFaulty, did_you_mean, dotted, faults_from
from external_gate.settings.installed_plugins import InstalledPlugin, origin

GROUP = "external_gate.gateways"
"""The entry-point group. The name of an entry point is what `adapter = "…"` says."""


@dataclass(frozen=True, slots=True)
class InstalledAdapter(InstalledPlugin):
    """One entry point, whether it can be used, and its class."""

    adapter: Adapter | None = None
    """The class; None when it cannot be used."""


EntryPoints = Callable[[], Iterable[EntryPoint]]


def declared() -> Iterable[EntryPoint]:
    """Give the entry points of every installed distribution; imports nothing."""
    return metadata.entry_points(group=GROUP)


def installed(*, entry_points: EntryPoints = declared) -> list[InstalledAdapter]:
    """List every adapter by name. Imports them all; a broken one shows in its `fault`."""
    entries = sorted(entry_points(), key=lambda entry: (entry.name, entry.value))
    return [_installed(entry, entries) for entry in entries]


def find(name: str, *, entry_points: EntryPoints = declared) -> Adapter:
    """Import the adapter of that name, and no other. Raises `AdapterUnusable`."""
    entries = list(entry_points())
    named = [entry for entry in entries if entry.name == name]
    if not named:
        raise _unknown(name, sorted({entry.name for entry in entries}))
    return load(_only(named))


def check(
    name: str,
    adapter: str,
    values: Mapping[str, object],
    *,
    entry_points: EntryPoints = declared,
) -> list[Fault]:
    """Name everything wrong with the settings of gateway `name`, without making it.

    No fault repeats a value. Fits `settings.CheckGateway`.
    """
    try:
        _prepare(name, adapter, values, entry_points)
    except SettingsFaulty as error:
        return list(error.faults)
    return []


def make(
    adapter: str,
    values: Mapping[str, object],
    surroundings: Surroundings,
    *,
    entry_points: EntryPoints = declared,
) -> Gateway:
    """Make a gateway from its settings, and refuse it when its capabilities contradict each other.

    Raises `Broken`, which names the cure and repeats no value.
    """
    found, settings = _prepare(surroundings.name, adapter, values, entry_points)
    whose = f"{dotted(('gateways', surroundings.name))}: the adapter {adapter}"
    try:
        gateway = found(settings, surroundings)
        capabilities: object = gateway.capabilities
    except GateError:
        raise
    except Exception as error:
        # Its message is left to the traceback: it may hold a value of the settings.
        failed = f"failed at start with {type(error).__name__}"
        raise Broken(f"{whose} {failed}; tell its authors") from error
    _check_promises(capabilities, whose)
    return gateway


def _check_promises(capabilities: object, whose: str) -> None:
    if not isinstance(capabilities, Capabilities):
        raise Broken(f"{whose} gives no Capabilities; tell its authors")
    if wrong := check_capabilities(capabilities):
        raise Broken(f"{whose} contradicts itself: {'; '.join(wrong)}; mend what it declares")


def _prepare(
    name: str, adapter: str, values: Mapping[str, object], entry_points: EntryPoints
) -> tuple[Adapter, BaseModel]:
    """Give the adapter with its settings, checked. Raises `SettingsFaulty`."""
    key = dotted(("gateways", name))
    try:
        found = find(adapter, entry_points=entry_points)
        return found, found.settings_model.model_validate(dict(values))
    except AdapterUnusable as error:
        fault = Fault(f"{key}.adapter", error.wrong, error.cure)
        raise SettingsFaulty([fault]) from error
    except ValidationError as error:
        # Without a cause: it would carry the values.
        raise SettingsFaulty(faults_from(error, under=key)) from None
    except Exception as error:
        wrong = f"the adapter could not read its settings ({type(error).__name__})"
        raise SettingsFaulty([Fault(key, wrong, "tell the adapter's authors")]) from error


def _installed(entry: EntryPoint, entries: Iterable[EntryPoint]) -> InstalledAdapter:
    distribution, version = origin(entry)
    listed = InstalledAdapter(entry.name, distribution, version, entry.value)
    try:
        found = load(_only([other for other in entries if other.name == entry.name]))
    except AdapterUnusable as error:
        return replace(listed, fault=error.wrong, cure=error.cure)
    return replace(listed, adapter=found)


def _unknown(name: str, known: list[str]) -> AdapterUnusable:
    meant = did_you_mean(name, known)
    question = f"did you mean {meant}? " if meant else ""
    return AdapterUnusable(
        "no adapter of that name is installed",
        f"{question}installed are: {', '.join(known) or 'none'}; or install the one that is meant",
    )


def _only(named: list[EntryPoint]) -> EntryPoint:
    """Refuse a name that two distributions claim: either could be charging in the other's place."""
    if len(named) > 1:
        claims = " and ".join(sorted(shown(entry) for entry in named))
        raise AdapterUnusable(
            f"the adapter name {named[0].name!r} is claimed by {claims}", "uninstall one of them"
        )
    return named[0]
