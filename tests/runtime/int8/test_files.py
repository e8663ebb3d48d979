"""Compiled models in files, and files that are damaged, cut off or written to do harm."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.int8 import CompiledModel, FileError, compile, convert, load, save
from runtime.int8.files import MAGIC, from_bytes, to_bytes
from runtime.int8.program import Constant, Input, Op, Program, Ref
from runtime.int8.trees import Tree
from tests.runtime.int8.small import quantized, small_net
from tests.runtime.int8.test_compile import DataDependent, Structured

HEADER = 56


@pytest.fixture(scope="module")
def compiled() -> CompiledModel:
    model, x = small_net()
    return compile(convert(model), x)


@pytest.fixture(scope="module")
def data(compiled: CompiledModel) -> bytes:
    assert compiled.program is not None
    return to_bytes(compiled.program)


def assembled(text: bytes, tensors: bytes) -> bytes:
    """A file with a header that is right."""
    lengths = len(text).to_bytes(8, "little") + len(tensors).to_bytes(8, "little")
    return MAGIC + lengths + hashlib.sha256(text + tensors).digest() + text + tensors


def parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(data[8:16], "little")
    return json.loads(data[HEADER : HEADER + length]), data[HEADER + length :]


def test_a_loaded_model_computes_the_same(compiled: CompiledModel, tmp_path: Path) -> None:
    save(compiled, tmp_path / "model.int8")
    loaded = load(tmp_path / "model.int8")
    for batch in (1, 3):
        x = torch.randn(batch, 3, 17, 17)
        assert torch.equal(loaded(x), compiled(x))
    assert [path.name for path in tmp_path.iterdir()] == ["model.int8"]


def test_structures_survive(tmp_path: Path) -> None:
    arguments = ({"q": torch.randn(3, 5, 8)}, (torch.randn(3, 7, 8), torch.randn(3, 7, 8)))
    compiled = compile(convert(quantized(Structured(), *arguments)), *arguments)
    save(compiled, tmp_path / "model.int8")
    loaded = load(tmp_path / "model.int8")
    torch.testing.assert_close(loaded(*arguments), compiled(*arguments), rtol=0, atol=0)


def test_a_file_can_be_read_by_whoever_can_read_other_files(compiled: CompiledModel, tmp_path: Path) -> None:
    path, other = tmp_path / "model.int8", tmp_path / "other"
    other.touch()
    save(compiled, path)
    assert path.stat().st_mode == other.stat().st_mode
    path.chmod(0o640)
    save(compiled, path)
    assert path.stat().st_mode & 0o777 == 0o640


def test_what_is_no_program_cannot_be_saved(tmp_path: Path) -> None:
    x = torch.randn(3, 4)
    with pytest.warns(UserWarning, match="not compiled"):
        compiled = compile(convert(quantized(DataDependent(), x)), x)
    with pytest.raises(ValueError, match="only a program can be saved"):
        save(compiled, tmp_path / "model.int8")
    assert list(tmp_path.iterdir()) == []


def test_saving_twice_gives_the_same_bytes(compiled: CompiledModel, data: bytes) -> None:
    assert compiled.program is not None
    assert to_bytes(from_bytes(data)) == data


def test_other_files_and_other_formats(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(FileError, match=r"file: it is not a compiled model"):
        load(path)
    with pytest.raises(FileError, match="its format is b'99'"):
        from_bytes(MAGIC[:6] + b"99" + data[8:])
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing")


@given(st.data())
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_refused(data: bytes, draw: st.DataObject) -> None:
    if draw.draw(st.booleans()):
        damaged = data[: draw.draw(st.integers(0, len(data) - 1))]
    else:
        place, flip = draw.draw(st.integers(0, len(data) - 1)), draw.draw(st.integers(1, 255))
        damaged = data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
    with pytest.raises(FileError):
        from_bytes(damaged)


@given(st.binary(max_size=200))
def test_any_bytes_behind_a_header_that_is_right(text: bytes) -> None:
    with pytest.raises(FileError):
        from_bytes(assembled(text, b""))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Ways to every part of a description."""
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = changed(value[path[0]], path[1:], new)
    return copied


@given(st.integers(0, 2**32), JSON | st.integers(-3, 300) | st.sampled_from([2**31, 2**62, 1e300]))
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_programs_that_were_tampered_with_are_refused_or_fail_or_run(data: bytes, seed: int, new: Any) -> None:
    """Whatever stands anywhere in the description: an exception, never a crash."""
    described, tensors = parts(data)
    path = random.Random(seed).choice(places(described))
    try:
        text = json.dumps(changed(described, path, new)).encode()
        tampered = CompiledModel(from_bytes(assembled(text, tensors)))
    except FileError:
        return
    try:
        tampered(torch.randn(1, 3, 17, 17))
    except (ValueError, TypeError, RuntimeError, LookupError, AttributeError, ArithmeticError, MemoryError):
        return


@pytest.mark.parametrize(
    "name",
    [
        "aten.from_file.default",
        "aten.as_strided.default",
        "aten.empty.memory_format",
        "aten.add_.Tensor",
        "prims.device_put.default",
        "number.__import__",
        "number.pow",
        "os.system",
        "aten.__class__.default",
        "runtime_int8.__class__.default",
        "aten.rand.default",
        "aten.embedding_dense_backward.default",
        "profiler._record_function_enter_new.default",
        "inductor.resize_storage_bytes_.default",
    ],
)
def test_operations_that_no_program_holds(data: bytes, name: str) -> None:
    described, tensors = parts(data)
    described["ops"][0][0] = name
    with pytest.raises(FileError, match="a program holds int8 kernels and pure core operations of torch"):
        from_bytes(assembled(json.dumps(described).encode(), tensors))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("constants", 0, "place"), 64 * 10**9, "lies outside of the file"),
        (("constants", 0, "place"), -64, "lies outside of the file"),
        (("constants", 0, "sizes"), [2**40, 2**40], "lies outside of the file"),
        (("constants", 0, "sizes"), [-1], "-1 is not a size"),
        (("ops", 0, 1, 0), {"value": 5}, "value 5 is not there"),
        (("ops", 0, 1, 0), {"constant": 10**6}, "is not there"),
        (("outputs",), {"kind": "set", "children": [], "keys": []}, "a structure is made of"),
        (("arguments",), {"leaf": 3}, "its arguments are not its inputs"),
    ],
)
def test_descriptions_that_cannot_be(data: bytes, path: tuple[Any, ...], value: Any, message: str) -> None:
    described, tensors = parts(data)
    with pytest.raises(FileError, match=message):
        from_bytes(assembled(json.dumps(changed(described, path, value)).encode(), tensors))


def op_named(described: dict[str, Any], name: str) -> list[Any]:
    return next(op for op in described["ops"] if op[0] == f"runtime_int8.{name}.default")


@pytest.mark.parametrize("dim", range(4))
def test_weights_with_a_size_of_zero(data: bytes, dim: int) -> None:
    described, tensors = parts(data)
    weight = described["constants"][op_named(described, "conv")[1][1]["constant"]]
    weight["sizes"][dim] = 0
    with pytest.raises(ValueError, match=r"no size of zero|take 0 channels"):
        CompiledModel(from_bytes(assembled(json.dumps(described).encode(), tensors)))(torch.randn(1, 3, 17, 17))


def test_programs_that_ask_for_all_memory(data: bytes) -> None:
    described, tensors = parts(data)
    op_named(described, "conv")[1][7] = [500_000, 500_000]
    with pytest.raises(MemoryError, match="the program may not take more than"):
        CompiledModel(from_bytes(assembled(json.dumps(described).encode(), tensors)))(torch.randn(1, 3, 17, 17))


def test_numbers_that_kernels_cannot_hold(data: bytes) -> None:
    described, tensors = parts(data)
    op_named(described, "max_pool")[1][1] = [2**32 + 3, 3]
    with pytest.raises(FileError, match="takes no numbers above 2147483647"):
        from_bytes(assembled(json.dumps(described).encode(), tensors))


@pytest.mark.parametrize("setting", ["dtype", "layout", "device", "memory_format"])
@pytest.mark.parametrize("number", [117, 0, {"value": 0}])
def test_settings_of_torch_that_are_numbers(data: bytes, setting: str, number: Any) -> None:
    described, tensors = parts(data)
    described["ops"][0] = ["aten._to_copy.default", [{"value": 0}], {setting: number}, ""]
    with pytest.raises(FileError, match=f"{setting} of aten._to_copy.default must be a "):
        from_bytes(assembled(json.dumps(described).encode(), tensors))


def test_nesting_without_end() -> None:
    with pytest.raises(FileError):
        from_bytes(assembled(b"[" * 100_000, b""))


def test_a_normalization_of_too_few_channels_is_refused() -> None:
    """Torch's operation would read beyond the end of its statistics."""
    normalize, statistics = "aten._native_batch_norm_legit_no_training.default", [torch.ones(3)] * 4
    op = Op(normalize, (Ref(0), *map(Constant, range(4)), 0.1, 1e-5))
    first = Op("number.getitem", (Ref(1), 0))
    program = Program(
        [Input(torch.float32, (2, 400, 5))], statistics, [op, first], leaf(Ref(2)), Tree("tuple", (leaf(0),))
    )
    with pytest.raises(ValueError, match="takes no \\(3,\\) numbers"):
        CompiledModel(from_bytes(to_bytes(program)))(torch.ones(2, 400, 5))


def leaf(value: Any) -> Tree:
    return Tree("leaf", leaf=value)
