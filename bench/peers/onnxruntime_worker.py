"""ONNX Runtime's Attention (opset 23), MultiHeadAttention and com.microsoft.Attention on the CPU."""
import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from worker import THREADS, by_heads, serve

TYPES = {"f32": onnx.TensorProto.FLOAT, "f16": onnx.TensorProto.FLOAT16}


def session(case, nodes, inputs, constants):
    """run and fetch for a graph from the named inputs to `y`; binds both beforehand."""
    declared = [helper.make_tensor_value_info(name, TYPES[case.type], array.shape) for name, array in inputs.items()]
    output = helper.make_tensor_value_info("y", TYPES[case.type], None)
    held = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    opsets = [helper.make_opsetid("", 23), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph(nodes, "bench", declared, [output], held)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.log_severity_level = 4  # skip ways that do not support the case without a message
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    made = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = made.io_binding()
    values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in inputs.items()}
    for name, value in values.items():
        binding.bind_ortvalue_input(name, value)
    binding.bind_output("y")
    made.run_with_iobinding(binding)
    result = binding.get_outputs()[0]
    binding.bind_ortvalue_output("y", result)

    def run(_kept=(inputs, values)):  # the binding does not keep the arrays alive
        made.run_with_iobinding(binding)

    return run, result.numpy


def attention_node(case, inputs, result="y", **more):
    return helper.make_node("Attention", inputs, [result], is_causal=case.causal, **more)


def multi_head_node(case, inputs, result="y"):
    return helper.make_node("MultiHeadAttention", inputs, [result], domain="com.microsoft", num_heads=case.heads,
                            unidirectional=case.causal)


def heads_of(case):
    return {"q_num_heads": case.heads, "kv_num_heads": case.kv_heads}


def as_rows(array):
    """(batch, tokens, heads, dim) -> (batch, tokens, heads.dim)"""
    return array.reshape(*array.shape[:2], -1)


def split_heads(case, fetch):
    return lambda: fetch().reshape(case.batch, case.query_len, case.heads, case.head_dim)


def heads_first(case):
    inputs = dict(zip("qkv", map(by_heads, case.qkv())))
    run, fetch = session(case, [attention_node(case, list("qkv"))], inputs, {})
    return run, lambda: by_heads(fetch())


def tokens_first(case):
    inputs = dict(zip("qkv", map(as_rows, case.qkv())))
    run, fetch = session(case, [attention_node(case, list("qkv"), **heads_of(case))], inputs, {})
    return run, split_heads(case, fetch)


def multi_head(case):
    inputs = dict(zip("qkv", map(as_rows, case.qkv())))
    run, fetch = session(case, [multi_head_node(case, list("qkv"))], inputs, {})
    return run, split_heads(case, fetch)


OUTPUT = helper.make_node("MatMul", ["context", "wo"], ["y"])


def module_of(attend):
    """X -> output, with three MatMul before this node and one after it."""

    def way(case):
        x, weights, wo = case.x_and_weights()
        nodes = [helper.make_node("MatMul", ["x", "w" + part], [part]) for part in "qkv"]
        constants = dict(zip(("wq", "wk", "wv", "wo"), (*weights, wo)))
        return session(case, [*nodes, attend(case), OUTPUT], {"x": x}, constants)

    return way


def microsoft_attention(case):
    x, weights, wo = case.x_and_weights()
    constants = {"w": np.concatenate(weights, 1), "b": np.zeros(3 * weights[0].shape[1], x.dtype), "wo": wo}
    node = helper.make_node("Attention", ["x", "w", "b"], ["context"], domain="com.microsoft", num_heads=case.heads,
                            unidirectional=case.causal)
    return session(case, [node, OUTPUT], {"x": x}, constants)


def attention_of(case):
    return attention_node(case, list("qkv"), "context", **heads_of(case))


serve(f"ONNX Runtime {onnxruntime.__version__}",
      {"Attention 23, heads first": heads_first, "Attention 23, tokens first": tokens_first,
       "MultiHeadAttention": multi_head},
      {"com.microsoft.Attention": microsoft_attention, "MatMul + Attention 23": module_of(attention_of),
       "MatMul + MultiHeadAttention": module_of(lambda case: multi_head_node(case, list("qkv"), "context"))})
