"""Compiles the int8 kernels into one shared library, which Python loads by ctypes: one for every version of Python.

An install compiles nothing, so that who only lints needs no compiler. The library is built at its first use and kept
under the cache folder by the content of its sources; `python -m runtime build` builds it beforehand. A wheel that was
built with RUNTIME_BUILD_KERNELS=1 carries it. setup.py reads this file by its path: nothing here may need torch.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).parent / "source"
NAME = "_kernels.so"
X86 = platform.machine().lower() in ("x86_64", "amd64")

# The results are defined to the last bit: no contraction of a product and a sum into one rounding.
FLAGS = (
    "-std=c++17 -O3 -g0 -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -fno-trapping-math -Wno-psabi"
).split()
X86_FLAGS = {
    "avx2": ["-mavx2"],
    "avx512vnni": "-mavx2 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -Wno-uninitialized".split(),
}


class BuildError(Exception):
    """The library cannot be built here; the message says why and what to do."""


def built() -> Path:
    """The library of these sources in the cache, built now if it is not there yet."""
    library = _place()
    if library.is_file():
        return library
    compiler = _compiler()  # before a word is said
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        with _only_here(library.parent):
            if not library.is_file():  # another process may have built it while this one waited
                print(f"runtime: building the int8 kernels for {library}, once ...", file=sys.stderr, flush=True)
                build(library, compiler)
    except OSError as error:
        hint = "name a folder that can be written in XDG_CACHE_HOME"
        raise BuildError(f"{library} cannot be written: {error.strerror}; {hint}") from error
    return library


def build(library: Path, compiler: Sequence[str] | None = None) -> None:
    """Compiles every source for its own instruction set and links them. CXX, CXXFLAGS and LDFLAGS are heeded."""
    compiler = compiler or _compiler()
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent, prefix=".build-") as folder:
        sources = _sources()
        objects = [Path(folder) / f"{source.stem}.o" for source in sources]
        commands = [
            [*compiler, *_flags(source), "-c", str(source), "-o", str(place)]
            for source, place in zip(sources, objects, strict=True)
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(_run, commands))
        linked = Path(folder) / NAME
        extra = shlex.split(os.environ.get("LDFLAGS", ""))
        _run([*compiler, "-shared", *map(str, objects), *extra, "-lpthread", "-o", str(linked)])
        linked.replace(library)


def _sources() -> list[Path]:
    """The longest first, so that no processor waits for it at the end."""
    found = [path for path in SOURCE.glob("*.cpp") if X86 or path.stem not in X86_FLAGS]
    return sorted(found, key=lambda path: (path.stem not in X86_FLAGS, path.name))


def _flags(source: Path) -> list[str]:
    flags = [*FLAGS, "-DRK_X86"] if X86 else FLAGS
    return [*flags, *X86_FLAGS.get(source.stem, []), *shlex.split(os.environ.get("CXXFLAGS", ""))]


def _compiler() -> list[str]:
    if sys.platform != "linux":
        raise BuildError(f"the kernels are built on Linux only, not on {sys.platform}")
    if named := os.environ.get("CXX"):
        return shlex.split(named)
    found = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if found is None:
        raise BuildError("there is no C++ compiler: install g++ or clang++, or name one in CXX")
    return [found]


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise BuildError(f"{command[0]} cannot be run: {error.strerror}") from error
    if done.returncode:
        raise BuildError(f"{shlex.join(command)}\nended with {done.returncode}:\n{done.stderr[-4000:]}")


def _place() -> Path:
    """By what goes into it: the sources, the flags, the compiler's name, the processor's family and the C library."""
    digest = hashlib.sha256(repr([_flags(s) for s in _sources()]).encode())
    digest.update(repr((os.environ.get("CXX"), platform.machine(), platform.libc_ver())).encode())
    for source in sorted(SOURCE.iterdir()):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    base = Path(os.environ.get("XDG_CACHE_HOME") or "")
    base = base if base.is_absolute() else Path.home() / ".cache"
    return base / "rewriter" / "kernels" / digest.hexdigest()[:20] / NAME


@contextmanager
def _only_here(folder: Path) -> Iterator[None]:
    """One process of all on this machine: the others wait."""
    import fcntl  # Windows has none, and gets here never

    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
