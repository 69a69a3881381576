"""What the fault proxy can do to one call, each with what it stands for in real life."""

from enum import StrEnum


class ProxyFault(StrEnum):
    """One fault, for one call. "Effect" is whatever the fake does when it gets the request."""

    PASS = "pass"  # noqa: S105 # nothing secret: the call passes
    REFUSE = "refuse"  # nobody listens: the request certainly never left
    DROP_BEFORE_EFFECT = "drop_before_effect"  # read, not forwarded, connection reset
    DROP_AFTER_EFFECT = "drop_after_effect"  # forwarded, then reset without an answer
    CLOSE_AFTER_EFFECT = "close_after_effect"  # forwarded, then closed politely, without an answer
    HOLD_BEFORE_EFFECT = "hold_before_effect"  # never forwarded, and silence until the caller goes
    HOLD_AFTER_EFFECT = "hold_after_effect"  # forwarded, and silence until the caller goes
    TRUNCATE = "truncate"  # forwarded; the answer ends in the middle
    DELAY = "delay"  # forwarded; the answer is late, but in time
    SLOW = "slow"  # forwarded; the answer takes `SLOW_SECONDS`
    DUPLICATE = "duplicate"  # forwarded twice, one after the other; the second answer is passed
    DUPLICATE_AT_ONCE = "duplicate_at_once"  # forwarded twice at the same time
    REPLAY_OLDER = "replay_older"  # a cache gone mad: the answer to an older call of this kind
    ERROR_500_BEFORE = "error_500_before_effect"
    ERROR_502_BEFORE = "error_502_before_effect"  # a gateway in front of the gateway, html
    ERROR_503_BEFORE = "error_503_before_effect"
    ERROR_500_AFTER = "error_500_after_effect"  # forwarded, and 500 all the same
    ERROR_504_AFTER = "error_504_after_effect"
    BUSY_429 = "busy_429"  # not forwarded; with Retry-After
    CONFLICT_409 = "conflict_409"  # not forwarded: the key is in use
    LOCKED_423 = "locked_423"
    PAGE_404 = "page_404"  # not forwarded: some proxy knows no such page
    PAGE_403 = "page_403"  # not forwarded: some firewall has no liking for us
    PAGE_200 = "page_200"  # not forwarded: a captive portal, html with status 200
    EMPTY_200 = "empty_200"  # not forwarded: status 200 and no body
    GARBAGE_200 = "garbage_200"  # not forwarded: status 200, announced as JSON, and noise
    OTHER_JSON_200 = "other_json_200"  # not forwarded: good JSON that is no answer of the gateway
    EMPTY_AFTER_EFFECT = "empty_after_effect"
    GARBAGE_AFTER_EFFECT = "garbage_after_effect"
    PAGE_AFTER_EFFECT = "page_after_effect"  # forwarded; answered with html
    OTHER_CHARSET = "other_charset"  # forwarded; the answer comes in UTF-16
    HUGE = "huge"  # forwarded; the answer is followed by megabytes
    DRIP = "drip"  # forwarded; a byte now and then, for longer than the caller waits
    REDIRECT = "redirect"  # not forwarded: 307 to another path of this proxy


SLOW_SECONDS = 1.0
DELAY_SECONDS = 0.05

BEFORE_EFFECT = frozenset(
    {
        ProxyFault.REFUSE,
        ProxyFault.DROP_BEFORE_EFFECT,
        ProxyFault.HOLD_BEFORE_EFFECT,
        ProxyFault.REPLAY_OLDER,
        ProxyFault.ERROR_500_BEFORE,
        ProxyFault.ERROR_502_BEFORE,
        ProxyFault.ERROR_503_BEFORE,
        ProxyFault.BUSY_429,
        ProxyFault.CONFLICT_409,
        ProxyFault.LOCKED_423,
        ProxyFault.PAGE_404,
        ProxyFault.PAGE_403,
        ProxyFault.PAGE_200,
        ProxyFault.EMPTY_200,
        ProxyFault.GARBAGE_200,
        ProxyFault.OTHER_JSON_200,
        ProxyFault.REDIRECT,
    }
)
"""Faults under which the fake never gets the request."""

SILENT = frozenset({ProxyFault.HOLD_BEFORE_EFFECT, ProxyFault.HOLD_AFTER_EFFECT, ProxyFault.DRIP})
"""Faults that end only when the caller loses its patience."""
