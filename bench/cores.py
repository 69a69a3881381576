"""Which core does what: servers on one, whoever loads them and what they call on another."""

import os

CAN_PIN = hasattr(os, "sched_setaffinity")


def server_cores() -> set[int]:
    """Give the cores of the servers; empty where processes cannot be pinned."""
    return {_all()[0]} if _all() else set()


def outside_cores() -> set[int]:
    """Give the cores of the load generator and the stubs; empty where that is not possible."""
    return {_all()[1]} if len(_all()) > 1 else set()


def pin(process: int, cores: set[int]) -> None:
    """Keep a process, 0 for this one, and the threads that it will start to some cores."""
    if CAN_PIN and cores:
        os.sched_setaffinity(process, cores)


def described() -> str:
    """Say for the report who ran where."""
    if not CAN_PIN:
        return "processes were not pinned: this system cannot"
    if not outside_cores():
        return "one core for everything: ratios are distorted by the load generator"
    return (
        f"servers on core {min(server_cores())}; load generator and stubs on core "
        f"{min(outside_cores())}; PostgreSQL on any"
    )


def _all() -> list[int]:
    """List the cores that this run had at its start."""
    return _CORES


_CORES = sorted(os.sched_getaffinity(0)) if CAN_PIN else []  # before anybody is pinned
