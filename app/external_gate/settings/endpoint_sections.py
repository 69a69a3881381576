"""Who is told: notices to your application, and Metronome's notifications passed on."""

from collections.abc import Mapping

from pydantic import Field

from external_gate.domain.forwarding import DEFAULT_NAME
from external_gate.domain.host_notice import NoticeType
from external_gate.settings.section import NONE, Section
from external_gate.settings.values import (
    Name,
    Seconds,
    Secret,
    Secrets,
    Text,
    Truth,
    TypeFilter,
    WebAddress,
)


class NoticeEndpoint(Section):
    """One receiver of notices, under a name of your choice."""

    sink: Text = "webhook"
    """How they travel: "webhook", or the name of a plugin."""
    url: WebAddress = Field(default="", repr=False)
    """Address that receives them. Required by "webhook"."""
    secrets: Secrets = ()
    """Secrets that sign them, base64 with or without whsec_. Each signs every notice, so that they
    can be rotated. "webhook" requires one."""
    events: tuple[NoticeType, ...] = ()
    """Only these types, such as ["workflow.held", "incident.raised"]; an empty list means all."""
    allow_private: Truth = False
    """Whether the address may lead into a private network, such as to this machine."""
    timeout_seconds: Seconds = 15.0
    """How long one try may take; below drain_seconds."""


DEFAULT_ENDPOINT = "default"
"""The name of the endpoint that stands in `[notices]` itself."""


class NoticesSettings(Section):
    """Signed notices to your application: one endpoint here, more in tables of their own."""

    url: WebAddress = Field(default="", repr=False)
    """Address that receives all of them; empty leaves it to the named endpoints."""
    secret: Secret = NONE
    """Secret that signs them, base64 with or without whsec_; required with a url."""
    allow_private: Truth = False
    """Whether the address may lead into a private network, such as to this machine."""
    endpoints: Mapping[Name, NoticeEndpoint] = Field(default_factory=dict)
    """The named endpoints; in the file they are the tables [notices.NAME]."""

    def every_endpoint(self) -> Mapping[str, NoticeEndpoint]:
        """Give all endpoints by name, the default one among them."""
        if not self.url:
            return self.endpoints
        secrets = (self.secret,) if self.secret.get_secret_value() else ()
        default = NoticeEndpoint(url=self.url, secrets=secrets, allow_private=self.allow_private)
        return {DEFAULT_ENDPOINT: default, **self.endpoints}


class ForwardEndpoint(Section):
    """One receiver of Metronome's notifications, under a name of your choice."""

    url: WebAddress = Field(default="", repr=False)
    """Address that receives them. Required."""
    types: tuple[TypeFilter, ...] = ()
    """Only these types, such as ["invoice.*", "alerts.low_balance"]; an empty list means all.
    payment_gate.external_initiate is never forwarded."""
    allow_private: Truth = False
    """Whether the address may lead into a private network, such as to this machine."""
    timeout_seconds: Seconds = 15.0
    """How long one try may take; below drain_seconds."""


class ForwardSettings(Section):
    """Metronome's notifications, passed on as they came: one endpoint here, more in tables."""

    url: WebAddress = Field(default="", repr=False)
    """Address that receives them; empty leaves it to the named endpoints."""
    types: tuple[TypeFilter, ...] = ()
    """Only these types, such as ["invoice.*"]; an empty list means all that may be forwarded."""
    allow_private: Truth = False
    """Whether the address may lead into a private network, such as to this machine."""
    endpoints: Mapping[Name, ForwardEndpoint] = Field(default_factory=dict)
    """The named endpoints; in the file they are the tables [forward.NAME]."""

    def every_endpoint(self) -> Mapping[str, ForwardEndpoint]:
        """Give all endpoints by name, the default one among them."""
        if not self.url:
            return self.endpoints
        default = ForwardEndpoint(url=self.url, types=self.types, allow_private=self.allow_private)
        return {DEFAULT_NAME: default, **self.endpoints}
