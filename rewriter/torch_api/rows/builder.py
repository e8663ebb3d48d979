"""Short forms for writing rows."""

from __future__ import annotations

import ast

from rewriter.torch_api.row import Foreign, Row, Spelling, TorchModule, parse_signature
from rewriter.torch_api.traits import Trait

_PREFIXES = (("F.", "torch.nn.functional."), ("Tensor.", "torch.Tensor."))


def spelled(names: str, signature: str, *requires: tuple[str, str]) -> tuple[Spelling, ...]:
    """Spellings that share a signature. `Tensor.x` binds its receiver to the first parameter; `_` ends in-place ones."""
    return tuple(Spelling(_full(n), signature, _is_inplace(n), requires) for n in names.split())


def float_functional(methods: str, signature: str) -> tuple[Foreign, ...]:
    """Methods of torch.ao's FloatFunctional."""
    prefix = "torch.ao.nn.quantized.FloatFunctional."
    return tuple(Foreign("torch-ao", Spelling(prefix + method, signature), method=method) for method in methods.split())


# Modules of Distiller fix what they can, and are called with operands; AIMET's are called as the function is.
_DISTILLER = "distiller.modules."
_AIMET = "aimet_torch.nn.modules.custom."
_BREVITAS = "brevitas.nn."


def _elsewhere(
    spellings: tuple[Spelling, ...], operands: tuple[str, ...], distiller: str, aimet: str, brevitas: str
) -> tuple[Foreign, ...]:
    """What these libraries have: a class each, with what its constructor takes in brackets: `Concat(dim=0)`."""
    given = ", ".join(operands)
    found = []
    for library, home, called in (("distiller", _DISTILLER, distiller), ("brevitas", _BREVITAS, brevitas)):
        name, _, constructor = called.removesuffix(")").partition("(")
        if name:
            found.append(Foreign(library, Spelling(home + name, given), constructor))
    name, _, constructor = aimet.removesuffix(")").partition("(")
    if name and constructor:
        found.append(Foreign("aimet", Spelling(_AIMET + name, given), constructor))
    elif name:
        functions = [
            s.signature for s in spellings if s.name.startswith("torch.") and not s.inplace and not s.is_method
        ]
        calls = dict.fromkeys(f.replace(", *, out=None", "").replace(", out=None", "") for f in functions)
        found += [Foreign("aimet", Spelling(_AIMET + name, call)) for call in calls]
    return tuple(found)


def _full(name: str) -> str:
    for short, full in _PREFIXES:
        if name.startswith(short):
            return full + name[len(short) :]
    return {"neg": "unary -"}.get(name, name)


def _is_inplace(name: str) -> bool:
    return (name.endswith("_") and not name.endswith("__")) or name.endswith("=") or name.startswith("operator.i")


def wrapped(
    op: str,
    code: str,
    target: str,
    *spellings: tuple[Spelling, ...],
    operands: str = "input",
    attribute: str = "",
    returns: str = "tensor",
    traits: Trait = Trait.NONE,
    modules: str = "",
    clamps: str = "",
    elsewhere: tuple[Foreign, ...] = (),
    distiller: str = "",
    aimet: str = "",
    brevitas: str = "",
    as_function: str = "",
) -> Row:
    """An operation that a class of runtime.modules takes over. Its constructor takes whatever is not an operand."""
    found = tuple(s for group in spellings for s in group)
    names = tuple(operands.split())
    return Row(
        op=op,
        code=code,
        target=f"runtime.modules.{target}",
        attribute=attribute or op,
        operands=names,
        spellings=found,
        constructor=_constructor(found, names),
        returns=returns,
        traits=traits,
        modules=_of_torch(modules),
        clamps=tuple(clamps.split()),
        elsewhere=(*elsewhere, *_elsewhere(found, names, distiller, aimet, brevitas)),
        as_function=tuple(as_function.split()),
    )


def _constructor(spellings: tuple[Spelling, ...], operands: tuple[str, ...]) -> str:
    fixed: dict[str, None] = {}
    for spelling in spellings:
        for parameter in parse_signature(spelling.signature):
            if parameter.name not in {o.lstrip("*") for o in operands} | {"out"} and not parameter.variadic:
                fixed.setdefault(parameter.name)
    inplace = [] if "inplace" in fixed or not any(s.inplace for s in spellings) else ["inplace"]
    return ", ".join(f"{name}=None" for name in [*fixed, *inplace])


def module(
    op: str,
    target: str,
    constructor: str,
    *spellings: tuple[Spelling, ...],
    operands: str = "input",
    code: str = "RW106",
    attribute: str = "",
    returns: str = "tensor",
    follows_training: bool = False,
    traits: Trait = Trait.NONE,
    modules: str = "",
    clamps: str = "",
    aimet: str = "",
) -> Row:
    """An operation that torch.nn has a module for; `Functional<target>` serves where that module cannot."""
    found, names = tuple(s for group in spellings for s in group), tuple(operands.split())
    return Row(
        op=op,
        code=code,
        target=f"torch.nn.{target}",
        attribute=attribute or op,
        operands=names,
        spellings=found,
        flexible=f"runtime.modules.Functional{target}",
        constructor=constructor,
        follows_training=follows_training,
        returns=returns,
        traits=traits,
        modules=_of_torch(modules),
        clamps=tuple(clamps.split()),
        elsewhere=_elsewhere(found, names, "", aimet, ""),
    )


def _of_torch(calls: str) -> tuple[TorchModule, ...]:
    """`"PReLU"`, or `"ReflectionPad2d(pad=padding, mode='reflect')"`; several with semicolons."""
    return tuple(_one_of_torch(call) for call in calls.split(";") if call)


def _one_of_torch(call: str) -> TorchModule:
    node = ast.parse(call.strip(), mode="eval").body
    arguments = node.keywords if isinstance(node, ast.Call) else []
    name = node.func if isinstance(node, ast.Call) else node
    return TorchModule(f"torch.nn.{ast.unparse(name)}", tuple((str(k.arg), ast.unparse(k.value)) for k in arguments))
