"""Who may look and act."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from external_gate.settings.section import NONE, Section
from external_gate.settings.values import (
    Name,
    Sha256,
    Truth,
)


class Role(StrEnum):
    """What an operator may do; each role includes the one before."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Operator(Section):
    """One person or program, under a name of your choice."""

    token_sha256: Sha256 = NONE
    """SHA-256 of the operator's token, 64 hex digits; the token itself is not kept. Required."""
    role: Role = Role.VIEWER
    """Either "viewer", "operator" or "admin"; each may do what the one before may."""


class OperatorsSettings(Section):
    """Who may look and act over HTTP."""

    second_person: Truth = False
    """Whether settling a charge whose fate is unknown needs a second person."""
    people: Mapping[Name, Operator] = Field(default_factory=dict)
    """The operators by name; in the file they are the tables [operators.NAME]."""
