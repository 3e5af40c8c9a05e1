"""Puts the worst errors of fused=matrix beside those of PyTorch's flash attention for CPUs, on the same numbers.

usage: worst_errors.py PROGRAM [--only TYPE] [--write PAGE]

Prints a table, or puts it into the page between the marks of `worst-errors`. One head of normally distributed numbers
that the type holds; the truth is the formula in float64 (formula.py). In columns, each with the share of elements that are
not the truth rounded to the type: fused=register in float; fused=matrix, whose unit is NVIDIA's m16n8k16 in plain OpenCL
C; torch, which must take its flash path. Then the worst error of fused=matrix before it is stored, and what gate 2 of the
program's check allows then.
"""
import argparse
import pathlib
import sys

import numpy as np
import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

import formula
from program import Program, stored

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import marked

TORCH_TYPES = {"f16": torch.float16, "bf16": torch.bfloat16}
KERNELS = {"float": ("fused=register", "float"), "matrix": ("fused=matrix:MATRIX_UNIT=2", "stored")}
SIZES = [(dim, length, causal) for dim in (64, 128) for length in (256, 1024) for causal in (False, True)]
HEAD = ("type", "head_dim", "tokens", "causal", "float", "matrix", "PyTorch", "not stored", "allowed")


def drawn(dim, length, kind):
    """q, k and v (1, 1, length, dim), float32 numbers of the type."""
    rng = np.random.default_rng([dim, length])
    for name in "qkv":
        values = torch.from_numpy(rng.normal(size=(1, 1, length, dim)).astype(np.float32))
        yield name, values.to(TORCH_TYPES[kind]).float().numpy()


def torch_flash(given, kind, causal):
    q, k, v = (torch.from_numpy(given[name]).to(TORCH_TYPES[kind]) for name in "qkv")
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        return functional.scaled_dot_product_attention(q, k, v, is_causal=causal).to(torch.float64).numpy()[0, 0]


def clattn(program, given, kind, causal, way):
    """Its stored output, its context before that, and what its check allows for the context."""
    kernel, math = KERNELS[way]
    with program.case(f"worst-{way}") as run:
        for name in "qkv":
            run.file(name, stored(given[name], kind))
        for name, value in (("type", kind), ("math", math), ("pipeline", "fused"), ("kernel", kernel)):
            run.option(name, value)
        if causal:
            run.option("causal")
        tensors = run.run()["check"]["tensors"]
        shape = (1, given["q"].shape[2], given["v"].shape[3])
        allowed = [tensor["allowed_error"] for tensor in tensors if tensor["tensor"] == "context"]
        return run.result("output", shape, kind)[0], run.result("context", shape)[0], allowed[0]


def short(number):
    return f"{number:.1e}".replace("e-0", "e-")


def row(program, kind, dim, length, causal):
    given = dict(drawn(dim, length, kind))
    seen = formula.visible(1, length, length, causal=causal)
    truth = formula.attention(given["q"], given["k"], given["v"], bias=np.where(seen, 0.0, -np.inf))
    exact = truth.tensors["context"][0, 0]
    best = torch.from_numpy(exact).to(TORCH_TYPES[kind]).to(torch.float64).numpy()
    in_float, _, _ = clattn(program, given, kind, causal, "float")
    output, context, allowed = clattn(program, given, kind, causal, "matrix")
    cells = [f"{short(abs(got - exact).max())}, {100 * np.mean(got != best):.1f} %"
             for got in (in_float, output, torch_flash(given, kind, causal))]
    return [kind, dim, length, "yes" if causal else "no", *cells, short(abs(context - exact).max()), short(allowed)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program", help="the program clattn")
    parser.set_defaults(pipeline=None, kernel=None, failed="failed")
    parser.add_argument("--only", choices=list(TORCH_TYPES), metavar="TYPE", help="%(choices)s")
    parser.add_argument("--write", metavar="PAGE", help="put the table into the page")
    options = parser.parse_args()
    torch.set_num_threads(1)
    program = Program(options)
    rows = [row(program, kind, *size) for kind in TORCH_TYPES if options.only in (None, kind) for size in SIZES]
    table = "".join(f"| {' | '.join(map(str, cells))} |\n" for cells in (HEAD, ["---"] * len(HEAD), *rows))
    print(table + f"torch {torch.__version__}")
    if options.write:
        marked.replace(options.write, "worst-errors", table)


if __name__ == "__main__":
    main()
