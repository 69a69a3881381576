"""Which secrets a configuration holds, the gateways' own included."""

from external_gate.settings import Settings


def secrets_of(settings: Settings) -> list[str]:
    """Give every configured secret, so that logs can mask them wherever they appear."""
    found = [settings.metronome.api_token, *settings.metronome.webhook_secrets]
    found += [settings.payers.secret, settings.notices.secret]
    for endpoint in settings.notices.endpoints.values():
        found += endpoint.secrets
    plain = [secret.get_secret_value() for secret in found]
    for gateway in settings.gateways.values():
        for key, value in gateway.settings.items():
            # One, or a list of them, such as those that are being rotated out.
            texts = value if isinstance(value, list | tuple) else [value]
            if any(word in key for word in _SECRET_WORDS):
                plain += [text for text in texts if isinstance(text, str)]
    return [secret for secret in plain if secret]


_SECRET_WORDS = ("secret", "token", "key", "password")
