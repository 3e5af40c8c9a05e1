"""Position ids, given cosines and sines, and scaled frequencies: against the formula in float64, and against
transformers' functions and attention."""
import clattn
import numpy as np
import pytest
import torch
from clattn import _problem, _rotary
from clattn._clattn import ffi, lib
from conftest import random
from test_module import DIM, HEADS, KV_HEADS, MODEL_DIM, VALUE_DIM, X, assert_layer, make, matrices
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaRotaryEmbedding

PADDED = np.maximum(np.arange(11) - np.array([[4], [0]]), 0)  # the first sequence has 4 tokens of padding
SCALINGS = {
    "linear": {"rope_type": "linear", "factor": 4.0},
    "dynamic": {"rope_type": "dynamic", "factor": 2.0, "original_max_position_embeddings": 64},
    "yarn": {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64},
    "yarn with all": {"rope_type": "yarn", "factor": 40.0, "original_max_position_embeddings": 128, "beta_fast": 20.0,
                      "beta_slow": 2.0, "mscale": 0.707, "mscale_all_dim": 1.0, "truncate": False},
    "yarn, factor given": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64,
                           "attention_factor": 1.25},
    "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 128},
}


def config_of(name, dim, heads=2, **other):
    """Dynamic scaling takes the length from the model's config."""
    rope = {"rope_theta": 500.0, **SCALINGS[name]}
    length = rope["original_max_position_embeddings"] if name == "dynamic" else 4096
    return LlamaConfig(hidden_size=dim * heads, num_attention_heads=heads, head_dim=dim, rope_parameters=rope,
                       max_position_embeddings=length, **other)


def turns(scaling, dim, ids):
    """The cosines and sines of a run: queries of (1, 0) come out as these."""
    tokens, error = len(ids), ffi.new("clattn_error *")
    problem, inputs = _problem.new_problem(), _problem.new_sized("clattn_inputs")
    problem.source, problem.query_len, problem.key_len = lib.CLATTN_SOURCE_QKV, tokens, tokens
    problem.head_dim = problem.value_dim = dim
    kept = _rotary.set_rotary(problem, inputs, "halves", None, 10000.0, {"rope_theta": 500.0, **scaling}, (None, None))
    kept.update(_rotary.set_position_ids(problem, inputs, ids, ids))
    q = np.repeat(np.float32([1, 0]), dim // 2)[None].repeat(tokens, axis=0)
    turned, outputs = np.empty_like(q), _problem.new_sized("clattn_outputs")
    inputs.q = inputs.k = inputs.v = ffi.cast("void *", q.ctypes.data)
    outputs.q = ffi.cast("float *", turned.ctypes.data)
    with clattn.devices()[0] as handle:
        assert lib.clattn_attend(handle, problem, inputs, outputs, error) == lib.CLATTN_OK, ffi.string(error.message)
    return turned[:, :dim // 2], turned[:, dim // 2:]


@pytest.mark.parametrize("name", SCALINGS)
def test_frequencies_of_transformers(name, monkeypatch):
    """Its functions in float64, but for YaRN's ramp, which is float32 in any case."""
    monkeypatch.setattr(torch, "float", torch.float64)
    dim, ids = 32, np.array([0, 1, 2, 63, 64, 900, 2500])
    scaled, amplitude = ROPE_INIT_FUNCTIONS[SCALINGS[name]["rope_type"]](config_of(name, dim), seq_len=2501)
    angles = ids[:, None] * scaled.double().numpy()
    for got, expected in zip(turns(SCALINGS[name], dim, ids), (np.cos(angles), np.sin(angles))):
        error = abs(got - amplitude * expected)
        assert (error <= 2.0**-23 * amplitude * (1 + (4 * angles if "yarn" in name else 0))).all(), error.max()


@pytest.mark.parametrize("name", SCALINGS)
def test_as_transformers_attention(name):
    """A batch padded on the left, whose ids go past the original length."""
    torch.manual_seed(1)
    config = config_of(name, 16, num_key_value_heads=1, attn_implementation="eager")
    module, ids = LlamaAttention(config, 0).double(), torch.from_numpy(PADDED * 30)
    x = torch.from_numpy(X[..., :MODEL_DIM]).double() @ torch.randn(MODEL_DIM, 32).double()
    seen = torch.tril(torch.ones(11, 11, dtype=torch.bool)) & torch.tensor([[i >= 4 for i in range(11)],
                                                                            [True] * 11])[:, None, None]
    seen[0, :, :4] = True  # rows of padding would see nothing
    with torch.no_grad():
        turned = LlamaRotaryEmbedding(config)(x, ids)
        bias = torch.zeros(seen.shape, dtype=torch.float64).masked_fill(~seen, -torch.inf)
        expected = module(x, tuple(t.double() for t in turned), bias)[0]
        layer = clattn.Attention(*(m.weight.float() for m in (module.q_proj, module.k_proj, module.v_proj,
                                                              module.o_proj)),
                                 heads=2, kv_heads=1, layout="xwt", rotary="halves",
                                 rotary_scaling={**config.rope_parameters, **SCALINGS[name]})
        got = layer(x.float(), mask=seen, position_ids=ids.numpy())
    # transformers has angles in float32, which are up to 300 here
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=0, atol=3e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("ids", [PADDED, PADDED[0], torch.from_numpy(PADDED[:1])])
def test_position_ids(ids):
    w = matrices()
    got = make(rotary="halves", is_causal=True)(X, position_ids=ids)
    for b, own in enumerate(np.broadcast_to(np.asarray(ids), PADDED.shape)):
        assert_layer(got[b:b + 1], X[b:b + 1], w, rotary="halves", causal=True, ids=own)


def test_position_ids_of_keys_and_with_a_cache():
    w, xkv, key_ids = matrices(), random(6, 2, 5, MODEL_DIM), np.array([7, 0, 3, 3, 1], np.int32)
    assert_layer(make(rotary="halves")(X, xkv, position_ids=PADDED[0], key_position_ids=key_ids), X, w, xkv=xkv,
                 rotary="halves", ids=PADDED[0], key_ids=key_ids)
    layer, cache = make(rotary="halves", is_causal=True), clattn.KVCache(2, KV_HEADS, DIM, VALUE_DIM, 16)
    parts = [layer(X[:, a:b], cache=cache, position_ids=PADDED[0, a:b]) for a, b in ((0, 6), (6, 7), (7, 11))]
    assert_layer(np.concatenate(parts, axis=1), X, w, causal=True, rotary="halves", ids=PADDED[0])


def test_cosines_and_sines():
    """Those of another base and every second position."""
    angles = np.arange(0, 24, 2)[:, None] * 500.0 ** (-np.arange(DIM // 2) * 2.0 / DIM)
    got = make(rotary="interleaved", rotary_cos=np.cos(angles), rotary_sin=np.sin(angles))(X)
    assert_layer(got, X, matrices(), rotary="interleaved", base=500.0, ids=np.arange(11) * 2)


def scaled(**scaling):
    return lambda: make(rotary="halves", rotary_scaling=scaling)


TABLE = np.zeros((20, DIM // 2), np.float32)
REFUSED = {
    "ids' shape": (lambda: make(rotary="halves")(X, position_ids=PADDED.T), r"position_ids has the shape \(11, 2\) "),
    "ids of floats": (lambda: make(rotary="halves")(X, position_ids=PADDED * 1.0), "position_ids has the type float64"),
    "ids below 0": (lambda: make(rotary="halves")(X, position_ids=PADDED - 1), r"position_ids\[0\] is -1 .allowed: 0"),
    "ids without use": (lambda: make()(X, position_ids=PADDED), "position_ids is 1, but has an effect only where"),
    "keys' ids": (lambda: make(rotary="halves")(X, position_ids=PADDED, key_position_ids=PADDED), "without xkv"),
    "only keys' ids": (lambda: make(rotary="halves")(X, X, key_position_ids=PADDED), "without position_ids"),
    "no keys' ids": (lambda: make(rotary="halves")(X, X, position_ids=PADDED), "key_position_ids is None .allowed"),
    "only cosines": (lambda: make(rotary="halves", rotary_cos=TABLE), "only rotary_cos is given"),
    "cosines' shape": (lambda: make(rotary="halves", rotary_cos=TABLE, rotary_sin=TABLE[:, 1:]),
                       r"rotary_sin has the shape \(20, 3\) \(allowed: \(positions, 4\)"),
    "ids past the cosines": (lambda: make(rotary="halves", rotary_cos=TABLE, rotary_sin=TABLE)(
        X, position_ids=PADDED * 2), r"position_ids\[21\] is 20 \(allowed: 0 to 19"),
    "places past the cosines": (lambda: make(rotary="halves", rotary_cos=TABLE[:10], rotary_sin=TABLE[:10])(X),
                                "rotary_rows is 10, but the last token of sequence 0 stands at position 10"),
    "scaling of cosines": (lambda: make(rotary="halves", rotary_cos=TABLE, rotary_sin=TABLE, rotary_scaling=SCALINGS[
        "linear"]), "rotary_scaling.kind is 1, but has an effect only where"),
    "scaling's kind": (scaled(rope_type="longrope"), "rope_type 'longrope' .allowed: .*give rotary_cos and rotary_sin"),
    "scaling's key": (scaled(rope_type="linear", factor=2.0, alpha=1), "the key 'alpha' .allowed: rope_type,"),
    "scaling's value": (scaled(rope_type="linear", factor="2"), r"rotary_scaling\['factor'\] is a str"),
    "scaling without a factor": (scaled(rope_type="linear"), "rotary_scaling.factor is 0 .allowed with"),
    "truncate": (scaled(rope_type="yarn", truncate=1), r"rotary_scaling\['truncate'\] is a int .allowed: True, False"),
    "two bases": (lambda: make(rotary="halves", rotary_base=500.0, rotary_scaling={"rope_type": "default",
                                                                                   "rope_theta": 600.0}),
                  "is 600.0, and rotary_base 500.0"),
    "no dict": (lambda: make(rotary="halves", rotary_scaling=8.0), "rotary_scaling is a float .allowed: None, or"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    call, message = REFUSED[name]
    with pytest.raises((ValueError, TypeError), match=message) as raised:
        call()
    assert isinstance(raised.value, clattn.Error)
