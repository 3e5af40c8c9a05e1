"""Runs ONNX's own test cases of the operator RotaryEmbedding, opset 23, through clattn.

usage: onnx_rotary.py PROGRAM [--pipeline P] [--kernel LIST] [--failed FOLDER]

The input becomes q, k and v of `clattn run`, the caches --rotary-cos and --rotary-sin; a case without position_ids has
cosines and sines of each token, so that a token's number is its position. The saved q and k are judged against ONNX's
expectation, by the case's own tolerance, and against the rotation in float64, by 4 units of rounding of the products.
"""
import argparse
import sys
import warnings

import numpy as np
import onnx
from onnx.backend.test.loader import load_node_model_tests

from formula import TINY, U
from program import Program, Refused, Wrong, add_arguments, held

CASES = 8


def load_cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about operators that are not asked for here
        cases = load_node_model_tests()
    return [case for case in cases if "_expanded" not in case.name
            and any(node.op_type == "RotaryEmbedding" for node in case.model.graph.node)]


def rotated(x, cos, sin, interleaved):
    """(batch, heads, tokens, dim) by cosines and sines of (batch, tokens, pairs); and the bound."""
    x, (cos, sin), pairs = x.astype(np.float64), (t.astype(np.float64)[:, None] for t in (cos, sin)), cos.shape[-1]
    first = 2 * np.arange(pairs) if interleaved else np.arange(pairs)
    second = first + (1 if interleaved else pairs)
    value, bound = x.copy(), np.full(x.shape, 2 * TINY)
    a, b = x[..., first], x[..., second]
    value[..., first], value[..., second] = a * cos - b * sin, b * cos + a * sin
    bound[..., first] += 4 * U * (abs(a * cos) + abs(b * sin))
    bound[..., second] += 4 * U * (abs(b * cos) + abs(a * sin))
    return value, bound


def by_head(x, heads):
    return x if x.ndim == 4 else x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def run_case(program, case):
    """The largest share of the bound. Raises Wrong and Refused."""
    (node,), ((given, (expected,)),) = case.model.graph.node, case.data_sets
    attribute = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    x, cos, sin = given[:3]
    batch, tokens = x.shape[0], x.shape[-2]
    ids = given[3] if len(given) > 3 else np.arange(batch * tokens).reshape(batch, tokens)
    cos, sin = (table.reshape(-1, table.shape[-1]) for table in (cos, sin))
    heads = attribute.get("num_heads", 0) or x.shape[1]
    with program.case(case.name) as run:
        for name, array in (("q", x), ("k", x), ("v", x), ("rotary-cos", cos), ("rotary-sin", sin),
                            ("position-ids", ids), ("key-position-ids", ids)):
            run.file(name, array)
        run.option("rotary", "interleaved" if attribute.get("interleaved", 0) else "halves")
        run.option("rotary-dim", 2 * cos.shape[1])
        if x.ndim == 3:
            run.option("heads", heads)
        run.run()
        value, bound = rotated(by_head(x, heads), cos[ids], sin[ids], attribute.get("interleaved", 0))
        shares = []
        for name in "qk":
            got = by_head(run.result(name, x.shape), heads)
            shares.append(held(name, got, value, bound, "float64"))
            wanted = by_head(expected, heads).astype(np.float64)
            held(name, got, wanted, case.atol + case.rtol * abs(wanted), "ONNX's expectation")
        return max(shares)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_arguments(parser)
    program, cases, failed = Program(parser.parse_args()), load_cases(), 0
    for case in cases:
        try:
            print(f"passed  {case.name}: {100 * run_case(program, case):.0f} % of the bound", flush=True)
        except (Wrong, Refused) as error:
            failed += 1
            print(f"FAILED  {case.name}: {error}\n        {program.repeat_line(case.name)}", flush=True)
    print(f"{len(cases)} cases: {failed} failed")
    if len(cases) != CASES:
        print(f"the package has {len(cases)} cases instead of {CASES}")
    return 0 if not failed and len(cases) == CASES else 1


if __name__ == "__main__":
    sys.exit(main())
