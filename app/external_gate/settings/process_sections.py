"""The process and its surroundings: where it listens, keeps, works, calls and logs."""

from typing import Literal

from pydantic import Field

from external_gate.settings.section import Section
from external_gate.settings.values import (
    Namespace,
    Pause,
    Seconds,
    StoreUrl,
    Text,
    Truth,
    Whole,
)

HttpParser = Literal["auto", "httptools", "h11"]
OutboundTransport = Literal["auto", "direct", "httpx"]


class ServerSettings(Section):
    """Where the service listens, and what it takes in."""

    host: Text = "127.0.0.1"
    """Address to listen on."""
    port: Whole = Field(default=8080, ge=0, le=65_535)
    """TCP port to listen on; 0 takes any free one."""
    body_limit_bytes: Whole = Field(default=262_144, ge=1024)
    """Largest body of a request; a larger one is answered 413."""
    body_timeout_seconds: Seconds = 10.0
    """How long the body of a request may take to arrive."""
    header_timeout_seconds: Seconds = 10.0
    """How long a connection may take to send the headers of a request, or to read its answer."""
    max_connections: Whole = Field(default=512, ge=16)
    """Most connections at once, fewer where the system allows few open files; the oldest without a
    whole request is closed for one more. Each may keep body_limit_bytes and 100 KB in memory."""
    http_parser: HttpParser = "auto"
    """What reads requests: "httptools" is twice as fast and comes with external-gate[fast]; "h11"
    is plain Python; "auto" takes httptools where it is installed."""
    drain_delay_seconds: Pause = 2.0
    """How long readiness is red before the listener closes, so that load balancers see it."""


class StoreSettings(Section):
    """Where everything is kept."""

    url: StoreUrl = Field(default="sqlite:///external-gate.db", repr=False)
    """sqlite:///file.db (relative to the working directory), sqlite:////absolute/file.db, or
    postgresql://user@host/database."""
    busy_timeout_seconds: Seconds = 5.0
    """How long to wait while another process locks the database, or a row of it."""
    namespace: Namespace = "external_gate"
    """PostgreSQL schema with everything of ours; give each Metronome account one of its own."""
    listen: Truth = True
    """Wake workers by PostgreSQL's LISTEN. False behind a pooler that hands connections around by
    transaction, which cannot pass it on: then they poll."""


class WorkerSettings(Section):
    """How charges and releases are worked off."""

    concurrency: Whole = Field(default=64, ge=1, le=10_000)
    """How many workflows are worked on at once."""
    lease_seconds: Seconds = 60.0
    """How long a claim lasts unless it is renewed; then another worker takes over."""
    drain_seconds: Seconds = 30.0
    """How long calls in flight may take to end after SIGTERM."""
    poll_seconds: Seconds = 1.0
    """How often an idle worker looks for work."""


class OutboundSettings(Section):
    """How Metronome, gateways and your application are called."""

    transport: OutboundTransport = "auto"
    """What speaks HTTP: "direct" is the fastest, and connects to everybody by itself; "httpx" is
    the well-known library; "auto" is "direct", and "httpx" with trust_env."""
    trust_env: Truth = False
    """Take proxies from the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), and authorities
    (SSL_CERT_FILE, SSL_CERT_DIR). A proxy may deliver what was given up: prefer none."""
    authorities: str = ""
    """File with certificate authorities that are believed beside the public ones, as PEM."""
    certificate: str = ""
    """File with a certificate of ours and its key, not encrypted, as PEM: shown to whoever asks for
    one (mutual TLS)."""


class LogSettings(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is written: "debug", "info", "warning" or "error"."""
    format: Literal["json", "console"] = "json"
    """Either "json" for machines or "console" for people."""
