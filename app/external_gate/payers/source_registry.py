"""Payer sources by name: plain entry points, ours included, in the group `external_gate.payers`."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import Protocol, cast

from external_gate.domain.errors import Broken, GateError
from external_gate.payers.payer_source import PayerSource, PayerSurroundings
from external_gate.settings.installed_plugins import InstalledPlugin, PluginKind
from external_gate.settings.model import PayersSettings

GROUP = "external_gate.payers"
SOURCES = PluginKind(
    group=GROUP,
    called="the payer source",
    asked_for="payers.source =",
    made_by="from_settings(settings, surroundings)",
    contract="external_gate.payers.payer_source",
)


class PayerSourceClass(Protocol):
    """What an entry point of the group must point at."""

    def from_settings(
        self, settings: PayersSettings, surroundings: PayerSurroundings, /
    ) -> PayerSource:
        """Build a source from the section `[payers]`; raises `Broken` for unusable settings."""
        ...


def build_payer_source(
    settings: PayersSettings,
    surroundings: PayerSurroundings,
    *,
    installed: Iterable[EntryPoint] | None = None,
) -> PayerSource:
    """Give the source that `payers.source` names.

    Raises `Broken` when there is none of that name, more than one, or when it cannot be imported
    or built.
    """
    source_class = load_source_class(settings.source, installed=installed)
    try:
        return source_class.from_settings(settings, surroundings)
    except GateError:
        raise
    except Exception as error:  # a plugin may raise anything; its words may hold a secret
        raise Broken(
            f'payers.source = "{settings.source}" cannot be built from [payers]:'
            f" {type(error).__name__}; mend the section or the plugin"
        ) from error


def installed_sources(*, installed: Iterable[EntryPoint] | None = None) -> list[InstalledPlugin]:
    """List every source by name. Imports them all; a broken one shows in its `fault`."""
    return SOURCES.listed(installed=installed)


def load_source_class(
    name: str, *, installed: Iterable[EntryPoint] | None = None
) -> PayerSourceClass:
    """Import the class of a source; `installed` is for tests. Raises `PluginUnusable`."""
    return cast("PayerSourceClass", SOURCES.load(name, installed=installed))
