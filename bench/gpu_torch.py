"""PyTorch's scaled_dot_product_attention for bench/gpu, by one backend, on the GPU that clattn was measured on.

usage: gpu_torch.py BACKEND GPU CASES.json

A process of its own, because a driver may crash. It prints JSON, a line for each case as soon as it is measured, so
that what a killed one has measured is kept. The first line says which PyTorch this is, or why nothing can be measured.
"""
import json
import pathlib
import sys
import warnings

sys.dont_write_bytecode = True
import gpu_inputs  # noqa: E402  pylint: disable=wrong-import-position

BACKENDS = {"flash": "FLASH_ATTENTION", "cudnn": "CUDNN_ATTENTION", "efficient": "EFFICIENT_ATTENTION"}
# Runs that do not count, and timed ones: events around each, of which the fastest counts, as with clattn.
WARM_UP, RUNS = 3, 10


def say(**what):
    print(json.dumps(what), flush=True)


def find_gpu(torch, name):
    """The number of the GPU that OpenCL calls `name`. AMD's OpenCL calls it by its architecture."""
    found = []
    for i in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        properties = torch.cuda.get_device_properties(i)
        names = {properties.name, getattr(properties, "gcnArchName", properties.name)}
        if name in names:
            return i, found
        found += sorted(names)
    return None, found


def tensors(torch, case, gpu):
    dtype = {"f32": torch.float32, "f16": torch.float16}[case["type"]]
    for name in gpu_inputs.SEEDS:
        data = gpu_inputs.numbers(name, case["type"], gpu_inputs.count_of(case, name))
        yield torch.frombuffer(bytearray(data), dtype=dtype).reshape(gpu_inputs.shape_of(case, name)).to(gpu)


def difference(torch, case, result):
    """The largest one between PyTorch's result and clattn's, where that was kept."""
    if case["result"] is None:
        return None
    data = bytearray(gpu_inputs.read_npy(pathlib.Path(case["result"])))
    expected = torch.frombuffer(data, dtype=result.dtype).reshape(result.shape)
    return (result.cpu().float() - expected.float()).abs().max().item()


def measure(torch, case, gpu):
    """The fastest run in seconds, and the difference."""
    inputs = list(tensors(torch, case, gpu))
    attend = torch.nn.functional.scaled_dot_product_attention
    times = []
    for run in range(WARM_UP + RUNS):
        begin, done = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        result = attend(*inputs, is_causal=case["causal"])
        done.record()
        torch.cuda.synchronize()
        if run >= WARM_UP:
            times.append(begin.elapsed_time(done) / 1000)
    return min(times), difference(torch, case, result)


def why(error, reasons):
    """The first line of an error, with what PyTorch warned of before: that says why a backend refused."""
    lines = [str(error), *(str(reason.message) for reason in reasons)]
    return "; ".join(dict.fromkeys(line.split("\n")[0].split(" (Triggered")[0] for line in lines))


def main():
    backend, name, cases = sys.argv[1:]
    try:
        import torch  # pylint: disable=import-outside-toplevel
        from torch.nn.attention import SDPBackend, sdpa_kernel  # pylint: disable=import-outside-toplevel
    except Exception as reason:  # pylint: disable=broad-except  # a broken installation fails in many ways
        return say(missing=f"PyTorch 2.3 or later cannot be imported: {type(reason).__name__}: {reason}")
    index, others = find_gpu(torch, name)
    if index is None:
        return say(missing=f"PyTorch {torch.__version__} does not see '{name}', but {', '.join(others) or 'no GPU'}")
    runtime = f"HIP {torch.version.hip}" if torch.version.hip else f"CUDA {torch.version.cuda}"
    say(torch=torch.__version__, runtime=runtime)
    kernel = getattr(SDPBackend, BACKENDS[backend], None)
    torch.cuda.set_device(index)
    torch.set_grad_enabled(False)
    for case in json.loads(pathlib.Path(cases).read_text(encoding="utf-8")):
        with warnings.catch_warnings(record=True) as reasons:
            warnings.simplefilter("always")
            try:
                if kernel is None:
                    raise RuntimeError(f"PyTorch {torch.__version__} has no backend {BACKENDS[backend]}")
                with sdpa_kernel(kernel):
                    seconds, differs = measure(torch, case, f"cuda:{index}")
                say(case=case["name"], seconds=seconds, difference=differs)
            except Exception as reason:  # pylint: disable=broad-except  # a backend that refuses a case is a result
                say(case=case["name"], failed=why(reason, reasons))
    return None


if __name__ == "__main__":
    main()
