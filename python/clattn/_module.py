"""A layer of attention, whose projection matrices stay on the device."""
from __future__ import annotations

from typing import Any

from . import _arrays, _cache, _devices, _problem, _rotary, _run
from ._arrays import View
from ._clattn import ffi, lib
from ._errors import InvalidArgument, InvalidType, check, new_error
from ._problem import Meaning

_LAYOUTS = {"xw": lib.CLATTN_LAYOUT_XW, "xwt": lib.CLATTN_LAYOUT_XWT}
_POSITIONS = {"sinusoidal": lib.CLATTN_POSITIONS_SINUSOIDAL}
_BIASES = {"bq": 1, "bk": 2, "bv": 4, "bo": 8}  # CLATTN_BIAS_Q ...


class Attention:
    """Self-attention or cross attention from x: projections, attention, and the output projection.

    wq        (model_dim, heads * head_dim)       "xw": Q = X . Wq; "xwt": all are transposed, as torch.nn.Linear has
    wk        (kv_model_dim, kv_heads * head_dim)   them, (heads * head_dim, model_dim) and so on. A square matrix fits
    wv        (kv_model_dim, kv_heads * value_dim)  both, so `layout` has no default
    wo        (heads * value_dim, output_dim); None: the output is the context
    heads     query heads
    kv_heads  heads of keys and values, a divisor of heads; None: heads
    layout    "xw" or "xwt"
    bq, bk, bv, bo  biases, one element for each column; None: none
    rotary    rotary embedding of q and k: "halves" (Llama, GPT-NeoX) or "interleaved" (GPT-J); None: none
    rotary_dim   leading elements of each vector that are rotated; None: all
    rotary_base  the base of its angles
    rotary_scaling  a dict like transformers' config.rope_parameters, for longer sequences: {"rope_type": "llama3",
              "factor": 8.0, ...}, or "linear", "dynamic" or "yarn" (clattn_problem.h). A rope_theta in it is the base
    rotary_cos, rotary_sin  (positions, rotary_dim / 2): cosines and sines, instead of base and scaling
    positions    "sinusoidal": added to x; None: none
    is_causal, scale, softcap, window, sinks, alibi, align  as in clattn.attention
    device    as in clattn.attention; the layer stays there

    All matrices and biases have the same type: float32, float16 or bfloat16. They are copied to the device, as float32;
    the arrays are not needed any more. Several threads may call.
    """

    def __init__(
        self,
        wq: Any,
        wk: Any,
        wv: Any,
        wo: Any = None,
        *,
        heads: int,
        layout: str,
        kv_heads: "int | None" = None,
        bq: Any = None,
        bk: Any = None,
        bv: Any = None,
        bo: Any = None,
        rotary: "str | None" = None,
        rotary_dim: "int | None" = None,
        rotary_base: float = 10000.0,
        rotary_scaling: "dict[str, Any] | None" = None,
        rotary_cos: Any = None,
        rotary_sin: Any = None,
        positions: "str | None" = None,
        is_causal: bool = False,
        scale: "float | None" = None,
        softcap: "float | None" = None,
        window: Any = None,
        sinks: Any = None,
        alibi: Any = None,
        align: "str | int" = "top-left",
        device: Any = None,
    ) -> None:
        problem = _problem.new_problem()
        problem.heads = self.heads = _cache.whole("heads", heads)
        problem.kv_heads = self.kv_heads = self.heads if kv_heads is None else _cache.whole("kv_heads", kv_heads)
        problem.layout = _problem.one_of("layout", layout, _LAYOUTS)
        given = {"wq": wq, "wk": wk, "wv": wv, "wo": wo, "bq": bq, "bk": bk, "bv": bv, "bo": bo}
        views = {n: _arrays.contiguous(_arrays.view(n, a)) for n, a in given.items() if a is not None}
        self._set_types(problem, views)
        self._set_sizes(problem, views)
        _problem.set_meaning(problem, Meaning(is_causal, scale, softcap, window, None, align))
        if positions is not None:
            problem.positions = _problem.one_of("positions", positions, _POSITIONS)
        self.device = _devices.choose(device)
        self._problem = problem
        inputs = _problem.new_sized("clattn_inputs")
        self._kept = _problem.set_tensors(problem, inputs, sinks, alibi, None)
        tables = rotary_cos, rotary_sin
        self._kept.update(
            _rotary.set_rotary(problem, inputs, rotary, rotary_dim, rotary_base, rotary_scaling, tables)
        )
        self._inputs = inputs
        self._upload(views)

    def _set_types(self, problem: Any, views: "dict[str, View]") -> None:
        problem.type = _arrays.storage_type("wq", views["wq"])
        self.type = views["wq"].type
        for name, array in views.items():
            _arrays.same_type("wq", self.type, name, array)

    def _set_sizes(self, problem: Any, views: "dict[str, View]") -> None:
        """Sizes that follow from the matrices' shapes, which must agree."""
        sizes: "dict[str, tuple[int, ...]]" = {}
        for name in ("wq", "wk", "wv", "wo"):
            if name not in views:
                continue
            shape = views[name].shape
            if len(shape) != 2:
                raise InvalidArgument(f"{name} has the shape {shape} (allowed: two dimensions)")
            sizes[name] = shape if problem.layout == lib.CLATTN_LAYOUT_XW else shape[::-1]
        for name, heads in (("wq", self.heads), ("wk", self.kv_heads), ("wv", self.kv_heads)):
            if sizes[name][1] % heads or not sizes[name][1]:
                raise InvalidArgument(f"{name} has {sizes[name][1]} columns (allowed: a multiple of its {heads} heads)")
        problem.head_dim = self.head_dim = sizes["wq"][1] // self.heads
        problem.value_dim = self.value_dim = sizes["wv"][1] // self.kv_heads
        self.model_dim, self.kv_model_dim = sizes["wq"][0], sizes["wk"][0]
        expected = {
            "wk": (self.kv_model_dim, self.kv_heads * self.head_dim),
            "wv": (self.kv_model_dim, self.kv_heads * self.value_dim),
            "wo": (self.heads * self.value_dim, sizes["wo"][1] if "wo" in sizes else 0),
        }
        for name, size in expected.items():
            if name in sizes and sizes[name] != size:
                given = size if problem.layout == lib.CLATTN_LAYOUT_XW else size[::-1]
                raise InvalidArgument(f"{name} has the shape {views[name].shape} (allowed: {given})")
        if "wo" in sizes:
            problem.output_dim = sizes["wo"][1]
        elif "bo" in views:
            raise InvalidArgument("bo is given without wo (allowed: both, wo, or neither)")
        for name, bit in _BIASES.items():
            if name not in views:
                continue
            columns = sizes["w" + name[1]][1]
            if views[name].shape != (columns,):
                raise InvalidArgument(f"{name} has the shape {views[name].shape} (allowed: ({columns},))")
            problem.biases |= bit
        self.output_dim = sizes["wo"][1] if "wo" in sizes else self.heads * self.value_dim

    def _set_source(self, problem: Any, query_len: int, key_len: "int | None") -> None:
        """key_len is None for self-attention."""
        problem.query_len = query_len
        problem.key_len = query_len if key_len is None else key_len
        problem.model_dim = self.model_dim
        problem.source = lib.CLATTN_SOURCE_X if key_len is None else lib.CLATTN_SOURCE_XKV
        problem.kv_model_dim = 0 if key_len is None else self.kv_model_dim

    def _upload(self, views: "dict[str, View]") -> None:
        inputs, made, error = _problem.new_sized("clattn_inputs"), ffi.new("clattn_weights **"), new_error()
        for name, array in views.items():
            setattr(inputs, name, array.pointer)
        self._set_source(self._problem, 1, None if self.model_dim == self.kv_model_dim else 1)
        with self.device as handle:
            check(lib.clattn_weights_create(handle, self._problem, inputs, made, error), error)
            self._inputs.projection_weights = made[0]
            self._weights = made[0]
            _cache.destroy_with(self, self.device, lib.clattn_weights_destroy, made[0])

    def __repr__(self) -> str:
        sizes = f"{self.heads} heads on {self.kv_heads}, {self.model_dim} -> {self.output_dim}"
        return f"<clattn.Attention: {sizes}, {self.type}, on {self.device.name}>"

    @property
    def bytes(self) -> int:
        """Bytes of matrices and biases on the device."""
        with self.device:
            return lib.clattn_weights_bytes(self._weights)

    def _tokens(self, name: str, array: Any, columns: int) -> View:
        found = _arrays.contiguous(_arrays.view(name, array))
        if found.type != self.type:
            raise InvalidType(f"{name} has the type {found.type} (allowed: {self.type}, as the matrices)")
        if not 2 <= len(found.shape) <= 3 or found.shape[-1] != columns:
            raise InvalidArgument(
                f"{name} has the shape {found.shape} (allowed: (batch, tokens, {columns}) or (tokens, {columns}))"
            )
        return found

    def _describe(self, x: Any, xkv: Any) -> "tuple[Any, Any, dict[str, View]]":
        """The problem of a call, its inputs, and what these point to."""
        views = {"x": self._tokens("x", x, self.model_dim)}
        batch, query_len = ((1,) + views["x"].shape)[-3:-1]
        key_len = None
        if xkv is not None:
            views["xkv"] = self._tokens("xkv", xkv, self.kv_model_dim)
            key_batch, key_len = ((1,) + views["xkv"].shape)[-3:-1]
            if key_batch != batch:
                raise InvalidArgument(f"x and xkv have batches of {batch} and {key_batch} (allowed: the same)")
        elif self.model_dim != self.kv_model_dim:
            raise InvalidArgument(
                f"xkv is None, but wk is for {self.kv_model_dim} columns, and wq for {self.model_dim} (allowed: an xkv)"
            )
        problem, inputs = ffi.new("clattn_problem *", self._problem[0]), ffi.new("clattn_inputs *", self._inputs[0])
        problem.batch = batch
        self._set_source(problem, query_len, key_len)
        for name, array in views.items():
            setattr(inputs, name, array.pointer)
        return problem, inputs, views

    def __call__(
        self,
        x: Any,
        xkv: Any = None,
        *,
        cache: "_cache.KVCache | None" = None,
        mask: Any = None,
        key_lengths: Any = None,
        position_ids: Any = None,
        key_position_ids: Any = None,
        return_lse: bool = False,
        return_weights: bool = False,
        out: Any = None,
    ) -> Any:
        """The layer's output for x.

        x      (batch, tokens, model_dim) or (tokens, model_dim), of the matrices' type
        xkv    for cross attention: (batch, key tokens, kv_model_dim), whence keys and values come; None: from x
        cache  a clattn.KVCache: appends the keys and values, and attends to all of it
        mask, key_lengths, return_lse, return_weights, out  as in clattn.attention; with a cache a mask has as many keys
               as there are after the call, or the cache's capacity; key_lengths count new ones
        position_ids  integers, (batch, tokens), or (tokens,) for all sequences: positions of x's tokens for rotary and
               positions; None: their places. is_causal, window and alibi still count places
        key_position_ids  the same for xkv's tokens, with rotary

        Returns (batch, tokens, output_dim), or without wo (batch, tokens, heads * value_dim), of x's kind and type; or
        a tuple with the log-sum-exp and the weights. Raises a clattn.Error that says what is allowed.
        """
        problem, inputs, views = self._describe(x, xkv)
        lead = views["x"].shape[:-2]
        query_len = problem.query_len
        rows = (*lead, self.heads, query_len)
        in_context = problem.type == lib.CLATTN_F32 and not problem.output_dim
        call = _run.Call(self.device, problem, inputs, views, cache)
        with self.device:
            views.update(_rotary.set_position_ids(problem, inputs, position_ids, key_position_ids))
            call.set_tensors(mask, None, None, key_lengths)
            return call.run(x, (*lead, query_len, self.output_dim), in_context, rows, return_lse, return_weights, out)
