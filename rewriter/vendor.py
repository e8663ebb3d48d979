"""`rewriter vendor DIR`: the modules that rewritten source calls, copied into the project, which then needs no runtime.

What the project names decides what is copied: the files that define it, and those that these import. In the copies,
and in the project's own files, `runtime.modules` becomes the folder's own name.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rewriter import __version__
from rewriter.commands import chosen_settings, found
from rewriter.console import OK, complain, put_on_stdout
from rewriter.emit.splice import Splice, apply
from rewriter.files import FileError, put, read, write_atomically
from rewriter.python.names import dotted
from rewriter.python.source import Source, SourceError
from rewriter.report.summary import plural
from rewriter.settings import SettingsError

_DISTRIBUTION = Path(__file__).parents[1]
_MODULES, _CATALOGUE = "runtime.modules", "rewriter.torch_api"
_OPERATIONS = f"{_MODULES}.operations"
_HEADER = f"""\
# Copied from torch-rewriter {__version__}, under the Apache License 2.0.
# rewriter: ignore-file
# flake8: noqa
# fmt: off
"""


class VendorError(Exception):
    """Why nothing can be copied; the message says what to do."""


def vendor(arguments: argparse.Namespace) -> int:
    try:
        settings = chosen_settings(arguments, arguments.paths)
        package = package_of(arguments.folder)
        files = {file: read(file) for file in found(arguments, settings) if file.suffix == ".py"}
        inside = arguments.folder.resolve()
        files = {file: content for file, content in files.items() if not file.resolve().is_relative_to(inside)}
        users = {file: user for file, content in files.items() if (user := _User.of(content, settings.runtime_import))}
        names = frozenset(name for user in users.values() for name in user.names)
        if not names:
            raise VendorError("no file names anything of runtime.modules; run `rewriter fix` first")
        copies = Copies(package, names)
        for place, text in copies.texts():
            put(arguments.folder / place, text.encode())
        for file, user in users.items():
            write_atomically(file, files[file], user.linked_to(package))
    except (SettingsError, FileError, VendorError) as error:
        return complain(str(error))
    put_on_stdout(_said(arguments.folder, package, copies, len(users)).encode())
    return OK


def _said(folder: Path, package: str, copies: Copies, users: int) -> str:
    lines = [
        f"{len(copies.files)} files in {folder}, for {', '.join(sorted(copies.wanted))}",
        f"{plural(users, 'file')} linked to {package}.modules; for the next run, put in pyproject.toml:",
        "[tool.rewriter]",
        f'runtime-import = "{package}"',
    ]
    return "".join(f"{line}\n" for line in lines)


def package_of(folder: Path) -> str:
    """The dotted name under which Python finds a folder: from the first one above it that is not a package."""
    parts, above = [folder.resolve().name], folder.resolve().parent
    while (above / "__init__.py").is_file():
        parts.insert(0, above.name)
        above = above.parent
    if not all(part.isidentifier() for part in parts):
        raise VendorError(f"{folder} cannot be imported: {'.'.join(parts)} is not the name of a package")
    return ".".join(parts)


@dataclass(frozen=True)
class _User:
    """A file that names the modules."""

    source: Source
    runtime: str
    names: frozenset[str]

    @classmethod
    def of(cls, content: bytes, runtime: str) -> _User | None:
        try:
            source = Source.parse(content)
        except SourceError:
            return None
        user = cls(source, runtime, frozenset())
        attributes = (node for node in ast.walk(source.tree) if isinstance(node, ast.Attribute))
        names = frozenset(node.attr for node in attributes if user._is_home(node.value))
        return cls(source, runtime, names) if names else None

    def _is_home(self, node: ast.AST) -> bool:
        """`runtime.modules`, or what the file calls it."""
        return isinstance(node, ast.expr) and ".".join(dotted(node) or []) in self._known_as

    @cached_property
    def _known_as(self) -> set[str]:
        home = f"{self.runtime}.modules"
        imports = (alias for node in ast.walk(self.source.tree) if isinstance(node, ast.Import) for alias in node.names)
        return {home, *(alias.asname for alias in imports if alias.name == home and alias.asname)}

    def linked_to(self, package: str) -> bytes:
        old, source = f"{self.runtime}.modules", self.source
        splices = []
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Attribute) and ".".join(dotted(node) or []) == old:
                splices.append(Splice(source.start(node), source.end(node), f"{package}.modules"))
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name == old:
                        start = source.offset(alias.lineno, alias.col_offset)
                        splices.append(Splice(start, start + len(old), f"{package}.modules"))
        return source.encode(apply(source.text, splices))


@dataclass
class Copies:
    """The files to be copied, with what has to be in each package's `__init__`."""

    package: str
    wanted: frozenset[str]
    """What the project names."""
    files: dict[str, Path] = field(init=False, default_factory=dict)
    """Place below the folder -> the file that is copied there."""

    def __post_init__(self) -> None:
        self.names = set(self.wanted)
        pending = [self._home_of(name) for name in sorted(self.names)]
        while pending:
            module = pending.pop()
            place, file = _place(module), _file(module)
            if place in self.files:
                continue
            self.files[place] = file
            if module not in (_MODULES, "runtime"):
                pending += self._imported(ast.parse(file.read_text(encoding="utf-8")))
            if "." in module and module not in (_MODULES, _CATALOGUE):
                pending.append(module.rpartition(".")[0])

    @cached_property
    def _homes(self) -> dict[str, str]:
        """Name in `runtime.modules` -> the module that defines it; operations are made of the catalogue."""
        tree = ast.parse(_file(_MODULES).read_text(encoding="utf-8"))
        imports = (node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module)
        return {alias.name: str(node.module) for node in imports for alias in node.names if alias.name != "*"}

    def _home_of(self, name: str) -> str:
        return self._homes.get(name, _OPERATIONS)

    def _imported(self, tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not _is_ours(node.module):
                continue
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if _file(whole).is_file():
                    yield whole
                    continue
                if node.module == _MODULES or (node.module == _OPERATIONS and not alias.name.isupper()):
                    self.names.add(alias.name)  # pickle looks for a class where it says that it is
                yield self._home_of(alias.name) if node.module == _MODULES else str(node.module)

    def texts(self) -> Iterator[tuple[str, str]]:
        yield "__init__.py", _HEADER
        for place, file in sorted(self.files.items()):
            if place != "modules/__init__.py":
                yield place, _HEADER + self._linked(file)
        yield "modules/__init__.py", _HEADER + self._front(sorted(self.names))

    def _front(self, names: Iterable[str]) -> str:
        lines = [f"from {self._renamed(self._home_of(name))} import {name}" for name in names]
        text = ['"""The modules that this project calls."""', "", *lines, "", f"__all__ = {sorted(self.names)!r}", ""]
        return "\n".join(text)

    def _linked(self, file: Path) -> str:
        """Its text, with our packages under their new names. What the catalogue calls a module is not an import."""
        source = Source.parse(file.read_bytes())
        is_catalogue = file.is_relative_to(_DISTRIBUTION / "rewriter")
        splices = []
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ImportFrom) and _is_ours(node.module):
                start = source.start(node) + len("from ")
                splices.append(Splice(start, start + len(str(node.module)), self._renamed(str(node.module))))
            elif isinstance(node, ast.Constant) and node.value == _MODULES and not is_catalogue:
                splices.append(Splice(source.start(node), source.end(node), f'"{self._renamed(_MODULES)}"'))
        return apply(source.text, splices)

    def _renamed(self, module: str) -> str:
        below = module.removeprefix("runtime.").removeprefix("rewriter.")
        return f"{self.package}.{below}"


def _is_ours(module: str | None) -> bool:
    return module is not None and (module + ".").startswith((f"{_MODULES}.", f"{_CATALOGUE}."))


def _file(module: str) -> Path:
    path = _DISTRIBUTION.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _place(module: str) -> str:
    return _file(module).relative_to(_DISTRIBUTION / module.split(".")[0]).as_posix()
