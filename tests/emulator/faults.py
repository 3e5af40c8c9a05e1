#!/usr/bin/env python3
"""Makes faults in kernels on purpose, and runs them as PTX: emulate.py must notice each.

usage: faults.py BUILD_FOLDER [--barriers FILE]...

FILE is below kernels: each of its barriers is taken out, one at a time, instead of the faults that are listed here.
Prints a line for each fault. Exits with 1 if one is not noticed; with 77 (skipped), or CLATTN_SKIPPED, if a compiler
cannot be had."""
import argparse
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
KERNELS = HERE.parent.parent / "kernels"
BARRIER = "barrier(CLK_LOCAL_MEM_FENCE);"
STORED = "stored products, head_dim 64, f16"
# The kernels that show what is wrong in a file, and a problem for them; probes have their own.
USERS = {"common/join.cl": ("softmax=tiled", "bool mask"), "common/product_tiled.cl": ("softmax=tiled", "bool mask"),
         "common/product_register.cl": ("context=register", "masked NaN"),
         "common/product_column.cl": ("scores=column", "wide rows, plain scores"),
         "common/product_wide.cl": ("project=wide", "odd sizes, causal"),
         "common/product_matrix.cl": ("project=matrix", "odd sizes, causal"),
         "fused/3_tiled.cl": ("fused=tiled", "odd sizes, causal"),
         "fused/6_split.cl": ("fused=split", "one query, odd sizes, ALiBi"),
         "common/fused_block.cl": ("fused=register", "cache in i8, pages"),
         "common/async_copy.cl": ("fused=async", STORED), "fused/11_async.cl": ("fused=async", STORED),
         "common/matrix_unit_nvidia.cl": ("matrix=mma16", None), "probe/matrix.cl": ("matrix=mma16", None),
         "common/fused_matrix.cl": ("fused=matrix", "stored products, values that are not finite")}


@dataclasses.dataclass(frozen=True)
class Fault:
    """A text in a file that is replaced, and what emulate.py says then."""
    file: str
    old: str
    new: str
    place: int  # which of the equal texts
    says: str  # a pattern
    user: tuple = ()  # the kernel and the problem that show it, where USERS does not fit

    def make(self, kernels):
        """Makes it in a copy of the kernels."""
        path = kernels / self.file
        parts = path.read_text(encoding="utf-8").split(self.old)
        if len(parts) < self.place + 2:
            sys.exit(f"{self.file} has no text '{self.old}' number {self.place + 1} any more: renew the fault here")
        before, after = self.old.join(parts[:self.place + 1]), self.old.join(parts[self.place + 1:])
        path.write_text(before + self.new + after, encoding="utf-8")


WRONG = r"(?:row|score of row) \d+.* instead of"
BEYOND = r"\d elements outside of the bound"
LISTED = (
    Fault("common/product_tiled.cl", BARRIER, "", 0, "a race: it reads shared byte"),
    Fault("common/join.cl", BARRIER, "if (me != 3) " + BARRIER, 0, "threads never reach|which waits at line"),
    Fault("common/product_tiled.cl", "y < a.count && k0 + x < end", "k0 + x < end", 0, "bytes at offset"),
    Fault("common/matrix_unit_nvidia.cl", "unit.lane % 16 * row", "unit.lane % 8 * row", 0, WRONG),
    Fault("common/matrix_unit_nvidia.cl", '".trans"', '""', 0, WRONG),
    Fault("common/matrix_unit_nvidia.cl", '"f"(second), "f"(first)', '"f"(first), "f"(second)', 0, WRONG),
    Fault("common/matrix_unit_nvidia.cl", '"r"(bit)', '"r"(1)', 0, WRONG),
    Fault("common/matrix_unit_nvidia.cl", "cvt.rn.", "cvt.rz.", 0, "context: .* outside of the bound",
          ("fused=matrix", "stored products, weights nearly the next half")),
    Fault("common/fused_matrix.cl", BARRIER + " /* the values are complete", "/* the values are complete", 0, "a race: it reads"),
    Fault("common/matrix_unit_nvidia.cl", "setp.ne.s32 p", "setp.eq.s32 p", 0, WRONG),
    Fault("probe/matrix.cl", BARRIER, "", 0, "a race: it"),
    Fault("common/async_copy.cl", '__asm volatile("cp.async.wait_all;" : : : "memory");', "", 0,
          "for whose cp.async nothing waited"),
    Fault("fused/11_async.cl", "keys, key0 + BLOCK_KEYS,", "keys, key0,", 0, BEYOND),
    Fault("fused/11_async.cl", "values, key0, VALUE_DIM", "values, block.key_begin, VALUE_DIM", 0, BEYOND),
    Fault("fused/11_async.cl", BARRIER, "", 1, "a race: it"),
)


def barriers_of(file):
    count = (KERNELS / file).read_text(encoding="utf-8").count(BARRIER)
    return [Fault(file, BARRIER, "", place, "a race: it") for place in range(count)]


def noticed(build, fault):
    """Whether emulate.py says what it should; prints a line."""
    kernel, problem = fault.user or USERS[fault.file]
    with tempfile.TemporaryDirectory(prefix="clattn-faults-") as name:
        kernels = pathlib.Path(name) / "kernels"
        shutil.copytree(KERNELS, kernels)
        fault.make(kernels)
        done = subprocess.run([sys.executable, "-B", HERE / "emulate.py", build, "--cpu", "sm_80", "--kernel", kernel,
                               *(["--problem", problem] if problem else [])], check=False, capture_output=True, text=True,
                              env={**os.environ, "CLATTN_KERNEL_DIR": str(kernels), "CLATTN_SKIPPED": "77"})
    if done.returncode == 77:
        print(done.stdout.strip())
        sys.exit(int(os.environ.get("CLATTN_SKIPPED", "77")))
    right = done.returncode == 1 and re.search(fault.says, done.stdout) is not None
    said = re.search(r"^ +(?!\S*clattn:)\S.*", done.stdout, re.M)
    print(f"{'noticed' if right else 'MISSED'}: {fault.file}: '{fault.old}' {fault.place + 1} becomes '{fault.new}': "
          f"{said[0].strip()[:200] if said else done.stderr.strip()[-200:] or 'all is right'}", flush=True)
    return right


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", type=pathlib.Path, metavar="BUILD_FOLDER")
    parser.add_argument("--barriers", action="append", choices=[file for file in USERS if barriers_of(file)], metavar="FILE")
    options = parser.parse_args()
    faults = [fault for file in options.barriers for fault in barriers_of(file)] if options.barriers else LISTED
    sys.exit(0 if all([noticed(options.build, fault) for fault in faults]) else 1)


if __name__ == "__main__":
    main()
