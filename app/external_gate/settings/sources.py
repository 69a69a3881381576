"""Where values come from: the TOML file, the environment, and files that hold secrets.

Reading gathers faults and goes on. What is found is not judged here, only placed under its key.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path as FilePath
from typing import NoReturn

from external_gate.settings.faulty import Fault, did_you_mean, dotted
from external_gate.settings.keys import (
    ENVIRONMENT_PREFIX,
    Knob,
    Path,
    Shape,
    fixed_knobs,
    is_table,
    knob_at,
    known_keys,
)

CONFIG_NAME = "EXTERNAL_GATE_CONFIG"
EXAMPLE = "`python -m external_gate.settings.example` lists every key"

# Far above any secret; keeps an endless file such as a device from filling the memory.
_LARGEST_SECRET_BYTES = 65_536
_UNFIT = f"it must be UTF-8 and at most {_LARGEST_SECRET_BYTES} bytes"

# Of a number: `1e999999999` in full would fill the memory, and no knob comes near this.
_FARTHEST_EXPONENT = 100

# Messages of the TOML parser that name no key and no value.
_HARMLESS = re.compile(r"[A-Za-z '=,\\/-]+")


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was written, and where."""

    value: object
    source: str


@dataclass(frozen=True, slots=True)
class Behind:
    """A value that stands in a file; read only when nothing overrides it."""

    file: object
    said_by: str
    """The key or name that names the file. The file's name is not shown: it may be the secret."""
    knob: Knob

    @property
    def source(self) -> str:
        """Say where the value came from."""
        return f"file behind {self.said_by}"


@dataclass(slots=True)
class Layer:
    """Everything that one source gives, and what is wrong with it."""

    given: dict[Path, Given | Behind] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    replaced: set[Path] = field(default_factory=set)
    """Tables given whole: their items in lower layers do not count."""
    ignored_names: list[str] = field(default_factory=list)
    is_unreadable: bool = False
    """Nothing could be read, so that what seems to be missing may be there."""

    def put(self, path: Path, found: Given | Behind, *, key: str) -> None:
        """Place a value; two for one key (itself and a file) are a fault."""
        if path in self.given:
            wrong = f"is given twice, by {self.given[path].source} and by {found.source}"
            self.faults.append(Fault(key, wrong, "keep one of them"))
        else:
            self.given[path] = found


def read_file(file: FilePath) -> Layer:
    """Read the TOML file."""
    layer = Layer()
    try:
        content = file.read_bytes()
    except OSError as error:
        wrong = f"cannot be read ({error.strerror})"
        layer.faults.append(Fault(str(file), wrong, "name a file that can be read"))
        layer.is_unreadable = True
        return layer
    try:
        tree = tomllib.loads(content.decode(), parse_float=_number)
    except (ValueError, ArithmeticError, RecursionError) as error:
        layer.faults.append(Fault(str(file), _toml_trouble(error, content), "mend it there"))
        layer.is_unreadable = True
        return layer
    _walk(layer, tree, (), f"file {file}")
    return layer


def _toml_trouble(error: Exception, content: bytes) -> str:
    """Say what the parser found and its line; its column might tell a secret's length."""
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8"
    reason, _, place = str(error).partition(" (at ")
    line = re.match(r"line (\d+)", place)
    shown = reason if _HARMLESS.fullmatch(reason) else "a key or value is not as TOML wants it"
    if line is None and "end of document" in place:
        return f"is not TOML, at line {len(content.splitlines())}: {shown}"
    return f"is not TOML, at line {line[1]}: {shown}" if line else f"is not TOML: {shown}"


def _walk(layer: Layer, tree: Mapping[str, object], above: Path, source: str) -> None:
    for name, value in tree.items():
        path = (*above, name)
        knob = knob_at(path)
        in_file = _knob_in_file(path)
        if in_file is not None:
            said_by = f"{dotted(path)} in {source.removeprefix('file ')}"
            behind = Behind(value, said_by, in_file)
            layer.put(in_file.path, behind, key=in_file.key)
        elif knob is not None and knob.shape is not Shape.TABLE:
            layer.put(path, Given(value, source), key=knob.key)
        elif knob is None and not is_table(path):
            layer.faults.append(_unknown(path, f"is not a key of ours ({source})"))
        elif isinstance(value, Mapping):
            _walk(layer, value, path, source)
        else:
            layer.faults.append(
                Fault(dotted(path), f"must be a table ({source})", f"write it as one; {EXAMPLE}")
            )


def _knob_in_file(path: Path) -> Knob | None:
    """Give the knob whose value a key such as `api_token_file` says where to find."""
    if not path[-1].endswith("_file"):
        return None
    knob = knob_at((*path[:-1], path[-1].removesuffix("_file")))
    return knob if knob and (knob.may_come_from_file or knob.shape is Shape.FREE) else None


def _unknown(path: Path, wrong: str) -> Fault:
    meant = did_you_mean(dotted(path), known_keys(path))
    cure = f"did you mean {meant}?" if meant else f"remove it; {EXAMPLE}"
    return Fault(dotted(path), wrong, cure)


def read_environment(environ: Mapping[str, str]) -> Layer:
    """Read the names of ours from the environment.

    Ours are those with `__` after the prefix; Kubernetes injects others, such as
    `EXTERNAL_GATE_PORT`, which are ignored and listed.
    """
    layer = Layer()
    for name in sorted(environ):
        if not name.startswith(ENVIRONMENT_PREFIX) or name == CONFIG_NAME:
            continue
        if "__" in name.removeprefix(ENVIRONMENT_PREFIX.rstrip("_")):
            _place(layer, name, environ[name])
        else:
            layer.ignored_names.append(name)
    return layer


def _place(layer: Layer, name: str, text: str) -> None:
    if not _is_unicode(name):
        shown = name.encode("utf-8", "backslashreplace").decode()
        layer.faults.append(Fault(shown, "is not UTF-8", "unset it"))
        return
    path = _path_of(name)
    source = f"environment {name}"
    in_file = _knob_in_file(path)
    knob = knob_at(path)
    if in_file is not None:
        layer.put(in_file.path, Behind(text, name, in_file), key=in_file.key)
    elif knob is None or name != name.upper():
        layer.faults.append(_unknown_name(name, path))
    elif not _is_unicode(text):
        layer.faults.append(Fault(knob.key, f"is not UTF-8 ({source})", "set it anew"))
    else:
        _put_text(layer, knob, text, source)


def _put_text(layer: Layer, knob: Knob, text: str, source: str) -> None:
    """Place what the environment gave; lists and tables are JSON there."""
    if knob.shape is Shape.ONE or (knob.shape is Shape.FREE and not text.startswith(("[", "{"))):
        layer.put(knob.path, Given(text, source), key=knob.key)
        return
    value = _json(text)
    match knob.shape, value:
        case Shape.TABLE, dict():
            layer.replaced.add(knob.path)
            for key, item in value.items():
                layer.put((*knob.path, key), Given(item, source), key=knob.key)
        case (Shape.LIST, list()) | (Shape.FREE, list() | dict()):
            layer.put(knob.path, Given(value, source), key=knob.key)
        case Shape.FREE, _:
            layer.put(knob.path, Given(text, source), key=knob.key)
        case _:
            example = '{"USD": "500.00"}' if knob.shape is Shape.TABLE else '["one", "two"]'
            layer.faults.append(
                Fault(
                    knob.key, f"must be a JSON {knob.shape.value} ({source})", f"such as {example}"
                )
            )


def _path_of(name: str) -> Path:
    """Give the path that a name means: lower case, but currencies in capitals."""
    parts = name.removeprefix(ENVIRONMENT_PREFIX).split("__")
    path = tuple(part.lower() for part in parts)
    table = knob_at(path[:-1]) if len(path) > 1 else None
    return (*path[:-1], parts[-1].upper()) if table and table.has_currencies else path


def _unknown_name(name: str, path: Path) -> Fault:
    if name != name.upper():
        return Fault(name, "is not in capitals", f"write {name.upper()}")
    if path[-1].endswith("_file") and knob_at((*path[:-1], path[-1].removesuffix("_file"))):
        return Fault(name, "is no secret, so it has no file", f"set {name.removesuffix('_FILE')}")
    if is_table(path):
        return Fault(name, "is a table", f"set its keys one by one, as {name}__…")
    names = {knob.key: knob.environment_name for knob in fixed_knobs()}
    meant = did_you_mean(dotted(path), known_keys(path))
    if meant is None:
        return Fault(name, "is not a name of ours", f"unset it; {EXAMPLE}")
    written = names.get(meant) or ENVIRONMENT_PREFIX + meant.replace(".", "__").upper()
    return Fault(name, "is not a name of ours", f"did you mean {written}?")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _number(literal: str) -> Decimal:
    """Read a number exactly. Raises `ValueError` for one with which nothing could be done."""
    number = Decimal(literal)
    if number.is_finite() and abs(number.adjusted()) > _FARTHEST_EXPONENT:
        raise ValueError("a number is out of range")
    return number


def _json(text: str) -> object:
    """Read JSON with exact decimals; None when it is none."""
    try:
        return json.loads(text, parse_float=_number, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError):
        return None


def read_behind(behind: Behind) -> tuple[Given | None, Fault | None]:
    """Read a secret from its file, without the newline at its end; lists have one entry a line."""
    knob = behind.knob
    if not isinstance(behind.file, str) or not behind.file:
        return None, Fault(knob.key, f"{behind.said_by} names no file", "name the secret's file")
    try:
        with FilePath(behind.file).open("rb") as file:
            content = file.read(_LARGEST_SECRET_BYTES + 1)
        text = _text_of_secret(content)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else _UNFIT
        wrong = f"the file that {behind.said_by} names cannot be read ({reason})"
        return None, Fault(knob.key, wrong, "name a file that can be read")
    if knob.shape is Shape.LIST:
        return Given([line for line in text.splitlines() if line.strip()], behind.source), None
    return Given(text.removesuffix("\n").removesuffix("\r"), behind.source), None


def _text_of_secret(content: bytes) -> str:
    if len(content) > _LARGEST_SECRET_BYTES:
        raise ValueError(_UNFIT)
    return content.decode()
