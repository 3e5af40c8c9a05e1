"""Contexts of keys in parts become one."""
from __future__ import annotations

from typing import Any

from . import _arrays, _devices, _problem
from ._clattn import ffi, lib
from ._errors import InvalidArgument, InvalidType, check, new_error


def merge(parts: Any, *, return_lse: bool = False, out: Any = None, device: Any = None) -> Any:
    """Merges contexts that the same queries got over different keys into one.

    parts       [(context, lse), ...], as clattn.attention returns them with return_lse. All contexts have one type and
                one shape, (batch, heads, query length, value dim), or without batch, or without both; each lse has that
                without the last dimension. Parts are merged in this order
    return_lse  also returns the log-sum-exp over all keys, float32
    out         where the context goes: of its shape and type, row-major
    device      as in clattn.attention

    Only one of the parts may have sinks. A row that sees no key in a part does not count there; one that sees none at
    all is 0, with an lse of -inf. Returns an array like the first context, or a tuple of it and the log-sum-exp. Raises
    a clattn.Error that says what is allowed.
    """
    pairs = _pairs(parts)
    views: "dict[str, _arrays.View]" = {}
    for number, (context, lse) in enumerate(pairs):
        views[f"context of part {number}"] = _arrays.contiguous(_arrays.view(f"context of part {number}", context))
        views[f"lse of part {number}"] = _arrays.as_floats(f"lse of part {number}", lse)
    contexts, lses = list(views.values())[::2], list(views.values())[1::2]
    merging = _describe(contexts, lses)
    given = ffi.new("clattn_part[]", len(pairs))
    for part, context, lse in zip(given, contexts, lses):
        part.context, part.lse = context.pointer, ffi.cast("float *", lse.address)
    first, merged, error = contexts[0], ffi.new("clattn_merged *"), new_error()
    if out is None:
        results = [_arrays.empty_like(first, first.shape, first.type)]
    else:
        results = [_arrays.given_result(out, first.shape, first.type, views)]
    merged.context = results[0].pointer
    if return_lse:
        results.append(_arrays.empty_like(first, first.shape[:-1], "float32"))
        merged.lse = ffi.cast("float *", results[1].address)
    with _devices.choose(device) as handle:
        status = lib.clattn_merge(handle, merging, given, len(pairs), merged, error)
    check(status, error)
    finished = [_arrays.result_for(pairs[0][0], made) for made in results]
    if out is not None:
        finished[0] = out
    return tuple(finished) if return_lse else finished[0]


def _pairs(parts: Any) -> "list[tuple[Any, Any]]":
    if not isinstance(parts, (list, tuple)):
        raise InvalidType(f"parts is a {type(parts).__name__} (allowed: a list of pairs (context, lse))")
    if not parts:
        raise InvalidArgument("parts is empty (allowed: one part or more)")
    for number, part in enumerate(parts):
        if not isinstance(part, (list, tuple)) or len(part) != 2:
            what = f"has {len(part)} entries" if isinstance(part, (list, tuple)) else f"is a {type(part).__name__}"
            raise InvalidArgument(f"part {number} {what} (allowed: a pair (context, lse))")
    return list(parts)


def _describe(contexts: "list[_arrays.View]", lses: "list[_arrays.View]") -> Any:
    shape = contexts[0].shape
    if not 2 <= len(shape) <= 4 or 0 in shape:
        raise InvalidArgument(
            f"context of part 0 has the shape {shape} (allowed: (batch, heads, query length, value dim), none of them "
            "0; leading ones may be left out)"
        )
    for number, (context, lse) in enumerate(zip(contexts, lses)):
        if context.shape != shape:
            raise InvalidArgument(f"context of part {number} has the shape {context.shape} (allowed: {shape})")
        if lse.shape != shape[:-1]:
            raise InvalidArgument(f"lse of part {number} has the shape {lse.shape} (allowed: {shape[:-1]})")
        _arrays.same_type("context of part 0", contexts[0].type, f"context of part {number}", context)
    merging = _problem.new_sized("clattn_merging")
    merging.batch, merging.heads, merging.query_len, merging.value_dim = (1,) * (4 - len(shape)) + shape
    merging.type = _arrays.storage_type("context of part 0", contexts[0])
    merging.context_order = lib.CLATTN_ORDER_HEADS
    return merging
