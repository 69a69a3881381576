"""What all tables of the configuration have in common."""

from pydantic import BaseModel, ConfigDict, SecretStr

NONE = SecretStr("")


class Section(BaseModel):
    """A table of the configuration; unknown keys are faults, and faults never repeat a value."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )
