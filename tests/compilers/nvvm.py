#!/usr/bin/env python3
"""Compiles LLVM's intermediate code to PTX with libnvvm, the code generator in NVIDIA's drivers.

usage: nvvm.py LIBNVVM ARCHITECTURE CODE PTX

A program of its own, because libnvvm may crash."""
import ctypes
import pathlib
import sys


def text(library, program, what):
    """A text that libnvvm keeps: "Log" or "Result"."""
    prefix = {"Log": "nvvmGetProgramLog", "Result": "nvvmGetCompiledResult"}[what]
    size = ctypes.c_size_t()
    getattr(library, prefix + "Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(library, prefix)(program, buffer)
    return buffer.value.decode()


def main():
    library, architecture, code, ptx = sys.argv[1:]
    nvvm = ctypes.CDLL(library)
    program = ctypes.c_void_p()
    source = pathlib.Path(code).read_bytes()
    options = (ctypes.c_char_p * 2)(f"-arch={architecture}".encode(), b"-nvvm-latest")
    failed = nvvm.nvvmCreateProgram(ctypes.byref(program)) \
        or nvvm.nvvmAddModuleToProgram(program, source, ctypes.c_size_t(len(source)), b"kernels") \
        or nvvm.nvvmCompileProgram(program, len(options), options)
    if failed:
        sys.exit(f"error {failed}: {text(nvvm, program, 'Log')}")
    pathlib.Path(ptx).write_text(text(nvvm, program, "Result"), encoding="utf-8")


if __name__ == "__main__":
    main()
