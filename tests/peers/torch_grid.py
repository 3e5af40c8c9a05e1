"""Holds clattn against torch's scaled_dot_product_attention on random combinations of features.

usage: torch_grid.py PROGRAM [--cases N] [--seed S] [--only NUMBER] [--pipeline P] [--kernel LIST] [--failed FOLDER]

A case draws sizes, storage type, layout of the input and features, and runs the program once. What torch has no word
for (windows, ALiBi, key lengths, other alignments than top-left) is composed into its attn_mask, while the program
gets options. The result is judged against torch in float64, with its plain formula (the MATH backend), on the same
inputs, already rounded to the storage type; the bound is that of float arithmetic (formula.py). Two things guard the
reference itself: the formula of formula.py must agree with torch in float64, and torch in the case's own type, with
whatever kernel it takes, must come near it. A row that sees no key is 0 here; in torch that, or NaN, depends on
version and kernel, so such rows are not asked of torch.

Not tested here: projections, softcap, sinks, rotary positions, caches, packed batches, saved tensors other than
context. Case NUMBER of a seed is always the same one, however many there are: --only NUMBER repeats it.
"""
import argparse
import collections
import dataclasses
import sys

import numpy as np
import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

import formula
from program import Program, Refused, Wrong, add_arguments, held, merge_heads, stored

TORCH_TYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
OWN_TYPE_FACTOR = 2  # torch in the case's own type: so many times the bound, with that type's rounding for float32's
ENOUGH_CASES = 100  # from here on every feature must have come up


@dataclasses.dataclass
class Case:
    storage: str
    batch: int
    heads: int
    kv_heads: int
    query_len: int
    key_len: int
    head_dim: int
    value_dim: int
    rank: int
    scale: float | None
    causal: bool
    align: str
    left: int
    right: int
    lengths: list | None
    arrays: dict  # q, k, v, and where the case has them mask, alibi (the slopes)
    alibi: str = "none"  # none, auto, slopes

    def shape(self):
        return self.batch, self.heads, self.query_len, self.key_len

    def offset(self):
        """Key position of query 0, one a batch."""
        if self.align == "top-left":
            return np.zeros(self.batch, dtype=int)
        if self.align == "bottom-right":
            return np.array(self.lengths or [self.key_len] * self.batch) - self.query_len
        return np.full(self.batch, int(self.align))


def rounded(array, storage):
    """float32 numbers that the storage type can hold."""
    return torch.from_numpy(np.asarray(array, dtype=np.float32)).to(TORCH_TYPES[storage]).float().numpy()


def draw(seed, number):
    """The case of this number: sizes first, then features, then the numbers."""
    rng = np.random.default_rng([seed, number])
    kv_heads, group = int(rng.integers(1, 4)), int(rng.choice([1, 1, 2, 3, 4]))
    batch, storage = int(rng.integers(1, 4)), str(rng.choice(list(TORCH_TYPES)))
    query_len = 1 if rng.random() < 0.1 else int(rng.integers(1, 71))
    key_len = query_len if rng.random() < 0.2 else int(rng.integers(1, 71))
    head_dim = int(rng.choice([1, 2, 5, 8, 16, 17, 32, 33, 64, 70]))
    case = Case(
        storage=storage, batch=batch, heads=kv_heads * group, kv_heads=kv_heads, query_len=query_len, key_len=key_len,
        head_dim=head_dim, value_dim=head_dim if rng.random() < 0.5 else int(rng.integers(1, 71)),
        rank=int(rng.choice([3, 4] if batch > 1 else [2, 3, 4])),
        scale=float(np.float32(rng.uniform(0.2, 2.0) / np.sqrt(head_dim))) if rng.random() < 0.4 else None,
        causal=rng.random() < 0.4, align=str(rng.choice(["top-left", "top-left", "bottom-right", "number"])),
        left=int(rng.integers(0, key_len + 1)) if rng.random() < 0.25 else -1,
        right=int(rng.integers(0, key_len + 1)) if rng.random() < 0.25 else -1,
        lengths=[int(n) for n in rng.integers(1, key_len + 1, batch)] if rng.random() < 0.3 else None, arrays={})
    if case.align == "number":
        case.align = str(rng.integers(-query_len, key_len + 1))
    draw_arrays(case, rng)
    return case


def draw_arrays(case, rng):
    strength = rng.choice([1.0, 1.0, 1.0, 4.0])  # now and then scores in the tens
    sizes = {"q": (case.heads, case.query_len, case.head_dim), "k": (case.kv_heads, case.key_len, case.head_dim),
             "v": (case.kv_heads, case.key_len, case.value_dim)}
    for name, size in sizes.items():
        values = rng.normal(size=(case.batch, *size)) * (strength if name == "q" else 1)
        case.arrays[name] = rounded(values, case.storage)
    kind = rng.choice(["none", "bool", "float"], p=[0.4, 0.3, 0.3])
    if kind != "none":
        case.arrays["mask"] = draw_mask(case, rng, kind)
    if rng.random() < 0.25:
        power_of_two = case.heads & (case.heads - 1) == 0
        case.alibi = "auto" if power_of_two and rng.random() < 0.5 else "slopes"
        usual = 2.0 ** (-8.0 * (np.arange(case.heads) + 1) / case.heads)
        drawn = rounded(rng.integers(1, 129, case.heads) / 128, case.storage)
        case.arrays["alibi"] = usual if case.alibi == "auto" else drawn


def draw_mask(case, rng, kind):
    """Any of the four dimensions may be 1, leading ones may be left out, and the last may be short."""
    shape = [n if rng.random() < 0.65 else 1 for n in case.shape()]
    if shape[3] > 2 and rng.random() < 0.2:
        shape[3] = int(rng.integers(2, shape[3]))
    while len(shape) > 1 and shape[0] == 1 and rng.random() < 0.7:
        shape = shape[1:]
    seen = rng.random(shape) < rng.choice([0.3, 0.6, 0.9])
    if len(shape) > 1 and rng.random() < 0.4:
        seen.reshape(-1, shape[-1])[rng.integers(seen.size // shape[-1])] = False  # a row that sees nothing
    if kind == "bool":
        return seen
    values = rounded(rng.normal(size=shape), case.storage)
    return values if rng.random() < 0.5 else np.where(seen, values, np.float32(-np.inf))


def bias_of(case):
    """All that hides keys or adds to scores, float64 (batch, heads, query_len, key_len)."""
    seen = formula.visible(case.batch, case.query_len, case.key_len, offset=case.offset(), causal=case.causal,
                           left=case.left, right=case.right, lengths=case.lengths)
    bias = np.broadcast_to(np.where(seen, 0.0, -np.inf), case.shape())
    if "mask" in case.arrays:
        bias = bias + formula.additive(case.arrays["mask"], case.shape())
    if case.alibi != "none":
        position = case.offset()[:, None] + np.arange(case.query_len)
        distance = abs(position[:, None, :, None] - np.arange(case.key_len))
        bias = bias - case.arrays["alibi"].reshape(-1, 1, 1) * distance
    return bias


def plain_causal(case):
    """Torch can be told by is_causal alone."""
    return (case.causal and case.align == "top-left" and case.left < 0 and case.right < 0 and case.lengths is None
            and not {"mask", "alibi"} & set(case.arrays))


def positions(case):
    """Whether it matters where the queries stand among the keys."""
    return case.causal or case.left >= 0 or case.right >= 0 or case.alibi != "none"


def mask_has(case, condition):
    return "mask" in case.arrays and bool(condition(case.arrays["mask"]))


def repeats(case, dimension):
    """Whether the mask is one and the same over a dimension that the case has."""
    return mask_has(case, lambda mask: ((1,) * (4 - mask.ndim) + mask.shape)[dimension] == 1 < case.shape()[dimension])


# What is counted, and must come up.
FEATURES = {
    **{f"type {name}": lambda c, name=name: c.storage == name for name in TORCH_TYPES},
    **{f"input of rank {n}": lambda c, n=n: c.rank == n for n in (2, 3, 4)},
    "batch > 1": lambda c: c.batch > 1,
    "grouped queries": lambda c: c.heads > c.kv_heads,
    "query_len < key_len": lambda c: c.query_len < c.key_len,
    "query_len > key_len": lambda c: c.query_len > c.key_len,
    "one query": lambda c: c.query_len == 1,
    "value_dim differs": lambda c: c.value_dim != c.head_dim,
    "scale": lambda c: c.scale is not None,
    "causal, top-left": lambda c: c.causal and c.align == "top-left",
    "causal, bottom-right": lambda c: c.causal and c.align == "bottom-right",
    "causal, aligned by number": lambda c: c.causal and c.align not in ("top-left", "bottom-right"),
    "causal and nothing else": plain_causal,
    "query before the first key": lambda c: positions(c) and c.offset().min() < 0,
    "window, left": lambda c: c.left >= 0,
    "window, right": lambda c: c.right >= 0,
    "window, both": lambda c: c.left >= 0 and c.right >= 0,
    "key lengths": lambda c: c.lengths is not None,
    "key lengths, bottom-right": lambda c: c.lengths is not None and positions(c) and c.align == "bottom-right",
    "ALiBi, auto": lambda c: c.alibi == "auto",
    "ALiBi, slopes": lambda c: c.alibi == "slopes",
    "mask, bool": lambda c: mask_has(c, lambda mask: mask.dtype == bool),
    "mask, float": lambda c: mask_has(c, lambda mask: mask.dtype != bool),
    "mask, float with -inf": lambda c: mask_has(c, lambda mask: mask.dtype != bool and np.isneginf(mask).any()),
    "mask, short": lambda c: mask_has(c, lambda mask: 1 < mask.shape[-1] < c.key_len),
    **{f"mask of rank {n}": lambda c, n=n: mask_has(c, lambda mask: mask.ndim == n) for n in (1, 2, 3, 4)},
    **{f"mask repeats over {name}": lambda c, i=i: repeats(c, i)
       for i, name in enumerate(["batch", "heads", "queries", "keys"])},
    "query that sees no key": lambda c: bool(np.isneginf(bias_of(c)).all(axis=3).any()),
}


def torch_attention(case, bias, number_type):
    """Torch's result as float64. The mask is the case's own where it has nothing else, else all of it composed."""
    q, k, v = (torch.from_numpy(case.arrays[name]).to(number_type) for name in "qkv")
    mask = None
    if not plain_causal(case) and (np.isneginf(bias) | (bias == 0)).all():
        mask = torch.from_numpy(~np.isneginf(bias))
    elif not plain_causal(case):
        mask = torch.from_numpy(np.ascontiguousarray(bias)).to(number_type)
    result = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=plain_causal(case),
                                                     scale=case.scale, enable_gqa=case.heads != case.kv_heads)
    return result.to(torch.float64).numpy()


def reference(case):
    """Torch's context in float64 and its bound, both (batch, query_len, heads * value_dim); raises Wrong where torch,
    the formula or torch in the case's own type contradict one another."""
    bias = bias_of(case)
    truth = formula.attention(*(case.arrays[name] for name in "qkv"), scale=case.scale, bias=bias)
    empty = np.isneginf(bias).all(axis=3)[..., None]
    bound = truth.bounds["context"]
    with sdpa_kernel(SDPBackend.MATH):
        expected = np.where(empty, 0.0, torch_attention(case, bias, torch.float64))
    held("torch in float64", expected, truth.tensors["context"], bound * 2.0**-20, "the formula")
    own = np.where(empty, 0.0, torch_attention(case, bias, TORCH_TYPES[case.storage]))
    rounding = max(formula.TYPE_ROUNDING[case.storage], formula.U)
    held(f"torch in {case.storage}", own, expected, OWN_TYPE_FACTOR * rounding / formula.U * bound, "torch in float64")
    return merge_heads(expected), merge_heads(bound)


def hand_over(case, run):
    """Files and options for `clattn run`."""
    for name in "qkv":
        array = case.arrays[name]
        if case.rank < 4:
            array = merge_heads(array)
        run.file(name, stored(array[0] if case.rank == 2 else array, case.storage))
    run.option("type", case.storage)
    if case.rank < 4:
        run.option("heads", case.heads)
        run.option("kv-heads", case.kv_heads)
    if "mask" in case.arrays:
        mask = case.arrays["mask"]
        run.file("mask", mask if mask.dtype == bool else stored(mask, case.storage))
    if case.alibi == "auto":
        run.option("alibi", "auto")
    elif case.alibi == "slopes":
        run.file("alibi", stored(case.arrays["alibi"], case.storage))
    if case.causal:
        run.option("causal")
    if positions(case) and case.align != "top-left":
        run.option("align", case.align)
    for name, value in [("window-left", case.left), ("window-right", case.right)]:
        if value >= 0:
            run.option(name, value)
    if case.scale is not None:
        run.option("scale", case.scale)
    if case.lengths is not None:
        run.option("key-lengths", ",".join(map(str, case.lengths)))


def run_case(program, case, name):
    """The share of the bound; raises Wrong or Refused."""
    with program.case(name) as run:
        hand_over(case, run)
        run.run()
        expected, bound = reference(case)
        got = run.result("context", expected.shape, case.storage)
        return held("context", got, expected, formula.stored_bound(bound, expected, case.storage), "torch in float64")


def print_counts(counts, shares):
    for name in FEATURES:
        print(f"{counts[name]:5} {name}")
    for storage, values in sorted(shares.items()):
        print(f"{storage}: at most {100 * max(values):.0f} % of the bound in {len(values)} cases")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_arguments(parser)
    parser.add_argument("--cases", type=int, default=200, metavar="N", help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="(%(default)s)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this case alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    numbers = range(options.cases) if options.only is None else [options.only]
    program, failed = Program(options), 0
    counts, shares = collections.Counter(), collections.defaultdict(list)
    for number in numbers:
        case = draw(options.seed, number)
        has = [name for name, there in FEATURES.items() if there(case)]
        counts.update(has)
        name = f"torch-{options.seed}-{number}"
        try:
            share = run_case(program, case, name)
            shares[case.storage].append(share)
        except Refused as refusal:
            failed += 1
            print(f"FAILED {number}: refused: {refusal}; {', '.join(has)}", flush=True)
        except Wrong as wrong:
            failed += 1
            print(f"FAILED {number}: {wrong}; {', '.join(has)}\n    {program.repeat_line(name)}", flush=True)
    print_counts(counts, shares)
    never = [name for name in FEATURES if counts[name] == 0] if len(numbers) >= ENOUGH_CASES else []
    if never:
        print("never came up:", ", ".join(never))
    print(f"torch {torch.__version__}, seed {options.seed}, {len(numbers)} cases: {len(numbers) - failed} passed, "
          f"{failed} failed")
    return 1 if failed or never else 0


if __name__ == "__main__":
    sys.exit(main())
