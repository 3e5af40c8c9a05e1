"""A cache of keys and values for transformers' models that stays on the OpenCL device."""
from __future__ import annotations

from typing import Any, Optional

import torch
from transformers import cache_utils

from .. import _cache
from .._errors import InvalidArgument, Unsupported

_CACHE = "_clattn_cache"  # the attribute of new keys that names the cache that they go to


class _Appended(torch.Tensor):
    """New keys or values on their way from Cache.update to the attention function, which appends them. Any other use
    would take them for all keys, and is refused."""

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        if getattr(function, "__name__", "") in ("__get__", "size", "stride", "dim"):
            return super().__torch_function__(function, types, arguments, named or {})
        raise Unsupported(
            "a clattn.transformers.Cache gives its keys and values to clattn's attention only (allowed: models with "
            "attn_implementation='clattn', or another name of clattn.transformers.register, that attend to what they "
            "cache; DeepSeek-V3, for one, caches something smaller)")


def appended(key: torch.Tensor, value: torch.Tensor, cache: Any) -> "tuple[torch.Tensor, torch.Tensor]":
    key, value = (tensor.detach().as_subclass(_Appended) for tensor in (key, value))
    setattr(key, _CACHE, cache)
    return key, value


def taken(key: torch.Tensor, value: torch.Tensor) -> "tuple[torch.Tensor, torch.Tensor, Any]":
    """The keys and values as plain tensors, and the clattn.KVCache that they go to or None."""
    if not isinstance(key, _Appended):
        return key, value, None
    if not hasattr(key, _CACHE):
        raise Unsupported(
            "two layers attend to the same new keys of a clattn.transformers.Cache (allowed: layers with keys of their "
            "own)")
    cache = getattr(key, _CACHE)
    delattr(key, _CACHE)  # a second use would append them again
    with torch._C.DisableTorchFunctionSubclass():
        return key.as_subclass(torch.Tensor), value.as_subclass(torch.Tensor), cache


class _Layer(cache_utils.CacheLayerMixin):
    """The keys and values of one layer of a model."""

    is_sliding = False
    is_croppable = True

    def __init__(self, options: "dict[str, Any]") -> None:
        super().__init__()
        self._options = options
        self._kept: Optional[_cache.KVCache] = None

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        batch, kv_heads, _, head_dim = key_states.shape
        self._kept = _cache.KVCache(batch, kv_heads, head_dim, value_states.shape[-1], **self._options)
        self.device, self.is_initialized = key_states.device, True

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *others: Any, **named: Any) -> Any:
        if self._kept is None:
            self.lazy_initialization(key_states, value_states)
        if key_states.shape[0] != self._kept.batch:
            raise InvalidArgument(
                f"the batch is {key_states.shape[0]}, and the cache has {self._kept.batch} sequences (allowed: the "
                "same)")
        return appended(key_states, value_states, self._kept)

    def get_seq_length(self) -> int:
        return 0 if self._kept is None else self._kept.length(0)

    def get_mask_sizes(self, query_length: int) -> "tuple[int, int]":
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        return self._options["capacity"]

    def reset(self) -> None:
        if self._kept is not None:
            self._kept.reset()

    def crop(self, tokens_to_remove: int) -> None:
        """Forgets the last tokens; their number is negative, as transformers has it."""
        if self._kept is not None:
            for sequence in range(self._kept.batch):
                length = self._kept.length(sequence)
                self._kept.truncate(sequence, max(length - abs(tokens_to_remove), 0))

    def _refused(self, *arguments: Any, **named: Any) -> None:
        raise Unsupported(
            "a clattn.transformers.Cache cannot change the order or number of its sequences (allowed: greedy decoding "
            "and sampling; no beam search, no offloading)")

    offload = prefetch = reorder_cache = batch_repeat_interleave = batch_select_indices = _refused


class Cache(cache_utils.Cache):
    """Keys and values of a model on the OpenCL device, for attn_implementation="clattn":

        model.generate(**inputs, cache=clattn.transformers.Cache(capacity=4096, type="f16"))

    capacity  the most tokens that a sequence can have, with its prompt; one more raises clattn.CacheFull
    type, page_len, device  as in clattn.KVCache; the device must be that of the attention

    Each step uploads only its own tokens' keys and values. Layers with a sliding window keep all of theirs.
    """

    def __init__(self, capacity: int, type: str = "f32", page_len: int = 0, device: Any = None) -> None:
        options = {"capacity": capacity, "type": type, "page_len": page_len, "device": device}
        super().__init__(layer_class_to_replicate=lambda: _Layer(options))
