"""Which parameter of a function gets what: of a call, of annotations and defaults, or of nothing at all."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from rewriter.python.code import Class, Function, FunctionNode
from rewriter.python.project import Project
from rewriter.python.trees import named_parameters
from rewriter.python.type_comments import annotation_of
from rewriter.python.type_names import TypeNames
from rewriter.torch_api import catalogue
from rewriter.values.annotations import from_annotation, from_default, objects_annotated, or_nothing
from rewriter.values.base import UNKNOWN, Call, Value
from rewriter.values.dictionary import DICT, Dictionary
from rewriter.values.functions import ANY_OPERATION, ProjectFunction, SomeFunction
from rewriter.values.modules import ProjectModule
from rewriter.values.objects import Instance
from rewriter.values.one_of import join, join_all
from rewriter.values.plain import NONE
from rewriter.values.sequence import SEQUENCE, sequence
from rewriter.values.tensor import ASSUMED, MAPPING, taken_for_tensor


def shared_class(project: Project, default: ast.expr, function: Function) -> Class | None:
    """The class in `runtime.modules.shared[BlockOps]`, a parameter's default."""
    if not isinstance(default, ast.Subscript):
        return None
    taken, given = function.full_name(default.value) or "", function.full_name(default.slice)
    found = project.find(given) if given and taken.endswith(".modules.shared") else None
    return found if isinstance(found, Class) else None


def names_of(function: FunctionNode | ast.Lambda) -> list[str]:
    spec = function.args
    return [a.arg for a in named_parameters(spec)]


def of_call(
    project: Project, function: Function, given: dict[str, Value], own: str | None
) -> Iterator[tuple[str, Value]]:
    """Each parameter's value, but for the object's: what was given, else what its annotation or default says."""
    spec, names = function.node.args, TypeNames.of(project, function)
    for argument in named_parameters(spec):
        if argument.arg == own:
            continue
        annotated = from_annotation(annotation_of(function, argument), names)
        found = given.get(argument.arg)
        if found is None:
            default = function.defaults.get(argument.arg)
            found = annotated or from_default(default) or _made_by(default, project, function)
        if found.says_nothing:
            found = objects_annotated(annotation_of(function, argument), names, found)
        if _is_torch_operation(found):
            found = ANY_OPERATION  # another caller may give another one
        is_object = any(isinstance(part, Instance) for part in found.parts)
        yield argument.arg, found if found.known or is_object or annotated is None else annotated
    if spec.vararg:
        yield spec.vararg.arg, given.get(spec.vararg.arg, SEQUENCE)
    if spec.kwarg:
        yield spec.kwarg.arg, DICT


def _made_by(default: ast.expr | None, project: Project, function: Function) -> Value:
    """`act=F.relu`, or `ops=runtime.modules.shared[BlockOps]`: an object of a class of the project."""
    if default is not None and catalogue.is_function(function.full_name(default)):
        return ANY_OPERATION
    found = shared_class(project, default, function) if default is not None else None
    return _function_named(default, project, function) if found is None else ProjectModule(found)


def _function_named(default: ast.expr | None, project: Project, function: Function) -> Value:
    """`act=swish`, where it is a function of the project; another caller may give another one."""
    name = function.full_name(default) if isinstance(default, ast.Name | ast.Attribute) else None
    found = project.find(name) if name is not None else None
    return join(ProjectFunction(found), UNKNOWN) if isinstance(found, Function) and found.is_free else UNKNOWN


def of_entry(project: Project, function: Function, own: str | None, assume: bool) -> Iterator[tuple[str, Value]]:
    """Each parameter's value as the signature alone describes it; `assume` takes untyped ones for tensors."""
    spec = function.node.args
    for argument in named_parameters(spec):
        if argument.arg != own:
            yield argument.arg, _described(project, argument, function, assume)
    if spec.vararg:
        yield spec.vararg.arg, sequence(ASSUMED if assume else UNKNOWN)
    if spec.kwarg:
        yield spec.kwarg.arg, DICT


def _described(project: Project, argument: ast.arg, function: Function, assume: bool) -> Value:
    names = TypeNames.of(project, function)
    annotated = from_annotation(annotation_of(function, argument), names)
    default = function.defaults.get(argument.arg)
    if annotated is not None:
        return or_nothing(_with_values(annotated) if assume else annotated, default)
    if default is not None and catalogue.is_function(function.full_name(default)):
        return ANY_OPERATION
    said = from_default(default)
    if said is not None and said != NONE:
        return said
    annotation = annotation_of(function, argument)
    untyped = annotation is None or ast.unparse(annotation).endswith("Any")
    if (named := _function_named(default, project, function)).may_be(SomeFunction):
        return named
    if not assume or not untyped:
        return objects_annotated(annotation, names)
    assumed = taken_for_tensor(argument.arg)
    return join(assumed, NONE) if said == NONE else assumed


def _with_values(annotated: Value) -> Value:
    """`inputs: dict`, `batch: Dict[str, Any]`: its values are taken for tensors, as are those of an untyped one."""
    return join_all(MAPPING if _says_no_values(part) else part for part in annotated.parts)


def _says_no_values(annotated: Value) -> bool:
    return isinstance(annotated, Dictionary) and annotated.member().says_nothing


def given_to(project: Project, function: Function, call: Call, skip_first: bool) -> dict[str, Value]:
    """What a call gives a function of the project."""

    names = TypeNames.of(project, function)

    def promised(parameter: ast.arg) -> bool:
        return from_annotation(annotation_of(function, parameter), names) is not None

    return dict(bound(function.node, call, skip_first, promised))


def bound(
    function: FunctionNode | ast.Lambda,
    call: Call,
    skip_first: bool = False,
    promised: Callable[[ast.arg], bool] = lambda _: False,
) -> Iterator[tuple[str, Value]]:
    """What a call gives. Which parameter gets what of a starred argument nobody knows: a promise says it better."""
    spec, arguments = function.args, call.arguments
    parameters = [*spec.posonlyargs, *spec.args][1 if skip_first else 0 :]
    extra: list[Value] = []
    for index, argument in enumerate(call.node.args):
        if isinstance(argument, ast.Starred):
            member = arguments[argument]
            yield from ((parameter.arg, member) for parameter in parameters[index:] if not promised(parameter))
            extra.append(member)
            break
        if index < len(parameters):
            yield parameters[index].arg, arguments[argument]
        else:
            extra.append(arguments[argument])
    if spec.vararg:
        yield spec.vararg.arg, sequence(join_all(extra)) if extra else SEQUENCE
    for keyword in call.node.keywords:
        if keyword.arg is not None:
            yield keyword.arg, arguments[keyword.value]


def _is_torch_operation(value: Value) -> bool:
    """Whether it is one function of torch that is an operation."""
    return isinstance(value, SomeFunction) and value.is_operation and value != ANY_OPERATION
