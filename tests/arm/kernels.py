#!/usr/bin/env python3
"""Compiles the kernels that plans take on ARM processors, and looks for what slows their hot loops down.

usage: kernels.py WRITE_SOURCES [--clang CLANG] [--keep FOLDER]

WRITE_SOURCES is tests/write_sources of the build folder. A hot loop is an innermost loop that calls nothing and does
little but multiply and add vectors (fmla). If it touches the stack, its sums did not fit the registers. Exits with
1 if one does, or if a kernel has no hot loop; with 77 (skipped) or CLATTN_SKIPPED where no clang compiles for ARM."""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import loops  # noqa: E402

PROCESSORS = ("cortex-a76", "neoverse-n1", "neoverse-v1")
LANGUAGE = ["-x", "cl", "-D__OPENCL_VERSION__=120", "-Xclang", "-finclude-default-header", "-Xclang", "-fdeclare-opencl-builtins",
            "-Xclang", "-cl-ext=+cl_khr_fp16", "-include", str(HERE / "builtins.h")]
HOT = 0.3  # at least this share of the instructions that do not touch the stack
LABEL = re.compile(r"^(\.L\w+):")
BRANCH = re.compile(r"^\s+(?:b|b\.\w+|cbn?z|tbn?z)\s.*?(\.L\w+)")
INSTRUCTION = re.compile(r"^\s+([a-z][\w.]*)\s*(.*)")


def compiled(clang, source, options, processor):
    """The assembly. As no processor has OpenCL's convention for calls of kernels, they become common functions."""
    target = ["-target", "aarch64-linux-gnu", f"-mcpu={processor}", "-O3"]
    first = [clang, *target, *LANGUAGE, *options, "-Xclang", "-disable-llvm-passes", "-S", "-emit-llvm", source, "-o", "-"]
    code = subprocess.run(first, check=True, capture_output=True, text=True).stdout.replace(" spir_kernel ", " ")
    second = [clang, *target, "-x", "ir", "-S", "-", "-o", "-"]
    return subprocess.run(second, check=True, capture_output=True, text=True, input=code).stdout


def counted(lines):
    """What the loop does: multiply-adds of vectors, all instructions, loads and stores of the stack, calls."""
    count = {"fmla": 0, "all": 0, "stack": 0, "calls": 0}
    for found in filter(None, map(INSTRUCTION.match, lines)):
        name, rest = found[1], found[2]
        count["all"] += 1
        count["fmla"] += name == "fmla"
        count["stack"] += name.startswith(("ld", "st")) and ("[sp" in rest or "Folded" in rest)
        count["calls"] += name in ("bl", "blr")
    return count


def hot_loops(assembly):
    """(function, what it does) of each."""
    for function in re.finditer(r"^(\w+):\s+// @.*?\n(.*?)^\.Lfunc_end", assembly, re.M | re.S):
        lines = function[2].split("\n")
        for first, last in loops.innermost(loops.loops(lines, LABEL, BRANCH)):
            count = counted(lines[first:last + 1])
            if count["calls"] == 0 and count["fmla"] > HOT * (count["all"] - count["stack"]):
                yield function[1], count


def judge(name, processor, assembly):
    """Lines for what was found, and whether all of it is good."""
    lines, good = [], True
    for function, count in hot_loops(assembly):
        verdict = "good" if count["stack"] == 0 else "WRONG"
        lines.append(f"{name:17} {processor:12} {function:14} {count['fmla']:3} of {count['all']:3} instructions are fmla, "
                     f"{count['stack']} touch the stack: {verdict}")
        good = good and verdict != "WRONG"
    return lines or [f"{name:17} {processor:12} has no hot loop: WRONG"], good and bool(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("write_sources")
    parser.add_argument("--clang", default="clang")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="leave sources and assembly there")
    options = parser.parse_args()
    targets = subprocess.run([options.clang, "--print-targets"], check=False, capture_output=True, text=True).stdout \
        if shutil.which(options.clang) else ""
    if "aarch64" not in targets:
        print("skipped: there is no clang that compiles for ARM (Debian: clang)")
        sys.exit(int(os.environ.get("CLATTN_SKIPPED", 77)))
    good = True
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or pathlib.Path(temporary)
        command = [options.write_sources, "arm", folder]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for name, _, *macros in map(str.split, listed.splitlines()):
            for processor in PROCESSORS:
                assembly = compiled(options.clang, folder / f"{name}.cl", macros, processor)
                (folder / f"{name}-{processor}.s").write_text(assembly, encoding="utf-8")
                lines, well = judge(name, processor, assembly)
                print("\n".join(dict.fromkeys(lines)))
                good = good and well
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
