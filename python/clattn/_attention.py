"""Attention over given queries, keys and values."""
from __future__ import annotations

import functools
from typing import Any

from . import _arrays, _devices, _problem, _run
from ._arrays import View
from ._cache import KVCache
from ._clattn import lib
from ._errors import InvalidArgument, Unsupported
from ._problem import Meaning


def _four(array: View) -> "tuple[tuple[int, ...], tuple[int, ...]]":
    """Shape and strides as (batch, heads, length, dim)."""
    missing = 4 - len(array.shape)
    return (1,) * missing + array.shape, (0,) * missing + array.strides


def _check_shapes(q: View, k: View, v: View, enable_gqa: bool) -> None:
    for name, array in (("q", q), ("k", k), ("v", v)):
        if not 2 <= len(array.shape) <= 4:
            raise InvalidArgument(
                f"{name} has the shape {array.shape} (allowed: (batch, heads, length, dim), (heads, length, dim) or "
                "(length, dim))"
            )
        if len(array.shape) != len(q.shape):
            raise InvalidArgument(
                f"{name} has {len(array.shape)} dimensions, and q {len(q.shape)} (allowed: the same number)"
            )
    (q_shape, _), (k_shape, _), (v_shape, _) = _four(q), _four(k), _four(v)
    if not q_shape[0] == k_shape[0] == v_shape[0]:
        batches = f"{q_shape[0]}, {k_shape[0]} and {v_shape[0]}"
        raise InvalidArgument(f"q, k and v have batches of {batches} (allowed: the same)")
    if k_shape[1] != v_shape[1]:
        raise InvalidArgument(f"k has {k_shape[1]} heads, and v {v_shape[1]} (allowed: the same number)")
    if k_shape[2] != v_shape[2]:
        raise InvalidArgument(f"k has the length {k_shape[2]}, and v {v_shape[2]} (allowed: the same)")
    if q_shape[3] != k_shape[3]:
        raise InvalidArgument(f"q has the dim {q_shape[3]}, and k {k_shape[3]} (allowed: the same)")
    if not enable_gqa and q_shape[1] != k_shape[1]:
        raise InvalidArgument(
            f"q has {q_shape[1]} heads, and k {k_shape[1]} (allowed without enable_gqa: the same number)"
        )


def _set_strides(strides: Any, array: View) -> None:
    """A dimension of one element may have any stride in Python; the library gets that of a dense array."""
    shape, steps = _four(array)
    row = steps[2] if shape[2] > 1 else shape[3]
    strides.row = row
    strides.head = steps[1] if shape[1] > 1 else row * shape[2]
    strides.batch = steps[0] if shape[0] > 1 else strides.head * shape[1]


def _describe(enable_gqa: bool, meaning: Meaning, q: View, k: View, v: View) -> Any:
    _check_shapes(q, k, v, enable_gqa)
    (batch, heads, query_len, head_dim), (_, kv_heads, key_len, value_dim) = _four(q)[0], _four(v)[0]
    problem = _problem.new_problem()
    problem.source = lib.CLATTN_SOURCE_QKV
    problem.batch, problem.heads, problem.kv_heads = batch, heads, kv_heads
    problem.query_len, problem.key_len = query_len, key_len
    problem.head_dim, problem.value_dim = head_dim, value_dim
    problem.context_order = lib.CLATTN_ORDER_HEADS
    if all(_arrays.is_dense(array) for array in (q, k, v)):
        problem.order = lib.CLATTN_ORDER_HEADS
    else:
        problem.order = lib.CLATTN_ORDER_STRIDES
        for strides, array in ((problem.q_strides, q), (problem.k_strides, k), (problem.v_strides, v)):
            _set_strides(strides, array)
    problem.type = _arrays.storage_type("q", q)
    _arrays.same_type("q", q.type, "k", k)
    _arrays.same_type("q", q.type, "v", v)
    _problem.set_meaning(problem, meaning)
    return problem


def attention(
    q: Any,
    k: Any,
    v: Any,
    *,
    mask: Any = None,
    is_causal: bool = False,
    scale: "float | None" = None,
    softcap: "float | None" = None,
    window: Any = None,
    sinks: Any = None,
    alibi: Any = None,
    key_lengths: Any = None,
    cache: "KVCache | None" = None,
    return_lse: bool = False,
    return_weights: bool = False,
    enable_gqa: bool = True,
    out: Any = None,
    device: Any = None,
    math: "str | None" = None,
    align: "str | int" = "top-left",
    queue: Any = None,
    wait_for: Any = None,
) -> Any:
    """softmax(q . k^T * scale + ...) . v, on an OpenCL device.

    Scores are computed in the order of ONNX's Attention: scale, softcap, ALiBi and mask, softmax. A query that sees no
    key gets 0.

    q            (batch, heads, query length, dim), or without batch, or without both. float32, float16 or bfloat16 (of
                 torch or ml_dtypes). An array of NumPy, a CPU tensor of torch, or an array with DLPack or the buffer
                 protocol; strided ones are read in place.
    k, v         (batch, kv heads, key length, dim) and (batch, kv heads, key length, value dim), as q otherwise. Query
                 head h reads KV head h // (heads // kv heads).
    mask         broadcast to (batch, heads, query length, key length): bool, True where a query sees a key, or a float
                 type that is added to the scores
    is_causal    query i sees keys 0 ... i; `align` moves that
    scale        1 / sqrt(dim) if None
    softcap      c: scores become c * tanh(scores / c)
    window       n: a query sees the n keys before it and its own. (left, right): so many before and after; None: no end
    sinks        (heads,): one more score for each head in the sum of the softmax, without a value
    alibi        (heads,): slopes; adds -slope * |position of the query - key|
    key_lengths  (batch,) integers: later keys are padding
    cache        a clattn.KVCache: k and v are appended to it, and q attends to all of it. "top-left" then puts query 0
                 at the first new key. A mask has as many keys as there are after the call, or the cache's capacity
    return_lse   also returns the log of the sum of exp(scores), float32, (batch, heads, query length)
    return_weights  also returns the weights, float32, (batch, heads, query length, key length)
    enable_gqa   False refuses k and v with fewer heads than q
    out          where the result goes: of its shape and type, row-major
    device       None (the best), an index, a part of a name, a kind such as "gpu", or one of clattn.devices()
    math         "stored": products in the type of q, k and v where the device can; "float" is the default
    align        the position of query 0 among the keys: "top-left" 0, "bottom-right" key length - query length, or an
                 integer. For is_causal, window and alibi
    queue        a pyopencl.CommandQueue: then q, k, v, mask, sinks, alibi and out are pyopencl.array.Array of its
                 context, and so are the results. Nothing is copied, and the call does not wait. It begins after the
                 events of the arrays; the results have the event of its end
    wait_for     with queue: more events to wait for

    Returns an array of q's kind and type, (batch, heads, query length, value dim), or a tuple of it, the log-sum-exp
    and the weights, as far as they are asked for. Raises a clattn.Error that says what is allowed.
    """
    meaning = Meaning(is_causal, scale, softcap, window, math, align)
    given = {"q": q, "k": k, "v": v}
    if queue is not None:
        from . import _queue

        _queue.refuse_others(device, cache)
        describe = functools.partial(_describe, enable_gqa, meaning)
        return _queue.attention(
            queue, given, describe, mask, sinks, alibi, key_lengths, return_lse, return_weights, out, wait_for
        )
    if wait_for is not None:
        raise InvalidArgument("wait_for is given without queue (allowed: both, or neither)")
    chosen = cache.device if device is None and isinstance(cache, KVCache) else _devices.choose(device)
    views = {name: _arrays.readable(name, array) for name, array in given.items()}
    problem = _describe(enable_gqa, meaning, views["q"], views["k"], views["v"])
    inputs = _problem.new_sized("clattn_inputs")
    inputs.q, inputs.k, inputs.v = (views[name].pointer for name in "qkv")
    rows = views["q"].shape[:-1]
    in_context = problem.type == lib.CLATTN_F32
    call = _run.Call(chosen, problem, inputs, views, cache)
    with chosen:
        call.set_tensors(mask, sinks, alibi, key_lengths)
        return call.run(q, rows + (problem.value_dim,), in_context, rows, return_lse, return_weights, out)


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: "float | None" = None,
    enable_gqa: bool = False,
) -> Any:
    """`clattn.attention` with the signature of torch.nn.functional.scaled_dot_product_attention.

    query, key, value  (batch, heads, length, dim), or without batch; of torch, NumPy and others
    attn_mask          bool, True where a query sees a key, or a float type that is added to the scores
    dropout_p          0: clattn has no dropout

    A query that sees no key gets 0. Raises a clattn.Error that says what is allowed.
    """
    if dropout_p != 0:
        raise Unsupported(f"dropout_p is {dropout_p} (allowed: 0; clattn has no dropout yet)")
    return attention(query, key, value, mask=attn_mask, is_causal=is_causal, scale=scale, enable_gqa=enable_gqa)
