"""The base of all quantizers: finds a model's modules, and puts in their place what a method makes of them.

A method is a subclass that fills `replacement_factory`: a module type, and a function that makes the replacement. It is
used for subclasses of the type as well, the nearest base wins, and None leaves a type alone. Names of modules stay.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from runtime.modules.convert import TWINS
from runtime.modules.handles import TiedHandle, settle
from runtime.modules.places import is_whole, module_of, place_of, standing
from runtime.modules.plain_weights import make_weights_plain
from runtime.modules.twin import Twin
from runtime.quantization.inputs import check_example, door
from runtime.quantization.metadata import constructor_arguments, quantizer_metadata, set_quantizer_metadata, unwrapped
from runtime.quantization.overrides import Override, Overrides, QBits, accepted_keywords, near
from runtime.quantization.parameters import (
    ParameterToQuantize,
    bits_for,
    forget_graphs,
    parameters_to_quantize,
    requantize,
)
from runtime.user_line import warn

__all__ = ["QBits", "Quantizer", "ReplacementFn", "quantizer_metadata"]

ReplacementFn = Callable[..., nn.Module]
"""`fn(module, name, qbits_map, **overrides)`: the module to put in place; `module` itself leaves things as they are."""


class Quantizer:
    """Turns a prepared model into a quantized one, in place, when `prepare_model` is called.

    `overrides` maps regular expressions over full module names to `bits_activations`, `bits_weights`, `bits_bias` and
    to arguments of the replacement functions, for the modules that they name; without the `module.` of a DataParallel.

    With `train_with_fp_copy` the trained parameter is kept as `float_weight`, and `weight` becomes a buffer that holds
    what `param_quantization_fn(float_weight, bits)` made of it. `quantize_params` does that; it runs by itself after
    each step of the optimizer, and each module does it for its own before it runs.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Quantizer:
        quantizer = super().__new__(cls)
        # Without any it is being copied or unpickled, which brings them along.
        given = constructor_arguments(cls, args, kwargs) if args or kwargs else {}
        params = {name: value for name, value in given.items() if name not in ("model", "optimizer")}
        if params.get("overrides"):
            params["overrides"] = copy.deepcopy(params["overrides"])  # the caller may go on changing them
        quantizer._params = params
        return quantizer

    _params: dict[str, Any]

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | None = None,
        bits_activations: int | None = None,
        bits_weights: int | None = None,
        bits_bias: int | None = None,
        overrides: OrderedDict[str, dict[str, Any]] | None = None,
        train_with_fp_copy: bool = False,
    ) -> None:
        if isinstance(model, DistributedDataParallel):
            raise TypeError(
                "the model is wrapped in DistributedDataParallel, which would not see new parameters; "
                "quantize the model first, then wrap it"
            )
        if train_with_fp_copy and optimizer is None:
            raise ValueError("train_with_fp_copy=True needs the optimizer that trains the copies; pass optimizer=")
        self.model = model
        self.optimizer = optimizer
        self.default_qbits = QBits(bits_activations, bits_weights, bits_bias)
        self.overrides = Overrides(overrides, self.default_qbits)
        self.train_with_fp_copy = train_with_fp_copy
        self.replacement_factory: dict[type[nn.Module], ReplacementFn | None] = {
            # Torch's name for a Linear whose weight is read by its owner, which never calls it.
            NonDynamicallyQuantizableLinear: None
        }
        self.param_quantization_fn: Callable[[Tensor, int], Tensor] | None = None
        self.params_to_quantize: list[ParameterToQuantize] = []
        self.module_qbits_map: dict[str, QBits] = {}
        self.prepared = False
        self._module_overrides: dict[str, Override] = {}
        self._visited: dict[nn.Module, tuple[str, nn.Module]] = {}
        self._handles: list[tuple[nn.Module, str, str]] = []

    def prepare_model(self, dummy_input: Any = None) -> None:
        """Replaces the modules. `dummy_input` is for methods that need to see the model run."""
        self._check_not_prepared()
        make_weights_plain(self.model, self.optimizer)
        settle(self.model)
        self._map_overrides()
        before = {id(parameter) for parameter in self.model.parameters()}
        with door(f"{type(self).__name__}.prepare_model"):
            if dummy_input is not None:
                check_example(dummy_input)
            self._pre_prepare_model(dummy_input)
        if not self._is_opaque(self.model, "", self.model):
            self._replace_below(self.model, "")
        self._replace_handles()
        self._collect_parameters()
        self._warn_of_nothing()
        new = {name: p for name, p in self.model.named_parameters() if id(p) not in before}
        if self.optimizer is not None and new:
            for group in self._new_parameter_groups(new):
                self.optimizer.add_param_group(group)
        self._post_prepare_model()
        self.quantize_params()
        if self.train_with_fp_copy and self.optimizer is not None:
            self.optimizer.register_step_post_hook(lambda *_: self.quantize_params())
        self.prepared = True
        set_quantizer_metadata(self.model, type(self), self._metadata_params(), dummy_input, self.reasons)

    def quantize_params(self) -> None:
        """Quantizes every parameter in `params_to_quantize` with `param_quantization_fn`."""
        for found in self.params_to_quantize:
            assert self.param_quantization_fn is not None
            with torch.no_grad():
                exact = getattr(found.module, found.float_name)
                getattr(found.module, found.name).copy_(self.param_quantization_fn(exact, found.bits))

    def replaced_modules(self) -> Iterator[tuple[str, nn.Module, nn.Module]]:
        """The name, the module that was and the one that is now, for every replacement, in the order of the model."""
        for module, (name, replacement) in self._visited.items():
            if replacement is not module:
                yield name, module, replacement

    @property
    def reasons(self) -> Mapping[str, str]:
        """For subclasses: the modules that ran and stay in floating point, and why."""
        return {}

    def _pre_prepare_model(self, dummy_input: Any) -> None:
        """For subclasses: before anything is replaced."""

    def _post_prepare_model(self) -> None:
        """For subclasses: when all is replaced and the optimizer knows new parameters."""

    def _metadata_params(self) -> dict[str, Any]:
        """What a checkpoint keeps to make this quantizer again: what the constructor was given."""
        return self._params

    def _new_parameter_groups(self, new: dict[str, nn.Parameter]) -> list[dict[str, Any]]:
        """How parameters that the replacements brought join the optimizer; by default as one group."""
        return [{"params": list(new.values())}]

    def _check_not_prepared(self) -> None:
        if self.prepared:
            raise RuntimeError("prepare_model was called before; a quantizer prepares its model once")
        metadata = quantizer_metadata(self.model)
        if metadata is not None:
            by = metadata["type"]
            raise RuntimeError(f"the model was prepared before, by a {by}; start from a copy of the float model")

    def _map_overrides(self) -> None:
        self.overrides.check_keys(fn for fn in self.replacement_factory.values() if fn is not None)
        skip = len("module.") if unwrapped(self.model) is not self.model else 0
        for name, module in self.model.named_modules(remove_duplicate=False):
            override = self.overrides.find(name[skip:])
            self._module_overrides[name] = override
            self.module_qbits_map[name] = bits_for(module, override.qbits)
        for pattern in self.overrides.unused():
            names = [name[skip:] for name in self._module_overrides]
            if self.overrides.holds_for(pattern, names):
                warn(f"overrides[{pattern!r}] decides nothing: for all that it holds for, a pattern before it does")
            else:
                warn(f"overrides[{pattern!r}] holds for no module of the model: {near(pattern, names)}")

    def _replace_below(self, container: nn.Module, prefix: str) -> None:
        for attribute, module in list(container._modules.items()):
            name = prefix + attribute
            if module is None:
                continue
            if isinstance(module, TiedHandle):
                self._handles.append((container, attribute, name))
                continue
            if module in self._visited:
                self._share(container, attribute, name, module)
                continue
            replacement = self._replacement(module, name)
            self._visited[module] = (name, replacement)
            if replacement is not module:
                setattr(container, attribute, replacement)
            if not self._is_opaque(module, name, replacement):
                self._replace_below(module, name + ".")

    def _replacement(self, module: nn.Module, name: str) -> nn.Module:
        make = self._find_replacement_fn(type(module))
        if make is None:
            return module
        qbits, arguments = self.module_qbits_map[name], self._module_overrides[name].arguments
        if qbits == QBits():
            if arguments:
                raise ValueError(f"overrides have {sorted(arguments)} for {name!r}, which they do not quantize")
            return module
        accepted = accepted_keywords(make)
        unknown = sorted(set(arguments) - accepted) if accepted is not None else []
        if unknown:
            raise TypeError(
                f"overrides have {unknown} for {name!r}, but for a {type(module).__name__} "
                f"{type(self).__name__} takes {sorted(accepted or ())} besides bits"
            )
        replacement = make(module, name, self.module_qbits_map, **arguments)
        if replacement is not module:
            self._adopt(replacement, module, name, qbits)
        return replacement

    def _find_replacement_fn(self, kind: type[nn.Module]) -> ReplacementFn | None:
        nearest = next((base for base in kind.__mro__ if base in self.replacement_factory), None)
        return None if nearest is None else self.replacement_factory[nearest]

    def _adopt(self, replacement: nn.Module, module: nn.Module, name: str, qbits: QBits) -> None:
        """Brings what is new to the mode and the device of the model, and its parts into the map of bits."""
        old = set(module.modules())
        for new in replacement.modules():
            if new not in old:
                new.training = module.training
        tensors = chain(module.parameters(), module.buffers(), self.model.parameters(), self.model.buffers())
        first = next(tensors, None)
        if first is not None:
            replacement.to(first.device)
        for part_name, part in replacement.named_modules(prefix=name):
            if part is not replacement:
                self.module_qbits_map[part_name] = bits_for(part, qbits)

    def _share(self, container: nn.Module, attribute: str, name: str, module: nn.Module) -> None:
        first, replacement = self._visited[module]
        if self._module_overrides[name] != self._module_overrides[first]:
            warn(f"{name!r} is the same module as {first!r}, whose overrides hold for both")
        if replacement is not module:
            setattr(container, attribute, replacement)

    def _is_opaque(self, module: nn.Module, name: str, replacement: nn.Module) -> bool:
        """Torch's compound modules read the weights of their parts, which they do not call."""
        if replacement is not module or isinstance(module, Twin) or not isinstance(module, tuple(TWINS)):
            return False
        what = f"{name!r} is" if name else "the model is"
        warn(
            f"{what} a torch.nn.{type(module).__name__}: nothing inside it is quantized, because it does not call "
            "its parts; runtime.modules.convert(model) or `rewriter fix` makes it of modules"
        )
        return True

    def _replace_handles(self) -> None:
        """After all else, when what a handle shares has its replacement."""
        handles, self._handles = self._handles, []
        for container, attribute, name in handles:
            handle = container._modules[attribute]
            assert isinstance(handle, TiedHandle)
            stands = self._whole_handle(handle, name) if is_whole(handle) else self._apart_handle(handle, name)
            self._visited[place_of(handle)] = (name, stands)
            if stands is not handle:
                setattr(container, attribute, stands)

    def _whole_handle(self, handle: TiedHandle, name: str) -> nn.Module:
        """For subclasses: what calls the replacement again; by default the handle, so that calls share all of it."""
        standing(handle).pin(self._visited.get(module_of(handle), (name, module_of(handle)))[1])
        return handle

    def _apart_handle(self, handle: TiedHandle, name: str) -> nn.Module:
        self._replace_below(handle, name + ".")
        self._replace_handles()
        return handle

    def _collect_parameters(self) -> None:
        if self.param_quantization_fn is None:
            if self.train_with_fp_copy:
                raise ValueError("train_with_fp_copy=True needs a param_quantization_fn; set it before prepare_model")
            return
        found = parameters_to_quantize(self.model, self.module_qbits_map, self.train_with_fp_copy)
        self.params_to_quantize.extend(found)
        if self.train_with_fp_copy:
            for one in self.params_to_quantize:
                hook = partial(requantize, one.float_name, one.name, one.bits, self.param_quantization_fn)
                one.module.register_forward_pre_hook(hook)
            names = [(one.module_name, one.name) for one in self.params_to_quantize]
            self.model.register_forward_hook(partial(forget_graphs, names))

    def _warn_of_nothing(self) -> None:
        asked = any(override.qbits != QBits() for override in self._module_overrides.values())
        if asked and not self.params_to_quantize and not any(True for _ in self.replaced_modules()):
            kinds = sorted(kind.__name__ for kind, fn in self.replacement_factory.items() if fn is not None)
            warn(
                f"nothing was quantized: {type(self).__name__} replaces {', '.join(kinds) or 'no type of module'}, "
                "and none is in the model with bits to quantize to"
            )
