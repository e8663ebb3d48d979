"""Does what a page of the documentation says, from top to bottom, in a folder of its own.

    python -m tests.page PAGE FOLDER

A block with a title is the file of that name. `console` blocks are commands with what they print, where `...` stands for
anything; `python` blocks are one program, each a part of it, and an `output` block is what the one before it printed.
Other languages are only shown.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(
    r'^```(?P<language>\w*)(?: title="(?P<title>[^"]+)"| file=(?P<file>\S+)|[^\n`]*)\n(?P<text>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)
_ROOT = Path(__file__).parents[1]
_PROGRAMS = f'rewriter() {{ "{sys.executable}" -m rewriter "$@"; }}; python() {{ "{sys.executable}" "$@"; }}; '


class PageError(Exception):
    """What a page says is not what happens."""


@dataclass(frozen=True)
class Block:
    language: str
    title: str | None
    text: str

    @property
    def runs(self) -> bool:
        return self.title is None and self.language in ("console", "python")


def blocks(page: str) -> Iterator[Block]:
    for match in _FENCE.finditer(page):
        yield Block(match["language"], match["title"] or match["file"], match["text"])


def commands(console: str) -> Iterator[tuple[str, list[str]]]:
    """Each with the lines that it is said to print."""
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        yield command, printed.splitlines()


def matches(expected: list[str], printed: str) -> bool:
    """Whole lines, in order; `...` alone on a line stands for any lines, inside of one for any text."""
    pattern = ""
    for line in expected:
        text = re.escape(line).replace(re.escape("..."), ".*")
        pattern += r"(?:.*\n)*?" if line == "..." else f"{text}\\n"
    return re.fullmatch(pattern, printed) is not None


def follow(page: Path, folder: Path) -> dict[str, object]:
    """The names that the page's program has at its end."""
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed = io.StringIO()
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.title is not None:
            place = folder / block.title
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for command, expected in commands(block.text):
                _run(command, expected)
        elif block.language == "python":
            with contextlib.redirect_stdout(printed := io.StringIO()):
                exec(compile(block.text, str(page), "exec"), namespace)
        elif block.language == "output" and not matches(block.text.splitlines(), printed.getvalue()):
            raise PageError(f"The program printed\n{printed.getvalue()}\nThe page says\n{block.text}")
    return namespace


def _run(command: str, expected: list[str]) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # for what starts a program
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    # In one order, as a terminal shows it: what is printed on both streams.
    done = subprocess.run(
        ["bash", "-c", f"{_PROGRAMS}{command}"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode not in (0, 1) or not matches(expected, done.stdout):
        said = "\n".join(expected)
        raise PageError(f"$ {command}\nreturned {done.returncode} and printed\n{done.stdout}\nThe page says\n{said}")


if __name__ == "__main__":
    follow(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute())
