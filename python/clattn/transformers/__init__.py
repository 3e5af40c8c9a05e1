"""Attention of Hugging Face's transformers on any OpenCL device:

    import clattn.transformers
    model = AutoModelForCausalLM.from_pretrained(name, attn_implementation="clattn")

The import registers "clattn" with AttentionInterface and AttentionMaskInterface. `register` adds other names, for other
devices. A model whose attention asks for something that clattn lacks raises a clattn.Error that names it.
"""
from __future__ import annotations

from typing import Any, Optional

try:
    from transformers import AttentionInterface, AttentionMaskInterface
except ImportError as error:
    raise ImportError(f"clattn.transformers needs torch and transformers 5.24 or later: {error}") from error

from .._errors import InvalidArgument
from . import _bloom  # noqa: F401  it takes the place of Bloom's own forward pass
from ._attention import forward_on, mask_with
from ._cache import Cache

__all__ = ["Cache", "register"]


def register(name: str = "clattn", *, device: Any = None, math: Optional[str] = None) -> None:
    """Makes attn_implementation=name compute attention with clattn, on a device and with the arithmetic that
    clattn.attention takes: register("clattn-gpu", device="gpu", math="stored")."""
    if not isinstance(name, str) or not name or name in ("eager", "sdpa", "flex_attention") or "flash" in name:
        raise InvalidArgument(f"name is {name!r} (allowed: a name that transformers does not use itself)")
    forward = forward_on(device, math)
    AttentionInterface.register(name, forward)
    AttentionMaskInterface.register(name, mask_with(forward))


register()
