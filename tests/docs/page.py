"""Runs a page of documentation as its reader would: every fenced block, in order, in one shell.

- `sh` is run; the answer is compared with the `text` block behind it, line by line.
- `toml` and `python` begin with `# path`: they are written there, and Python is run.
- `<!-- offline: COMMAND -->` before a block is what is run in its place, where it needs a network.
- `<!-- ends: CODE -->` before a block is the exit code of its last command, if that is not 0.
"""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LONGEST_SECONDS = 120
_FENCE = re.compile(
    r"(?:^<!-- (?P<note>offline|ends): (?P<said>[^\n]*) -->\n)?"
    r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_MARK = "=== block {} ends with "


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    line: int
    language: str
    text: str
    offline: str = ""
    ends: int = 0

    @property
    def path(self) -> str:
        """Give where a file's block is written to."""
        first, _, _ = self.text.partition("\n")
        assert first.startswith("# "), f"line {self.line}: the block does not say which file it is"
        return first.removeprefix("# ")

    def script(self) -> str:
        """Give what the shell does for it."""
        match self.language:
            case "sh":
                return self.offline or self.text
            case "toml":
                return self._written()
            case "python":
                return f"{self._written()}python {self.path}"
            case other:
                raise AssertionError(f"line {self.line}: nobody runs a block of {other or 'text'}")

    def _written(self) -> str:
        return f"mkdir -p \"$(dirname {self.path})\"\ncat > {self.path} <<'END'\n{self.text}END\n"


def blocks_of(page: str) -> list[Block]:
    """Give the blocks of a page, or of a part of one."""
    return [
        Block(
            line=page.count("\n", 0, found.start("language")) + 1,
            language=found["language"],
            text=found["text"],
            offline=found["said"] if found["note"] == "offline" else "",
            ends=int(found["said"]) if found["note"] == "ends" else 0,
        )
        for found in _FENCE.finditer(page)
    ]


def section(page: str, title: str) -> str:
    """Give a chapter of a page, its heading left out."""
    _, heading, rest = page.partition(f"\n## {title}\n")
    assert heading, f"there is no chapter {title!r}"
    return rest.partition("\n## ")[0]


def run(blocks: Sequence[Block], folder: Path, environ: Mapping[str, str]) -> None:
    """Run the blocks in one shell; every one must end and answer as the page says."""
    running = [block for block in blocks if block.language != "text"]
    shell = "\n".join(_shell_lines(running))
    process = subprocess.Popen(
        ["bash"],  # noqa: S607 # from the path, as everybody's
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=dict(environ),
        start_new_session=True,
    )
    try:
        told, _ = process.communicate(shell, timeout=LONGEST_SECONDS)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    answers = dict(_answers(running, told))
    for index, block in enumerate(blocks):
        if block.language == "text":
            _compare(block, answers[blocks[index - 1].line])


def _shell_lines(blocks: Sequence[Block]) -> Iterator[str]:
    # What a page leaves running must not hold our pipe open.
    yield "trap 'kill $(jobs -p) 2>/dev/null' EXIT"
    for block in blocks:
        # In braces, so that `cd` and variables stay; a line that fails ends the page at once.
        yield "set -e" if block.ends == 0 else "set +e"
        yield f"{{\n{block.script()}\n}} < /dev/null"
        yield f"echo '{_MARK.format(block.line)}'$?"


def _answers(blocks: Sequence[Block], told: str) -> Iterator[tuple[int, str]]:
    rest = told
    for block in blocks:
        answer, mark, rest = rest.partition(_MARK.format(block.line))
        code, _, rest = rest.partition("\n")
        right = bool(mark) and code == str(block.ends)
        assert right, f"line {block.line} did not end with {block.ends}:\n{block.text}\n{answer}"
        yield block.line, answer


def _compare(block: Block, answer: str) -> None:
    lines = answer.splitlines()
    for wanted in block.text.splitlines():
        shown = any(wanted.strip() in line for line in lines)
        assert shown, f"line {block.line}: {wanted!r} was not answered, but:\n{answer}"
