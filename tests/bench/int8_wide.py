"""Networks of many kinds with random weights: what share is in int8, how fast, how near, and how long compiling takes.

    python -m tests.bench.int8_wide --site DIR [--only NAME ...] [--batch 1] [--threads 1] [--rounds 5] [--alone]

DIR has torchvision's source as `rewriter fix` has left it. Random weights say nothing of a task's accuracy. Sides are
timed in turns in one process, by the processor's time, which other processes on a busy machine do not add to.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from tests.bench.int8_models import add_site
from tests.bench.int8_networks import NETWORKS as FIVE
from tests.bench.int8_networks import Attention, example, plain
from tests.bench.peers import HEADER, Case, add_options, row

IMAGE_NETS = (
    "efficientnet_b0 mobilenet_v3_large regnet_y_400mf densenet121 convnext_tiny swin_t vit_b_32 shufflenet_v2_x1_0 "
    "squeezenet1_1 mnasnet1_0 resnext50_32x4d googlenet vgg11_bn"
).split()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--site", required=True)
    add_options(parser)
    options = parser.parse_args(argv)
    add_site(options.site)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    print(HEADER)
    for name in options.only or [*FIVE, *NETWORKS]:
        try:
            print(row(_case(name, options.batch), options), flush=True)
        except Exception as error:  # the other networks are still to be measured
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    return 0


def _case(name: str, batch: int) -> Case:
    torch.manual_seed(0)
    if name in FIVE:
        model, x = FIVE[name][0]().eval(), example(name, batch)
        return Case(name, model, [x], x, plain(name, model))
    make, of_batch = NETWORKS[name]
    model, x = make().eval(), of_batch(batch)
    return Case(name, model, [x], x, _plain(model))


_MORE: dict[str, dict[str, Any]] = {"googlenet": {"init_weights": False, "aux_logits": False}}


def _torchvision(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        models: Any = importlib.import_module("torchvision.models")
        model: nn.Module = getattr(models, name)(weights=None, **_MORE.get(name, {}))
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):  # normalizations that change what they are given
                assert module.running_mean is not None and module.running_var is not None
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 2.0)
            elif isinstance(module, nn.Linear) and not module.weight.any():  # a head that is to be trained first
                nn.init.normal_(module.weight, std=0.02)
        return model

    return make


class Detector(nn.Module):
    """A backbone with its neck, a pyramid, and heads of convolutions over each of its levels."""

    def __init__(self) -> None:
        super().__init__()
        detection: Any = importlib.import_module("torchvision.models.detection")
        whole = detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
        self.backbone, self.head = whole.backbone, whole.head

    def forward(self, x: Tensor) -> list[Tensor]:
        found = self.head(list(self.backbone(x).values()))
        return [found["bbox_regression"], found["cls_logits"]]


class Gated(nn.Module):
    """Two layers of GRU, as torch's own or made of modules, and a classifier of the last step."""

    def __init__(self, gru: type[nn.Module] = wrappers.GRU) -> None:
        super().__init__()
        self.gru, self.fc = gru(64, 256, 2, batch_first=True), nn.Linear(256, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.gru(x)[0][:, -1])
        return logits


def _plain(model: nn.Module) -> nn.Module:
    """What a person would run in floating point: torch's own GRU in place of the one that is made of modules."""
    if not isinstance(model, Gated):
        return model
    own = Gated(nn.GRU)
    own.load_state_dict(model.state_dict())
    return own.eval()


class Block(nn.Module):
    """Normalization in front, as in GPT-2; every position sees those before it."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.before, self.attention, self.add = nn.LayerNorm(size), Causal(size, heads), wrappers.EltWiseAdd()
        self.again, self.wide, self.gelu = nn.LayerNorm(size), nn.Linear(size, 4 * size), nn.GELU()
        self.narrow, self.add2 = nn.Linear(4 * size, size), wrappers.EltWiseAdd()

    def forward(self, x: Tensor) -> Tensor:
        x = self.add(x, self.attention(self.before(x)))
        out: Tensor = self.add2(x, self.narrow(self.gelu(self.wide(self.again(x)))))
        return out


class Causal(Attention):
    def __init__(self, size: int, heads: int) -> None:
        super().__init__(size, heads)
        self.hide = wrappers.EltWiseAdd()
        self.mask: Tensor
        self.register_buffer("mask", torch.full((64, 64), -100.0).triu(1))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self._in_heads(layer(x)) for layer in (self.query, self.key, self.value))
        scores = self.hide(self.scores(q, k.transpose(-2, -1)), self.mask[: x.shape[1], : x.shape[1]])
        out: Tensor = self.out(self.mix(self.softmax(scores), v).transpose(1, 2).flatten(2))
        return out


class Language(nn.Module):
    """Six layers, and the likelihood of each token."""

    def __init__(self, size: int = 384, tokens: int = 8000) -> None:
        super().__init__()
        self.tokens, self.places, self.add = nn.Embedding(tokens, size), nn.Embedding(64, size), wrappers.EltWiseAdd()
        self.blocks = nn.Sequential(*[Block(size, 6) for _ in range(6)])
        self.last, self.head = nn.LayerNorm(size), nn.Linear(size, tokens, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.add(self.tokens(tokens), self.places(torch.arange(tokens.shape[1])))
        logits: Tensor = self.head(self.last(self.blocks(x)))
        return logits


def _images(size: int) -> Callable[[int], Tensor]:
    return lambda batch: torch.randn(batch, 3, size, size)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[int], Tensor]]] = {
    **{name: (_torchvision(name), _images(224)) for name in IMAGE_NETS},
    "ssdlite": (Detector, _images(320)),
    "gru": (Gated, lambda batch: torch.randn(batch, 100, 64)),
    "language": (Language, lambda batch: torch.randint(0, 8000, (batch, 64))),
}


if __name__ == "__main__":
    raise SystemExit(main())
