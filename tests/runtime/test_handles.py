"""Handles are what they stand for, to any code that looks."""

from __future__ import annotations

import abc
import copy
import functools
import gc
import pickle
import weakref
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune

import runtime.modules as m
from runtime.modules.handles import Handle
from runtime.modules.places import is_whole, module_of
from runtime.modules.tied import again
from tests.rewriter.executed import assert_equal_models

X = torch.randn(4, 8)


class Encoder(nn.Module):
    """Has a part of each kind; subclasses look at them in their forward."""

    flag = 3

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])
        self.lin = nn.Linear(8, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.5)
        self.named = nn.ModuleDict({"a": nn.Linear(8, 8), "b": nn.Linear(8, 8)})
        self.scales = nn.ParameterList([nn.Parameter(torch.ones(8)), nn.Parameter(torch.full((8,), 2.0))])
        self.by_name = nn.ParameterDict({"left": nn.Parameter(torch.ones(8))})
        self.steps = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
        self.stages = nn.ModuleList([nn.ModuleList([nn.Linear(8, 8)]), nn.ModuleList([nn.Linear(8, 8)])])
        self.rnn = nn.GRU(8, 8, batch_first=True)
        self.attention = nn.MultiheadAttention(8, 2)
        self.register_buffer("count", torch.zeros(()))
        self.seen: list[float] = []

    @property
    def width(self) -> int:
        return self.lin.out_features

    def helped(self, x: Tensor) -> Tensor:
        return self.lin(x) * self.flag  # type: ignore[no-any-return]


def encoder(forward: Any) -> type[Encoder]:
    return type("Looking", (Encoder,), {"forward": forward})


def iterates(self: Any, x: Tensor) -> Tensor:
    for layer in self.layers:
        x = layer(x)
    return x


def indexes(self: Any, x: Tensor) -> Tensor:
    return self.layers[-1](self.layers[0](x)) * len(self.layers)


def slices(self: Any, x: Tensor) -> Tensor:
    for layer in [*self.layers[1:], *reversed(self.layers)]:
        x = layer(x)
    return self.steps[1:](x)


def zips(self: Any, x: Tensor) -> Tensor:
    for i, (layer, scale) in enumerate(zip(self.layers, self.scales, strict=True)):
        x = layer(x) * scale + i
    return x


def by_name(self: Any, x: Tensor) -> Tensor:
    for name, part in self.named.items():
        x = part(x) if name in self.named else -x
    return self.named["a"](x) + self.by_name["left"] + len(self.named.keys())


def reads_weights(self: Any, x: Tensor) -> Tensor:
    return F.linear(x, self.lin.weight, self.lin.bias) * self.lin.in_features


def asks_for_classes(self: Any, x: Tensor) -> Tensor:
    if isinstance(self.lin, nn.Linear) and not isinstance(self.norm, nn.Linear) and isinstance(self, Encoder):
        x = self.lin(x)
    return x * (self.lin.__class__.__name__ == "Linear")


def asks_for_attributes(self: Any, x: Tensor) -> Tensor:
    return x * hasattr(self.lin, "weight") + x * hasattr(self.drop, "weight") + getattr(self.drop, "p", 9)


def nested(self: Any, x: Tensor) -> Tensor:
    for stage in self.stages:
        for layer in stage:
            x = layer(x) + len(stage)
    return x


def recurrent(self: Any, x: Tensor) -> Tensor:
    h = x.new_zeros(1, 1, self.rnn.hidden_size)
    return self.rnn(x[None], h)[0][0]


def attends(self: Any, x: Tensor) -> Tensor:
    return self.attention(x, x, x)[0] * self.attention.num_heads


def uses_members(self: Any, x: Tensor) -> Tensor:
    return self.helped(x) * self.width * Encoder.flag


def normalizes(self: Any, x: Tensor) -> Tensor:
    return self.drop(self.norm(x)) if self.training and self.norm.training else self.norm(x)


def counts(self: Any, x: Tensor) -> Tensor:
    self.count += 1
    self.last = x.detach().mean()
    self.seen.append(float(self.last))
    return x * self.count + self.last + len(self.seen)


def remembers(self: Any, x: Tensor) -> Tensor:
    seen = self.seen
    seen.append(1.0)
    return x * len(self.seen)


def asks_for_parameters(self: Any, x: Tensor) -> Tensor:
    total = sum(p.sum() for p in self.lin.parameters())
    return x * total + len(list(self.parameters())) + len(list(self.named_parameters(recurse=False)))


def asks_for_parts(self: Any, x: Tensor) -> Tensor:
    for name, part in self.named_children():
        if isinstance(part, nn.Linear):
            x = part(x) + len(name)
    return x * sum(isinstance(part, nn.Linear) for part in self.modules())


def asks_for_the_state(self: Any, x: Tensor) -> Tensor:
    return x * len(self.state_dict()) + self.lin.state_dict()["bias"]  # type: ignore[no-any-return]


def gets_submodules(self: Any, x: Tensor) -> Tensor:
    return self.get_submodule("named.a")(x) + self.get_parameter("lin.bias")  # type: ignore[no-any-return]


def runs_through(self: Any, x: Tensor) -> Tensor:
    return self.steps(x) + self._modules["lin"](x)  # type: ignore[no-any-return]


LOOKS = [
    iterates,
    indexes,
    slices,
    zips,
    by_name,
    reads_weights,
    asks_for_classes,
    asks_for_attributes,
    nested,
    recurrent,
    attends,
    uses_members,
    normalizes,
    counts,
    remembers,
    asks_for_parameters,
    asks_for_parts,
    asks_for_the_state,
    gets_submodules,
    runs_through,
]


class Twice(nn.Module):
    def __init__(self, forward: Any, parts: bool | None) -> None:
        super().__init__()
        self.encode = encoder(forward)()
        self.act = nn.LeakyReLU(0.2)
        if parts is not None:
            self.encode2 = again(self.encode, parts=parts)
            self.act2 = again(self.act)
        self.is_plain = parts is None

    def forward(self, x: Tensor) -> Any:
        x = self.act(self.encode(x))
        encode, act = (self.encode, self.act) if self.is_plain else (self.encode2, self.act2)
        return act(encode(x)), self.encode.count, torch.tensor(self.encode.seen)


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("look", LOOKS)
def test_encoders_called_twice(look: Any, parts: bool) -> None:
    torch.manual_seed(0)
    before, after = Twice(look, None), Twice(look, parts)
    assert_equal_models(before, after, X)
    assert before.encode.seen == after.encode.seen


def handles() -> list[tuple[nn.Module, Any]]:
    """Modules, and what stands for each."""
    holder = nn.Module()
    holder.linear, holder.act, holder.list = nn.Linear(8, 4), nn.LeakyReLU(0.3), nn.ModuleList([nn.Linear(8, 8)])
    holder.encode = encoder(iterates)()
    holder.linear2, holder.act2, holder.list2 = again(holder.linear), again(holder.act), again(holder.list)
    holder.encode2 = again(holder.encode, parts=True)
    return [(getattr(holder, name), getattr(holder, f"{name}2")) for name in ("linear", "act", "list", "encode")]


def test_what_is_seen_from_outside() -> None:
    (linear, linear2), (act, act2), (blocks, blocks2), (encode, encode2) = handles()
    assert all(isinstance(handle, type(module)) for module, handle in handles())
    assert linear2.weight is linear.weight and linear2.in_features == 8 and linear2._parameters is linear._parameters
    assert len(blocks2) == 1 and next(iter(blocks2)) == blocks[0] and blocks[0] in blocks2
    assert [name for name, _ in encode2.named_parameters()] == [name for name, _ in encode.named_parameters()]
    assert encode2.layers[1].weight is encode.layers[1].weight and encode2.lin in (encode.lin,)
    assert list(encode2.state_dict()) == list(encode.state_dict())
    assert set(dir(linear2)) == set(dir(linear)) and repr(act2) == repr(act) and repr(linear2) == repr(linear)
    act2.negative_slope, linear2.weight = 0.7, nn.Parameter(torch.zeros(4, 8))
    assert act.negative_slope == 0.7 and linear.weight is linear2.weight and linear.weight.sum() == 0
    encode2.eval()
    assert not encode.training and not encode.lin.training and not encode2.drop.training
    encode2.load_state_dict({name: torch.ones_like(t) for name, t in encode.state_dict().items()})
    assert encode.lin.weight.eq(1).all()
    with pytest.raises(AttributeError):
        linear2.no_such_thing  # noqa: B018


def test_each_use_has_a_name_and_each_module_is_visited_once() -> None:
    plain, apart = Twice(iterates, None), Twice(iterates, True)
    names = [name for name, _ in apart.named_modules()]
    assert {"encode2", "encode2.layers.0", "encode2.drop", "act2"} <= set(names) and len(names) == len(set(names))
    for kind in (nn.Linear, nn.BatchNorm1d, Encoder, nn.GRU):
        assert sum(isinstance(x, kind) for x in plain.modules()) == sum(isinstance(x, kind) for x in apart.modules())
    assert [n for n, _ in plain.named_parameters()] == [n for n, _ in apart.named_parameters()]
    assert [n for n, _ in plain.named_buffers()] == [n for n, _ in apart.named_buffers()]
    assert [name for name, _ in apart.named_children()] == ["encode", "act", "act2"]
    assert all(not list(x.parameters(recurse=False)) for name, x in apart.named_modules() if "encode2" in name)


@pytest.mark.parametrize("parts", [False, True])
def test_hooks_run_at_each_use_and_those_of_a_handle_at_its_own(parts: bool) -> None:
    model = Twice(iterates, parts)
    calls: list[str] = []

    def hook(name: str) -> Any:
        return lambda *_: calls.append(name)

    names = ("encode", "encode.layers.0", "act")
    registered = [model.get_submodule(name).register_forward_hook(hook(name)) for name in names]
    model(X)
    assert sorted(calls) == ["act", "act", "encode", "encode", "encode.layers.0", "encode.layers.0"]
    calls.clear()
    own = [
        dict(model.named_modules())[n].register_forward_hook(lambda *_: calls.append("2")) for n in ("encode2", "act2")
    ]
    model(X)
    assert calls.count("act") == calls.count("encode") == 1 and calls.count("2") == 2
    calls.clear()
    for one in own:
        one.remove()
    model(X)
    assert calls.count("act") == calls.count("encode") == 2
    for one in registered:
        one.remove()
    calls.clear()
    model(X)
    assert not calls


def test_pruning_still_masks_where_a_handle_is_observed() -> None:
    prune.l1_unstructured(linear := nn.Linear(8, 8), "weight", 0.5)
    handle = again(linear)
    handle.register_forward_pre_hook(lambda *_: None)
    with torch.no_grad():
        linear.weight_orig.add_(1)
    assert torch.equal(handle(X), linear(X))


class Wrapped(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) + 1  # type: ignore[no-any-return]


def test_a_handle_that_is_wrapped_stays_with_its_module() -> None:
    model = Twice(iterates, True)
    act = model.act
    model.act, model.act2 = Wrapped(model.act), Wrapped(model.act2)
    assert module_of(model.act2) is model.act2 and model.act2.inner._stands.now() is act
    model.act = nn.Tanh()
    assert model.act2.inner._stands.now() is act
    follows = Twice(iterates, True)
    follows.act = nn.Tanh()
    follows.act, follows.act2 = Wrapped(follows.act), Wrapped(follows.act2)
    assert isinstance(follows.act2.inner._stands.now(), nn.Tanh)


def test_children_that_change() -> None:
    before, after = Twice(iterates, None), Twice(iterates, True)
    for model in (before, after):
        torch.manual_seed(1)
        model.encode.layers.append(nn.Linear(8, 8))
        model.encode.layers[0] = nn.Linear(8, 8)
        del model.encode.layers[1]
    assert_equal_models(before, after, X)
    assert len(after.encode2.layers) == 2


def test_a_part_that_is_replaced_in_the_handle_is_its_own() -> None:
    model = Twice(iterates, True)
    model.encode2.layers[0] = Wrapped(model.encode2.layers[0])
    own = nn.Linear(8, 8)
    model.encode2.lin = own
    assert model.encode2.lin is own and model.encode.lin is not own
    added = {name for name in model.state_dict() if name.startswith("encode2")}
    assert added == {"encode2.lin.weight", "encode2.lin.bias"}
    assert model.double().encode2.lin.weight.dtype == torch.float64 and not model.eval().encode2.lin.training
    with pytest.raises(RuntimeError, match=r"encode2\.lin\.weight"):
        model.load_state_dict(Twice(iterates, None).state_dict())
    copied = copy.deepcopy(model)
    assert copied.encode2.lin is not own and torch.equal(copied.encode2.lin.weight, own.weight)


def test_copies_of_a_handle_alone() -> None:
    (linear, linear2), *_, (encode, encode2) = handles()
    copied = copy.deepcopy(linear2)
    assert isinstance(copied, nn.Linear) and copied.weight is not linear.weight
    assert torch.equal(copied.weight, linear.weight) and torch.equal(copied(X), linear(X))
    assert torch.equal(pickle.loads(pickle.dumps(again(linear)))(X), linear(X))
    assert torch.equal(copy.copy(encode2)(X), encode(X))


def test_a_handle_of_a_handle_and_what_is_no_module() -> None:
    (linear, linear2), *_ = handles()
    third = again(linear2)
    assert third is not linear2 and module_of(third) is linear
    assert again(None) is None and again(nn.ReLU) is nn.ReLU
    assert torch.equal(nn.ModuleList([again(torch.relu)])[0](-X), torch.relu(-X))
    scripted = torch.jit.script(nn.Linear(8, 8))
    assert torch.equal(again(scripted)(X), scripted(X))


def test_modules_whose_class_changes() -> None:
    holder = nn.Module()
    holder.lazy = nn.LazyLinear(4)
    holder.lazy2 = again(holder.lazy)
    assert holder.lazy(X).shape == holder.lazy2(X).shape == (4, 4)
    holder.lazy2.register_forward_hook(lambda *_: None)
    assert torch.equal(holder.lazy(X), holder.lazy2(X))
    torch.nn.utils.parametrizations.weight_norm(holder.lazy)
    assert torch.equal(holder.lazy(X), holder.lazy2(X)) and torch.equal(holder.lazy.weight, holder.lazy2.weight)


def test_classes_with_their_own_names_and_subclass_hooks() -> None:
    class Registering(nn.Module):
        known: ClassVar[list[type]] = []

        def __init_subclass__(cls, **options: Any) -> None:
            Registering.known.append(cls)

        def __init__(self) -> None:
            super().__init__()
            self.module, self.whole, self.place = nn.Linear(8, 8), "mine", nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.place(self.module(x)) if self.whole == "mine" else x  # type: ignore[no-any-return]

    module = Registering()
    handle = again(module, parts=True)
    assert torch.equal(handle(X), module(X)) and not Registering.known and not is_whole(handle)


class Wrapping(type):
    """Puts a count around each forward."""

    def __new__(cls, name: str, bases: Any, names: dict[str, Any]) -> Any:
        forward = names["forward"]

        def counted(self: Any, *args: Any) -> Any:
            self.calls = getattr(self, "calls", 0) + 1
            return forward(self, *args)

        return super().__new__(cls, name, bases, {**names, "forward": counted})


class AbstractWrapping(Wrapping, abc.ABCMeta):
    pass


@pytest.mark.parametrize("metaclass", [Wrapping, AbstractWrapping])
def test_what_a_metaclass_does_to_the_class_is_not_done_to_handles(metaclass: Any) -> None:
    class Counted(nn.Module, metaclass=metaclass):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Any:
            return self.lin(x)

    module: Any = Counted()
    handle = again(module, parts=True)
    assert torch.equal(handle(X), module(X)) and module.calls == 2
    assert isinstance(handle, Counted) and isinstance(type(handle), metaclass)
    assert not isinstance(module, type(handle)) and isinstance(module, Counted)


def test_nothing_keeps_a_model_alive() -> None:
    model = Twice(iterates, True)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("parts", [False, True])
def test_compilers_see_what_it_stands_for_now(parts: bool) -> None:
    model = Twice(zips, parts).eval()
    compiled = torch.compile(lambda x: model.act2(model.encode2(x)), backend="eager", fullgraph=True)
    for _ in range(2):
        assert torch.equal(compiled(X), model.act(model.encode(X)))
        model.encode.layers[1], model.act = nn.Linear(8, 8), nn.Tanh()
    traced = torch.fx.symbolic_trace(nn.Sequential(model.act, model.act2))
    assert torch.equal(traced(X), model.act2(model.act(X)))
    assert isinstance(model.encode2, Handle)


def test_lists_for_turns_grow_up_to_256() -> None:
    model = nn.Module()
    model.norm = nn.LayerNorm(8)
    model.turns = m.ModuleList(m.again(model.norm) for _ in range(2))
    model.acts = m.ModuleList(nn.ReLU() for _ in range(300))
    assert len(model.acts) == 256 and model.acts[299] is model.acts[255]
    model.norm = nn.LayerNorm(8)
    assert (
        module_of(model.turns[4]) is model.norm
        and len(model.turns) == 5
        and list(model.state_dict())
        == [
            "norm.weight",
            "norm.bias",
        ]
    )
    assert list(model.turns.named_children()) == [] and isinstance(model.turns[:2], nn.ModuleList)
    with pytest.raises(IndexError):
        m.ModuleList()[0]


class Scaled(nn.Module):
    scale = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.scale = 3.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) * self.scale


@pytest.mark.parametrize("parts", [False, True])
def test_what_a_class_says_of_an_attribute_does_not_hide_what_the_module_has(parts: bool) -> None:
    module = Scaled()
    handle, x = again(module, parts=parts), torch.randn(2, 4)
    assert torch.equal(handle(x), module(x))
    handle.scale = 5.0
    assert module.scale == 5.0 and torch.equal(handle(x), module(x))


class UnderATorchName(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.half = torch.tanh

    def forward(self, x: Tensor) -> Tensor:
        return self.half(self.fc(x))


@pytest.mark.parametrize("parts", [False, True])
def test_a_function_under_the_name_of_a_method_of_every_module_is_found(parts: bool) -> None:
    module, x = UnderATorchName(), torch.randn(2, 4)
    assert torch.equal(again(module, parts=parts)(x), module(x))


def test_a_hook_is_told_of_the_module_that_it_was_put_on() -> None:
    """Code that goes through `named_modules()` knows each module by its identity, and so do its hooks."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)
            self.linear2 = again(self.linear)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear2(self.linear(x))

    net = Net()
    names = {id(module): name for name, module in net.named_modules()}
    met: list[str] = []
    for module in net.modules():
        module.register_forward_hook(lambda module, *_: met.append(names[id(module)]))
        module.register_forward_pre_hook(lambda module, *_: met.append(names[id(module)]), with_kwargs=True)
    net(torch.ones(1, 2))
    assert met == ["", "linear", "linear", "linear2", "linear2", ""]


class Remembering:
    """A descriptor that keeps what it was set to in the dict of the object."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, obj: Any, owner: type) -> Any:
        return self if obj is None else obj.__dict__[self.name]

    def __set__(self, obj: Any, value: Any) -> None:
        obj.__dict__[self.name] = value


class OnceForEachObject(nn.Module):
    shift = Remembering()

    def __init__(self) -> None:
        super().__init__()
        self.shift = 0.5
        self.scale = 2.0

    @functools.cached_property
    def mask(self) -> Tensor:
        return torch.rand(8)

    @functools.cache  # noqa: B019
    def table(self, size: int) -> Tensor:
        return torch.rand(size)

    def forward(self, x: Tensor) -> Tensor:
        self.shift += 1
        return x * self.mask + self.table(8) + self.shift


class ReadsItsDict(OnceForEachObject):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * vars(self)["scale"] + self.__dict__["scale"]


class AsksItsClass(OnceForEachObject):
    by_name: ClassVar[dict[str, float]] = {"k": 2.0}
    count = 0

    @classmethod
    def counted(cls) -> int:
        cls.count += 1
        return cls.count

    def forward(self, x: Tensor) -> Tensor:
        type(self).count += 1
        x = super().forward(x) * type(self).by_name["k"] + self.__class__.by_name["k"] + self.counted()
        return x + 3 if type(self) is AsksItsClass else x


class ReadsItsClass(nn.Module):
    table: ClassVar[dict[str, float]] = {"k": 2.0}
    shift = 0.0

    def forward(self, x: Tensor) -> Tensor:
        return x * type(self).table["k"] + self.__class__.shift


def test_what_a_class_says_is_read_from_the_handles_class() -> None:
    module = ReadsItsClass()
    assert torch.equal(again(module)(X), module(X))
    assert type(again(module)).table is ReadsItsClass.table


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("kind", [OnceForEachObject, ReadsItsDict, AsksItsClass])
def test_what_an_object_computes_once_or_keeps_in_its_dict_it_has_once(kind: Any, parts: bool) -> None:
    module = kind()
    handle = again(module, parts=parts)
    AsksItsClass.count = 0
    torch.manual_seed(0)
    seen = handle(module(X)), handle(X), module(X), module.shift, handle.shift
    AsksItsClass.count = 0
    torch.manual_seed(0)
    module = kind()
    wanted = module(module(X)), module(X), module(X), module.shift, module.shift
    assert all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(seen, wanted, strict=True))


class Counting(nn.Module):
    """One method looks at the class of its object and at its dict, and the forward does not."""

    count = 0

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.Tanh()

    @property
    def counted(self) -> bool:
        return type(self) is Counting

    @counted.setter
    def counted(self, on: bool) -> None:
        self.__class__.count = int(on)

    def scale(self) -> float:
        self.__class__.count += 1
        return self.__dict__.setdefault("first", float(self.__class__.count))

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x) * self.scale() + self.counted


class ComesToItBySuper(Counting):
    def doubled(self) -> float:
        return 2 * super().scale()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x) * self.doubled()


@pytest.mark.parametrize(("kind", "apart"), [(Counting, True), (ComesToItBySuper, False)])
def test_a_method_that_needs_the_module_itself_is_run_by_it(kind: Any, apart: bool) -> None:
    kind.count = 0
    module = kind()
    handle = again(module, parts=True)
    seen = [module(X), handle(X), module(X), handle(X)]
    kind.count = 0
    plain = kind()
    assert all(torch.equal(a, b) for a, b in zip(seen, [plain(X) for _ in range(4)], strict=True))
    assert module.first == handle.first == plain.first and "first" not in handle.__dict__
    handle.counted = False
    assert kind.count == 0 and type(handle).count == 0
    assert (handle.act is not module.act) is apart


def sets(self: Any, x: Tensor) -> Tensor:
    x = self.act(x)
    self.act = nn.Tanh()
    return self.act(x - 0.5)


def sets_and_keeps(self: Any, x: Tensor) -> Tensor:
    x = self.act(x)
    self.act_before, self.act = self.act, nn.Sigmoid()
    return self.act(x) + self.act_before(x)


def writes_to_the_dict(self: Any, x: Tensor) -> Tensor:
    x = self.act(x)
    self._modules["act"] = nn.GELU()
    return x


def registers(self: Any, x: Tensor) -> Tensor:
    self.add_module("act", nn.Sequential(self.act, nn.Tanh()))
    return self.act(x)


def appends(self: Any, x: Tensor) -> Tensor:
    for layer in self.layers:
        x = layer(x) + 1
    self.layers.append(nn.Tanh())
    return x


def takes_away(self: Any, x: Tensor) -> Tensor:
    x = self.act(x) if hasattr(self, "act") else x * 2
    if hasattr(self, "act"):
        del self.act
    return x


def raises(self: Any, x: Tensor) -> Tensor:
    self.layers[0] = nn.Linear(8, 8)
    return self.no_such(x)


CHANGING = (sets, sets_and_keeps, writes_to_the_dict, registers, appends, takes_away, raises)


@pytest.mark.parametrize("change", CHANGING, ids=lambda change: change.__name__)
@pytest.mark.parametrize("stateless", [False, True])
@pytest.mark.parametrize("parts", [False, True])
def test_a_forward_that_changes_the_modules_parts(change: Any, stateless: bool, parts: bool) -> None:
    """What it puts in their place is there for the module and for each handle, as it is there for a module called twice."""

    class Changing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()
            self.layers = nn.ModuleList([nn.ReLU(), nn.Softsign()] if stateless else [nn.Linear(8, 8), nn.ReLU()])

        forward = change

    seen = []
    for handled in (False, True):
        torch.manual_seed(1)
        module = Changing()
        others = [again(module, parts=parts), again(module, parts=parts)] if handled else [module, module]
        outs = [outcome(each) for each in (module, *others, *others, module)]
        seen.append(
            (outs, [(name, type(part).__name__) for name, part in module.named_modules()], list(module.state_dict()))
        )
    assert_same(*seen)


def outcome(module: nn.Module) -> Any:
    try:
        return module(X).detach()
    except AttributeError as error:
        return str(error)


def assert_same(before: Any, after: Any) -> None:
    assert before[1:] == after[1:]
    assert all(torch.equal(a, b) if isinstance(a, Tensor) else a == b for a, b in zip(before[0], after[0], strict=True))


def test_each_is_what_map_is() -> None:
    """Also for whoever asks what it is, or goes on after an error."""
    runs = m.ModuleList([nn.ReLU()])
    found = runs.each([X, "no tensor", -X])
    assert type(found) is map and torch.equal(next(found), X.relu())
    with pytest.raises(TypeError):
        next(found)
    assert torch.equal(next(found), (-X).relu()) and list(found) == [] and len(runs) == 3


def test_a_handle_of_a_list_holds_what_the_list_holds_now() -> None:
    net = nn.Module()
    net.blocks = nn.ModuleList([nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for _ in range(2)])
    net.blocks2 = again(net.blocks, parts=True)
    net.blocks.append(nn.Sequential(nn.Linear(2, 2), nn.Tanh()))
    net.blocks[0] = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())
    x = torch.randn(3, 2)
    assert len(net.blocks2) == 3
    assert [type(block[1]).__name__ for block in net.blocks2] == ["Sigmoid", "ReLU", "Tanh"]
    assert all(torch.equal(one(x), other(x)) for one, other in zip(net.blocks, net.blocks2, strict=True))
    assert net.blocks2[2] is not net.blocks[2] and net.blocks2[2] is net.blocks2[-1]


@pytest.mark.parametrize("apart", [False, True])
def test_marks_on_all_modules_can_be_taken_off_again(apart: bool) -> None:
    """Code that initializes weights notes something on each module, and takes it off behind."""
    net = nn.Module()
    net.block = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
    net.block2 = again(net.block, parts=apart)
    for _ in range(2):
        for module in net.modules():
            module.mark = 1
        assert net.block[1].mark == net.block2[1].mark == 1
        for module in net.modules():
            del module.mark
        assert not any(hasattr(module, "mark") for module in net.modules())
    with pytest.raises(AttributeError):
        del net.block2[1].mark


class Checked(nn.Module):
    """Looks at what it is given before it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(8, 8)
        self.relu = nn.ReLU()
        self.checks = 0

    def __call__(self, x: Tensor, scale: float = 2) -> Tensor:
        self.checks += 1
        return super().__call__(x * scale)  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.lin(x))  # type: ignore[no-any-return]


def test_a_class_with_a_call_of_its_own_runs_on_the_handle() -> None:
    module = Checked()
    handle = again(module, parts=True)
    ran: list[nn.Module] = []
    handle.relu.register_forward_hook(lambda part, *_: ran.append(part))
    assert torch.equal(handle(X, scale=3), module(X, scale=3))
    assert module.checks == 2 and ran == [handle.relu]
