"""What happened in a world, for whoever has to understand a failing seed."""

from collections.abc import Callable
from datetime import timedelta


class Timeline:
    """Keeps lines cheaply; they are written out only when somebody wants to read them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lines: list[tuple[float, str, str, tuple[object, ...]]] = []

    def __len__(self) -> int:
        return len(self._lines)

    def tell(self, who: str, what: str, *about: object) -> None:
        """Note what somebody did; `about` fills the places of `what` when it is read."""
        self._lines.append((self._now(), who, what, about))

    def text(self, *, newest: int | None = None) -> str:
        """Write it out, oldest first."""
        lines = self._lines if newest is None else self._lines[-newest:]
        return "\n".join(
            f"{_stamp(at)}  {who:<12} {what.format(*about)}" for at, who, what, about in lines
        )


def _stamp(seconds: float) -> str:
    whole = timedelta(seconds=int(seconds))
    return (
        f"{whole!s:>18}{seconds % 1:.3f}".replace("0.", ".", 1) if seconds % 1 else f"{whole!s:>22}"
    )
