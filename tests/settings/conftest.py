"""A configuration without faults, written and loaded as people do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from external_gate.settings import Loaded, SettingsFaulty, load

SOUND = """\
[metronome]
api_token = "token-of-the-file"
webhook_secrets = ["secret-of-the-file"]

[gateways.main]
adapter = "http"
url = "http://127.0.0.1:9000/charges"
"""

Load = Callable[..., Loaded]
Faults = Callable[..., dict[str, str]]


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Give a file that has everything that is required, and nothing else."""
    file = tmp_path / "sound.toml"
    file.write_text(SOUND)
    return file


@pytest.fixture
def load_with(sound: Path) -> Load:
    """Load the sound file with more text at its end, and with an environment."""

    def load_it(more: str = "", **environ: str) -> Loaded:
        sound.write_text(SOUND + more)
        return load(sound, environ)

    return load_it


@pytest.fixture
def faults_with(load_with: Load) -> Faults:
    """Load as `load_with` does, and give what is wrong: per key the whole line."""

    def faults(more: str = "", **environ: str) -> dict[str, str]:
        try:
            load_with(more, **environ)
        except SettingsFaulty as faulty:
            return {fault.key: str(fault) for fault in faulty.faults}
        return {}

    return faults
