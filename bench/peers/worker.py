"""Shared by the peers' workers: the protocol of bench/run (see bench/worker.h), and selecting the fastest of
the ways in which a library can compute the same case.
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
    """The library cannot compute this case; the text is one line."""


class Case:
    """The words of a case as attributes; numbers become int."""

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
        """In clattn's layout: (batch, tokens, heads, dim)."""
        return (self.read("q", self.batch, self.query_len, self.heads, self.head_dim),
                self.read("k", self.batch, self.key_len, self.kv_heads, self.head_dim),
                self.read("v", self.batch, self.key_len, self.kv_heads, self.head_dim))

    def x_and_weights(self):
        """X, [Wq, Wk, Wv] and Wo."""
        columns = self.heads * self.head_dim
        return (self.read("x", self.batch, self.query_len, self.model_dim),
                [self.read(name, self.model_dim, columns) for name in ("wq", "wk", "wv")],
                self.read("wo", columns, self.output_dim))


def by_heads(array):
    """(batch, tokens, heads, dim) -> (batch, heads, tokens, dim), and back; contiguous."""
    return np.ascontiguousarray(array.transpose(0, 2, 1, 3))


def seconds_of(run):
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def choose(case, ways):
    """The fastest of the ways that work, as (name, run, fetch). Each way is a function of the case that returns run
    and fetch, and may add the names of the kernels that compute. fetch returns the result of the last run as
    (batch, tokens, heads, dim), of a module as (batch, tokens, output_dim)."""
    best, reasons = None, []
    for name, way in ways.items():
        try:
            run, fetch, *kernels = way(case)
            first = seconds_of(run)
        except Exception as error:  # these libraries raise many types; any means that the way does not work
            reasons.append(f"{name}: {' '.join(str(error).split())[:150]}")
            continue
        seconds = first if first > WARM_SECONDS else min(seconds_of(run) for _ in range(5))
        if best is None or seconds < best[0]:
            best = (seconds, " ".join([name, *(f"({text})" for text in kernels)]), run, fetch)
    if best is None:
        raise Unsupported("; ".join(reasons))
    return best[1:]


def serve(greeting, attention, module):
    """Serves until the input ends. attention, module: the ways, by name, from given q, k and v, and from x."""
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
