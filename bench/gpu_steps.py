"""The steps of bench/gpu: what is asked of the program, and what the report keeps of the answers.

A step gets its share of the time that is left, so what one does not need is the next ones'. A command that crashes,
hangs or refuses costs its own result only.
"""
import json
import pathlib
import re
import sys
import time

import gpu_inputs

# What a step gets at least, because a driver takes seconds to compile. A short run has no time for the last steps.
LEAST_SECONDS = 6
# A run that takes this share of the whole time, and this many seconds, hangs.
HANGS, LEAST_HANG = 1 / 8, 10

HEAD_DIMS = (64, 128)
TYPES = ("f32", "f16")
# How attention is stored, and multiplied: --type and --math. "matrix unit" is math stored with the kernel fused=matrix.
KINDS = (("f32", "float"), ("f16", "float"), ("f16", "stored"), ("f16", "matrix unit"))
MATH = {"float": ("--math", "float"), "stored": ("--math", "stored"),
        "matrix unit": ("--math", "stored", "--kernel", "fused=matrix")}
IN_WORDS = {"float": "", "stored": " in half arithmetic", "matrix unit": " in the matrix unit"}
LENGTHS = (512, 1024, 2048, 4096, 8192)
# Checking takes the processor seconds: the shortest runs are checked, and the longest, which are cut into pieces.
CHECKED = (LENGTHS[0], LENGTHS[-1])
TUNED_LENGTHS = (512, 2048, 4096)
# (tokens, model_dim, heads, head_dim)
PROJECTIONS = ((512, 512, 8, 64), (2048, 512, 8, 64), (2048, 1024, 8, 128), (4096, 4096, 32, 128))
# (sequences, keys): what caches hold, and what they do not
DECODES = ((1, 4096), (1, 65536), (16, 4096))
CACHE_BYTES = {"f32": 4, "f16": 2, "i8-token": 1}
STAGES = ("fused", "project", "scores", "softmax", "context")
# Name -> stage and options. In half arithmetic, and in matrix units, fused multiplies what is stored.
LADDERS = {**{stage: (stage,) for stage in STAGES}, "fused, halves": ("fused", "--type", "f16", "--math", "stored")}
# The first of these matter most. A record also applies from half to twice its length.
TUNED = (("fused", 2048), ("fused", 512), *((stage, 2048) for stage in STAGES[1:]))
# The ladder's first kernels are slow: only fast devices climb it with many tokens. (multiply-adds per second, tokens)
LADDER_TOKENS = ((4e12, 2048), (1e12, 1024), (0, 512))
# PyTorch rounds weights to f16, or multiplies in TF32: results of about 1 may differ by this.
AGREES = 5e-3
BACKENDS = ("flash", "cudnn", "efficient")
# No kernel can be faster than the multiply-adds: above this share, one of both was disturbed.
MOST_SHARE = 1.05

# Small problems that together use every feature. 70 tokens are no multiple of any tile.
SMALL = ("--random", "--model-dim", "128", "--heads", "4")
FEATURES = {
    "plain": (), "causal": ("--causal",), "one query": ("--tokens", "1", "--key-tokens", "300"),
    "stored as f16": ("--type", "f16"), "stored as bf16": ("--type", "bf16"), "grouped heads": ("--kv-heads", "2"),
    "heads of 40, values of 72": ("--head-dim", "40", "--value-dim", "72"), "heads of 128": ("--head-dim", "128"),
    "more keys, bottom-right": ("--key-tokens", "101", "--causal", "--align", "bottom-right"),
    "window": ("--window-left", "9", "--window-right", "3"), "softcap": ("--softcap", "5"),
    "ALiBi": ("--alibi", "auto", "--causal"), "mask": ("--mask", "{folder}/mask.npy"),
    "sinks": ("--sinks", "{folder}/sinks.npy"), "padding": ("--batch", "3", "--key-lengths", "70,0,33"),
    "packed": ("--query-offsets", "0,3,70", "--key-offsets", "0,3,70", "--causal"),
    "rotary, halves": ("--rotary", "halves"), "rotary, interleaved": ("--rotary", "interleaved", "--rotary-dim", "16"),
    "sinusoidal positions": ("--positions", "sinusoidal"), "output projection": ("--output-dim", "48"),
    "transposed matrices": ("--layout", "xwt"),
    "cache with pages": ("--past-tokens", "50", "--cache-capacity", "128", "--cache-page-len", "16"),
    "cache of f16": ("--past-tokens", "50", "--cache-capacity", "128", "--cache-type", "f16"),
    "cache of i8": ("--past-tokens", "50", "--cache-capacity", "128", "--cache-type", "i8-token"),
    "decoding from a cache of i8": ("--tokens", "1", "--past-tokens", "299", "--cache-capacity", "300", "--cache-type",
                                    "i8-token"),
    "8 sequences": ("--batch", "8", "--causal"),
}


class Step:
    """What one step found. `left_out` says what was not measured, `failed` what crashed or did not answer."""

    def __init__(self, seconds, subject):
        self.started, self.limit = time.monotonic(), seconds
        self.commands, self.private = subject.commands, subject.private
        self.results, self.left_out, self.failed, self.note = [], [], [], None

    def left(self):
        """The seconds that are left."""
        return 0 if self.commands.stopped else max(0, self.started + self.limit - time.monotonic())

    def leave_out(self, what, why=None):
        """why: no time, unless it is given."""
        why = why or ("the run was interrupted" if self.commands.stopped else "no time left")
        self.left_out.append({"what": what, "why": self.private.text(why)})

    def fail(self, what, how, output):
        self.failed.append({"what": what, "how": self.private.text(how), "output": self.private.text(output)})

    def report(self):
        return {"seconds": round(time.monotonic() - self.started, 1), "limit": round(self.limit, 1), "note": self.note,
                "results": self.private.all(self.results), "left_out": self.left_out, "failed": self.failed}


class Subject:
    """The program and the device that are measured."""

    def __init__(self, program, commands, environment, folder, private, seconds):
        self.program, self.commands, self.environment = program, commands, environment
        self.folder, self.private, self.seconds = folder, private, seconds
        self.choice = []  # of the device, as the program's arguments
        self.name = None  # of the device
        self.multiplies_halves = None  # not known yet
        self.version = None  # of clattn
        self.peaks = {"multiply_add": None, "local": None, "matrix_f16": None, "matrix_bf16": None, "read": []}
        self.tuning = folder / "tuning.json"

    def call(self, arguments, limit, tuned=False):
        environment = {**self.environment, "CLATTN_TUNING_FILE": str(self.tuning)} if tuned else self.environment
        return self.commands.execute([self.program, *arguments, *self.choice], limit, environment)

    def ask(self, step, what, arguments, take, may_hang=True, tuned=False):
        """What `take` makes of the JSON that the program answers with, or None; then the step says why."""
        left = step.left()
        if left < 0.5:
            return step.leave_out(what)
        limit = min(left, max(LEAST_HANG, HANGS * self.seconds)) if may_hang else left
        outcome = self.call([*arguments, "--json"], limit, tuned)
        if outcome.code is None and (limit == left or self.commands.stopped):
            return step.leave_out(what)
        if outcome.code == 2:  # the device has too little memory, or the library was built without something
            return step.leave_out(what, outcome.message())
        if outcome.code not in (0, 1):
            return step.fail(what, outcome.how(), outcome.last_words())
        try:
            answer = json.loads(outcome.output)
            self.version = answer["version"]
            return take(answer)
        except (ValueError, LookupError, TypeError, ArithmeticError, StopIteration) as reason:
            how = f"{outcome.how()}, but its answer cannot be used: {type(reason).__name__}: {reason}"
            return step.fail(what, how, outcome.last_words())

    def take_peaks(self, answer):
        """The peaks in a ladder. Of several measurements the highest is nearest to what the device can do."""
        found = answer["peaks"]
        rates = {name: found[name]["best"] for name in ("multiply_add", "local", "read", "copy", "strided")}
        units = {name: found[name]["best"] if found[name] else None for name in ("matrix_f16", "matrix_bf16")}
        for name in ("multiply_add", "local"):
            self.peaks[name] = max(self.peaks[name] or 0, rates[name]) or None
        for name, rate in units.items():
            self.peaks[name] = max(self.peaks[name] or 0, rate or 0) or None
        self.peaks["read"].append({"working_set": found["working_set"], "bytes_per_second": rates["read"]})
        return {"working_set": found["working_set"], **rates, **units}

    def share_of(self, peak, gflops):
        return gflops * 1e9 / self.peaks[peak] if self.peaks[peak] else None

    def of_read(self, size, bytes_per_second):
        """Relative to reading about as many bytes, because caches hold small sets: the share, and those bytes."""
        near = [read for read in self.peaks["read"] if size / 4 <= read["working_set"] <= size * 4]
        if not near:
            return None, None
        read = min(near, key=lambda one: max(one["working_set"] / size, size / one["working_set"]))
        return bytes_per_second / read["bytes_per_second"], read["working_set"]


def timed(answer, stage=None):
    """What the report keeps of a timed run: of one stage, or of all together."""
    timings, check = answer["timings"], answer["check"]
    own = [one for one in answer["stages"] if stage in (None, one["stage"])]
    main = own[-1] if stage else next(one for one in own if one["stage"] == "fused")
    tensors = check["tensors"] if check else []
    seconds = sum(one["seconds"] for one in own)
    if seconds <= 0:
        raise ValueError("the run took no time")
    return {"kernel": main["kernel"], "launches": main["launches"], "seconds": seconds,
            "runs": timings["runs"], "from_events": timings["from_events"], "disturbed": timings["disturbed"],
            "of_bound": max((one["ratio"] for one in tensors), default=None),
            "passed": check["passed"] if check else None}


def checked(answer):
    """What the report keeps of a checked run."""
    worst = max(answer["check"]["tensors"], key=lambda one: one["ratio"])
    return {"passed": answer["check"]["passed"], "tensor": worst["tensor"], "of_bound": worst["ratio"],
            "kernels": [f"{one['stage']}:{one['kernel']}" for one in answer["stages"]]}


# ---- the steps


def self_tests(subject, step):
    """Every kernel on a small problem, as `clattn doctor` tests it."""
    outcome = subject.call(["doctor"], step.left())
    row = r"^    (\w+) +(?:(\d+) )?(\w+) +(right|WRONG|cannot run|not tested) +(.*)$"
    for stage, rung, kernel, word, said in re.findall(row, outcome.output, re.M):
        step.results.append({"stage": stage, "kernel": kernel, "rung": int(rung) if rung else None, "outcome": word,
                             "said": re.sub(" {2,}", ", ", said)})
    if outcome.code is None:
        last = step.results[-1] if step.results else {"stage": "no", "kernel": "kernel"}
        step.leave_out(f"the kernels after {last['stage']} {last['kernel']}")
    elif outcome.code not in (0, 1) or not step.results:
        step.fail("clattn doctor", outcome.how(), outcome.last_words())


def features(subject, step):
    """Every feature at a small size, each result against the reference, in both pipelines."""
    gpu_inputs.write_npy(subject.folder / "mask.npy", "|b1", (70, 70),
                         bytes((i // 70 * 7 + i) % 3 > 0 for i in range(70 * 70)))
    gpu_inputs.write_npy(subject.folder / "sinks.npy", "<f4", (4,), gpu_inputs.numbers("q", "f32", 4))
    for pipeline in ("fused", "staged"):
        for name, arguments in FEATURES.items():
            arguments = [argument.format(folder=subject.folder) for argument in arguments]
            if "--tokens" not in arguments:
                arguments += ["--tokens", "70"]
            what = f"{name}, {pipeline}"
            result = subject.ask(step, what, ["run", *SMALL, *arguments, "--pipeline", pipeline, "--check", "full",
                                              "--repeat", "1"], checked)
            if result:
                step.results.append({"feature": name, "pipeline": pipeline, **result})


def peaks(subject, step):
    """What the device can do at most: multiply-adds, local memory, reading few and many bytes."""
    for what, tokens in (("multiply-adds, local memory, reading few bytes", 256), ("reading many bytes", 2048)):
        result = subject.ask(step, what, ["ladder", "softmax", "--tokens", str(tokens)], subject.take_peaks,
                             may_hang=False)
        if result:
            step.results.append(result)


def kind_name(case):
    return f"heads of {case['head_dim']}, {case['type']}" + \
        f"{IN_WORDS[case['math']]}{', causal' if case['causal'] else ''}"


def attention_case(tokens, head_dim, dtype, math, causal):
    case = {"head_dim": head_dim, "type": dtype, "math": math, "causal": causal}
    return {"name": f"N {tokens}, {kind_name(case)}", "batch": 1, "heads": 8, "queries": tokens, "keys": tokens, **case}


def operations(case):
    """2 for each multiply-add that is needed: causal cases count only what a query sees."""
    n = case["queries"]
    return 4 * case["heads"] * (n * (n + 1) // 2 if case["causal"] else n * n) * case["head_dim"]


def result_file(subject, case):
    """Where clattn's result of a case is kept, which PyTorch's is held against; None for all but the shortest."""
    name = f"{case['head_dim']}-{case['type']}-{case['math']}-{case['causal']}.npy"
    return str(subject.folder / name) if case["queries"] == LENGTHS[0] else None


NO_UNIT = "no matrix unit was measured"
NO_HALVES = "the device, or the kernel of the plan, has no half arithmetic"


def attend(subject, step, case, seconds, tuned=False):
    """Times attention from q, k and v. seconds: what a run is expected to take."""
    if case["math"] == "matrix unit" and not subject.peaks["matrix_f16"]:
        return step.leave_out(case["name"], NO_UNIT)
    if case["math"] == "stored" and subject.multiplies_halves is False:
        return step.leave_out(case["name"], NO_HALVES)
    repeats = 10 if seconds < 0.2 else 3
    if seconds * (repeats + 1) + 0.5 > step.left():
        return step.leave_out(case["name"])
    gpu_inputs.write_case(case, subject.folder)
    arguments = ["run", "--pipeline", "fused", "--type", case["type"], *MATH[case["math"]], "--repeat", str(repeats),
                 "--check", "sample" if case["queries"] in CHECKED and not tuned else "off"]
    for name in gpu_inputs.SEEDS:
        arguments += [f"--{name}", str(subject.folder / f"{name}.npy")]
    if case["causal"]:
        arguments.append("--causal")
    if result_file(subject, case):
        arguments += ["--context-order", "heads", "--out", result_file(subject, case)]
    result = subject.ask(step, case["name"], arguments, lambda answer: {
        **timed(answer), "tuned": answer["plan"]["tuned"], "half_products": answer["plan"]["half_products"],
        "gflops": operations(case) / timed(answer)["seconds"] / 1e9}, tuned=tuned)
    if result and case["math"] == "stored":
        subject.multiplies_halves = result["half_products"]
        if not result["half_products"]:
            return step.leave_out(case["name"], NO_HALVES)
    if result:
        step.results.append({"name": case["name"], "tokens": case["queries"],
                             **{name: case[name] for name in ("heads", "head_dim", "type", "math", "causal")}, **result})
    return result


def attention_cases(lengths, kinds):
    for tokens in lengths:
        for head_dim in HEAD_DIMS:
            for dtype, math in kinds:
                for causal in (False, True):
                    yield attention_case(tokens, head_dim, dtype, math, causal)


def fused(subject, step):
    """Attention from q, k and v, in the pipeline that plans take, with default kernels."""
    rates = {}
    for case in attention_cases(LENGTHS, KINDS):
        rate = rates.get(case["head_dim"])
        result = attend(subject, step, case, operations(case) / rate if rate else 0)
        if result:
            rates[case["head_dim"]] = 1e9 * result["gflops"]


def sdpa(subject, step, measured):
    """PyTorch's scaled_dot_product_attention on the same GPU, for the cases that were measured, by each backend."""
    if not measured:
        step.note = "clattn measured no case to compare with"
        return
    names = [one["name"] for one in measured]
    cases = [{**case, "result": result_file(subject, case)} for case in attention_cases(LENGTHS, KINDS)
             if case["name"] in names]
    (subject.folder / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
    for place, backend in enumerate(BACKENDS):
        if step.note is not None:
            return
        sdpa_by(backend, subject, step, {one["name"]: one for one in measured}, step.left() / (len(BACKENDS) - place))


def sdpa_by(backend, subject, step, measured, limit):
    worker, cases = pathlib.Path(__file__).resolve().parent / "gpu_torch.py", subject.folder / "cases.json"
    command = [sys.executable, str(worker), backend, subject.name, str(cases)]
    outcome = subject.commands.execute(command, limit, subject.environment)
    lines = [json.loads(line) for line in outcome.output.split("\n")[:-1] if line.startswith("{")]
    if lines and "missing" in lines[0]:
        step.note = subject.private.text(lines[0]["missing"])
        return
    about, missing = lines[0] if lines else {}, dict(measured)
    for line in lines[1:]:
        ours = missing.pop(line["case"])
        if "failed" in line:
            step.leave_out(f"{backend}: {line['case']}", line["failed"])
            continue
        differs = line["difference"]
        step.results.append({"backend": backend, **about, "name": ours["name"], "seconds": line["seconds"],
                             "gflops": ours["gflops"] * ours["seconds"] / line["seconds"],
                             "times": line["seconds"] / ours["seconds"], "difference": differs,
                             "agrees": None if differs is None else differs <= AGREES})
    if outcome.code is not None and missing:
        step.fail(f"PyTorch, {backend}", outcome.how(), outcome.last_words())
    for name in missing:
        step.leave_out(f"{backend}: {name}", None if outcome.code is None else "its process ended before")


def projections(subject, step):
    """X·Wq, X·Wk and X·Wv."""
    rate = None
    for tokens, model_dim, heads, head_dim in PROJECTIONS:
        for dtype in TYPES:
            what = f"{tokens}x{model_dim}x{heads * head_dim}, {dtype}"
            flops = 3 * 2 * tokens * model_dim * heads * head_dim
            if rate and 4 * flops / rate + 0.5 > step.left():
                step.leave_out(what)
                continue
            result = subject.ask(step, what, [
                "run", "--random", "--pipeline", "fused", "--tokens", str(tokens), "--model-dim", str(model_dim),
                "--heads", str(heads), "--head-dim", str(head_dim), "--type", dtype,
                "--check", "sample" if tokens in CHECKED else "off"], lambda answer: timed(answer, "project"))
            if result:
                rate = flops / result["seconds"]
                step.results.append({"name": what, "tokens": tokens, "model_dim": model_dim,
                                     "columns": heads * head_dim, "type": dtype, **result, "gflops": rate / 1e9})


def decode(subject, step):
    """One query of each sequence on the keys and values of a cache."""
    for batch, keys in DECODES:
        for head_dim in HEAD_DIMS:
            for dtype, size in CACHE_BYTES.items():
                what = f"{batch} x {keys} keys, heads of {head_dim}, {dtype}"
                result = subject.ask(step, what, [
                    "run", "--random", "--pipeline", "fused", "--batch", str(batch), "--tokens", "1",
                    "--past-tokens", str(keys - 1), "--cache-capacity", str(keys), "--cache-type", dtype,
                    "--model-dim", "512", "--heads", "8", "--head-dim", str(head_dim), "--repeat", "10",
                    "--check", "sample" if (batch, keys) == DECODES[0] else "off"],
                                     lambda answer: timed(answer, "fused"))
                if result:
                    count = 2 * batch * keys * 8 * head_dim * size
                    step.results.append({"name": what, "batch": batch, "keys": keys, "head_dim": head_dim,
                                         "type": dtype, **result, "bytes": count,
                                         "gbytes_per_second": count / result["seconds"] / 1e9})


MEASURED = ("seconds", "gflops", "gbytes_per_second", "of_matrix_unit")  # of a rung


def climbed(rung):
    """What the report keeps of a rung."""
    measured = rung["measured"] or dict.fromkeys(MEASURED)
    kept = {name: rung[name] for name in ("rung", "kernel", "target", "state", "reason", "limit", "predicted_seconds")}
    return {**kept, **{name: measured[name] for name in MEASURED}}


def ladder(subject, step):
    """Each rung of the course, checked, timed and compared with what it should reach."""
    peak = subject.peaks["multiply_add"] or 0
    tokens = next(tokens for least, tokens in LADDER_TOKENS if peak >= least)
    for name, arguments in LADDERS.items():
        def take(answer):
            subject.take_peaks(answer)
            return [climbed(rung) for rung in answer["stages"][0]["rungs"]]

        rungs = subject.ask(step, f"{name}, {tokens} tokens", ["ladder", *arguments, "--tokens", str(tokens)], take,
                            may_hang=False)
        step.results += [{"stage": name, "tokens": tokens, **rung} for rung in rungs or []]


def tune(subject, step):
    """`clattn tune --quick`: the fastest kernels and tile sizes. The record is the report's own."""
    for stage, tokens in TUNED:
        what = f"{stage}, {tokens} tokens"
        if step.left() < 1:
            step.leave_out(what)
            continue
        outcome = subject.call(["tune", "--quick", "--stage", stage, "--tokens", str(tokens),
                                "--file", str(subject.tuning)], step.left())
        if outcome.code is None:
            step.leave_out(f"{what}: what was not tried yet")
        elif outcome.code == 2:
            step.leave_out(what, outcome.message())
        elif outcome.code != 0:
            step.fail(f"clattn tune --stage {stage} --tokens {tokens}", outcome.how(), outcome.last_words())
    if subject.tuning.is_file():
        entries = json.loads(subject.tuning.read_text(encoding="utf-8"))["entries"]
        step.results += [{name: entry[name] for name in ("stage", "type", "head_dim", "query_len", "key_len", "kernel",
                                                         "gflops", "standard", "standard_gflops")} for entry in entries]


def fused_tuned(subject, step, tuning, measured):
    """Attention from q, k and v once more, with the kernels that tuning found."""
    if not any(one["stage"] == "fused" and one["kernel"] != one["standard"] for one in tuning):
        step.note = "tuning found no faster fused kernel"
        return
    known = {one["name"]: one["seconds"] for one in measured}
    for case in attention_cases(TUNED_LENGTHS, KINDS[:1]):
        attend(subject, step, case, known.get(case["name"], 0), tuned=True)


# ---- all of them

# Name, share of the time, and what it needs besides the subject and its step: results of other steps.
STEPS = (("peaks", 3, peaks, ()), ("self_tests", 6, self_tests, ()), ("features", 5, features, ()),
         ("fused", 8, fused, ()), ("sdpa", 4, sdpa, ("fused",)), ("projections", 2, projections, ()),
         ("decode", 3, decode, ()), ("ladder", 5, ladder, ()), ("tune", 8, tune, ()),
         ("fused_tuned", 3, fused_tuned, ("tune", "fused")))


def take_all(subject, until, say):
    """Name -> what the report keeps of a step, in order."""
    steps, reports = {}, {}
    for place, (name, share, work, needs) in enumerate(STEPS):
        left = max(0, until - time.monotonic())
        part = left * share / sum(one[1] for one in STEPS[place:])
        step = steps[name] = Step(min(left, max(LEAST_SECONDS, part)), subject)
        if not subject.commands.stopped:
            say(name, step)
        work(subject, step, *(steps[one].results for one in needs))
        reports[name] = step.report()
    return reports


def add_shares(subject, steps):
    """Adds what each result reaches of the device's limits, when all measurements of these are there."""
    for name in ("fused", "fused_tuned", "projections"):
        for one in steps[name]["results"]:
            on_unit = one.get("math") == "matrix unit"
            share = subject.share_of("matrix_f16" if on_unit else "multiply_add", one["gflops"])
            one["of_multiply_add"], one["of_matrix_unit"] = (None, share) if on_unit else (share, None)
            if (share or 0) > MOST_SHARE:
                one["disturbed"] = one["disturbed"] or "faster than the measured multiply-adds; the device was not idle"
    for one in steps["decode"]["results"]:
        one["of_read"], one["working_set"] = subject.of_read(one["bytes"], 1e9 * one["gbytes_per_second"])
    for one in steps["ladder"]["results"]:
        # Rungs on a matrix unit have a peak of their own, which the ladder compared them with.
        on_unit = one["of_matrix_unit"] is not None
        one["of_multiply_add"] = subject.share_of("multiply_add", one["gflops"]) if one["gflops"] and not on_unit else None


def faults(steps):
    """What must not be: wrong results, crashes. One line each."""
    for name, step in steps.items():
        yield from (f"{name}: {one['what']}: {one['how']}" for one in step["failed"])
        for one in step["results"]:
            wrong = (one.get("outcome") == "WRONG" or one.get("passed") is False or one.get("state") == "wrong"
                     or one.get("agrees") is False)
            if wrong:
                what = one.get("name") or one.get("feature") or f"{one['stage']} {one['kernel']}"
                what = f"{one['backend']}, {what}" if "backend" in one else what
                yield f"{name}: {what}: wrong"
