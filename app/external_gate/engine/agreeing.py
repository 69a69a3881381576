"""Where two people must agree: the first one's word is kept until another says the same."""

from external_gate.engine.draft import Draft


def have_agreed(
    draft: Draft, proposal: str, *, who: str, evidence: str, second_person: bool
) -> bool:
    """Tell whether enough people want `proposal`; the word of the first of two is saved."""
    prefix = f"{proposal}:"
    said_so = {word for word in draft.after.approvals if word.startswith(prefix)}
    # However a name is spelled, it is the same person's.
    others = {_name(word.removeprefix(prefix)) for word in said_so} - {_name(who)}
    if not second_person or others:
        return True
    draft.set(approvals=draft.after.approvals | {prefix + who})
    said = proposal.replace(":", " ")
    draft.note("second_person_needed", f"{who} proposes: {said}", evidence=evidence)
    return False


def _name(who: str) -> str:
    return " ".join(who.split()).casefold()
