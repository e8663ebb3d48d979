"""The files of a project, read when somebody asks for them, and what a full name means among them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rewriter.python.answers import Answers
from rewriter.python.code import Class, File, Function
from rewriter.python.file_texts import Texts
from rewriter.python.source import Source, SourceError
from rewriter.python.star_imports import HandedOn


@dataclass(eq=False)
class Project:
    """All files under some import roots. Files are parsed at most once, and only on demand."""

    roots: tuple[Path, ...] = ()
    """Where imports start from."""
    texts: Texts = field(default_factory=lambda: Texts(()))
    """The files that may subclass or call each other: packages as a whole, folders given, single files' neighbours."""
    _files: dict[Path, File | None] = field(default_factory=dict)
    _outside: dict[Path, File] = field(default_factory=dict)
    """Files that are not among the texts."""
    _named: dict[str, File] = field(default_factory=dict)
    _modules: dict[str, File | None] = field(default_factory=dict)
    _found: dict[str, Class | Function | None] = field(default_factory=dict)
    replaced: Replaced | None = None
    """Which file of which other project this one sees with other content."""
    answers: Answers = field(default_factory=Answers)
    """What has been found out of the project."""
    parsed: int = 0
    """Bytes of source that have been parsed."""
    is_part: bool = False
    """There are other files in the tree, and some of all use torch."""
    asked: set[Path] = field(default_factory=set)
    """Files that are not among the texts, and that were looked for: what was found hangs on whether they are there."""

    @classmethod
    def for_paths(cls, paths: Sequence[Path]) -> Project:
        """Whatever settings exclude is still read: what it says stays true."""
        absolute = [p.absolute() for p in paths]
        roots = tuple(sorted({import_root(p) for p in absolute}))
        return cls(roots, Texts(sorted({_scope(p) for p in absolute})))

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
        kept = {
            full: found
            for full, found in self._found.items()
            if (found.file is not old if found else not full.startswith(f"{name}."))
        }
        modules = {full: file for full, file in self._modules.items() if full != name and file is not old}
        files, outside, named = dict(self._files), dict(self._outside), dict(self._named)
        other = Project(self.roots, self.texts, files, outside, named, modules, kept, asked=self.asked)
        other.replaced = None if old is None else Replaced(self, old)
        other.add(path, source)
        return other

    def forget(self) -> None:
        """Drops what has been found out; where that was broken off, things that were not yet known may be among it."""
        self._found.clear()
        self.answers.forget()

    def _module_name(self, path: Path) -> str:
        for root in (*self.roots, import_root(path)):
            if path.is_relative_to(root):
                parts = path.relative_to(root).with_suffix("").parts
                return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        return path.stem

    @cached_property
    def _stars(self) -> HandedOn:
        return HandedOn(self.module)

    def file(self, path: Path) -> File | None:
        if path not in self._files:
            self._files[path] = None
            with contextlib.suppress(OSError, SourceError):  # whoever rewrites that file reports it
                content = path.read_bytes()
                self.parsed += len(content)
                self.add(path, Source.parse(content))
        return self._files[path]

    def module(self, name: str) -> File | None:
        """The project's file that `import name` would run."""
        if name not in self._modules:
            self._modules[name] = self._locate(name)
        return self._modules[name]

    def _locate(self, name: str) -> File | None:
        if name in self._named:
            return self._named[name]
        path = self._path(name)
        return self.file(path) if path is not None else None

    def _path(self, module: str) -> Path | None:
        parts = module.split(".")
        stems = (root.joinpath(*parts) for root in self.roots if module and self._may_import(root, parts[0]))
        paths = (path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py"))
        for path in paths:
            if path not in self.texts:
                self.asked.add(path)
            if path.is_file():
                return path
        return None

    def _may_import(self, root: Path, top: str) -> bool:
        """What is installed beside a package is not a part of its project, as it would not be beside its sources."""
        return not holds_installed(root) or not {root, root / top, root / f"{top}.py"}.isdisjoint(self.texts.scopes)

    def find(self, full_name: str) -> Class | Function | None:
        """The class or function of that full name, through re-exports."""
        if full_name not in self._found:
            self._found[full_name] = None  # holds against imports that go in circles
            self._found[full_name] = self._search(full_name)
        return self._found[full_name]

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
            path = self._named[star].path if star in self._named else self._path(star)
            if path is not None:
                inside = path.parent if path.name == "__init__.py" else path
                found += [star] if inside in around or path not in self.texts else []
        return found

    def files_meaning(self, function: Function) -> Iterator[File]:
        """The files in which the function's name may mean it: its own, and those where it means nothing else.

        Its own comes first, then those that say the name of its module, as whoever imports it does.
        """
        name, own = function.node.name, function.file
        near = set(self.texts.holding(own.module.rpartition(".")[2]))
        for path in sorted(self.texts.holding(name), key=lambda path: (path != own.path, path not in near)):
            if path != function.file.path and self.texts.defines(path, name):
                continue
            file = self.file(path)
            if file is not None and (file is function.file or self._may_mean(file, function)):
                yield file
        if function.file.path not in self.texts:
            yield function.file

    def _may_mean(self, file: File, function: Function) -> bool:
        name = function.node.name
        meaning = file.names.meaning(name) if name in file.names.bindings else None
        found = self.find(meaning) if meaning else None
        return found is None or found is function

    def files_mentioning(self, word: str, other: str = "") -> Iterator[File]:
        """Every file that has the words in its text; the others are not even parsed."""
        wanted = set(self.texts.holding(other)) if other else set()
        yield from self._parsed([path for path in self.texts.holding(word) if not other or path in wanted])
        yield from [file for file in self._outside.values() if word in file.source.text and other in file.source.text]

    def may_use(self, word: str) -> bool:
        """Whether any file has the word in its text; none is parsed."""
        return bool(self.texts.holding(word)) or any(word in file.source.text for file in self._outside.values())

    def files_matching(self, pattern: re.Pattern[bytes]) -> Iterator[File]:
        """Every file in whose text the pattern is found."""
        yield from self._parsed(self.texts.matching(pattern))
        yield from [file for file in self._outside.values() if pattern.search(file.source.text.encode())]

    def files_defining(self, name: str) -> Iterator[File]:
        """Every file that may have a function or method of that name."""
        yield from self._parsed(self.texts.defining(name))
        yield from [file for file in self._outside.values() if name in file.source.text]

    def may_define(self, name: str) -> bool:
        """Whether any file may have a function or method of that name; none is parsed."""
        return bool(self.texts.defining(name)) or any(f"def {name}" in f.source.text for f in self._outside.values())

    def files_deriving(self, word: str) -> Iterator[File]:
        """Every file that may have a class with a base of that name."""
        yield from self._parsed(self.texts.deriving(word))
        yield from [file for file in self._outside.values() if word in file.source.text]

    def _parsed(self, paths: Sequence[Path]) -> Iterator[File]:
        for path in paths:
            if file := self.file(path):
                yield file


@dataclass(frozen=True)
class Replaced:
    project: Project
    file: File


def _scope(path: Path) -> Path:
    """The whole package that a path belongs to; a path in no package stands for itself."""
    root = import_root(path)
    folder = path if path.is_dir() else path.parent
    return folder if folder == root and path.is_dir() else root / path.relative_to(root).parts[0]


def _splits(full_name: str) -> Iterator[tuple[str, str]]:
    """`a.b.c` -> (a.b, c), (a, b.c)."""
    parts = full_name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        yield ".".join(parts[:cut]), ".".join(parts[cut:])


def import_root(path: Path) -> Path:
    """The folder that the file's imports start from: the first one above that is not a package."""
    folder = path if path.is_dir() else path.parent
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
    return folder


def holds_installed(root: Path) -> bool:
    """Whether a folder holds packages that have nothing to do with each other."""
    return root.name in ("site-packages", "dist-packages")
