"""clattn.attention on arrays of pyopencl: the same results, nothing copied, events honoured.

pyopencl has an OpenCL loader of its own in its wheel, and clattn another."""
import gc
import os
import time

import clattn
import numpy as np
import pyopencl as cl
import pyopencl.array as cl_array
import pytest
from clattn import _queue
from conftest import OneAtATime, assert_context, assert_within, in_threads, qkv, random, resident, truth

CONTEXT = cl.Context([cl.get_platforms()[0].get_devices()[0]])
OUT_OF_ORDER = cl.command_queue_properties.OUT_OF_ORDER_EXEC_MODE_ENABLE
Q, K, V = qkv()
MASK = random(4, 7, 9) > -0.5
FLOATS = np.where(random(5, 4, 7, 9) > -1, random(6, 4, 7, 9), -np.inf).astype(np.float32)
SLOPES = np.array([0.5, 0.25, 0.125, 0.0625], np.float32)
SINKS = np.array([1.0, -2.0, 0.0, 3.0], np.float32)


@pytest.fixture(params=[0, OUT_OF_ORDER], ids=["in-order", "out-of-order"])
def queue(request):
    if request.param and not CONTEXT.devices[0].queue_properties & request.param:
        pytest.skip("the device has no out-of-order queues")
    return cl.CommandQueue(CONTEXT, properties=request.param)


def on(queue, *arrays):
    return [cl_array.to_device(queue, t) for t in arrays]


FEATURES = {
    "plain": ({}, {}),
    "causal": ({"is_causal": True, "align": "bottom-right"}, {"causal": True, "offset": 2}),
    "scale, softcap, window": ({"scale": 0.7, "softcap": 2.0, "window": 3},
                               {"scale": np.float32(0.7), "softcap": 2.0, "left": 3, "right": 0}),
    "bool mask": ({"mask": MASK}, {"mask": MASK}),
    "float mask": ({"mask": FLOATS}, {"mask": FLOATS}),
    "sinks, ALiBi": ({"sinks": SINKS, "alibi": SLOPES}, {"sinks": SINKS, "alibi": SLOPES}),
    "key lengths": ({"key_lengths": [9, 4]}, {"lengths": [9, 4]}),
}


@pytest.mark.parametrize("name", FEATURES)
def test_feature(queue, name):
    given, meant = FEATURES[name]
    arrays = {n: on(queue, t)[0] if isinstance(t, np.ndarray) else t for n, t in given.items()}
    expected = truth(Q, K, V, **meant)
    context = clattn.attention(*on(queue, Q, K, V), queue=queue, **arrays)
    assert isinstance(context, cl_array.Array)
    assert_context(context.get(), expected)
    _, lse, weights = clattn.attention(*on(queue, Q, K, V), queue=queue, return_lse=True, return_weights=True, **arrays)
    assert_within(lse.get(), expected.tensors["lse"], expected.bounds["lse"])
    assert_within(weights.get(), expected.tensors["weights"], expected.bounds["weights"])


def test_types_and_grouped_heads(queue, dtype):
    q, k, v = qkv(kv_heads=2, value_dim=5, dtype=dtype)
    context = clattn.attention(*on(queue, q, k, v), queue=queue, is_causal=True)
    assert context.dtype == dtype
    assert_context(context.get(), truth(q, k, v, causal=True))


@pytest.mark.parametrize("rank", [2, 3])
def test_ranks(queue, rank):
    q, k, v = (t[(0,) * (4 - rank)] for t in (Q, K, V))
    context = clattn.attention(*on(queue, q, k, v), queue=queue)
    assert_context(context.get(), truth(*(t[(None,) * (4 - rank)] for t in (q, k, v))))


def test_strides_and_offsets_are_read_in_place(queue):
    """A transposed array, and the third of three in one buffer."""
    q = on(queue, np.ascontiguousarray(Q.swapaxes(1, 2)))[0].transpose((0, 2, 1, 3))
    k, v = (on(queue, np.stack([t + 1, t + 2, t]))[0][2] for t in (K, V))
    align = CONTEXT.devices[0].mem_base_addr_align // 8
    assert q.strides[1] < q.strides[2] and k.offset and k.offset % align == 0
    assert_context(clattn.attention(q, k, v, queue=queue).get(), truth(Q, K, V))


def test_it_waits_for_events_and_returns_without_waiting(queue):
    """An event of the user's holds the call back, and what it reads is written while it waits."""
    q, k, v = on(queue, Q, K, V)
    clattn.attention(q, k, v, queue=queue).get()  # creating the plan waits
    late = cl_array.zeros(queue, Q.shape, np.float32)
    gate, other = cl.UserEvent(CONTEXT), cl.CommandQueue(CONTEXT)
    late.finish()
    begin = time.perf_counter()
    context = clattn.attention(late, k, v, queue=queue, wait_for=[gate])
    assert time.perf_counter() - begin < 5
    event = context.events[-1]
    queue.flush()
    time.sleep(0.05)
    assert event.command_execution_status != cl.command_execution_status.COMPLETE
    cl.enqueue_copy(other, late.base_data, Q).wait()
    gate.set_status(cl.command_execution_status.COMPLETE)
    assert_context(context.get(), truth(Q, K, V))


def test_it_waits_for_the_events_of_its_arrays():
    queue, other = cl.CommandQueue(CONTEXT), cl.CommandQueue(CONTEXT)
    q, k, v = on(queue, Q, K, V)
    clattn.attention(q, k, v, queue=queue).get()
    gate = cl.UserEvent(CONTEXT)
    late = cl_array.empty(other, Q.shape, np.float32)
    source = cl_array.to_device(other, Q)
    late.add_event(cl.enqueue_copy(other, late.base_data, source.base_data, wait_for=[gate]))
    other.flush()
    context = clattn.attention(late, k, v, queue=queue)
    time.sleep(0.05)
    assert context.events[-1].command_execution_status != cl.command_execution_status.COMPLETE
    gate.set_status(cl.command_execution_status.COMPLETE)
    assert_context(context.get(), truth(Q, K, V))


def test_results_feed_calls(queue):
    q, k, v = on(queue, Q, K[:, :, :7].copy(), V[:, :, :7].copy())
    first = clattn.attention(q, k, v, queue=queue)
    second = clattn.attention(first, k, v, queue=queue)
    host = clattn.attention(clattn.attention(Q, K[:, :, :7], V[:, :, :7]), K[:, :, :7], V[:, :, :7])
    np.testing.assert_allclose(second.get(), host, rtol=1e-5, atol=1e-6)


def test_out(queue):
    out = cl_array.zeros(queue, Q.shape, np.float32)
    assert clattn.attention(*on(queue, Q, K, V), queue=queue, out=out) is out
    assert_context(out.get(), truth(Q, K, V))


def test_nothing_is_copied(queue, monkeypatch):
    """The library gets the buffers of the arrays themselves."""
    seen = []

    class Recorder(OneAtATime):
        def __getattr__(self, name):
            found = getattr(self.lib, name)
            if name != "clattn_plan_enqueue":
                return found
            return lambda plan, buffers, *rest: seen.append(
                [int(_queue.ffi.cast("intptr_t", getattr(buffers, n))) for n in ("q", "k", "v", "context")]
            ) or found(plan, buffers, *rest)

    monkeypatch.setattr(_queue, "lib", Recorder(_queue.lib))
    arrays = on(queue, Q, K, V)
    context = clattn.attention(*arrays, queue=queue)
    assert seen == [[t.base_data.int_ptr for t in (*arrays, context)]]


def test_an_event_is_released():
    """The plan keeps that of its last run, until the next."""
    queue = cl.CommandQueue(CONTEXT)
    arrays = on(queue, Q, K, V)
    events = [clattn.attention(*arrays, queue=queue).events[-1] for _ in range(3)]
    queue.finish()
    assert events[0].get_info(cl.event_info.REFERENCE_COUNT) == 1


def test_many_problems_and_queues(monkeypatch):
    """More than are kept of each."""
    calls = OneAtATime(_queue.lib)
    monkeypatch.setattr(_queue, "lib", calls)
    queues, kept = len(_queue._adopted), sum(len(found.plans) for found in _queue._adopted.values())
    for length in range(1, 2 + _queue.MOST_PLANS):
        queue = cl.CommandQueue(CONTEXT)
        q = np.repeat(Q[:, :, :1], length, axis=2)
        for causal in (False, True):
            assert_context(clattn.attention(*on(queue, q, K, V), queue=queue, is_causal=causal).get(),
                           truth(q, K, V, causal=causal))
    queue = cl.CommandQueue(CONTEXT)
    for length in range(1, 9):
        for causal in (False, True):
            q = np.repeat(Q[:, :, :1], length, axis=2)
            assert_context(clattn.attention(*on(queue, q, K, V), queue=queue, is_causal=causal).get(),
                           truth(q, K, V, causal=causal))
    now = sum(len(found.plans) for found in _queue._adopted.values())
    assert now - kept == calls.names.count("clattn_plan_create") - calls.names.count("clattn_plan_destroy")
    opened = calls.names.count("clattn_device_adopt") - calls.names.count("clattn_device_close")
    assert opened == len(_queue._adopted) - queues
    assert len(_queue._adopted) <= _queue.MOST_QUEUES
    assert all(len(found.plans) <= _queue.MOST_PLANS for found in _queue._adopted.values())


def test_threads_with_a_queue_each():
    def work(length):
        queue, q = cl.CommandQueue(CONTEXT), np.repeat(Q[:, :, :1], length, axis=2)
        for _ in range(10):
            assert_context(clattn.attention(*on(queue, q, K, V), queue=queue).get(), truth(q, K, V))

    in_threads(work, range(2, 8))


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="Linux only")
def test_a_thousand_calls_take_no_memory():
    """Each has a megabyte of results, an event, and a part of a buffer."""
    queue = cl.CommandQueue(CONTEXT)
    q, k = on(queue, random(1, 2, 8, 256, 64), random(2, 2, 8, 64, 64))

    def calls(count):
        for number in range(count):
            clattn.attention(q[1], k[1], k[1], queue=queue, return_lse=True)[0].events[-1].wait()
            if number % 10 == 0:
                with pytest.raises(clattn.Error):
                    clattn.attention(q, k, k, queue=queue, scale=float("nan"))
        gc.collect()
        return resident()

    before = calls(300)
    grown = calls(1000) - before
    assert grown < 4 << 20, f"{grown} bytes"


def refused(queue, q=Q, k=K, v=V, **given):
    return clattn.attention(*(t if callable(t) or not isinstance(t, np.ndarray) else on(queue, t)[0]
                              for t in (q, k, v)), queue=queue, **given)


REFUSED = {
    "NumPy": (lambda s: clattn.attention(Q, K, V, queue=s), TypeError, "q is a ndarray .allowed with queue="),
    "queue": (lambda s: clattn.attention(Q, K, V, queue=3), TypeError, "queue is a int .allowed: a pyopencl.Comm"),
    "device": (lambda s: refused(s, device=0), ValueError, "device is given with queue"),
    "cache": (lambda s: refused(s, cache=clattn.KVCache(2, 4, 16, 16, 16)), NotImplementedError, "cache is given with"),
    "columns": (lambda s: refused(s, q=on(s, np.ascontiguousarray(Q.swapaxes(2, 3)))[0].transpose((0, 1, 3, 2))),
                ValueError, r"q has the strides \(448, 112, 1, 7\).*q.copy\(\)"),
    "offset": (lambda s: refused(s, q=on(s, np.concatenate([Q, Q], axis=3))[0][..., 16:]), ValueError,
               r"q begins at byte 64 of its buffer \(allowed: multiples of"),
    "type": (lambda s: refused(s, q=Q.astype(np.float64)), TypeError, "q has the type float64"),
    "types": (lambda s: refused(s, q=Q.astype(np.float16)), TypeError, "k has the type float32, and q float16"),
    "mask on the host": (lambda s: refused(s, mask=MASK), TypeError, "mask is a ndarray"),
    "mask's type": (lambda s: refused(s, mask=on(s, FLOATS.astype(np.float64))[0]), TypeError,
                    "mask has the type float64 .allowed with queue=: bool, float32"),
    "integer mask": (lambda s: refused(s, mask=on(s, MASK.astype(np.int8))[0]), TypeError, "mask has the type int8"),
    "sinks' shape": (lambda s: refused(s, sinks=on(s, SINKS[:3])[0]), ValueError, r"sinks has the shape \(3,\)"),
    "out's shape": (lambda s: refused(s, out=on(s, Q[:1])[0]), ValueError, "out has the shape"),
    "overlap": (lambda s: (lambda q: refused(s, q=q, out=q))(on(s, Q)[0]), ValueError, "overlap"),
    "another context": (lambda s: refused(s, q=on(cl.CommandQueue(cl.Context(CONTEXT.devices)), Q)[0]), ValueError,
                        "context"),
    "wait_for alone": (lambda s: clattn.attention(Q, K, V, wait_for=[]), ValueError, "wait_for is given without queue"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message) as raised:
        call(cl.CommandQueue(CONTEXT))
    assert isinstance(raised.value, clattn.Error)
