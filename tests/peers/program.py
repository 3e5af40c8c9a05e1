"""Runs `clattn run` on arrays and reads back what it saved; shared by the scripts beside it.

Each run has a folder of its own with its input as files, a `command` that repeats it, and the results in `out`.
Folders of failed runs are kept, the others removed. Nothing is judged here but the exit code and the program's own
check.
"""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile

import numpy as np

from formula import worst

TIMEOUT = 600  # seconds; the first run on a device also builds kernels
MATRIX_UNITS = 7  # of kernels/common/matrix_units.h
MATRIX_SIZES = ((2, 16), (1, 32), (4, 32), (2, 64))  # of sub-groups and keys


class Wrong(Exception):
    """Something that the program should not have done."""


class Refused(Exception):
    """Exit code 2; the text is the program's message."""

    def is_of_matrix_units(self):
        """Whether it says that fused=matrix is not for the problem."""
        return "multiplies what is stored: it needs math" in str(self)


def list_or_file(text):
    """LIST, or the only line of a file: @FILE."""
    return pathlib.Path(text[1:]).read_text(encoding="utf-8").strip() if text.startswith("@") else text


def add_arguments(parser):
    parser.add_argument("program", help="the program clattn")
    parser.add_argument("--pipeline", help="handed on to the program")
    parser.add_argument("--kernel", metavar="LIST", type=list_or_file, help="handed on to the program; @FILE: what is in it")
    parser.add_argument("--failed", default="failed", metavar="FOLDER", help="where failed runs are kept (%(default)s)")


def add_matrix_units(parser):
    parser.add_argument("--matrix-units", action="store_true", help="fused=matrix with --math stored, on units in turn in "
                        "plain OpenCL C; where it is not for a case it must say so")


class Program:
    def __init__(self, options):
        self.path = os.path.abspath(shutil.which(options.program) or options.program)
        if not os.access(self.path, os.X_OK):
            raise SystemExit(f"{options.program} is no program")
        self.failed = pathlib.Path(options.failed)
        self.in_matrix_units = getattr(options, "matrix_units", False)
        self.keeps_scores = options.pipeline != "fused" and not self.in_matrix_units  # and what comes before and behind
        self.extra = [word for name in ("pipeline", "kernel") for word in named(name, getattr(options, name))]

    def case(self, name):
        shutil.rmtree(self.failed / name, ignore_errors=True)  # of an earlier time
        return Case(self, name)

    def repeat_line(self, name):
        """The command that repeats the failed case."""
        return f"cd {shlex.quote(str(self.failed.resolve() / name))} && sh ./command"


def matrix_kernel(number):
    """fused=matrix with one of the units, and with other sizes than its neighbours."""
    sub_groups, keys = MATRIX_SIZES[number % len(MATRIX_SIZES)]
    return f"fused=matrix:MATRIX_UNIT={1 + number % MATRIX_UNITS}:SUB_GROUPS={sub_groups}:BLOCK_KEYS={keys}"


def named(name, value):
    return [] if value is None else [f"--{name}", value]


class Case:
    """One run of the program, as a context: leaving it by an exception, other than Refused, keeps its folder."""

    def __init__(self, program, name):
        self.program, self.name = program, name
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="clattn-peer-"))
        self.arguments = []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None and not issubclass(kind, Refused):
            place = self.program.failed / self.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(self.folder, place)
        shutil.rmtree(self.folder, ignore_errors=True)

    def option(self, name, value=None):
        """--NAME=VALUE, so that a negative number is not taken for an option; without a value --NAME alone."""
        self.arguments.append(f"--{name}" if value is None else f"--{name}={value}")

    def file(self, name, array):
        """Writes the array to NAME.npy and hands it over as --NAME. bfloat16 is written as its bits."""
        if array.dtype.name == "bfloat16":
            array = array.view(np.uint16)
        np.save(self.folder / f"{name}.npy", np.ascontiguousarray(array))
        self.option(name, f"{name}.npy")

    def choose_matrix_unit(self, number, storage):
        """The unit of this number, and products of what is stored; of floats there are none."""
        self.option("pipeline", "fused")
        self.option("kernel", matrix_kernel(number))
        if storage != "f32":
            self.option("math", "stored")

    def run(self):
        """The program's report."""
        command = [self.program.path, "run", *self.arguments, *self.program.extra]
        command += ["--check", "full", "--repeat", "1", "--json", "--save", "out"]
        (self.folder / "command").write_text(shlex.join(command) + "\n")
        try:
            done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=TIMEOUT,
                                  check=False)
        except subprocess.TimeoutExpired as error:
            raise Wrong(f"no end after {TIMEOUT} s") from error
        if done.returncode == 2:
            raise Refused(done.stderr.strip())
        if done.returncode != 0:
            raise Wrong(f"exit code {done.returncode}: {(done.stderr or done.stdout).strip()[-500:]}")
        try:
            report = json.loads(done.stdout)
            passed = report["check"]["passed"]
        except (ValueError, KeyError, TypeError) as error:
            raise Wrong(f"no report: {done.stdout[:200]!r}") from error
        if passed is not True:
            raise Wrong("exit code 0, but its own check did not pass")
        return report

    def result(self, name, shape, storage="f32"):
        """A saved tensor as float64; it must have the shape, and the type that belongs to the storage. In another storage
        than f32 the context is the output."""
        name = "output" if name == "context" and storage != "f32" else name
        path = self.folder / "out" / f"{name}.npy"
        if not path.exists():
            raise Wrong(f"{name}.npy was not saved")
        try:
            array = np.load(path)
        except (ValueError, OSError) as error:
            raise Wrong(f"{name}.npy cannot be read: {error}") from error
        expected = {"f32": "<f4", "f16": "<f2", "bf16": "<u2"}[storage]
        if array.dtype != np.dtype(expected):
            raise Wrong(f"{name}.npy has type {array.dtype.str} instead of {expected}")
        if array.shape != tuple(shape):
            raise Wrong(f"{name}.npy has shape {array.shape} instead of {tuple(shape)}")
        return widened(array)


def held(name, got, expected, bound, what):
    """The largest share of the bound; raises Wrong if that is more than all of it."""
    share, where = worst(got, expected, bound)
    if not share <= 1:
        raise Wrong(f"{name} at {where}: {got[where]:.9g} instead of {expected[where]:.9g}, {share:.3g} times what is "
                    f"allowed against {what}")
    return share


def stored(array, storage):
    """As the file holds it: bfloat16 as its bits."""
    if storage == "bf16":
        return (np.ascontiguousarray(array).view(np.uint32) >> 16).astype(np.uint16)
    return array.astype({"f32": np.float32, "f16": np.float16}[storage])


def widened(array):
    """float64; 16-bit integers are the bits of bfloat16."""
    if array.dtype == np.uint16:
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float64)


def merge_heads(array):
    """(batch, heads, length, dim) -> (batch, length, heads * dim)"""
    return array.swapaxes(1, 2).reshape(array.shape[0], array.shape[2], -1)


def split_heads(array, heads):
    """(batch, length, heads * dim) -> (batch, heads, length, dim)"""
    batch, length, columns = array.shape
    return array.reshape(batch, length, heads, columns // heads).swapaxes(1, 2)
