"""The reader of PyTorch's index: it takes data in, and refuses everything that could act."""

import os
import pickle
import pickletools
import subprocess
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from empanada_desktop.errors import WeightsError
from empanada_desktop.io.weights.pickles import ScriptObject, TensorRecord, read_pickle

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4) | st.tuples(inner)
    ),
    max_leaves=20,
)
SCRIPT_CLASS = b"c__torch__.some.module\nNet\n"
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ"


def tensor(shape: bytes = b"K\x02K\x03\x86", strides: bytes = b"K\x03K\x01\x86", offset: bytes = b"K\x00") -> bytes:
    flags = b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + offset + shape + strides + flags + b"tR"


def module(attributes: bytes) -> bytes:
    return SCRIPT_CLASS + b")\x81}(" + attributes + b"ub"


class Acts:
    """Unpickled by the ordinary way, this does something."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.reduced


@given(PLAIN)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_plain_values_come_back(value: object) -> None:
    assert read_pickle(pickle.dumps(value, protocol=2)) == value


def test_tensors_and_modules_become_records() -> None:
    content = read_pickle(b"\x80\x02" + module(b"X\x01\x00\x00\x00w" + tensor()) + b".")
    assert isinstance(content, ScriptObject)
    record = content.attributes["w"]
    assert isinstance(record, TensorRecord)
    assert (record.storage.dtype, record.storage.key, record.storage.size) == ("<f4", "0", 6)
    assert (record.offset, record.shape, record.strides) == (0, (2, 3), (3, 1))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_code_is_never_run(protocol: int, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    for function, *arguments in (
        (os.system, f"touch {witness}"),
        (subprocess.check_output, ["touch", str(witness)]),
        (eval, f"__import__('pathlib').Path({str(witness)!r}).touch()"),
        (Path.touch, witness),
        (getattr, witness, "touch"),
    ):
        content = pickle.dumps({"state_dict": Acts(function, *arguments)}, protocol=protocol)
        with pytest.raises(WeightsError, match="not data"):
            read_pickle(content)
        assert not witness.exists()
        # The ordinary way would have run it.
        pickle.loads(content)
        assert witness.exists() or function is getattr
        witness.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.", "wants to use os.system"),
        (b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.", "wants to use posix.system"),
        (b"\x80\x02cbuiltins\nexec\nX\x02\x00\x00\x00ls\x85R.", "wants to use builtins.exec"),
        (b"\x80\x02ctorch.utils\nload\n.", "wants to use torch.utils.load"),
        (b"\x80\x02ctorch._utils\n_rebuild_device_tensor_from_numpy\n.", "wants to use"),
        (b"\x80\x02ctorch\nload\n.", "wants to use torch.load"),
        (b"\x80\x02c__torch__x\nNet\n.", "wants to use __torch__x.Net"),
        (b"\x80\x02" + SCRIPT_CLASS + b")R.", "damaged"),
        (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "damaged"),
        (b"\x80\x02ios\nsystem\n(X\x02\x00\x00\x00lso.", "not data"),
        (b"\x80\x02ctorch\nQInt8Storage\n.", "quantised"),
        (b"\x80\x02c__torch__.torch.classes.quantized\nConv2dPackedParamsBase\n.", "quantised"),
        (b"\x80\x02ctorch._utils\n_rebuild_qtensor\n.", "quantised"),
        (b"\x80\x02}K\x01K\x02s}b.", ""),
        (b"\x80\x02](K\x01K\x02u.", "damaged"),
        (b"\x80\x02}]K\x02s.", "damaged"),
        (b"\x80\x02(K\x01K\x02s.", "damaged"),
        (b"\x80\x02.", "damaged"),
        (b"\x80\x02h\x05.", "damaged"),
        (b"\x80\x02K\x01", "damaged"),
        (b"", "damaged"),
        (b"\x80\x02" + tensor(shape=b"K\x02\x85") + b".", "damaged"),
        (b"\x80\x02" + tensor(shape=b"K\x02J\xff\xff\xff\xff\x86") + b".", "damaged"),
        (b"\x80\x02" + tensor(offset=b"N") + b".", "damaged"),
    ],
)
def test_what_is_no_data_is_refused(content: bytes, fault: str) -> None:
    if not fault:
        assert read_pickle(content) is not None
        return
    with pytest.raises(WeightsError, match=fault):
        read_pickle(content)


def test_instructions_that_pytorch_never_uses_are_refused() -> None:
    """One by one: what is not in the machine's tables does nothing but raise."""
    ours = pickle.dumps([None, True, {"a": (1, 2, 3, (4,), 2.5)}], protocol=2)
    known = {opcode.name for opcode, _, _ in pickletools.genops(ours)}
    for opcode in pickletools.opcodes:
        if opcode.name in known or opcode.arg is not None:
            continue
        try:
            read_pickle(b"\x80\x02NNN" + opcode.code.encode("latin-1") + b".")
        except WeightsError:
            continue
        assert opcode.name in {"NONE", "NEWTRUE", "NEWFALSE", "EMPTY_LIST", "EMPTY_DICT", "EMPTY_TUPLE", "MARK", "STOP",
                               "TUPLE1", "TUPLE2", "TUPLE3"}, opcode.name  # fmt: skip


def test_an_endless_index_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("empanada_desktop.io.weights.pickles.MAX_INSTRUCTIONS", 1000)
    with pytest.raises(WeightsError, match="too long"):
        read_pickle(b"\x80\x02" + b"N" * 2000 + b".")


def test_ordered_dicts_and_their_bookkeeping() -> None:
    content = OrderedDict(a=1)
    content._metadata = OrderedDict(version=1)  # type: ignore[attr-defined]
    assert read_pickle(pickle.dumps(content, protocol=2)) == {"a": 1}


@given(st.data())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_mangled_indices_are_errors_or_harmless(data: st.DataObject) -> None:
    index = bytearray(b"\x80\x02" + module(b"X\x01\x00\x00\x00w" + tensor() + b"X\x01\x00\x00\x00vK\x05") + b".")
    for _ in range(data.draw(st.integers(1, 4))):
        index[data.draw(st.integers(0, len(index) - 1))] = data.draw(st.integers(0, 255))
    # Any other exception fails the test.
    with suppress(WeightsError):
        read_pickle(bytes(index))
