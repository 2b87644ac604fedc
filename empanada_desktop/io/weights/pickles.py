"""Read the tensor index of a PyTorch file without trusting it: a stack machine that knows data and nothing else.

A pickle is a program. This one runs its two dozen data instructions on plain values; a name that it mentions becomes a
`Name`, never an import, and the few names that rebuild tensors become records. Nothing of the file is ever called.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from empanada_desktop.errors import WeightsError

MAX_INSTRUCTIONS = 3_000_000

# Storage classes and the dtype of their bytes; bfloat16 has no dtype in numpy.
STORAGE_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
LIST_BUILDERS = {"build_intlist", "build_doublelist", "build_boollist", "build_tensorlist"}


@dataclass(frozen=True)
class Name:
    """A name that the file mentions."""

    module: str
    name: str


@dataclass(frozen=True)
class Storage:
    """A run of values in the file: the dtype of one, the entry that holds them, how many there are."""

    dtype: str
    key: str
    size: int


@dataclass(frozen=True)
class TensorRecord:
    """A tensor's place in a storage; offset and strides count values."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass
class ScriptObject:
    """The attributes of an object of the file's own classes, and nothing of its behaviour."""

    attributes: dict[Any, Any] = field(default_factory=dict)


def read_pickle(data: bytes) -> object:
    """Return what a pickle of protocol 2 holds, as plain values and the records above; WeightsError if not data."""
    machine = _Machine()
    try:
        # Names with odd escapes only make Python warn.
        with warnings.catch_warnings(action="error"):
            for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
                if count > MAX_INSTRUCTIONS:
                    raise WeightsError("The weights' index is too long.", _HINT)
                machine.step(opcode.name, argument)
        return machine.stack.pop()
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, Warning) as problem:
        raise WeightsError("The weights' index is damaged.", _HINT) from problem


_HINT = "Take the file again from where it came; only weights saved by PyTorch can be read."


class _Machine:
    """The stack, the marks in it, and what was put aside to be used again."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def step(self, instruction: str, argument: Any) -> None:  # noqa: ANN401 - numbers, text or nothing
        """Do one instruction."""
        if instruction in _IGNORED:
            return
        if instruction in _CONSTANTS:
            self.stack.append(_CONSTANTS[instruction]())
        elif instruction in _VALUES:
            self.stack.append(argument)
        elif instruction in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif instruction in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif instruction in _ACTIONS:
            _ACTIONS[instruction](self, argument)
        else:
            raise WeightsError(f"The weights' index has an instruction ({instruction}) that is not data.", _HINT)

    def take(self, count: int) -> list[Any]:
        """Remove the top `count` values."""
        if count > len(self.stack):
            raise IndexError(count)
        taken = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return taken

    def take_to_mark(self) -> list[Any]:
        """Remove everything above the last mark."""
        return self.take(len(self.stack) - self.marks.pop())


def _mention(machine: _Machine, argument: str) -> None:
    module, name = argument.split(" ", 1)
    if module.startswith("__torch__.torch.classes.quantized") or name.startswith(("QInt", "QUInt", "_rebuild_qtensor")):
        raise WeightsError(
            "These are quantised weights, which cannot be read.", "Choose the file that is not quantised."
        )
    known = (
        module.split(".")[0] == "__torch__"
        or (module == "torch" and name in STORAGE_DTYPES)
        or (module == "torch._utils" and name in ("_rebuild_tensor_v2", "_rebuild_parameter"))
        or (module == "torch.jit._pickle" and name in LIST_BUILDERS)
        or (module, name) == ("collections", "OrderedDict")
    )
    if not known:
        raise WeightsError(f"The file wants to use {module}.{name}, which is not data: it was not opened.", _HINT)
    machine.stack.append(Name(module, name))


def _call(machine: _Machine, _: object) -> None:
    """Put what a mentioned function would have made; each of them only arranges data."""
    function, arguments = machine.take(2)
    if function.name == "_rebuild_tensor_v2":
        machine.stack.append(_tensor(*arguments[:4]))
    elif function.name == "_rebuild_parameter":
        machine.stack.append(_checked(arguments[0], TensorRecord))
    elif function.name in LIST_BUILDERS:
        machine.stack.append(list(_checked(arguments[0], list)))
    elif function.name == "OrderedDict":
        machine.stack.append({})
    else:
        raise TypeError(function)


def _tensor(storage: object, offset: object, shape: object, strides: object) -> TensorRecord:
    sizes, steps = _whole_numbers(shape), _whole_numbers(strides)
    if len(sizes) != len(steps):
        raise ValueError(shape)
    return TensorRecord(_checked(storage, Storage), _whole_numbers((offset,))[0], sizes, steps)


def _whole_numbers(values: object) -> tuple[int, ...]:
    numbers = tuple(_checked(values, tuple))
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError(values)
    return numbers


def _storage(machine: _Machine, _: object) -> None:
    kind, storage_class, key, _device, size = _checked(machine.stack.pop(), tuple)
    if kind != "storage" or not isinstance(key, str):
        raise ValueError(kind)
    dtype = STORAGE_DTYPES[_checked(storage_class, Name).name]
    machine.stack.append(Storage(dtype, key, _whole_numbers((size,))[0]))


def _new(machine: _Machine, _: object) -> None:
    script_class, _arguments = machine.take(2)
    if _checked(script_class, Name).module.split(".")[0] != "__torch__":
        raise TypeError(script_class)
    machine.stack.append(ScriptObject())


def _build(machine: _Machine, _: object) -> None:
    state = machine.stack.pop()
    target = machine.stack[-1]
    if isinstance(target, ScriptObject):
        target.attributes.update(_checked(state, dict))
    else:
        # An ordered dict's own attributes (PyTorch's bookkeeping of versions) hold no tensors.
        _checked(target, dict)


def _set_items(machine: _Machine, values: list[Any]) -> None:
    target = _checked(machine.stack[-1], dict)
    for key, value in zip(values[::2], values[1::2], strict=True):
        if type(key) not in (str, int):
            raise TypeError(key)
        target[key] = value


def _append_items(machine: _Machine, values: list[Any]) -> None:
    _checked(machine.stack[-1], list).extend(values)


def _checked(value: Any, kind: type[Any]) -> Any:  # noqa: ANN401 - of the kind asked for
    if type(value) is not kind:
        raise TypeError(value)
    return value


_IGNORED = {"PROTO", "STOP"}
_VALUES = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"}
_CONSTANTS: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.take_to_mark())),
    "TUPLE1": lambda machine, _: machine.stack.append(tuple(machine.take(1))),
    "TUPLE2": lambda machine, _: machine.stack.append(tuple(machine.take(2))),
    "TUPLE3": lambda machine, _: machine.stack.append(tuple(machine.take(3))),
    "APPEND": lambda machine, _: _append_items(machine, machine.take(1)),
    "APPENDS": lambda machine, _: _append_items(machine, machine.take_to_mark()),
    "SETITEM": lambda machine, _: _set_items(machine, machine.take(2)),
    "SETITEMS": lambda machine, _: _set_items(machine, machine.take_to_mark()),
    "GLOBAL": _mention,
    "REDUCE": _call,
    "BINPERSID": _storage,
    "NEWOBJ": _new,
    "BUILD": _build,
}
