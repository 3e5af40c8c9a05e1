"""Inputs and expected results: some rows of the result, computed in float64 with the plain formula."""
import numpy as np

TYPES = {"f32": np.float32, "f16": np.float16}
# Relative to the largest element of a row. Float arithmetic reached 7e-6 at most; results stored as
# f16 reached 5e-4, which is that type's rounding; bfloat16 arithmetic reached 7e-3.
TOLERANCE = {"f32": 5e-5, "f16": 2e-3}


def write_inputs(case, folder, random):
    """Normally distributed numbers; matrices are scaled so that projections are about as large as their inputs."""
    inputs = {}
    for name, shape in case.inputs().items():
        scale = shape[0] ** -0.5 if name.startswith("w") else 1.0
        inputs[name] = (scale * random.standard_normal(shape, np.float32)).astype(TYPES[case.type])
        inputs[name].tofile(folder / (name + ".bin"))
    return inputs


def some(count, most, random):
    """The first, the last, and some in between."""
    return sorted({0, count - 1, *random.integers(0, count, most).tolist()})


def head_of(case, inputs, batch, head):
    """Query, keys and values of one head, (tokens, dim) each, in float64."""
    kv_head = head // (case.heads // case.kv_heads)
    if case.source == "qkv":
        parts = inputs["q"][batch, :, head], inputs["k"][batch, :, kv_head], inputs["v"][batch, :, kv_head]
        return [part.astype(np.float64) for part in parts]
    columns = slice(head * case.head_dim, (head + 1) * case.head_dim)
    x = inputs["x"][batch].astype(np.float64)
    return [x @ inputs[w][:, columns].astype(np.float64) for w in ("wq", "wk", "wv")]


def context_rows(case, inputs, batch, head, queries):
    """Query -> the row of this head's context."""
    q, k, v = head_of(case, inputs, batch, head)
    for query in queries:
        seen = query + 1 if case.causal else case.key_len
        scores = k[:seen] @ q[query] / np.sqrt(case.head_dim)
        weights = np.exp(scores - scores.max())
        yield query, weights @ v[:seen] / weights.sum()


def attention_rows(case, inputs, random):
    """(batch, query, head) -> the context's row."""
    for batch in some(case.batch, 1, random):
        for head in some(case.heads, 1, random):
            for query, row in context_rows(case, inputs, batch, head, some(case.query_len, 6, random)):
                yield (batch, query, head), row


def module_rows(case, inputs, random):
    """(batch, query) -> the output's row: the context of all heads times Wo."""
    wo = inputs["wo"].astype(np.float64)
    for batch in some(case.batch, 1, random):
        queries = some(case.query_len, 3, random)
        heads = [dict(context_rows(case, inputs, batch, head, queries)) for head in range(case.heads)]
        for query in queries:
            yield (batch, query), np.concatenate([head[query] for head in heads]) @ wo


def product_rows(case, inputs, random):
    for row in some(case.rows, 6, random):
        for i, w in enumerate(("wq", "wk", "wv")):
            yield (i, row), inputs["x"][row].astype(np.float64) @ inputs[w].astype(np.float64)


def rows(case, inputs, random):
    of = product_rows if case.rows else module_rows if case.source == "x" else attention_rows
    return dict(of(case, inputs, random))


def fault(case, expected, path):
    """What is wrong with the result in this file, or None."""
    shape = ((3, case.rows, case.columns) if case.rows
             else (case.batch, case.query_len, case.output_dim) if case.source == "x"
             else (case.batch, case.query_len, case.heads, case.head_dim))
    got = np.fromfile(path, TYPES[case.type])
    if got.size != np.prod(shape):
        return f"{got.size} elements instead of {np.prod(shape)}"
    got = got.reshape(shape)
    for place, row in expected.items():
        error = np.abs(got[place].astype(np.float64) - row).max() / np.abs(row).max()
        if not error <= TOLERANCE[case.type]:
            return f"row {place} is off by {error:.1e} of its largest element (allowed: {TOLERANCE[case.type]:.0e})"
    return None
