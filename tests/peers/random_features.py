"""Holds every file that `clattn run --save` writes against float64, on random combinations of all features.

usage: random_features.py PROGRAM [--cases N] [--seed S] [--from NUMBER] [--only NUMBER] [--pipeline P] [--kernel LIST]
                          [--matrix-units] [--failed FOLDER] [--write PAGE]

A case draws where q, k and v come from, how they are stored, batches that are full, padded or packed, a cache that is
empty or not, masks, positions, projections, a pipeline and its kernels, all of them together, and runs the program
once. random_case.py draws, whole_run.py says what each saved file must hold; there must be just the files that belong to
the case.

Case NUMBER of a seed is always the same one, however many there are: --only NUMBER repeats it, --from NUMBER goes on
from it. A failed case prints the command that repeats it, and its folder is kept. --write puts a row with the seed and the
result into the page's table. --matrix-units draws cases for the pipeline fused, stored in 16 bits, which matrix units in
plain OpenCL C compute in turn; a case that they cannot compute must be refused.
"""
import argparse
import collections
import datetime
import functools
import pathlib
import shlex
import sys

import numpy as np

import whole_run
from program import Program, Refused, Wrong, add_arguments, add_matrix_units, held, stored
from random_case import FEATURES, draw, draw_for_matrix_unit

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import marked

ENOUGH_CASES = 200  # from here on every feature must have come up


# ---- running it


def shaped(case, name, array):
    """The array of a tensor of tokens as its file has it."""
    of_keys = name in ("k", "v", "xkv")
    if case.packed or case.rank == 2:
        return array.reshape(array.shape[0], -1)
    whole = array.reshape(case.batch, case.key_len if of_keys else case.query_len, *array.shape[1:])
    if case.rank == 4:
        return whole.swapaxes(1, 2)
    return whole.reshape(*whole.shape[:2], -1)


def joined(case):
    """wqkv, bqkv: the columns one behind the other, or those of each KV head together."""
    groups = case.kv_heads if case.fused_order == "groups" else 1

    def join(parts, axis):
        pieces = [np.split(part, groups, axis=axis) for part in parts]
        return np.concatenate([piece for group in zip(*pieces) for piece in group], axis=axis)

    yield "wqkv", join([case.arrays["w" + name] for name in "qkv"], 0 if case.layout == "xwt" else 1)
    if "bq" in case.arrays:
        yield "bqkv", join([case.arrays["b" + name] for name in "qkv"], 0)


def hand_over_files(case, run):
    arrays = dict(case.arrays)
    if case.source == "wqkv":
        arrays = {name: array for name, array in arrays.items() if name[0] not in "wb" or name in ("wo", "bo")}
        arrays.update(joined(case))
    for name, array in arrays.items():
        if name in ("x", "xkv", "q", "k", "v"):
            run.file(name, stored(shaped(case, name, array), case.storage))
        elif name.startswith(("past-", "cache-")):
            run.file(name, array)
        else:
            run.file(name, stored(array, case.storage))
    for name, ids, tokens in (("position-ids", case.ids, case.query_len), ("key-position-ids", case.key_ids, case.key_len)):
        if ids is not None:
            run.file(name, ids if case.packed else ids.reshape(case.batch, tokens))
    if case.turns is not None:
        run.file("rotary-cos", case.turns[0])
        run.file("rotary-sin", case.turns[1])
    if case.mask is not None:
        run.file("mask", case.mask)
    if case.alibi == "slopes":
        run.file("alibi", case.slopes.astype(np.float32))
    if case.sinks is not None:
        run.file("sinks", case.sinks.astype(np.float32))


def offsets_of(case, first, count):
    return ",".join(str(n) for n in [*(getattr(s, first) for s in case.sequences),
                                     getattr(case.sequences[-1], first) + getattr(case.sequences[-1], count)])


def options_of(case):
    """(name, value) of every option besides files; the value None: it has none."""
    yield from {"pipeline": case.pipeline, "type": case.storage, "layout": case.layout, "heads": case.heads,
                "kv-heads": case.kv_heads, "align": case.align}.items()
    wanted = {
        "fused-order": "groups" if case.fused_order == "groups" else None,
        "kernel": case.kernel, "alibi": "auto" if case.alibi == "auto" else None,
        "window-left": case.left if case.left >= 0 else None, "window-right": case.right if case.right >= 0 else None,
        "scale": case.scale, "softcap": case.softcap or None, "positions": "sinusoidal" if case.positions else None}
    if case.rotary:
        wanted.update({"rotary": case.rotary[0], "rotary-dim": case.rotary[1], "rotary-base": case.rotary[2]})
    if case.scaling:
        keys = ",".join(f"{key}={str(value).lower()}" for key, value in case.scaling.items() if key != "rope_type")
        wanted["rotary-scaling"] = f"{case.scaling['rope_type']}:{keys}"
    if case.cache:
        wanted.update({"cache-capacity": case.cache["capacity"], "cache-type": case.cache["type"],
                       "cache-page-len": case.cache["page"] or None, "cache-pages": case.cache["pages"] or None})
    if case.past_lengths:
        wanted["past-lengths"] = ",".join(str(s.past) for s in case.sequences)
    if case.lengths == "keys":
        wanted["key-lengths"] = ",".join(str(s.new_keys) for s in case.sequences)
    if case.packed:
        wanted["query-offsets"] = offsets_of(case, "first_query", "queries")
        if case.source in ("xkv", "qkv"):
            wanted["key-offsets"] = offsets_of(case, "first_key", "new_keys")
    yield from ((name, value) for name, value in wanted.items() if value is not None)
    if case.causal:
        yield "causal", None


# ---- judging it


class Saved:
    """The files of a run, each judged when it is read."""

    def __init__(self, case, run):
        self.case, self.run, self.share = case, run, 0.0
        self.seen = set()

    def read(self, name, numbers, shape):
        """The file as it is, in numbers' shape; raises Wrong where it is not what `numbers` says."""
        self.seen.add(name)
        got = self.run.result(name, shape, numbers.storage)
        if name in ("q", "k", "v") and len(shape) == 4:
            got = got.swapaxes(1, 2)
        got = got.reshape(numbers.value.shape)
        judged = np.ones(got.shape, dtype=bool) if numbers.judged is None else numbers.judged
        alike = np.isnan(got) & np.isnan(numbers.value) | ~judged  # a NaN that was given is handed on
        expected = np.where(alike, 0.0, numbers.value)
        share = held(name, np.where(alike, 0.0, got), expected, numbers.bound, "float64") if got.size else 0.0
        rounded = name in ("q", "k", "v") and self.case.stores_projections or name == "output" or name.startswith("cached_")
        if not rounded:  # there one rounding to the type nearly fills the bound
            self.share = max(self.share, share)
        return got

    def finish(self):
        there = {path.name for path in (self.run.folder / "out").iterdir()}
        wanted = {f"{name}.npy" for name in self.seen}
        if there != wanted:
            raise Wrong(f"files that should not be there: {sorted(there - wanted)}")


def token_shape(case, of_keys, heads, dim):
    if case.packed:
        return case.key_tokens if of_keys else case.query_tokens, heads * dim
    length = case.key_len if of_keys else case.query_len
    if case.source == "qkv" and case.rank == 4:
        return case.batch, heads, length, dim
    return case.batch, length, heads * dim


def judge_cache(case, saved, k, v):
    """What it holds of each sequence: all keys and all values."""
    held_of = {}
    for name, numbers in whole_run.cached_files(case, k, v).items():
        shape = numbers.value.shape
        held_of[name] = saved.read(name, numbers, (*shape[:2], shape[2] * shape[3]))
    return ([held_of[name][number, :s.keys] for number, s in enumerate(case.sequences)]
            for name in ("cached_k", "cached_v"))


def judge(case, run):
    """The largest share of a bound; raises Wrong."""
    saved = Saved(case, run)
    made = whole_run.q_k_v(case)
    q, k, v = (saved.read(name, made[name], token_shape(case, name != "q", *made[name].value.shape[1:]))
               for name in "qkv")
    ranges = [case.key_range(number) for number in range(case.batch)]
    keys, values = [k[rows] for rows in ranges], [v[rows] for rows in ranges]
    if case.cache:
        keys, values = judge_cache(case, saved, k, v)
    files = whole_run.attention_files(case, q, keys, values)
    if case.pipeline == "fused":
        files = {name: files[name] for name in ("lse", "context")}
    if not case.softcap:
        files.pop("softcapped", None)
    context = None
    for name, numbers in files.items():
        shape = numbers.value.shape
        if name == "context":
            shape = (case.query_tokens, -1) if case.packed else (case.batch, case.query_len, -1)
            shape = (*shape[:-1], case.heads * case.value_dim)
        context = saved.read(name, numbers, shape)
    context = context.reshape(case.query_tokens, -1)
    if case.output_dim or case.storage != "f32":
        numbers = whole_run.output_file(case, context)
        columns = numbers.value.shape[1]
        saved.read("output", numbers, (case.query_tokens, columns) if case.packed
                   else (case.batch, case.query_len, columns))
    saved.finish()
    return saved.share


# ---- all of them


def run_case(program, case, name):
    """The largest share of a bound; None: it is not for a matrix unit, and was refused. Raises Wrong and Refused."""
    with program.case(name) as run:
        hand_over_files(case, run)
        for option, value in options_of(case):
            if not (option == "kernel" and program.kernel):
                run.option(option, value)
        if case.unit is not None:
            run.option("math", "stored")
        try:
            run.run()
        except Refused as refusal:
            if case.unit is not None and not case.suits_matrix_unit and refusal.is_of_matrix_units():
                return None
            raise
        if case.unit is not None and not case.suits_matrix_unit:
            raise Wrong("is not refused")
        return judge(case, run)


def describe(case):
    return ", ".join(name for name, there in FEATURES.items() if there(case))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_arguments(parser)
    add_matrix_units(parser)
    parser.add_argument("--cases", type=int, default=200, metavar="N", help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="(%(default)s)")
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="NUMBER", help="the first case (0)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this case alone")
    parser.add_argument("--write", metavar="PAGE", help="put a row into the table of the page")
    return parser.parse_args()


def main():
    options = parse()
    numbers = range(options.first, options.first + options.cases) if options.only is None else [options.only]
    pipeline, options.pipeline = options.pipeline, None  # drawn, or the same for all
    program, failed, refused = Program(options), 0, 0
    program.kernel = options.kernel
    counts, largest = collections.Counter(), collections.defaultdict(float)
    repeat = functools.partial("{} {} {} --seed {} --only {}{}{}{}".format, sys.executable, shlex.quote(sys.argv[0]),
                               shlex.quote(program.path), options.seed)
    for number in numbers:
        case = draw_for_matrix_unit(options.seed, number) if options.matrix_units else draw(options.seed, number, pipeline)
        counts.update(name for name, there in FEATURES.items() if there(case))
        try:
            share = run_case(program, case, f"random-{options.seed}-{number}")
            refused += share is None
            largest[case.pipeline] = max(largest[case.pipeline], share or 0.0)
        except (Wrong, Refused) as error:
            failed += 1
            what = f"refused: {error}" if isinstance(error, Refused) else str(error)
            print(f"FAILED {number}: {what}; {describe(case)}", flush=True)
            print("   ", repeat(number, f" --pipeline {pipeline}" if pipeline else "",
                                f" --kernel {options.kernel}" if options.kernel else "",
                                " --matrix-units" if options.matrix_units else ""), flush=True)
        if (number + 1) % 1000 == 0:
            print(f"{number + 1 - options.first} cases, {failed} failed", flush=True)
    for name in FEATURES:
        print(f"{counts[name]:5} {name}")
    for name, share in sorted(largest.items()):
        print(f"{name}: at most {100 * share:.0f} % of a bound")
    whole = len(numbers) >= ENOUGH_CASES and not pipeline and not options.matrix_units
    never = [name for name in FEATURES if counts[name] == 0] if whole else []
    if never:
        print("never came up:", ", ".join(never))
    passed = len(numbers) - failed - refused
    not_for_it = f"{refused} refused, " if options.matrix_units else ""
    print(f"numpy {np.__version__}, seed {options.seed}, {len(numbers)} cases: {passed} passed, {not_for_it}{failed} failed")
    if options.write:
        marked.renew_row(options.write, "random", (f"{options.seed}{', matrix units' if options.matrix_units else ''}",
                                                   f"{len(numbers) - refused:,}", f"{passed:,}", failed,
                                                   f"{100 * max(largest.values(), default=0):.0f} %", datetime.date.today()))
    return 1 if failed or never else 0


if __name__ == "__main__":
    sys.exit(main())
