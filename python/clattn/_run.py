"""A call of clattn_attend, from its tensors to its results."""
from __future__ import annotations

from typing import Any

from . import _arrays, _cache, _problem
from ._arrays import View
from ._clattn import ffi, lib
from ._devices import Device
from ._errors import InvalidArgument, InvalidType, check, new_error


class Call:
    """One call. `views` are the tensors that the inputs point to; the first is the one that results are like. The
    caller holds the device from set_tensors to the end of run, for other threads may use the cache."""

    def __init__(self, device: Device, problem: Any, inputs: Any, views: "dict[str, View]", cache: Any) -> None:
        self.device, self.problem, self.inputs, self.views, self.cache = device, problem, inputs, views, cache
        self.like = next(iter(views.values()))
        if cache is None:
            return
        if not isinstance(cache, _cache.KVCache):
            raise InvalidType(f"cache is a {type(cache).__name__} (allowed: None, or a clattn.KVCache)")
        if cache.device is not device:
            raise InvalidArgument(f"cache is on {cache.device!r} (allowed: {device!r}, where the call runs)")
        problem.cache = cache._layout
        problem.rolling = cache.rolling
        inputs.cache = cache._handle

    def set_tensors(self, mask: Any, sinks: Any, alibi: Any, key_lengths: Any) -> None:
        kept = _problem.set_tensors(self.problem, self.inputs, sinks, alibi, key_lengths)
        if mask is not None:
            keys = (self.problem.key_len,) if self.cache is None else (self.keys(), self.cache.capacity)
            kept["mask"] = _problem.set_mask(self.problem, mask, keys)
            self.inputs.mask = kept["mask"].pointer
        self.views.update(kept)

    def keys(self) -> int:
        """Keys that the longest sequence has in this call."""
        if self.cache is None:
            return self.problem.key_len
        seen, error = _problem.new_sized("clattn_problem"), new_error()
        with self.device:
            status = lib.clattn_cache_problem(self.cache._handle, self.problem, self.inputs, seen, error)
        check(status, error)
        return seen.key_len

    def run(
        self,
        like: Any,
        shape: "tuple[int, ...]",
        in_context: bool,
        rows: "tuple[int, ...]",
        return_lse: bool,
        return_weights: bool,
        out: Any,
    ) -> Any:
        """Returns what the caller of the package gets. The result has `shape`, and is `context` or `output` among the
        library's outputs; rows is the shape of what has one number for each row of scores."""
        outputs = _problem.new_sized("clattn_outputs")
        if out is None:
            result = _arrays.empty_like(self.like, shape, self.like.type)
        else:
            result = _arrays.given_result(out, shape, self.like.type, self.views)
        if in_context:
            outputs.context = ffi.cast("float *", result.address)
        else:
            outputs.output = result.pointer
        results = [result]
        error = new_error()
        with self.device as handle:
            if return_lse:
                results.append(_arrays.empty_like(self.like, rows, "float32"))
                outputs.lse = ffi.cast("float *", results[-1].address)
            if return_weights:
                results.append(_arrays.empty_like(self.like, rows + (self.keys(),), "float32"))
                outputs.weights = ffi.cast("float *", results[-1].address)
            status = lib.clattn_attend(handle, self.problem, self.inputs, outputs, error)
        check(status, error)
        finished = [_arrays.result_for(like, made) for made in results]
        if out is not None:
            finished[0] = out
        return tuple(finished) if len(finished) > 1 else finished[0]
