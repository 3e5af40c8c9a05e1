"""PyTorch's scaled_dot_product_attention, and modules of linear layers around it."""
import torch
from torch.nn.functional import linear, scaled_dot_product_attention

from worker import THREADS, by_heads, serve

torch.set_num_threads(THREADS)
torch.set_grad_enabled(False)


def attend(case, q, k, v):
    grouped = {"enable_gqa": True} if case.kv_heads != case.heads else {}
    return scaled_dot_product_attention(q, k, v, is_causal=bool(case.causal), **grouped)


def heads_first(case):
    q, k, v = (torch.from_numpy(by_heads(a)) for a in case.qkv())
    result = []

    def run():
        result[:] = [attend(case, q, k, v)]

    return run, lambda: by_heads(result[0].numpy())


def tokens_first(case):
    q, k, v = (torch.from_numpy(a).transpose(1, 2) for a in case.qkv())
    result = []

    def run():
        result[:] = [attend(case, q, k, v)]

    return run, lambda: result[0].transpose(1, 2).numpy()


def module_of(fused):
    """X -> output, with the projections as three products or as one."""

    def way(case):
        x, weights, wo = case.x_and_weights()
        x, wo = torch.from_numpy(x), torch.from_numpy(wo.T.copy())
        weights = [torch.from_numpy(w.T.copy()) for w in weights]
        weight = torch.cat(weights)
        result = []

        def run():
            parts = linear(x, weight).chunk(3, -1) if fused else [linear(x, w) for w in weights]
            q, k, v = (part.unflatten(-1, (case.heads, case.head_dim)).transpose(1, 2) for part in parts)
            result[:] = [linear(attend(case, q, k, v).transpose(1, 2).flatten(2), wo)]

        return run, lambda: result[0].numpy()

    return way


serve(f"PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}",
      {"SDPA, heads first": heads_first, "SDPA, tokens first": tokens_first},
      {"one linear + SDPA": module_of(True), "three linears + SDPA": module_of(False)})
