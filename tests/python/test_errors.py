"""Every refusal has its class, its names and a message that says what is allowed."""
import pickle

import clattn
import numpy as np
import pytest
from clattn import _errors
from clattn._clattn import lib
from conftest import qkv

Q, K, V = qkv()

REFUSED = {
    "integer mask": ({"mask": np.ones((7, 9), np.int64)}, TypeError,
                     r"mask has the type int64 .*bool, True where.*astype\(bool\)"),
    "mask's shape": ({"mask": np.ones((7, 8), bool)}, ValueError,
                     r"mask has the shape \(7, 8\) \(allowed: \(2, 4, 7, 9\)"),
    "mask's rank": ({"mask": np.ones((1, 1, 1, 7, 9), bool)}, ValueError, "mask has the shape"),
    "complex mask": ({"mask": np.ones((7, 9), complex)}, TypeError, "mask has the type complex128"),
    "sinks' shape": ({"sinks": np.zeros(3)}, ValueError, r"sinks has the shape \(3,\) \(allowed: \(4,\)"),
    "integer sinks": ({"sinks": np.zeros(4, int)}, TypeError, "sinks has the type int64"),
    "list of words for sinks": ({"sinks": ["a", "b", "c", "d"]}, TypeError, "sinks has the type"),
    "slopes' shape": ({"alibi": np.zeros((1, 4))}, ValueError, r"alibi has the shape \(1, 4\) \(allowed: \(4,\)"),
    "lengths' shape": ({"key_lengths": [1, 2, 3]}, ValueError, r"key_lengths has the shape \(3,\) \(allowed: \(2,\)"),
    "lengths of floats": ({"key_lengths": [1.0, 2.0]}, TypeError, "key_lengths has the type float64"),
    "length too large": ({"key_lengths": [9, 10]}, ValueError, "10"),
    "negative length": ({"key_lengths": [9, -1]}, ValueError, "-1"),
    "length of 64 bits": ({"key_lengths": [9, 2**40]}, ValueError, "1099511627776"),
    "window's type": ({"window": 1.5}, ValueError, "window is 1.5 .allowed: None; n"),
    "negative window": ({"window": -1}, ValueError, "window is -1"),
    "window of three": ({"window": (1, 2, 3)}, ValueError, r"window is \(1, 2, 3\)"),
    "scale's type": ({"scale": "1"}, TypeError, "scale is a str"),
    "scale of NaN": ({"scale": float("nan")}, ValueError, "scale is nan"),
    "softcap below 0": ({"softcap": -1.0}, ValueError, "softcap is -1"),
    "align's name": ({"is_causal": True, "align": "left"}, ValueError,
                     "align is 'left' .allowed: 'top-left', 'bottom-right', or an integer"),
    "math's name": ({"math": "half"}, ValueError, "math is 'half' .allowed: 'float', 'stored'"),
    "math of float32": ({"math": "stored"}, ValueError, "math"),
    "device's index": ({"device": 99}, ValueError, "device is 99 .allowed: 0 to"),
    "device's type": ({"device": 1.5}, TypeError, "device is a float"),
    "device's name": ({"device": "no such thing"}, RuntimeError, "no such thing(?!.*needs an OpenCL driver)"),
    "fewer heads": ({"k": K[:, :2], "v": V[:, :2], "enable_gqa": False}, ValueError, "q has 4 heads, and k 2"),
    "heads of v": ({"v": V[:, :2]}, ValueError, "k has 4 heads, and v 2"),
    "length of v": ({"v": V[:, :, :5]}, ValueError, "k has the length 9, and v 5"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    given, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message) as raised:
        clattn.attention(**{"q": Q, "k": K, "v": V, **given})
    assert isinstance(raised.value, clattn.Error)
    assert raised.value.status.startswith("CLATTN_") and isinstance(raised.value.code, int)


def test_dropout():
    with pytest.raises(NotImplementedError, match="dropout_p is 0.1 .allowed: 0"):
        clattn.scaled_dot_product_attention(Q, K, V, None, 0.1)
    with pytest.raises(clattn.InvalidArgument, match="allowed without enable_gqa"):
        clattn.scaled_dot_product_attention(Q, K[:, :2], V[:, :2])


def test_every_status_of_the_library_is_an_exception_with_its_message():
    builtin = {"INVALID_ARGUMENT": ValueError, "INVALID_PROBLEM": ValueError, "UNSUPPORTED": NotImplementedError,
               "NO_DEVICE": RuntimeError, "OUT_OF_HOST_MEMORY": MemoryError, "CACHE_FULL": RuntimeError,
               "OUT_OF_DEVICE_MEMORY": MemoryError, "KERNEL_SOURCE": RuntimeError, "BUILD_FAILED": RuntimeError,
               "OPENCL_FAILED": RuntimeError, "CLBLAST_FAILED": RuntimeError}
    assert lib.CLATTN_STATUS_COUNT == len(builtin) + 1
    for name, kind in builtin.items():
        error = _errors.new_error()
        error.message, error.code = b"what failed", -5
        with pytest.raises(kind, match="what failed") as raised:
            _errors.check(getattr(lib, "CLATTN_" + name), error)
        assert (raised.value.status, raised.value.code) == ("CLATTN_" + name, -5)


def test_exceptions_survive_pickling():
    error = clattn.NoDevice("none", "CLATTN_NO_DEVICE", -1)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.status, again.code) == (clattn.NoDevice, "none", "CLATTN_NO_DEVICE", -1)


def test_after_an_error_the_next_call_works():
    with pytest.raises(clattn.Error):
        clattn.attention(Q, K, V, scale=float("inf"))
    assert np.isfinite(clattn.attention(Q, K, V)).all()
