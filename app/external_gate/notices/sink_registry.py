"""Notice sinks by name: plain entry points, ours too, in the group `external_gate.notice_sinks`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from external_gate.domain.errors import Broken, GateError
from external_gate.notices.notice_sink import NoticeSink, SinkSurroundings
from external_gate.settings.model import NoticeEndpoint

GROUP = "external_gate.notice_sinks"


class SinkUnusable(Broken):
    """A notice sink that was asked for cannot be used."""

    def __init__(self, wrong: str, cure: str) -> None:
        super().__init__(f"{wrong}; {cure}")
        self.wrong = wrong
        self.cure = cure


@dataclass(frozen=True, slots=True)
class InstalledSink:
    """One entry point, and whether it can be used."""

    name: str
    distribution: str
    version: str
    target: str
    """`module:Class`."""
    fault: str | None = None
    """Why it cannot be used; None when it can."""
    cure: str | None = None
    """What mends the fault."""


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


def installed_sinks(*, installed: Iterable[EntryPoint] | None = None) -> list[InstalledSink]:
    """List every sink by name. Imports them all; a broken one shows in its `fault`."""
    every = list(entry_points(group=GROUP) if installed is None else installed)
    return [_listed(point, every) for point in sorted(every, key=lambda one: (one.name, one.value))]


def load_sink_class(name: str, *, installed: Iterable[EntryPoint] | None = None) -> NoticeSinkClass:
    """Import the class of a sink; `installed` is for tests. Raises `SinkUnusable`."""
    found = _the_one(name, entry_points(group=GROUP) if installed is None else installed)
    whose = f'the notice sink "{name}" ({_origin(found)})'
    try:
        loaded = found.load()
    except (Exception, SystemExit) as error:  # a plugin may raise anything while it is imported
        raise SinkUnusable(
            f"{whose} cannot be imported: {type(error).__name__}: {error}",
            "install what it needs or mend it",
        ) from error
    if not callable(getattr(loaded, "from_settings", None)):
        raise SinkUnusable(
            f"{whose} has no from_settings(endpoint, surroundings)",
            "see external_gate.notices.notice_sink",
        )
    sink_class: NoticeSinkClass = loaded
    return sink_class


def _listed(point: EntryPoint, every: Iterable[EntryPoint]) -> InstalledSink:
    distribution, version = _distribution(point)
    listed = InstalledSink(point.name, distribution, version, point.value)
    try:
        load_sink_class(point.name, installed=every)
    except SinkUnusable as error:
        return replace(listed, fault=error.wrong, cure=error.cure)
    return listed


def _the_one(name: str, installed: Iterable[EntryPoint]) -> EntryPoint:
    every = list(installed)
    # One package can be found twice, such as an editable install beside its wheel.
    same_name = {_origin(each): each for each in every if each.name == name}
    match list(same_name.values()):
        case [one]:
            return one
        case []:
            names = ", ".join(sorted({each.name for each in every})) or "none"
            raise SinkUnusable(
                f'the notice sink "{name}" is not installed; there are: {names}',
                "mend the name, or install the package that has it under "
                f'[project.entry-points."{GROUP}"]',
            )
        case _:
            raise SinkUnusable(
                f'the notice sink "{name}" exists more than once: {", ".join(sorted(same_name))}',
                "uninstall all but one",
            )


def _origin(point: EntryPoint) -> str:
    return f"{point.value} of {_distribution(point)[0] or 'unknown package'}"


def _distribution(point: EntryPoint) -> tuple[str, str]:
    """Give distribution and version; empty where an installation is damaged."""
    if point.dist is None:
        return "", ""
    facts = point.dist.metadata  # empty where the file METADATA is gone
    name = facts["Name"] if "Name" in facts else ""  # noqa: SIM401 - it is no dict
    version = facts["Version"] if "Version" in facts else ""  # noqa: SIM401 - it is no dict
    return name, version
