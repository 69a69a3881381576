"""The page "Write your store" as its reader follows it, from the wheel, block by block."""

import re

from external_gate.testkit.store_conformance import AREAS
from tests.docs.conftest import ROOT, NewWorkshop
from tests.docs.page import blocks_of, run, section

PAGE = (ROOT / "docs" / "write-your-store.md").read_text("utf-8")


def test_store_is_certified_from_the_wheel_and_a_hasty_one_is_not(
    new_workshop: NewWorkshop,
) -> None:
    workshop = new_workshop()

    run(blocks_of(PAGE), workshop.folder, workshop.environ)

    report = (workshop.folder / "certification.md").read_text("utf-8")
    assert report.startswith("# Certification of `external_gate.stores.sqlite.SqliteStore`")
    assert "**certified: " in report


def test_every_area_of_the_kit_is_on_the_page_in_its_order() -> None:
    named = re.findall(r"`([a-z]+)`", "".join(_first_cells(section(PAGE, "What is tried"))))

    assert named == [area.name for area in AREAS]


def _first_cells(table: str) -> list[str]:
    return [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
