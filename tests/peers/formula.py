"""Attention in float64, straight from the formula, and how far a result of float arithmetic may be from it.

    scores  = softcap(scale * Q.K^T) + bias      -inf where a key is hidden
    weights = softmax(scores)                    all 0 in a row that sees no key; a sink is one more score in its sum
    context = weights.V                          a hidden key's value is left out, not multiplied by 0

It knows nothing of the program: no options, no files. Shapes are (batch, heads, length, dim) throughout; keys and
values may have fewer heads, of which each then serves a group of neighbours among the query heads. The bounds are for
float32 arithmetic and results rounded once to their type; lower precision in between breaks them. They estimate what
rounding collects and are no worst case: on 1200 cases of torch_grid.py NumPy and torch in float32, and sums taken
term by term, reach 67 % of them.
"""
import dataclasses

import numpy as np

U = 2.0**-24  # rounding of float32
TINY = 2.0**-126  # what a device may flush to zero
SMALL = 0.05  # an error of a score that a weight follows in proportion
TYPE_ROUNDING = {"f32": 0.0, "f16": 2.0**-11, "bf16": 2.0**-8}  # of results, beyond float32's


def visible(batch, query_len, key_len, *, offset=0, causal=False, left=-1, right=-1, lengths=None):
    """Which key each query sees, (batch, 1, query_len, key_len). Query i stands at key position offset + i; the offset
    is one number or one a batch. -1 is a window without an end."""
    offset = np.broadcast_to(offset, (batch,)).reshape(batch, 1, 1, 1)
    position = offset + np.arange(query_len).reshape(query_len, 1)
    key = np.arange(key_len)
    seen = np.ones((batch, 1, query_len, key_len), dtype=bool)
    if causal:
        seen &= key <= position
    if left >= 0:
        seen &= key >= position - left
    if right >= 0:
        seen &= key <= position + right
    if lengths is not None:
        seen &= key < np.reshape(lengths, (batch, 1, 1, 1))
    return seen


def additive(mask, shape):
    """A mask, bool (true: may see) or float (added), as float64 of the full shape. A dimension of 1 is repeated; keys
    behind a short last one are hidden."""
    if mask.dtype == bool:
        mask = np.where(mask, 0.0, -np.inf)
    mask = mask.astype(np.float64)
    short = shape[-1] - mask.shape[-1]
    if short > 0 and mask.shape[-1] != 1:
        mask = np.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, short)], constant_values=-np.inf)
    return np.broadcast_to(mask, shape)


@dataclasses.dataclass
class Truth:
    """Each tensor by the program's name of it, and the bound of |got - tensor|, element by element."""

    tensors: dict
    bounds: dict


def attention(q, k, v, *, scale=None, softcap=0.0, bias=0.0, bias_size=None, sinks=None, rounded=None):
    """The formula above; the bias is broadcast, with -inf for what is hidden. bias_size: what the bias was added up
    from, in absolute values, where that is not its own. sinks: (heads). rounded: the type that the result's weights were
    rounded to before they were multiplied. There must be a key."""
    group = q.shape[1] // k.shape[1]
    q, k, v = (np.asarray(t, dtype=np.float64) for t in (q, k, v))
    k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
    scale = 1 / np.sqrt(q.shape[3]) if scale is None else scale
    with np.errstate(invalid="ignore"):
        scaled = scale * (q @ k.swapaxes(2, 3))
    capped = softcap * np.tanh(scaled / softcap) if softcap > 0 else scaled
    bias = np.broadcast_to(bias, scaled.shape)
    live = ~np.isneginf(bias)
    scores = np.where(live, capped + np.where(live, bias, 0), -np.inf)
    sinks = np.full(q.shape[1], -np.inf) if sinks is None else np.asarray(sinks, dtype=np.float64)
    weights, lse = weights_and_lse(scores, sinks)
    v = np.where(live.any(axis=2)[..., None], v, 0)
    tensors = {"scaled": scaled, "softcapped": capped, "scores": scores, "weights": weights, "lse": lse,
               "context": weights @ v}
    size = abs(scale) * (abs(q) @ abs(k).swapaxes(2, 3))
    bias_size = abs(np.where(live, bias, 0)) if bias_size is None else np.where(live, bias_size, 0)
    truth = Truth(tensors, bounds(tensors, size, bias_size, live, v, q.shape[3], softcap, sinks))
    if rounded is not None:
        truth.bounds["context"] = truth.bounds["context"] + weight_rounding(truth, sinks, rounded) @ abs(v)
    return truth


def softmax(scores):
    return weights_and_lse(scores, np.full(scores.shape[-3], -np.inf))[0]


def weights_and_lse(scores, sinks):
    """The weights, and the log of the sum of all exps, (batch, heads, query_len)."""
    sink = sinks.reshape(-1, 1, 1)
    top = np.maximum(scores.max(axis=-1, keepdims=True), sink)
    top = np.where(np.isneginf(top), 0, top)
    power = np.exp(scores - top)
    total = power.sum(axis=-1, keepdims=True) + np.exp(sink - top)
    with np.errstate(divide="ignore"):
        lse = (top + np.log(total))[..., 0]
    return power / np.where(total == 0, 1, total), lse


def sum_bound(terms, magnitude):
    """Of a sum of products in float32, `magnitude` being the sum of their absolute values."""
    return U * (8 + 2 * np.sqrt(terms) + terms / 3) * magnitude + terms * TINY


def underflow(weights, smallest):
    """How much of weights can be lost where the device may make 0 of what is below `smallest`: docs/correctness.md."""
    return np.minimum(4 * weights, smallest)


def bounds(tensors, size, bias_size, live, v, head_dim, softcap, sinks):
    """size: |scale| * sum |q.k|. The factors of docs/correctness.md, with chain = terms; the scores' own rounding is
    carried into weights and context. tanh and the division before it may be off by 5 and 2.5 units in the last place in
    OpenCL."""
    keys = live.shape[3]
    cap = 16 * U * abs(tensors["softcapped"]) if softcap > 0 else np.zeros_like(size)
    scaled = sum_bound(head_dim, size)
    scores = scaled + cap + 2 * U * (size + bias_size)
    # A score that is off by e changes a weight by a factor of exp(e), and by as much again through the row's sum; no
    # weight exceeds 1. In context the errors of a row's scores cancel in part: there small ones count with less.
    softmax_row = 16 + 2 * np.sqrt(keys) + keys / 3
    sink_size = np.where(np.isneginf(sinks), 0, abs(sinks)).reshape(-1, 1, 1)
    largest = np.maximum(largest_of(size + bias_size, live), sink_size)
    context_row = softmax_row + 2 * largest * (1 + np.sqrt(head_dim) / 8) + 2 * largest_of(cap, live) / U
    weights, error = tensors["weights"], largest_of(scores, live)
    rounding = weights * U * (softmax_row + 4 * sink_size)
    moved = np.minimum(1.0, weights * np.expm1(np.minimum(2 * error, 700.0)))
    moved = np.where(live, np.where(error > 80.0, 1.0, moved), 0.0)  # where the weight itself was too small for double
    grown = weights + rounding + moved
    smallest = TINY * 2.0 ** (np.ceil(np.log2(keys)) + 1)  # of a fused kernel, whose weights are smaller by a headroom
    return {
        "scaled": scaled,
        "softcapped": scaled + cap,
        "scores": scores,
        "weights": rounding + moved + underflow(grown, TINY),
        "lse": lse_bound(tensors["lse"], softmax_row, error + 4 * U * sink_size),
        "context": U * (weights @ abs(v)) * context_row + np.where(error > SMALL, moved @ abs(v), 0.0)
        + underflow(grown, smallest) @ abs(v) + (2 * keys + 2) * smallest,
    }


def weight_rounding(truth, sinks, storage):
    """What rounding to a type changes in each weight. It is done while the row's largest weight, or its sink, is 1."""
    weights, lse = truth.tensors["weights"], truth.tensors["lse"][..., None]
    with np.errstate(invalid="ignore"):
        one = np.maximum(weights.max(axis=3, keepdims=True), np.exp(sinks.reshape(-1, 1, 1) - lse))
    one = np.where(np.isneginf(lse), 1.0, one)
    grown = weights + truth.bounds["weights"]
    return 1.01 * TYPE_ROUNDING[storage] * grown + one * (2.0**-25 if storage == "f16" else TINY)


def lse_bound(lse, softmax_row, score_error):
    """The sum's relative error is the logarithm's absolute one; then the logarithm and the addition round."""
    return U * softmax_row + score_error[..., 0] + 4 * U * np.where(np.isneginf(lse), 0, abs(lse))


def largest_of(values, live):
    """Of each row, among the keys that it sees."""
    return np.where(live, values, 0).max(axis=3, keepdims=True)


def softmax_bound(weights, scores):
    """Of weights that were computed in float32 from just these scores."""
    keys = scores.shape[3]
    largest = largest_of(abs(scores), ~np.isneginf(scores))
    rounding = U * weights * (16 + 2 * np.sqrt(keys) + keys / 3 + 4 * largest)
    return rounding + underflow(weights + rounding, TINY)


def stored_bound(bound, truth, storage):
    """The bound of a result that was rounded once more, to its type. 2^-25: half of float16's smallest number."""
    return bound if storage == "f32" else bound + 1.01 * TYPE_ROUNDING[storage] * abs(truth) + 2.0**-25


def worst(got, expected, bound):
    """Largest |got - expected| / bound and where it is; infinite where only one of them is -inf or got is NaN."""
    same = got == expected  # infinities, too
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(same, 0.0, abs(got - expected) / bound)
    share = np.where(np.isnan(share), np.inf, share)
    where = np.unravel_index(np.argmax(share), share.shape)
    return float(share[where]), tuple(int(i) for i in where)
