"""Attention on any OpenCL device, from Python.

    import clattn, numpy as np
    q, k, v = np.random.default_rng(1).standard_normal((3, 1, 8, 256, 64), dtype=np.float32)
    context = clattn.attention(q, k, v, is_causal=True)  # (1, 8, 256, 64)

docs/python.md in the project says more.
"""
from ._attention import attention, scaled_dot_product_attention
from ._cache import KVCache
from ._clattn import ffi as _ffi
from ._clattn import lib as _lib
from ._devices import Device, devices
from ._errors import (
    CacheFull,
    DeviceFailed,
    Error,
    InvalidArgument,
    InvalidProblem,
    InvalidType,
    NoDevice,
    OutOfMemory,
    Unsupported,
)
from ._explain import Explanation, explain
from ._merge import merge
from ._module import Attention

__version__ = _ffi.string(_lib.clattn_version()).decode()
__all__ = [
    "Attention",
    "CacheFull",
    "Device",
    "DeviceFailed",
    "Error",
    "Explanation",
    "InvalidArgument",
    "InvalidProblem",
    "InvalidType",
    "KVCache",
    "NoDevice",
    "OutOfMemory",
    "Unsupported",
    "attention",
    "devices",
    "explain",
    "merge",
    "scaled_dot_product_attention",
]
