"""Which arrays are taken, what is read in place, and what comes back."""
import array

import clattn
import ml_dtypes
import numpy as np
import pytest
import torch
from clattn import _arrays
from conftest import assert_context, qkv, truth

Q, K, V = qkv()
EXPECTED = truth(Q, K, V)


def apart(tensor, axes):
    """The same tensor with its axes in another order in memory."""
    return np.ascontiguousarray(tensor.transpose(axes)).transpose(np.argsort(axes))


class OnlyDLPack:
    """An array of a library that has nothing but DLPack."""

    def __init__(self, of):
        self.of = of

    def __dlpack__(self, **named):
        return self.of.__dlpack__(**named)

    def __dlpack_device__(self):
        return self.of.__dlpack_device__()


class OnAGpu(OnlyDLPack):
    def __dlpack_device__(self):
        return 2, 0


class OfALibrary(OnlyDLPack):
    """As arrays that follow the array API; here the library is torch."""

    def __array_namespace__(self):
        return torch


IN_PLACE = {
    "dense": lambda t: t,
    "tokens before heads": lambda t: apart(t, (0, 2, 1, 3)),
    "heads first": lambda t: apart(t, (1, 0, 2, 3)),
    "part of vectors": lambda t: np.concatenate([t, t], axis=3)[..., :t.shape[3]],
    "every second token": lambda t: np.repeat(t, 2, axis=2)[:, :, ::2],
    "q, k and v in one": lambda t: np.stack([t, t, t], axis=2)[:, :, 1],
}
COPIED = {
    "columns": lambda t: apart(t, (0, 1, 3, 2)),
    "backwards": lambda t: np.ascontiguousarray(t[:, :, ::-1])[:, :, ::-1],
    "foreign byte order": lambda t: t.astype(">f4"),
    "not aligned": lambda t: np.frombuffer(b"x" + t.tobytes(), dtype=np.uint8)[1:].view(np.float32).reshape(t.shape),
    "far apart": lambda t: np.repeat(t, 12, axis=0)[::12],
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_strides_are_read_in_place(name):
    q, k, v = (IN_PLACE[name](t) for t in (Q, K, V))
    for tensor in (q, k, v):
        assert _arrays.readable("t", tensor).address == tensor.__array_interface__["data"][0]
    assert_context(clattn.attention(q, k, v), EXPECTED)
    q, k, v = (torch.from_numpy(t) for t in (q, k, v))
    assert all(_arrays.readable("t", tensor).address == tensor.data_ptr() for tensor in (q, k, v))
    assert_context(clattn.attention(q, k, v).numpy(), EXPECTED)


@pytest.mark.parametrize("name", COPIED)
def test_other_strides_are_copied(name):
    q, k, v = (COPIED[name](t) for t in (Q, K, V))
    assert (q == Q).all()
    assert all(_arrays.readable("t", t).address != t.__array_interface__["data"][0] for t in (q, k, v))
    context = clattn.attention(q, k, v)
    assert context.dtype == np.float32
    assert_context(context, EXPECTED)


def test_a_shared_batch_and_shared_heads_are_read_in_place():
    k, v = (np.broadcast_to(t[:1, :1], t.shape) for t in (K, V))
    assert _arrays.readable("k", k).strides[:2] == (0, 0)
    assert_context(clattn.attention(Q, k, v), truth(Q, k, v))


def test_a_repeated_row_is_copied():
    k = np.broadcast_to(K[:, :, :1], K.shape)
    assert_context(clattn.attention(Q, k, V), truth(Q, k, V))


def test_one_token_of_a_longer_cache():
    k, v = (t[:, :, 3:4] for t in (K, V))
    q = Q[:, :, -1:]
    assert_context(clattn.attention(q, k, v), truth(q, k, v))


def test_types_mix_as_arrays_but_not_as_numbers():
    context = clattn.attention(torch.from_numpy(Q), K, memoryview(V))
    assert isinstance(context, torch.Tensor)
    assert_context(context.numpy(), EXPECTED)


def test_ml_dtypes_and_torch_have_the_same_bfloat16():
    arrays = [t.astype(ml_dtypes.bfloat16) for t in (Q, K, V)]
    tensors = [torch.from_numpy(t.view(np.int16)).view(torch.bfloat16) for t in arrays]
    of_numpy, of_torch = clattn.attention(*arrays), clattn.attention(*tensors)
    assert of_numpy.dtype == ml_dtypes.bfloat16 and of_torch.dtype == torch.bfloat16
    assert (of_numpy.view(np.int16) == of_torch.view(torch.int16).numpy()).all()
    assert_context(of_numpy, truth(*arrays))


def test_dlpack_and_buffers():
    for wrap in (OnlyDLPack, memoryview):
        context = clattn.attention(*(wrap(t) for t in (Q, K, V)))
        assert isinstance(context, np.ndarray)
        assert_context(context, EXPECTED)
    buffers = [memoryview(array.array("f", t.ravel())).cast("b").cast("f", t.shape) for t in (Q, K, V)]
    assert_context(clattn.attention(*buffers), EXPECTED)


def test_a_library_gets_its_own_arrays():
    context, lse = clattn.attention(*(OfALibrary(t) for t in (Q, K, V)), return_lse=True)
    assert isinstance(context, torch.Tensor) and isinstance(lse, torch.Tensor)
    assert_context(context.numpy(), EXPECTED)


def test_read_only_arrays_are_read():
    for tensor in (q := Q.copy(), k := K.copy(), v := V.copy()):
        tensor.flags.writeable = False
    assert_context(clattn.attention(q, k, v), EXPECTED)


def test_inputs_stay_as_they_are():
    copies = [t.copy() for t in (Q, K, V)]
    clattn.attention(*copies, mask=np.ones((7, 9), dtype=bool))
    assert all((copy == t).all() for copy, t in zip(copies, (Q, K, V)))


def test_masks_with_repeats_are_not_spread_out():
    mask = torch.from_numpy(np.arange(9) != 3).expand(2, 4, 7, 9)
    assert_context(clattn.attention(Q, K, V, mask=mask), truth(Q, K, V, mask=mask.numpy()))
    problem = clattn._problem.new_problem()
    problem.batch, problem.heads, problem.query_len, problem.key_len = 2, 4, 7, 9
    assert clattn._problem.set_mask(problem, mask, (9,)).address == mask.data_ptr()
    assert list(problem.mask_shape) == [1, 1, 1, 9]


def test_transposed_masks():
    mask = np.ascontiguousarray((np.arange(63).reshape(9, 7) % 5 != 0)).T
    assert_context(clattn.attention(Q, K, V, mask=mask), truth(Q, K, V, mask=mask))


def test_gradients_are_refused_but_within_no_grad():
    q = torch.from_numpy(Q).requires_grad_()
    with pytest.raises(clattn.InvalidArgument, match=r"q requires gradients.*q\.detach\(\)"):
        clattn.attention(q, K, V)
    with torch.no_grad():
        assert not clattn.attention(q, K, V).requires_grad


REFUSED = {
    "list": (lambda: Q.tolist(), clattn.InvalidType, "q is a list .*allowed: an array of NumPy or torch"),
    "float64": (lambda: Q.astype(np.float64), clattn.InvalidType, "q has the type float64 .*float16, bfloat16"),
    "integers": (lambda: Q.astype(np.int32), clattn.InvalidType, "q has the type int32"),
    "objects": (lambda: Q.astype(object), clattn.InvalidType, "q has the type object"),
    "torch float64": (lambda: torch.from_numpy(Q).double(), clattn.InvalidType, "q has the type float64"),
    "masked array": (lambda: np.ma.masked_less(Q, 0), clattn.InvalidType, "q is a masked array"),
    "GPU": (lambda: OnAGpu(Q), clattn.InvalidArgument, "q is on DLPack's device 2:0"),
    "torch elsewhere": (lambda: torch.empty(Q.shape, device="meta"), clattn.InvalidArgument,
                        r"q is on the device 'meta'.*q\.cpu"),
    "sparse": (lambda: torch.from_numpy(Q).to_sparse(), clattn.InvalidArgument, "q has the layout torch.sparse_coo"),
    "another type": (lambda: Q.astype(np.float16), clattn.InvalidType, "k has the type float32, and q float16"),
    "one dimension": (lambda: Q.ravel(), clattn.InvalidArgument, r"q has the shape \(896,\)"),
    "five dimensions": (lambda: Q[None], clattn.InvalidArgument, r"q has the shape \(1, 2, 4, 7, 16\)"),
    "another rank": (lambda: Q[0], clattn.InvalidArgument, "k has 4 dimensions, and q 3"),
    "another batch": (lambda: Q[:1], clattn.InvalidArgument, "batches of 1, 2 and 2"),
    "another dim": (lambda: Q[..., :8], clattn.InvalidArgument, "q has the dim 8, and k 16"),
    "heads that do not fit": (lambda: Q[:, :3], clattn.InvalidProblem, "kv_heads"),
    "no queries": (lambda: Q[:, :, :0], clattn.InvalidProblem, "query_len"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    make, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        clattn.attention(make(), K, V)


def read_only():
    made = np.empty(Q.shape, np.float32)
    made.flags.writeable = False
    return made


OUTS = {
    "shape": (lambda: np.empty((2, 4, 7, 15), np.float32),
              r"out has the shape \(2, 4, 7, 15\) \(allowed: \(2, 4, 7, 16\)"),
    "type": (lambda: np.empty(Q.shape, np.float16), "out has the type float16"),
    "strides": (lambda: np.empty((2, 7, 4, 16), np.float32).swapaxes(1, 2), "out has the strides"),
    "read-only": (read_only, "cannot be written"),
    "overlap": (lambda: Q, "out overlaps with q"),
}


@pytest.mark.parametrize("name", OUTS)
def test_out_is_refused(name):
    make, message = OUTS[name]
    before = Q.copy()
    with pytest.raises(clattn.Error, match=message):
        clattn.attention(Q, K, V, out=make())
    assert (before == Q).all()


def test_a_tensor_as_out():
    out = torch.empty(Q.shape)
    assert clattn.attention(Q, K, V, out=out) is out
    assert_context(out.numpy(), EXPECTED)
