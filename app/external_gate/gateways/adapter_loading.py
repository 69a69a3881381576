"""What makes a class an adapter, and importing one with a fault that a stranger can mend."""

import inspect
from importlib.metadata import EntryPoint
from typing import Any, Protocol, cast

from pydantic import BaseModel

from external_gate.gateways.gateway import Gateway, Surroundings
from external_gate.settings.installed_plugins import PluginUnusable, origin

ASYNCHRONOUS = ("charge", "lookup", "cancel", "refund")
PURE = ("build", "parse_notification")


class Adapter(Protocol):
    """The class that an entry point names; its instances are gateways.

    `settings_model` is a class attribute: a pydantic model of the keys under `[gateways.NAME]`
    other than `adapter`, with `extra="forbid"`, `hide_input_in_errors=True` and `SecretStr` for
    secrets. The instance is made once per gateway, at start, and must not call anybody.
    """

    @property
    def settings_model(self) -> type[BaseModel]:
        """Give the model of the adapter's own settings."""
        ...

    def __call__(
        self,
        settings: Any,  # every adapter takes the model of its own
        surroundings: Surroundings,
    ) -> Gateway:
        """Make a gateway. May raise `Broken` with the cure."""
        ...


class AdapterUnusable(PluginUnusable):
    """An adapter that was asked for cannot be used."""


def shown(entry: EntryPoint) -> str:
    """Name an entry point for people: distribution, version, target."""
    distribution, version = origin(entry)
    return f"{distribution} {version} ({entry.value})" if distribution else entry.value


def load(entry: EntryPoint) -> Adapter:
    """Import an adapter and hold it against the contract. Raises `AdapterUnusable`."""
    whose = f"the adapter {entry.name!r} of {shown(entry)}"
    try:
        target: object = entry.load()
    except (Exception, SystemExit) as error:
        raise AdapterUnusable(
            f"{whose} cannot be imported ({type(error).__name__}: {error})",
            _import_cure(entry, error),
        ) from error
    if lacks := _lacks(target):
        raise AdapterUnusable(
            f"{whose} does not keep the contract: {'; '.join(lacks)}",
            "mend it by the docstring of external_gate.gateways.gateway.Gateway",
        )
    return cast("Adapter", target)


def _import_cure(entry: EntryPoint, error: BaseException) -> str:
    distribution = origin(entry)[0] or "its distribution"
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and not f"{entry.module}.".startswith(f"{missing}."):
        return f"install the module {missing}, which {distribution} needs"
    return f"install {distribution} anew, or tell its authors"


def _lacks(target: object) -> list[str]:
    """Name what an adapter has not, without making one."""
    if not isinstance(target, type):
        return ["it is not a class"]
    return [*_settings_lack(target), *_members_lack(target)]


def _settings_lack(adapter: type) -> list[str]:
    model = getattr(adapter, "settings_model", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return ["settings_model is no pydantic model"]
    config = model.model_config
    wanted: dict[str, object] = {"extra": "forbid", "hide_input_in_errors": True}
    return [
        f"settings_model must have {key}={value!r}"
        for key, value in wanted.items()
        if config.get(key) != value
    ]


def _members_lack(adapter: type) -> list[str]:
    lacks = []
    for name in (*PURE, *ASYNCHRONOUS):
        member = getattr(adapter, name, None)
        # Whoever inherits from the Protocol has its empty bodies, which answer None.
        if not callable(member) or member is getattr(Gateway, name):
            lacks.append(f"{name} is missing")
        elif name in ASYNCHRONOUS and not inspect.iscoroutinefunction(member):
            lacks.append(f"{name} must be async")
    return lacks
