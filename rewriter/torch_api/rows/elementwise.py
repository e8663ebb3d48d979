"""RW103: elementwise mathematics."""

from __future__ import annotations

from rewriter.torch_api.row import Row
from rewriter.torch_api.rows.builder import spelled, wrapped
from rewriter.torch_api.traits import Trait

# name -> class; each is a function, a method, and both in place.
_UNARY = {
    "exp": "Exp", "exp2": "Exp2", "expm1": "Expm1", "log": "Log", "log2": "Log2", "log10": "Log10", "log1p": "Log1p",
    "sqrt": "Sqrt", "rsqrt": "Rsqrt", "reciprocal": "Reciprocal", "square": "Square", "sin": "Sin", "cos": "Cos",
    "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "asinh": "Asinh",
    "acosh": "Acosh", "atanh": "Atanh", "erf": "Erf", "erfc": "Erfc", "floor": "Floor", "ceil": "Ceil",
    "trunc": "Trunc", "frac": "Frac", "sinc": "Sinc",
    "sign": "Sign", "sgn": "Sgn", "deg2rad": "Deg2Rad", "rad2deg": "Rad2Deg", "erfinv": "ErfInv", "lgamma": "LGamma",
    "digamma": "Digamma", "i0": "I0",
}  # fmt: skip
_AIMET = {
    "exp": "Exponential", "log": "Log", "sqrt": "Sqrt", "rsqrt": "RSqrt", "square": "Square", "sin": "Sin", "cos": "Cos",
    "erf": "Erf", "floor": "ElementwiseFloor", "ceil": "ElementwiseCeil", "asin": "Asin", "atan": "Atan",
    "sign": "ElementwiseUnarySign",
}  # fmt: skip
_SPECIAL = frozenset({"exp2", "expm1", "log1p", "erf", "erfc", "sinc", "erfinv", "digamma", "i0"})
_ALIASES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
    "trunc": "fix",
}  # fmt: skip
_IN_PLACE_AS_METHOD = frozenset({"sign", "sgn", "erfinv", "lgamma", "digamma"})
"""Those that torch has in place as methods alone."""
_NOT_NEGATIVE = frozenset({"exp", "exp2", "sqrt", "rsqrt", "square", "cosh", "erfc", "acos", "acosh"})


def _unary(name: str, target: str) -> Row:
    names = [name, _ALIASES[name]] if name in _ALIASES else [name]
    functions = [f"torch.{n}" for n in names] + ([f"torch.special.{name}"] if name in _SPECIAL else [])
    methods = [f"Tensor.{n} Tensor.{n}_" for n in names]
    in_place = [f"torch.{n}_" for n in names if n not in _IN_PLACE_AS_METHOD]
    return wrapped(
        name,
        "RW103",
        target,
        spelled(" ".join(functions), "input, *, out=None"),
        spelled(" ".join([*methods, *in_place]), "input"),
        traits=Trait.TABLE | (Trait.NOT_NEGATIVE if name in _NOT_NEGATIVE else Trait.NONE),
        aimet=_AIMET.get(name, ""),
    )


def _binary(name: str, target: str, traits: Trait = Trait.TABLE, aimet: str = "") -> Row:
    return wrapped(
        name, "RW103", target,
        spelled(f"torch.{name}", "input, other, *, out=None"), spelled(f"Tensor.{name}", "input, other"),
        operands="input other", traits=traits, aimet=aimet,
    )  # fmt: skip


ROWS = (
    *(_unary(name, target) for name, target in _UNARY.items()),
    wrapped(
        "abs", "RW103", "Abs",
        spelled("builtins.abs", "input"),
        spelled("torch.abs torch.absolute", "input, *, out=None"),
        spelled("Tensor.abs Tensor.abs_ Tensor.absolute Tensor.absolute_ torch.abs_", "input"),
        traits=Trait.TABLE | Trait.NOT_NEGATIVE, aimet="Abs",
    ),
    wrapped(
        "round", "RW103", "Round",
        spelled("torch.round", "input, *, decimals=0, out=None"),
        spelled("Tensor.round Tensor.round_ torch.round_", "input, *, decimals=0"),
        traits=Trait.TABLE, aimet="Round",
    ),
    _binary("maximum", "Maximum", Trait.TABLE | Trait.JOIN, aimet="Maximum"),
    _binary("minimum", "Minimum", Trait.TABLE | Trait.JOIN, aimet="Minimum"),
    _binary("fmax", "Fmax", Trait.TABLE | Trait.JOIN),
    _binary("fmin", "Fmin", Trait.TABLE | Trait.JOIN),
    _binary("atan2", "Atan2"),
    _binary("copysign", "CopySign"),
    _binary("xlogy", "XLogY"),
    _binary("hypot", "Hypot"),
    _binary("logaddexp", "LogAddExp"),
    _binary("logaddexp2", "LogAddExp2"),
    wrapped(
        "clamp", "RW103", "Clamp",
        spelled("torch.clamp torch.clip", "input, min=None, max=None, *, out=None"),
        spelled("Tensor.clamp Tensor.clamp_ Tensor.clip Tensor.clip_ torch.clamp_ torch.clip_", "input, min=None, max=None"),
        traits=Trait.TABLE, clamps="min max",
    ),
    wrapped(
        "clamp_min", "RW103", "ClampMin",
        spelled("torch.clamp_min", "input, min, *, out=None"),
        spelled("Tensor.clamp_min Tensor.clamp_min_ torch.clamp_min_", "input, min"),
        traits=Trait.TABLE, clamps="min",
    ),
    wrapped(
        "clamp_max", "RW103", "ClampMax",
        spelled("torch.clamp_max", "input, max, *, out=None"),
        spelled("Tensor.clamp_max Tensor.clamp_max_ torch.clamp_max_", "input, max"),
        traits=Trait.TABLE,
    ),
    wrapped(
        "where", "RW103", "Where",
        spelled("torch.where", "condition, input, other, *, out=None"),
        operands="condition input other", traits=Trait.UNBOUNDED, aimet="Where",
    ),
    wrapped(
        "where_method", "RW103", "TensorWhere",
        spelled("Tensor.where", "input, condition, other"), operands="input condition other", attribute="where", traits=Trait.UNBOUNDED,
    ),
    wrapped(
        "masked_fill", "RW103", "MaskedFill",
        spelled("torch.masked_fill Tensor.masked_fill Tensor.masked_fill_", "input, mask, value"),
        operands="input mask value", traits=Trait.UNBOUNDED,
    ),
    wrapped(
        "cumsum", "RW103", "Cumsum",
        spelled("torch.cumsum", "input, dim, *, dtype=None, out=None"),
        spelled("Tensor.cumsum Tensor.cumsum_", "input, dim, *, dtype=None"), aimet="CumSum",
    ),
    wrapped(
        "cumprod", "RW103", "Cumprod",
        spelled("torch.cumprod", "input, dim, *, dtype=None, out=None"),
        spelled("Tensor.cumprod Tensor.cumprod_", "input, dim, *, dtype=None"),
    ),
    wrapped(
        "nan_to_num", "RW103", "NanToNum",
        spelled("torch.nan_to_num", "input, nan=None, posinf=None, neginf=None, *, out=None"),
        spelled("Tensor.nan_to_num Tensor.nan_to_num_", "input, nan=None, posinf=None, neginf=None"),
        traits=Trait.TABLE,
    ),
)  # fmt: skip
