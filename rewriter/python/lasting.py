"""What is to be said of one file, class or function, and may be kept beyond the process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rewriter.python.answers import Answer, Answers, Lasting
from rewriter.python.code import Class, File, Function
from rewriter.python.project import Project


def said_through_file(
    project: Project, question: Lasting[Path, Answer], path: Path, find: Callable[[File], Answer], absent: Answer
) -> Answer:
    """What the project says of what is in a file."""

    def look() -> Answer:
        file = project.file(path)
        return absent if file is None else find(file)

    return project.answers.lasting(question, path, str(path), look)


def said_of_code(
    project: Project,
    question: Lasting[Class | Function, Answer],
    code: Class | Function,
    find: Callable[[], Answer],
    answers: Answers | None = None,
) -> Answer:
    """What the project says of a class or function, which stands where it stands as long as its file is the same."""

    def look() -> Answer:
        project.file(code.file.path)
        return find()

    return (answers or project.answers).lasting(question, code, place_of(code), look)


def said_at(project: Project, question: Lasting[str, Answer], place: str, find: Callable[[Class], Answer]) -> Answer:
    """What the project says of the class at a place."""
    return project.answers.lasting(question, place, place, lambda: find(class_at(project, place)))


def place_of(code: Class | Function) -> str:
    """What a class or function is known by in whichever process."""
    return f"{code.file.path}:{code.node.lineno}:{code.node.col_offset}"


def class_at(project: Project, place: str) -> Class:
    file = project.file(Path(place.rsplit(":", 2)[0]))
    assert file is not None
    return next(cls for cls in file.classes if place_of(cls) == place)
