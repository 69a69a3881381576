"""What the examples' own pages tell is true: every option, every file."""

import re

import pytest

from tests.examples.conftest import HOSTS

OF_CERTIFY = {"url", "books-url", "secret-file", "report", "payer"}
"""Options of our own command, which the pages name too."""


@pytest.mark.parametrize(
    ("folder", "source", "options"),
    [
        ("node", "host.mjs", r"^    '?([a-z-]+)'?: \{ type:"),
        ("java", "Host.java", r'"([a-z-]+)"(?=[,)]|\)\) \{)'),
    ],
)
def test_page_names_every_option_and_no_other(folder: str, source: str, options: str) -> None:
    page = (HOSTS / folder / "README.md").read_text()
    code = (HOSTS / folder / source).read_text()
    if folder == "java":
        code = code[code.index("KNOWN = Set.of(") : code.index("books = true")]
    known = set(re.findall(options, code, re.MULTILINE))

    assert set(re.findall(r"--([a-z][a-z-]+)", page)) - OF_CERTIFY == known


@pytest.mark.parametrize("folder", ["node", "java"])
def test_page_names_every_file(folder: str) -> None:
    page = (HOSTS / folder / "README.md").read_text()

    for file in (HOSTS / folder).iterdir():
        assert file.name in page or file.name == "README.md", file
    overview = (HOSTS / "README.md").read_text()
    assert f"[{folder}/]({folder}/)" in overview
