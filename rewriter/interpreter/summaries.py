"""What calls of functions have done, remembered across runs: the same call is not run again.

A call that shares its object with the caller is run each time: what it stores there, the caller sees.
"""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.interpreter.context import Context
from rewriter.interpreter.state import Frame, Runs, State
from rewriter.interpreter.trace import Trace
from rewriter.python.answers import Answers, Question
from rewriter.python.code import Class, File, Function
from rewriter.python.grounds import Basis
from rewriter.values.base import Value

MOST_OF_A_CALL = 4
"""How many summaries are kept of one call, for different things that it read of the runs around it."""
MOST = 20_000


@dataclass(frozen=True)
class Key:
    """The call, and all that every call reads of the run around it."""

    function: Function
    cls: Class | None
    variables: frozenset[tuple[str, Value]]
    of_plain: bool
    holder: str
    deferred: bool
    looped: bool
    inside_nested: bool
    sets_up: bool

    @classmethod
    def of(cls, context: Context, frame: Frame, variables: dict[str, Value]) -> Key:
        return cls(
            frame.function,
            frame.cls,
            frozenset(variables.items()),
            frame.of_plain,
            frame.holder,
            bool(frame.deferred),
            bool(frame.outer_loops),
            bool(context.running),
            context.sets_up,
        )


@dataclass(frozen=True, eq=False)
class Summary:
    trace: Trace
    runs: Runs
    """How often sites and modules have run since the call."""
    returns: tuple[Value, ...]
    yields: tuple[Value, ...]
    followed: int
    """How many calls were followed."""
    files: frozenset[File]
    basis: Basis

    def holds(self, context: Context) -> bool:
        """Whether running the call would find out the same once more."""
        reads, runs = self.trace.reads, context.state.runs
        around = {frame.function for frame in context.frames}
        return (
            not around & self.trace.met.entered
            and not around & self.trace.met.entered_plain
            and all((context.frames[0].cls is cls) == is_about for cls, is_about in reads.about.items())
            and all(context.settled.get(key) == value for key, value in reads.settled.items())
            and all(runs.get(name, 0) == count for name, count in reads.counts.items())
            and all(context.knows_entered(function) == entered for function, entered in reads.entered.items())
        )


SUMMARIES = Question[None, dict[Key, list[Summary]]]("what have calls of functions done?")


def take_over(answers: Answers, earlier: Answers, changed: File) -> None:
    """What hangs on no changed file."""
    known = answers.found(SUMMARIES, None, dict)
    for key, summaries in (earlier.known(SUMMARIES, None) or {}).items():
        if kept := [summary for summary in summaries if changed not in summary.files]:
            known[key] = kept


def recalled(context: Context, key: Key, room: int, followed: int) -> Summary | None:
    """A summary of the call that holds here; `room` is how deep calls may still go, `followed` how many may be."""
    for summary in context.known.project.answers.found(SUMMARIES, None, dict).get(key, ()):
        depth = summary.trace.deepest - summary.trace.base
        if depth <= room and summary.followed <= followed and summary.holds(context):
            context.known.project.answers.grounds.follow(summary.basis)
            return summary
    return None


def remember(context: Context, key: Key, summary: Summary) -> None:
    answers = context.known.project.answers.found(SUMMARIES, None, dict)
    if len(answers) >= MOST:
        answers.pop(next(iter(answers)))
    known = answers.setdefault(key, [])
    if len(known) < MOST_OF_A_CALL:
        known.append(summary)


def begin(context: Context, variables: dict[str, Value]) -> State:
    """Opens a trace for what is found out from now on. Returns the caller's state."""
    caller = context.state
    context.traces.append(Trace(len(context.frames)))
    counts: Runs = {name: count for name, count in caller.runs.items() if isinstance(name, str)}
    context.state = State(variables, counts)
    return caller


def end(context: Context, caller: State) -> tuple[Trace, Runs]:
    """Closes the trace; the caller's state and trace are those of the run again. Adds nothing to them."""
    trace, found = context.traces.pop(), context.state.runs
    context.state = caller
    runs: Runs = {}
    for name, count in found.items():
        since = count - caller.runs.get(name, 0) if isinstance(name, str) else count
        if since:
            runs[name] = since
    return trace, runs


def add(context: Context, summary: Summary, part: str | None) -> None:
    """Adds to the run what the call has done; one of a part's method runs sites of that part, as all such calls do."""
    trace, outer, runs = summary.trace, context.trace, context.state.runs
    outer.reads.follow(trace.reads, outer.met)
    outer.deepest = max(outer.deepest, len(context.frames) + trace.deepest - trace.base)
    outer.met.take(trace.met, runs if part is None else {n: runs[part, n] for n in summary.runs if (part, n) in runs})
    for function in trace.met.entered | trace.met.entered_plain:
        for around in context.frames[outer.base :]:
            if around.statement is not None:
                outer.met.entered_at.setdefault((around.function, function), around.statement)
    for name, count in summary.runs.items():
        if part is None or isinstance(name, str):
            runs[name] = runs.get(name, 0) + count
        else:
            runs[part, name] = runs.get((part, name), 0) + count
            runs[name] = max(runs.get(name, 0), runs[part, name])
