"""Devices, threads, fork, memory, and a machine without a driver."""
import gc
import os
import platform
import re
import subprocess
import sys
import threading
import time

import clattn
import numpy as np
import pytest
from conftest import OneAtATime, assert_context, in_threads, qkv, resident, truth


def test_devices():
    found = clattn.devices()
    assert found and [device.index for device in found] == list(range(len(found)))
    first = found[0]
    assert first.name in repr(first) and first.kind in ("gpu", "cpu", "accelerator", "other")
    assert first.compute_units > 0 and first.memory_bytes > 0 and first.version.startswith("OpenCL")
    assert clattn.devices()[0] is first


def test_a_device_is_chosen_in_every_way():
    q, k, v = qkv()
    expected, device = truth(q, k, v), clattn.devices()[0]
    for choice in (None, 0, "0", device.kind, device.name[:10].upper(), device):
        assert_context(clattn.attention(q, k, v, device=choice), expected)


def run_python(program, **environment):
    return subprocess.run([sys.executable, "-c", program], env={**os.environ, **environment}, capture_output=True,
                          text=True, check=False)


def test_without_a_driver(tmp_path):
    program = ("import clattn, numpy as np\n"
               "assert clattn.devices() == []\n"
               "q = np.ones((2, 2), np.float32)\n"
               "try: clattn.attention(q, q, q)\n"
               "except clattn.NoDevice as error: print(error.status, error)")
    done = run_python(program, OCL_ICD_VENDORS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("CLATTN_NO_DEVICE")
    assert "pocl-opencl-icd" in done.stdout


def package_runs_here():
    """Its compiler ends the process where it does not know the processor: asked without clattn."""
    program = ("import os, pyopencl, pyopencl.array\n"
               "from clattn import _drivers\n"
               "os.environ['OCL_ICD_VENDORS'] = _drivers._installed()\n"
               "context = pyopencl.Context(pyopencl.get_platforms()[0].get_devices())\n"
               "queue = pyopencl.CommandQueue(context)\n"
               "x = pyopencl.array.zeros(queue, 16, 'float32')\n"
               "text = 'kernel void f(global float16 *x) { *x = fma(*x, *x, *x); }'\n"
               "pyopencl.Program(context, text).build().f(queue, (1,), None, x.data)\n"
               "queue.finish()")
    return run_python(program).returncode == 0


@pytest.mark.skipif(platform.machine() != "x86_64", reason="PoCL's package is for x86-64")
def test_a_driver_from_a_package():
    """Where the system has none; what the user says about drivers goes first."""
    program = ("import os, clattn, numpy as np\n"
               "from clattn import _drivers\n"
               "_drivers.SYSTEM = '/no/such/folder/*.icd'\n"
               "q = np.ones((2, 2), np.float32)\n"
               "print(len(clattn.devices()), clattn.devices()[0].driver_version, clattn.attention(q, q, q).sum())\n"
               "assert 'OCL_ICD_VENDORS' not in os.environ")
    if not package_runs_here():
        pytest.skip("the compiler of PoCL's package does not know this processor")
    done = run_python(program)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"1 3\.0\S* 4\.0\n", done.stdout)  # the version of the package


def test_importing_makes_no_opencl_call():
    """So that a program may fork after it."""
    program = ("import os, clattn, numpy as np\n"
               "q = np.ones((2, 2), np.float32)\n"
               "child = os.fork()\n"
               "if child == 0: os._exit(0 if (clattn.attention(q, q, q) == 1).all() else 1)\n"
               "assert os.waitpid(child, 0)[1] == 0\n"
               "print(clattn.attention(q, q, q).sum())")
    done = run_python(program)
    assert (done.returncode, done.stdout) == (0, "4.0\n"), done.stderr


def test_a_forked_child_is_refused():
    program = ("import os, clattn, numpy as np\n"
               "q = np.ones((2, 2), np.float32)\n"
               "clattn.attention(q, q, q)\n"
               "child = os.fork()\n"
               "if child == 0:\n"
               "  try: clattn.attention(q, q, q)\n"
               "  except clattn.Unsupported as error: os._exit(3 if 'spawn' in str(error) else 1)\n"
               "  os._exit(2)\n"
               "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), clattn.attention(q, q, q).sum())")
    done = run_python(program)
    assert (done.returncode, done.stdout) == (0, "3 4.0\n"), done.stderr


def test_threads():
    """Eight at once, each with a problem of its own, so that plans come and go."""
    def work(number):
        q, k, v = qkv(query_len=5 + number, key_len=9 + 2 * number)
        expected = truth(q, k, v, causal=True)
        for _ in range(12):
            assert_context(clattn.attention(q, k, v, is_causal=True), expected)

    in_threads(work, range(8))


def test_calls_on_a_device_follow_one_another(monkeypatch):
    calls = OneAtATime(clattn._run.lib)
    monkeypatch.setattr(clattn._run, "lib", calls)
    q, k, v = qkv()
    in_threads(lambda _: clattn.attention(q, k, v), range(10))
    assert (len(calls.names), calls.most) == (10, 1)


def test_other_threads_run_during_a_call():
    """The longest pause of this thread is much shorter than the call of the other."""
    q, k, v = qkv(batch=1, heads=8, query_len=3000, key_len=3000, head_dim=64)
    clattn.attention(q, k, v)
    took = []

    def call():
        begin = time.perf_counter()
        clattn.attention(q, k, v)
        took.append(time.perf_counter() - begin)

    thread = threading.Thread(target=call)
    pauses, last = [], time.perf_counter()
    thread.start()
    while thread.is_alive():
        time.sleep(0.001)
        now = time.perf_counter()
        pauses.append(now - last)
        last = now
    assert len(pauses) > 10 and max(pauses) < 0.5 * took[0], (max(pauses), took)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="Linux only")
def test_a_thousand_calls_take_no_memory():
    """Each call has a megabyte of arguments and results; failing calls are among them."""
    q, k, v = qkv(batch=1, heads=8, query_len=128, key_len=128, head_dim=64)
    mask = np.ones((128, 128), bool)

    def calls(count):
        for number in range(count):
            clattn.attention(q, k, v, mask=mask, return_lse=True)
            if number % 10 == 0:
                with pytest.raises(clattn.Error):
                    clattn.attention(q, k, v, scale=float("nan"))
        gc.collect()
        return resident()

    before = calls(300)
    grown = calls(1000) - before
    assert grown < 4 << 20, f"{grown} bytes"
