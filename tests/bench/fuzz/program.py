"""A generated program: files of source text, some of which the rewriter is shown."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

HEADER = ("import torch", "from torch import nn", "import torch.nn.functional as F")


@dataclass(frozen=True)
class Program:
    """`entry` names the module that has `make()`, `inputs()` and perhaps `extra(model)`."""

    files: dict[str, str]
    """What the rewriter is run over, by file name."""
    outside: dict[str, str] = field(default_factory=dict)
    """Files that import the others and that no run of the rewriter sees."""
    entry: str = "model"
    scripted: bool = False
    """Whether `torch.jit.script` is tried as well."""
    traced: bool = False
    """Whether `torch.fx` traces it as well."""
    constructs: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    """The files that the rewriter is run over; none means all of `files`. It may read the others."""
    hazards: tuple[str, ...] = ()
    """The headings in docs/what-changes.md under which something that it does is said to differ."""

    def put(self, folder: Path) -> Places:
        places = Places(folder / "run", folder / "outside")
        for place, files in ((places.run, self.files), (places.outside, self.outside)):
            place.mkdir(parents=True)
            for name, text in files.items():
                (place / name).write_bytes(text.encode())  # line endings stay
        return places

    def with_text(self, name: str, text: str) -> Program:
        if name in self.files:
            return replace(self, files=self.files | {name: text})
        return replace(self, outside=self.outside | {name: text})

    def listing(self) -> str:
        """All files in one text, each below its name; a single file is itself."""
        files = {**self.files, **{f"outside/{name}": text for name, text in self.outside.items()}}
        if len(files) == 1:
            return next(iter(files.values()))
        return "\n".join(f"# ---- {name}\n{text}" for name, text in files.items())


@dataclass(frozen=True)
class Places:
    """Where a program lies: what a run of the rewriter covers, and what stands beside it."""

    run: Path
    outside: Path

    @property
    def both(self) -> list[Path]:
        return [self.outside, self.run]
