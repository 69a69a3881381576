"""The page "Connect your gateway" as its reader follows it, block by block."""

import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from external_gate.testkit.checks import BY_ID
from external_gate.testkit.scaffolding import plugin_files, plugin_name
from tests.docs.conftest import ROOT, NewWorkshop, Workshop
from tests.docs.page import blocks_of, run, section

PAGE = (ROOT / "docs" / "connect-your-gateway.md").read_text("utf-8")
BEGIN = "Before you begin"
PLUGIN = "A plugin in Python"
HOST = "A host in any language"
README = plugin_files(plugin_name("acme"), version="0.1.0")["README.md"]


Followed = dict[str, "Future[Path]"]


def follow(workshop: Workshop, title: str) -> Path:
    """Follow a chapter from the beginning; gives the folder."""
    page = section(PAGE, BEGIN) + section(PAGE, title)
    blocks = blocks_of(page.replace("8099", str(workshop.free_port)))
    run(blocks, workshop.folder, workshop.environ)
    return workshop.folder


@pytest.fixture(scope="module")
def followed(new_workshop: NewWorkshop) -> Iterator[Followed]:
    """Both chapters, each in a workshop of its own, at the same time: they mostly wait."""
    chapters = [PLUGIN, HOST] if shutil.which("node") else [PLUGIN]
    with ThreadPoolExecutor() as pool:
        yield {title: pool.submit(follow, new_workshop(), title) for title in chapters}


def test_plugin_gets_from_nothing_to_certified(followed: Followed) -> None:
    folder = followed[PLUGIN].result()

    report = (folder / "acme-gateway" / "certification.md").read_text("utf-8")
    assert "**certified: " in report


def test_host_in_another_language_gets_from_nothing_to_certified(followed: Followed) -> None:
    if HOST not in followed:
        # Where nobody looks at skipped tests, a missing interpreter is a failure.
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("node is not installed on this machine")

    folder = followed[HOST].result()

    assert "**certified: " in (folder / "certification.md").read_text("utf-8")


def test_every_block_of_the_page_is_followed() -> None:
    followed = [block for title in (BEGIN, PLUGIN, HOST) for block in _texts(section(PAGE, title))]

    assert _texts(PAGE) == followed
    assert PAGE.count("```") == 2 * len(followed)


def test_only_what_needs_a_network_is_replaced() -> None:
    for block in blocks_of(PAGE):
        assert not block.offline or "pip install" in block.text, block.line
        assert not block.offline or "--no-index" in block.offline, block.line


def test_generated_readme_gives_no_command_that_the_page_has_not_run() -> None:
    run_by_page = {line for block in blocks_of(PAGE) for line in block.text.splitlines()}
    of_readme = {line for block in blocks_of(README) for line in block.text.splitlines()}

    # The page has a scenario of its own, and its certify says so.
    assert of_readme - run_by_page == {
        "python -m pytest --gateway-report=certification.md",
        "external-gate gateways certify acme",
    }
    assert "python -m pytest --gateway-report=certification.md" in PAGE


def test_every_finding_that_the_page_promises_is_one_of_the_kit() -> None:
    traps = section(PAGE, PLUGIN).partition("### The traps")[2].partition("\n### ")[0]
    named = re.findall(r"`([a-z]+(?:-[a-z]+)+)`", traps)

    assert len(named) > 25
    assert not set(named) - BY_ID.keys()


def _texts(page: str) -> list[tuple[str, str]]:
    return [(block.language, block.text) for block in blocks_of(page)]
