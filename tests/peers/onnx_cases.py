"""Runs ONNX's own test cases of the operator Attention, opsets 23 to 25, through clattn.

usage: onnx_cases.py PROGRAM [--pipeline P] [--kernel LIST] [--matrix-units] [--only SUBSTRING] [--list] [--failed FOLDER]

Each case becomes files and options of `clattn run`. Each output that the case has is judged twice:
  - against ONNX's expectation: by the case's own tolerance in float32; in float16 and bfloat16, where ONNX computed
    it in that precision, by LOOSE, to be sure that the meaning is the same;
  - against the formula in float64 on the same inputs (formula.py), by the bound of float arithmetic, with one more
    rounding for results stored in 16 bits, and for weights where these are rounded. The first alone would let a scale
    pass that is off by 0.1 %.
present_key and present_value must be exact. The attribute softmax_precision is not handed on: the program computes in
float, which is at least as precise as what the cases ask for, except one that asks for double and is judged in float.

The cases are loaded from the package, whose random numbers are seeded; the `_expanded` ones, the same as graphs of
simple operators, are left out. Not tested here: projections, and all that ONNX does not have (ALiBi, sinks, rotary
positions, ...).
"""
import argparse
import os
import sys
import warnings

import numpy as np
import onnx
from onnx.backend.test.loader import load_node_model_tests

import formula
from program import (MATRIX_UNITS, Program, Refused, Wrong, add_arguments, add_matrix_units, held, merge_heads, split_heads,
                     widened)

CASES = 93
REFUSED = {}  # name: reason, for what the program is known to refuse; every other refusal is a failure
STORAGE = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}
LOOSE = {"f16": 2e-3, "bf16": 2e-2}
INPUTS = ["q", "k", "v", "mask", "past_k", "past_v", "lengths"]
OUTPUTS = ["context", "present_k", "present_v", "qk"]
QK_MODES = ["scaled", "softcapped", "scores", "weights"]
ATTRIBUTES = {"scale": None, "softcap": 0.0, "is_causal": 0, "q_num_heads": None, "kv_num_heads": None,
              "left_window_size": -1, "right_window_size": -1, "qk_matmul_output_mode": 0, "softmax_precision": None}


def load_cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about operators that are not asked for here
        cases = load_node_model_tests()
    cases = [case for case in cases if any(node.op_type == "Attention" for node in case.model.graph.node)]
    return [OnnxCase(case) for case in cases if "_expanded" not in case.name]


class OnnxCase:
    """One case: attributes with defaults, inputs and expected outputs by our names, None where they are absent."""

    def __init__(self, case):
        (node,), ((given, expected),) = case.model.graph.node, case.data_sets
        self.name = case.name.removeprefix("test_attention_")
        self.rtol, self.atol = case.rtol, case.atol
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        unknown = set(attributes) - set(ATTRIBUTES)
        if unknown:
            raise SystemExit(f"{case.name}: attribute {', '.join(unknown)} is not known here")
        self.attribute = argparse.Namespace(**{**ATTRIBUTES, **attributes})
        self.input = by_position(INPUTS, node.input, given)
        self.expected = by_position(OUTPUTS, node.output, expected)
        self.storage = STORAGE[self.input["q"].dtype.name]

    def heads(self):
        """Of the queries, and of keys and values."""
        if self.input["q"].ndim == 4:
            return self.input["q"].shape[1], self.input["k"].shape[1]
        return self.attribute.q_num_heads, self.attribute.kv_num_heads

    def offset(self):
        """Key position of query 0: behind the past, or so that the last query sees a batch's last key, or 0."""
        if self.input["past_k"] is not None:
            return self.input["past_k"].shape[2]
        if self.input["lengths"] is not None:
            return self.input["lengths"].reshape(-1) - self.input["q"].shape[-2]
        return 0

    def qk_name(self):
        """Our name of qk_matmul_output. Mode 1 without a softcap is the scaled product."""
        name = QK_MODES[self.attribute.qk_matmul_output_mode]
        return "scaled" if name == "softcapped" and self.attribute.softcap == 0 else name


def by_position(names, slots, arrays):
    """The case leaves out absent inputs; their slots have an empty name."""
    arrays = iter(arrays)
    found = {name: next(arrays) for name, slot in zip(names, slots) if slot}
    return {name: found.get(name) for name in names}


def hand_over(onnx_case, run):
    """Files and options for `clattn run`."""
    given, attribute = onnx_case.input, onnx_case.attribute
    for name in ("q", "k", "v", "mask"):
        if given[name] is not None:
            run.file(name, given[name])
    run.option("type", onnx_case.storage)
    if given["q"].ndim == 3:
        run.option("heads", attribute.q_num_heads)
        run.option("kv-heads", attribute.kv_num_heads)
    if attribute.scale is not None:
        run.option("scale", repr(attribute.scale))
    if attribute.softcap:
        run.option("softcap", repr(attribute.softcap))
    if attribute.is_causal:
        run.option("causal")
    for side in ("left", "right"):
        size = getattr(attribute, f"{side}_window_size")
        if size >= 0:
            run.option(f"window-{side}", size)
    hand_over_cache(onnx_case, run)


def hand_over_cache(onnx_case, run):
    """Where the keys come from, and where the queries stand among them if that matters."""
    given, attribute, align = onnx_case.input, onnx_case.attribute, None
    if given["lengths"] is not None:
        run.option("key-lengths", ",".join(str(n) for n in given["lengths"].reshape(-1)))
        align = "bottom-right"
    elif given["past_k"] is not None:
        run.file("past-k", given["past_k"])
        run.file("past-v", given["past_v"])
        run.option("cache-capacity", given["past_k"].shape[2] + given["k"].shape[-2])
        if run.program.in_matrix_units:
            run.option("cache-type", onnx_case.storage)
    if align is not None and (attribute.is_causal or max(attribute.left_window_size, attribute.right_window_size) >= 0):
        run.option("align", align)


def truth_of(onnx_case, rounded):
    """The formula on the case's inputs, with ONNX's rules of who sees what. `rounded`: the type of rounded weights."""
    given, attribute = onnx_case.input, onnx_case.attribute
    heads, kv_heads = onnx_case.heads()
    q, k, v = (heads_first(given["q"], heads), heads_first(given["k"], kv_heads), heads_first(given["v"], kv_heads))
    if given["past_k"] is not None:
        k = np.concatenate([widened(given["past_k"]), k], axis=2)
        v = np.concatenate([widened(given["past_v"]), v], axis=2)
    seen = formula.visible(q.shape[0], q.shape[2], k.shape[2], offset=onnx_case.offset(), causal=attribute.is_causal,
                           left=attribute.left_window_size, right=attribute.right_window_size, lengths=given["lengths"])
    bias = np.where(seen, 0.0, -np.inf)
    if given["mask"] is not None:
        bias = bias + formula.additive(given["mask"], (*q.shape[:3], k.shape[2]))
    truth = formula.attention(q, k, v, scale=attribute.scale, softcap=attribute.softcap, bias=bias, rounded=rounded)
    truth.tensors.update(present_k=k, present_v=v)
    return truth


def heads_first(array, heads):
    array = widened(array)
    return array if array.ndim == 4 else split_heads(array, heads)


def judge(onnx_case, run):
    """Every output of the case that the pipeline keeps; the largest share of a bound of the formula. Raises Wrong."""
    truth, shares = truth_of(onnx_case, onnx_case.storage if run.program.in_matrix_units else None), []
    for output, expected in onnx_case.expected.items():
        if expected is None or (output == "qk" and not run.program.keeps_scores):
            continue
        name = onnx_case.qk_name() if output == "qk" else output
        storage = onnx_case.storage if name == "context" else "f32"
        exact, bound, expected = truth.tensors[name], truth.bounds.get(name, 0.0), widened(expected)
        if name == "context":
            exact, bound = merge_heads(exact), merge_heads(bound)
            expected = expected if expected.ndim == 3 else merge_heads(expected)
        if name.startswith("present"):  # saved as (batch, keys, heads * dim)
            saved = name.replace("present", "cached")
            got = split_heads(run.result(saved, merge_heads(exact).shape), exact.shape[1])
            held(name, got, exact, bound, "the inputs")
            held(name, got, expected, 0.0, "ONNX's expectation")
        else:
            got = run.result(name, exact.shape, storage)
            shares.append(held(name, got, exact, formula.stored_bound(bound, exact, storage), "the formula"))
            held(name, got, expected, tolerance(onnx_case, expected), "ONNX's expectation")
    return max(shares)


def tolerance(onnx_case, expected):
    size = np.where(np.isinf(expected), 0, abs(expected))
    if onnx_case.storage == "f32":
        return onnx_case.atol + onnx_case.rtol * size
    return LOOSE[onnx_case.storage] * (1 + size)


def run_case(program, onnx_case, unit):
    """(word of the verdict, what to say about it). `unit`: the number of a matrix unit, or None."""
    run = program.case(onnx_case.name)
    to_be_refused = onnx_case.name in REFUSED or (unit is not None and onnx_case.storage == "f32")
    try:
        with run:
            hand_over(onnx_case, run)
            if unit is not None:
                run.choose_matrix_unit(unit, onnx_case.storage)
            run.run()
            share = judge(onnx_case, run)
            if to_be_refused:
                raise Wrong("passes, but should be refused")
            return "passed", f"{100 * share:.0f} % of the bound"
    except Refused as refusal:
        if unit is not None and to_be_refused and refusal.is_of_matrix_units():
            return "refused", "it has floats"
        if unit is None and to_be_refused:
            return "refused", f"{refusal} ({REFUSED[onnx_case.name]})"
        return "FAILED", f"refused, and should not be, or for another reason: {refusal}"
    except Wrong as wrong:
        return "FAILED", f"{wrong}\n        {program.repeat_line(onnx_case.name)}"


def ways(program, cases):
    """Cases with the numbers of their matrix units: every other with one, with CLATTN_LONG=1 each with all; or with
    None."""
    if not program.in_matrix_units:
        return [(case, None) for case in cases]
    stored = [case for case in cases if case.storage != "f32"]
    floats = [(case, 0) for case in cases if case.storage == "f32"][:1]  # one shows that they are refused
    if os.environ.get("CLATTN_LONG") == "1":
        return [(case, unit) for case in stored for unit in range(MATRIX_UNITS)] + floats
    return [(case, number) for number, case in enumerate(stored[::2])] + floats


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_arguments(parser)
    add_matrix_units(parser)
    parser.add_argument("--only", default="", metavar="SUBSTRING", help="cases whose name contains it")
    parser.add_argument("--list", action="store_true", help="only name the cases")
    options = parser.parse_args()
    cases = load_cases()
    chosen = [case for case in cases if options.only in case.name]
    if options.list:
        print("\n".join(case.name for case in chosen))
        return 0
    program, count = Program(options), {"passed": 0, "refused": 0, "FAILED": 0}
    for case, unit in ways(program, chosen):
        word, text = run_case(program, case, unit)
        count[word] += 1
        print(f"{word:7} {case.name}: {text}", flush=True)
    print(f"{sum(count.values())} cases: {count['passed']} passed, {count['refused']} refused, {count['FAILED']} failed")
    if len(cases) != CASES:
        print(f"the package has {len(cases)} cases instead of {CASES}")
    return 0 if chosen and not count["FAILED"] and len(cases) == CASES else 1


if __name__ == "__main__":
    sys.exit(main())
