"""The result of certifying a notice sink: every check, how it came out, and what shows it."""

from dataclasses import dataclass
from typing import ClassVar

from external_gate.testkit.plugin_report import PluginCheck, PluginFinding, PluginReport

SINK_CHECKS = (
    PluginCheck(
        "notice-arrives",
        "A notice that the receiver accepts is `Taken`.",
        "Return `Taken` for the receiver's own word that it has the notice.",
    ),
    PluginCheck(
        "bytes-unchanged",
        "The receiver gets the body and the message id as they are, at every try.",
        "Send `notice.body` and `notice.message_id`; never parse and write anew.",
    ),
    PluginCheck(
        "unclear-is-not-taken",
        "`Taken` is never said while nobody knows whether the notice arrived.",
        "Say `NotTaken` for timeouts, resets, 4xx and 5xx: told twice is harmless, lost is not.",
    ),
    PluginCheck(
        "does-not-give-up-by-itself",
        "`Gone` is said for nothing but the receiver's word that it wants no more.",
        "Say `NotTaken`; the core knows when three days are over.",
    ),
    PluginCheck(
        "no-hidden-retry",
        "One `deliver` sends at most once.",
        "Leave repeats to the core: it waits, and other endpoints do not wait for yours.",
    ),
    PluginCheck(
        "raises-nothing",
        "`deliver` raises nothing, whatever the other side does.",
        "Catch what your client raises, and say `NotTaken` with the cause.",
    ),
    PluginCheck(
        "comes-back-in-time",
        "`deliver` ends within `timeout_seconds`, whatever the other side does.",
        "Give `Timeouts.within(…)` of `endpoint.timeout_seconds` to the `Call`.",
    ),
    PluginCheck(
        "does-not-block",
        "The event loop goes on while an answer is awaited.",
        "Use `surroundings.caller`, or a thread for a client that blocks.",
    ),
    PluginCheck(
        "ends-when-cancelled",
        "A try whose task is cancelled ends at once.",
        "Let `CancelledError` pass; never catch `BaseException`.",
    ),
    PluginCheck(
        "keeps-notices-apart",
        "Notices sent at the same time arrive each as itself.",
        "Keep nothing about a notice in the instance.",
    ),
    PluginCheck(
        "only-way-out",
        "Every HTTP call goes through `surroundings.caller`.",
        "Use the caller instead of a client of your own: it has the limits and the redaction.",
    ),
    PluginCheck(
        "private-only-when-allowed",
        "With `allow_private = false` nothing is sent into a private network.",
        "Look the host up by `surroundings.resolve`, judge every address by `is_public`, and give "
        "the one that you chose to the `Call` as `connect_to`.",
    ),
    PluginCheck(
        "secrets-stay-out-of-causes",
        "No cause and no error repeats a secret.",
        "Say what failed without the request.",
    ),
    PluginCheck(
        "secrets-stay-out-of-logs",
        "No secret is logged.",
        "Log no request, no header and no settings.",
    ),
)
"""In the order of the report."""


SinkFinding = PluginFinding
"""One fault of the sink, with its cure and the trace that shows it."""


@dataclass(frozen=True, slots=True)
class SinkReport(PluginReport):
    """What a certification came to; it passed when nothing failed, and a notice arrived at all."""

    checks: ClassVar = SINK_CHECKS
    proof: ClassVar = "notice-arrives"
