"""clattn.attention and every parameter of it, against the formula in float64 and against torch."""
import clattn
import numpy as np
import pytest
import torch
from conftest import assert_context, assert_within, qkv, random, truth

MASK = random(4, 7, 9) > -0.5
FLOATS = np.where(random(5, 2, 4, 7, 9) > -1, random(6, 2, 4, 7, 9), -np.inf).astype(np.float32)
SLOPES = np.array([0.5, 0.25, 0.125, 0.0625])
SINKS = np.array([1.0, -2.0, 0.0, 3.0])

# What clattn gets, and what the formula gets.
FEATURES = {
    "plain": ({}, {}),
    "causal": ({"is_causal": True}, {"causal": True}),
    "bottom-right": ({"is_causal": True, "align": "bottom-right"}, {"causal": True, "offset": 2}),
    "offset": ({"is_causal": True, "align": 4}, {"causal": True, "offset": 4}),
    "before the keys": ({"is_causal": True, "align": -3}, {"causal": True, "offset": -3}),
    "scale": ({"scale": 0.7}, {"scale": np.float32(0.7)}),
    "scale of 0": ({"scale": 0}, {"scale": 0.0}),
    "softcap": ({"softcap": 1.5}, {"softcap": 1.5}),
    "window": ({"window": 2}, {"left": 2, "right": 0}),
    "window, left": ({"window": (3, None)}, {"left": 3}),
    "window, right": ({"window": (None, 1)}, {"right": 1}),
    "window, both": ({"window": (2, 1)}, {"left": 2, "right": 1}),
    "window of none": ({"window": (None, None)}, {}),
    "sinks": ({"sinks": SINKS}, {"sinks": SINKS}),
    "sinks in a list": ({"sinks": list(SINKS)}, {"sinks": SINKS}),
    "ALiBi": ({"alibi": SLOPES}, {"alibi": SLOPES}),
    "ALiBi, offset": ({"alibi": SLOPES, "align": 2}, {"alibi": SLOPES, "offset": 2}),
    "key lengths": ({"key_lengths": [9, 4]}, {"lengths": [9, 4]}),
    "key lengths of 0": ({"key_lengths": np.array([0, 4], dtype=np.int64)}, {"lengths": [0, 4]}),
    "bool mask": ({"mask": MASK}, {"mask": MASK}),
    "bool mask by keys": ({"mask": MASK[:1]}, {"mask": MASK[:1]}),
    "float mask": ({"mask": FLOATS}, {"mask": FLOATS}),
    "float mask of a head": ({"mask": FLOATS[0, 1]}, {"mask": FLOATS[0, 1]}),
    "float64 mask": ({"mask": FLOATS.astype(np.float64)}, {"mask": FLOATS}),
    "math": ({"math": "float"}, {}),
    "many": ({"is_causal": True, "window": (4, None), "softcap": 3.0, "sinks": SINKS, "mask": FLOATS, "alibi": SLOPES},
             {"causal": True, "left": 4, "softcap": 3.0, "sinks": SINKS, "mask": FLOATS, "alibi": SLOPES}),
}


@pytest.mark.parametrize("name", FEATURES)
def test_feature(name):
    q, k, v = qkv()
    given, meant = FEATURES[name]
    expected = truth(q, k, v, **meant)
    context, lse, weights = clattn.attention(q, k, v, return_lse=True, return_weights=True, **given)
    assert (context.dtype, lse.dtype, weights.dtype) == (np.float32,) * 3
    assert_context(context, expected)
    assert_within(lse, expected.tensors["lse"], expected.bounds["lse"])
    assert_within(weights, expected.tensors["weights"], expected.bounds["weights"])
    assert_context(clattn.attention(q, k, v, **given), expected)  # fused


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("value_dim", [16, 5])
def test_grouped_heads_in_every_type(dtype, kv_heads, value_dim):
    q, k, v = qkv(kv_heads=kv_heads, value_dim=value_dim, dtype=dtype)
    context = clattn.attention(q, k, v, is_causal=True)
    assert context.dtype == dtype and context.shape == (2, 4, 7, value_dim)
    assert_context(context, truth(q, k, v, causal=True))


def test_stored_math_stays_within_its_type():
    """A CPU multiplies in float whatever math says; docs/correctness.md has the bound of half products."""
    q, k, v = qkv(dtype=np.float16)
    assert_context(clattn.attention(q, k, v, math="stored", device="cpu"), truth(q, k, v))


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_ranks(rank):
    q, k, v = (t[(0,) * (4 - rank)] for t in qkv())
    context, lse, weights = clattn.attention(q, k, v, is_causal=True, return_lse=True, return_weights=True)
    assert context.shape == q.shape
    assert lse.shape == q.shape[:-1]
    assert weights.shape == q.shape[:-1] + (9,)
    four = [t.reshape((1,) * (4 - rank) + t.shape) for t in (q, k, v)]
    assert_context(context, truth(*four, causal=True))


def test_a_query_that_sees_no_key_is_0():
    q, k, v = qkv()
    mask = MASK.copy()
    mask[3] = False
    assert not clattn.attention(q, k, v, mask=mask)[:, :, 3].any()


def test_a_masked_nan_has_no_effect_and_any_other_shows():
    q, k, v = qkv(batch=1)
    v[0, :, 8] = np.nan
    assert np.isfinite(clattn.attention(q, k, v, key_lengths=[8])).all()
    assert np.isnan(clattn.attention(q, k, v)).all()


@pytest.mark.parametrize("what", [(True, False), (False, True), (True, True)])
def test_more_results_come_in_one_order(what):
    lse, weights = what
    q, k, v = qkv()
    results = clattn.attention(q, k, v, return_lse=lse, return_weights=weights)
    assert [r.ndim for r in results] == [4] + [3] * lse + [4] * weights


def test_results_are_the_same_bits_every_time():
    q, k, v = qkv(query_len=64, key_len=64)
    first = clattn.attention(q, k, v)
    assert all((clattn.attention(q, k, v) == first).all() for _ in range(5))


def test_out(dtype):
    q, k, v = qkv(dtype=dtype)
    out = np.full(q.shape, 7, dtype=dtype)
    assert clattn.attention(q, k, v, out=out) is out
    assert_context(out, truth(q, k, v))


# ---- torch's signature -----------------------------------------------------------------------------------------------


def torch_context(q, k, v, *arguments, **named):
    """torch's own, in float64."""
    doubles = [torch.from_numpy(np.asarray(t, dtype=np.float64)) for t in (q, k, v)]
    return torch.nn.functional.scaled_dot_product_attention(*doubles, *arguments, **named).numpy()


@pytest.mark.parametrize("torch_type", [torch.float32, torch.float16, torch.bfloat16])
def test_scaled_dot_product_attention(torch_type):
    q, k, v = (torch.from_numpy(t).to(torch_type) for t in qkv(kv_heads=2, key_len=7))
    exact = [t.double().numpy() for t in (q, k, v)]
    mask = torch.from_numpy(MASK[:, :7])
    for given in ({}, {"is_causal": True}, {"scale": 0.3}, {"attn_mask": mask}):
        got = clattn.scaled_dot_product_attention(q, k, v, enable_gqa=True, **given)
        assert isinstance(got, torch.Tensor) and got.dtype == torch_type
        expected = torch_context(*exact, enable_gqa=True, **given)
        meant = truth(*exact, scale=given.get("scale"), causal="is_causal" in given,
                      mask=MASK[:, :7] if "attn_mask" in given else None)
        bound = meant.bounds["context"] + {torch.float32: 0, torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}[
            torch_type] * 1.01 * abs(expected) + (2.0**-25 if torch_type != torch.float32 else 0)
        assert_within(got.double().numpy(), expected, bound)


def test_arguments_are_torchs():
    """Positions and names."""
    q, k, v = (torch.from_numpy(t) for t in qkv(key_len=7))
    mask = torch.from_numpy(FLOATS[..., :7])
    functional = torch.nn.functional.scaled_dot_product_attention
    by_place = clattn.scaled_dot_product_attention(q, k, v, mask, 0.0, False)
    torch.testing.assert_close(by_place, functional(q, k, v, mask, 0.0, False))
    by_name = clattn.scaled_dot_product_attention(query=q, key=k, value=v, attn_mask=mask, dropout_p=0.0, scale=0.5)
    torch.testing.assert_close(by_name, functional(query=q, key=k, value=v, attn_mask=mask, dropout_p=0.0, scale=0.5))


@pytest.mark.parametrize("seed", range(12))
def test_shapes_at_random_as_torch(seed):
    rng = np.random.default_rng(seed)
    kv_heads, group = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    q, k, v = qkv(int(rng.integers(1, 4)), kv_heads * group, kv_heads, *(int(n) for n in rng.integers(1, 60, 3)),
                  int(rng.integers(1, 60)))
    mask = rng.random((1, q.shape[1], q.shape[2], k.shape[2])) < 0.8
    mask[..., 0] = True
    got = clattn.attention(q, k, v, mask=mask)
    expected = torch_context(q, k, v, torch.from_numpy(mask), enable_gqa=True)
    assert_within(got, expected, truth(q, k, v, mask=mask).bounds["context"])


def test_a_sink_of_0_is_add_zero_attn():
    """torch.nn.MultiheadAttention(add_zero_attn=True) appends a key and a value of zeros."""
    q, k, v = qkv()
    appended = [np.concatenate([t, np.zeros_like(t[:, :, :1])], axis=2) for t in (k, v)]
    assert_context(clattn.attention(q, k, v, sinks=np.zeros(4)), truth(q, *appended))


def test_a_bias_of_key_0_is_a_mask():
    q, k, v = qkv()
    bias = np.zeros((1, 4, 1, 9), np.float32)
    bias[0, :, 0, 0] = SINKS
    assert_context(clattn.attention(q, k, v, mask=bias), truth(q, k, v, mask=bias))
