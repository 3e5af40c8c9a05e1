"""The problem that a call describes: what its scores mean, whatever memory its tensors are in."""
from __future__ import annotations

import numbers
from typing import Any, NamedTuple

import numpy as np

from . import _arrays
from ._arrays import View
from ._clattn import ffi, lib
from ._errors import InvalidArgument, InvalidType

_ALIGNMENTS = {"top-left": lib.CLATTN_ALIGN_TOP_LEFT, "bottom-right": lib.CLATTN_ALIGN_BOTTOM_RIGHT}
_MATHS = {"float": lib.CLATTN_MATH_FLOAT, "stored": lib.CLATTN_MATH_STORED}


class Meaning(NamedTuple):
    """What turns scores into weights, but for tensors."""

    is_causal: bool = False
    scale: "float | None" = None
    softcap: "float | None" = None
    window: Any = None
    math: "str | None" = None
    align: "str | int" = "top-left"


def new_problem() -> Any:
    problem = ffi.new("clattn_problem *")
    lib.clattn_problem_fill(problem, ffi.sizeof("clattn_problem"))
    return problem


def new_sized(name: str) -> Any:
    """A struct of the library that begins with its size; all else is 0."""
    made = ffi.new(name + " *")
    made.size = ffi.sizeof(name)
    return made


def set_meaning(problem: Any, meaning: Meaning) -> None:
    problem.causal = bool(meaning.is_causal)
    if meaning.scale is not None:
        problem.scale_mode = lib.CLATTN_SCALE_GIVEN
        problem.scale = real("scale", meaning.scale)
    if meaning.softcap is not None:
        problem.softcap = real("softcap", meaning.softcap)
    problem.window_left, problem.window_right = _window(meaning.window)
    if meaning.math is not None:
        problem.math = one_of("math", meaning.math, _MATHS)
    if _is_integer(meaning.align):
        problem.alignment, problem.offset = lib.CLATTN_ALIGN_OFFSET, meaning.align
    else:
        problem.alignment = one_of("align", meaning.align, _ALIGNMENTS, "the position of the first query")


def set_mask(problem: Any, mask: Any, keys: "tuple[int, ...]") -> View:
    """Describes the mask and returns its memory. keys: how many it may have, the usual number first."""
    found = _arrays.view("mask", mask)
    describe_mask(problem, found, keys)
    found = _arrays.without_repeats(found)
    problem.mask_shape = (1,) * (4 - len(found.shape)) + found.shape
    return _arrays.contiguous(found) if found.type == "bool" else _arrays.floats_of("mask", found)


def describe_mask(problem: Any, found: View, keys: "tuple[int, ...]") -> None:
    whole = (problem.batch, problem.heads, problem.query_len, keys[0])
    shape = (1,) * (4 - len(found.shape)) + found.shape
    fits = [own in (1, full) for own, full in zip(shape[:3], whole)] + [shape[-1] in (1, *keys)]
    if len(shape) > 4 or not all(fits):
        raise InvalidArgument(
            f"mask has the shape {found.shape} (allowed: {whole}, (batch, heads, query length, key length), each also "
            "1; leading ones may be left out)"
        )
    if found.type.startswith(("int", "uint")):
        raise InvalidType(
            f"mask has the type {found.type} (allowed: bool, True where a query sees a key, or a float type, which "
            "is added to the scores): with 1 for a key that is seen, mask.astype(bool), or mask.bool() of torch"
        )
    problem.mask = lib.CLATTN_MASK_BOOL if found.type == "bool" else lib.CLATTN_MASK_FLOAT
    problem.mask_shape = shape


def numbers_of_heads(name: str, array: Any, heads: int) -> View:
    """A number for each head, also from a list of numbers."""
    found = _arrays.as_floats(name, np.asarray(array) if isinstance(array, (list, tuple)) else array)
    if found.shape != (heads,):
        raise InvalidArgument(f"{name} has the shape {found.shape} (allowed: ({heads},), one for each query head)")
    return found


def set_tensors(problem: Any, inputs: Any, sinks: Any, alibi: Any, key_lengths: Any) -> "dict[str, View]":
    """Describes tensors that go with scores and hands them to the inputs; returns their memory, to be kept."""
    kept = {}
    if sinks is not None:
        problem.sinks = True
        kept["sinks"] = numbers_of_heads("sinks", sinks, problem.heads)
        inputs.sinks = ffi.cast("float *", kept["sinks"].address)
    if alibi is not None:
        problem.alibi = True
        kept["alibi"] = numbers_of_heads("alibi", alibi, problem.heads)
        inputs.slopes = ffi.cast("float *", kept["alibi"].address)
    if key_lengths is not None:
        problem.lengths = lib.CLATTN_LENGTHS_KEYS
        kept["key_lengths"] = _arrays.as_integers("key_lengths", key_lengths, (problem.batch,))
        inputs.key_lengths = ffi.cast("int32_t *", kept["key_lengths"].address)
    return kept


def _is_integer(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def real(name: str, value: Any) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise InvalidType(f"{name} is a {type(value).__name__} (allowed: None, or a number)")
    return float(value)


def one_of(name: str, value: Any, allowed: "dict[str, int]", also: str = "") -> int:
    if not isinstance(value, str) or value not in allowed:
        names = ", ".join(f"'{word}'" for word in allowed) + (f", or an integer, {also}" if also else "")
        raise InvalidArgument(f"{name} is {value!r} (allowed: {names})")
    return allowed[value]


def _window(window: Any) -> "tuple[int, int]":
    if window is None:
        return lib.CLATTN_UNBOUNDED, lib.CLATTN_UNBOUNDED
    ends = (window, 0) if _is_integer(window) else window
    if not isinstance(ends, (tuple, list)) or len(ends) != 2 or any(
            end is not None and (not _is_integer(end) or not 0 <= end < 2**63) for end in ends):
        raise InvalidArgument(
            f"window is {window!r} (allowed: None; n, the n keys before a query and its own; or (left, right), numbers "
            "of keys from 0 on, None for no end)"
        )
    left, right = (lib.CLATTN_UNBOUNDED if end is None else int(end) for end in ends)
    return left, right
