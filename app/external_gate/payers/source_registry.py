"""Payer sources by name: plain entry points, ours included, in the group `external_gate.payers`."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from external_gate.domain.errors import Broken, GateError
from external_gate.payers.payer_source import PayerSource, PayerSurroundings
from external_gate.settings.model import PayersSettings

GROUP = "external_gate.payers"


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


def load_source_class(
    name: str, *, installed: Iterable[EntryPoint] | None = None
) -> PayerSourceClass:
    """Import the class of a source; `installed` is for tests. Raises `Broken`."""
    found = _the_one(name, entry_points(group=GROUP) if installed is None else installed)
    try:
        loaded = found.load()
    except Exception as error:  # a plugin may raise anything while it is imported
        raise Broken(
            f'payers.source = "{name}" ({_origin(found)}) cannot be imported:'
            f" {type(error).__name__}: {error}; install what it needs or mend it"
        ) from error
    if not callable(getattr(loaded, "from_settings", None)):
        raise Broken(
            f'payers.source = "{name}" ({_origin(found)}) has no from_settings(settings,'
            " surroundings); see external_gate.payers.payer_source"
        )
    source_class: PayerSourceClass = loaded
    return source_class


def _the_one(name: str, installed: Iterable[EntryPoint]) -> EntryPoint:
    every = list(installed)
    # One package can be found twice, such as an editable install beside its wheel.
    same_name = {_origin(each): each for each in every if each.name == name}
    match list(same_name.values()):
        case [one]:
            return one
        case []:
            names = ", ".join(sorted({each.name for each in every})) or "none"
            raise Broken(
                f'payers.source = "{name}" is not installed; there are: {names}. Mend the name, or'
                f' install the package that has it under [project.entry-points."{GROUP}"]'
            )
        case _:
            raise Broken(
                f'payers.source = "{name}" exists more than once: {", ".join(sorted(same_name))};'
                " uninstall all but one"
            )


def _origin(point: EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else "unknown package"
    return f"{point.value} of {package}"
