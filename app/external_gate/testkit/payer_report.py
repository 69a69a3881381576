"""The result of certifying a payer source: every check, how it came out, and what shows it."""

from dataclasses import dataclass
from typing import ClassVar

from external_gate.testkit.plugin_report import PluginCheck, PluginFinding, PluginReport

CHECKS = (
    PluginCheck(
        "payer-is-found",
        "A known payer is found, exactly as recorded, however often it is asked for.",
        "Give the record's ids unchanged, through `checked_payer`.",
    ),
    PluginCheck(
        "nobody-is-none",
        "A customer for whom nobody pays is None.",
        "Return None when the source itself says that there is no payer; that is no error.",
    ),
    PluginCheck(
        "down-is-unavailable",
        "While the source cannot be asked, `Unavailable` is raised, and never None given.",
        "Raise `Unavailable` for timeouts, resets, 429 and 5xx: it is tried again by itself, "
        "but None holds the workflow for a person as if nobody paid.",
    ),
    PluginCheck(
        "strange-is-no-answer",
        "An answer that is not the source's own proves nothing: `Unavailable` or `Broken`.",
        "Believe an answer only with every field that you need; a 404 page of some proxy does "
        "not say that nobody pays.",
    ),
    PluginCheck(
        "broken-record-is-no-payer",
        "A record that cannot be used never becomes a payer.",
        "Make every payer by `checked_payer`, and turn its `BadInput` into None or `Unavailable`.",
    ),
    PluginCheck(
        "raises-only-ours",
        "`find` raises `Unavailable` or `Broken`, and nothing else.",
        "Catch what your client and your parser raise, and raise `Unavailable` from it.",
    ),
    PluginCheck(
        "comes-back-in-time",
        "`find` ends within `timeout_seconds`, whatever the other side does.",
        "Give `Timeouts.within(…)` of `settings.timeout_seconds` to the `Call`.",
    ),
    PluginCheck(
        "does-not-block",
        "The event loop goes on while an answer is awaited.",
        "Use `surroundings.caller`, or a thread for a client that blocks.",
    ),
    PluginCheck(
        "ends-when-cancelled",
        "A question whose task is cancelled ends at once.",
        "Let `CancelledError` pass; never catch `BaseException`.",
    ),
    PluginCheck(
        "keeps-questions-apart",
        "Questions asked at the same time get each their own answer.",
        "Keep nothing about a question in the instance.",
    ),
    PluginCheck(
        "question-unchanged",
        "The question is not changed.",
        "Copy the custom fields before you change them.",
    ),
    PluginCheck(
        "only-way-out",
        "Every HTTP call goes through `surroundings.caller`.",
        "Use the caller instead of a client of your own: it has the limits and the redaction.",
    ),
    PluginCheck(
        "secrets-stay-out-of-errors",
        "No error repeats a secret.",
        "Say what failed without the request, and raise without a cause that holds it.",
    ),
    PluginCheck(
        "secrets-stay-out-of-logs",
        "No secret is logged.",
        "Log no request, no header and no settings.",
    ),
)
"""In the order of the report."""


PayerFinding = PluginFinding
"""One fault of the source, with its cure and the trace that shows it."""


@dataclass(frozen=True, slots=True)
class PayerReport(PluginReport):
    """What a certification came to; it passed when nothing failed, and a payer was found at all."""

    checks: ClassVar = CHECKS
    proof: ClassVar = "payer-is-found"
