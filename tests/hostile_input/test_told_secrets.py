"""Every secret of a configuration is known to the log's masking, also one that is rotated out."""

from pathlib import Path

from external_gate.assembly import secrets_of
from external_gate.observe.redaction import Redactor
from external_gate.settings import load

NAMES = "token webhookA webhookB signs previousA previousB payers notices pagerA pagerB"
SECRETS = {name: f"{name}0000000000000000000"[:20] for name in NAMES.split()}

KEYS = """
[metronome]
api_token = "{token}"
webhook_secrets = ["{webhookA}", "{webhookB}"]
[gateways.main]
adapter = "http"
url = "https://shop.example/charges"
secret = "{signs}"
previous_secrets = ["{previousA}", "whsec_{previousB}"]
[payers]
secret = "{payers}"
[notices]
url = "https://shop.example/notices"
secret = "{notices}"
[notices.pager]
url = "https://pager.example"
secrets = ["{pagerA}", "whsec_{pagerB}"]
"""


def test_no_configured_secret_reaches_the_log(tmp_path: Path) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(KEYS.format(**SECRETS))
    redactor = Redactor(secrets_of(load(file, {}).settings))

    written = {name: redactor.text(f"they said {secret}") for name, secret in SECRETS.items()}

    assert [name for name, text in written.items() if SECRETS[name] in text] == []
