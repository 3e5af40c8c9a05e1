"""clattn.KVCache, with clattn.attention."""
import gc

import clattn
import numpy as np
import pytest
from conftest import OneAtATime, assert_context, in_threads, qkv, random, truth

Q, K, V = qkv(query_len=12, key_len=12, kv_heads=2, head_dim=32)
# Keys and values within the rounding of the cache's type: then the result is that of attention over what is stored.
ROUNDED = {
    "f32": lambda t: t,
    "f16": lambda t: t.astype(np.float16).astype(np.float32),
    "bf16": lambda t: (t.view(np.uint32) + 0x7FFF + (t.view(np.uint32) >> 16 & 1) & 0xFFFF0000).view(np.float32),
}


def new_cache(**other):
    return clattn.KVCache(**{"batch": 2, "kv_heads": 2, "head_dim": 32, "value_dim": 32, "capacity": 16, **other})


@pytest.mark.parametrize("page_len", [0, 4])
@pytest.mark.parametrize("kind", ROUNDED)
def test_token_by_token_as_at_once(kind, page_len):
    cache = new_cache(type=kind, page_len=page_len)
    stored = [ROUNDED[kind](t) for t in (K, V)]
    whole = truth(Q, *stored, causal=True)
    for first, last in ((0, 5), (5, 6), (6, 7), (7, 12)):
        got = clattn.attention(*(t[:, :, first:last] for t in (Q, K, V)), is_causal=True, cache=cache)
        part = truth(Q[:, :, first:last], *(t[:, :, :last] for t in stored), causal=True, offset=first)
        assert_context(got, part)
        np.testing.assert_allclose(got, whole.tensors["context"][:, :, first:last], rtol=1e-5, atol=1e-5)
        assert [cache.length(b) for b in range(2)] == [last, last]


@pytest.mark.parametrize("kind", ["i8-token", "i8-head", "q4"])
def test_a_byte_or_less(kind):
    """A step of the stored numbers away: docs/correctness.md; the context's error is at most that of the values plus
    what the scores' errors move."""
    levels = {"i8-token": 127, "i8-head": 127, "q4": 8}[kind]
    step = max(abs(K).max(), abs(V).max()) / levels
    scale = np.full(2, step, np.float32)
    scales = {"k_scale": scale, "v_scale": scale} if kind == "i8-head" else {}
    cache = new_cache(type=kind, **scales)
    got, weights = clattn.attention(Q, K, V, cache=cache, return_weights=True)
    expected = truth(Q, K, V)
    allowed = (0.51 if kind != "q4" else 1.01) * step
    score = allowed * abs(Q).sum(axis=3, keepdims=True) / np.sqrt(32)  # by which each score may be off
    moved = expected.tensors["weights"] * np.expm1(2 * score)
    values = np.repeat(abs(V), 2, axis=1)
    assert (abs(weights - expected.tensors["weights"]) <= moved + 1e-6).all()
    assert (abs(got - expected.tensors["context"]) <= allowed + moved @ values + 1e-6).all()
    sizes = {name: new_cache(type=name, **(scales if name == kind else {})).bytes for name in ("f32", kind)}
    assert sizes[kind] < 0.35 * sizes["f32"]


def test_masks_and_weights_cover_all_keys():
    cache = new_cache()
    clattn.attention(Q[:, :, :5], K[:, :, :5], V[:, :, :5], cache=cache)
    mask = random(9, 3, 8) > 0
    mask[:, 0] = True
    new = slice(5, 8)
    got, weights = clattn.attention(Q[:, :, new], K[:, :, new], V[:, :, new], cache=cache, mask=mask,
                                    return_weights=True)
    expected = truth(Q[:, :, new], K[:, :, :8], V[:, :, :8], mask=mask)
    assert weights.shape == (2, 4, 3, 8)
    assert_context(got, expected)
    cache.truncate(0, 5)
    cache.truncate(1, 5)
    padded = np.zeros((3, 16), bool)
    padded[:, :8] = mask
    assert_context(clattn.attention(Q[:, :, new], K[:, :, new], V[:, :, new], cache=cache, mask=padded), expected)
    with pytest.raises(ValueError, match=r"mask has the shape \(1, 9\) \(allowed: \(2, 4, 1, 9\)|mask has the shape"):
        clattn.attention(Q[:, :, :1], K[:, :, :1], V[:, :, :1], cache=cache, mask=np.ones((1, 8), bool))


def test_sequences_of_different_lengths():
    cache = new_cache()
    clattn.attention(Q[:, :, :6], K[:, :, :6], V[:, :, :6], cache=cache, key_lengths=[6, 2])
    assert [cache.length(b) for b in range(2)] == [6, 2]
    got = clattn.attention(Q[:, :, 6:7], K[:, :, 6:7], V[:, :, 6:7], cache=cache, is_causal=True)
    assert_context(got[:1], truth(Q[:1, :, 6:7], K[:1, :, :7], V[:1, :, :7]))
    keys = [t[1:, :, [0, 1, 6]] for t in (K, V)]
    assert_context(got[1:], truth(Q[1:, :, 6:7], *keys))


def test_full_truncated_and_reset():
    cache = new_cache()
    clattn.attention(Q, K, V, cache=cache)
    with pytest.raises(clattn.CacheFull, match="16"):
        clattn.attention(Q, K, V, cache=cache)
    assert cache.length(0) == 12
    cache.truncate(0, 3)
    assert [cache.length(0), cache.length(1)] == [3, 12]
    with pytest.raises(ValueError, match="4"):
        cache.truncate(0, 4)
    cache.reset()
    assert [cache.length(b) for b in range(2)] == [0, 0]
    assert_context(clattn.attention(Q, K, V, cache=cache), truth(Q, K, V))


def test_sequences_share_pages():
    cache = new_cache(page_len=4, pages=4)
    clattn.attention(Q[:, :, :5], K[:, :, :5], V[:, :, :5], cache=cache)  # two pages each
    with pytest.raises(clattn.CacheFull, match="page"):
        clattn.attention(Q[:, :, :4], K[:, :, :4], V[:, :, :4], cache=cache)
    cache.truncate(1, 0)
    clattn.attention(Q[:, :, :4], K[:, :, :4], V[:, :, :4], cache=cache, key_lengths=[4, 0])
    assert [cache.length(b) for b in range(2)] == [9, 0]
    assert cache.bytes < new_cache().bytes


REFUSED = {
    "type": (lambda: new_cache(type="i4"), ValueError, "type is 'i4' .allowed: 'f32', 'f16', 'bf16', 'i8-token'"),
    "capacity": (lambda: new_cache(capacity=0), ValueError, "capacity is 0 .allowed: integers from 1"),
    "heads of a str": (lambda: new_cache(kv_heads="2"), ValueError, "kv_heads is '2'"),
    "q4's dims": (lambda: new_cache(type="q4", head_dim=33), ValueError, "33"),
    "scales missing": (lambda: new_cache(type="i8-head"), ValueError, "scale"),
    "scales unused": (lambda: new_cache(k_scale=np.ones(2), v_scale=np.ones(2)), ValueError, "scale"),
    "scales' shape": (lambda: new_cache(k_scale=np.ones(3)), ValueError, r"k_scale has the shape \(3,\)"),
    "too large": (lambda: new_cache(batch=1, capacity=2**30, kv_heads=64, head_dim=256), MemoryError, "bytes"),
    "sequence": (lambda: new_cache().length(2), ValueError, "sequence is 2 .allowed: 0 to 1"),
    "not a cache": (lambda: clattn.attention(Q, K, V, cache=3), TypeError, "cache is a int"),
    "another batch": (lambda: clattn.attention(Q[:1], K[:1], V[:1], cache=new_cache()), ValueError, "batch"),
    "other heads": (lambda: clattn.attention(Q, K, V, cache=new_cache(kv_heads=4)), ValueError, "kv_heads"),
    "another dim": (lambda: clattn.attention(Q, K, V, cache=new_cache(head_dim=16)), ValueError, "head_dim"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message) as raised:
        call()
    assert isinstance(raised.value, clattn.Error)


def test_the_memory_is_freed_with_the_object():
    """Three quarters of the device's memory fit once, and again after that."""
    device = clattn.devices()[0]
    keys = device.memory_bytes // 4 // (2 * 2 * 32 * 4 * 2)
    for _ in range(12):
        cache = new_cache(capacity=keys)
        assert cache.bytes > device.memory_bytes // 5
        del cache
        gc.collect()


def test_a_cache_is_freed_only_between_calls(monkeypatch):
    calls = OneAtATime(clattn._cache.lib)
    monkeypatch.setattr(clattn._cache, "lib", calls)
    monkeypatch.setattr(clattn._run, "lib", calls)

    def work(_):
        for _ in range(5):
            clattn.attention(Q, K, V, cache=new_cache())

    in_threads(work, range(4))
    gc.collect()
    assert calls.names.count("clattn_cache_destroy") == calls.names.count("clattn_attend") == 20
    assert calls.most == 1


def test_a_table_of_the_callers():
    """A prefix that both sequences share is stored once."""
    q, k, v = (np.repeat(t[:1], 2, axis=0) for t in (Q, K, V))
    apart, shared = new_cache(page_len=4), new_cache(page_len=4, pages=4)
    shared.set_table([[2, 0], [3, 1]], [0, 0])
    for cache in (apart, shared):
        clattn.attention(q[:, :, :4], k[:, :, :4], v[:, :, :4], cache=cache)
    shared.set_table(np.array([[2, 0, -1], [2, 1, -1]]), [4, 4])
    got = [clattn.attention(*(t[:, :, 4:7] for t in (Q, K, V)), is_causal=True, cache=cache) for cache in (apart, shared)]
    assert got[0].tobytes() == got[1].tobytes() and shared.length(1) == 7
    with pytest.raises(clattn.CacheFull, match="its 2 pages of the caller's table have room"):
        clattn.attention(*(t[:, :, :2] for t in (Q, K, V)), cache=shared)
    shared.set_table([[2, 0], [2, 1]], [3, 4])
    with pytest.raises(clattn.InvalidArgument, match="sequence 0 would append to page 2, which sequence 1 has, too"):
        clattn.attention(*(t[:, :, :1] for t in (Q, K, V)), cache=shared)
    shared.set_table(None)
    assert shared.length(0) == 0 and clattn.attention(q[:, :, :1], k[:, :, :8], v[:, :, :8], cache=shared).shape[2] == 1


@pytest.mark.parametrize("table, lengths, says", [
    ([[0, 1]], [0], r"table has the shape \(1, 2\) \(allowed: \(2, n\)"),
    ([0, 1], [0, 0], r"table has the shape \(2,\)"),
    ([[0], [1]], None, "lengths are missing"),
    ([[0], [1]], [0], r"lengths has the shape \(1,\)"),
    (None, [0, 0], "lengths are given without a table"),
    ([[0], [99]], [0, 0], r"table\[1\]\[0\] is 99 \(allowed: 0 to 7"),
    ([[0], [0]], [0, 0], "page 0 is in several sequences"),
    ([[0.5], [1]], [0, 0], "table has the type float64"),
])
def test_tables_that_are_refused(table, lengths, says):
    with pytest.raises((clattn.InvalidArgument, clattn.InvalidType), match=says):
        new_cache(page_len=4).set_table(table, lengths)


def test_a_rolling_window():
    """Token by token as at once, in a cache for the window, a page and a key."""
    cache = new_cache(capacity=9, page_len=4, pages=2 * 3, rolling=True)
    whole = truth(Q, K, V, causal=True, left=5)
    for i in range(12):
        got = clattn.attention(*(t[:, :, i:i + 1] for t in (Q, K, V)), is_causal=True, window=5, cache=cache)
        np.testing.assert_allclose(got, whole.tensors["context"][:, :, i:i + 1], rtol=1e-5, atol=1e-5)
    assert cache.dropped(0) == 4 and cache.length(0) == 8
    with pytest.raises(clattn.InvalidProblem, match="rolling is 1, but has an effect only where"):
        clattn.attention(*(t[:, :, :1] for t in (Q, K, V)), cache=cache)
    cache.reset()
    assert cache.dropped(0) == 0
    with pytest.raises(clattn.InvalidArgument, match="rolling is set, and page_len is 0"):
        new_cache(rolling=True)
