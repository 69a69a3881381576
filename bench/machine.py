"""The machine and the versions that a run was made with."""

import importlib.metadata
import os
import platform
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from bench.cores import described

PACKAGES = (
    "external-gate", "starlette", "uvicorn", "httptools", "uvloop", "httpx", "psycopg",
    "psycopg-pool", "aiosqlite", "dbos", "procrastinate",
)  # fmt: skip


def machine_facts(database_version: str) -> dict[str, str]:
    """Give what the report says about the run, in its order."""
    return {
        "Date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Commit": _commit(),
        "Machine": f"{_processor()}, {os.cpu_count()} cores, {_memory_gb():.0f} GB",
        "System": f"{platform.system()} {platform.release()}",
        "Cores": described(),
        "Load average at the end": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": database_version,
        "Packages": ", ".join(_versions()),
    }


def _versions() -> list[str]:
    return [f"{name} {version}" for name in PACKAGES if (version := _version(name))]


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str:
    commit = _git("rev-parse", "--short=12", "HEAD")
    return f"{commit}, with changes" if commit and _git("status", "--porcelain") else commit or "–"


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            ["git", *arguments],  # noqa: S607 - wherever git is
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout.strip()


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
