"""The runner of pages itself: what a page says wrongly makes its test fail."""

import os
from pathlib import Path

import pytest

from tests.docs.page import blocks_of, run

GOOD = """
```toml
# deep/settings.toml
answer = 42
```
```sh
cd deep
NAME=ada
```
```sh
cat settings.toml
echo "hello $NAME"
```
```text
answer = 42
hello ada
```
<!-- ends: 3 -->
```sh
exit_with() { return 3; }
exit_with
```
<!-- offline: echo offline -->
```sh
this-needs-a-network
```
```text
offline
```
"""


def followed(page: str, folder: Path) -> None:
    run(blocks_of(page), folder, {"PATH": os.environ["PATH"]})


def test_blocks_share_one_shell_and_files_are_written(tmp_path: Path) -> None:
    followed(GOOD, tmp_path)

    assert (tmp_path / "deep" / "settings.toml").read_text() == (
        "# deep/settings.toml\nanswer = 42\n"
    )


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("```sh\nfalse\ntrue\n```\n", "line 1 did not end with 0"),
        ("<!-- ends: 1 -->\n```sh\ntrue\n```\n", "line 2 did not end with 1"),
        ("```sh\necho yes\n```\n```text\nno\n```\n", "line 4: 'no' was not answered"),
        ("```sh\nif\n```\n", "line 1 did not end with 0"),
        ("```python\nprint(1)\n```\n", "does not say which file"),
        ("```python\n# bug.py\n1 / 0\n```\n", "ZeroDivisionError"),
        ("```\nwhat is this?\n```\n", "nobody runs a block of text"),
    ],
)
def test_page_that_is_wrong_is_found(tmp_path: Path, page: str, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        followed(page, tmp_path)
