"""How the emulator says no: a status, Metronome's `message`, and whether the request ran."""


class Refusal(Exception):
    """Answer a request with an error.

    `executed` is true once the request got past validation: only such a result is bound to its
    idempotency key and replayed. `code` appears on the contract endpoints, which answer 400 where
    one would expect 404.
    """

    def __init__(
        self, status: int, message: str, *, code: str | None = None, executed: bool = True
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.executed = executed

    def body(self) -> dict[str, str]:
        """Give the JSON that Metronome would answer with."""
        return (
            {"code": self.code, "message": self.message} if self.code else {"message": self.message}
        )


def invalid(message: str) -> Refusal:
    """Refuse a request that never began to execute."""
    return Refusal(400, message, executed=False)
