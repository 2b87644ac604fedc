"""Files of tensors: read exactly, and refused in plain words when they are damaged or hostile."""

import io
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from empanada_desktop.errors import WeightsError
from empanada_desktop.io.weights import read_shapes, read_tensors, write_safetensors
from empanada_desktop.io.weights.archives import extracted, open_archive

DTYPES = [torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"a.weight": torch.randn(4, 3, 2, 2), "a.bias": torch.randn(4), "n": torch.tensor(7)}


@pytest.fixture(scope="module")
def pth(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small file as torch.save writes it."""
    content = io.BytesIO()
    torch.save(state(), content)
    return content.getvalue()


def changed_zip(content: bytes, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> bytes:
    """Write a zip file anew, with each entry as `change` has it."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w") as new:
        for name in old.namelist():
            entry = change(name, old.read(name))
            if entry is not None:
                new.writestr(*entry)
    return result.getvalue()


def refuse(path: Path, content: bytes, fault: str) -> None:
    path.write_bytes(content)
    for read in (read_tensors, read_shapes):
        with pytest.raises(WeightsError, match=fault) as raised:
            read(path)
        assert raised.value.hint


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_kind_of_number_comes_back(dtype: torch.dtype, tmp_path: Path) -> None:
    tensor = (torch.randn(5, 7) * 50).to(dtype)
    torch.save(
        {"x": {"y": tensor}, "transposed": tensor.t(), "part": tensor[1:3, 2:4], "one": tensor[0, 0]},
        tmp_path / "x.pth",
    )
    got = read_tensors(tmp_path / "x.pth")
    assert np.array_equal(got["x.y"], tensor.numpy())
    assert got["x.y"].dtype == tensor.numpy().dtype
    assert np.array_equal(got["transposed"], tensor.t().numpy())
    assert np.array_equal(got["part"], tensor[1:3, 2:4].numpy())
    assert got["one"].shape == ()
    assert all(array.flags.writeable and array.flags.c_contiguous for array in got.values())


def test_brain_floats_become_floats(tmp_path: Path) -> None:
    tensor = torch.randn(9, 2).bfloat16()
    torch.save({"x": torch.nn.Parameter(tensor)}, tmp_path / "x.pth")
    got = read_tensors(tmp_path / "x.pth")["x"]
    assert got.dtype == np.float32
    assert np.array_equal(got, tensor.float().numpy())


def test_safetensors_come_back(tmp_path: Path) -> None:
    tensors = {name: tensor.numpy() for name, tensor in state().items()}
    write_safetensors(tmp_path / "x.safetensors", tensors, {"program": "test"})
    got = read_tensors(tmp_path / "x.safetensors")
    assert set(got) == set(tensors)
    assert all(np.array_equal(got[name], tensors[name]) for name in tensors)
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_shapes_without_values(pth: bytes, tmp_path: Path) -> None:
    without_values = changed_zip(pth, lambda name, data: None if "/data/" in name else (name, data))
    (tmp_path / "x.pth").write_bytes(without_values)
    assert read_shapes(tmp_path / "x.pth") == {"a.weight": (4, 3, 2, 2), "a.bias": (4,), "n": ()}
    with pytest.raises(WeightsError, match=r"tensors of .* are damaged"):
        read_tensors(tmp_path / "x.pth")


def test_truncated_files_are_refused(pth: bytes, tmp_path: Path) -> None:
    for length in (0, 10, len(pth) // 2, len(pth) - 1):
        refuse(tmp_path / "x.pth", pth[:length], "damaged or not a file of weights")
        refuse(tmp_path / "x.safetensors", pth[:length], "damaged or not a file of weights")
    with pytest.raises(WeightsError, match="There is no file"):
        read_tensors(tmp_path / "missing.pth")
    with pytest.raises(WeightsError, match="There is no file"):
        read_tensors(tmp_path / "missing.safetensors")


def test_other_files_are_refused(pth: bytes, tmp_path: Path) -> None:
    refuse(tmp_path / "x.pth", b"not a zip file at all", "damaged or not a file of weights")
    refuse(
        tmp_path / "x.pth",
        changed_zip(pth, lambda n, d: None if n.endswith(".pkl") else (n, d)),
        "not a file of PyTorch",
    )
    content = io.BytesIO()
    torch.save({"epoch": 3, "names": ["a"]}, content)
    refuse(tmp_path / "x.pth", content.getvalue(), "holds no tensors")


def test_old_pickles_without_a_zip_are_refused(tmp_path: Path) -> None:
    torch.save(state(), tmp_path / "x.pth", _use_new_zipfile_serialization=False)
    with pytest.raises(WeightsError, match="damaged or not a file of weights"):
        read_tensors(tmp_path / "x.pth")


@pytest.mark.parametrize(
    "name", ["../evil.pkl", "/etc/cron.d/evil", "a/../../evil", "..\\evil", "C:/evil", "a/b/../.."]
)
def test_entries_that_point_out_of_the_file_are_refused(name: str, pth: bytes, tmp_path: Path) -> None:
    content = io.BytesIO(pth)
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr(name, b"evil")
    refuse(tmp_path / "x.pth", content.getvalue(), "points out of it")
    with pytest.raises(WeightsError, match="points out of it"), extracted(tmp_path / "x.pth", {name: "x"}):
        pass
    assert not [path for path in tmp_path.parent.rglob("*evil*") if path.is_file()]


def test_a_zip_bomb_is_refused_before_it_expands(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", b"\0" * (200 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(WeightsError, match=r"would expand to 0\.2 GB"), open_archive(path):
        pass


def test_a_size_that_is_a_lie_is_refused(pth: bytes, tmp_path: Path) -> None:
    """An entry that says in the directory that it is smaller than what it expands to."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", b"N" * 100_000 + b".")
    lying = bytearray(content.getvalue())
    directory = lying.rfind(b"PK\x01\x02")
    lying[directory + 24 : directory + 28] = struct.pack("<I", 10)
    refuse(tmp_path / "x.pth", bytes(lying), "damaged")


def test_an_unusual_compression_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x/data.pkl", b"N.")
    refuse(tmp_path / "x.pth", content.getvalue(), "compressed in an unusual way")


def test_more_entries_than_weights_have_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pth: bytes
) -> None:
    monkeypatch.setattr("empanada_desktop.io.weights.archives.MAX_ENTRIES", 3)
    refuse(tmp_path / "x.pth", pth, "more entries than weights ever have")


def test_one_value_cannot_pose_as_a_huge_tensor(tmp_path: Path) -> None:
    torch.save({"x": torch.zeros(1).expand(10**6, 10**6)}, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match="damaged"):
        read_tensors(tmp_path / "x.pth")


def test_a_storage_cannot_claim_more_than_there_is(pth: bytes, tmp_path: Path) -> None:
    # 48 values of a.weight, as the pickle says it: BININT1 48 before the end of the storage's tuple.
    huge = changed_zip(pth, lambda n, d: (n, d.replace(b"K0t", b"J\xff\xff\xff\x7ft") if n.endswith(".pkl") else d))
    assert huge != changed_zip(pth, lambda n, d: (n, d))
    (tmp_path / "x.pth").write_bytes(huge)
    with pytest.raises(WeightsError, match="damaged"):
        read_tensors(tmp_path / "x.pth")


def test_nested_references_do_not_multiply(tmp_path: Path) -> None:
    """Thirty dicts, each holding the one before ten times, would be 10^30 names."""
    level: dict[str, object] = {"x": torch.zeros(1)}
    for _ in range(30):
        level = {str(i): level for i in range(10)}
    torch.save(level, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match="nested too deeply"):
        read_shapes(tmp_path / "x.pth")


def mangle(content: bytes, data: st.DataObject) -> bytes:
    """Change, cut out or double a few bytes."""
    mangled = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mangled) - 1))
        kind = data.draw(st.sampled_from(["change", "cut", "double", "end"]))
        if kind == "change":
            mangled[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del mangled[at : at + data.draw(st.integers(1, 50))]
        elif kind == "double":
            mangled[at:at] = mangled[at : at + data.draw(st.integers(1, 50))]
        else:
            del mangled[max(at, 1) :]
        if not mangled:
            break
    return bytes(mangled)


def check_mangled(content: bytes, suffix: str, folder: Path, data: st.DataObject) -> None:
    path = folder / f"mangled{suffix}"
    path.write_bytes(mangle(content, data))
    # Any other exception fails the test. Checksums do not cover names and padding; sizes stay bounded all the same.
    with suppress(WeightsError):
        assert sum(array.nbytes for array in read_tensors(path).values()) < 10 * len(content)


FEW = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MANY = settings(FEW, max_examples=20_000)


@given(data=st.data())
@FEW
def test_mangled_pytorch_files(data: st.DataObject, pth: bytes, tmp_path: Path) -> None:
    check_mangled(pth, ".pth", tmp_path, data)


def check_mangled_index(content: bytes, folder: Path, data: st.DataObject) -> None:
    """The index is mangled but the zip file's checksums are right."""
    mangled = changed_zip(content, lambda n, d: (n, mangle(d, data) if n.endswith(".pkl") else d))
    (folder / "mangled.pth").write_bytes(mangled)
    with suppress(WeightsError):
        assert sum(array.nbytes for array in read_tensors(folder / "mangled.pth").values()) < 10 * len(content)


@given(data=st.data())
@FEW
def test_mangled_indices_with_right_checksums(data: st.DataObject, pth: bytes, tmp_path: Path) -> None:
    check_mangled_index(pth, tmp_path, data)


@pytest.mark.long
@given(data=st.data())
@MANY
def test_many_mangled_indices_with_right_checksums(data: st.DataObject, pth: bytes, tmp_path: Path) -> None:
    check_mangled_index(pth, tmp_path, data)


@given(data=st.data())
@FEW
def test_mangled_safetensors(data: st.DataObject, tmp_path: Path) -> None:
    check_mangled(small_safetensors(tmp_path), ".safetensors", tmp_path, data)


@pytest.mark.long
@given(data=st.data())
@MANY
def test_many_mangled_pytorch_files(data: st.DataObject, pth: bytes, tmp_path: Path) -> None:
    check_mangled(pth, ".pth", tmp_path, data)


@pytest.mark.long
@given(data=st.data())
@MANY
def test_many_mangled_safetensors(data: st.DataObject, tmp_path: Path) -> None:
    check_mangled(small_safetensors(tmp_path), ".safetensors", tmp_path, data)


def small_safetensors(folder: Path) -> bytes:
    path = folder / "whole.safetensors"
    if not path.exists():
        write_safetensors(path, {name: tensor.numpy() for name, tensor in state().items()}, {"program": "test"})
    return path.read_bytes()
