"""Which rig certifies which adapter: ours, and those that plugins bring under an entry point."""

from collections.abc import Callable, Iterable
from importlib import metadata
from importlib.metadata import EntryPoint

from external_gate.domain.errors import Broken
from external_gate.testkit.http_rig import HttpRig
from external_gate.testkit.rig import Rig
from external_gate.testkit.sandbox_rig import SandboxRig

GROUP = "external_gate.rigs"
"""The entry-point group. The name of an entry point is the adapter's; it names the rig's class, or
a function without arguments that gives a fresh rig."""

OURS: dict[str, Callable[[], Rig]] = {"http": HttpRig, "sandbox": SandboxRig}

EntryPoints = Callable[[], Iterable[EntryPoint]]


def declared() -> Iterable[EntryPoint]:
    """Give the entry points of every installed distribution; imports nothing."""
    return metadata.entry_points(group=GROUP)


def find_rig(adapter: str, *, entry_points: EntryPoints = declared) -> Callable[[], Rig]:
    """Give a maker of fresh rigs for an adapter. Raises `Broken` with the cure."""
    if adapter in OURS:
        return OURS[adapter]
    named = [entry for entry in entry_points() if entry.name == adapter]
    if len(named) != 1:
        how_many = f"{len(named)} rigs claim" if named else "no rig is installed for"
        raise Broken(
            f"{how_many} the adapter {adapter!r}; name one under the entry-point group {GROUP!r} "
            "of its distribution, or certify in its tests"
        )
    try:
        make: object = named[0].load()
    except (Exception, SystemExit) as error:
        raise Broken(
            f"the rig {named[0].value} cannot be imported ({type(error).__name__}: {error}); "
            "install what it needs"
        ) from error
    return _checked(make, named[0].value)


def _checked(make: object, whose: str) -> Callable[[], Rig]:
    if not callable(make):
        raise Broken(f"the rig {whose} is neither a class nor a function; mend its entry point")

    def fresh() -> Rig:
        rig: object = make()
        if not isinstance(rig, Rig):
            lacks = [name for name in _MEMBERS if not hasattr(rig, name)]
            raise Broken(f"the rig {whose} lacks {', '.join(lacks)}; see external_gate.testkit.Rig")
        return rig

    return fresh


_MEMBERS = ("adapter", "payers", "secrets", "key_header", "settings", "start", "stop", "takings")
