"""The contract of a store as tests: inherit them, and give a fixture `store`."""

from tests.contracts.store_attempt_contract import AttemptContract
from tests.contracts.store_guard_contract import GuardContract
from tests.contracts.store_hold_contract import HoldContract
from tests.contracts.store_intake_contract import IntakeContract
from tests.contracts.store_lease_contract import LeaseContract
from tests.contracts.store_list_contract import ListContract, MarkContract
from tests.contracts.store_look_contract import LookContract
from tests.contracts.store_notice_contract import NoticeContract
from tests.contracts.store_save_contract import SaveContract


class StoreContract(
    IntakeContract,
    LeaseContract,
    SaveContract,
    HoldContract,
    AttemptContract,
    NoticeContract,
    LookContract,
    GuardContract,
    ListContract,
    MarkContract,
):
    """Everything that every store must do."""
