"""Bloom computes its attention itself, whatever attn_implementation says: its forward pass, with clattn."""
from __future__ import annotations

from typing import Any, Optional

import torch
from transformers.models.bloom import modeling_bloom

from ._attention import FORWARD

_own_forward = modeling_bloom.BloomAttention.forward


def _forward(
    self: Any,
    hidden_states: torch.Tensor,
    residual: torch.Tensor,
    alibi: torch.Tensor,
    attention_mask: Optional[torch.Tensor],
    layer_past: Any = None,
    use_cache: bool = False,
    output_attentions: bool = False,
    **others: Any,
) -> "tuple[torch.Tensor, Optional[torch.Tensor]]":
    """BloomAttention.forward. Bloom asks no interface; it is clattn's turn where clattn made the mask."""
    forward = getattr(attention_mask, FORWARD, None)
    if forward is None:
        return _own_forward(self, hidden_states, residual, alibi, attention_mask, layer_past=layer_past,
                            use_cache=use_cache, output_attentions=output_attentions, **others)
    batch, query_len, _ = hidden_states.shape
    query, key, value = self._reshape(self.query_key_value(hidden_states))
    if layer_past is not None:
        key, value = layer_past.update(key, value, self.layer_idx)
    context, weights = forward(
        self, query, key, value, attention_mask, dropout=self.attention_dropout.p if self.training else 0.0,
        scaling=self.inv_norm_factor, position_bias=alibi.view(batch, self.num_heads, 1, -1),
        output_attentions=output_attentions)
    made = self.dense(context.reshape(batch, query_len, self.hidden_size))
    return modeling_bloom.dropout_add(made, residual, self.hidden_dropout, self.training), weights


modeling_bloom.BloomAttention.forward = _forward
