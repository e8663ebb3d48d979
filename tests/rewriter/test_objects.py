"""Methods of objects that are no modules, which a forward is given or makes: whoever calls them brings the modules."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rewriter.engine import rewrite
from rewriter.python.project import Project
from rewriter.results import FileResult
from rewriter.settings import Settings
from runtime.inspect import check_prepared
from runtime.modules import Call, EltWiseAdd, shared
from tests.rewriter.executed import HEADER, assert_equal_models, check, load, rewritten

X = torch.randn(2, 3, 4)

LAYERS = """
from abc import ABC, abstractmethod


class Layer(ABC):
    def __init__(self):
        self.keys: Tensor | None = None

    @abstractmethod
    def update(self, k: Tensor, *args, **kwargs) -> Tensor: ...


class Growing(Layer):
    def start(self, k: Tensor):
        self.keys = k * 2

    def update(self, k: Tensor, *args, **kwargs) -> Tensor:
        if self.keys is None:
            self.start(k)
        self.keys = torch.cat([self.keys, k], dim=-2)
        return self.keys


class Shifted(Growing):
    def update(self, k: Tensor, *args, **kwargs) -> Tensor:
        return super().update(k, *args, **kwargs) + 1


class Unused(Layer):
    def update(self, k: Tensor, *args, **kwargs) -> Tensor:
        return k


class Cache:
    def __init__(self, layers: list[Layer] | None = None):
        self.layers = layers if layers is not None else []

    def update(self, k: Tensor, index: int, *args, **kwargs) -> Tensor:
        while len(self.layers) <= index:
            self.layers.append(Growing() if index else Shifted())
        return self.layers[index].update(k, *args, **kwargs)


class OtherCache(Cache):
    pass
"""
ATTENTION = """

class Attention(nn.Module):
    def __init__(self, index):
        super().__init__()
        self.index = index
        self.fc = nn.Linear(4, 4)

    def forward(self, x, past: Cache | None = None):
        k = self.fc(x)
        if past is not None:
            k = past.update(k, self.index)
        return k.mean(1, keepdim=True) * x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Attention(i) for i in range(3))

    def forward(self, x, past: Cache | None = None):
        if past is None:
            past = OtherCache()
        for layer in self.layers:
            x = layer(x, past=past)
        return x
"""
# Python's own module namespace, which pickle and the classes below a class are looked up in.
SOURCE = LAYERS + ATTENTION


def test_each_caller_brings_its_own_modules() -> None:
    after = check(SOURCE, X)
    assert "self.call = runtime.modules.Call(Cache.update)" in after
    assert "k = self.call(past.update, k, self.index)" in after
    assert "self.call = runtime.modules.Call(Layer.update)" in after
    assert "return ops.call(self.layers[index].update, k, *args, **kwargs)" in after
    assert "ops.call(self.start, k)" in after
    assert "return ops.add(ops.call(super().update, k, *args, **kwargs), 1)" in after
    assert "ops: GrowingUpdateOps = runtime.modules.shared[GrowingUpdateOps], **kwargs" in after
    assert "class UnusedUpdateOps" not in after


def test_a_quantizer_sees_every_operation_once() -> None:
    after = load(rewritten(HEADER + SOURCE).after)
    net = after["Net"]()
    found = check_prepared(net, X)
    assert not found.raw and not found.repeated, found
    names = dict(net.named_modules())
    assert "layers.0.call.Cache_update.call.Shifted_update.add" in names
    assert "layers.1.call.Cache_update.call.Growing_update.concat" in names


def test_survives_copies_compilation_and_export() -> None:
    result = rewritten(HEADER + SOURCE)
    before = load(result.before)["Net"]()
    wanted = before(X)
    net = load(result.after)["Net"]()
    net.load_state_dict(before.state_dict())
    assert torch.equal(copy.deepcopy(net)(X), wanted)
    assert torch.equal(pickle.loads(pickle.dumps(net))(X), wanted)
    assert torch.equal(torch.compile(net, fullgraph=True, backend="eager")(X), wanted)
    assert torch.equal(torch.export.export(net, (X,)).module()(X), wanted)


def test_objects_of_classes_that_the_project_does_not_know_go_on_as_before() -> None:
    result = rewritten(HEADER + SOURCE)
    before, after = load(result.before), load(result.after)

    def strict(namespace: dict[str, Any]) -> Any:
        class Strict(namespace["Cache"]):  # type: ignore[misc, name-defined, valid-type]
            def update(self, k: Tensor, index: int) -> Tensor:
                result: Tensor = super().update(k, index) * 3
                return result

        return Strict()

    class Foreign:
        def update(self, k: Tensor, index: int) -> Tensor:
            return k / (index + 1)

    nets = before["Net"](), after["Net"]()
    nets[1].load_state_dict(nets[0].state_dict())
    assert torch.equal(nets[0](X, strict(before)), nets[1](X, strict(after)))
    assert torch.equal(nets[0](X, Foreign()), nets[1](X, Foreign()))


def test_an_object_that_is_called() -> None:
    source = """

class Shift:
    def __init__(self, by):
        self.by = by

    def __call__(self, x, **options):
        return x + self.by


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        shift = Shift(0.5)
        return shift(self.fc(x))
"""
    after = check(source, X)
    assert "self.call = runtime.modules.Call(Shift.__call__)" in after
    assert "return self.call(shift, self.fc(x))" in after


PROCESSORS = """

class Scores:
    def __call__(self, net, x):
        return net.fc(x) * 2


class Shifted:
    def __init__(self, by=1.0):
        self.by = by

    def __call__(self, net, x):
        return net.fc(x) + self.by


class Attention(nn.Module):
    default = Scores

    def __init__(self, processor=None):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        if processor is None:
            processor = self.default()
        self.set_processor(processor)

    def set_processor(self, processor):
        self.processor = processor

    def forward(self, x):
        return self.processor(self, x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = Attention()
        self.b = Attention(processor=Shifted(0.5))

    def forward(self, x):
        return self.b(self.a(x))
"""


def test_an_object_that_a_module_keeps_and_calls() -> None:
    after = check(PROCESSORS, X)
    assert "self.call = runtime.modules.Call(Scores.__call__, Shifted.__call__)" in after
    several = "".join(f"\n\nclass P{i}(Other):\n    pass\n" for i in range(3)).replace("Other", "object")
    calls = several.replace("    pass", "    def __call__(self, net, x):\n        return net.fc(x) - 1")
    made = "".join(f"        self.p{i} = Attention(P{i}())\n" for i in range(3))
    source = calls + PROCESSORS.replace("        self.b = Attention", made + "        self.b = Attention")
    after = check(source, X)
    assert "        self.set_processor(processor)\n        self.call = runtime.modules.Call(self.processor)\n" in after
    assert "return self.call(self.processor, self, x)" in after


MADE = """

class Costs:
    def __init__(self, x, y, levels=2):
        self.levels = levels
        self.costs = x * y

    def __call__(self, x):
        for level in range(self.levels):
            x = x + self.costs * x
        return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        costs = Costs(x, self.fc(x))
        return costs(x)
"""


def test_an_object_that_computes_while_it_is_made() -> None:
    after = check(MADE, X)
    assert "costs = self.call(Costs, x, self.fc(x))" in after and "runtime.modules.Call(Costs.__init__)" in after
    assert "x = ops.add[level](x, ops.mul[level](self.costs, x))" in after
    by_others = MADE.replace(
        "    def __call__", "    def __new__(cls, *a):\n        return object.__new__(cls)\n\n    def __call__"
    )
    assert "Costs(x, self.fc(x))" in check(by_others, X)


def test_a_function_passes_modules_on() -> None:
    function = "\n\ndef store(past: Cache, k, index):\n    return past.update(k, index)\n"
    source = LAYERS + function + ATTENTION.replace("past.update(k, self.index)", "store(past, k, self.index)")
    after = check(source, X)
    assert "return ops.call(past.update, k, index)" in after and "k = self.store(past, k, self.index)" in after


NET = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return Helper().mix(self.fc(x))
"""
REFUSED = {
    "comes back to itself": (
        "class Helper:\n    def mix(self, x, *args):\n        return self.mix(x * 2) if x.sum() < 0 else x\n",
        "RW903",
        "it may call itself",
    ),
    "TorchScript may compile it": (
        "class Helper:\n    def mix(self, x):\n        return x * 2\n",
        "RW903",
        "TorchScript may compile Helper",
    ),
    "a decorator": (
        "import functools\n\n\nclass Helper:\n    @functools.cache\n    def mix(self, x, *args):\n        return x * 2\n",
        "RW903",
        "may change what the function takes",
    ),
    "bound again": (
        "class Helper:\n    def mix(self, x, *args):\n        return x * 2\n\n    mix = print and mix\n",
        "RW903",
        "more than once",
    ),
    "a property": (
        "class Helper:\n    @property\n    def mixed(self):\n        return self.x * 2\n\n"
        "    def mix(self, x, *args):\n        self.x = x\n        return self.mixed\n",
        "RW903",
        "Python itself calls it",
    ),
    "in a branch": (
        "if torch is not None:\n    class Helper:\n        def mix(self, x, *args):\n            return x * 2\n",
        "RW903",
        "stands in a branch",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    helper, code, reason = REFUSED[name]
    result = rewritten(HEADER + "\n\n" + helper + NET)
    assert not result.changed and {r.code for r in result.refusals} == {code}
    assert reason in result.refusals[0].message


def in_project(folder: Path, files: dict[str, str], order: list[str]) -> dict[str, FileResult]:
    """Rewrites the files one after the other, each as a project of which the ones before are rewritten."""
    for name, text in files.items():
        (folder / name).write_text(text)
    results = {}
    for name in order:
        path = folder / name
        results[name] = rewrite(path.read_bytes(), path, Settings(), Project.for_paths([folder]))
        assert results[name].failure is None, results[name].failure
        path.write_bytes(results[name].after)
    return results


FILES = {
    "__init__.py": "",
    "caches.py": HEADER + LAYERS,
    "net.py": HEADER + "from .caches import Cache, OtherCache\n" + ATTENTION,
}


def test_the_order_of_the_files_does_not_matter(tmp_path: Path) -> None:
    texts = []
    for order in (["caches.py", "net.py"], ["net.py", "caches.py"]):
        folder = tmp_path / order[0].partition(".")[0]
        folder.mkdir()
        results = in_project(folder, FILES, order)
        assert all(result.changed for result in results.values())
        texts.append({name: result.after for name, result in results.items()})
        assert not any(result.changed for result in in_project(folder, {}, order).values())
    assert texts[0] == texts[1]


def test_a_class_without_a_name_where_the_module_is_made_is_said(tmp_path: Path) -> None:
    imported = "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n" + HEADER
    imported += "\nif TYPE_CHECKING:\n    from .caches import Cache\n"
    net = ATTENTION.partition("class Net")[0]
    results = in_project(tmp_path, FILES | {"net.py": imported + net}, ["net.py"])
    assert [r.code for r in results["net.py"].refusals] == ["RW903"]
    assert "past.update(k, self.index)" in results["net.py"].after.decode()


class AddOps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.add = EltWiseAdd()


class Once:
    def run(self, x: Tensor, *, ops: AddOps = shared[AddOps]) -> Tensor:
        return ops.add(x, 1)

    def __call__(self, x: Tensor, *, ops: AddOps = shared[AddOps]) -> Tensor:
        return ops.add(x, 2)


class Twice(Once):
    def run(self, x: Tensor, *, ops: AddOps = shared[AddOps]) -> Tensor:
        return ops.add(x, x)


class Never(Once):
    def run(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return x


def test_a_call_serves_a_method_and_those_that_override_it() -> None:
    call = Call(Once.run, Once.__call__)
    assert [n for n, _ in call.named_children()] == ["Once_run", "Twice_run", "Once___call__"]
    x = torch.randn(3)
    for function, module, wanted in (
        (Once().run, call.Once_run, x + 1),
        (Twice().run, call.Twice_run, x + x),
        (Never().run, None, x),
        (Once(), call.Once___call__, x + 2),
    ):
        seen: list[nn.Module] = []
        hooks = [m.register_forward_hook(lambda m, *_: seen.append(m)) for m in call.modules()]  # noqa: B023
        assert torch.equal(call(function, x), wanted)
        assert (module.add in seen) if module is not None else seen == [call]
        for hook in hooks:
            hook.remove()


class Loop:
    def there(self, x: Tensor, *, ops: Any = None) -> Tensor:
        return x

    def back(self, x: Tensor, *, ops: Any = None) -> Tensor:
        return x


class ThereOps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.call = Call(Loop.back)


class BackOps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.call = Call(Loop.there)


def test_methods_that_call_each_other_come_to_an_end() -> None:
    for method, ops in ((Loop.there, ThereOps), (Loop.back, BackOps)):
        method.__kwdefaults__ = {"ops": shared[ops]}
    call = Call(Loop.there)
    assert [name for name, _ in call.named_modules() if name.count(".") > 3] == []


def test_a_model_is_equal_with_an_object_that_is_given() -> None:
    result = rewritten(HEADER + SOURCE)
    before, after = load(result.before), load(result.after)
    nets = before["Net"](), after["Net"]()
    nets[1].load_state_dict(nets[0].state_dict())
    assert torch.equal(nets[0](X, before["Cache"]()), nets[1](X, after["Cache"]()))
    assert_equal_models(*nets, X)


def test_what_a_class_says_of_its_attributes_is_known_of_its_objects() -> None:
    source = """
from dataclasses import dataclass


@dataclass
class Config:
    width: int = 4
    weight: Tensor | None = None


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.config = Config(weight=torch.ones(4))

    def half(self, config: Config):
        return config.width // 2

    def forward(self, x):
        config: Config = self.config
        return config.weight * x[..., self.half(config) :].sum(-1, keepdim=True)
"""
    after = check(source, X)
    assert "return config.width // 2" in after and "self.mul(config.weight, " in after
    assert not rewritten(HEADER + source).refusals


LOSSES = """
class Loss:
    def __init__(self, weight):
        self.weight = weight

    def __call__(self, x, *rest):
        return self.loss(x)

    def loss(self, x, *rest):
        return x.mean()


class PartLoss(Loss):
    def loss(self, x, *rest):
        return self.part(x) * self.weight

    def part(self, x, *rest):
        return (x * x).mean()
"""
PARTED = """
class Net(nn.Module):
    def __init__(self, parts=True):
        super().__init__()
        self.criterion = self.make(parts)

    def make(self, parts):
        return PartLoss(2.0) if parts else Loss(1.0)

    def forward(self, x):
        return self.criterion(x + 1)
"""


def test_a_file_need_not_name_the_class_whose_methods_call_each_other(tmp_path: Path) -> None:
    files = {"losses.py": HEADER + LOSSES, "net.py": HEADER + "from losses import Loss, PartLoss\n" + PARTED}
    results = in_project(tmp_path, files, list(files))
    assert "def part(self, x, *rest, ops=runtime" in results["losses.py"].after.decode()
    assert not any(result.changed for result in in_project(tmp_path, {}, list(files)).values())


@pytest.mark.parametrize("kept", ["self.final = self.part.up", "self.steps = [self.part.up]"])
def test_a_method_of_a_part_that_the_constructor_keeps_is_followed(kept: str) -> None:
    called = "self.final(x)" if "final" in kept else "self.steps[0](x)"
    source = f"""
class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(4))

    def up(self, x):
        return torch.exp(x * self.w)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = Part()
        {kept}

    def forward(self, x):
        return {called}
"""
    assert "return self.exp(self.mul(x, self.w))" in check(source, torch.randn(2, 4))


@pytest.mark.parametrize("body", ["raise NotImplementedError", "pass", '"""To be written."""', "..."])
def test_what_a_class_leaves_to_those_below_returns_what_they_say(body: str) -> None:
    source = f"""
class Base(nn.Module):
    def score(self, x):
        {body}

    def forward(self, x):
        return torch.softmax(self.score(x) * 0.5, -1)


class Net(Base):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def score(self, x):
        return self.fc(x)
"""
    assert "self.softmax(self.mul(self.score(x), 0.5))" in check(source, torch.randn(2, 4))


KEEPING = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.context = nn.Linear(4, 4), None

    def give(self, context):
        self.context = context

    def forward(self, x):
        y = self.fc(x)
        if self.context is not None:
            y = y + self.context * 0.5
        {then}
        return y
"""


def test_what_a_forward_leaves_where_the_constructor_put_none_is_there_in_the_next() -> None:
    after = check(KEEPING.format(then="self.context = y.detach()"), torch.randn(2, 4))
    assert "y = self.add(y, self.mul(self.context, 0.5))" in after


def test_what_others_put_there_is_not_known() -> None:
    result = rewritten(HEADER + KEEPING.format(then="pass"))
    assert [(refusal.code, "`*`" in refusal.message) for refusal in result.refusals] == [("RW901", True)]
