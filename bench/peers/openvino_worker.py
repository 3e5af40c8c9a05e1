"""OpenVINO's ScaledDotProductAttention on the CPU, and modules of MatMul around it."""
import numpy as np
import openvino as ov
from openvino import opset13 as ops

from worker import THREADS, by_heads, serve

core = ov.Core()
SETTINGS = {"INFERENCE_NUM_THREADS": THREADS, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}


def compile_and_bind(result, parameters, inputs):
    """run, the output's array and the names of the kernels, with the inputs bound. Arithmetic is float, as for all
    engines, whatever the storage type: by default OpenVINO multiplies bfloat16 on processors that can."""
    model = core.compile_model(ov.Model([result], parameters), "CPU", SETTINGS)
    request = model.create_infer_request()
    tensors = [ov.Tensor(array, shared_memory=True) for array in inputs]
    for i, tensor in enumerate(tensors):
        request.set_input_tensor(i, tensor)
    request.infer()
    output = np.zeros_like(request.get_output_tensor().data)
    request.set_output_tensor(ov.Tensor(output, shared_memory=True))

    def run(_kept=(inputs, tensors)):  # the request does not keep the arrays alive
        request.infer()

    return run, output, kernels_of(model)


def kernels_of(model):
    """The kernels that compute, by OpenVINO's names: jit_avx2_f32, gemm_mlas_f32 and so on."""
    wanted = ("FullyConnected", "MatMul", "ScaledDotProductAttention", "MHA", "Subgraph")
    infos = [node.get_rt_info() for node in model.get_runtime_model().get_ops()]
    names = {info["primitiveType"].astype(str) for info in infos if info["layerType"].astype(str) in wanted}
    return " ".join(sorted(names))


def shared(case, node):
    """Repeats each KV head for every query head that shares it: OpenVINO supports grouped heads in no other way."""
    if case.kv_heads == case.heads:
        return node
    times = case.heads // case.kv_heads
    apart = ops.unsqueeze(node, ops.constant(2))
    wide = ops.broadcast(apart, ops.constant(np.array([case.batch, case.kv_heads, times, case.key_len, case.head_dim])))
    return ops.reshape(wide, ops.constant(np.array([case.batch, case.heads, case.key_len, case.head_dim])), False)


def attend(case, q, k, v):
    k, v = shared(case, k), shared(case, v)
    return ops.scaled_dot_product_attention(q, k, v, causal=bool(case.causal))


def swapped(node):
    return ops.transpose(node, ops.constant(np.array([0, 2, 1, 3])))


def heads_first(case):
    inputs = [by_heads(a) for a in case.qkv()]
    parameters = [ops.parameter(a.shape, a.dtype) for a in inputs]
    run, output, kernels = compile_and_bind(attend(case, *parameters), parameters, inputs)
    return run, lambda: by_heads(output), kernels


def tokens_first(case):
    inputs = case.qkv()
    parameters = [ops.parameter(a.shape, a.dtype) for a in inputs]
    result = swapped(attend(case, *(swapped(p) for p in parameters)))
    run, output, kernels = compile_and_bind(result, parameters, inputs)
    return run, lambda: output, kernels


def module(case):
    x, weights, wo = case.x_and_weights()
    parameter = ops.parameter(x.shape, x.dtype)
    shape = ops.constant(np.array([case.batch, case.query_len, case.heads, case.head_dim]))
    parts = [ops.matmul(parameter, ops.constant(w), False, False) for w in weights]
    context = swapped(attend(case, *(swapped(ops.reshape(part, shape, False)) for part in parts)))
    rows = ops.reshape(context, ops.constant(np.array([case.batch, case.query_len, wo.shape[0]])), False)
    run, output, kernels = compile_and_bind(ops.matmul(rows, ops.constant(wo), False, False), [parameter], [x])
    return run, lambda: output, kernels


serve(f"OpenVINO {ov.__version__}", {"SDPA, heads first": heads_first, "SDPA, tokens first": tokens_first},
      {"MatMul + SDPA": module})
