"""Arrays of NumPy, torch and others, as pointers with shapes, element strides and types. Nothing is copied here that
can be read where it is."""
from __future__ import annotations

import math
import sys
from typing import Any, NamedTuple

import numpy as np

from ._clattn import ffi, lib
from ._errors import InvalidArgument, InvalidType

TYPES = {"float32": lib.CLATTN_F32, "float16": lib.CLATTN_F16, "bfloat16": lib.CLATTN_BF16}
MOST_SPAN = 4  # vectors that lie apart are read in place if they span at most so many times their size
_ON_HOST = (1, 3, 11)  # DLPack's kDLCPU, kDLCUDAHost, kDLROCMHost


class View(NamedTuple):
    """Memory of the caller's that the library reads or writes."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements
    type: str  # "float32", "bool", ...
    itemsize: int
    owner: Any  # keeps the memory alive

    @property
    def pointer(self) -> Any:
        return ffi.cast("void *", self.address)


# ---- kinds of arrays -------------------------------------------------------------------------------------------------


def torch_module() -> Any:
    """torch, if the program has imported it."""
    return sys.modules.get("torch")


def is_tensor(array: Any) -> bool:
    torch = torch_module()
    return torch is not None and hasattr(torch, "Tensor") and isinstance(array, torch.Tensor)


def view(name: str, array: Any) -> View:
    """The memory of any array that is in host memory, as it is."""
    if is_tensor(array):
        return _view_of_tensor(name, array)
    if isinstance(array, np.ma.MaskedArray):
        raise InvalidType(f"{name} is a masked array, whose mask has no effect here (allowed: {name}.filled(), mask=)")
    if isinstance(array, np.ndarray):
        return _view_of_numpy(name, array)
    return _view_of_numpy(name, _numpy_of(name, array))


def _view_of_tensor(name: str, tensor: Any) -> View:
    torch = torch_module()
    if tensor.device.type != "cpu":
        raise InvalidArgument(f"{name} is on the device '{tensor.device}' (allowed: 'cpu': {name}.cpu())")
    if tensor.layout != torch.strided:
        raise InvalidArgument(f"{name} has the layout {tensor.layout} (allowed: torch.strided: {name}.to_dense())")
    if tensor.requires_grad and torch.is_grad_enabled():
        raise InvalidArgument(
            f"{name} requires gradients, and clattn has no backward pass yet (allowed: {name}.detach(), or calls "
            "within torch.no_grad())"
        )
    tensor = tensor.detach().resolve_neg()
    kind = str(tensor.dtype).rpartition(".")[2]
    return View(tensor.data_ptr(), tuple(tensor.shape), tuple(tensor.stride()), kind, tensor.element_size(), tensor)


def _view_of_numpy(name: str, array: np.ndarray) -> View:
    """Strides that are no multiple of an element, and foreign byte orders, cost a copy."""
    if array.dtype.hasobject:
        raise InvalidType(f"{name} has the type {array.dtype} (allowed: numbers)")
    itemsize = array.dtype.itemsize
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if any(step % itemsize for step in array.strides) or not array.flags.aligned:
        array = np.array(array, order="C")
    steps = tuple(step // itemsize for step in array.strides)
    return View(array.__array_interface__["data"][0], array.shape, steps, array.dtype.name, itemsize, array)


def _numpy_of(name: str, array: Any) -> np.ndarray:
    """Of DLPack, the array interface, or the buffer protocol."""
    where = getattr(array, "__dlpack_device__", None)
    if where is not None:
        kind, number = where()
        if int(kind) not in _ON_HOST:
            raise InvalidArgument(f"{name} is on DLPack's device {int(kind)}:{number} (allowed: 1, host memory)")
        try:
            return np.from_dlpack(array)
        except (BufferError, RuntimeError, TypeError, ValueError, AttributeError):
            pass  # types such as bfloat16, which NumPy takes by its own interface only
    if hasattr(array, "__array_interface__") or hasattr(array, "__array__"):
        return np.asarray(array)
    try:
        return np.asarray(memoryview(array))
    except TypeError:
        raise InvalidType(
            f"{name} is a {type(array).__name__} (allowed: an array of NumPy or torch, or one with DLPack or the "
            "buffer protocol)"
        ) from None


# ---- inputs ----------------------------------------------------------------------------------------------------------


def storage_type(name: str, array: View) -> int:
    """The clattn_type of queries, keys, values and other tensors of the problem's type."""
    if array.type not in TYPES:
        wide = " as float32, which clattn computes with" if array.type in ("float64", "double") else ""
        raise InvalidType(f"{name} has the type {array.type} (allowed: {', '.join(TYPES)}{wide})")
    return TYPES[array.type]


def same_type(first: str, type_: str, name: str, array: View) -> None:
    if array.type != type_:
        raise InvalidType(f"{name} has the type {array.type}, and {first} {type_} (allowed: one type for both)")


def contiguous(array: View) -> View:
    """Row-major and dense: the array itself, or one copy."""
    return array if is_dense(array) else _copied(array)


def readable(name: str, given: Any) -> View:
    """Queries, keys or values, (..., length, dim): the array itself if the library can read it, else one copy."""
    array = view(name, given)
    if 0 in array.shape or len(array.shape) < 2:  # refused later
        return array
    too_far_apart = _span(array) > MOST_SPAN * math.prod(array.shape)
    return array if is_readable(array) and not too_far_apart else _copied(array)


def is_readable(array: View) -> bool:
    """Whether the library can read vectors that lie so: each contiguous, no stride backwards, no row of stride 0."""
    steps = [step for length, step in zip(array.shape, array.strides) if length > 1]
    vectors_apart = array.shape[-1:] > (1,) and array.strides[-1] != 1
    row_repeats = array.shape[-2:-1] > (1,) and array.strides[-2] == 0
    return not vectors_apart and not row_repeats and all(step >= 0 for step in steps)


def _span(array: View) -> int:
    """Elements from the first to the last."""
    return 1 + sum((length - 1) * step for length, step in zip(array.shape, array.strides) if length > 0)


def is_dense(array: View) -> bool:
    step = 1
    for length, stride in zip(reversed(array.shape), reversed(array.strides)):
        if length > 1 and stride != step:
            return False
        step *= length
    return True


def _copied(array: View) -> View:
    if is_tensor(array.owner):
        return _view_of_tensor("array", array.owner.contiguous())
    return _view_of_numpy("array", np.array(array.owner, order="C"))


def without_repeats(array: View) -> View:
    """Dimensions along which the same elements repeat (stride 0) get length 1, as the library broadcasts."""
    cut = tuple(slice(0, 1) if step == 0 else slice(None) for step in array.strides)
    owner = array.owner[cut]
    return _view_of_tensor("array", owner) if is_tensor(owner) else _view_of_numpy("array", owner)


def as_floats(name: str, array: Any) -> View:
    """float32 and dense: the array itself, or one copy. Of floating types only, so that no number loses its meaning."""
    return floats_of(name, view(name, array))


def floats_of(name: str, found: View) -> View:
    if found.type == "float32":
        return contiguous(found)
    if found.type not in ("float64", "float16", "bfloat16"):
        raise InvalidType(f"{name} has the type {found.type} (allowed: float32, float64, float16, bfloat16)")
    if is_tensor(found.owner):
        return _view_of_tensor(name, found.owner.to(torch_module().float32).contiguous())
    return _view_of_numpy(name, np.ascontiguousarray(found.owner, dtype=np.float32))


def as_integers(name: str, array: Any, shape: tuple[int, ...]) -> View:
    """int32 of this shape."""
    numbers = np.asarray(array.detach().cpu() if is_tensor(array) else array)
    if numbers.dtype.kind not in "iu":
        raise InvalidType(f"{name} has the type {numbers.dtype} (allowed: integers)")
    if numbers.shape != shape:
        raise InvalidArgument(f"{name} has the shape {numbers.shape} (allowed: {shape})")
    limits = np.iinfo(np.int32)
    if numbers.size and not limits.min <= int(numbers.min()) <= int(numbers.max()) <= limits.max:
        raise InvalidArgument(f"{name} has {int(numbers.max())} (allowed: numbers of 32 bits)")
    return _view_of_numpy(name, np.ascontiguousarray(numbers, dtype=np.int32))


# ---- results ---------------------------------------------------------------------------------------------------------


def empty_like(array: View, shape: tuple[int, ...], type_: str) -> View:
    """A new array, a tensor if `array` is one. bfloat16 only if `array` has it: NumPy has no such type of its own."""
    if is_tensor(array.owner):
        torch = torch_module()
        return _view_of_tensor("result", torch.empty(shape, dtype=getattr(torch, type_)))
    return _view_of_numpy("result", np.empty(shape, dtype=array.owner.dtype if type_ == array.type else type_))


def result_for(like: Any, made: View) -> Any:
    """A finished result as the caller has arrays: of torch, of NumPy (also for plain buffers), or of another library
    that follows the array API."""
    library = None if isinstance(like, np.ndarray) or is_tensor(like) else getattr(like, "__array_namespace__", None)
    return made.owner if library is None else library().asarray(made.owner)


def given_result(array: Any, shape: tuple[int, ...], type_: str, inputs: dict[str, View]) -> View:
    """The memory of the caller's `out`."""
    found = view("out", array)
    if found.shape != shape:
        raise InvalidArgument(f"out has the shape {found.shape} (allowed: {shape})")
    if found.type != type_:
        raise InvalidType(f"out has the type {found.type} (allowed: {type_}, as q)")
    if not is_dense(found):
        raise InvalidArgument(f"out has the strides {found.strides} (allowed: those of a row-major array without gaps)")
    if not is_tensor(array) and (not isinstance(array, np.ndarray) or not array.flags.writeable):
        raise InvalidArgument("out cannot be written to (allowed: a writable array of NumPy or a tensor of torch)")
    if not is_tensor(array) and found.owner is not array:
        raise InvalidArgument("out has a foreign byte order, or is not aligned (allowed: as NumPy makes arrays)")
    begin, end = _range(found)
    for name, other in inputs.items():
        first, last = _range(other)
        if begin < last and first < end:
            raise InvalidArgument(f"out overlaps with {name} (allowed: memory of its own)")
    return found


def _range(array: View) -> tuple[int, int]:
    return array.address, array.address + _span(array) * array.itemsize
