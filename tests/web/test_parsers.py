"""Which parser reads the requests, and what happens where the fast one is not installed."""

import sys

import pytest
from starlette.types import Receive, Scope, Send

from external_gate.domain.errors import Broken
from external_gate.settings.model import HttpParser, ServerSettings
from external_gate.web.server import make_server


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer nothing: no request arrives here."""


def parser_of(wanted: HttpParser) -> str:
    knobs = ServerSettings.model_validate({"http_parser": wanted})
    protocol = make_server(nothing, knobs).config.http
    assert isinstance(protocol, type)
    return protocol.__name__


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        ("auto", "WaryHttpToolsProtocol"),
        ("httptools", "WaryHttpToolsProtocol"),
        ("h11", "WaryH11Protocol"),
    ],
)
def test_the_fast_parser_is_taken_where_it_is_installed(wanted: HttpParser, taken: str) -> None:
    assert parser_of(wanted) == taken


@pytest.fixture
def without_httptools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httptools", None)
    for name in [name for name in sys.modules if name.endswith("httptools_impl")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "external_gate.web.wary_httptools", raising=False)


@pytest.mark.usefixtures("without_httptools")
def test_without_it_plain_python_reads() -> None:
    assert parser_of("auto") == "WaryH11Protocol"


@pytest.mark.usefixtures("without_httptools")
def test_without_it_wanting_it_is_refused_with_the_cure() -> None:
    with pytest.raises(Broken, match=r"pip install 'external-gate\[fast\]'"):
        parser_of("httptools")
