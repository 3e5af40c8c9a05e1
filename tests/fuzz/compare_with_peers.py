"""Compares the readers of .npy, .npz and .safetensors files with numpy and the package safetensors.

The files are those of the fuzzers' corpora and of near_misses.py.

What a peer refuses must be refused here. What both take must be the same: shape, type and every element's bits. What is
refused here alone is counted with its reason; npy.h and safetensors.h say what that may be. Tensors of a .safetensors
file that both take must be read where the type and the rank are among those that are.

Other folders than the committed corpora: compare_with_peers.py PROGRAM --npy DIR --safetensors DIR.
"""
import argparse
import collections
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import safetensors

import near_misses

MEMORY = 4 << 30  # bytes; numpy asks for what a header says before it looks at the file
SURELY_ABSENT = b"a name that no tensor has"
READABLE = {"F32": "f4", "F16": "f2", "BF16": "bfloat16", "F64": "f8", "BOOL": "bool"}
MOST_DIMENSIONS = 4
HERE = pathlib.Path(__file__).resolve().parent


def floats(array):
    """The float32 that an array of numpy's stands for here: uint16 are the bits of bfloat16."""
    if array.dtype == np.uint16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


# ---- the peers


def numpy_reads(path):
    """The array, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.load(path, allow_pickle=False)
        except Exception:  # whatever it is: it does not take the file
            return None


def numpy_reads_member(path):
    """The array x of an archive, or None."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            array = archive["x"]
    except Exception:
        return None
    return array if isinstance(array, np.ndarray) else None  # bytes, where the member is no .npy file


def safetensors_reads(path):
    """{name: (dtype, shape, bytes)}, or None where one of the package's two ways to read a file refuses it."""
    try:
        tensors = dict(safetensors.deserialize(path.read_bytes()))
        with safetensors.safe_open(path, framework="np") as file:
            assert set(file.keys()) == set(tensors)
    except AssertionError:
        raise
    except Exception:
        return None
    return {name: (t["dtype"], tuple(t["shape"]), bytes(t["data"])) for name, t in tensors.items()}


# ---- ours


class Reader:
    """The program read_tensors, asked for many files at once."""

    def __init__(self, program):
        self.program = program

    def ask(self, pairs):
        """A line for each (what=path, name)."""
        question = b"".join(what + b"\0" + name + b"\0" for what, name in pairs)
        lines = subprocess.run([self.program], input=question, capture_output=True, check=True).stdout.splitlines()
        assert len(lines) == len(pairs), f"{len(lines)} answers to {len(pairs)} questions"
        return [line.decode(errors="replace") for line in lines]


def parse(line):
    """(type, shape, float32 elements) of a line that begins with read."""
    words = line.split(" ")
    rank = int(words[2])
    bits = np.array([int(word, 16) for word in words[3 + rank:]], dtype=np.uint32)
    return words[1], tuple(int(word) for word in words[3:3 + rank]), bits.view(np.float32)


# ---- the comparison


class Comparison:
    def __init__(self, kind):
        self.kind, self.counts, self.reasons, self.wrong = kind, collections.Counter(), collections.Counter(), 0

    def complain(self, path, text):
        self.wrong += 1
        print(f"WRONG {path}: {text}")

    def verdict(self, path, theirs, line):
        """Counts who takes the file; True where both do."""
        ours = not line.startswith("refused")
        self.counts[ours, theirs is not None] += 1
        if ours and theirs is None:
            self.complain(path, f"the peer refuses it, here: {line[:200]}; {path.read_bytes()[:200]!r}")
        if not ours and theirs is not None:
            self.reasons[re.sub(r"'.*?'|\d+", "...", line.split(": ", 1)[1])[:60]] += 1
        return ours and theirs is not None

    def same(self, path, what, ours, theirs):
        """Type, shape and elements; a NaN is as good as another."""
        if ours[:2] != theirs[:2]:
            self.complain(path, f"{what} is {theirs[:2]} to the peer, here {ours[:2]}")
            return
        own, other = ours[2], theirs[2].ravel()
        nan = np.isnan(own) & np.isnan(other)
        if own.shape != other.shape or not (nan | (own.view(np.uint32) == other.view(np.uint32))).all():
            self.complain(path, f"{what} has other elements")

    def report(self):
        print(f"{self.kind}: {self.counts[True, True]} taken by both, {self.counts[False, False]} by none, "
              f"{self.counts[False, True]} by the peer alone, {self.counts[True, False]} here alone")
        for reason, count in self.reasons.most_common(8):
            print(f"{count:6} {reason}")
        for ours, theirs in [(True, True), (False, False), (False, True)]:
            if self.counts[ours, theirs] == 0:
                self.complain(self.kind, "the corpus has no file of one of these kinds: it tells nothing")
        return self.wrong


TYPES = {"f4": "f4", "f8": "f8", "f2": "f2", "b1": "bool", "u2": "bfloat16"}


def compare_arrays(kind, name, numpy_reads_it, reader, paths):
    result = Comparison(kind)
    lines = reader.ask([(kind.encode() + b"=" + bytes(path), name) for path in paths])
    for path, line in zip(paths, lines):
        theirs = numpy_reads_it(path)
        line = "refused : no array of that name" if line == "absent" else line
        if result.verdict(path, theirs, line):
            type_name = TYPES.get(theirs.dtype.str[1:])
            array = floats(np.ascontiguousarray(theirs))
            result.same(path, "the array", parse(line), (type_name, theirs.shape, array))
    return result.report()


def elements(dtype, data):
    kind = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "F64": "<f8", "BOOL": "?"}[dtype]
    return floats(np.frombuffer(data, dtype=kind))


def is_held(dtype, data):
    """Whether floats can hold the elements, and a bool is 0 or 1."""
    if dtype == "BOOL":
        return max(data, default=0) <= 1
    return dtype != "F64" or not np.isinf(elements(dtype, data))[np.isfinite(np.frombuffer(data, "<f8"))].any()


def compare_tensors(result, reader, path, tensors):
    """Those of a file that both take, one by one."""
    names = list(tensors)
    for name, line in zip(names, reader.ask([(b"safetensors=" + bytes(path), name.encode()) for name in names])):
        dtype, shape, data = tensors[name]
        if dtype not in READABLE or len(shape) > MOST_DIMENSIONS or not is_held(dtype, data):
            if not line.startswith("refused"):
                result.complain(path, f"tensor {name!r} is {dtype} {shape}, here: {line[:200]}")
        elif not line.startswith("read"):
            result.complain(path, f"tensor {name!r} is {dtype} {shape}, here: {line[:200]}")
        else:
            result.same(path, f"tensor {name!r}", parse(line), (READABLE[dtype], shape, elements(dtype, data)))


def compare_safetensors(reader, paths):
    result = Comparison("safetensors")
    lines = reader.ask([(b"safetensors=" + bytes(path), SURELY_ABSENT) for path in paths])
    for path, line in zip(paths, lines):
        theirs = safetensors_reads(path)
        if result.verdict(path, theirs, line):
            compare_tensors(result, reader, path, theirs)
    return result.report()


def with_near_misses(corpus, folder, files):
    """The paths of the corpus, and of such files once they are in the folder."""
    folder.mkdir()
    for number, content in enumerate(files):
        (folder / f"near-{number}").write_bytes(content)
    return sorted(corpus.iterdir()) + list(folder.iterdir())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program", help="read_tensors")
    parser.add_argument("--npy", type=pathlib.Path, default=HERE / "corpus/npy", metavar="DIR", help="(%(default)s)")
    parser.add_argument("--safetensors", type=pathlib.Path, default=HERE / "corpus/safetensors", metavar="DIR",
                        help="(%(default)s)")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    reader = Reader(options.program)
    with tempfile.TemporaryDirectory() as folder:
        near = pathlib.Path(folder)
        wrong = compare_arrays("npy", b"", numpy_reads, reader,
                               with_near_misses(options.npy, near / "npy", near_misses.npy_files()))
        zips = pathlib.Path(folder) / "no-corpus"
        zips.mkdir()
        wrong += compare_arrays("npz", b"x", numpy_reads_member, reader,
                                with_near_misses(zips, near / "npz", near_misses.npz_files()))
        wrong += compare_safetensors(reader, with_near_misses(options.safetensors, near / "safetensors",
                                                              near_misses.safetensors_files()))
    print(f"numpy {np.__version__}, safetensors {safetensors.__version__}: {wrong or 'nothing'} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
