"""One answer, put together from what arrives; h11 says what is HTTP and what is not."""

from collections.abc import Callable, Iterable

import h11

from external_gate.domain.errors import Unavailable
from external_gate.outbound.calls import Answered

ONE_MEBIBYTE = 1024 * 1024


class AnswerTooLarge(Unavailable):
    """The body passed the limit; the rest was not read."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"answer larger than {limit} bytes")


class NoAnswer(Unavailable):
    """What came is cut off, or was no HTTP; the sentence repeats nothing of it."""

    def __init__(self) -> None:
        super().__init__("the answer was missing, cut off or not HTTP")


class AnswerReader:
    """Reads the answer to the one request that `http` has sent.

    `on_head` is called with status and headers as soon as they are here, for whoever must know
    even if the rest never comes. Answers that only announce one (1xx) are passed over.
    """

    def __init__(
        self,
        http: h11.Connection,
        *,
        on_head: Callable[[Answered], None],
        largest_body_bytes: int,
    ) -> None:
        self._http = http
        self._on_head = on_head
        self._largest_body_bytes = largest_body_bytes
        self._head: Answered | None = None
        self._body = bytearray()

    def take(self, received: bytes) -> Answered | None:
        """Take the next bytes, none for the end; gives the answer once it is whole.

        Raises `NoAnswer` or `AnswerTooLarge`.
        """
        try:
            self._http.receive_data(received)
            answer = self._read()
        except h11.RemoteProtocolError as error:
            raise NoAnswer from error
        if answer is None and not received:
            raise NoAnswer
        return answer

    def _read(self) -> Answered | None:
        while (event := self._http.next_event()) is not h11.NEED_DATA:
            match event:
                case h11.Response():
                    self._head = Answered(event.status_code, _joined(event.headers), b"")
                    self._on_head(self._head)
                case h11.Data():
                    self._body += event.data
                    if len(self._body) > self._largest_body_bytes:
                        raise AnswerTooLarge(self._largest_body_bytes)
                case h11.EndOfMessage() if self._head is not None:
                    return Answered(self._head.status, self._head.headers, bytes(self._body))
                case h11.InformationalResponse():
                    pass
                case _:
                    raise NoAnswer
        return None


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Give each name once; h11 has made the names lower case."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("ascii"), _text(raw_value)
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
