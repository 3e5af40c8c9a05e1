"""Every file that `clattn run --save` writes, in float64: from the inputs to the output.

A run is judged link by link. q, k and v follow from the inputs; what the cache holds from its past and from k and v;
scores, weights and context (formula.py) from q and from the keys and values that they read; the output from context. A
link's inputs are the program's own saved files, which were judged as results of the link before: an error shows where
it arises, and its bound has no errors of other links in it.

Like formula.py this knows nothing of the program's code. Bounds are for float32 arithmetic: U times what rounding acts
on, with the factors of docs/correctness.md and the longest chain of additions that there can be, all terms. Angles are
computed in long double here and may be off by 2^-51 of themselves there, where they are double.
"""
import dataclasses
import math

import numpy as np

import formula
from formula import TINY, U

EXACT = 2 * TINY  # of what is only handed on; devices may flush what is smaller than TINY
ANGLE = 2.0**-51  # relative error of an angle in double: a power, a product or quotient


@dataclasses.dataclass
class Sequence:
    """One of the batch. Queries and new keys count from its first."""

    queries: int
    new_keys: int
    past: int  # keys in the cache before the run
    offset: int  # the first query's position among the keys
    first_query: int = 0  # where packed sequences begin
    first_key: int = 0

    @property
    def keys(self):
        return self.past + self.new_keys


@dataclasses.dataclass
class Numbers:
    """What a file must hold: numbers and their bounds; where `judged` is false, anything."""

    value: np.ndarray
    bound: np.ndarray
    judged: np.ndarray | None = None
    storage: str = "f32"


def float64(array):
    return np.asarray(array, dtype=np.float64)


# ---- q, k and v


def project(x, x_error, w, bias, layout):
    """x (tokens, terms), and how far off it is already; w as it is stored."""
    w = float64(w).T if layout == "xwt" else float64(w)
    bias = np.zeros(w.shape[1]) if bias is None else float64(bias)
    size = abs(x) @ abs(w) + abs(bias)
    return x @ w + bias, formula.sum_bound(w.shape[0] + 1, size) + x_error @ abs(w)


def angles(positions, step):
    """(positions, steps), rounded only here: what double can be off by is in the second."""
    exact = positions.astype(np.longdouble)[:, None] * step
    return exact, float64(abs(exact)) * ANGLE


def sinusoids(positions, model_dim):
    """What is added to x (tokens, model_dim), and how far off it may be."""
    column = np.arange(model_dim)
    step = np.longdouble(10000) ** (-(column - column % 2).astype(np.longdouble) / model_dim)
    angle, error = angles(positions, step)
    added = float64(np.where(column % 2 == 0, np.sin(angle), np.cos(angle)))
    return added, error + U * abs(added)


def yarn_steps(step, dim, base, scaling):
    """Between the pairs of so many turns within the original length, a ramp from `step` to a part of it. And what
    cosines and sines are multiplied by."""
    def pair_of(turns):
        return dim * math.log(scaling["original_max_position_embeddings"] / (turns * 2 * math.pi)) / (2 * math.log(base))

    def grown(by):
        return 1 + 0.1 * by * math.log(scaling["factor"]) if scaling["factor"] > 1 else 1

    low, high = pair_of(scaling.get("beta_fast", 32)), pair_of(scaling.get("beta_slow", 1))
    if scaling.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    high += 0.001 if low == high else 0
    ramp = np.clip((np.arange(dim // 2).astype(np.longdouble) - low) / (high - low), 0, 1)
    size = grown(scaling.get("mscale", 1)) / (grown(scaling["mscale_all_dim"]) if "mscale" in scaling else 1)
    return step * (1 - ramp) + step / scaling["factor"] * ramp, scaling.get("attention_factor", size)


def steps(dim, base, scaling, length):
    """The angle of each pair from one position to the next, and what cosines and sines are multiplied by. The formulas
    are those of transformers' ROPE_INIT_FUNCTIONS; length: the largest position + 1."""
    pair, kind = np.arange(dim // 2).astype(np.longdouble), scaling and scaling["rope_type"]
    if kind == "dynamic":
        over = max(length / scaling["original_max_position_embeddings"], 1)
        base = np.longdouble(base) * np.longdouble(1 + scaling["factor"] * (over - 1)) ** np.longdouble(dim / (dim - 2))
    step = np.longdouble(base) ** (-2 * pair / dim)
    if kind == "yarn":
        return yarn_steps(step, dim, base, scaling)
    if kind == "linear":
        step = step / scaling["factor"]
    if kind == "llama3":
        turns = scaling["original_max_position_embeddings"] * step / (2 * np.longdouble(np.pi))
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        kept = np.clip((turns - low) / (high - low), 0, 1)
        step = kept * step + (1 - kept) * step / scaling["factor"]
    return step, 1


def cosines_and_sines(case, positions):
    """(positions, pairs) each, and how far off the double ones of the program may be."""
    if case.turns is not None:
        return (*(float64(table[positions]) for table in case.turns), np.zeros((len(positions), case.rotary[1] // 2)))
    length = max(case.query_positions().max(), case.key_positions().max()) + 1
    step, size = steps(case.rotary[1], case.rotary[2], case.scaling, length)
    angle, off = angles(positions, step)
    more = 4 if case.scaling else 1  # products, quotients and a power more than in the plain formula
    return (*(size * float64(f(angle)) for f in (np.cos, np.sin)), size * more * off)


def turn(vectors, error, positions, case):
    """Rotary embedding of (tokens, heads, dim), errors carried along."""
    kind, dim, _ = case.rotary
    first = np.arange(dim // 2) if kind == "halves" else 2 * np.arange(dim // 2)
    second = first + (dim // 2 if kind == "halves" else 1)
    c, s, off = (t[:, None] for t in cosines_and_sines(case, positions))
    vectors, error = vectors.copy(), error.copy()
    a, b, a_error, b_error = vectors[..., first], vectors[..., second], error[..., first], error[..., second]
    both = (abs(a) + abs(b)) * off
    vectors[..., first], vectors[..., second] = a * c - b * s, b * c + a * s
    error[..., first] = abs(c) * a_error + abs(s) * b_error + 4 * U * (abs(a * c) + abs(b * s)) + both + EXACT
    error[..., second] = abs(c) * b_error + abs(s) * a_error + 4 * U * (abs(b * c) + abs(a * s)) + both + EXACT
    return vectors, error


# ---- the cache


def stored_in_groups(values):
    """The same for q4: of each 32 elements the first one of the largest magnitude becomes -8, the others -8 to 7. Where
    a float decides between two steps, the bound allows both."""
    groups = values.reshape(*values.shape[:2], values.shape[2] // 32, 32)
    first = np.argmax(abs(groups), axis=3, keepdims=True)
    scale = np.take_along_axis(groups, first, axis=3) / -8
    place = np.divide(groups, scale, out=np.zeros(groups.shape), where=scale != 0) + 8.5
    kept = (np.minimum(np.floor(place), 15) - 8) * scale
    tied = (abs(place - np.rint(place)) < 1e-5) & (np.rint(place) < 16)
    bound = 8 * (1.01 * formula.TYPE_ROUNDING["f16"] * abs(scale) + 2.0**-25) + 12 * U * abs(kept) + EXACT
    bound = bound + np.where(tied, abs(scale), 0)
    return kept.reshape(values.shape), bound.reshape(values.shape)


def stored_in_cache(values, cache_type, scales):
    """(tokens, heads, dim) as the cache gives them back, and the bounds."""
    size = abs(values)
    if cache_type == "f32":
        return values, np.full(values.shape, EXACT)
    if cache_type in ("f16", "bf16"):
        return values, 1.01 * formula.TYPE_ROUNDING[cache_type] * size + (2.0**-25 if cache_type == "f16" else EXACT)
    if cache_type == "q4":
        return stored_in_groups(values)
    step = scales.reshape(1, -1, 1) if cache_type == "i8-head" else size.max(axis=2, keepdims=True) / 127
    kept = np.clip(values, -127 * step, 127 * step)
    return kept, 0.5001 * step + 12 * U * abs(kept) + EXACT


# ---- scores to context


def bias_of(case, number, sequence):
    """All that is added to the scores of a sequence, (heads, queries, keys), -inf for what is hidden; and the absolute
    values that it is added up from."""
    seen = formula.visible(1, sequence.queries, sequence.keys, offset=sequence.offset, causal=case.causal,
                           left=case.left, right=case.right)[0]
    bias = np.where(np.broadcast_to(seen, (case.heads, sequence.queries, sequence.keys)), 0.0, -np.inf)
    size = np.zeros(bias.shape)
    if case.mask is not None:
        mask = case.mask.reshape((1,) * (4 - case.mask.ndim) + case.mask.shape)
        mask = mask[number if mask.shape[0] > 1 else 0]
        mask = mask[:, :sequence.queries] if mask.shape[1] > 1 else mask
        mask = mask[..., :sequence.keys] if mask.shape[2] > 1 else mask
        mask = formula.additive(mask, bias.shape)
        bias, size = bias + mask, size + np.where(np.isneginf(mask), 0, abs(mask))
    if case.slopes is not None:
        position = sequence.offset + np.arange(sequence.queries)
        distance = abs(position[:, None] - np.arange(sequence.keys)).astype(np.float64)
        lean = case.slopes.reshape(-1, 1, 1) * distance
        bias, size = bias - lean, size + abs(lean)
    return bias, size


def attend(case, number, sequence, q, k, v):
    """formula.Truth of one sequence; q (queries, heads, dim), k and v (keys, kv_heads, dim)."""
    bias, size = bias_of(case, number, sequence)
    q, k, v = (t.swapaxes(0, 1)[None] for t in (q, k, v))
    return formula.attention(q, k, v, scale=case.scale, softcap=case.softcap, bias=bias[None], bias_size=size[None],
                             sinks=case.sinks, rounded=case.storage if case.unit is not None else None)


ROW_FILES = ("scaled", "softcapped", "scores", "weights")


def empty_rows(case, name, keys):
    """What the rows and keys that a sequence does not have hold."""
    shape = (len(case.sequences), case.heads, case.longest_query, keys)
    fill = 0.0 if name == "weights" else -np.inf
    return Numbers(np.full(shape, fill), np.zeros(shape))


def attention_files(case, q, keys, values):
    """{name: Numbers} of scores and their like, log-sum-exps and context. q (tokens, heads, dim); of each sequence keys
    and values (keys, kv_heads, dim)."""
    files = {name: empty_rows(case, name, case.score_keys) for name in ROW_FILES}
    lse = empty_rows(case, "lse", 1)
    lse = Numbers(lse.value[..., 0], lse.bound[..., 0], np.zeros(lse.value.shape[:3], dtype=bool))
    context = Numbers(np.zeros((case.query_tokens, case.heads, case.value_dim)),
                      np.full((case.query_tokens, case.heads, case.value_dim), EXACT),
                      np.zeros((case.query_tokens, case.heads, case.value_dim), dtype=bool))
    files.update(lse=lse, context=context)
    for number, s in enumerate(case.sequences):
        tokens = case.query_range(number)
        lse.judged[number, :, :s.queries] = context.judged[tokens] = True
        if s.keys == 0 and case.sinks is not None:
            lse.value[number, :, :s.queries] = case.sinks.reshape(-1, 1)
            lse.bound[number, :, :s.queries] = 4 * U * abs(case.sinks.reshape(-1, 1)) + EXACT
        if s.keys == 0 or s.queries == 0:
            continue
        truth = attend(case, number, s, q[tokens], keys[number], values[number])
        for name in ROW_FILES:
            files[name].value[number, :, :s.queries, :s.keys] = truth.tensors[name][0]
            files[name].bound[number, :, :s.queries, :s.keys] = truth.bounds[name][0]
        lse.value[number, :, :s.queries] = truth.tensors["lse"][0]
        lse.bound[number, :, :s.queries] = truth.bounds["lse"][0]
        context.value[tokens] = truth.tensors["context"][0].swapaxes(0, 1)
        context.bound[tokens] = truth.bounds["context"][0].swapaxes(0, 1)
    return files


# ---- all of it


def q_k_v(case):
    """{name: Numbers (tokens, heads, dim)}: as attention reads them."""
    files = {}
    for name, heads, dim in [("q", case.heads, case.head_dim), ("k", case.kv_heads, case.head_dim),
                             ("v", case.kv_heads, case.value_dim)]:
        if case.source == "qkv":
            value = float64(case.arrays[name])
            error = np.full(value.shape, EXACT)
        else:
            x, x_error = case_x(case, name)
            value, error = project(x, x_error, case.arrays["w" + name], case.arrays.get("b" + name), case.layout)
            value, error = (t.reshape(-1, heads, dim) for t in (value, error))
        if case.rotary is not None and name != "v":
            positions = case.query_positions() if name == "q" else case.key_positions()
            value, error = turn(value, error, positions, case)
        if case.stores_projections:
            error = formula.stored_bound(error, value, case.storage)
        files[name] = Numbers(value, error)
    return files


def case_x(case, name):
    """What q, k or v is projected from, (tokens, columns), and how far off it is."""
    x = float64(case.arrays["xkv" if case.source == "xkv" and name != "q" else "x"])
    error = np.zeros(x.shape)
    if case.positions and not (case.source == "xkv" and name != "q"):
        added, error = sinusoids(case.x_positions(), x.shape[1])
        error = error + U * (abs(x) + abs(added))
        x = x + added
    return x, error


def cached_files(case, k, v):
    """{name: Numbers (batch, keys, kv_heads, dim)}"""
    files = {}
    for name, fresh in [("k", k), ("v", v)]:
        shape = (len(case.sequences), case.score_keys, *fresh.shape[1:])
        held = Numbers(np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=bool))
        for number, s in enumerate(case.sequences):
            rows = fresh[case.key_range(number)]
            if s.past:
                rows = np.concatenate([float64(case.arrays["past-" + name][number]).swapaxes(0, 1)[:s.past], rows])
            value, bound = stored_in_cache(rows, case.cache["type"], case.arrays.get(f"cache-{name}-scale"))
            held.value[number, :s.keys], held.bound[number, :s.keys] = value, bound
            held.judged[number, :s.keys] = True
        files["cached_" + name] = held
    return files


def output_file(case, context):
    """The output, (tokens, columns), from the context (tokens, columns)."""
    value, bound = context, np.full(context.shape, EXACT)
    if case.output_dim:
        value, bound = project(context, np.zeros(context.shape), case.arrays["wo"], case.arrays.get("bo"), case.layout)
    return Numbers(value, formula.stored_bound(bound, value, case.storage), storage=case.storage)
