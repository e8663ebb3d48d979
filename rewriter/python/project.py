"""The files of a project, read when somebody asks for them, and what a full name means among them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rewriter.python.answers import Answer, Answers, Question
from rewriter.python.code import STAR, Class, File, Function
from rewriter.python.file_texts import Texts
from rewriter.python.grounds import MODULE, TEXT
from rewriter.python.import_roots import holds_installed, import_root, scope_of
from rewriter.python.of_file import OfFile
from rewriter.python.searched import Searched
from rewriter.python.source import Source, SourceError
from rewriter.python.star_imports import HandedOn, handed_on

_MODULE = Question[str, File | None]("which file would the import of that module run?")
_HANDED_ON = OfFile[Mapping[str, str] | None](
    "what does the file hand on to star imports?", find=handed_on, absent=None
)
_TAKEN_OF = Question[str, Mapping[str, str] | None]("which names does a star import of the module take of it alone?")
_STARS = Question[File, None]("which files does the file take all names of?")
_MEANT = Question[str, Class | Function | None]("which class or function has that full name?")


@dataclass(eq=False)
class Project(Searched):
    """All files under some import roots. Files are parsed at most once, and only on demand."""

    roots: tuple[Path, ...] = ()
    """Where imports start from."""
    texts: Texts = field(default_factory=lambda: Texts(()))
    """The files that may subclass or call each other: packages as a whole, folders given, single files' neighbours."""
    _files: dict[Path, File | None] = field(default_factory=dict)
    _outside: dict[Path, File] = field(default_factory=dict)
    """Files that are not among the texts."""
    _named: dict[str, File] = field(default_factory=dict)
    replaced: Replaced | None = None
    """Which file of which other project this one sees with other content."""
    answers: Answers = field(init=False)
    """What has been found out of the project."""
    _located: Answers = field(init=False)
    """The modules and what full names mean: what does not hang on a file is the same where that is another one."""
    parsed: int = 0
    """Bytes of source that have been parsed."""
    is_part: bool = False
    """There are other files in the tree, and some of all use torch."""

    def __post_init__(self) -> None:
        self.answers, self._located = Answers(self.texts.grounds), Answers(self.texts.grounds)

    @classmethod
    def for_paths(cls, paths: Sequence[Path]) -> Project:
        """Whatever settings exclude is still read: what it says stays true."""
        absolute = [p.absolute() for p in paths]
        roots = tuple(sorted({import_root(p) for p in absolute}))
        return cls(roots, Texts(sorted({scope_of(p) for p in absolute})))

    @classmethod
    def reading(cls, source: Source, path: Path, project: Project | None) -> tuple[Project, File]:
        """The project with that content of one file, and the file; without a project, the one that it belongs to."""
        own = (project or cls.for_paths([path])).with_file(path, source)
        file = own.file(path.absolute())
        assert file is not None
        return own, file

    def add(self, path: Path, source: Source) -> File:
        """The file whose content is `source`, whatever the disk holds."""
        path = path.absolute()
        file = File(path, self._module_name(path), source, beyond=self._stars)
        self._files[path] = self._named[file.module or "__main__"] = file
        if path not in self.texts:
            self._outside[path] = file
        return file

    def with_file(self, path: Path, source: Source) -> Project:
        """This project with that content of one file; whatever does not hang on the file is shared."""
        old = self.file(path.absolute())
        if old is not None and old.source.text == source.text:
            return self
        name = self._module_name(path.absolute()) or "__main__"
        files, outside, named = dict(self._files), dict(self._outside), dict(self._named)
        other = Project(self.roots, self.texts, files, outside, named)
        other._located.keep(_MODULE, self._located, lambda full, file: full != name and file is not old)
        other._located.keep(
            _MEANT,
            self._located,
            lambda full, found: found.file is not old if found else not full.startswith(f"{name}."),
        )
        other.replaced = None if old is None else Replaced(self, old)
        other.answers.apart = self.texts.grounds.place(TEXT, str(path.absolute()))
        other.add(path, source)
        return other

    def forget(self) -> None:
        """Drops what has been found out; where that was broken off, things that were not yet known may be among it."""
        self._located.forget()
        self.answers.forget()

    def _module_name(self, path: Path) -> str:
        for root in (*self.roots, import_root(path)):
            if path.is_relative_to(root):
                parts = path.relative_to(root).with_suffix("").parts
                return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        return path.stem

    @cached_property
    def _stars(self) -> HandedOn:
        return HandedOn(self.module, self.handed_on)

    def file(self, path: Path) -> File | None:
        file = self.file_alone(path)
        return None if file is None else self._consulted(file)

    def file_alone(self, path: Path) -> File | None:
        """The file for those who ask for no name in it."""
        self.texts.grounds.note(TEXT, str(path))
        if path not in self._files:
            self._files[path] = None
            with contextlib.suppress(OSError, SourceError):  # whoever rewrites that file reports it
                content = path.read_bytes()
                self.parsed += len(content)
                self.add(path, Source.parse(content))
        return self._files[path]

    def said_by(self, question: OfFile[Answer], path: Path) -> Answer:
        """What a file says by itself; it need not be parsed where that is known already."""

        def look() -> Answer:
            file = self.file(path) if question.asks_names else self.file_alone(path)
            return question.absent if file is None else question.find(file)

        return self.answers.lasting(question, path, str(path), look)

    def _consulted(self, file: File) -> File:
        self.texts.grounds.note(TEXT, str(file.path))
        if file.stars:  # what its names mean hangs on these modules as well
            self._located.found(_STARS, file, lambda: self._see_stars(file), meanwhile=None)
        return file

    def _see_stars(self, file: File) -> None:
        for star in file.stars:
            if self.handed_on(star) is None:
                self.module(star)

    def handed_on(self, module: str) -> Mapping[str, str] | None:
        """What a module hands on to star imports, where it has none itself."""
        return self._located.found(_TAKEN_OF, module, lambda: self._taken_of(module))

    def _taken_of(self, module: str) -> Mapping[str, str] | None:
        self.texts.grounds.note(MODULE, module)
        path = self.path_of(module)
        if path is None or (module in self._named and self._named[module].path != path):
            return None
        return None if STAR.search(self.texts.text(path)) else self.said_by(_HANDED_ON, path)

    def module(self, name: str) -> File | None:
        """The project's file that `import name` would run."""
        return self._located.found(_MODULE, name, lambda: self._locate(name))

    def _locate(self, name: str) -> File | None:
        self.texts.grounds.note(MODULE, name)
        if name in self._named:
            return self._consulted(self._named[name])
        path = self.path_of(name)
        return self.file(path) if path is not None else None

    def path_of(self, module: str) -> Path | None:
        """Where an import of the module would find it."""
        parts = module.split(".")
        stems = (root.joinpath(*parts) for root in self.roots if module and self._may_import(root, parts[0]))
        paths = (path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py"))
        for path in paths:
            if path.is_file():
                return path
        return None

    def _may_import(self, root: Path, top: str) -> bool:
        """What is installed beside a package is not a part of its project, as it would not be beside its sources."""
        return not holds_installed(root) or not {root, root / top, root / f"{top}.py"}.isdisjoint(self.texts.scopes)

    def find(self, full_name: str) -> Class | Function | None:
        """The class or function of that full name, through re-exports."""
        # The answer meanwhile holds against imports that go in circles.
        return self._located.found(_MEANT, full_name, lambda: self._search(full_name), meanwhile=None)

    def _search(self, full_name: str) -> Class | Function | None:
        if full_name.startswith(("torch.", "builtins.")):
            return None
        for module, rest in _splits(full_name):
            file = self.module(module)
            if file is None:
                continue
            if rest in file.definitions:
                return file.definitions[rest]
            head, _, tail = rest.partition(".")
            meaning = file.names.meaning(head)
            if tail and (self.module(f"{module}.{head}") or (meaning or "").startswith(f"{module}.{head}.")):
                continue  # a module, tried before or out of sight; a name that the package binds would add to it
            target = ".".join([meaning, tail]) if meaning and tail else meaning
            known = bool(target) or self.module(f"{module}.{head}") is not None
            stars = [] if known else self.stars_with(file, head)
            for candidate in [target] if target else [f"{star}.{rest}" for star in stars]:
                if candidate != full_name and (found := self.find(candidate)):
                    return found
        return None

    def alternatives(self, full_name: str, seen: frozenset[str] = frozenset()) -> list[Function]:
        """The function of that full name, or all those that branches define under it, through re-exports."""
        if isinstance(found := self.find(full_name), Function):
            return [found]
        module, _, name = full_name.rpartition(".")
        file = self.module(module) if module and found is None and full_name not in seen else None
        if file is None:
            return []
        if name in file.alternatives:
            return file.alternatives[name]
        meaning = file.names.meaning(name)
        return self.alternatives(meaning, seen | {full_name}) if meaning else []

    def stars_with(self, file: File, name: str) -> list[str]:
        """The modules that a file imports all names of, and that may have that name: it stands in them or below."""
        if not file.names.stars:
            return []
        holding = self.texts.holding(name)
        around = {*holding, *(folder for path in holding for folder in path.parents)}
        found = []
        for star in file.names.stars:
            self.texts.grounds.note(MODULE, star)
            path = self._named[star].path if star in self._named else self.path_of(star)
            if path is not None:
                inside = path.parent if path.name == "__init__.py" else path
                found += [star] if inside in around or path not in self.texts else []
        return found


@dataclass(frozen=True)
class Replaced:
    project: Project
    file: File


def _splits(full_name: str) -> Iterator[tuple[str, str]]:
    """`a.b.c` -> (a.b, c), (a, b.c)."""
    parts = full_name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        yield ".".join(parts[:cut]), ".".join(parts[cut:])
