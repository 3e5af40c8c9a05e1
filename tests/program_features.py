"""Input files for every option of 'clattn run', and the expected results, in plain Python."""
import itertools
import json
import math
import os
import random
import struct
import zipfile

import program_tool
from program_tool import compare, load, product, store

HEADS, KV_HEADS, HEAD_DIM, VALUE_DIM = 4, 2, 4, 2
TOKENS, KEYS, BATCH, MODEL_DIM, KV_MODEL_DIM, OUTPUT_DIM, PAST = 5, 7, 2, 6, 3, 3, 3

SHAPES = {"x": (TOKENS, MODEL_DIM), "xkv": (KEYS, KV_MODEL_DIM), "wq": (MODEL_DIM, HEADS * HEAD_DIM),
          "wk": (MODEL_DIM, KV_HEADS * HEAD_DIM), "wv": (MODEL_DIM, KV_HEADS * VALUE_DIM),
          "wide-wv": (MODEL_DIM, KV_HEADS * HEAD_DIM), "cross-wk": (KV_MODEL_DIM, KV_HEADS * HEAD_DIM),
          "cross-wv": (KV_MODEL_DIM, KV_HEADS * VALUE_DIM), "bq": (HEADS * HEAD_DIM,), "bk": (KV_HEADS * HEAD_DIM,),
          "bv": (KV_HEADS * VALUE_DIM,), "wide-bv": (KV_HEADS * HEAD_DIM,), "wo": (HEADS * VALUE_DIM, OUTPUT_DIM),
          "bo": (OUTPUT_DIM,), "mask": (BATCH, 1, TOKENS, KEYS), "cache-mask": (1, 8), "slopes": (HEADS,),
          "sinks": (HEADS,), "past-k": (1, KV_HEADS, PAST, HEAD_DIM), "past-v": (1, KV_HEADS, PAST, VALUE_DIM),
          "q": (BATCH, HEADS, TOKENS, HEAD_DIM), "k": (BATCH, KV_HEADS, KEYS, HEAD_DIM),
          "v": (BATCH, KV_HEADS, KEYS, VALUE_DIM), "cos": (9, HEAD_DIM // 2), "sin": (9, HEAD_DIM // 2)}
IDS, KEY_IDS = (0, 0, 1, 8, 3), (5, 0, 8, 1, 1, 7, 2)


def float_of(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def draw(name):
    generator = random.Random(name)
    return [float_of(generator.gauss(0, 1)) for _ in range(math.prod(SHAPES[name]))]


DATA = {name: draw(name) for name in SHAPES}
ALLOWED = [i % 3 != 0 and i // KEYS != 1 for i in range(TOKENS * KEYS)]  # the second query sees no keys


def beside(matrices, rows):
    """Joins matrices column-wise."""
    widths = [len(m) // rows for m in matrices]
    return [m[r * w + c] for r in range(rows) for m, w in zip(matrices, widths) for c in range(w)]


def group_of(matrix, rows, group):
    """The columns of one KV head."""
    width = len(matrix) // rows // KV_HEADS
    return [matrix[(r * KV_HEADS + group) * width + c] for r in range(rows) for c in range(width)]


def turned(name):
    rows, columns = SHAPES[name]
    return [DATA[name][r * columns + c] for c in range(columns) for r in range(rows)]


def joined(name):
    """From (batch, heads, tokens, dim) to (batch, tokens, heads.dim)."""
    b, h, n, d = SHAPES[name]
    return [DATA[name][((i * h + k) * n + j) * d + c] for i in range(b) for j in range(n) for k in range(h)
            for c in range(d)]


def store_bits(path, shape, values, descr, code):
    header = repr({"descr": descr, "fortran_order": False, "shape": tuple(shape)}).encode() + b"\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        file.write(struct.pack("<%d%s" % (len(values), code), *values))


def store_model(folder):
    """Layer 1 of a model like Llama: the matrices as nn.Linear has them, and what its configuration says of scores."""
    header, data = {}, b""
    for name, letter in (("wq", "q"), ("wk", "k"), ("wv", "v"), ("wo", "o")):
        values = turned(name)
        begin, data = len(data), data + struct.pack("<%df" % len(values), *values)
        header[f"model.layers.1.self_attn.{letter}_proj.weight"] = {
            "dtype": "F32", "shape": SHAPES[name][::-1], "data_offsets": [begin, len(data)]}
    os.mkdir(folder)
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    config = {"model_type": "mistral", "hidden_size": HEADS * HEAD_DIM, "num_hidden_layers": 2, "sliding_window": 3,
              "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "rope_theta": 500.0}
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)


def inputs(folder):
    def to(name):
        return os.path.join(folder, name + ".npy")

    for name, shape in SHAPES.items():
        store(to(name), shape, DATA[name])
    for name in ("wq", "wk", "wv", "wo"):
        store(to(name + "-t"), SHAPES[name][::-1], turned(name))
    for name in ("q", "k", "v", "past-k", "past-v"):
        b, h, n, d = SHAPES[name]
        store(to(name + "-3"), (b, n, h * d), joined(name))
        store(to(name + "-2"), (b * n, h * d), joined(name))
    fused = beside([DATA["wq"], DATA["wk"], DATA["wide-wv"]], MODEL_DIM)
    store(to("wqkv"), (MODEL_DIM, len(fused) // MODEL_DIM), fused)
    store(to("bqkv"), (len(fused) // MODEL_DIM,), DATA["bq"] + DATA["bk"] + DATA["wide-bv"])
    order = [(name, group) for group in range(KV_HEADS) for name in ("q", "k", "wide-v")]
    joint = {"q": "wq", "k": "wk", "wide-v": "wide-wv"}, {"q": "bq", "k": "bk", "wide-v": "wide-bv"}
    grouped = beside([group_of(DATA[joint[0][name]], MODEL_DIM, group) for name, group in order], MODEL_DIM)
    store(to("wqkv-groups"), (MODEL_DIM, len(grouped) // MODEL_DIM), grouped)
    biases = [number for name, group in order for number in group_of(DATA[joint[1][name]], 1, group)]
    store(to("bqkv-groups"), (len(biases),), biases)
    store_bits(to("mask-bool"), (TOKENS, KEYS), ALLOWED, "|b1", "?")
    store(to("mask-ones"), (TOKENS, KEYS), [float(allowed) for allowed in ALLOWED])
    store_bits(to("mask-words"), (TOKENS, KEYS), ALLOWED, "<u2", "H")
    with zipfile.ZipFile(os.path.join(folder, "arrays.npz"), "w") as file:
        file.write(to("v"), "v.npy")
        file.write(to("mask-bool"), "mask-bool.npy", zipfile.ZIP_DEFLATED)
    store_bits(to("x-f16"), SHAPES["x"], DATA["x"], "<f2", "e")
    store_model(os.path.join(folder, "model"))
    store(to("scales"), (KV_HEADS,), [0.05, 0.04])
    store(to("scales-zero"), (KV_HEADS,), [0.05, 0])
    for shape in ((6,), (1,), (3, 6), (9, 9), (1, 1, 9, 9), (2, 2, 2), (2, TOKENS, MODEL_DIM), (TOKENS, KEYS + 1)):
        store(to("wrong-" + "x".join(str(n) for n in shape)), shape, [1] * math.prod(shape))
    store(to("wrong-int"), (3,), [1, 2, 3], descr="<i4")
    store(to("ids"), (TOKENS,), IDS, descr="<i4")
    store_bits(to("ids-2"), (BATCH, TOKENS), IDS * BATCH, "<i8", "q")
    store(to("key-ids"), (1, KEYS), KEY_IDS, descr=">i4")
    for name, kind, shape, ids in (("ids-3", "q", (3, TOKENS), IDS * 3), ("ids-below-0", "q", (TOKENS,), (0, 1, 2, 3, -1)),
                                   ("ids-large", "q", (TOKENS,), (0, 1, 2, 3, 2 ** 31)), ("ids-9", "q", (TOKENS,), range(5, 10))):
        store_bits(to(name), shape, list(ids), "<i8", kind)
    store(to("ids-fortran"), (BATCH, TOKENS), IDS * BATCH, descr="<i4", fortran=True)
    with open(to("ids"), "rb") as file, open(to("ids-short"), "wb") as short:
        short.write(file.read()[:-1])
    with zipfile.ZipFile(os.path.join(folder, "wrong-zip.npz"), "w") as file:
        file.write(to("x"), "x.npy")
    with open(to("wrong-text"), "w", encoding="ascii") as file:
        file.write("1 2 3\n")


# ---- attention

def attention(q, k, v, **case):
    """One sequence, (tokens, heads.dim) each; returns its context."""
    heads, kv_heads = case.get("heads", HEADS), case.get("kv_heads", KV_HEADS)
    head_dim, value_dim = case.get("head_dim", HEAD_DIM), case.get("value_dim", VALUE_DIM)
    queries, keys = len(q) // (heads * head_dim), len(k) // (kv_heads * head_dim)
    live = min(keys, case.get("keys", keys))
    offset, softcap = case.get("offset", 0), case.get("softcap", 0)
    left, right = case.get("left", math.inf), 0 if case.get("causal") else case.get("right", math.inf)
    context = []
    for i, h in itertools.product(range(queries), range(heads)):
        g = h // (heads // kv_heads)
        position, scores = i + offset, {}
        for j in range(live):
            bias = case["bias"](h, i, j) if "bias" in case else 0
            if not position - left <= j <= position + right or bias == -math.inf:
                continue
            score = sum(q[(i * heads + h) * head_dim + c] * k[(j * kv_heads + g) * head_dim + c]
                        for c in range(head_dim)) * case.get("scale", 1 / math.sqrt(head_dim))
            score = softcap * math.tanh(score / softcap) if softcap else score
            scores[j] = score + bias - case["slopes"][h] * abs(position - j) if "slopes" in case else score + bias
        total = math.fsum(math.exp(s) for s in scores.values())
        total += math.exp(case["sinks"][h]) if "sinks" in case else 0
        context += [math.fsum(math.exp(s) / total * v[(j * kv_heads + g) * value_dim + c] for j, s in scores.items())
                    for c in range(value_dim)]
    return context


def given(**case):
    """The two sequences of q, k and v."""
    result = []
    for b in range(BATCH):
        q, k, v = (joined(n)[b * len(joined(n)) // BATCH:(b + 1) * len(joined(n)) // BATCH] for n in "qkv")
        mine = {name: value[b] if isinstance(value, tuple) else value for name, value in case.items()}
        result += attention(q, k, v, **mine)
    return result


def by_heads(context):
    """(batch, tokens, heads, value_dim) as (batch, heads, tokens, value_dim)."""
    return [context[((b * TOKENS + i) * HEADS + h) * VALUE_DIM + c]
            for b, h, i, c in itertools.product(range(BATCH), range(HEADS), range(TOKENS), range(VALUE_DIM))]


def project(x, w, b=None):
    """x and w are names or values."""
    inner = SHAPES[w][0]
    x = DATA[x] if isinstance(x, str) else x
    rows, columns = len(x) // inner, SHAPES[w][1]
    bias = DATA[b] if b else [0] * columns
    return [value + bias[i % columns] for i, value in enumerate(product(x, DATA[w], rows, inner, columns))]


def rotate(x, heads, pairs, dim=HEAD_DIM, base=10000.0, first=0, ids=None, factor=1.0):
    """pairs: the places of pair i. ids: of all tokens of all sequences."""
    result = list(x)
    for n, h, i in itertools.product(range(len(x) // (heads * HEAD_DIM)), range(heads), range(dim // 2)):
        angle = (ids[n % len(ids)] if ids else n + first) * base ** (-2 * i / dim) / factor
        a, b = ((n * heads + h) * HEAD_DIM + place for place in pairs(i, dim))
        result[a] = x[a] * math.cos(angle) - x[b] * math.sin(angle)
        result[b] = x[a] * math.sin(angle) + x[b] * math.cos(angle)
    return result


def turn_by_tables(x, heads):
    """Pairs of halves, with the cosines and sines of IDS."""
    result, half = list(x), HEAD_DIM // 2
    for n, h, i in itertools.product(range(len(x) // (heads * HEAD_DIM)), range(heads), range(half)):
        cos, sin = (DATA[name][IDS[n] * half + i] for name in ("cos", "sin"))
        a, b = ((n * heads + h) * HEAD_DIM + place for place in halves(i, HEAD_DIM))
        result[a], result[b] = x[a] * cos - x[b] * sin, x[a] * sin + x[b] * cos
    return result


def given_at_ids():
    """q and k of two sequences, turned by IDS and KEY_IDS."""
    q, k, v = joined("q"), joined("k"), joined("v")
    q, k = rotate(q, HEADS, halves, ids=IDS), rotate(k, KV_HEADS, halves, ids=KEY_IDS)
    return [value for b in range(BATCH) for value in attention(*(
        x[b * len(x) // BATCH:(b + 1) * len(x) // BATCH] for x in (q, k, v)), causal=True)]


def halves(i, dim):
    return i, i + dim // 2


def interleaved(i, _):
    return 2 * i, 2 * i + 1


def self_attention(x="x", turn=None, past=False, **case):
    q, k, v = project(x, "wq"), project(x, "wk"), project(x, "wv")
    if turn:
        q, k = turn(q, HEADS), turn(k, KV_HEADS)
    if past:
        k, v = joined("past-k") + k, joined("past-v") + v
    return attention(q, k, v, **case)


def positions(ids=None):
    def of(n, column):
        angle = (ids[n] if ids else n) / 10000 ** (column // 2 * 2 / MODEL_DIM)
        return math.cos(angle) if column % 2 else math.sin(angle)
    return [value + of(i // MODEL_DIM, i % MODEL_DIM) for i, value in enumerate(DATA["x"])]


def packed():
    """Splits x into sequences of two and three tokens."""
    return [value for part in (DATA["x"][:2 * MODEL_DIM], DATA["x"][2 * MODEL_DIM:])
            for value in self_attention(part, causal=True)]


def mask_bias(b):
    return lambda h, i, j: DATA["mask"][(b * TOKENS + i) * KEYS + j]


SLOPES = [2.0 ** -(2 * (h + 1)) for h in range(HEADS)]
CASES = {
    "grouped": given,
    "by-heads": lambda: by_heads(given()),
    "mask": lambda: given(bias=(mask_bias(0), mask_bias(1))),
    "mask-bool": lambda: given(bias=lambda h, i, j: 0 if ALLOWED[i * KEYS + j] else -math.inf),
    "softcap": lambda: given(softcap=0.5),
    "scale": lambda: given(scale=-0.5),
    "window": lambda: given(left=1, right=2),
    "causal": lambda: given(causal=True),
    "bottom-right": lambda: given(causal=True, offset=KEYS - TOKENS),
    "offset": lambda: given(causal=True, offset=-1),
    "key-lengths": lambda: given(keys=(0, 4)),
    "alibi": lambda: given(slopes=SLOPES),
    "slopes": lambda: given(slopes=DATA["slopes"]),
    "sinks": lambda: given(sinks=DATA["sinks"]),
    "separate": self_attention,
    "biases": lambda: attention(project("x", "wq", "bq"), project("x", "wk", "bk"), project("x", "wv", "bv")),
    "output": lambda: project(self_attention(), "wo", "bo"),
    "cross": lambda: attention(project("x", "wq", "bq"), project("xkv", "cross-wk"),
                               project("xkv", "cross-wv", "bv")),
    "halves": lambda: self_attention(turn=lambda x, heads: rotate(x, heads, halves)),
    "interleaved": lambda: self_attention(turn=lambda x, heads: rotate(x, heads, interleaved, 2, 500.0)),
    "position-ids": lambda: self_attention(turn=lambda x, heads: rotate(x, heads, halves, ids=IDS), causal=True),
    "given-at-ids": given_at_ids,
    "sinusoidal-at-ids": lambda: self_attention(positions(IDS)),
    "cosines": lambda: self_attention(turn=turn_by_tables),
    "linear": lambda: self_attention(turn=lambda x, heads: rotate(x, heads, halves, factor=4.0)),
    "sinusoidal": lambda: self_attention(positions()),
    "packed": packed,
    "past": lambda: self_attention(past=True, causal=True, offset=PAST),
    "past-rotary": lambda: self_attention(past=True, causal=True, offset=PAST, turn=lambda x, heads: rotate(
        x, heads, halves, first=PAST)),
}


def agrees(path, case):
    compare(case, load(path)[1], CASES[case](), 1e-5)


def cached(folder):
    """Checks that the cache holds the past, followed by k and v."""
    for name in "kv":
        shape, got = load(os.path.join(folder, "cached_%s.npy" % name))
        wanted = joined("past-" + name) + project("x", "w" + name)
        assert shape == (1, PAST + TOKENS, len(wanted) // (PAST + TOKENS)), shape
        compare("cached_" + name, got, wanted, 1e-5)


def is_by_heads(path):
    assert load(path)[0] == (BATCH, HEADS, TOKENS, VALUE_DIM), load(path)[0]


def stored(path, descr, wanted):
    """Checks that a file of two-byte numbers holds the rounded numbers of a file of floats."""
    with open(path, "rb") as file:
        raw = file.read()
    start = 10 + struct.unpack("<H", raw[8:10])[0]
    assert b"'descr': '%s'" % descr.encode() in raw[:start], raw[:start]
    shape, values = load(wanted)
    assert b"'shape': %s" % repr(shape).encode() in raw[:start], raw[:start]
    if descr == "<f2":
        got = struct.unpack("<%de" % len(values), raw[start:])
    else:
        bits = struct.unpack("<%dH" % len(values), raw[start:])
        got = [struct.unpack("<f", struct.pack("<I", b << 16))[0] for b in bits]
    compare(descr, got, values, 4e-3 if descr == "<f2" else 3e-2)


def shaped(path, shape):
    """Checks that a file has this shape and only finite numbers."""
    got, values = load(path)
    assert got == tuple(int(n) for n in shape.split(",")), got
    assert all(map(math.isfinite, values)), values


def holds(folder, *names):
    assert sorted(os.listdir(folder)) == sorted(name + ".npy" for name in names), sorted(os.listdir(folder))


program_tool.main({"inputs": inputs, "agrees": agrees, "cached": cached, "is_by_heads": is_by_heads, "stored": stored,
                   "shaped": shaped, "holds": holds})
