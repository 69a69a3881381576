"""The plugin project that `external-gate gateways new` writes: from a name to its files."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from external_gate.domain.errors import BadInput
from external_gate.testkit.rig_registry import OURS

LONGEST_NAME = 30
"""Characters; so that the lines of the generated code stay below a hundred."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SUFFIX = ".txt"
"""Behind every template, so that no tool takes it for a module."""


@dataclass(frozen=True, slots=True)
class PluginName:
    """One name in the spellings that a Python distribution needs."""

    adapter: str
    """What `adapter = "…"` says: `acme-pay`."""

    @property
    def distribution(self) -> str:
        """Give what pip installs, and the folder: `acme-pay-gateway`."""
        return f"{self.adapter}-gateway"

    @property
    def package(self) -> str:
        """Give what Python imports: `acme_pay_gateway`."""
        return self.distribution.replace("-", "_")

    @property
    def title(self) -> str:
        """Give what people read: `Acme Pay`."""
        return " ".join(word.capitalize() for word in self.adapter.split("-"))

    @property
    def class_prefix(self) -> str:
        """Give what classes begin with: `AcmePay`."""
        return self.title.replace(" ", "")


def plugin_name(name: str) -> PluginName:
    """Check a name. Raises `BadInput` with the cure."""
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise BadInput(
            f"{name!r} cannot be the name of an adapter; take lower-case letters, digits and "
            f"single hyphens, beginning with a letter, at most {LONGEST_NAME} characters"
            f"{_suggested(name)}"
        )
    if name in OURS:
        raise BadInput(f"the adapter {name!r} comes with external-gate; take another name")
    return PluginName(name)


def plugin_files(name: PluginName, *, version: str) -> dict[str, str]:
    """Give every file of the project: its path, with slashes, and its text.

    `version` is that of external-gate, the least that the plugin asks for.
    """
    words = {
        "__NAME__": name.adapter,
        "__DISTRIBUTION__": name.distribution,
        "__PACKAGE__": name.package,
        "__CLASS__": name.class_prefix,
        "__TITLE__": name.title,
        "__VERSION__": version,
    }
    templates = files(__package__).joinpath("scaffold")
    return {
        _filled(path.removesuffix(_SUFFIX), words): _filled(template.read_text("utf-8"), words)
        for path, template in sorted(_walk(templates, ""))
    }


def _walk(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{path}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield f"{path}{entry.name}", entry


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, meant in words.items():
        text = text.replace(word, meant)
    return text


def _suggested(name: str) -> str:
    words = re.findall(r"[a-z0-9]+", name.lower())
    meant = "-".join(words).lstrip("0123456789-")[:LONGEST_NAME].rstrip("-")
    return f", such as {meant}" if _NAME.fullmatch(meant) else ""
