"""What the operating system or the TLS library said, beneath the errors wrapped around it."""


def system_error(error: BaseException) -> BaseException:
    """Find the nearest error with a number of the system's (refused, unknown host, untrusted).

    Gives `error` itself when there is none.
    """
    deeper: BaseException | None = error
    while deeper is not None:
        if isinstance(deeper, OSError) and deeper.errno is not None:
            return deeper
        if isinstance(deeper, BaseExceptionGroup):  # one for each address of the host
            deeper = deeper.exceptions[-1]
        else:
            deeper = deeper.__cause__ or deeper.__context__
    return error
