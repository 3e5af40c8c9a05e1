"""What the tests of the Python package share: random tensors, the formula in float64, and comparing with its bounds.

The formula and its bounds are those of tests/peers/formula.py, which knows nothing of clattn.
"""
import os
import concurrent.futures
import pathlib
import sys
import time

import ml_dtypes
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/peers"))

import formula  # noqa: E402

TYPES = {"f32": np.dtype(np.float32), "f16": np.dtype(np.float16), "bf16": np.dtype(ml_dtypes.bfloat16)}
NAMES = {dtype: name for name, dtype in TYPES.items()}


def random(seed, *shape, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32).astype(dtype)


def qkv(batch=2, heads=4, kv_heads=None, query_len=7, key_len=9, head_dim=16, value_dim=None, dtype=np.float32):
    kv_heads, value_dim = kv_heads or heads, value_dim or head_dim
    return (random(1, batch, heads, query_len, head_dim, dtype=dtype),
            random(2, batch, kv_heads, key_len, head_dim, dtype=dtype),
            random(3, batch, kv_heads, key_len, value_dim, dtype=dtype))


def truth(q, k, v, *, mask=None, alibi=None, sinks=None, scale=None, softcap=0.0, offset=0, **seen):
    """Attention over (batch, heads, length, dim) by the formula, with its bounds."""
    batch, heads, query_len, key_len = *q.shape[:3], k.shape[2]
    shape = batch, heads, query_len, key_len
    bias = np.where(formula.visible(batch, query_len, key_len, offset=offset, **seen), 0.0, -np.inf)
    if mask is not None:
        bias = bias + formula.additive(mask, shape)
    if alibi is not None:
        position = np.broadcast_to(offset, (batch,)).reshape(-1, 1, 1, 1) + np.arange(query_len).reshape(-1, 1)
        bias = bias - np.reshape(alibi, (-1, 1, 1)) * abs(position - np.arange(key_len))
    return formula.attention(q, k, v, scale=scale, softcap=softcap, bias=bias, sinks=sinks)


def assert_within(got, expected, bound):
    """Every element within its bound; NaN never is."""
    share, where = formula.worst(np.asarray(got, dtype=np.float64), expected, bound)
    assert share <= 1, f"at {where}: {got[where]} instead of {expected[where]}, {share:.3g} times what is allowed"


def assert_context(got, expected):
    """A context of any type against a truth, in its rank."""
    got = np.asarray(got)
    assert got.dtype in NAMES, got.dtype
    context = expected.tensors["context"].reshape(got.shape)
    bound = expected.bounds["context"].reshape(got.shape)
    assert_within(got, context, formula.stored_bound(bound, context, NAMES[got.dtype]))


def resident():
    """Bytes of memory that this process has, on Linux."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class OneAtATime:
    """The library, with a record of how many calls of it ran at once."""

    RECORDED = ("clattn_attend", "clattn_cache_create", "clattn_cache_destroy", "clattn_plan_create",
                "clattn_plan_destroy", "clattn_device_adopt", "clattn_device_close")

    def __init__(self, lib):
        self.lib, self.names, self.running, self.most = lib, [], 0, 0

    def __getattr__(self, name):
        found = getattr(self.lib, name)
        if name not in self.RECORDED:
            return found

        def call(*arguments):
            self.names.append(name)
            self.running += 1
            self.most = max(self.most, self.running)
            time.sleep(0.002)
            result = found(*arguments)
            self.running -= 1
            return result

        return call


def in_threads(work, arguments):
    """Calls work(argument) for all of them at once; raises what one of the calls raised."""
    with concurrent.futures.ThreadPoolExecutor(len(arguments)) as pool:
        list(pool.map(work, arguments))


@pytest.fixture(params=list(TYPES))
def dtype(request):
    return TYPES[request.param]
