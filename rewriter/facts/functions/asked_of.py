"""Which functions may come to a place where code asks a function for its parameters, found from there backwards."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rewriter.python.answers import Question
from rewriter.python.code import File, Function, FunctionNode
from rewriter.python.names import last_name, local_names
from rewriter.python.project import Project
from rewriter.python.trees import children, named_parameters, returns_in, walk

ANY = ""
"""Any function that code hands on."""
_ABOVE = Question[None, Mapping[ast.AST, ast.AST]]("what holds each node of the file?")
_HOLDING = ast.IfExp | ast.BoolOp | ast.NamedExpr | ast.List | ast.Tuple | ast.Set | ast.Dict
_PLAIN = frozenset({"str", "int", "float", "bool", "bytes"})
_Home = ast.FunctionDef | ast.AsyncFunctionDef


def above(file: File) -> Mapping[ast.AST, ast.AST]:
    return file.answers.found(
        _ABOVE, None, lambda: {child: node for node in walk(file.source.tree) for child in children(node)}
    )


@dataclass
class Asked:
    """Gathers the names of the functions; of one that is looked up, the form of its name, as `get_*_features`."""

    project: Project
    names: set[str] = field(default_factory=set)
    _seen: set[tuple[object, str]] = field(default_factory=set)

    def asked(self, node: ast.expr | None, file: File) -> None:
        """Code asks what the expression says, or one of its members."""
        if isinstance(node, ast.Attribute):
            self.names.add(node.attr)
            self._kept(node.attr)
        elif isinstance(node, ast.Name):
            self._named(node, file)
        elif isinstance(node, ast.Call):
            self._returned_by(node, file)
        elif isinstance(node, _HOLDING):
            for part in _parts(node):
                self.asked(part, file)
        elif node is not None and not isinstance(node, ast.Constant | ast.Lambda):
            self.names.add(ANY)

    def _returned_by(self, call: ast.Call, file: File) -> None:
        name = file.names.full_name(call.func)
        if name == "functools.partial" and call.args:
            self.asked(call.args[0], file)
        elif isinstance(call.func, ast.Name) and call.func.id == "getattr" and len(call.args) > 1:
            self.names.add(_form(call.args[1]))
            for default in call.args[2:]:
                self.asked(default, file)
        else:
            self._of_project(last_name(call.func))

    def _of_project(self, name: str) -> None:
        """What functions of that name return, whatever they are called on."""
        if (False, name) in self._seen:
            return
        self._seen.add((False, name))
        found = False
        for file in self.project.files_defining(name) if name else ():
            for node in (n for n in above(file) if isinstance(n, FunctionNode) and n.name == name):
                found = True
                for returned in returns_in(node.body) if not _returns_text(node) else ():
                    self.asked(returned.value, file)
        if not found:
            self.names.add(ANY)

    def _kept(self, attribute: str) -> None:
        """What objects and classes have under the name."""
        if (None, attribute) in self._seen:
            return
        self._seen.add((None, attribute))
        for file in self.project.files_mentioning(attribute):
            for target, value in _stores(file.source.tree):
                of_class = isinstance(target, ast.Name) and isinstance(_around(target, file, 2), ast.ClassDef)
                if last_name(target) == attribute and (of_class or isinstance(target, ast.Attribute)):
                    self.asked(value, file)

    def _named(self, name: ast.Name, file: File) -> None:
        home = home_of(name, file)
        if isinstance(home, ast.Lambda):
            self.names.add(ANY)
            return
        if home is None:
            self.names.add(name.id)
        if ((home or file), name.id) in self._seen:
            return
        self._seen.add(((home or file), name.id))
        for target, value in _stores(home or file.source.tree):
            if isinstance(target, ast.Name) and target.id == name.id and home_of(target, file) is home:
                self.asked(value, file)
        if home is not None and is_parameter(home, name.id):
            self.given(home, name.id, file)

    def given(self, home: _Home, parameter: str, file: File, first: bool = False) -> None:
        """What callers give a parameter, and what stands there by default; nobody says, where none is to be seen."""
        self.asked(_default(home, parameter), file)
        owner = above(file).get(home)
        if home.name == "__init__" and isinstance(owner, ast.ClassDef):
            self._constructed(owner.name, home, parameter)
            return
        uses = [(node, other) for other in self.project.files_mentioning(home.name) for node in _uses(home.name, other)]
        uses = [(node, other) for node, other in uses if not self._is_another(node, home, other)]
        for node, other in uses:
            self._use(node, home, parameter, other)
        if first and not uses:
            self.names.add(ANY)

    def _is_another(self, node: ast.expr, home: _Home, file: File) -> bool:
        """Whether the name is that of another function."""
        full = file.names.full_name(node) if home_of(node, file) is None else None
        found = self.project.find(full) if full is not None else None
        return isinstance(found, Function) and found.node is not home

    def _constructed(self, name: str, home: _Home, parameter: str) -> None:
        """`Kind(function)`, and `super().__init__(function)` in what derives from it."""
        if (name, parameter) in self._seen:
            return
        self._seen.add((name, parameter))
        for file in self.project.files_mentioning(name):
            for node in above(file):
                if isinstance(node, ast.Call) and last_name(node.func) == name:
                    self._argument(node, home, parameter, file, bound=True)
                elif isinstance(node, ast.ClassDef) and name in map(last_name, node.bases):
                    for call in (n for n in walk(node) if isinstance(n, ast.Call) and last_name(n.func) == "__init__"):
                        self._argument(call, home, parameter, file)
                    if not any(isinstance(s, FunctionNode) and s.name == "__init__" for s in node.body):
                        self._constructed(node.name, home, parameter)

    def _use(self, node: ast.expr, home: _Home, parameter: str, file: File) -> None:
        user = above(file).get(node)
        if isinstance(user, ast.Call) and user.func is node:
            self._argument(user, home, parameter, file)
        elif isinstance(user, ast.Call) and (attribute := _wrapped_as(user, file)):
            for call in (n for n in above(file) if isinstance(n, ast.Call) and last_name(n.func) == attribute):
                self._argument(call, home, parameter, file)
        elif isinstance(user, ast.Assign) and len(user.targets) == 1 and (alias := last_name(user.targets[0])):
            self._through(alias, home, parameter, file)
        elif isinstance(user, FunctionNode | ast.ClassDef) and node in user.decorator_list:
            self.names.add(user.name)
        elif isinstance(user, ast.Return) and isinstance(outer := _around(home, file, 1), FunctionNode):
            self._decorates(outer, home, parameter)
        elif not isinstance(user, ast.Attribute):
            self.names.add(ANY)

    def _through(self, alias: str, home: _Home, parameter: str, file: File) -> None:
        """`run = self.mix`, which is called by that name."""
        if (alias, home.name + parameter) not in self._seen:
            self._seen.add((alias, home.name + parameter))
            for node in (n for n in _uses(alias, file) if isinstance(n.ctx, ast.Load)):
                self._use(node, home, parameter, file)

    def _decorates(self, outer: _Home, inner: _Home, parameter: str) -> None:
        """`@deprecated("old")` and `deprecated("old")(function)` give it to the function that is returned."""
        for file in self.project.files_mentioning(outer.name):
            for node in (n for n in above(file) if isinstance(n, ast.Call) and last_name(n.func) == outer.name):
                user = above(file).get(node)
                if isinstance(user, FunctionNode | ast.ClassDef):
                    self.names.add(user.name)
                elif isinstance(user, ast.Call) and user.func is node:
                    self._argument(user, inner, parameter, file)
                elif not isinstance(user, ast.Return | ast.Expr):
                    self.names.add(ANY)

    def _argument(self, call: ast.Call, home: _Home, parameter: str, file: File, bound: bool = False) -> None:
        found = next((k.value for k in call.keywords if k.arg == parameter), None)
        positions = [a.arg for a in (*home.args.posonlyargs, *home.args.args)]
        index = positions.index(parameter) if parameter in positions else len(call.args)
        index -= bool(positions) and positions[0] in ("self", "cls") and (bound or not _names_class(call.func))
        before = call.args[: index + 1]
        if found is None and any(isinstance(a, ast.Starred) for a in before):
            self.names.add(ANY)
        elif found is None and 0 <= index < len(call.args):
            found = call.args[index]
        self.asked(found, file)
        if found is None and any(k.arg is None for k in call.keywords):
            self._by_keyword(parameter)

    def _by_keyword(self, parameter: str) -> None:
        """What a dict has under the name, which is spread in a call: it was put there by name."""
        if (True, parameter) in self._seen:
            return
        self._seen.add((True, parameter))
        for file in self.project.files_mentioning(parameter):
            for node in above(file):
                if isinstance(node, ast.keyword) and node.arg == parameter:
                    self.asked(node.value, file)
                elif isinstance(node, ast.Dict):
                    for key, value in zip(node.keys, node.values, strict=True):
                        if isinstance(key, ast.Constant) and key.value == parameter:
                            self.asked(value, file)


def _uses(name: str, file: File) -> list[ast.Name | ast.Attribute]:
    return [n for n in above(file) if isinstance(n, ast.Name | ast.Attribute) and last_name(n) == name]


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.NamedExpr):
        yield node.value
    elif isinstance(node, ast.BoolOp | ast.Dict):
        yield from node.values
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        yield from node.elts


def _form(name: ast.expr) -> str:
    """What a name that is put together may be, as a pattern of a shell."""
    if isinstance(name, ast.Constant):
        return str(name.value)
    if isinstance(name, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in name.values)
    return ANY


def _around(node: ast.AST, file: File, steps: int) -> ast.AST | None:
    found: ast.AST | None = node
    for _ in range(steps):
        found = above(file).get(found) if found is not None else None
    return found


def home_of(name: ast.expr, file: File) -> _Home | ast.Lambda | None:
    """The function that the variable is one of."""
    found = above(file).get(name)
    while found is not None:
        if (
            isinstance(name, ast.Name)
            and isinstance(found, FunctionNode | ast.Lambda)
            and name.id in local_names(found)
        ):
            return found
        found = above(file).get(found)
    return None


def is_parameter(home: _Home, name: str) -> bool:
    spec = home.args
    return any(argument.arg == name for argument in named_parameters(spec))


def _default(home: _Home, parameter: str) -> ast.expr | None:
    spec = home.args
    places = [*spec.posonlyargs, *spec.args]
    defaults = dict(zip((a.arg for a in reversed(places)), reversed(spec.defaults), strict=False))
    defaults.update((a.arg, d) for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None)
    return defaults.get(parameter)


def _stores(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Each target with what it is set to, or with that from which a loop takes its members."""
    for node in walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((target, node.value) for target in node.targets)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            yield node.target, node.value
        elif isinstance(node, ast.For | ast.comprehension):
            yield node.target, node.iter


def _returns_text(function: _Home) -> bool:
    """`-> str | None`, and other values that nobody calls."""
    nodes = list(walk(function.returns)) if function.returns is not None else []
    names = [n for n in nodes if isinstance(n, ast.Name | ast.Constant)]
    return bool(names) and all(n.id in _PLAIN if isinstance(n, ast.Name) else n.value is None for n in names)


def _wrapped_as(call: ast.Call, file: File) -> str:
    """`mix` in `self.mix = runtime.modules.Function(mix)`."""
    user = above(file).get(call)
    is_stored = isinstance(user, ast.Assign) and ast.unparse(call.func).endswith(".modules.Function")
    return last_name(user.targets[0]) if is_stored and isinstance(user, ast.Assign) else ""


def _names_class(func: ast.expr) -> bool:
    """`Base.mix(self, function)`"""
    return isinstance(func, ast.Name) or (isinstance(func, ast.Attribute) and last_name(func.value)[:1].isupper())
