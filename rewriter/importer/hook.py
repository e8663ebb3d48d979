"""The finder and the loader that put rewritten source in the place of what is imported."""

from __future__ import annotations

import contextlib
import linecache
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType, TracebackType

from rewriter.importer.library import Library, RewriteWarning
from rewriter.results import FileResult
from rewriter.runtime_link import foreign_at_import
from rewriter.settings import Settings

# What rewritten code and the rewriter are made of, beside Python's own library.
FOUNDATIONS = frozenset({"torch", "rewriter", "libcst"})


class RewriteError(Exception):
    """What was asked for cannot be done; the message says why, and what to do."""


def rewriting(*packages: str, settings: Settings | None = None) -> Rewriting:
    """Rewrites these packages or modules, and all below them, when they are imported inside the `with` block."""
    return Rewriting(packages, settings or Settings())


class Rewriting(MetaPathFinder):
    """A context manager. It outlives its block in one thing: a module that it loaded is reloaded rewritten."""

    def __init__(self, packages: tuple[str, ...], settings: Settings) -> None:
        _refuse_unusable(packages, settings)
        self.packages = packages
        self._library = Library(settings)
        self._active = False

    @property
    def results(self) -> dict[str, FileResult]:
        """What was found in each file that was imported, by module name."""
        return self._library.results

    def __enter__(self) -> Rewriting:
        self._refuse_imported()
        if (problem := foreign_at_import(self._library.settings.runtime_import)) is not None:
            raise RewriteError(problem)
        self._active = True
        self._leave_meta_path()
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._active = False
        self._library.forget_files()
        if not self.results:
            self._leave_meta_path()
        for package in self.packages if kind is None else ():
            if not any(_is_below(name, package) for name in sys.modules):
                message = f"nothing called {package!r} was imported inside the block that rewrites it"
                warnings.warn(message, RewriteWarning, stacklevel=2)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self._concerns(fullname, target):
            return None
        spec = self._as_it_is(fullname, path, target)
        loader = spec and spec.loader
        if spec is None or isinstance(loader, RewritingLoader | ExtensionFileLoader):
            return spec
        if type(loader) is SourceFileLoader:  # a subclass does something of its own that must not be lost
            spec.loader = RewritingLoader(fullname, loader.path, self._library)
        elif spec.has_location:
            name = type(loader).__name__
            message = f"{spec.origin} is imported as it is: it comes through {name}, not straight from a source file"
            warnings.warn(message, RewriteWarning, stacklevel=2)
        return spec

    def _leave_meta_path(self) -> None:
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(self)

    def _concerns(self, name: str, target: ModuleType | None) -> bool:
        if self._active:
            return any(_is_below(name, package) for package in self.packages)
        loader = _loader(target)  # a module is given when it is reloaded
        if not isinstance(loader, RewritingLoader) or loader.library is not self._library:
            return False
        self._library.forget_files()
        return True

    def _as_it_is(self, name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        """What Python would have found; the finders before this one have been asked already."""
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            find = getattr(finder, "find_spec", lambda *_: None)
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                return spec
        return None

    def _refuse_imported(self) -> None:
        for package in self.packages:
            before = [
                name
                for name, module in list(sys.modules.items())
                if _is_below(name, package) and type(_loader(module)) is SourceFileLoader
            ]
            if before:
                raise RewriteError(
                    f"{min(before)} has been imported already and would stay as it is: enter the block before anything "
                    f"imports it, or start the program with `python -m rewriter run SCRIPT --rewrite {package}`"
                )


class RewritingLoader(SourceFileLoader):
    """Runs rewritten source. `__file__` stays the original's; file and lines of the code are those in the cache."""

    def __init__(self, fullname: str, path: str, library: Library) -> None:
        super().__init__(fullname, path)
        self.library = library
        self._rewritten: Path | None = None

    def get_code(self, fullname: str) -> CodeType | None:
        self._rewritten = self.library.rewritten(fullname, Path(self.path))
        linecache.cache.pop(self.path, None)
        if self._rewritten is None:
            return super().get_code(fullname)
        self._show_in_place_of_the_original()
        try:  # by a loader of its own, so that bytecode is looked for beside the rewritten source, not the original
            return SourceFileLoader(fullname, str(self._rewritten)).get_code(fullname)
        except (EOFError, ValueError, TypeError):  # damaged bytecode
            return self.source_to_code(self._rewritten.read_bytes(), str(self._rewritten))

    def get_source(self, fullname: str) -> str | None:
        if self._rewritten is None:
            return super().get_source(fullname)
        return SourceFileLoader(fullname, str(self._rewritten)).get_source(fullname)

    def _show_in_place_of_the_original(self) -> None:
        """`inspect` looks classes up under `__file__`; an entry without a time is not held against the disk."""
        lines = linecache.getlines(str(self._rewritten))
        linecache.cache[self.path] = (sum(map(len, lines)), None, lines, self.path)


def _is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _loader(module: ModuleType | None) -> object:
    return getattr(getattr(module, "__spec__", None), "loader", None)


def _refuse_unusable(packages: tuple[str, ...], settings: Settings) -> None:
    if not packages:
        raise RewriteError("name at least one package to rewrite")
    for package in packages:
        if not all(part.isidentifier() for part in package.split(".")):
            raise RewriteError(f"expected the dotted name of a package or module, not {package!r}")
        top = package.split(".")[0]
        if top in FOUNDATIONS | sys.stdlib_module_names or top == settings.runtime_import.split(".")[0]:
            raise RewriteError(f"{package} cannot be rewritten: {top} is what rewriting or rewritten code rests on")
