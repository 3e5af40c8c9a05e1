"""clattn.merge."""
import clattn
import numpy as np
import pytest
from conftest import assert_context, qkv, truth

Q, K, V = qkv(query_len=6, key_len=20, kv_heads=2, head_dim=8)


def parts_of(*ends, **options):
    """Attention over keys 0 ... ends[0], and so on."""
    return [clattn.attention(Q, K[:, :, a:b], V[:, :, a:b], return_lse=True, is_causal=True, align=14 - a, **options)
            for a, b in zip((0, *ends[:-1]), ends)]


def test_parts_are_as_one_run():
    whole = truth(Q, K, V, causal=True, offset=14)
    for ends in ((20,), (7, 20), (3, 7, 8, 20)):
        context, lse = clattn.merge(parts_of(*ends), return_lse=True)
        assert_context(context, whole)
        np.testing.assert_allclose(lse, clattn.attention(Q, K, V, is_causal=True, align=14, return_lse=True)[1],
                                   rtol=1e-6)
    out = np.empty_like(context)
    assert clattn.merge(parts_of(7, 20), out=out) is out
    assert clattn.merge([(c[0, 0], s[0, 0]) for c, s in parts_of(7, 20)]).tobytes() == out[0, 0].tobytes()


def test_types_and_empty_rows():
    context = np.ones((2, 3, 4), np.float16)
    lse = np.zeros((2, 3), np.float32)
    lse[0, 0] = -np.inf
    merged, total = clattn.merge([(context, lse), (3 * context, lse + np.log(3))], return_lse=True)
    assert merged.dtype == np.float16 and (merged[0, 0] == 0).all() and (merged[1:] == 2.5).all()
    assert total[0, 0] == -np.inf and np.allclose(total[1], np.log(4))


REFUSED = [
    (3, clattn.InvalidType, "parts is a int"),
    ([], clattn.InvalidArgument, "parts is empty"),
    ([np.ones((2, 2))], clattn.InvalidArgument, "part 0 is a ndarray"),
    ([(np.ones((3, 4), "f"), np.ones(3, "f"), 1)], clattn.InvalidArgument, "part 0 has 3 entries"),
    ([(np.ones(4, "f"), np.ones((), "f"))], clattn.InvalidArgument, r"context of part 0 has the shape \(4,\)"),
    ([(np.ones((3, 4), "f"), np.ones(4, "f"))], clattn.InvalidArgument, r"lse of part 0 has the shape \(4,\)"),
    ([(np.ones((3, 4), "f"), np.ones(3, "f")), (np.ones((3, 5), "f"), np.ones(3, "f"))], clattn.InvalidArgument,
     r"context of part 1 has the shape \(3, 5\)"),
    ([(np.ones((3, 4), "f"), np.ones(3, "f")), (np.ones((3, 4), "e"), np.ones(3, "f"))], clattn.InvalidType,
     "context of part 1 has the type float16"),
    ([(np.ones((3, 4)), np.ones(3))], clattn.InvalidType, "context of part 0 has the type float64"),
    ([(np.ones((3, 4), "f"), np.ones(3, "i"))], clattn.InvalidType, "lse of part 0 has the type int32"),
]


@pytest.mark.parametrize("parts, kind, says", REFUSED)
def test_refused(parts, kind, says):
    with pytest.raises(kind, match=says):
        clattn.merge(parts)
