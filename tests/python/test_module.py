"""clattn.Attention against the same layer in float64.

The bound is gate 2 of docs/correctness.md: twice the largest error of the same computation in float32, and 8 units of
rounding of the largest magnitude of the result.
"""

import clattn
import formula
import numpy as np
import pytest
import torch
from conftest import NAMES, TYPES, in_threads, random

HEADS, KV_HEADS, DIM, VALUE_DIM, MODEL_DIM, OUTPUT_DIM = 4, 2, 8, 6, 24, 20


def matrices(layout="xw", dtype=np.float32, kv_model_dim=MODEL_DIM, biases=True):
    made = {"wq": random(1, MODEL_DIM, HEADS * DIM), "wk": random(2, kv_model_dim, KV_HEADS * DIM),
            "wv": random(3, kv_model_dim, KV_HEADS * VALUE_DIM), "wo": random(4, HEADS * VALUE_DIM, OUTPUT_DIM)}
    made = {name: (w * 0.3).astype(dtype) for name, w in made.items()}
    if biases:
        made.update({"b" + name[1]: random(9, w.shape[1]).astype(dtype) for name, w in list(made.items())})
    return {name: np.ascontiguousarray(w.T) if w.ndim == 2 and layout == "xwt" else w for name, w in made.items()}


def rotated(t, positions, kind, dim, base, number):
    """Pairs of the first `dim` elements of (..., tokens, elements), turned by position * base^(-2i / dim)."""
    i = np.arange(dim // 2)
    first, second = (i, i + dim // 2) if kind == "halves" else (2 * i, 2 * i + 1)
    angle = np.asarray(positions)[:, None] * float(base) ** (-2.0 * i / dim)
    c, s = np.cos(angle).astype(number), np.sin(angle).astype(number)
    turned = t.copy()
    turned[..., first] = t[..., first] * c - t[..., second] * s
    turned[..., second] = t[..., second] * c + t[..., first] * s
    return turned


def layer(x, w, number, xkv=None, layout="xw", rotary=None, dim=DIM, base=10000.0, ids=None, key_ids=None,
          magnitude=False, **bias_of):
    """The layer in one type of number; x is (batch, tokens, model_dim). magnitude: with absolute values throughout, and
    the true weights."""
    size = np.abs if magnitude else np.asarray
    w = {name: size(m.astype(number)) for name, m in w.items()}
    x = size(np.asarray(x, dtype=number))
    xkv = x if xkv is None else size(np.asarray(xkv, dtype=number))

    def project(of, name, heads):
        m = w["w" + name].T if layout == "xwt" else w["w" + name]
        return (of @ m + w.get("b" + name, number(0))).reshape(*of.shape[:2], heads, -1).swapaxes(1, 2)

    q, k, v = project(x, "q", HEADS), project(xkv, "k", KV_HEADS), project(xkv, "v", KV_HEADS)
    if rotary is not None:
        ids = range(q.shape[2]) if ids is None else ids
        if key_ids is None:
            key_ids = ids if k.shape[2] == q.shape[2] else range(k.shape[2])
        q, k = (rotated(t, own, rotary, dim, base, number) for t, own in ((q, ids), (k, key_ids)))
    k, v = (np.repeat(t, HEADS // KV_HEADS, axis=1) for t in (k, v))
    scores = q @ k.swapaxes(2, 3) * number(1 / np.sqrt(DIM))
    weights = bias_of.pop("weights", None)
    if weights is None:
        seen = formula.visible(len(x), q.shape[2], k.shape[2], **bias_of)
        weights = formula.softmax(np.where(seen, scores, -np.inf)).astype(number)
    context = (weights @ v).swapaxes(1, 2).reshape(*x.shape[:2], -1)
    if "wo" in w:
        context = context @ (w["wo"].T if layout == "xwt" else w["wo"]) + w.get("bo", number(0))
    return context, weights, scores


def assert_layer(got, x, w, **meant):
    assert got.dtype in NAMES
    truth, weights, _ = layer(x, w, np.float64, **meant)
    in_float, _, _ = layer(x, w, np.float32, **meant)
    kept = {name: value for name, value in meant.items() if name in ("xkv", "layout")}
    size, _, _ = layer(x, w, np.float64, magnitude=True, weights=weights, **kept)
    bound = 2 * abs(in_float - truth).max() + 8 * formula.U * size.max()
    np.testing.assert_equal(got.shape, truth.shape)
    limit = formula.stored_bound(np.full(truth.shape, bound), truth, NAMES[got.dtype])
    error = abs(got.astype(np.float64) - truth)
    assert (error <= limit).all(), f"{(error / limit).max():.3g} times what is allowed"


X = random(5, 2, 11, MODEL_DIM)


@pytest.mark.parametrize("layout", ["xw", "xwt"])
@pytest.mark.parametrize("biases", [False, True])
def test_layouts_and_biases(layout, biases):
    w = matrices(layout, biases=biases)
    assert_layer(clattn.Attention(**w, heads=HEADS, kv_heads=KV_HEADS, layout=layout)(X), X, w, layout=layout)


def test_types(dtype):
    w, x = matrices(dtype=dtype), X.astype(dtype)
    got = clattn.Attention(**w, heads=HEADS, kv_heads=KV_HEADS, layout="xw", is_causal=True)(x)
    assert got.dtype == dtype
    assert_layer(got, x, w, causal=True)


@pytest.mark.parametrize("given, meant", [
    ({"rotary": "halves"}, {"rotary": "halves"}),
    ({"rotary": "interleaved", "is_causal": True}, {"rotary": "interleaved", "causal": True}),
    ({"rotary": "halves", "rotary_dim": 4, "rotary_base": 500.0}, {"rotary": "halves", "dim": 4, "base": 500.0}),
    ({"window": 3}, {"left": 3, "right": 0}),
])
def test_meaning(given, meant):
    w = matrices()
    assert_layer(clattn.Attention(**w, heads=HEADS, kv_heads=KV_HEADS, layout="xw", **given)(X), X, w, **meant)


def test_without_an_output_projection():
    for dtype in TYPES.values():
        w, x = matrices(dtype=dtype), X.astype(dtype)
        del w["wo"], w["bo"]
        got = clattn.Attention(**w, heads=HEADS, kv_heads=KV_HEADS, layout="xw")(x)
        assert got.shape == (2, 11, HEADS * VALUE_DIM)
        assert_layer(got, x, w)


@pytest.mark.parametrize("kv_model_dim", [MODEL_DIM, 10])
def test_cross_attention(kv_model_dim):
    w, xkv = matrices(kv_model_dim=kv_model_dim), random(6, 2, 5, kv_model_dim)
    got = clattn.Attention(**w, heads=HEADS, kv_heads=KV_HEADS, layout="xw")(X, xkv, key_lengths=[5, 3])
    assert_layer(got, X, w, xkv=xkv, lengths=[5, 3])


def test_tensors_without_a_batch_and_more_results():
    w = matrices()
    attention = clattn.Attention(**{n: torch.from_numpy(m) for n, m in w.items()}, heads=HEADS, kv_heads=KV_HEADS,
                                 layout="xw")
    output, lse, weights = attention(torch.from_numpy(X[0]), return_lse=True, return_weights=True)
    assert all(isinstance(t, torch.Tensor) for t in (output, lse, weights))
    assert (output.shape, lse.shape, weights.shape) == ((11, OUTPUT_DIM), (HEADS, 11), (HEADS, 11, 11))
    assert_layer(output.numpy()[None], X[:1], w)
    np.testing.assert_allclose(weights.sum(dim=2), 1, atol=1e-6)


def test_as_torchs_linear_layers():
    torch.manual_seed(1)
    linear = [torch.nn.Linear(24, 24) for _ in range(4)]
    x = torch.from_numpy(X)
    with torch.no_grad():
        attention = clattn.Attention(*(m.weight for m in linear), heads=3, layout="xwt", bq=linear[0].bias,
                                     bk=linear[1].bias, bv=linear[2].bias, bo=linear[3].bias, is_causal=True)
        q, k, v = (m(x).unflatten(2, (3, 8)).transpose(1, 2) for m in linear[:3])
        expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        torch.testing.assert_close(attention(x), linear[3](expected.transpose(1, 2).flatten(2)))


def test_with_a_cache():
    w = matrices()
    attention = clattn.Attention(**w, heads=HEADS, kv_heads=KV_HEADS, layout="xw", is_causal=True, rotary="halves")
    cache = clattn.KVCache(2, KV_HEADS, DIM, VALUE_DIM, 16)
    parts = [attention(X[:, a:b], cache=cache) for a, b in ((0, 6), (6, 7), (7, 11))]
    assert cache.length(1) == 11
    assert_layer(np.concatenate(parts, axis=1), X, w, causal=True, rotary="halves")


def test_matrices_stay_and_the_arrays_are_not_needed():
    w = matrices()
    attention = clattn.Attention(**w, heads=HEADS, kv_heads=KV_HEADS, layout="xw")
    kept = {name: m.copy() for name, m in w.items()}
    for m in w.values():
        m[:] = np.nan
    assert attention.bytes >= sum(m.nbytes for m in kept.values())
    assert_layer(attention(X), X, kept)


def test_threads_share_a_layer():
    w = matrices()
    attention = clattn.Attention(**w, heads=HEADS, kv_heads=KV_HEADS, layout="xw")

    def work(tokens):
        for _ in range(10):
            assert_layer(attention(X[:, :tokens]), X[:, :tokens], w)

    in_threads(work, range(2, 8))


def make(**other):
    return clattn.Attention(**{**matrices(), "heads": HEADS, "kv_heads": KV_HEADS, "layout": "xw", **other})


REFUSED = {
    "layout": (lambda: make(layout="x"), ValueError, "layout is 'x' .allowed: 'xw', 'xwt'"),
    "heads": (lambda: make(heads=5), ValueError, "wq has 32 columns .allowed: a multiple of its 5 heads"),
    "kv_heads": (lambda: make(kv_heads=8), ValueError, "wv has 12 columns"),
    "wk's shape": (lambda: make(wk=random(1, 24, 18)), ValueError,
                   r"wk has the shape \(24, 18\) \(allowed: \(24, 16\)"),
    "wo's shape": (lambda: make(wo=random(1, 20, 24)), ValueError,
                   r"wo has the shape \(20, 24\) \(allowed: \(24, 24\)"),
    "transposed": (lambda: make(layout="xwt"), ValueError, "wq has 24 columns|wv has 24 columns|has the shape"),
    "wk's shape, transposed": (lambda: make(**{**matrices("xwt"), "wk": random(1, 18, 24)}, layout="xwt"), ValueError,
                               r"wk has the shape \(18, 24\) \(allowed: \(16, 24\)"),
    "wq's rank": (lambda: make(wq=random(1, 24)), ValueError, r"wq has the shape \(24,\) \(allowed: two dimensions"),
    "bq's shape": (lambda: make(bq=random(1, 31)), ValueError, r"bq has the shape \(31,\) \(allowed: \(32,\)"),
    "bo without wo": (lambda: make(wo=None), ValueError, "bo is given without wo"),
    "types": (lambda: make(wv=matrices()["wv"].astype(np.float16)), TypeError,
              "wv has the type float16, and wq float32"),
    "rotary": (lambda: make(rotary="full"), ValueError, "rotary is 'full' .allowed: 'halves', 'interleaved'"),
    "rotary_dim": (lambda: make(rotary="halves", rotary_dim=3), ValueError, "rotary_dim is 3"),
    "rotary_dim without use": (lambda: make(rotary_dim=4), ValueError, "rotary_dim"),
    "x's columns": (lambda: make()(X[..., :20]), ValueError,
                    r"x has the shape \(2, 11, 20\) \(allowed: \(batch, tokens, 24\)"),
    "x's type": (lambda: make()(X.astype(np.float16)), TypeError, "x has the type float16 .allowed: float32"),
    "no xkv": (lambda: make(**matrices(kv_model_dim=10))(X), ValueError, "xkv is None"),
    "xkv's batch": (lambda: make()(X, X[:1]), ValueError, "batches of 2 and 1"),
    "cache": (lambda: make()(X, cache=clattn.KVCache(2, 3, DIM, VALUE_DIM, 16)), ValueError, "kv_heads"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message) as raised:
        call()
    assert isinstance(raised.value, clattn.Error)
