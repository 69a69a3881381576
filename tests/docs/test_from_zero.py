"""The page "From zero" of the README as its reader follows it, on a pretend sandbox account."""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from external_gate.emulator import EmulatorSettings, make_server
from metronome import DefaultHttpxClient, Metronome
from tests.docs.page import blocks_of, run, section

ROOT = Path(__file__).parents[2]
PAGE = section(
    (ROOT / "README.md").read_text("utf-8"), "From zero: a contract with an external gate"
)
NEEDS_AN_ACCOUNT = ("export METRONOME=https://", "ngrok http")


@pytest.fixture
def account() -> Iterator[str]:
    """An account of one's own: its address."""
    server = make_server(EmulatorSettings(port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.005)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.mark.slow
def test_stranger_gets_from_nothing_to_a_reenabled_gate(account: str, tmp_path: Path) -> None:
    environ = {
        "HOME": os.environ["HOME"],
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "EMULATOR": account,
    }

    run(blocks_of(PAGE.replace("8080", str(free_port()))), tmp_path, environ)

    sdk = Metronome(
        bearer_token="t", base_url=account, max_retries=0, http_client=DefaultHttpxClient()
    )
    with sdk:
        (customer,) = sdk.v1.customers.list()
        (contract,) = sdk.v2.contracts.list(customer_id=customer.id)
        config = contract.prepaid_balance_threshold_configuration
        assert config is not None
        assert (config.is_enabled, config.threshold_amount, config.recharge_to_amount) == (
            True, 15_000, 30_000,
        )  # fmt: skip
        assert config.payment_gate_config.payment_gate_type == "EXTERNAL"
        statuses = [each.status for each in sdk.v1.customers.invoices.list(customer_id=customer.id)]
        assert statuses == ["FINALIZED", "VOID", "FINALIZED"]


def test_only_what_needs_an_account_is_replaced() -> None:
    replaced = [block for block in blocks_of(PAGE) if block.offline]

    assert len(replaced) == len(NEEDS_AN_ACCOUNT)
    for block, begins in zip(replaced, NEEDS_AN_ACCOUNT, strict=True):
        assert block.text.startswith(begins)


def test_every_block_of_the_page_is_run_or_compared() -> None:
    assert PAGE.count("```") == 2 * len(blocks_of(PAGE))
    assert {block.language for block in blocks_of(PAGE)} == {"sh", "toml", "text"}
