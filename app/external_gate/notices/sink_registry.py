"""Notice sinks by name: plain entry points, ours too, in the group `external_gate.notice_sinks`."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import Protocol, cast

from external_gate.domain.errors import Broken, GateError
from external_gate.notices.notice_sink import NoticeSink, SinkSurroundings
from external_gate.settings.installed_plugins import InstalledPlugin, PluginKind
from external_gate.settings.model import NoticeEndpoint

GROUP = "external_gate.notice_sinks"
SINKS = PluginKind(
    group=GROUP,
    called="the notice sink",
    asked_for="the notice sink",
    made_by="from_settings(endpoint, surroundings)",
    contract="external_gate.notices.notice_sink",
)


class NoticeSinkClass(Protocol):
    """What an entry point of the group must point at."""

    def from_settings(
        self, endpoint: NoticeEndpoint, surroundings: SinkSurroundings, /
    ) -> NoticeSink:
        """Build a sink from its table `[notices.NAME]`; raises `Broken` for unusable settings."""
        ...


def build_sink(
    endpoint: NoticeEndpoint,
    surroundings: SinkSurroundings,
    *,
    installed: Iterable[EntryPoint] | None = None,
) -> NoticeSink:
    """Give the sink of an endpoint.

    Raises `Broken` when there is none of that name, more than one, or when it cannot be imported
    or built.
    """
    sink_class = load_sink_class(endpoint.sink, installed=installed)
    try:
        return sink_class.from_settings(endpoint, surroundings)
    except GateError:
        raise
    except Exception as error:  # a plugin may raise anything; its words may hold a secret
        raise Broken(
            f"notices.{surroundings.name} cannot be built with the sink"
            f' "{endpoint.sink}": {type(error).__name__}; mend the table or the plugin'
        ) from error


def installed_sinks(*, installed: Iterable[EntryPoint] | None = None) -> list[InstalledPlugin]:
    """List every sink by name. Imports them all; a broken one shows in its `fault`."""
    return SINKS.listed(installed=installed)


def load_sink_class(name: str, *, installed: Iterable[EntryPoint] | None = None) -> NoticeSinkClass:
    """Import the class of a sink; `installed` is for tests. Raises `PluginUnusable`."""
    return cast("NoticeSinkClass", SINKS.load(name, installed=installed))
