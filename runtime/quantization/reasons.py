"""Why modules stay in floating point, and what a user can do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

NO_FORM = "no integer form"
NOTHING_BEFORE = "nothing before it returns integers"
NOBODY_BEHIND = "nobody takes its result as integers"
NO_BITS = "it has no bits for activations"
IN_A_STEP = "it is part of a recurrent layer's step"
NOT_MADE_OF_MODULES = "runtime.modules.convert makes it of modules"

_NOTES = {
    NO_FORM: "`python -m runtime forms` lists the operations that have one; another may serve as well. A function that "
    "is looked up as the model runs is not known: what is kept as a module is",
    NOTHING_BEFORE: "it computes with the model's inputs, or with what is in floating point itself. What prepares the "
    "inputs may be done where the data are made",
    NOBODY_BEHIND: "what follows is in floating point, or is the model's result; there is nothing to gain",
    NO_BITS: "overrides, or improve=['mend'], leave it so",
    IN_A_STEP: "gates and states stay in floating point, as their errors would add up from step to step. Products are "
    "on integers, and a compiled program runs all steps as one kernel, faster than torch's own layer; module by module "
    "it is slower than that. Overrides that name these parts put them on integers as well",
}


def notes(reasons: Iterable[str]) -> Iterator[str]:
    """What is to be said of these reasons, each once, in the order of the table above."""
    given = set(reasons)
    return (f"{reason}: {note}." for reason, note in _NOTES.items() if reason in given)
