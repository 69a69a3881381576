import errno

from external_gate.outbound.system_error import system_error

REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


def test_error_beneath_wrappers_is_found() -> None:
    assert system_error(wrapped(wrapped(REFUSED))) is REFUSED


def test_one_of_several_addresses_is_named() -> None:
    both = ExceptionGroup("two addresses", [OSError("no number"), REFUSED])
    assert system_error(wrapped(both)) is REFUSED


def test_error_without_a_number_stands_for_itself() -> None:
    error = wrapped(OSError("no number"))
    assert system_error(error) is error


def wrapped(cause: Exception) -> Exception:
    error = RuntimeError("wrapper")
    error.__cause__ = cause
    return error
