"""Every error of ours, split by what the catcher should do next.

GateError
├── BadInput      the caller's fault: tell them, change nothing
├── Refused       a rule said no: tell them which
│   └── LeaseLost     another worker holds the workflow now: drop it
├── Unavailable   the outside is down or busy: try later
└── Broken        a bug or bad configuration of ours: stop and say so

A declined card is an `Outcome`, not an error.
"""


class GateError(Exception):
    """The root of the tree; its sentence names the thing and the cure."""


class BadInput(GateError):
    """The caller sent something that cannot be right; nothing was changed."""


class Refused(GateError):
    """A rule said no; nothing was changed."""


class LeaseLost(Refused):
    """The workflow was claimed by another worker, or its lease ran out; drop it."""


class Unavailable(GateError):
    """Something outside is down, full or busy; the same call may succeed later."""


class Broken(GateError):
    """A bug or a fault in the configuration of ours; a person must mend it."""
