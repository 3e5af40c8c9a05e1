#!/usr/bin/env python3
"""Writes the C source of clattn._clattn with cffi, from the declarations of the public headers.

usage: build_ffi.py COMPILER FOLDER OUTPUT

COMPILER preprocesses the headers in FOLDER (host/include); OUTPUT is the file to write. The headers are the only list
of declarations: one that they get is in the module without a change here.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

import cffi

HEADERS = ["clattn_problem.h", "clattn.h", "clattn_inspect.h", "clattn_cl.h", "clattn_explain.h"]
SYSTEM = ["math.h", "stdbool.h", "stddef.h", "stdint.h"]  # cffi knows their types
OPENCL = """\
typedef struct _cl_command_queue *cl_command_queue;
typedef struct _cl_mem *cl_mem;
typedef struct _cl_event *cl_event;
typedef uint32_t cl_uint;
"""
NUMBER = re.compile(r"^#define (CLATTN_\w+) \d+$", re.M)
INLINE = re.compile(r"\bstatic inline [^;{]*\{")


def preprocessed(compiler, folder):
    """The headers' declarations, with their macros expanded and nothing of the system's headers."""
    with tempfile.TemporaryDirectory() as empty:
        for name in SYSTEM:
            (pathlib.Path(empty) / name).touch()
        (pathlib.Path(empty) / "CL").mkdir()
        (pathlib.Path(empty) / "CL/cl.h").write_text(OPENCL, encoding="utf-8")
        text = "".join(f'#include "{name}"\n' for name in HEADERS)
        command = [compiler, "-E", "-P", "-nostdinc", "-U__GNUC__", "-U__APPLE__", "-I", empty, "-I", folder]
        command += ["-x", "c", "-"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"build_ffi.py: {' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


def numbers(folder):
    """The macros that are integers, which the preprocessor expands and drops; the C compiler gives their values."""
    text = "".join((pathlib.Path(folder) / name).read_text(encoding="utf-8") for name in HEADERS)
    return "".join(f"#define {name} ...\n" for name in NUMBER.findall(text))


def without_inline_functions(text):
    """cffi takes declarations only."""
    kept, at = [], 0
    for found in INLINE.finditer(text):
        if found.start() < at:
            continue
        kept.append(text[at:found.start()])
        depth, at = 1, found.end()
        while depth > 0:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
    return "".join(kept) + text[at:]


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    compiler, folder, output = sys.argv[1:]
    ffi = cffi.FFI()
    ffi.cdef(without_inline_functions(preprocessed(compiler, folder)) + numbers(folder))
    ffi.set_source("clattn._clattn", "".join(f"#include <{name}>\n" for name in HEADERS), py_limited_api=True)
    ffi.emit_c_code(output)


if __name__ == "__main__":
    main()
