"""What the listings of plugins have in common: is there a configuration, and how a line begins."""

import os
from pathlib import Path

from external_gate.cli.showing import painted, safe
from external_gate.settings.keys import ENVIRONMENT_PREFIX
from external_gate.settings.loading import USUAL_FILE
from external_gate.settings.sources import CONFIG_NAME


def is_configured(config_path: Path | None, *, section: str) -> bool:
    """Tell whether somebody configures anything, as opposed to: has only just installed us.

    A file is enough, or a name in the environment for a key of `section`.
    """
    named = config_path is not None or CONFIG_NAME in os.environ or USUAL_FILE.exists()
    prefix = f"{ENVIRONMENT_PREFIX}{section}__".upper()
    return named or any(name.upper().startswith(prefix) for name in os.environ)


def headline(*, name: str, distribution: str, version: str, is_sound: bool, used: str) -> str:
    """Give the line of one plugin: name, origin, whether it loads, and what uses it."""
    whose = f"{distribution} {version}" if distribution else "unknown distribution"
    state = painted("ok", "green") if is_sound else painted("broken", "red")
    return f"{safe(name)}  {safe(whose)}  {state}" + (f"  {safe(used)}" if used else "")
