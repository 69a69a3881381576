"""Every target by its name."""

from collections.abc import Mapping

from tests.hostile_input.contracting_targets import CONTRACTING_TARGETS
from tests.hostile_input.gateway_targets import GATEWAY_TARGETS
from tests.hostile_input.intake_targets import INTAKE_TARGETS
from tests.hostile_input.metronome_targets import METRONOME_TARGETS
from tests.hostile_input.money_targets import MONEY_TARGETS
from tests.hostile_input.outbound_targets import OUTBOUND_TARGETS
from tests.hostile_input.payer_targets import PAYER_TARGETS
from tests.hostile_input.served import SERVED_TARGETS
from tests.hostile_input.settings_targets import SETTINGS_TARGETS
from tests.hostile_input.target import Target

TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        *INTAKE_TARGETS,
        *SERVED_TARGETS,
        *GATEWAY_TARGETS,
        *METRONOME_TARGETS,
        *CONTRACTING_TARGETS,
        *PAYER_TARGETS,
        *OUTBOUND_TARGETS,
        *SETTINGS_TARGETS,
        *MONEY_TARGETS,
    )
}
