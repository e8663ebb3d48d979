"""Whether a second instance of a class can stand for the first."""

from __future__ import annotations

from rewriter.facts.code import Class
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.memory import acts_as_module, stores_later
from rewriter.facts.memoryless import part_that_acts, part_that_stores
from rewriter.facts.stateless import has_state


def why_no_stand_in(knowledge: Knowledge, cls: Class) -> str | None:
    """Why it would act otherwise."""
    if has_state(knowledge, cls):
        return None
    if stores_later(knowledge, cls):
        return f"{cls.node.name} keeps something between calls"
    if (part := part_that_stores(knowledge, cls)) is not None:
        return f"its part {part.node.name} keeps something between calls"
    if (name := acts_as_module(knowledge, cls)) is not None:
        return f"{cls.node.name} has its own {name}, which would run for the second instance as well"
    if (part := part_that_acts(knowledge, cls)) is not None:
        return f"its part {part.node.name} has methods of nn.Module's own, which would run for the second one as well"
    return None
