"""No page sends its reader to a file, or to a heading, that is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")])
_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [
        link[0]
        for link in _LINK.finditer(_CODE.sub("", page.read_text()))
        if not _leads_somewhere(page, file=link[1], heading=link[2] or "")
    ]

    assert broken == []


def test_what_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One heading: here\n")

    assert _leads_somewhere(page, file="page.md", heading="one-heading-here")
    assert not _leads_somewhere(page, file="", heading="another")
    assert not _leads_somewhere(page, file="nothing.md", heading="")


def _leads_somewhere(page: Path, *, file: str, heading: str) -> bool:
    target = page.parent / file if file else page
    if not target.exists():
        return False
    headings = _HEADING.findall(_CODE.sub("", target.read_text())) if heading else []
    return not heading or heading in map(_anchor, headings)


def _anchor(heading: str) -> str:
    """Give a heading's anchor as hosts of repositories make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
