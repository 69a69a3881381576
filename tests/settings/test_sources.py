"""What the file, the environment and files behind names may hold, and what each fault says."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from external_gate.settings import Loaded, SettingsFaulty, load

Load = Callable[..., Loaded]
Faults = Callable[..., dict[str, str]]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("[server]\nprot = 1\n", "server.port"),
        ("[server]\nconcurrency = 1\n", "worker.concurrency"),
        ("[serverr]\nport = 1\n", "server"),
        ("[operators.alice]\nrle = 'admin'\n", "operators.alice.role"),
    ],
)
def test_unknown_key_in_the_file_is_a_fault_that_guesses(
    faults_with: Faults, line: str, meant: str
) -> None:
    assert any(f"did you mean {meant}?" in fault for fault in faults_with(line).values())


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("EXTERNAL_GATE_SERVER__PROT", "did you mean EXTERNAL_GATE_SERVER__PORT?"),
        ("EXTERNAL_GATE_SRVER__PORT", "did you mean EXTERNAL_GATE_SERVER__PORT?"),
        ("EXTERNAL_GATE_OPERATORS__ALICE__RLE", "mean EXTERNAL_GATE_OPERATORS__ALICE__ROLE?"),
        ("EXTERNAL_GATE_SERVER__PORT_FILE", "set EXTERNAL_GATE_SERVER__PORT"),
        ("EXTERNAL_GATE_GATEWAYS__MAIN", "set its keys one by one"),
        ("EXTERNAL_GATE_server__port", "write EXTERNAL_GATE_SERVER__PORT"),
        ("EXTERNAL_GATE__PAUSED", "did you mean EXTERNAL_GATE_GUARDS__PAUSED?"),
        ("EXTERNAL_GATE_XYZZY__FOO", "unset it"),
    ],
)
def test_unknown_name_in_the_environment_is_a_fault_that_guesses(
    faults_with: Faults, name: str, cure: str
) -> None:
    assert cure in faults_with(**{name: "1"})[name]


def test_names_without_two_underscores_are_left_alone_and_told(load_with: Load) -> None:
    loaded = load_with(
        EXTERNAL_GATE_PORT="tcp://10.0.0.1:80",
        EXTERNAL_GATE_PORT_80_TCP="tcp://10.0.0.1:80",
        EXTERNAL_GATEWAY__PORT="1",
        PATH="/bin",
    )

    assert loaded.ignored_names == ("EXTERNAL_GATE_PORT", "EXTERNAL_GATE_PORT_80_TCP")


@pytest.mark.parametrize("newline", ["", "\n", "\r\n"])
def test_newline_at_the_end_of_a_secret_file_does_not_count(
    load_with: Load, tmp_path: Path, newline: str
) -> None:
    (tmp_path / "secret").write_bytes(b"s3cr3t" + newline.encode())

    loaded = load_with(EXTERNAL_GATE_NOTICES__SECRET_FILE=str(tmp_path / "secret"))

    assert loaded.settings.notices.secret.get_secret_value() == "s3cr3t"


def test_secrets_in_a_file_stand_one_per_line(load_with: Load, tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("new\n\nold\n")

    loaded = load_with(EXTERNAL_GATE_METRONOME__WEBHOOK_SECRETS_FILE=str(tmp_path / "secrets"))

    live = [secret.get_secret_value() for secret in loaded.settings.metronome.webhook_secrets]
    assert live == ["new", "old"]


def test_keys_of_an_adapter_may_stand_in_files_too(load_with: Load, tmp_path: Path) -> None:
    pem = "-----BEGIN-----\nabc\n-----END-----"
    (tmp_path / "pem").write_text(pem + "\n")
    (tmp_path / "keys").write_text("one\ntwo\n")

    loaded = load_with(
        f"private_file = '{tmp_path / 'pem'}'\n",
        EXTERNAL_GATE_GATEWAYS__MAIN__API_KEYS_FILE=str(tmp_path / "keys"),
    )

    gateway = loaded.settings.gateways["main"].settings
    assert (gateway["private"], gateway["api_keys"]) == (pem, ["one", "two"])
    assert loaded.sources["gateways.main.private"] == (
        f"file behind gateways.main.private_file in {loaded.file}"
    )


def test_secret_in_the_toml_file_may_name_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-the-file\n")
    (tmp_path / "secrets").write_text("one\n")
    file = tmp_path / "gate.toml"
    file.write_text(
        f"[metronome]\napi_token_file = '{tmp_path / 'token'}'\n"
        f"webhook_secrets_file = '{tmp_path / 'secrets'}'\n"
        "[gateways.main]\nadapter = 'http'\n"
    )

    metronome = load(file, {}).settings.metronome

    assert metronome.api_token.get_secret_value() == "from-the-file"
    assert len(metronome.webhook_secrets) == 1


def test_value_and_file_for_one_key_are_a_fault(faults_with: Faults) -> None:
    inside = faults_with("secret = 'a'\nsecret_file = 'b'\n")
    outside = faults_with(EXTERNAL_GATE_STORE__URL="sqlite:///a", EXTERNAL_GATE_STORE__URL_FILE="b")

    assert "is given twice" in inside["gateways.main.secret"]
    assert "is given twice" in outside["store.url"]


def test_a_file_that_is_overridden_need_not_be_there(load_with: Load) -> None:
    loaded = load_with("secret_file = '/nowhere'\n", EXTERNAL_GATE_GATEWAYS__MAIN__SECRET="here")

    assert loaded.settings.gateways["main"].settings["secret"] == "here"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 70_000, None])
def test_secret_file_that_cannot_be_read_is_a_fault(
    faults_with: Faults, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "secret"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)

    faults = faults_with(EXTERNAL_GATE_METRONOME__API_TOKEN_FILE=str(file))

    assert "cannot be read" in faults["metronome.api_token"]


@pytest.mark.parametrize("named", ["''", "5", "'/a\\u0000b'", '"a\\u0000b"'])
def test_secret_file_that_is_no_name_is_a_fault(faults_with: Faults, named: str) -> None:
    assert set(faults_with(f"secret_file = {named}\n")) == {"gateways.main.secret"}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[server]\nport = eighty\n", "line 2"),
        (b"[server]\nport = 1\nport = 2\n", "line 3"),
        (b"[server]\n\n[server]\n", "line 3"),
        (b"a = [1,\n", "line 1"),
        (b"a = 1e99999999999999999999\n", "is not TOML"),
        (b"a = " + b"9" * 5000 + b"\n", "is not TOML"),
        (b"a = " + b"[" * 20_000 + b"\n", "is not TOML"),
        (b"a = '\xff'\n", "is not UTF-8"),
    ],
)
def test_bad_toml_is_a_fault_with_its_line(tmp_path: Path, content: bytes, line: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(content)

    with pytest.raises(SettingsFaulty) as faulty:
        load(file, {})

    (fault,) = faulty.value.faults  # what the file may hold is not called missing
    assert fault.key == str(file)
    assert line in fault.wrong
    assert "column" not in fault.wrong


def test_named_file_must_be_there(tmp_path: Path) -> None:
    absent = tmp_path / "absent.toml"

    for path, environ in ((absent, {}), (None, {"EXTERNAL_GATE_CONFIG": str(absent)})):
        with pytest.raises(SettingsFaulty, match=r"absent\.toml: cannot be read"):
            load(path, environ)
    with pytest.raises(SettingsFaulty, match="EXTERNAL_GATE_CONFIG: names no file"):
        load(None, {"EXTERNAL_GATE_CONFIG": ""})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("EXTERNAL_GATE_GUARDS__CURRENCIES", "USD,EUR"),
        ("EXTERNAL_GATE_GUARDS__CURRENCIES", '{"USD": 1}'),
        ("EXTERNAL_GATE_GUARDS__LARGEST", "[1]"),
        ("EXTERNAL_GATE_GUARDS__LARGEST", "[" * 20_000),
        ("EXTERNAL_GATE_GUARDS__LARGEST", '{"USD": NaN}'),
        ("EXTERNAL_GATE_GUARDS__LARGEST", ""),
    ],
)
def test_lists_and_tables_in_the_environment_are_json(
    faults_with: Faults, name: str, text: str
) -> None:
    (fault,) = faults_with(**{name: text}).values()

    assert "must be a JSON" in fault


def test_text_that_only_looks_like_json_is_left_to_the_adapter(load_with: Load) -> None:
    loaded = load_with(EXTERNAL_GATE_GATEWAYS__MAIN__SECRET="[s3cret")

    assert loaded.settings.gateways["main"].settings["secret"] == "[s3cret"


def test_bytes_that_are_not_utf8_are_a_fault(faults_with: Faults) -> None:
    assert "is not UTF-8" in faults_with(EXTERNAL_GATE_SERVER__HOST="\udcff")["server.host"]


@pytest.mark.parametrize(
    "more", ["[guards]\nlargest = 5\n", "[gateways]\nother = 'x'\n", "[operators]\nalice = 1\n"]
)
def test_what_must_be_a_table_is_told_so(faults_with: Faults, more: str) -> None:
    (fault,) = faults_with(more).values()

    assert "must be a table" in fault


@pytest.mark.parametrize("name", ["Main", "main__eu", "my shop", "-x", "é", "a" * 41])
def test_names_that_fit_no_address_or_environment_are_faults(
    faults_with: Faults, name: str
) -> None:
    (fault,) = faults_with(f"[gateways.'{name}']\nadapter = 'http'\n").values()

    assert "a name is lower case" in fault


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=40) | st.text("[]{}=.\"'\n1aé_-#", max_size=40).map(str.encode))
def test_no_file_makes_loading_fail_otherwise_than_by_faults(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "any.toml"
    file.write_bytes(content)

    with pytest.raises(SettingsFaulty):
        load(file, {})
