"""Evaluates expressions to abstract values, in evaluation order."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from rewriter.facts import values as v
from rewriter.facts.interpreter.state import Bound, Frame, Local, Site, SiteNode, State, most
from rewriter.facts.project import Class, Function
from rewriter.facts.tables import find_table
from rewriter.facts.trees import children
from rewriter.facts.values import Kind, Value
from rewriter.torch_api import catalogue, tensors

if TYPE_CHECKING:
    from rewriter.facts.knowledge import Knowledge

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@", ast.USub: "unary -",
}  # fmt: skip

_NUMBERS = frozenset({"math.pi", "math.e", "math.tau", "math.inf", "math.nan", "numpy.pi"})
_NEVER_TENSOR = frozenset({Kind.STRING, Kind.SEQUENCE, Kind.DICT, Kind.CLASS, Kind.FUNCTION, Kind.MODULE})


class Methods(dict[type[ast.AST], str]):
    """The method that is for one kind of node: `_binop` for ast.BinOp."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def __missing__(self, kind: type[ast.AST]) -> str:
        self[kind] = self.prefix + kind.__name__.lower()
        return self[kind]


_METHODS = Methods("_")


class Expressions:
    """The part of the interpreter that gives every expression a value. Calls are evaluated by the subclass."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.state = State()
        self.frames: list[Frame] = []
        self.entered: set[Function] = set()
        """Every function that the run came through, but for methods of objects that are no modules."""
        self.entered_plain: set[Function] = set()
        """Those methods."""
        self.recursive: set[Function] = set()
        """The functions among all these that come back to themselves."""
        self.entered_at: dict[tuple[Function, Function], ast.stmt] = {}
        """For a function around another one: the statement of the outer by which the run first came to the inner."""
        self.calls: dict[Function, dict[ast.Call, bool]] = {}
        """The calls of each method; whether the entry function itself makes it, once, and on its own object."""
        self.running: list[ast.AST] = []
        """The lambdas and nested functions that are being run."""
        self.sites: dict[ast.AST, Site] = {}
        self.values: dict[ast.expr, Value] = {}
        self.settled: dict[str, Value] = {}
        """What earlier rounds have shown of values that were taken for tensors."""
        self.absent: set[str] = set()
        """Names that were read where no variable was known by them."""
        self.followed = 0
        """How many calls the run has followed into other functions."""
        self.demands: dict[str, Value] = {}
        """What was taken for a tensor and turned out to be something else: arguments of forward, results of calls."""

    @property
    def frame(self) -> Frame:
        return self.frames[-1]

    def evaluate(self, node: ast.expr) -> Value:
        method: Callable[[ast.expr], Value] = getattr(self, _METHODS[node.__class__], self._other)
        value = method(node)
        before = self.values.get(node)
        self.values[node] = value if before is None else v.join(before, value)
        return value

    def _other(self, node: ast.expr) -> Value:
        for child in children(node):
            if isinstance(child, ast.expr):
                self.evaluate(child)
        return v.UNKNOWN

    def _constant(self, node: ast.Constant) -> Value:
        if node.value is None:
            return v.NONE
        if isinstance(node.value, str | bytes):
            return v.STRING
        return v.NUMBER if isinstance(node.value, int | float | complex) else v.OTHER

    def _joinedstr(self, node: ast.JoinedStr) -> Value:
        return v.STRING  # what is formatted changes no value, and its positions are wrong before Python 3.12

    def _name(self, node: ast.Name) -> Value:
        if node.id in self.state.variables:
            return self.state.variables[node.id]
        self.absent.add(node.id)
        if node.id in self.frame.function.locals:
            return v.UNKNOWN
        return self.meaning(node)

    def meaning(self, node: ast.expr) -> Value:
        """The value of a global name or dotted path."""
        name = self.global_name(node)
        if name is None:
            return v.UNKNOWN
        if name.startswith("torch."):
            return self._torch_object(name)
        if name.startswith("runtime.modules.") or name.endswith((".modules.Function", ".modules.Call")):
            return v.of(Kind.CLASS if name.rpartition(".")[2][:1].isupper() else Kind.FUNCTION, ref=name)
        found = self.knowledge.project.find(name)
        if isinstance(found, Function):
            return v.of(Kind.FUNCTION, ref=found)
        if isinstance(found, Class):
            return v.of(Kind.CLASS, ref=found)
        if (static := self._static_method(name)) is not None:
            return v.of(Kind.FUNCTION, ref=static)
        if self._is_table(name):
            return v.dictionary(v.ANY_OPERATION)
        if name in _NUMBERS or name.startswith("sys."):
            return v.NUMBER if name in _NUMBERS else v.OTHER
        if name.startswith("math."):
            return v.of(Kind.FUNCTION, ref=name)
        if (table := find_table(self.knowledge.hierarchy, name)) is not None:
            held = v.of(Kind.FUNCTION, ref=v.Choice(frozenset({table})))
            return v.Value(frozenset({Kind.DICT}), element=held, ref=table)
        return v.Value(frozenset({Kind.UNKNOWN}), ref=name)

    def _is_table(self, name: str) -> bool:
        """A module-level dict of functions of torch."""
        module, _, variable = name.rpartition(".")
        file = self.knowledge.project.module(module) if module else None
        return file is not None and variable in file.tables

    def _static_method(self, name: str) -> Bound | None:
        """`Net.mix`, a method that needs no object."""
        head, _, tail = name.rpartition(".")
        cls = self.knowledge.project.find(head) if head else None
        method = self.knowledge.hierarchy.lineage(cls).method(tail) if isinstance(cls, Class) else None
        return Bound(method, cls, False) if isinstance(cls, Class) and method is not None and method.is_static else None

    def _torch_object(self, name: str) -> Value:
        if tensors.is_constant(name):
            return v.NUMBER if tensors.is_number(name) else v.OTHER
        kind = Kind.CLASS if name.rpartition(".")[2][:1].isupper() else Kind.FUNCTION
        return v.of(kind, ref=name)

    def global_name(self, node: ast.expr) -> str | None:
        """The full name of an expression that reads no local variable."""
        return self.frame.function.global_name(node)

    def _attribute(self, node: ast.Attribute) -> Value:
        if self.global_name(node):
            return self.meaning(node)
        receiver = self.evaluate(node.value)
        return self.attribute_of(receiver, node)

    def attribute_of(self, receiver: Value, node: ast.Attribute) -> Value:
        if isinstance(receiver.ref, Class) and receiver.may_be(Kind.MODULE):
            key = self._stored_key(node)
            if key in self.state.variables:
                return self.state.variables[key]
            self.absent.add(key)
            value = self.knowledge.attribute(receiver.ref, node.attr)
            to_be_filled = self.frame.of_plain and value.is_only(Kind.NONE)
            return v.UNKNOWN if to_be_filled else value
        if isinstance(receiver.ref, Class) and receiver.may_be(Kind.CLASS):
            return self.knowledge.attribute(receiver.ref, node.attr)
        if receiver.may_be(Kind.SEQUENCE) and node.attr in ("values", "indices"):  # what max(dim) and topk give
            return receiver.member()
        if receiver.may_be(Kind.TENSOR):
            kind = tensors.attribute(node.attr)
            if kind == "unknown":  # an argument taken for a tensor that has what no tensor has
                self.demand(receiver, v.UNKNOWN)
            return self._follow(receiver, kind)
        if isinstance(receiver.ref, str) and receiver.may_be(Kind.MODULE):
            return v.TENSOR if node.attr in ("weight", "bias") else v.UNKNOWN
        return v.UNKNOWN

    def _stored_key(self, node: ast.Attribute) -> str:
        """The name under which an attribute of self is kept among the variables once it is assigned."""
        if isinstance(node.value, ast.Name) and node.value.id == self.frame.self_name:
            return f"self.{node.attr}"
        return ""

    @staticmethod
    def _follow(source: Value, kind: str) -> Value:
        """The value of a catalogued result; what is computed from an assumed tensor is assumed as well."""
        value = {
            "tensor": v.TENSOR, "tensors": v.TENSORS, "number": v.NUMBER, "shape": v.SHAPE, "string": v.STRING,
            "sequence": v.sequence(), "other": v.OTHER,
        }.get(kind, v.UNKNOWN)  # fmt: skip
        return v.ASSUMED if source.assumed and value == v.TENSOR else value

    def _own_object(self) -> str | None:
        """The name by which this function's own object is known here; None in a scope that hides it."""
        name = self.frame.self_name
        if name is None or self.state.variables.get(name, v.UNKNOWN).ref is not self.frame.cls:
            return None
        return name

    # Containers

    def _tuple(self, node: ast.Tuple | ast.List | ast.Set) -> Value:
        members = [self.evaluate(e) for e in node.elts]
        if any(isinstance(e, ast.Starred) for e in node.elts):
            return v.sequence(v.join_all(members))
        return v.sequence(items=members)

    _list = _set = _tuple

    def _starred(self, node: ast.Starred) -> Value:
        return self.evaluate(node.value).member()

    def _dict(self, node: ast.Dict) -> Value:
        members = []
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None:
                self.evaluate(key)
            found = self.evaluate(value)
            members.append(found if key is not None else found.member())
        return v.dictionary(v.join_all(members) if members else None)

    def _subscript(self, node: ast.Subscript) -> Value:
        receiver = self.evaluate(node.value)
        self.evaluate(node.slice)
        if receiver.may_be(Kind.SEQUENCE) or receiver.may_be(Kind.DICT):
            return self._member_at(receiver, node.slice)
        if receiver.may_be(Kind.TENSOR):
            if receiver.assumed and isinstance(node.slice, ast.Slice):
                return receiver  # a part of a tuple is a tuple: whatever it turns out to be, so is the whole
            return v.ASSUMED if receiver.assumed else v.TENSOR
        return v.UNKNOWN

    @staticmethod
    def _member_at(receiver: Value, index: ast.expr) -> Value:
        if isinstance(index, ast.Slice):
            return v.sequence(receiver.member()) if receiver.items or receiver.element else receiver
        position = ast.unparse(index)
        if (
            receiver.items
            and position.lstrip("-").isdigit()
            and -len(receiver.items) <= int(position) < len(receiver.items)
        ):
            return receiver.items[int(position)]
        return receiver.member()

    def _slice(self, node: ast.Slice) -> Value:
        for part in (node.lower, node.upper, node.step):
            if part is not None:
                self.demand(self.evaluate(part), v.NUMBER)
        return v.OTHER

    def _namedexpr(self, node: ast.NamedExpr) -> Value:
        value = self.evaluate(node.value)
        self.state.variables[node.target.id] = value
        return value

    def _ifexp(self, node: ast.IfExp) -> Value:
        self.evaluate(node.test)
        before = self.state.copy()
        taken = self.evaluate(node.body)
        after_body, self.state = self.state, before
        other = self.evaluate(node.orelse)
        self.state.runs = most(self.state.runs, after_body.runs)
        return v.join(taken, other)

    def _boolop(self, node: ast.BoolOp) -> Value:
        return v.join_all([self.evaluate(operand) for operand in node.values])

    def _compare(self, node: ast.Compare) -> Value:
        operands = [self.evaluate(node.left), *(self.evaluate(c) for c in node.comparators)]
        if any(o.is_only(Kind.STRING) for o in operands):
            for operand in operands:
                self.demand(operand, v.STRING)
        identity = all(isinstance(o, ast.Is | ast.IsNot | ast.In | ast.NotIn) for o in node.ops)
        return v.NUMBER if identity or not any(o.may_be(Kind.TENSOR) for o in operands) else v.TENSOR

    # Operators

    def _binop(self, node: ast.BinOp) -> Value:
        left = self.evaluate(node.left)
        right = self.evaluate(node.right)
        return self.operation(node, type(node.op), left, right)

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        operand = self.evaluate(node.operand)
        if isinstance(node.op, ast.Not):
            return v.NUMBER
        return self.operation(node, type(node.op), operand)

    def operation(self, node: SiteNode, operator: type[ast.AST], *operands: Value) -> Value:
        """What an operator gives; a site where a tensor is, or may be, among the operands."""
        if (others := self._not_arithmetic(operator, operands)) is not None:
            return others
        symbol = OPERATORS.get(operator, "") + ("=" if isinstance(node, ast.AugAssign) else "")
        tensor = any(o.may_be(Kind.TENSOR) for o in operands)
        if not tensor and all(o.is_only(Kind.NUMBER, Kind.NONE, Kind.OTHER) for o in operands):
            return v.NUMBER
        if candidates := catalogue.by_spelling(symbol):
            self.note(node, candidates=candidates, tensor=tensor)
        if not tensor:
            return v.UNKNOWN
        proven = any(o.may_be(Kind.TENSOR) and not o.assumed for o in operands)
        sources = frozenset().union(*(o.sources for o in operands))
        return v.TENSOR if proven else Value(frozenset({Kind.TENSOR}), assumed=True, sources=sources)

    def _not_arithmetic(self, operator: type[ast.AST], operands: tuple[Value, ...]) -> Value | None:
        """Joining lists, repeating and formatting strings: operators that compute nothing."""
        if any(o.may_be(Kind.TENSOR) for o in operands):
            operands = tuple(o for o in operands if not (o.assumed and o.may_be(Kind.SEQUENCE)))
        if not any(o.kinds & _NEVER_TENSOR and not o.may_be(Kind.TENSOR) for o in operands):
            return None
        if any(o.may_be(Kind.STRING) for o in operands):
            return v.STRING
        lists = [o for o in operands if o.may_be(Kind.SEQUENCE)]
        certain = any(o.is_only(Kind.SEQUENCE) for o in lists)  # a tuple added to a tensor would raise
        for other in operands if certain and operator is ast.Add else ():
            self.demand(other, v.sequence(v.ASSUMED))
        if not certain and (not lists or any(o.may_be(Kind.TENSOR) and not o.assumed for o in operands)):
            return v.UNKNOWN if not lists else None
        members = [o.member() for o in lists if o.items or o.element is not None]
        if operator is ast.Add and all(o.items is not None for o in operands):
            return v.sequence(items=[i for o in operands for i in o.items or ()])
        return v.sequence(v.join_all(members) if members else None)

    def demand(self, value: Value, needed: Value) -> None:
        """`value` is used as only `needed` can be: an argument that was taken for a tensor is none."""
        for name in value.sources:
            self.demands.setdefault(name, needed)

    def note(self, node: SiteNode, **facts: object) -> Site:
        """Records that the run has come to a site."""
        frame = self.frame
        site = self.sites.get(node)
        if site is None:
            site = self.sites[node] = Site(node, frame.function, self._own_object(), len(self.sites))
            for name, value in facts.items():
                setattr(site, name, value)
        runs = self.state.runs[node] = self.state.runs.get(node, 0) + 1
        site.runs = max(site.runs, runs)
        site.tensor = site.tensor or bool(facts.get("tensor"))
        site.in_loop = site.in_loop or bool(frame.loops)
        site.called_in_loop = site.called_in_loop or bool(frame.outer_loops)
        site.deferred = site.deferred or bool(frame.deferred)
        return site

    # Deferred code

    def _lambda(self, node: ast.Lambda) -> Value:
        names = [a.arg for a in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]]
        if node not in self.called_only:
            self._deferred(names, lambda: self.evaluate(node.body))
        return v.of(Kind.FUNCTION, ref=Local(node, self.frame))

    @property
    def called_only(self) -> frozenset[ast.AST]:
        """The lambdas and nested functions of this function that are run where they are called, and nowhere else."""
        return self.frame.function.called_only

    def _yield(self, node: ast.Yield) -> Value:
        self.frame.yields.append(self.evaluate(node.value) if node.value is not None else v.NONE)
        return v.UNKNOWN

    def _yieldfrom(self, node: ast.YieldFrom) -> Value:
        self.frame.yields.append(self.evaluate(node.value).member())
        return v.UNKNOWN

    def _deferred(self, names: list[str], run: Callable[[], object]) -> None:
        outer = self.state
        self.state = outer.copy()
        self.state.variables.update(dict.fromkeys(names, v.UNKNOWN))
        self.frame.deferred += 1
        run()
        self.frame.deferred -= 1
        outer.runs = most(outer.runs, self.state.runs)
        self.state = outer

    def _listcomp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
        return v.sequence(self._comprehension(node.generators, [node.elt]))

    _setcomp = _generatorexp = _listcomp

    def _dictcomp(self, node: ast.DictComp) -> Value:
        return v.dictionary(self._comprehension(node.generators, [node.key, node.value]))

    def _comprehension(self, generators: list[ast.comprehension], results: list[ast.expr]) -> Value:
        outer = self.state.copy()
        for generator in generators:
            self.assign(generator.target, self.iterated(self.evaluate(generator.iter)))
            self.frame.loops += 1
            for condition in generator.ifs:
                self.evaluate(condition)
        found = [self.evaluate(r) for r in results][-1]
        self.frame.loops -= len(generators)
        outer.runs = most(outer.runs, self.state.runs)
        self.state = outer
        return found

    @staticmethod
    def iterated(value: Value) -> Value:
        """What a loop over `value` binds at each turn."""
        return v.UNKNOWN if value.is_only(Kind.DICT) else value.member()

    def assign(self, target: ast.expr, value: Value) -> None:
        """Binds `value` to a target, taking tuples apart."""
        if isinstance(target, ast.Name):
            self.state.variables[target.id] = value
        elif isinstance(target, ast.Starred):
            self.assign(target.value, v.sequence(value.member()))
        elif isinstance(target, ast.Tuple | ast.List):
            exact = value.items is not None and len(value.items) == len(target.elts)
            starred = any(isinstance(e, ast.Starred) for e in target.elts)
            for index, element in enumerate(target.elts):
                part = value.items[index] if exact and value.items and not starred else value.member()
                self.assign(element, part)
        elif isinstance(target, ast.Attribute):
            self.evaluate(target.value)
            if key := self._stored_key(target):
                self.state.variables[key] = value
        elif isinstance(target, ast.Subscript):
            receiver = self.evaluate(target.value)
            self.evaluate(target.slice)
            self._store_member(target.value, receiver, value)

    def _store_member(self, holder: ast.expr, receiver: Value, value: Value) -> None:
        """`xs[i] = value` and `xs.append(value)` widen what the sequence or dict holds."""
        if not isinstance(holder, ast.Name) or not (receiver.may_be(Kind.SEQUENCE) or receiver.may_be(Kind.DICT)):
            return
        known = receiver.items or receiver.element is not None
        element = v.join(receiver.member(), value) if known else value
        self.state.variables[holder.id] = Value(receiver.kinds, element=element, sources=receiver.sources)
