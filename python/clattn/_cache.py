"""The cache of keys and values, on a device."""
from __future__ import annotations

import operator
import weakref
from typing import Any

import numpy as np

from . import _arrays, _devices, _problem
from ._clattn import ffi, lib
from ._errors import InvalidArgument, check, new_error

_TYPES = {
    "f32": lib.CLATTN_CACHE_F32,
    "f16": lib.CLATTN_CACHE_F16,
    "bf16": lib.CLATTN_CACHE_BF16,
    "i8-token": lib.CLATTN_CACHE_I8_TOKEN,
    "i8-head": lib.CLATTN_CACHE_I8_HEAD,
    "q4": lib.CLATTN_CACHE_Q4,
}


def whole(name: str, value: Any, least: int = 1) -> int:
    """A size."""
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if isinstance(value, bool) or not least <= number <= lib.CLATTN_LARGEST_SIZE:
        raise InvalidArgument(f"{name} is {value!r} (allowed: integers from {least} to {lib.CLATTN_LARGEST_SIZE})")
    return number


def destroy_with(owner: Any, device: _devices.Device, destroy: Any, handle: Any) -> None:
    """Frees a handle of the library with its Python object. Not at the end of the process, which frees all."""
    weakref.finalize(owner, _destroy, device, destroy, handle).atexit = False


def _destroy(device: _devices.Device, destroy: Any, handle: Any) -> None:
    if _devices.is_forked():
        return
    with device:
        destroy(handle)


class KVCache:
    """Keys and values of earlier calls, kept on a device.

    batch, kv_heads, head_dim, value_dim  as in the calls that use it
    capacity   the most keys that a sequence can hold
    type       how they are stored: "f32", "f16", "bf16", "i8-token" and "i8-head" (a byte each; a scale for each token
               and head, or the given scale of each head), or "q4" (four bits each and a scale for each 32 elements)
    page_len   keys of a page; 0: each sequence has its own memory for `capacity` keys
    pages      pages that all sequences share; 0: enough for all to reach the capacity
    rolling    needs pages, and a window in each call: a call first drops the pages of keys before its window, which no
               later call will see. The capacity counts what is held, and positions go on
    k_scale, v_scale  (kv_heads,), with "i8-head": the value of one step of each head's bytes
    device     as in clattn.attention; calls with this cache run there

    Each call of clattn.attention or of a clattn.Attention with `cache` appends its keys and values and attends to all.
    clattn.CacheFull says that they do not fit; then nothing was appended. The memory is freed with the object.
    """

    def __init__(
        self,
        batch: int,
        kv_heads: int,
        head_dim: int,
        value_dim: int,
        capacity: int,
        type: str = "f32",
        page_len: int = 0,
        device: Any = None,
        *,
        pages: int = 0,
        rolling: bool = False,
        k_scale: Any = None,
        v_scale: Any = None,
    ) -> None:
        problem = _problem.new_problem()
        problem.source = lib.CLATTN_SOURCE_QKV
        problem.query_len = problem.key_len = 1
        problem.batch = self.batch = whole("batch", batch)
        problem.heads = problem.kv_heads = self.kv_heads = whole("kv_heads", kv_heads)
        problem.head_dim = self.head_dim = whole("head_dim", head_dim)
        problem.value_dim = self.value_dim = whole("value_dim", value_dim)
        problem.cache.capacity = self.capacity = whole("capacity", capacity)
        problem.cache.type = _problem.one_of("type", type, _TYPES)
        problem.cache.page_len = whole("page_len", page_len, 0)
        problem.cache.pages = whole("pages", pages, 0)
        self.type = type
        if rolling and problem.cache.page_len == 0:
            raise InvalidArgument("rolling is set, and page_len is 0 (allowed: pages, of one key or more)")
        self.rolling = bool(rolling)
        self.device = _devices.choose(device)
        self._layout = problem.cache
        self._problem = problem  # whose memory _layout is in
        scales = [
            None if scale is None else _problem.numbers_of_heads(name, scale, self.kv_heads)
            for name, scale in (("k_scale", k_scale), ("v_scale", v_scale))
        ]
        pointers = [ffi.NULL if scale is None else ffi.cast("float *", scale.address) for scale in scales]
        made, error = ffi.new("clattn_cache **"), new_error()
        with self.device as handle:
            check(lib.clattn_cache_create(handle, problem, *pointers, made, error), error)
            self._handle = made[0]
            destroy_with(self, self.device, lib.clattn_cache_destroy, made[0])

    def __repr__(self) -> str:
        return f"<clattn.KVCache of {self.batch} x {self.capacity} keys, {self.type}, on {self.device.name}>"

    def length(self, sequence: int = 0) -> int:
        """The number of keys that a sequence of the batch holds."""
        with self.device:
            return lib.clattn_cache_length(self._handle, self._sequence(sequence))

    def dropped(self, sequence: int = 0) -> int:
        """The number of keys that a sequence has dropped before its window: the position of its first key."""
        with self.device:
            return lib.clattn_cache_dropped(self._handle, self._sequence(sequence))

    def truncate(self, sequence: int, length: int) -> None:
        """Forgets the keys of a sequence from `length` on; its pages become free."""
        error = new_error()
        with self.device:
            number = self._sequence(sequence)
            check(lib.clattn_cache_truncate(self._handle, number, whole("length", length, 0), error), error)

    def reset(self) -> None:
        """Forgets all keys."""
        for sequence in range(self.batch):
            self.truncate(sequence, 0)

    def set_table(self, table: Any, lengths: Any = None) -> None:
        """Gives the sequences pages of the caller's choice; from then on the cache hands out none by itself.

        table    (batch, n) integers, as a block table of vLLM's: the numbers of each sequence's pages, 0 to pages - 1,
                 and -1 after the last. None: forgets all keys, and the cache hands out pages again
        lengths  (batch,) integers: the keys that each sequence then has; its pages keep what earlier calls wrote

        Pages in several sequences, of a prefix that they share, are read only: a call that would append to one is
        refused, and appends nothing.
        """
        error = new_error()
        if table is None:
            if lengths is not None:
                raise InvalidArgument("lengths are given without a table (allowed: both, or neither)")
            with self.device:
                check(lib.clattn_cache_set_table(self._handle, ffi.NULL, 0, ffi.NULL, error), error)
            return
        if lengths is None:
            raise InvalidArgument("lengths are missing (allowed: (batch,) integers, the keys of each sequence)")
        shape = np.shape(table)
        if len(shape) != 2 or shape[0] != self.batch:
            raise InvalidArgument(f"table has the shape {shape} (allowed: ({self.batch}, n), a row for each sequence)")
        pages = _arrays.as_integers("table", table, shape)
        keys = _arrays.as_integers("lengths", lengths, (self.batch,))
        given = [ffi.cast("int32_t *", array.address) for array in (pages, keys)]
        with self.device:
            check(lib.clattn_cache_set_table(self._handle, given[0], shape[1], given[1], error), error)

    @property
    def bytes(self) -> int:
        """Bytes on the device."""
        with self.device:
            return lib.clattn_cache_bytes(self._handle)

    def _sequence(self, sequence: int) -> int:
        number = whole("sequence", sequence, 0)
        if number >= self.batch:
            raise InvalidArgument(f"sequence is {number} (allowed: 0 to {self.batch - 1})")
        return number
