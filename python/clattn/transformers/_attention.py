"""The attention function and the mask function that are registered with transformers."""
from __future__ import annotations

import sys
from typing import Any, Callable, Optional

import torch
from transformers.masking_utils import sdpa_mask
from transformers.utils import TransformersKwargs

from .. import _attention
from .._errors import Unsupported
from . import _cache

# What models hand to an attention function and what has no meaning for it: the mask has it already (positions, windows,
# packed sequences), or other parts of the model use it.
_WITHOUT_EFFECT = set(TransformersKwargs.__annotations__) | {"encoder_hidden_states", "sliding_window", "use_cache"}
FORWARD = "_clattn_forward"  # the attribute of Bloom's masks that names the attention


# ---- masks -----------------------------------------------------------------------------------------------------------


def _asks_the_interface(config: Any) -> bool:
    """Whether the model's attention calls what is registered. One that does not would read this mask as its own."""
    module = sys.modules.get(type(config).__module__.replace(".configuration_", ".modeling_"))
    return module is None or hasattr(module, "ALL_ATTENTION_FUNCTIONS")


def mask_with(forward: Callable) -> Callable:
    def clattn_mask(
        *arguments: Any, config: Any = None, allow_is_causal_skip: bool = True, **others: Any
    ) -> Optional[torch.Tensor]:
        """The mask of a model: bool, (batch, 1, query length, key length), True where a query sees a key. None where
        is_causal says the same."""
        model_type = getattr(config, "model_type", "")
        if model_type == "bloom":
            made = sdpa_mask(*arguments, config=config, allow_is_causal_skip=False, **others)
            setattr(made, FORWARD, forward)
            return made
        if not _asks_the_interface(config):
            raise Unsupported(
                f"{model_type} computes its attention itself, whatever attn_implementation says (allowed: models of "
                "transformers that use AttentionInterface, and bloom)")
        return sdpa_mask(*arguments, config=config, allow_is_causal_skip=allow_is_causal_skip, **others)

    return clattn_mask


# ---- attention -------------------------------------------------------------------------------------------------------


class _NoBackward(torch.autograd.Function):
    """Forward passes run with or without gradients; a backward pass is refused instead of being wrong."""

    @staticmethod
    def forward(context: Any, compute: Callable, query: Any, key: Any, value: Any, *others: Any) -> Any:
        return compute(query, key, value, *others)

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        raise Unsupported(
            "clattn has no backward pass yet (allowed: attn_implementation='eager' or 'sdpa' for training)")


def _added(attention_mask: Optional[torch.Tensor], position_bias: torch.Tensor) -> torch.Tensor:
    if attention_mask is None:
        return position_bias
    if attention_mask.dtype == torch.bool:
        return position_bias.masked_fill(~attention_mask, -torch.inf)
    return position_bias + attention_mask


def forward_on(device: Any, math: Optional[str]) -> Callable:
    def clattn_attention_forward(
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: Optional[torch.Tensor],
        dropout: float = 0.0,
        scaling: Optional[float] = None,
        is_causal: Optional[bool] = None,
        softcap: Optional[float] = None,
        s_aux: Optional[torch.Tensor] = None,
        position_bias: Optional[torch.Tensor] = None,
        output_attentions: bool = False,
        **others: Any,
    ) -> "tuple[torch.Tensor, Optional[torch.Tensor]]":
        """query (batch, heads, query length, dim), key and value (batch, kv heads, key length, dim): all keys, or new
        ones of a clattn.transformers.Cache. Returns the context, (batch, query length, heads, value dim), and with
        output_attentions the weights."""
        if dropout:
            raise Unsupported(f"dropout is {dropout} (allowed: 0, model.eval(); clattn has no dropout yet)")
        for name, wanted in others.items():
            if name not in _WITHOUT_EFFECT and wanted is not None and wanted is not False:
                raise Unsupported(f"{type(module).__name__} asks for '{name}', which clattn does not know")
        key, value, cache = _cache.taken(key, value)
        query_len, key_len = query.shape[2], key.shape[2]
        if is_causal is None:
            is_causal = getattr(module, "is_causal", True)
        # Where the mask is None, a query of a chunk of one sees every key, and longer chunks are at the start; with a
        # static cache its empty part comes after their keys.
        is_causal = is_causal and attention_mask is None and query_len > 1
        if is_causal and key_len > query_len:
            key, value = key[:, :, :query_len], value[:, :, :query_len]
            position_bias = position_bias[..., :query_len] if position_bias is not None else None
        if position_bias is not None:
            attention_mask = _added(attention_mask, position_bias)

        def compute(query: Any, key: Any, value: Any, attention_mask: Any, s_aux: Any) -> Any:
            return _attention.attention(
                query, key, value, mask=attention_mask, is_causal=is_causal, scale=scaling, softcap=softcap,
                sinks=s_aux, cache=cache, return_weights=bool(output_attentions), device=device, math=math)

        made = _NoBackward.apply(compute, query, key, value, attention_mask, s_aux)
        context, weights = made if output_attentions else (made, None)
        return context.transpose(1, 2).contiguous(), weights

    return clattn_attention_forward
