"""Attention on arrays of pyopencl, enqueued on the caller's queue. Nothing is copied."""
from __future__ import annotations

import collections
import threading
from typing import Any

from . import _arrays, _devices, _problem
from ._arrays import View
from ._clattn import ffi, lib
from ._errors import InvalidArgument, InvalidType, Unsupported, check, new_error

MOST_QUEUES = 8
MOST_PLANS = 8  # of a queue


class _Adopted:
    """A queue of the caller's, with plans for the last problems. It stays alive until other queues take its place."""

    def __init__(self, queue: Any) -> None:
        handle, error = ffi.new("clattn_device **"), new_error()
        check(lib.clattn_device_adopt(ffi.cast("cl_command_queue", queue.int_ptr), handle, error), error)
        self.handle = handle[0]
        self.plans: "collections.OrderedDict[bytes, Any]" = collections.OrderedDict()

    def plan(self, problem: Any, tensors: int) -> Any:
        key = bytes(ffi.buffer(problem)) + tensors.to_bytes(8, "little")
        plan = self.plans.pop(key, None)
        if plan is None:
            plan = self._new_plan(problem, tensors)
            while len(self.plans) >= MOST_PLANS:
                lib.clattn_plan_destroy(self.plans.popitem(last=False)[1])
        self.plans[key] = plan
        return plan

    def _new_plan(self, problem: Any, tensors: int) -> Any:
        options, plan, error = _problem.new_sized("clattn_plan_options"), ffi.new("clattn_plan **"), new_error()
        options.io = lib.CLATTN_IO_DEVICE
        options.tensors = tensors
        status = lib.clattn_plan_create(self.handle, problem, options, plan, error)
        if status == lib.CLATTN_OUT_OF_DEVICE_MEMORY and self.plans:  # perhaps for want of what older plans hold
            self.release_plans()
            status = lib.clattn_plan_create(self.handle, problem, options, plan, error)
        check(status, error)
        return plan[0]

    def release_plans(self) -> None:
        while self.plans:
            lib.clattn_plan_destroy(self.plans.popitem()[1])

    def close(self) -> None:
        self.release_plans()
        lib.clattn_device_close(self.handle)


_lock = threading.Lock()  # of all that follows, and of all calls on adopted queues
_adopted: "collections.OrderedDict[int, _Adopted]" = collections.OrderedDict()  # a queue's pointer: it is retained


def _adopt(queue: Any) -> _Adopted:
    found = _adopted.pop(queue.int_ptr, None)
    if found is None:
        _devices.use_opencl()
        found = _Adopted(queue)
        while len(_adopted) >= MOST_QUEUES:
            _adopted.popitem(last=False)[1].close()
    _adopted[queue.int_ptr] = found
    return found


# ---- arrays ----------------------------------------------------------------------------------------------------------


def _view(name: str, array: Any) -> View:
    """As _arrays.view; the address is the offset into the buffer."""
    import pyopencl.array

    if not isinstance(array, pyopencl.array.Array):
        raise InvalidType(f"{name} is a {type(array).__name__} (allowed with queue=: a pyopencl.array.Array)")
    itemsize = array.dtype.itemsize
    if any(step % itemsize for step in array.strides) or array.offset % itemsize:
        raise InvalidArgument(f"{name} has strides of parts of elements (allowed: {name}.copy())")
    steps = tuple(step // itemsize for step in array.strides)
    return View(array.offset, tuple(array.shape), steps, array.dtype.name, itemsize, array)


def _vectors(name: str, array: Any) -> View:
    found = _view(name, array)
    if not _arrays.is_readable(found):
        raise InvalidArgument(
            f"{name} has the strides {found.strides} for the shape {found.shape} (allowed: 1 for the last dimension, "
            f"others from 0 on, and for the length from 1 on: {name}.copy())"
        )
    return found


def _dense(name: str, array: Any, shape: "tuple[int, ...] | None", type_: str) -> View:
    found = _view(name, array)
    if shape is not None and found.shape != shape:
        raise InvalidArgument(f"{name} has the shape {found.shape} (allowed: {shape})")
    if found.type != type_:
        raise InvalidType(f"{name} has the type {found.type} (allowed: {type_})")
    if not _arrays.is_dense(found):
        raise InvalidArgument(f"{name} is not row-major without gaps (allowed: {name}.copy())")
    return found


def _mask(problem: Any, mask: Any) -> View:
    found = _view("mask", mask)
    _problem.describe_mask(problem, found, (problem.key_len,))
    if problem.mask == lib.CLATTN_MASK_FLOAT and found.type != "float32":
        raise InvalidType(f"mask has the type {found.type} (allowed with queue=: bool, float32)")
    return _dense("mask", mask, None, found.type)


class _Memory:
    """The cl_mem of arrays; keeps the buffers of parts of others."""

    def __init__(self) -> None:
        self.parts: "list[Any]" = []

    def of(self, name: str, array: View) -> Any:
        buffer, offset = array.owner.base_data, array.address
        if offset:
            align = array.owner.queue.device.mem_base_addr_align // 8
            if offset % align:
                raise InvalidArgument(
                    f"{name} begins at byte {offset} of its buffer (allowed: multiples of {align}: {name}.copy())"
                )
            buffer = buffer.get_sub_region(offset, buffer.size - offset)
            self.parts.append(buffer)
        return ffi.cast("cl_mem", buffer.int_ptr)


# ---- the call --------------------------------------------------------------------------------------------------------


def attention(
    queue: Any,
    tensors: "dict[str, Any]",
    describe: Any,
    mask: Any,
    sinks: Any,
    alibi: Any,
    key_lengths: Any,
    return_lse: bool,
    return_weights: bool,
    out: Any,
    wait_for: Any,
) -> Any:
    """describe: makes the problem of q, k and v."""
    import pyopencl as cl
    import pyopencl.array

    if not isinstance(queue, cl.CommandQueue):
        raise InvalidType(f"queue is a {type(queue).__name__} (allowed: a pyopencl.CommandQueue)")
    _devices.refuse_after_fork()
    views = {name: _vectors(name, array) for name, array in tensors.items()}
    problem = describe(views["q"], views["k"], views["v"])
    if mask is not None:
        views["mask"] = _mask(problem, mask)
    for name, field, array in (("sinks", "sinks", sinks), ("slopes", "alibi", alibi)):
        if array is not None:
            setattr(problem, field, True)
            views[name] = _dense(field, array, (problem.heads,), "float32")

    rows = views["q"].shape[:-1]
    made = {"context" if problem.type == lib.CLATTN_F32 else "output": rows + (problem.value_dim,)}
    if return_lse:
        made["lse"] = rows
    if return_weights:
        made["weights"] = rows + (problem.key_len,)
    results = {}
    for name, shape in made.items():
        own = name in ("context", "output")
        if own and out is not None:
            views[name] = _dense("out", out, shape, views["q"].type)
        else:
            dtype = views["q"].owner.dtype if own else "float32"
            views[name] = _view(name, pyopencl.array.empty(queue, shape, dtype, allocator=tensors["q"].allocator))
        results[name] = views[name].owner

    buffers, memory = _problem.new_sized("clattn_buffers"), _Memory()
    for name, array in views.items():
        setattr(buffers, name, memory.of(name, array))
    if key_lengths is not None:
        problem.lengths = lib.CLATTN_LENGTHS_KEYS
        lengths = _arrays.as_integers("key_lengths", key_lengths, (problem.batch,))
        buffers.key_lengths = ffi.cast("int32_t *", lengths.address)

    events = list(wait_for or [])
    for array in views.values():
        events.extend(array.owner.events)
    waits = ffi.new("cl_event[]", [ffi.cast("cl_event", event.int_ptr) for event in events])
    asked = sum(1 << getattr(lib, "CLATTN_" + name.upper()) for name in made)
    done, error = ffi.new("cl_event *"), new_error()
    with _lock:
        plan = _adopt(queue).plan(problem, asked)
        status = lib.clattn_plan_enqueue(plan, buffers, len(events), waits if events else ffi.NULL, done, error)
    check(status, error)
    event = cl.Event.from_int_ptr(int(ffi.cast("intptr_t", done[0])), retain=False)
    for array in results.values():
        array.add_event(event)
    return tuple(results.values()) if len(results) > 1 else next(iter(results.values()))


def refuse_others(device: Any, cache: Any) -> None:
    if device is not None:
        raise InvalidArgument("device is given with queue (allowed: one of them; a queue has a device)")
    if cache is not None:
        raise Unsupported("cache is given with queue (allowed: one of them; caches are for arrays in host memory)")
