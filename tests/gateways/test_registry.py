"""Adapters are found by entry points; what is wrong with one is said with the cure."""

import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from external_gate.domain.errors import Broken
from external_gate.gateways.adapter_loading import Adapter, AdapterUnusable
from external_gate.gateways.gateway import Surroundings
from external_gate.gateways.http_gateway import HttpGateway
from external_gate.gateways.registry import GROUP, check, find, installed, make
from external_gate.gateways.sandbox import SandboxGateway
from external_gate.settings import CheckGateway
from tests.gateways.conftest import SECRET, HandClock, ScriptedCaller

URL = "https://shop.example/charges"
Install = Callable[..., None]

SOUND = """
from pydantic import BaseModel, ConfigDict, SecretStr
from external_gate.domain.charge import Capabilities

class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    api_key: SecretStr
    shop: int = 1

class Gateway:
    settings_model = Settings
    capabilities = Capabilities()
    def __init__(self, settings, surroundings):
        self.settings, self.name = settings, surroundings.name
    def build(self, charge): ...
    async def charge(self, request): ...
    async def lookup(self, sent): ...
    async def cancel(self, sent): ...
    async def refund(self, sent): ...
    def parse_notification(self, headers, body, url): ...
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution as pip leaves it: a module, and a folder that describes it."""
    monkeypatch.syspath_prepend(tmp_path)
    modules: list[str] = []

    def put(distribution: str, source: str, *, name: str = "acme", more: str = "") -> None:
        module = distribution.replace("-", "_")
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        described = tmp_path / f"{module}-1.2.dist-info"
        described.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
        (described / "METADATA").write_text(metadata)
        entries = f"[{GROUP}]\n{name} = {module}:Gateway\n{more}"
        (described / "entry_points.txt").write_text(entries)

    yield put
    for module in modules:
        sys.modules.pop(module, None)


def surroundings(name: str = "main") -> Surroundings:
    return Surroundings(name, ScriptedCaller(), HandClock())


def declaring(*entries: tuple[str, str]) -> Callable[[], Iterable[EntryPoint]]:
    return lambda: [EntryPoint(name, target, GROUP) for name, target in entries]


def test_ours_are_found_by_their_entry_points() -> None:
    http: Adapter = HttpGateway
    sandbox: Adapter = SandboxGateway

    assert find("http") is http
    assert find("sandbox") is sandbox


def test_ours_are_listed_without_a_fault() -> None:
    ours = {
        adapter.name: (adapter.target, adapter.fault)
        for adapter in installed()
        if adapter.distribution == "external-gate"
    }

    assert ours == {
        "http": ("external_gate.gateways.http_gateway:HttpGateway", None),
        "sandbox": ("external_gate.gateways.sandbox:SandboxGateway", None),
    }


def test_installed_plugin_becomes_a_gateway(install: Install) -> None:
    install("acme-gateways", SOUND)

    [listed] = [adapter for adapter in installed() if adapter.name == "acme"]
    gateway = make("acme", {"api_key": "sk_live_1", "shop": "7"}, surroundings("eu"))

    assert (listed.distribution, listed.version, listed.fault) == ("acme-gateways", "1.2", None)
    assert listed.target == "acme_gateways:Gateway"
    assert vars(gateway)["name"] == "eu"
    assert vars(gateway)["settings"].shop == 7


def test_two_distributions_with_one_name_are_an_error_that_names_both(install: Install) -> None:
    install("acme-one", SOUND)
    install("acme-two", SOUND)

    with pytest.raises(AdapterUnusable) as caught:
        find("acme")

    assert "acme-one 1.2" in str(caught.value)
    assert "acme-two 1.2" in str(caught.value)
    faults = {adapter.name: adapter.fault for adapter in installed()}
    assert faults["acme"] is not None
    assert "claimed by" in faults["acme"]
    assert faults["http"] is None


def test_plugin_cannot_take_the_place_of_ours(install: Install) -> None:
    install("acme-gateways", SOUND, name="http")

    with pytest.raises(Broken, match=r"acme-gateways 1\.2.* and .*external-gate"):
        make("http", {"url": URL}, surroundings())


@pytest.mark.parametrize("broken", ["import absent_module", "raise ValueError('no')", "exit()"])
def test_broken_plugin_does_not_stop_the_others(install: Install, broken: str) -> None:
    install("acme-gateways", broken)

    faults = {adapter.name: adapter.fault for adapter in installed()}

    assert faults["http"] is None
    assert faults["sandbox"] is None
    assert faults["acme"] is not None
    assert "acme-gateways 1.2 (acme_gateways:Gateway) cannot be imported" in faults["acme"]
    assert find("http") is HttpGateway


def test_missing_module_of_a_plugin_is_named_with_the_cure(install: Install) -> None:
    install("acme-gateways", "import absent_module")

    with pytest.raises(
        AdapterUnusable, match="install the module absent_module, which acme-gateways needs"
    ):
        find("acme")


def test_target_that_is_not_there_is_a_broken_installation(install: Install) -> None:
    install("acme-gateways", "Other = 1", more="gone = acme_nowhere:Gateway\n")

    for name in ("acme", "gone"):
        with pytest.raises(AdapterUnusable, match="install acme-gateways anew"):
            find(name)


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        (("def build(", "def _build("), "build is missing"),
        (("async def lookup(", "async def find("), "lookup is missing"),
        (("async def charge(", "def charge("), "charge must be async"),
        (("async def refund(self, sent): ...", "refund = None"), "refund is missing"),
        (("settings_model = Settings", "settings = Settings"), "settings_model is no pydantic"),
        (("settings_model = Settings", "settings_model = dict"), "settings_model is no pydantic"),
        (('extra="forbid", ', ""), "settings_model must have extra='forbid'"),
        ((", hide_input_in_errors=True", ""), "must have hide_input_in_errors=True"),
        (("class Gateway:", "def Gateway():\n  pass\nclass Other:"), "it is not a class"),
    ],
)
def test_missing_part_of_the_contract_is_named(
    install: Install, change: tuple[str, str], lacks: str
) -> None:
    assert change[0] in SOUND
    install("acme-gateways", SOUND.replace(*change))

    with pytest.raises(AdapterUnusable, match=re.escape(lacks)):
        find("acme")


def test_empty_bodies_inherited_from_the_contract_are_missing(install: Install) -> None:
    inherited = """
    from external_gate.gateways.gateway import Gateway as Contract
    from external_gate.gateways.http_gateway import HttpSettings
    class Gateway(Contract):
        settings_model = HttpSettings
        async def charge(self, request): ...
    """
    install("acme-gateways", inherited)

    with pytest.raises(AdapterUnusable) as caught:
        find("acme")

    for name in ("build", "lookup", "cancel", "refund", "parse_notification"):
        assert f"{name} is missing" in str(caught.value)
    assert "charge" not in caught.value.wrong.partition("contract:")[2]


def test_only_the_adapter_asked_for_is_imported(install: Install) -> None:
    install("acme-gateways", "raise ValueError('imported')")

    assert find("sandbox") is SandboxGateway


def test_unknown_name_is_answered_with_what_there_is() -> None:
    entries = declaring(("http", "a:B"), ("sandbox", "c:D"))

    with pytest.raises(AdapterUnusable) as caught:
        find("sandbx", entry_points=entries)

    assert "did you mean sandbox?" in caught.value.cure
    assert "installed are: http, sandbox" in caught.value.cure


def test_entry_point_without_a_distribution_can_be_named() -> None:
    [listed] = installed(entry_points=declaring(("odd", "absent_module:X")))

    assert (listed.distribution, listed.version) == ("", "")
    assert listed.fault is not None
    assert "absent_module:X" in listed.fault


# Settings ---------------------------------------------------------------------------------------


def test_check_finds_nothing_wrong_with_good_settings() -> None:
    as_settings_want_it: CheckGateway = check

    assert as_settings_want_it("main", "http", {"url": URL, "secret": SECRET}) == []


def test_check_names_every_fault_under_the_gateways_key_and_no_value() -> None:
    values = {"secret": "hunter2!", "timeout_seconds": "hunter2", "hunted": "hunter2"}

    faults = check("shop", "http", values)

    assert [fault.key for fault in faults] == [
        "gateways.shop.url",
        "gateways.shop.secret",
        "gateways.shop.timeout_seconds",
        "gateways.shop.hunted",
    ]
    assert all(fault.wrong and fault.cure for fault in faults)
    assert "hunter2" not in str(faults)


def test_check_of_an_unknown_adapter_is_a_fault_of_that_key() -> None:
    [fault] = check("main", "htpp", {})

    assert fault.key == "gateways.main.adapter"
    assert "did you mean http?" in fault.cure


def test_check_does_not_make_the_gateway(install: Install) -> None:
    install("acme-gateways", SOUND.replace("self.settings, self.name =", "raise ValueError #"))

    assert check("main", "acme", {"api_key": "sk"}) == []


def test_failing_validator_of_a_plugin_is_a_fault_and_repeats_nothing(install: Install) -> None:
    failing = SOUND.replace(
        "    shop: int = 1",
        "    def model_post_init(self, _): raise KeyError(self.api_key.get_secret_value())",
    )
    install("acme-gateways", failing)

    [fault] = check("main", "acme", {"api_key": "sk_live_1"})

    assert fault.key == "gateways.main"
    assert "KeyError" in fault.wrong
    assert "sk_live_1" not in str(fault)


@pytest.mark.parametrize("values", [{}, {"url": "hunter2"}, {"url": URL, "secret": "hunter2!"}])
def test_make_refuses_faulty_settings_and_repeats_no_value(values: dict[str, object]) -> None:
    with pytest.raises(Broken, match=r"gateways\.main\.") as caught:
        make("http", values, surroundings())

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_make_of_an_unknown_adapter_names_the_key() -> None:
    with pytest.raises(Broken, match=r"gateways\.main\.adapter: .*did you mean http\?"):
        make("htpp", {}, surroundings())


def test_plugin_that_fails_at_start_is_named_without_its_message(install: Install) -> None:
    install("acme-gateways", SOUND.replace("self.settings, self.name =", "1 / 0 #"))

    with pytest.raises(Broken) as caught:
        make("acme", {"api_key": "sk_live_1"}, surroundings())

    assert str(caught.value) == (
        "gateways.main: the adapter acme failed at start with ZeroDivisionError; tell its authors"
    )


def test_own_words_of_a_plugin_are_passed_on(install: Install) -> None:
    refusing = SOUND.replace(
        "self.settings, self.name =",
        "from external_gate.domain.errors import Broken; raise Broken('mend the shop') #",
    )
    install("acme-gateways", refusing)

    with pytest.raises(Broken, match="mend the shop"):
        make("acme", {"api_key": "sk_live_1"}, surroundings())


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ("Capabilities(cancel=__import__('enum') and 'by_key')", "cancel must be"),
        ("Capabilities(window=__import__('datetime').timedelta(1))", "window is 1 day"),
        ("None", "gives no Capabilities"),
        ("{}", "gives no Capabilities"),
    ],
)
def test_contradicting_capabilities_stop_the_start(
    install: Install, declared: str, words: str
) -> None:
    install("acme-gateways", SOUND.replace("Capabilities()", declared))

    with pytest.raises(Broken, match=words):
        make("acme", {"api_key": "sk_live_1"}, surroundings())
