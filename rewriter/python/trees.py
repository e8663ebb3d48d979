"""Walking syntax trees: what the rewriter does more often than anything else, so quicker than `ast` does it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp

# What holds no nodes, or only the marks that say whether a name is read or which operator stands there.
_BARE = frozenset(
    {"ctx", "op", "ops", "id", "attr", "arg", "kind", "type_comment", "type_ignores", "module", "level", "simple",
     "conversion", "is_async", "name", "asname", "rest", "kwd_attrs", "tag"}
)  # fmt: skip
_BARE_OF: dict[type[ast.AST], frozenset[str]] = {
    ast.Constant: frozenset({"value"}), ast.Global: frozenset({"names"}), ast.Nonlocal: frozenset({"names"}),
    ast.MatchSingleton: frozenset({"value"}),
}  # fmt: skip


class _Fields(dict[type[ast.AST], tuple[str, ...]]):
    """The fields of each kind of node that hold other nodes."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        bare = _BARE | _BARE_OF.get(kind, frozenset())
        self[kind] = tuple(field for field in kind._fields if field not in bare)
        return self[kind]


_FIELDS = _Fields()
_WALKED_OFTEN = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes right below one, in order, without contexts and operators."""
    found: list[ast.AST] = []
    for field in _FIELDS[node.__class__]:
        value = getattr(node, field)
        if value.__class__ is list:
            found += value if None not in value else [v for v in value if v is not None]
        elif value is not None:
            found.append(value)
    return found


class Transformer(ast.NodeTransformer):
    """ast.NodeTransformer, which does not go to contexts and operators."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field in _FIELDS[node.__class__]:
            old = getattr(node, field, None)
            if old.__class__ is list:
                old[:] = self._visited(old)
            elif isinstance(old, ast.AST):
                new = self.visit(old)
                if new is not old:
                    setattr(node, field, new)
        return node

    def _visited(self, nodes: list[ast.AST | None]) -> list[ast.AST | None]:
        """Each is taken for one node: nothing is taken out or added here."""
        return [self.visit(node) if isinstance(node, ast.AST) else node for node in nodes]


def walk(tree: ast.AST) -> Sequence[ast.AST]:
    """The nodes in the order of ast.walk, without contexts (`ast.Load`) and operators (`ast.Add`).

    What is below a file, class or function is found out once: a tree that is changed is one for `walk_anew`.
    """
    if not isinstance(tree, _WALKED_OFTEN):
        return walk_anew(tree)
    if (known := tree.__dict__.get("_walked")) is None:
        known = tree.__dict__["_walked"] = walk_anew(tree)
    nodes: list[ast.AST] = known
    return nodes


def walk_anew(tree: ast.AST) -> list[ast.AST]:
    """The same of a tree that is changed, as it stands now."""
    found = [tree]
    for node in found:  # which grows on the way
        found += children(node)
    return found


def begin_of(node: ast.expr | ast.stmt) -> tuple[int, int]:
    """Where it begins in its file. Several statements may share a line, so that lines alone tell no order."""
    return node.lineno, node.col_offset


def end_of(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or 0


def named_parameters(spec: ast.arguments) -> list[ast.arg]:
    """All but those that take whatever is left."""
    return [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]


def returns_in(statements: Iterable[ast.AST]) -> Iterator[ast.Return]:
    """Where the function returns whose statements these are; the functions inside it return to whoever calls them."""
    for node in statements:
        if isinstance(node, ast.Return):
            yield node
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield from returns_in(children(node))


def path_to(place: ast.AST, tree: ast.AST) -> Iterator[ast.AST]:
    """From the tree down to what holds the place."""
    node: ast.AST | None = tree
    while node is not None and node is not place:
        yield node
        node = next((c for c in children(node) if any(n is place for n in walk(c))), None)


def assigned_once(tree: ast.AST, name: str) -> ast.expr | None:
    """What the one statement that sets a variable sets it to."""
    stores = [n for n in walk(tree) if isinstance(n, ast.Name) and n.id == name and not isinstance(n.ctx, ast.Load)]
    made = [n.value for n in walk(tree) if isinstance(n, ast.Assign) and n.targets == stores]
    return made[0] if len(stores) == 1 and made else None


def texts_in(display: ast.List | ast.Tuple | ast.Set) -> list[str] | None:
    """The members, where all of them are texts."""
    texts = [e.value for e in display.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
    return texts if len(texts) == len(display.elts) else None


def is_left_to_others(body: list[ast.stmt]) -> bool:
    """Whether a function says nothing, or raises at once: one of that name in another class says what it does."""
    return all(
        isinstance(statement, ast.Pass | ast.Raise)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in body
    )


def adds_to_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """`@weight.setter`."""
    return any(
        isinstance(d, ast.Attribute) and d.attr in ("setter", "deleter") and ast.unparse(d.value) == node.name
        for d in node.decorator_list
    )
