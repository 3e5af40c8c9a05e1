"""Helpers for bash tests: .npy files, JSON, and attention in plain Python."""
import ast
import itertools
import json
import math
import os
import struct
import sys


def load(path):
    """Reads .npy files as the program writes them; the format allows more."""
    with open(path, "rb") as file:
        raw = file.read()
    assert raw[:8] == b"\x93NUMPY\x01\x00", "magic and version of %s: %r" % (path, raw[:8])
    length = struct.unpack("<H", raw[8:10])[0]
    header = ast.literal_eval(raw[10 : 10 + length].decode("ascii"))
    assert (10 + length) % 64 == 0, "data of %s begin at byte %d" % (path, 10 + length)
    assert raw[9 + length : 10 + length] == b"\n", "header of %s ends without a line break" % path
    native = "<f4" if sys.byteorder == "little" else ">f4"
    assert header["descr"] == native and header["fortran_order"] is False, header
    count = math.prod(header["shape"])
    assert len(raw) == 10 + length + 4 * count, "%s has %d bytes" % (path, len(raw))
    return header["shape"], list(struct.unpack("%s%df" % (native[0], count), raw[10 + length :]))


def store(path, shape, values, descr="<f4", fortran=False, version=1):
    values = list(values)
    assert len(values) == math.prod(shape)
    if fortran:  # the first index varies fastest
        order = itertools.product(*(range(n) for n in reversed(shape)))
        strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        values = [values[sum(i * s for i, s in zip(reversed(index), strides))] for index in order]
    code = {"f4": "f", "f8": "d", "i4": "i"}[descr[1:]]
    if code == "i":
        values = [int(value) for value in values]
    header = repr({"descr": descr, "fortran_order": fortran, "shape": tuple(shape)}).encode() + b"\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY" + bytes([version, 0]))
        file.write(struct.pack("<H" if version == 1 else "<I", len(header)) + header)
        file.write(struct.pack("%s%d%s" % (descr[0], len(values), code), *values))


def close(got, wanted, tolerance):
    if math.isnan(wanted) or math.isinf(wanted):
        return math.isnan(got) if math.isnan(wanted) else got == wanted
    return abs(got - wanted) <= tolerance * max(1.0, abs(wanted))


def compare(what, got, wanted, tolerance):
    assert len(got) == len(wanted), "%s: %d values instead of %d" % (what, len(got), len(wanted))
    for i, (a, b) in enumerate(zip(got, wanted)):
        assert close(a, b, tolerance), "%s[%d] is %.9g instead of %.9g" % (what, i, a, b)


# ---- inputs

PLEASE = {"x": ((3, 2), [1, 0, 0, 2, 1, 1]), "wq": ((2, 2), [1, 0, 0, 1]), "wk": ((2, 2), [1, 1, 0, 1]),
          "wv": ((2, 2), [1, 0, 0, 1])}
LOVE = {"x": ((3, 4), [0, 0, 0, 2, 1, 1, 0, 0, 0, 0, 2, 0]),
        "wq": ((4, 4), [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1.5, 0.5, 0.5, 0.5, 0, 0]),
        "wk": ((4, 4), [1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]),
        "wv": ((4, 3), [0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1])}


def inputs(folder):
    """Writes one folder of four files for each way to store the same numbers, and invalid files."""
    ways = {"f4": {}, "f8": {"descr": "<f8"}, "big-f4": {"descr": ">f4"}, "big-f8": {"descr": ">f8"},
            "fortran": {"fortran": True}, "fortran-big-f8": {"fortran": True, "descr": ">f8"},
            "version-2": {"version": 2}, "version-3": {"version": 3}}
    for way, options in ways.items():
        for name, example in (("please", PLEASE), ("love", LOVE)):
            to = os.path.join(folder, name + "-" + way)
            os.mkdir(to)
            for tensor, (shape, values) in example.items():
                store(os.path.join(to, tensor + ".npy"), shape, values, **options)

    def wrong(name, *arguments, **options):
        store(os.path.join(folder, name + ".npy"), *arguments, **options)

    shape, x = PLEASE["x"]
    wrong("x-rank-3", (1,) + shape, x, fortran=True)
    wrong("x-batch-2", (2,) + shape, x + x[::-1])
    wrong("x-batch-2-fortran", (2,) + shape, x + x[::-1], fortran=True)
    wrong("x-second", shape, x[::-1])
    wrong("x-nan", shape, x[:4] + [math.nan, 1])
    wrong("x-rank-1", (6,), x)
    wrong("x-rank-4", (1, 1) + shape, x)
    wrong("x-empty", (0, 2), [])
    wrong("x-int", shape, x, descr="<i4")
    wrong("x-huge", shape, [1e300] * 6, descr="<f8")
    wrong("x-version-9", shape, x, version=9)
    wrong("w-3x2", (3, 2), range(6))
    wrong("w-2x3", (2, 3), range(6))
    wrong("w-2x4", (2, 4), range(8))
    wrong("w-rank-1", (4,), range(4))
    wrong("w-rank-3", (1, 2, 2), range(4))
    good = open(os.path.join(folder, "please-f4", "x.npy"), "rb").read()
    files = {"x-short-data": good[:-1], "x-short-header": good[:40], "x-short-magic": good[:4], "x-nothing": b"",
             "x-long": good + b"\0", "x-text": b"1 0\n0 2\n1 1\n",
             "x-bad-header": good.replace(b"'shape'", b"'shope'")}
    for name, data in files.items():
        with open(os.path.join(folder, name + ".npy"), "wb") as file:
            file.write(data)


# ---- results

def product(a, b, rows, terms, columns):
    return [sum(a[i * terms + k] * b[k * columns + j] for k in range(terms))
            for i in range(rows) for j in range(columns)]


def saved(folder, batch, tokens, heads, head_dim, value_dim, causal, scale):
    """Checks that each tensor of a --save folder follows from the ones before it."""
    batch, tokens, heads, head_dim, value_dim = (int(n) for n in (batch, tokens, heads, head_dim, value_dim))
    scale = 1 / math.sqrt(head_dim) if scale == "default" else float(scale)
    shapes = {"q": (batch, tokens, heads * head_dim), "k": (batch, tokens, heads * head_dim),
              "v": (batch, tokens, heads * value_dim), "scaled": (batch, heads, tokens, tokens),
              "scores": (batch, heads, tokens, tokens), "weights": (batch, heads, tokens, tokens),
              "lse": (batch, heads, tokens), "context": (batch, tokens, heads * value_dim)}
    assert sorted(os.listdir(folder)) == sorted(name + ".npy" for name in shapes), os.listdir(folder)
    data = {}
    for name, shape in shapes.items():
        got, data[name] = load(os.path.join(folder, name + ".npy"))
        assert got == shape, "%s is %r instead of %r" % (name, got, shape)
    tensors = tuple(data[name] for name in shapes)
    q, k, v, got_scaled, got_scores, got_weights, got_lse, got_context = tensors
    scaled, scores, weights, lse, context = [], [], [], [], [0.0] * len(got_context)
    for b, h, i in itertools.product(range(batch), range(heads), range(tokens)):
        q_at = (b * tokens + i) * heads * head_dim + h * head_dim
        for j in range(tokens):
            k_at = (b * tokens + j) * heads * head_dim + h * head_dim
            live = causal != "causal" or j <= i
            scaled.append(scale * sum(q[q_at + c] * k[k_at + c] for c in range(head_dim)))
            scores.append(scaled[-1] if live else -math.inf)
        row = got_scores[len(scores) - tokens : len(scores)]
        largest = max(row)
        powers = [math.exp(score - largest) for score in row]
        weights += [power / math.fsum(powers) for power in powers]
        lse.append(largest + math.log(math.fsum(powers)))
        row = got_weights[len(weights) - tokens : len(weights)]
        for c in range(value_dim):
            v_at = b * tokens * heads * value_dim + h * value_dim + c
            context[(b * tokens + i) * heads * value_dim + h * value_dim + c] = math.fsum(
                row[j] * v[v_at + j * heads * value_dim] for j in range(tokens))
    compare("scaled", got_scaled, scaled, 1e-5)
    compare("scores", got_scores, scores, 1e-5)
    compare("lse", got_lse, lse, 1e-5)
    compare("weights", got_weights, weights, 1e-5)
    compare("context", got_context, context, 1e-5)


def please(folder):
    """Checks a --save folder against the article's numbers."""
    wanted = {"q": [1, 0, 0, 2, 1, 1], "k": [1, 1, 0, 2, 1, 2], "v": [1, 0, 0, 2, 1, 1],
              "scores": [s / math.sqrt(2) for s in (1, 0, 1, 2, 4, 4, 2, 2, 3)],
              "weights": [0.401112, 0.197776, 0.401112, 0.108383, 0.445808, 0.445808, 0.248255, 0.248255, 0.503490],
              "context": [0.802224, 0.796664, 0.554192, 1.337425, 0.751745, 1.0]}
    for name, values in wanted.items():
        compare(name, load(os.path.join(folder, name + ".npy"))[1], values, 1e-6)


def projected(folder, source):
    """Checks that q, k and v of a --save folder are the products of the files in `source`."""
    example = LOVE if "love" in source else PLEASE
    x_shape, x = example["x"]
    for name in "qkv":
        shape, w = example["w" + name]
        wanted = product(x, w, x_shape[0], x_shape[1], shape[1])
        compare(name, load(os.path.join(folder, name + ".npy"))[1], wanted, 1e-6)


def same(a, b, tolerance):
    shape, values = load(a)
    other_shape, others = load(b)
    assert shape == other_shape, "shapes %r and %r" % (shape, other_shape)
    compare("difference", values, others, float(tolerance))


def batches(both, first, second):
    """Checks that a batch of two has the same context as two separate runs."""
    shape, values = load(both)
    assert shape == (2, 3, 2), shape
    compare("batch 0", values[:6], load(first)[1], 1e-6)
    compare("batch 1", values[6:], load(second)[1], 1e-6)


def behind_mask(path):
    shape, values = load(path)
    assert shape == (1, 3, 2), shape
    assert all(math.isfinite(v) for v in values[:4]), "rows that do not see the NaN: %r" % values
    assert all(math.isnan(v) for v in values[4:]), "the row that does: %r" % values


def no_constant(name):
    raise ValueError("%s is not JSON" % name)


def keys_of(part):
    """The fields of a part of the report, which are those of its schema."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "../docs/schema/run.json"), encoding="utf-8") as file:
        schema = json.load(file)
    return set((schema["$defs"][part] if part else schema)["properties"])


def read_report(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file, parse_constant=no_constant)


def stages_of(p, fused):
    there = {"convert": p["type"] != "f32" or p["positions"] != "none", "project": p["source"] != "q, k and v",
             "rotary": p["rotary"] != "none", "cache": p["cache"] is not None, "scores": not fused,
             "softmax": not fused, "context": not fused, "fused": fused, "output": p["output_dim"] > 0}
    return [stage for stage, is_there in there.items() if is_there]


def check_report(path, expression):
    r = read_report(path)
    tensors = r["check"]["tensors"] if r["check"] else []
    parts = {"": [r], "problem": [r["problem"]], "plan": [r["plan"]], "stage": r["stages"], "timings": [r["timings"]],
             "check": [r["check"]] if r["check"] else [], "tensor": tensors, "reason": r["explain"] or [],
             "cache": [r["problem"]["cache"]] if r["problem"]["cache"] else []}
    for part, entries in parts.items():
        keys = keys_of(part)
        for entry in entries:
            assert keys == set(entry), "%s: %r" % (part, sorted(entry))
    assert [s["stage"] for s in r["stages"]] == stages_of(r["problem"], r["plan"]["pipeline"] == "fused"), r["stages"]
    failed = [t["tensor"] + " from x" * t["end_to_end"] for t in tensors if not t["passed"]]
    assert eval("(" + expression + ")", {"r": r, "failed": failed}), "not so: " + expression


def show(path, expression):
    print(eval("(" + expression + ")", {"r": read_report(path)}))


COMMANDS = {"inputs": inputs, "saved": saved, "please": please, "projected": projected, "same": same,
            "batches": batches, "behind-mask": behind_mask, "json": check_report, "show": show}


def main(commands):
    try:
        commands[sys.argv[1]](*sys.argv[2:])
    except Exception as error:
        sys.exit("%s: %s" % (type(error).__name__, error))


if __name__ == "__main__":
    main(COMMANDS)
