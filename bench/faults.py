"""What can go wrong in a run. Anything here ends it with an error, except what cannot be measured.

Fault
├── WrongAnswer     a server crashed, or answered what it must not
├── LostNotification  an acknowledged notification is not in the database
└── Unmeasured      something that the row needs is not on this machine
"""


class Fault(Exception):
    """A run that cannot be believed."""


class WrongAnswer(Fault):
    """A server crashed, or answered what it must not."""


class LostNotification(Fault):
    """A notification was acknowledged and is not in the database."""


class Unmeasured(Fault):
    """Something that a row needs is not on this machine; the report says so."""
