"""Builds the int8 kernels. Without a compiler the install goes on, and the kernels' reference in torch serves."""

import platform
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCE = Path("runtime/kernels/source")
X86 = platform.machine().lower() in ("x86_64", "amd64")

# The results are defined to the last bit: no contraction of a product and a sum into one rounding.
FLAGS = "-std=c++17 -O3 -g0 -fvisibility=hidden -ffp-contract=off -fno-math-errno -fno-trapping-math -Wno-psabi".split()
X86_FLAGS = {
    "avx2": ["-mavx2"],
    "avx512vnni": "-mavx2 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -Wno-uninitialized".split(),
}


class BuildKernels(build_ext):
    """One shared library from files that are each built for their own instruction set."""

    def build_extension(self, ext: Extension) -> None:
        flags = [*FLAGS, "-DRK_X86"] if X86 else FLAGS
        objects: list[str] = []
        for source in ext.sources:
            extra = [*flags, *X86_FLAGS.get(Path(source).stem, [])]
            objects += self.compiler.compile([source], self.build_temp, extra_postargs=extra, depends=ext.depends)
        path = self.get_ext_fullpath(ext.name)
        self.compiler.link_shared_object(objects, path, libraries=["pthread"], target_lang="c++")


def kernels() -> Extension:
    sources = sorted(path.as_posix() for path in SOURCE.glob("*.cpp") if X86 or path.stem not in X86_FLAGS)
    headers = sorted(path.as_posix() for path in SOURCE.glob("*.h"))
    return Extension("runtime.kernels._kernels", sources, depends=headers, language="c++", optional=True)


setup(ext_modules=[kernels()] if sys.platform == "linux" else [], cmdclass={"build_ext": BuildKernels})
