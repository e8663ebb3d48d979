"""What every modular twin of a torch module shares: who holds the parameters, and how twins are made and unmade.

A twin is a subclass of the torch module it stands for. It registers the same Parameters under the same names, so
`state_dict`, `named_parameters`, optimizer states, initialisation functions that look for `weight_hh_l0` and
`isinstance(m, nn.LSTM)` all go on as before. Its parts (an `nn.Linear`, say) register *the same Parameter objects*
once more under their own names. Torch lists a Parameter once, under the first name that it meets, and a module's own
parameters come before its children's: the torch names and their order win, and an optimizer sees each one once.

The other two designs were weighed and left. Parts that alone own the weights, with hooks that translate a
state_dict, change the names and the order of `named_parameters`, hence optimizer states and initialisation. Parts that
read their weight from the twin at each call are not ordinary `nn.Linear`s, so a quantizer cannot take the weight over.

Double registration needs care in five places, which is all that `Twin` does:

- `state_dict` leaves out what the parts list again, and loading gives the parts what the twin has loaded (`assign=True`
  included);
- `_apply` (`.to`, `.half`, `to_empty`) ties the parts again where it made new Parameters;
- a Parameter set on the twin (`lstm.weight_hh_l0 = ...`) is set on the parts;
- a tensor set there in the place of a Parameter, as weight norm and pruning do before each forward, goes to the parts;
- a Parameter that no part holds any more, because a quantizer put another module in the part's place, becomes None
  on the twin, so that no dead float weight is trained, saved, or silently loaded. A wrapper around the part keeps it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn
from torch.nn.parameter import Parameter

Holders = dict[str, list[tuple[nn.Module, str]]]


class Twin(nn.Module):
    """Base of the twins. Subclasses also derive from `original` and say in `make_parts` what they are made of."""

    original: ClassVar[type[nn.Module]]
    _made: dict[str, type[nn.Module]]
    """Every module that `make_parts` made, by its path below the twin."""
    _ties: dict[str, str]
    """What `_aliases` returned when the parts were made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.begin_twin()

    def begin_twin(self) -> None:
        """Makes the parts of a module whose Parameters are in place: a new one's, or one that torch made."""
        self._made = {}
        self.make_parts()
        self._ties = self._aliases()

    def make_parts(self) -> None:
        """Adds the parts with `add_part`; the Parameters are there already and no random number may be drawn."""
        raise NotImplementedError(f"{type(self).__name__} must say in make_parts what it is made of")

    def undo_parts(self) -> None:
        """Takes back what `make_parts` did apart from adding parts; most twins do nothing else."""

    def add_part(self, name: str, part: nn.Module) -> None:
        part.train(self.training)
        setattr(self, name, part)
        self._made.update({path: type(module) for path, module in part.named_modules(prefix=name)})

    def _holders(self) -> Holders:
        """For each of the twin's own Parameters, the modules below that register it too, and as what."""
        own = {id(p): name for name, p in self._parameters.items() if p is not None}
        holders: Holders = {name: [] for name in own.values()}
        for module in self.modules():
            if module is self:
                continue
            for attribute, parameter in module._parameters.items():
                if id(parameter) in own:
                    holders[own[id(parameter)]].append((module, attribute))
        return holders

    def _tie(self, holders: Holders) -> None:
        for name, places in holders.items():
            for module, attribute in places:
                module._parameters[attribute] = self._parameters[name]

    def _aliases(self) -> dict[str, str]:
        """Path below the twin -> the twin's own name of the same Parameter."""
        own = {id(p): name for name, p in self._parameters.items() if p is not None}
        return {
            path: own[id(parameter)]
            for path, parameter in self.named_parameters(remove_duplicate=False)
            if "." in path and id(parameter) in own
        }

    def __setattr__(self, name: str, value: Parameter | nn.Module | Any) -> None:
        sets_parameter = name in self.__dict__.get("_parameters", ())
        sets_part = name in self.__dict__.get("_modules", ())
        if not (sets_parameter or sets_part):
            super().__setattr__(name, value)
            self._hand_over(name, value)
            return
        before = self._holders()
        super().__setattr__(name, value)
        if sets_parameter:
            self._tie({name: before.get(name, [])})
            return
        after = self._holders()
        for parameter, places in before.items():
            if places and not after[parameter]:
                super().__setattr__(parameter, None)  # type: ignore[arg-type]

    def _hand_over(self, name: str, value: Any) -> None:
        """To the parts, what was set under the name of a Parameter that is none any more."""
        for path, tied in self.__dict__.get("_ties", {}).items():
            if tied != name:
                continue
            part_path, _, attribute = path.rpartition(".")
            part = self.get_submodule(part_path)
            part._parameters.pop(attribute, None)
            part.__dict__.pop(attribute, None)
            (part._parameters if isinstance(value, Parameter) else part.__dict__)[attribute] = value

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        holders = self._holders()
        result = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._tie(holders)
        return result

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        prefix = args[1] if len(args) > 1 else kwargs.get("prefix", "")
        destination = super().state_dict(*args, **kwargs)
        for path in self._aliases():
            destination.pop(prefix + path, None)
        return destination

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        aliases = self._aliases()
        super()._load_from_state_dict(state_dict, prefix, *rest)
        # The parts are loaded next, from this same mapping: each is handed the Parameter that the twin now has.
        for path, name in aliases.items():
            state_dict[prefix + path] = self._parameters[name]


class DropoutTwin(Twin):
    """A twin whose `dropout` is a rate that may be changed at any time, as in torch; its dropout parts follow."""

    @property
    def dropout(self) -> float:
        rate: float = self.__dict__["dropout"]
        return rate

    @dropout.setter
    def dropout(self, rate: float) -> None:
        self.__dict__["dropout"] = rate
        for part in self.__dict__["_modules"].values():
            if isinstance(part, nn.Dropout):
                part.p = rate


def make_twin(module: nn.Module, twin: type[Twin]) -> None:
    """Turns a module of torch's into its twin, in place: who shares it, hooks it or holds it goes on doing so."""
    module.__class__ = twin
    assert isinstance(module, Twin)
    module.begin_twin()


def unmake_twin(module: Twin) -> None:
    """The reverse of `make_twin`."""
    for path in module._made:
        if "." not in path:
            delattr(module, path)
    module.undo_parts()
    del module._made, module._ties
    object.__setattr__(module, "__class__", module.original)


def linear_on(weight: Parameter, bias: Parameter | None = None) -> nn.Linear:
    """An `nn.Linear` that registers these Parameters. Built on the meta device: no memory, no random numbers."""
    out_features, in_features = weight.shape
    linear = nn.Linear(in_features, out_features, bias=bias is not None, device="meta")
    linear.weight = weight
    if bias is not None:
        linear.bias = bias
    return linear
