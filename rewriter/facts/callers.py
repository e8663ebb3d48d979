"""Which forwards of the project come through a function."""

from __future__ import annotations

from collections.abc import Iterator

from rewriter.facts.knowledge import Knowledge, Run
from rewriter.facts.project import Class, Function


def runs_through(knowledge: Knowledge, function: Function) -> list[Run]:
    """The runs of all classes whose forward calls the function, directly or through other functions."""
    if function not in knowledge.through:
        runs = [knowledge.run(cls) for cls in _candidates(knowledge, function)]
        knowledge.through[function] = [run for run in runs if run and function in run.interpreter.entered]
    return knowledge.through[function]


def _candidates(knowledge: Knowledge, function: Function) -> Iterator[Class]:
    """Module classes that name the function, or a function that names it, and the classes below them."""
    words, pending = set[str](), [function.node.name]
    seen: set[Class] = set()
    while pending:
        word = pending.pop()
        if word in words:
            continue
        words.add(word)
        for file in knowledge.project.files_mentioning(word):
            for user in file.users.get(word, ()):
                if isinstance(user, Function):
                    pending.append(user.node.name)
                    continue
                family = [cls for cls in (user, *knowledge.hierarchy.subclasses(user)) if cls not in seen]
                seen.update(family)
                yield from (cls for cls in family if knowledge.may_be_module(cls))
