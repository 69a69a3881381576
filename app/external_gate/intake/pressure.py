"""How many deliveries are on their way into the store, and when they are too many."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MOST_UNDER_WAY = 512
"""Deliveries that may wait for their commit, however fast it is. As many fit into one; another
would have to wait for two."""

FEWEST_UNDER_WAY = 128
"""That may wait however slow the last commits were: a disk that stood still for a moment must not
turn away the crowd that has gathered meanwhile."""

LONGEST_WAIT = timedelta(milliseconds=400)
"""For a commit. Whose wait would be longer is better told at once to come again."""

LONGEST_ANSWER = timedelta(milliseconds=700)
"""For an answer in a crowd, counted from a whole body: who is still there then is told to come
again, although what it brought may yet be kept. It leaves time to say so within a second."""

CROWD = 32
"""That wait at once. Of fewer each waits for its commit, however long that takes: where disks are
always slow, deliveries one by one must come to be acknowledged."""

GROWTH = 0.2
"""By how many more may wait after one whose wait was short: slower than waits are noticed."""

TELL_EVERY = timedelta(seconds=10)
"""An overload is worth a line now and then, not one for each of thousands."""


@dataclass(slots=True)
class Pressure:
    """How many deliveries are on their way into the store, and how many a rush has left."""

    under_way: int = 0
    waiting: int = 0
    """In the inbox, as far as this process has put it there."""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a delivery went to the inbox."""
    _most: float = MOST_UNDER_WAY
    _untold: int = 0
    _told_at: datetime | None = None

    @property
    def is_too_much(self) -> bool:
        """Tell whether one more would have to wait for too long."""
        return self.under_way >= self._most

    @property
    def is_crowd(self) -> bool:
        """Tell whether so many wait that none may wait for long."""
        return self.under_way > CROWD

    def begin(self) -> int:
        """Note one that waits for its commit from now on; gives how many do, with it."""
        self.under_way += 1
        return self.under_way

    def end(self) -> None:
        """Note that its wait has ended, whatever came of it."""
        self.under_way -= 1

    def learn(self, among: int, waited: timedelta) -> None:
        """Note how long a commit took; `among` is what `begin` gave.

        Of a wait in vain nothing is learnt: a database that is away is not slow.
        """
        if waited <= LONGEST_WAIT:
            self._most = min(MOST_UNDER_WAY, self._most + GROWTH)
        else:
            fitting = among * (LONGEST_WAIT / waited)
            self._most = max(FEWEST_UNDER_WAY, min(self._most, fitting))

    def leave(self) -> None:
        """Note a delivery that went to the inbox."""
        self.waiting += 1
        self.left.set()

    def take(self) -> None:
        """Note one that was there and is recorded, perhaps by another process."""
        self.waiting = max(0, self.waiting - 1)

    def shed(self, now: datetime) -> int:
        """Note one that was told to come again because it is too much.

        Gives how many were since it was last told; 0 while that was a moment ago.
        """
        self._untold += 1
        if self._told_at is not None and abs(now - self._told_at) < TELL_EVERY:
            return 0
        self._told_at = now
        untold, self._untold = self._untold, 0
        return untold
