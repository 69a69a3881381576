"""Event names are constants, so that alerts on them last."""

from external_gate.observe import events

NAMES = {
    name: value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)
}


def test_every_event_is_called_as_its_constant() -> None:
    assert {value.upper(): value for value in NAMES.values()} == NAMES


def test_every_event_says_what_happened() -> None:
    # The verb may stand before how things were left: `charge_left_pending`.
    endings = ("ed", "lost", "begun", "held", "left_unknown", "left_pending", "draining")

    assert [value for value in NAMES.values() if not value.endswith(endings)] == []
