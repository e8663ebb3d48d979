"""Python imports this at its start, since `rewriter observe` has put the folder on its path, and what the user has
under the same name is imported in its place.
"""

import importlib.util
import os
import sys


def _begin() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != here]
    sys.path_importer_cache.pop(here, None)
    folder = os.environ.get("REWRITER_OBSERVE")
    if not folder or sys.version_info < (3, 10):
        return
    within = os.path.join(os.path.dirname(here), "within")
    name = "_rewriter_observing"  # none that a program has: the rewriter itself may be one that it imports
    spec = importlib.util.spec_from_file_location(
        name, os.path.join(within, "__init__.py"), submodule_search_locations=[within]
    )
    if spec is not None and spec.loader is not None:
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.begin(folder)


def _of_the_user() -> None:
    ours = sys.modules.pop("sitecustomize")
    try:
        importlib.import_module("sitecustomize")
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = ours


try:
    _begin()
except Exception:  # a program is never kept from running because it cannot be observed
    pass
_of_the_user()
