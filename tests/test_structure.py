"""How the code is put together: imports run one way, files are short, and fields are typed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rewriter.torch_api.catalogue import ALONE, ROWS

ROOT = Path(__file__).parents[1]
GUEST = "rewriter.observe.within"
"""The package that runs in others' processes, under a name of its own."""


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(tree: ast.Module, module: str, modules: set[str]) -> Iterator[str]:
    """What the file imports of its own distribution, wherever in it."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            is_guest = module.startswith(GUEST)
            assert not node.level or is_guest, f"{module} imports relatively"
            origin = f"{GUEST}.{node.module}" if node.level else node.module
            names = [f"{origin}.{alias.name}" for alias in node.names]
        for name in names:
            found = name if name in modules else name.rpartition(".")[0]
            if found in modules and found != module:
                yield found


def _graph(package: str) -> dict[str, set[str]]:
    paths = {_module(path): path for path in sorted((ROOT / package).rglob("*.py"))}
    return {m: set(_imported(ast.parse(p.read_text()), m, set(paths))) for m, p in paths.items()}


def _circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected parts with more than one module, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = [stack.pop()]
            while part[-1] != node:
                part.append(stack.pop())
            found.append(sorted(part))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return [part for part in found if len(part) > 1]


@pytest.mark.parametrize("package", ["rewriter", "runtime"])
def test_imports_run_one_way(package: str) -> None:
    assert not _circles(_graph(package))


@pytest.mark.parametrize("path", sorted((ROOT / "rewriter").rglob("*.py")), ids=lambda path: _module(path))
def test_a_file_can_be_read_in_one_go(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("folder", ["values", "sites", "changes"])
def test_fields_say_what_they_hold(folder: str) -> None:
    """No field of a value, site or change is `Any` or `object`."""
    for path in sorted((ROOT / "rewriter" / folder).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for field in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(field, ast.AnnAssign):
                    said = {n.id for n in ast.walk(field.annotation) if isinstance(n, ast.Name)}
                    assert not said & {"Any", "object"}, f"{path.name}:{field.lineno}"


def test_what_runs_in_others_processes_imports_python_alone() -> None:
    for path in (ROOT / "rewriter" / "observe" / "within").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert all(name.partition(".")[0] in sys.stdlib_module_names for name in names), path


IMPLEMENTING = {
    "rewriter/values/of_python.py": "Python's own functions of numbers",
    "rewriter/targets/torch_ao/chains.py": "what the other library fuses",
    "runtime/distiller/modules.py": "the other library's names",
    "runtime/inspect/report/page.py": "statistics",
    "runtime/inspect/statistics.py": "statistics",
    "runtime/inspect/summaries.py": "statistics",
    "runtime/int8/allowance.py": "steps of programs",
    "runtime/int8/counterparts/alone.py": "which operation has which counterpart with a kernel of its own",
    "runtime/int8/layouts.py": "steps of programs",
    "runtime/int8/program.py": "steps of programs",
    "runtime/int8/slices.py": "steps of programs",
    "runtime/modules/recurrent/__init__.py": "the classes that files of their own define",
    "runtime/quantization/fusion.py": "where functions come near their limits",
    "runtime/quantization/equalization.py": "layers whose channels can be scaled",
    "runtime/quantization/layer_inputs.py": "layers whose inputs are rows",
}
"""Files that name several operations, as they compute or know something of each that no row says."""


def _names_told(node: ast.AST) -> list[str]:
    """The words of a text, or of all that stand in a list; the last part of classes of torch.nn."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.split()
    parts = [*node.keys] if isinstance(node, ast.Dict) else getattr(node, "elts", [])
    told = [word for part in parts for word in _names_told(part) if isinstance(part, ast.Constant)]
    return told + [p.attr for p in parts if isinstance(p, ast.Attribute) and ast.unparse(p.value) == "nn"]


def test_operations_are_listed_in_the_catalogue_alone() -> None:
    """Whoever wants several asks for a trait: a list of names beside it would fall behind."""
    known = {spelling.name.rpartition(".")[2] for row in ROWS for spelling in row.spellings}
    known |= {target.rpartition(".")[2] for row in (*ROWS, *ALONE) for target in row.targets}
    known = {name for name in known if name.isidentifier()}
    found: dict[str, list[str]] = {}
    for path in sorted([*(ROOT / "rewriter").rglob("*.py"), *(ROOT / "runtime").rglob("*.py")]):
        place = path.relative_to(ROOT).as_posix()
        if place.startswith(("rewriter/torch_api/", "runtime/kernels/")):
            continue
        tree = ast.parse(path.read_text())
        prose = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            told = _names_told(node)
            named = sorted(set(told) & known)
            if len(named) > 2 and 2 * len(named) > len(told) and node not in prose:
                found.setdefault(place, []).extend(named)
    assert {place: found[place] for place in found if place not in IMPLEMENTING} == {}
    assert found.keys() == IMPLEMENTING.keys()


def test_the_model_of_python_asks_nothing_above_it() -> None:
    """It knows of torch what the catalogue says of names, and nothing of values, runs and rules."""
    below = ("rewriter.python", "rewriter.torch_api", "rewriter.results")
    graph = _graph("rewriter")
    asked = {module: sorted(o for o in graph[module] if not o.startswith(below)) for module in graph}
    assert {m: others for m, others in asked.items() if m.startswith("rewriter.python") and others} == {}


READING = "torch_api python values sites interpreter facts changes rules planning emit".split()
"""What reads and rewrites code, each asking only those before it: docs/how-it-reads-code.md."""


def _height(module: str) -> int | None:
    folder = module.split(".")[1] if "." in module else ""
    return READING.index(folder) if folder in READING else None


def test_no_folder_asks_one_above_it() -> None:
    arrows = [(module, other) for module, others in _graph("rewriter").items() for other in others]
    heights = {arrow: (_height(arrow[0]), _height(arrow[1])) for arrow in arrows}
    assert len([pair for pair in heights.values() if None not in pair]) > 500
    assert not [arrow for arrow, (low, high) in heights.items() if low is not None and high is not None and low < high]
