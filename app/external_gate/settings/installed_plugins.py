"""Plugins that a setting names: plain entry points, ours too, imported with a fault one can mend.

What a kind must keep, and how one is made of its settings, stands with the kind.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points

from external_gate.domain.errors import Broken


class PluginUnusable(Broken):
    """A plugin that was asked for cannot be used."""

    def __init__(self, wrong: str, cure: str) -> None:
        super().__init__(f"{wrong}; {cure}")
        self.wrong = wrong
        self.cure = cure


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginKind:
    """A kind whose classes are made by `from_settings`, and how sentences speak of it."""

    group: str
    """The entry-point group."""
    called: str
    """What stands before the name of one that was found: `the notice sink`."""
    asked_for: str
    """What stands before a name that the settings ask for: `payers.source =`."""
    made_by: str
    """The method that a class must have, with its arguments."""
    contract: str
    """The module that says what a class must keep."""

    def listed(self, *, installed: Iterable[EntryPoint] | None = None) -> list[InstalledPlugin]:
        """List every plugin by name. Imports them all; a broken one shows in its `fault`."""
        every = self._every(installed)
        by_name = sorted(every, key=lambda one: (one.name, one.value))
        return [self._listed(point, every) for point in by_name]

    def load(self, name: str, *, installed: Iterable[EntryPoint] | None = None) -> object:
        """Import the class of that name; `installed` is for tests. Raises `PluginUnusable`."""
        found = self._the_one(name, self._every(installed))
        whose = f'{self.called} "{name}" ({_shown(found)})'
        try:
            loaded: object = found.load()
        except (Exception, SystemExit) as error:  # a plugin may raise anything while it is imported
            raise PluginUnusable(
                f"{whose} cannot be imported: {type(error).__name__}: {error}",
                "install what it needs or mend it",
            ) from error
        if not callable(getattr(loaded, "from_settings", None)):
            raise PluginUnusable(f"{whose} has no {self.made_by}", f"see {self.contract}")
        return loaded

    def _every(self, installed: Iterable[EntryPoint] | None) -> list[EntryPoint]:
        return list(entry_points(group=self.group) if installed is None else installed)

    def _listed(self, point: EntryPoint, every: Iterable[EntryPoint]) -> InstalledPlugin:
        distribution, version = origin(point)
        listed = InstalledPlugin(point.name, distribution, version, point.value)
        try:
            self.load(point.name, installed=every)
        except PluginUnusable as error:
            return replace(listed, fault=error.wrong, cure=error.cure)
        return listed

    def _the_one(self, name: str, every: Iterable[EntryPoint]) -> EntryPoint:
        # One package can be found twice, such as an editable install beside its wheel.
        same_name = {_shown(each): each for each in every if each.name == name}
        match list(same_name.values()):
            case [one]:
                return one
            case []:
                names = ", ".join(sorted({each.name for each in every})) or "none"
                raise PluginUnusable(
                    f'{self.asked_for} "{name}" is not installed; there are: {names}',
                    "mend the name, or install the package that has it under "
                    f'[project.entry-points."{self.group}"]',
                )
            case _:
                claims = ", ".join(sorted(same_name))
                raise PluginUnusable(
                    f'{self.asked_for} "{name}" exists more than once: {claims}',
                    "uninstall all but one",
                )


def origin(point: EntryPoint) -> tuple[str, str]:
    """Give distribution and version of an entry point; empty where an installation is damaged."""
    if point.dist is None:
        return "", ""
    facts = point.dist.metadata  # empty where the file METADATA is gone
    name = facts["Name"] if "Name" in facts else ""  # noqa: SIM401 - it is no dict
    version = facts["Version"] if "Version" in facts else ""  # noqa: SIM401 - it is no dict
    return name, version


def _shown(point: EntryPoint) -> str:
    return f"{point.value} of {origin(point)[0] or 'unknown package'}"
