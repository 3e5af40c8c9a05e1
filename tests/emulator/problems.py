"""Small problems that cross the borders of every kernel's tiles, as options of `clattn run`."""
import dataclasses
import random
import struct

STAGED, FUSED = "staged", "fused"
QUERIES, KEYS = 37, 83  # of the problems with files


@dataclasses.dataclass(frozen=True)
class Problem:
    name: str
    options: str  # {name} stands for a file that write_files makes
    pipelines: tuple = (STAGED, FUSED)


SIZES = "--random --batch 2 --tokens 37 --heads 4 --kv-heads 2 --value-dim 11 --model-dim 21"
ODD = f"{SIZES} --head-dim 9"
CROSS = f"{ODD} --key-tokens 83 --kv-model-dim 19"
WIDE = "--random --tokens 70 --heads 2 --head-dim 36 --model-dim 20"
GIVEN = "--q {q} --k {k} --v {v} --heads 2 --kv-heads 1"
FEW = "--random --batch 2 --key-tokens 300 --heads 4 --kv-heads 2 --model-dim 16"
PAST = f"{FEW.replace('--key-tokens 300', '')} --causal --align bottom-right --cache-capacity 304 --past-tokens 280"

STORED_DIMS = {9: 11, 64: 64, 128: 72}  # value_dim by head_dim, for rows of odd sizes and of 8 elements

PROBLEMS = (
    Problem("wide rows, plain scores", WIDE),
    Problem("odd sizes, causal", f"{ODD} --causal"),
    Problem("window, softcap, transposed matrices", f"{CROSS} --causal --align bottom-right --window-left 20 "
            "--softcap 2 --layout xwt"),
    Problem("window on both sides", f"{WIDE} --window-left 9 --window-right 21"),
    Problem("ALiBi, sinks, key lengths", f"{CROSS} --alibi auto --sinks {{sinks}} --key-lengths 23,83"),
    Problem("bool mask", f"{CROSS} --mask {{bool_mask}}"),
    Problem("float mask, softcap", f"{CROSS} --mask {{float_mask}} --softcap 3"),
    Problem("packed", "--random --tokens 70 --heads 3 --head-dim 12 --value-dim 7 --model-dim 20 --causal "
            "--query-offsets 0,17,17,70"),
    Problem("f16, output projection", f"{ODD} --type f16 --output-dim 30 --causal"),
    Problem("bf16, output projection", f"{WIDE} --type bf16 --output-dim 65 --positions sinusoidal"),
    Problem("rotary", f"{SIZES} --head-dim 12 --rotary halves --rotary-dim 8 --causal"),
    Problem("rotary, cache in f16", f"{SIZES} --head-dim 12 --rotary interleaved --causal --align bottom-right "
            "--cache-capacity 64 --past-tokens 11 --cache-type f16"),
    Problem("cache in i8, pages", f"{ODD} --causal --align bottom-right --cache-capacity 64 --past-tokens 11 "
            "--cache-type i8-token --cache-page-len 16"),
    Problem("cache in f32", f"{WIDE} --causal --align bottom-right --cache-capacity 90 --past-tokens 11"),
    Problem("launches in pieces", f"{CROSS} --causal --launch-seconds 1e-9"),
    Problem("every tensor", f"{CROSS} --softcap 2 --save {{folder}}", (STAGED,)),
    Problem("masked NaN", f"{GIVEN} --mask {{bool_mask_of_given}}"),
    Problem("f16 given", f"{GIVEN.replace('{', '{f16_')} --type f16 --causal --align 40", (FUSED,)),
    *(Problem(f"half arithmetic{name}", f"{GIVEN.replace('{', '{f16_')} --type f16 --math stored{extra}", (FUSED,))
      for name, extra in (("", ""), (", causal", " --causal --align 40"), (", mask, ALiBi", " --mask {bool_mask_of_given} "
                                                                           "--alibi auto"), (", scale", " --scale -3"))),
    *(Problem(f"stored products, head_dim {dim}, {kind}", f"{GIVEN.replace('{', f'{{of_{dim}_')} --type {kind} --math "
              f"stored{extra}", (FUSED,)) for dim in STORED_DIMS
      for kind, extra in (("f16", " --causal --align 40 --window-left 30"), ("bf16", " --mask {bool_mask_of_given}"))),
    Problem("stored products, values that are not finite", "--q {of_9_q} --k {of_9_k} --v {not_finite_v} --heads 2 "
            "--kv-heads 1 --type f16 --math stored --causal --align 40", (FUSED,)),
    Problem("stored products, weights nearly the next half", f"{GIVEN.replace('{', '{nearly_')} --type f16 --math stored "
            "--scale 0.68546194", (FUSED,)),
    *(Problem(f"head_dim {dim}, {kind}", f"--random --tokens {tokens} --heads 2 --kv-heads 1 --head-dim {dim} "
              f"--model-dim 12 --causal{extra}", (FUSED,))
      for dim, tokens in ((64, 70), (80, 37), (128, 37), (256, 19))
      for kind, extra in (("f32", ""), ("f16", " --cache-capacity 70 --cache-type f16"))),
    Problem("one query", f"{FEW} --tokens 1 --head-dim 64", (FUSED,)),
    Problem("one query, odd sizes, ALiBi", f"{FEW} --tokens 1 --head-dim 9 --value-dim 11 --alibi auto "
            "--key-lengths 131,300", (FUSED,)),
    Problem("three queries, window, softcap", f"{FEW} --tokens 3 --head-dim 20 --causal --align bottom-right "
            "--window-left 200 --softcap 5", (FUSED,)),
    Problem("one query, cache in f16", f"{PAST} --tokens 1 --head-dim 64 --cache-type f16", (FUSED,)),
    Problem("one query, cache in q4, pages", f"{PAST} --tokens 1 --head-dim 64 --cache-type q4 --cache-page-len 16",
            (FUSED,)),
    Problem("three queries, cache in i8", f"{PAST} --tokens 3 --head-dim 20 --cache-type i8-token", (FUSED,)),
    Problem("three queries, cache in bf16", f"{PAST} --tokens 3 --head-dim 36 --cache-type bf16", (FUSED,)),
)

STORED_MATH = "--math stored"
IN_MATRIX_UNITS = ("fused=matrix", "fused=async", "fused=matsplit")  # compute only problems with this option

# What `emulate.py --short` runs: a problem for each list of kernels that has this one.
SHORT = {"softmax=tiled": "bool mask", "project=register": "odd sizes, causal", "fused=register": "odd sizes, causal",
         "fused=split": "one query, odd sizes, ALiBi",
         **{kernel: "stored products, head_dim 64, f16" for kernel in IN_MATRIX_UNITS}}

# Tests of test_features.c, for kernels that no run can choose: they run with those that a plan takes, traced and not.
TESTS = ("sinks", "biases")


def write_array(path, kind, shape, values):
    """An .npy file; `kind` is '<f4', '<f2' or '|b1'."""
    header = repr({"descr": kind, "fortran_order": False, "shape": tuple(shape)})
    header += " " * (-(len(header) + 11) % 64) + "\n"
    layout = {"<f4": "f", "<f2": "e", "|b1": "?"}[kind]
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() +
                     struct.pack(f"<{len(values)}{layout}", *values))


def write_files(folder):
    """Writes what the problems name, and returns the paths by name."""
    draw = random.Random(5)
    paths = {"folder": folder / "saved"}

    def write(name, kind, shape, values):
        paths[name] = folder / f"{name}.npy"
        write_array(paths[name], kind, shape, values)

    write("sinks", "<f4", [4], [0.5, -2.0, float("-inf"), 3.0])
    write("bool_mask", "|b1", [2, 1, QUERIES, KEYS], [draw.random() < 0.7 for _ in range(2 * QUERIES * KEYS)])
    write("float_mask", "<f4", [1, 4, 1, KEYS],
          [draw.choice((0.0, -1.5, 2.0, float("-inf"))) for _ in range(4 * KEYS)])
    write("bool_mask_of_given", "|b1", [1, 1, 1, KEYS], [key != 50 for key in range(KEYS)])
    for name, heads, rows, dim in (("q", 2, QUERIES, 24), ("k", 1, KEYS, 24), ("v", 1, KEYS, 20)):
        values = [draw.gauss(0.0, 1.0) for _ in range(heads * rows * dim)]
        write(f"f16_{name}", "<f2", [1, heads, rows, dim], values)
        if name != "q":  # the key that is masked
            values[50 * dim:51 * dim] = [float("nan")] * dim
        write(name, "<f4", [1, heads, rows, dim], values)
    for dim, value_dim in STORED_DIMS.items():
        for name, heads, rows, columns in (("q", 2, QUERIES, dim), ("k", 1, KEYS, dim), ("v", 1, KEYS, value_dim)):
            write(f"of_{dim}_{name}", "<f2", [1, heads, rows, columns],
                  [draw.gauss(0.0, 1.0) for _ in range(heads * rows * columns)])
    value_dim = STORED_DIMS[9]
    values = [draw.gauss(0.0, 1.0) for _ in range(KEYS * value_dim)]
    for key, column, value in ((66, 3, float("nan")), (70, 0, float("inf")), (80, 2, float("nan"))):  # no query sees key 80
        values[key * value_dim + column] = value
    write("not_finite_v", "<f2", [1, 1, KEYS, value_dim], values)
    # All keys but the first have the weight 0.503857, with the scale that the problem gives: halves are 0.503906 and 0.503418.
    write("nearly_q", "<f2", [1, 2, QUERIES, 2], [1.0, 0.0] * (2 * QUERIES))
    write("nearly_k", "<f2", [1, 1, KEYS, 2], [0.0, 0.0] + [-1.0, 0.0] * (KEYS - 1))
    write("nearly_v", "<f2", [1, 1, KEYS, 1], [1.0] * KEYS)
    return paths
