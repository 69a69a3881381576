"""Which adapters are installed, which gateways use them, and what each promises. Calls nobody."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from external_gate.assembly import SystemClock, check_gateway
from external_gate.cli.plugin_listing import is_configured
from external_gate.domain.charge import Capabilities
from external_gate.domain.errors import Broken, GateError
from external_gate.gateways import registry
from external_gate.gateways.adapter_loading import Adapter
from external_gate.gateways.gateway import Surroundings
from external_gate.gateways.registry import InstalledAdapter
from external_gate.outbound.calls import Call, CallEnd, NeverSent
from external_gate.settings import Fault, GatewaySettings, SettingsFaulty, load
from external_gate.settings.faulty import dotted
from external_gate.testkit.rig_registry import find_rig

NOWHERE = "http://127.0.0.1:9"
"""Where the fake of a rig would listen; nobody is called."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key that an adapter takes under `[gateways.NAME]`."""

    key: str
    is_required: bool
    default: object
    """As JSON; None for a required one, and where the adapter works it out."""
    description: str


@dataclass(frozen=True, slots=True)
class ConfiguredGateway:
    """One gateway of the configuration."""

    name: str
    adapter: str
    capabilities: Capabilities | None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedAdapter:
    """One installed adapter with everything that can be known without calling anybody."""

    installed: InstalledAdapter
    gateways: tuple[ConfiguredGateway, ...]
    keys: tuple[Key, ...]
    capabilities: Capabilities | None
    """What is promised whatever the settings, or with those that `known_from` names."""
    known_from: str | None


@dataclass(frozen=True, slots=True)
class Inventory:
    """What `gateways list` shows."""

    adapters: tuple[ListedAdapter, ...]
    gateways: tuple[ConfiguredGateway, ...]
    unreadable: tuple[Fault, ...]
    """Why the configuration could not be read; then no gateway is known."""


def take_inventory(config_path: Path | None) -> Inventory:
    """Look at everything that is installed and, where there is one, at the configuration."""
    found, unreadable = _configured(config_path)
    adapters = tuple(
        _listed(adapter, [one for one in found if one.adapter == adapter.name])
        for adapter in registry.installed()
    )
    return Inventory(adapters, tuple(found), tuple(unreadable))


def _configured(config_path: Path | None) -> tuple[list[ConfiguredGateway], Sequence[Fault]]:
    if not is_configured(config_path, section="gateways"):
        return [], ()
    try:
        settings = load(config_path, os.environ).settings
    except SettingsFaulty as faulty:
        return [], faulty.faults
    faults: Sequence[Fault] = ()
    try:
        # A second time with the adapters' own checks: it takes secrets out of their sentences.
        load(config_path, os.environ, check_gateway=check_gateway)
    except SettingsFaulty as faulty:
        faults = faulty.faults
    return [_gateway(name, gateway, faults) for name, gateway in settings.gateways.items()], ()


def _gateway(name: str, gateway: GatewaySettings, faults: Sequence[Fault]) -> ConfiguredGateway:
    key = dotted(("gateways", name))
    own = [fault for fault in faults if fault.key == key or fault.key.startswith(f"{key}.")]
    promised = None
    if not own:
        try:
            promised = _promises(name, gateway.adapter, gateway.settings)
        except GateError as error:
            # Its sentence ends with the cure.
            own = [Fault(key, str(error).removeprefix(f"{key}: "), "")]
    return ConfiguredGateway(name, gateway.adapter, promised, tuple(own))


def _listed(installed: InstalledAdapter, using: Sequence[ConfiguredGateway]) -> ListedAdapter:
    if installed.adapter is None:
        return ListedAdapter(installed, tuple(using), (), None, None)
    keys = tuple(_keys(installed.adapter.settings_model))
    for known_from, promised in _known_promises(installed.name, installed.adapter):
        return ListedAdapter(installed, tuple(using), keys, promised, known_from)
    return ListedAdapter(installed, tuple(using), keys, None, None)


def _keys(model: type[BaseModel]) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        default = None if field.is_required() else field.get_default()
        yield Key(
            key=field.alias or name,
            is_required=field.is_required(),
            default=to_jsonable_python(default, serialize_unknown=True),
            description=" ".join((field.description or "").split()),
        )


def _known_promises(name: str, adapter: Adapter) -> Iterator[tuple[str, Capabilities]]:
    """Give what can be known without a configuration, the most general first."""
    declared: object = getattr(adapter, "capabilities", None)
    if isinstance(declared, Capabilities):
        yield "every setting", declared
    for known_from, values in (("default settings", {}), ("settings of its rig", None)):
        try:
            settings = _settings_of_rig(name) if values is None else values
            yield known_from, _promises(name, name, settings)
        except GateError:
            continue  # it has required keys, or no rig


def _settings_of_rig(name: str) -> Mapping[str, object]:
    """Give settings with which the adapter is certified. Raises `Broken` without a sound rig."""
    make = find_rig(name)
    try:
        return make().settings(NOWHERE)
    except Exception as error:
        raise Broken(f"the rig of {name} gives no settings before it is started") from error


def _promises(name: str, adapter: str, values: Mapping[str, object]) -> Capabilities:
    surroundings = Surroundings(name, _Silence(), SystemClock())
    return registry.make(adapter, values, surroundings).capabilities


class _Silence:
    """A caller that lets nothing out: an adapter calls nobody while it is made."""

    async def call(self, _call: Call) -> CallEnd:
        return NeverSent("nobody is called while gateways are listed")
