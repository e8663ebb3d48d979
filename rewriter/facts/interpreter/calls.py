"""Evaluates calls: operations of torch, modules, methods of objects, Python's own functions."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable

from rewriter.facts import values as v
from rewriter.facts.attributes import first_name, is_only_called, operations_in, stores
from rewriter.facts.helpers import has_plain_form, helper_with
from rewriter.facts.hierarchy import REGISTERING
from rewriter.facts.interpreter.chosen import Chosen, classes_of
from rewriter.facts.interpreter.state import Bound, Local
from rewriter.facts.objects import methods_below, methods_meant
from rewriter.facts.project import RUNS_FOR_EACH, RUNS_ITS_ARGUMENT, Class, Function
from rewriter.facts.tables import Table, find_instance
from rewriter.facts.values import Kind, Value
from rewriter.torch_api import catalogue, modules, tensors
from rewriter.torch_api.row import Argument, Row, Spelling, bind

_RUNNING_MODULES = (
    "torch.jit.",
    "torch.fx.",
    "torch.export.",
    "torch.onnx.",
    "torch.func.",
    "torch.utils.flop_counter.",
)
_BUILTINS = {
    "len": v.NUMBER, "int": v.NUMBER, "float": v.NUMBER, "bool": v.NUMBER, "round": v.NUMBER, "isinstance": v.NUMBER,
    "hasattr": v.NUMBER, "callable": v.NUMBER, "all": v.NUMBER, "any": v.NUMBER, "str": v.STRING, "repr": v.STRING,
    "range": v.SHAPE, "print": v.NONE, "type": v.OTHER, "id": v.NUMBER, "super": v.OTHER, "divmod": v.SHAPE,
}  # fmt: skip
DIFFERENTIATED = "torch.autograd.Function"
"""Its forward runs apart from the gradient that it has, and is given nothing but positional arguments."""
AT_FILE_LEVEL = "a module"
_OF_A_TABLE = frozenset({"keys", "values", "items", "update", "copy", "setdefault"})
_PASSING = frozenset({"list", "tuple", "reversed", "sorted", "iter", "set"})


class Calls(Chosen):
    """The part of the interpreter that follows calls."""

    def _call(self, node: ast.Call) -> Value:
        if (upper := self._super_method(node)) is not None:
            if upper.is_static:
                self.note(node, callee=upper)
            elif self.frame.of_plain:
                return self._of_object(self._upper(upper), node, self._arguments(node))
            return self.inline(upper, node, self._arguments(node))
        if (explicit := self._base_method(node)) is not None:
            return self.inline(explicit, node, self._arguments(node), self.frame.cls, given_object=True)
        if (base := self._torch_base(node)) is not None:
            if modules.is_one_operation(base):
                self.note(node, chosen=True)
            return self.module_result(v.of(Kind.MODULE, ref=base), node, self._arguments(node))
        callee, receiver = self._callee(node)
        arguments = self._arguments(node)
        if receiver is not None and callee is None:
            assert isinstance(node.func, ast.Attribute)
            return self._method(node, node.func, receiver, arguments)
        assert callee is not None
        return self.call_value(callee, node, arguments)

    def _callee(self, node: ast.Call) -> tuple[Value | None, Value | None]:
        """The function called, or else the object whose method is called."""
        if not isinstance(node.func, ast.Attribute):
            return self.evaluate(node.func), None
        if self.global_name(node.func) and not isinstance(self.meaning(node.func.value).ref, Table):
            return self.meaning(node.func), None
        receiver = self.evaluate(node.func.value)
        return None, receiver

    def _arguments(self, node: ast.Call) -> dict[ast.expr, Value]:
        """Every argument's value, evaluated in written order."""
        found = {}
        for argument in sorted([*node.args, *(k.value for k in node.keywords)], key=lambda a: (a.lineno, a.col_offset)):
            found[argument] = self.evaluate(argument)
        return found

    def call_value(self, callee: Value, node: ast.Call, arguments: dict[ast.expr, Value]) -> Value:
        ref = callee.ref
        if isinstance(ref, Local):
            return self.run_local(ref, node, arguments)
        if isinstance(ref, Bound):
            if ref.method.is_static:
                self.note(node, callee=ref.method)
            return self.inline(ref.method, node, arguments, ref.cls, same_object=ref.own)
        if isinstance(ref, Function):
            if callee.is_only(Kind.FUNCTION):
                self.note(node, callee=ref)
            return self.inline(ref, node, arguments)
        if isinstance(ref, v.Choice):
            self.note(node, choice=ref)
            return self._one_of(ref, node, arguments)
        if isinstance(ref, v.Objects):
            return self._of_object(methods_meant(self.knowledge, ref.of, "__call__"), node, arguments)
        if (itself := self._runs_itself(callee, node, arguments)) is not None:
            return itself
        for argument in arguments.values():
            if isinstance(argument.ref, Bound) and ref not in RUNS_ITS_ARGUMENT:
                self.run_later(argument.ref)
        if ref in RUNS_FOR_EACH or ref in RUNS_ITS_ARGUMENT:
            self._note_handed(node, arguments)
        if callee.may_be(Kind.CLASS):
            return self._construct(ref, node, arguments)
        if callee.may_be(Kind.MODULE):
            return self.module_result(callee, node, arguments)
        if callee.is_any_operation:
            return self._chosen(node, arguments)
        if isinstance(ref, str) and ref.startswith("builtins."):
            return self._builtin(ref, node, arguments)
        if isinstance(ref, str):
            return self._library_function(ref, node, arguments)
        return v.UNKNOWN

    def _runs_itself(self, callee: Value, node: ast.Call, arguments: dict[ast.expr, Value]) -> Value | None:
        """What `self(x)` returns in an `__init__`, which may also hand the object to somebody who calls it."""
        cls = self.frames[0].cls
        if cls is None or not self.frames[0].function.is_constructor:
            return None
        forward = self.knowledge.hierarchy.lineage(cls).method("forward")
        if forward is None:
            return None
        if callee.may_be(Kind.MODULE) and callee.ref is cls:
            own = isinstance(node.func, ast.Name) and node.func.id == self.frame.self_name
            return self.inline(forward, node, arguments, cls, same_object=own)
        handed = any(argument.ref is cls and argument.may_be(Kind.MODULE) for argument in arguments.values())
        if handed and (callee == v.UNKNOWN or _may_run_modules(callee.ref)):
            self.inline(forward, node, None, cls, same_object=False)
        return None

    # Operations

    def _chosen(self, node: ast.Call, arguments: dict[ast.expr, Value]) -> Value:
        if not any(a.may_be(Kind.TENSOR) for a in arguments.values()):
            return v.UNKNOWN
        self.note(node, chosen=True)
        return v.ASSUMED

    def _library_function(self, name: str, node: ast.Call, arguments: dict[ast.expr, Value]) -> Value:
        if name == "functools.partial" and node.args:
            function = arguments[node.args[0]]
            is_operation = function.is_any_operation or catalogue.is_function(function.ref)
            return v.ANY_OPERATION if is_operation else v.UNKNOWN
        if name in RUNS_ITS_ARGUMENT and node.args and isinstance(arguments[node.args[0]].ref, Local | Bound):
            rest = ast.copy_location(ast.Call(node.args[0], node.args[1:], []), node)
            return self.call_value(arguments[node.args[0]], rest, arguments)
        if name.endswith(".apply") and self._is_differentiated(name.removesuffix(".apply")):
            self.note(node, handed=DIFFERENTIATED)
            return v.ASSUMED
        if (made := find_instance(self.knowledge.hierarchy, name)) is not None:
            self.note(node, handed=AT_FILE_LEVEL)
            return self.module_result(v.of(Kind.MODULE, ref=made), node, arguments)
        candidates = self._fitting(name, node, arguments, receiver=None)
        if candidates:
            return self._operation_call(node, candidates, list(arguments.values()))
        for argument in arguments.values():
            if name in tensors.TAKES_NUMBERS:
                self.demand(argument, v.NUMBER)
        if name.startswith("math."):
            return v.NUMBER
        kind = tensors.function(name) if name.startswith("torch.") else "unknown"
        if kind == "unknown" and name.startswith("torch.") and any(a.may_be(Kind.TENSOR) for a in arguments.values()):
            return v.ASSUMED  # what torch makes of tensors is mostly tensors: checkpoint(), vmap() and the like
        return self._follow(v.TENSOR, kind)

    def _is_differentiated(self, name: str) -> bool:
        found = self.knowledge.project.find(name)
        return isinstance(found, Class) and DIFFERENTIATED in self.knowledge.hierarchy.lineage(found).torch

    def _operation_call(
        self,
        node: ast.Call,
        candidates: tuple[tuple[Row, Spelling], ...],
        operands: list[Value],
        tensor: bool = True,
    ) -> Value:
        self.note(node, candidates=candidates, tensor=tensor)
        returns = {row.returns for row, _ in candidates}
        assumed = _only_assumed(operands)
        if returns == {"tensor"}:
            return v.ASSUMED if assumed else v.TENSOR
        return v.TENSORS if returns == {"tensors"} else v.join(v.TENSOR, v.TENSORS)

    def _fitting(
        self, name: str, node: ast.Call, arguments: dict[ast.expr, Value], receiver: ast.expr | None
    ) -> tuple[tuple[Row, Spelling], ...]:
        """The overloads that the call may mean; all of them where starred arguments hide which."""
        found = catalogue.by_spelling(name)
        if not found:
            return ()
        positional = [receiver, *node.args] if receiver is not None else list(node.args)
        bound = [(pair, bind(pair[1], positional, node.keywords)) for pair in found]
        fitting = [(pair, arguments_) for pair, arguments_ in bound if arguments_ is not None]
        for _, bindings in fitting[:1]:
            self._demand_constants(bindings, found[0][0])
        exact = tuple(pair for pair, bindings in fitting if self._kinds_agree(pair[1], bindings, arguments))
        hidden = any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords)
        return exact or tuple(pair for pair, _ in fitting) or (found if hidden else ())

    def _demand_constants(self, bindings: tuple[Argument, ...], row: Row) -> None:
        """Parameters that are no operands take numbers: an assumed argument given there is one."""
        operands = {name.lstrip("*") for name in row.operands}
        for argument in bindings:
            if argument.parameter.name not in operands and argument.value in self.values:
                self.demand(self.values[argument.value], v.NUMBER)

    def _kinds_agree(
        self, spelling: Spelling, bindings: tuple[Argument, ...], arguments: dict[ast.expr, Value]
    ) -> bool:
        required = dict(spelling.requires)
        for argument in bindings:
            wanted = required.get(argument.parameter.name)
            value = arguments.get(argument.value)
            if wanted and value is not None and not _agrees(value, argument.value, wanted):
                return False
        return True

    # Methods

    def _method(self, node: ast.Call, func: ast.Attribute, receiver: Value, arguments: dict[ast.expr, Value]) -> Value:
        name = func.attr
        kept = isinstance(func.value, ast.Attribute) and bool(self._stored_key(func.value))
        followed = receiver.may_be(Kind.MODULE) or receiver.may_be(Kind.CLASS) or (kept and receiver.may_be(Kind.OTHER))
        if isinstance(receiver.ref, Class) and followed:
            return self._method_of_object(node, func, receiver, arguments)
        if isinstance(receiver.ref, Table) and name not in _OF_A_TABLE:
            # a function looked up by a method of the table's own, which may be given what to fall back on
            return v.join_all([receiver.member(), *(a for a in arguments.values() if a.may_be(Kind.FUNCTION))])
        if receiver.may_be(Kind.SEQUENCE) or receiver.may_be(Kind.DICT):
            return self._container_method(func, receiver, list(arguments.values()))
        if receiver.may_be(Kind.TENSOR):
            return self._tensor_method(node, func, receiver, arguments)
        if receiver.may_be(Kind.MODULE):
            return v.UNKNOWN
        if kept and not receiver.known:
            helper = helper_with(self.knowledge, name)
            if helper is not None:
                self._note_methods(node, helper, name)
                return self.inline(helper.methods[name], node, arguments, helper, same_object=False)
        if methods := list(methods_meant(self.knowledge, classes_of(receiver), name)):
            return self._of_object(methods, node, arguments)
        candidates = catalogue.by_spelling(f"torch.Tensor.{name}")
        if candidates and not receiver.known and not _is_named(receiver):
            self.note(node, candidates=candidates, tensor=False)
        return v.UNKNOWN

    def _tensor_method(
        self, node: ast.Call, func: ast.Attribute, receiver: Value, arguments: dict[ast.expr, Value]
    ) -> Value:
        name = func.attr
        if tensors.takes_numbers(name):
            for argument in arguments.values():
                self.demand(argument, v.NUMBER)
        candidates = self._fitting(f"torch.Tensor.{name}", node, arguments, receiver=func.value)
        if candidates:
            return self._operation_call(node, candidates, [receiver, *arguments.values()])
        kind = tensors.method(name, len(node.args))
        if kind == "unknown":
            self.demand(receiver, v.UNKNOWN)
        return self._follow(receiver, kind)

    def _container_method(self, func: ast.Attribute, receiver: Value, arguments: list[Value]) -> Value:
        if func.attr in ("append", "insert", "add", "setdefault") and arguments:
            self._store_member(func.value, receiver, arguments[-1])
        elif func.attr in ("extend", "update") and arguments:
            self._store_member(func.value, receiver, arguments[0].member())
        elif func.attr in ("pop", "get", "popitem"):
            return v.join_all([receiver.member(), *arguments[1:]])
        elif func.attr == "copy":
            return receiver
        elif func.attr in ("values", "keys"):
            return v.sequence(receiver.member() if func.attr == "values" else v.STRING)
        elif func.attr == "items":
            return v.sequence(v.sequence(items=[v.STRING, receiver.member()]))
        elif func.attr in ("index", "count", "numel"):
            return v.NUMBER
        return v.NONE

    def _method_of_object(
        self, node: ast.Call, func: ast.Attribute, receiver: Value, arguments: dict[ast.expr, Value]
    ) -> Value:
        assert isinstance(receiver.ref, Class)
        own = isinstance(func.value, ast.Name) and func.value.id == self.frame.self_name
        method = self.knowledge.hierarchy.lineage(receiver.ref).method(func.attr)
        if method is not None and not method.is_property:
            if method.is_static:
                self.note(node, callee=method)
            elif own and self.frame.of_plain:
                return self._of_object(methods_below(self.knowledge, receiver.ref, func.attr, own), node, arguments)
            elif not receiver.may_be(Kind.CLASS):
                self._note_methods(node, receiver.ref, func.attr, own)
            return self.inline(method, node, arguments, receiver.ref, same_object=own)
        if own and func.attr in REGISTERING:
            self._register(func.attr, node, arguments)
            return v.NONE
        value = self.attribute_of(receiver, func)
        if own and self._to_be_stored(value):
            only_called = is_only_called(self.knowledge.hierarchy, receiver.ref, func.attr)
            # it is stored as a module, or soon will be; else somebody may put another one there
            value = v.UNKNOWN if only_called else v.ANY_OPERATION if isinstance(value.ref, str) else value
        if methods := list(methods_meant(self.knowledge, classes_of(value), "__call__")):
            return self._of_object(methods, node, arguments)
        if own:
            self._note_module_call(node, func.attr, value)
        if value.may_be(Kind.FUNCTION) and not isinstance(value.ref, Local):
            return self.call_value(value, node, arguments)
        if value.may_be(Kind.MODULE):
            return self.module_result(value, node, arguments)
        given = any(a.may_be(Kind.TENSOR) for a in arguments.values())
        return self._taken_for_tensor(node) if given else v.UNKNOWN

    @staticmethod
    def _to_be_stored(value: Value) -> bool:
        """Functions of torch, lambdas and nested functions with one operation, which a module can hold."""
        if isinstance(value.ref, Local):
            return operations_in(value.ref.node, value.ref.frame.function) == 1
        return value.is_any_operation or catalogue.is_function(value.ref)

    def _register(self, method: str, node: ast.Call, arguments: dict[ast.expr, Value]) -> None:
        """`self.register_buffer("name", ...)` and its like store an attribute."""
        if len(node.args) >= 1 and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            stores_module = method in ("add_module", "add_operation", "register_module")
            value = arguments.get(node.args[1]) if len(node.args) > 1 else None
            self.state.variables[f"self.{node.args[0].value}"] = (value or v.UNKNOWN) if stores_module else v.TENSOR

    def _note_module_call(self, node: ast.Call, attribute: str, value: Value) -> None:
        if value.may_be(Kind.FUNCTION) and not value.may_be(Kind.MODULE):
            return
        cls = self.frame.cls
        name = first_name(self.knowledge.hierarchy, cls, attribute) if cls is not None else attribute
        key = f"{self.frame.holder}.{name}"
        before = self.state.runs.get(key, 0)
        self.state.runs[key] = before + 1
        unknown = not value.known and not _is_named(value) and not self._is_stored(attribute)
        if unknown and not (before and self._is_stored_below(attribute)):
            return  # put there by somebody else, who may put there what he likes
        self.note(node, attribute=attribute, module=value).instances.add(before)

    def _is_stored(self, attribute: str) -> bool:
        lineage = self.knowledge.hierarchy.lineage(self.frame.cls) if self.frame.cls else None
        return lineage is not None and any(attribute in self.knowledge.attributes(c) for c in lineage.project[:1])

    def _is_stored_below(self, attribute: str) -> bool:
        below = self.knowledge.hierarchy.subclasses(self.frame.cls) if self.frame.cls else []
        makers = [cls.constructor for cls in below if cls.constructor is not None]
        return any(attribute in init.words and stores(init.node, attribute) for init in makers)

    def module_result(self, module: Value, node: ast.Call, arguments: dict[ast.expr, Value]) -> Value:
        if isinstance(module.ref, Class):
            return self.knowledge.forward_result(module.ref)
        if isinstance(module.ref, Function):
            return self.inline(module.ref, node, arguments)
        if isinstance(module.ref, str) and module.ref.endswith(".modules.Call") and node.args:
            return self._passed_on(node, arguments)
        if isinstance(module.ref, str) and (kind := modules.result(module.ref)) != "unknown":
            as_operation = module.ref in modules.PARAMETER_FREE or module.ref.startswith("runtime.")
            assumed = as_operation and _only_assumed(arguments.values())
            return self._follow(v.ASSUMED if assumed else v.TENSOR, kind)
        return self._taken_for_tensor(node)

    def _construct(self, ref: object, node: ast.Call, arguments: dict[ast.expr, Value]) -> Value:
        if isinstance(ref, Class):
            lineage = self.knowledge.hierarchy.lineage(ref)
            if lineage.is_module:
                return v.of(Kind.MODULE, ref=ref)
            return v.of(Kind.OTHER, ref=ref) if has_plain_form(ref) else v.objects(ref.name)
        name = str(ref)
        if name in ("torch.nn.Parameter", "torch.nn.Buffer", "torch.nn.parameter.Parameter", "torch.Tensor"):
            return v.TENSOR
        if name == "torch.Size":
            return v.SHAPE
        if name in ("torch.nn.ModuleList", "torch.nn.ModuleDict") or name.endswith(".modules.ModuleList"):
            held = v.join_all([a.member() for a in arguments.values()]) if arguments else v.of(Kind.MODULE)
            return v.sequence(held) if name.endswith("List") else v.dictionary(held)
        if name.startswith("torch.") and name.endswith("Tensor"):
            return v.TENSOR
        if name.endswith(".modules.Function") and arguments:
            return v.of(Kind.MODULE, ref=next(iter(arguments.values())).ref)
        is_module = name.startswith(("torch.nn.", "runtime.modules.")) or name.endswith(".modules.Call")
        return v.of(Kind.MODULE, ref=name) if is_module else v.OTHER

    # Python's own functions

    def _attribute_by_name(self, node: ast.Call) -> Value:
        """`getattr(F, "relu")`, and with a name that is known only when it runs."""
        holder, name = self.global_name(node.args[0]), node.args[1]
        if holder not in ("torch", "torch.nn.functional"):
            return v.UNKNOWN
        fixed = isinstance(name, ast.Constant) and isinstance(name.value, str)
        return v.of(Kind.FUNCTION, ref=f"{holder}.{ast.literal_eval(name)}") if fixed else v.ANY_OPERATION

    def _builtin(self, ref: str, node: ast.Call, arguments: dict[ast.expr, Value]) -> Value:
        name = ref.removeprefix("builtins.")
        values = list(arguments.values())
        if name == "getattr" and len(node.args) == 2:
            return self._attribute_by_name(node)
        if name in ("range", "int", "float"):
            for value in values:
                self.demand(value, v.NUMBER)
        candidates = self._fitting(ref, node, arguments, None) if any(_holds_tensor(a) for a in values) else ()
        if candidates:
            return self._operation_call(node, candidates, values)
        if name in _PASSING and values:
            return v.Value(
                frozenset({Kind.SEQUENCE}),
                element=values[0].member(),
                items=values[0].items if name != "reversed" else None,
            )
        if name == "map" and len(values) > 1:
            return v.sequence(self._mapped(node, arguments))
        if name == "zip":
            return v.sequence(v.sequence(items=[self.iterated(a) for a in values]))
        if name == "enumerate" and values:
            return v.sequence(v.sequence(items=[v.NUMBER, self.iterated(values[0])]))
        if name == "dict":
            return v.DICT
        if name in ("min", "max", "sum", "abs", "pow") and values:
            return v.join_all([a.member() if a.may_be(Kind.SEQUENCE) else a for a in values])
        return _BUILTINS.get(name, v.UNKNOWN)


def _may_run_modules(ref: object) -> bool:
    """Whether a function of a library may call the module that it is given."""
    if not isinstance(ref, str):
        return False
    library = ref.partition(".")[0]
    return (
        ref.startswith(_RUNNING_MODULES)
        if library == "torch"
        else library not in sys.stdlib_module_names | {"builtins"}
    )


def _is_named(value: Value) -> bool:
    """Whether it is known which module, function or class is meant, and not only what class an object is of."""
    return value.ref is not None and not isinstance(value.ref, v.Objects)


def _only_assumed(operands: Iterable[Value]) -> bool:
    """Some operand is, or holds, what was taken for a tensor, and none is known to be one."""
    held = [o.member() if o.may_be(Kind.SEQUENCE) else o for o in operands]
    found = [value for value in held if value.may_be(Kind.TENSOR)]
    return bool(found) and all(value.assumed for value in found)


def _holds_tensor(value: Value) -> bool:
    return value.may_be(Kind.TENSOR) or (value.may_be(Kind.SEQUENCE) and value.member().may_be(Kind.TENSOR))


def _agrees(value: Value, node: ast.expr, wanted: str) -> bool:
    """Whether a value can be what an overload needs; unknown values can be anything."""
    if not value.known:
        return True
    allowed = {
        "int": {Kind.NUMBER}, "bool": {Kind.NUMBER}, "ints": {Kind.SEQUENCE, Kind.NUMBER}, "tensor": {Kind.TENSOR},
        "str": {Kind.STRING}, "tensors": {Kind.SEQUENCE}, "number": {Kind.NUMBER},
    }[wanted]  # fmt: skip
    if isinstance(node, ast.Constant) and wanted in ("int", "ints"):
        return isinstance(node.value, int) and not isinstance(node.value, bool)
    return bool(value.kinds & allowed)
