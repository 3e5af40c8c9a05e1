"""Random queries, keys and values for bench/gpu, as .npy files for clattn and as bytes for PyTorch, without NumPy."""
import functools
import random

# Size in bytes, NumPy's name, and which bits of a random number are kept and set: sign and fraction are random, the
# exponent is that of 0.5.
TYPES = {"f32": (4, "<f4", 0x807FFFFF, 0x3F000000), "f16": (2, "<f2", 0x83FF, 0x3800)}
SEEDS = {"q": 1, "k": 2, "v": 3}


# So many are random, then they repeat. A prime, so that no two keys are the same.
PERIOD = 1048573


@functools.lru_cache(maxsize=None)
def period(name, dtype):
    size, _, keep, put = TYPES[dtype]
    bits = random.Random(SEEDS[name]).getrandbits(8 * size * PERIOD)
    every = [int.from_bytes(word.to_bytes(size, "little") * PERIOD, "little") for word in (keep, put)]
    return (bits & every[0] | every[1]).to_bytes(size * PERIOD, "little")


def numbers(name, dtype, count):
    """`count` numbers between 0.5 and 1, half of them negative, as bytes; the same in each process."""
    return (period(name, dtype) * (count // PERIOD + 1))[:count * TYPES[dtype][0]]


def write_npy(path, descr, shape, data):
    """Format 1.0, whose head has 128 bytes."""
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape!r}, }}".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + data)


def read_npy(path):
    """The bytes behind the head."""
    data = path.read_bytes()
    return data[10 + int.from_bytes(data[8:10], "little"):]


def shape_of(case, name):
    """(batch, heads, length, head_dim)"""
    return case["batch"], case["heads"], case["queries" if name == "q" else "keys"], case["head_dim"]


def count_of(case, name):
    batch, heads, length, head_dim = shape_of(case, name)
    return batch * heads * length * head_dim


def write_case(case, folder):
    """q.npy, k.npy and v.npy."""
    for name in SEEDS:
        data = numbers(name, case["type"], count_of(case, name))
        write_npy(folder / f"{name}.npy", TYPES[case["type"]][1], shape_of(case, name), data)
