"""What the peers' workers share: the lines that the driver sends and reads (bench/worker.h has them), and the choice
among the ways in which a library can be asked for the same thing.
"""
import os
import pathlib
import sys
import time

import numpy as np

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
WARM_SECONDS = 0.2  # a longer run needs no warming up
TYPES = {"f32": np.float32, "f16": np.float16}


class Unsupported(Exception):
    """What this library cannot do; the text is one line."""


class Case:
    """A case's words, as attributes: numbers where they are numbers."""

    def __init__(self, line):
        for word in line.split():
            key, value = word.split("=", 1)
            setattr(self, key, int(value) if value.isdigit() else value)
        if self.type not in TYPES:
            raise Unsupported(f"type {self.type}")
        self.numpy_type = TYPES[self.type]

    def read(self, name, *shape):
        data = np.fromfile(pathlib.Path(self.inputs, name + ".bin"), self.numpy_type)
        return data.reshape(shape)

    def qkv(self):
        """As clattn has them: (batch, tokens, heads, dim)."""
        return (self.read("q", self.batch, self.query_len, self.heads, self.head_dim),
                self.read("k", self.batch, self.key_len, self.kv_heads, self.head_dim),
                self.read("v", self.batch, self.key_len, self.kv_heads, self.head_dim))

    def x_and_weights(self):
        columns = self.heads * self.head_dim
        return (self.read("x", self.batch, self.query_len, self.model_dim),
                [self.read(name, self.model_dim, columns) for name in ("wq", "wk", "wv")])


def by_heads(array):
    """(batch, tokens, heads, dim) -> (batch, heads, tokens, dim), and back, in one piece."""
    return np.ascontiguousarray(array.transpose(0, 2, 1, 3))


def seconds_of(run):
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def choose(case, ways):
    """The fastest of the ways that work: (name, run, fetch). Each is a function of the case that gives run and fetch;
    fetch gives the result of the last run as (batch, tokens, heads, dim)."""
    best, reasons = None, []
    for name, way in ways.items():
        try:
            run, fetch = way(case)
            first = seconds_of(run)
        except Exception as error:  # whatever these libraries raise: the way is not to be had
            reasons.append(f"{name}: {' '.join(str(error).split())[:150]}")
            continue
        seconds = first if first > WARM_SECONDS else min(seconds_of(run) for _ in range(5))
        if best is None or seconds < best[0]:
            best = (seconds, name, run, fetch)
    if best is None:
        raise Unsupported("; ".join(reasons))
    return best[1:]


def serve(greeting, attention, module):
    """Until the input ends. attention and module: the ways, by name, for given q, k and v, and from x on."""
    print(greeting, flush=True)
    run = None
    for line in sys.stdin:
        verb, _, rest = line.partition(" ")
        if verb == "case":
            try:
                case = Case(rest)
                name, run, fetch = choose(case, module if case.source == "x" else attention)
            except Unsupported as reason:
                print("unsupported", reason, flush=True)
                continue
            np.ascontiguousarray(fetch(), case.numpy_type).tofile(case.output)
            print("ready", name, flush=True)
        elif verb == "run":
            first, count = seconds_of(run), int(rest)
            counted = [first] if first > WARM_SECONDS else []
            counted += [seconds_of(run) for _ in range(count - len(counted))]
            print(*(f"{seconds:.9f}" for seconds in counted), flush=True)
        else:
            sys.exit(f"not understood: '{line}'")
