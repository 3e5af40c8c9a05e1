#!/usr/bin/env python3
"""Times clattn.attention and torch's scaled_dot_product_attention on the CPU, in turn, on the same float32 arrays.

usage: python.py [--seconds S]

Prints one line a shape: the fastest run of each in milliseconds, and torch's time over clattn's. Both have all
cores; each shape takes S seconds. Needs clattn, numpy and torch.
"""
import argparse
import functools
import time

import clattn
import numpy as np
import torch

# name, heads, KV heads, queries, keys, dim, causal
SHAPES = [("prompt, 8 heads", 8, 8, 1024, 1024, 64, True),
          ("prompt, 32 heads on 8", 32, 8, 512, 512, 128, True),
          ("all to all", 8, 8, 1024, 1024, 64, False),
          ("one token", 32, 8, 1, 4096, 128, False),
          ("small", 4, 4, 16, 16, 32, False)]


def timed(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=10, metavar="S", help="(%(default)s)")
    seconds = parser.parse_args().seconds
    print(f"clattn {clattn.__version__} on {clattn.devices()[0].name}, torch {torch.__version__} with "
          f"{torch.get_num_threads()} threads")
    for name, heads, kv_heads, queries, keys, dim, causal in SHAPES:
        rng = np.random.default_rng(1)
        arrays = [rng.standard_normal((1, *shape, dim), dtype=np.float32)
                  for shape in ((heads, queries), (kv_heads, keys), (kv_heads, keys))]
        tensors = [torch.from_numpy(a) for a in arrays]
        calls = [functools.partial(clattn.attention, *arrays, is_causal=causal),
                 functools.partial(torch.nn.functional.scaled_dot_product_attention, *tensors, is_causal=causal,
                                   enable_gqa=heads != kv_heads)]
        np.testing.assert_allclose(calls[0](), calls[1]().numpy(), atol=1e-4)
        best, end = [float("inf")] * 2, time.perf_counter() + seconds
        while time.perf_counter() < end:
            best = [min(b, timed(call)) for b, call in zip(best, calls)]
        print(f"{name:22} {1e3 * best[0]:8.3f} ms {1e3 * best[1]:8.3f} ms {best[1] / best[0]:6.2f}", flush=True)


if __name__ == "__main__":
    main()
