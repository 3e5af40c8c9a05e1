"""Where tokens stand, and how a rotary embedding turns queries and keys."""
from __future__ import annotations

from typing import Any

import numpy as np

from . import _arrays, _cache, _problem
from ._arrays import View
from ._clattn import ffi, lib
from ._errors import InvalidArgument, InvalidType

_KINDS = {"halves": lib.CLATTN_ROTARY_HALVES, "interleaved": lib.CLATTN_ROTARY_INTERLEAVED}
_SCALINGS = {"default": lib.CLATTN_SCALING_NONE, "linear": lib.CLATTN_SCALING_LINEAR,
             "dynamic": lib.CLATTN_SCALING_DYNAMIC, "yarn": lib.CLATTN_SCALING_YARN,
             "llama3": lib.CLATTN_SCALING_LLAMA3}
_NUMBERS = ("factor", "low_freq_factor", "high_freq_factor", "beta_fast", "beta_slow", "attention_factor", "mscale",
            "mscale_all_dim")
_BASE = 10000.0


def set_rotary(problem: Any, inputs: Any, kind: "str | None", dim: "int | None", base: float, scaling: Any,
               tables: "tuple[Any, Any]") -> "dict[str, View]":
    """Describes the embedding; returns the memory of given cosines and sines, to be kept."""
    if kind is not None:
        problem.rotary = _problem.one_of("rotary", kind, _KINDS)
    problem.rotary_dim = 0 if dim is None else _cache.whole("rotary_dim", dim)
    problem.rotary_base = _problem.real("rotary_base", base)
    if scaling is not None:
        _set_scaling(problem, scaling)
    given = {name: table for name, table in zip(("rotary_cos", "rotary_sin"), tables) if table is not None}
    if not given:
        return {}
    if len(given) == 1:
        raise InvalidArgument(f"only {next(iter(given))} is given (allowed: rotary_cos and rotary_sin, or neither)")
    kept = {name: _arrays.as_floats(name, table) for name, table in given.items()}
    pairs = (problem.rotary_dim or problem.head_dim) // 2
    rows = kept["rotary_cos"].shape[0] if kept["rotary_cos"].shape else 0
    for name, found in kept.items():
        if found.shape != (rows, pairs) or not rows:
            raise InvalidArgument(
                f"{name} has the shape {found.shape} (allowed: (positions, {pairs}), half of the rotated elements, the "
                "same for rotary_cos and rotary_sin)"
            )
        setattr(inputs, name, ffi.cast("float *", found.address))
    problem.rotary_rows = rows
    return kept


def _set_scaling(problem: Any, scaling: Any) -> None:
    """From a dict as transformers' config.rope_parameters; keys that are None are not given."""
    if not isinstance(scaling, dict):
        raise InvalidType(f"rotary_scaling is a {type(scaling).__name__} (allowed: None, or a dict)")
    given = {key: value for key, value in scaling.items() if value is not None}
    kind = given.pop("rope_type", None)
    if kind not in _SCALINGS:
        raise InvalidArgument(
            f"rotary_scaling has the rope_type {kind!r} (allowed: {', '.join(map(repr, _SCALINGS))}; for longrope and "
            "others give rotary_cos and rotary_sin)"
        )
    to = problem.rotary_scaling
    to.kind = _SCALINGS[kind]
    for key, value in given.items():
        name = f"rotary_scaling['{key}']"
        if key == "rope_theta":
            if problem.rotary_base not in (_BASE, value):
                raise InvalidArgument(
                    f"{name} is {value}, and rotary_base {problem.rotary_base} (allowed: one of them)"
                )
            problem.rotary_base = _problem.real(name, value)
        elif key in _NUMBERS:
            setattr(to, key, _problem.real(name, value))
        elif key == "original_max_position_embeddings":
            to.original_max_position_embeddings = _cache.whole(name, value)
        elif key == "truncate" and isinstance(value, bool):
            to.keep_fractions = not value
        elif key == "truncate":
            raise InvalidType(f"{name} is a {type(value).__name__} (allowed: True, False)")
        else:
            keys = ", ".join(("rope_type", "rope_theta", "original_max_position_embeddings", "truncate") + _NUMBERS)
            raise InvalidArgument(f"rotary_scaling has the key {key!r} (allowed: {keys})")


def set_position_ids(problem: Any, inputs: Any, ids: Any, key_ids: Any) -> "dict[str, View]":
    """Hands ids to the inputs; returns their memory, to be kept."""
    own_keys = problem.source != lib.CLATTN_SOURCE_X and problem.rotary != lib.CLATTN_ROTARY_NONE
    if key_ids is not None and (ids is None or not own_keys):
        needed = "xkv" if problem.source == lib.CLATTN_SOURCE_X else "rotary" if ids is not None else "position_ids"
        raise InvalidArgument(f"key_position_ids is given without {needed} (allowed: None)")
    if ids is None:
        return {}
    if key_ids is None and own_keys:
        raise InvalidArgument(
            "key_position_ids is None (allowed with position_ids, xkv and rotary: ids of xkv's tokens)"
        )
    problem.position_ids = True
    given = {"position_ids": (ids, problem.query_len), "key_position_ids": (key_ids, problem.key_len)}
    kept = {}
    for name, (array, tokens) in given.items():
        if array is None:
            continue
        kept[name] = _for_the_batch(name, array, (problem.batch, tokens))
        setattr(inputs, name, ffi.cast("int32_t *", kept[name].address))
    return kept


def _for_the_batch(name: str, array: Any, shape: "tuple[int, int]") -> View:
    """Also from one sequence's ids, (tokens,) or (1, tokens)."""
    numbers = np.asarray(array.detach().cpu() if _arrays.is_tensor(array) else array)
    if numbers.shape in (shape[1:], (1, shape[1])):
        numbers = np.broadcast_to(numbers, shape)
    return _arrays.as_integers(name, numbers, shape)
