"""A pure package that installs without a compiler; RUNTIME_BUILD_KERNELS=1 makes a wheel that carries the kernels."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

RECIPE = Path(__file__).parent / "runtime" / "kernels" / "build.py"


def recipe() -> ModuleType:
    """Read by its path: importing `runtime` would need torch."""
    spec = importlib.util.spec_from_file_location("kernels_recipe", RECIPE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class BuildKernels(build_ext):
    def build_extension(self, ext: Extension) -> None:
        recipe().build(Path(self.get_ext_fullpath(ext.name)))

    def get_ext_filename(self, fullname: str) -> str:
        """Without a version of Python: the library is loaded by ctypes."""
        return f"{fullname.replace('.', os.sep)}.so"


class PlatformWheel(bdist_wheel):
    def get_tag(self) -> tuple[str, str, str]:
        python, abi, platform = super().get_tag()
        return ("py3", "none", platform) if platform != "any" else (python, abi, platform)


wanted = os.environ.get("RUNTIME_BUILD_KERNELS") == "1" or "build_ext" in sys.argv
setup(
    ext_modules=[Extension("runtime.kernels._kernels", [])] if wanted else [],
    cmdclass={"build_ext": BuildKernels, "bdist_wheel": PlatformWheel},
)
