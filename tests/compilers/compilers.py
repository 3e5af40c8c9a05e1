#!/usr/bin/env python3
"""Compiles every kernel for GPUs with the compilers of NVIDIA, AMD and Intel, and compares the result with limits.csv.

usage: compilers.py BUILD_FOLDER [--short] [--target TARGET]... [--kernel STAGE=NAME]... [--record]

No GPU is needed. The compilers come as packages and are unpacked in the build folder. TARGET is one of sm_75, sm_80,
sm_90, gfx906, gfx908, gfx90a, gfx942, gfx1030, gfx1100, gfx1200, skl, tgllp, dg2 and pvc; without any it is all, or
with --short one of each vendor. --short also leaves out head_dim 80 and 256. --record writes the result into
limits.csv, and into the tables of docs/compilers.md.

Exits with 1 if a kernel is refused, if a figure is worse than its limit, or better, so that the limit should be
renewed; with 77 (skipped), or CLATTN_SKIPPED, if a compiler cannot be had. docs/compilers.md explains the figures."""
import argparse
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

import amd  # noqa: E402
import builds  # noqa: E402
import intel  # noqa: E402
import judge  # noqa: E402
import matrix  # noqa: E402
import nvidia  # noqa: E402
import table  # noqa: E402
import tools  # noqa: E402

VENDORS = {"nvidia": nvidia, "amd": amd, "intel": intel}
VENDOR_OF = {target: vendor for vendor, module in VENDORS.items() for target in module.TARGETS}
SHORT = ("sm_80", "gfx1030", "dg2")
PAGE = HERE.parent.parent / "docs" / "compilers.md"


def wanted(build, options):
    return (build.short or not options.short) and (not options.kernel or build.kernel in options.kernel)


def compile_all(compiler, target, builds_of_target, folder):
    """The rows of what was compiled, those of its loops of matrix instructions, and lines about what was refused."""
    rows, matrix_rows, refused = [], [], []
    for build in builds_of_target:
        try:
            kernels = compiler.compile(build, target, folder)
            if build.kernel.startswith(("matrix=", "rate=")) and not all(kernel.matrix for kernel in kernels):
                raise tools.Refused("no instruction of a matrix unit")
            rows += [judge.row_of(target, build.name, kernel) for kernel in kernels]
            matrix_rows += filter(None, [matrix.row_of(target, build.name, kernel) for kernel in kernels])
        except tools.Refused as why:
            refused.append(f"{build.name} on {target}: {why}")
    return rows, matrix_rows, refused


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", type=pathlib.Path, metavar="BUILD_FOLDER")
    parser.add_argument("--short", action="store_true", help="one target of each vendor, two of head_dim")
    parser.add_argument("--target", action="append", choices=VENDOR_OF)
    parser.add_argument("--kernel", action="append", metavar="STAGE=NAME")
    parser.add_argument("--record", action="store_true", help="renew limits.csv and docs/compilers.md")
    options = parser.parse_args()
    build, rows, matrix_rows, wrong = options.build.resolve(), [], [], []
    targets = options.target or (SHORT if options.short else list(VENDOR_OF))
    found = {target: builds.builds(build / "tests" / "write_sources", vendor, target, build / "compilers" / "out" / target)
             for target, vendor in VENDOR_OF.items() if options.record or target in targets}
    for target in targets:
        vendor = VENDOR_OF[target]
        try:
            compiler = VENDORS[vendor].Compiler(build)
        except tools.NotHere as why:
            print(f"skipped: {why}")
            sys.exit(int(os.environ.get("CLATTN_SKIPPED", tools.CANNOT_BE_HAD)))
        chosen = [one for one in found[target] if wanted(one, options)]
        made, of_matrix, refused = compile_all(compiler, target, chosen, build / "compilers" / "out" / target)
        print(f"{target}: {len(made)} kernels of {len(chosen)} builds, {len(refused)} refused", flush=True)
        rows, matrix_rows, wrong = rows + made, matrix_rows + of_matrix, wrong + refused
    if options.record:
        recorded = judge.merged(judge.read(), rows, whole=not options.short and not options.kernel)
        judge.write(recorded)
        first = {one.name for of_target in found.values() for one in of_target if one.first}
        table.write(PAGE, recorded, VENDORS, first)
        matrix.record(matrix_rows, PAGE)
    else:
        wrong += judge.compared(rows, judge.read(), whole=not options.short and not options.kernel)
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
