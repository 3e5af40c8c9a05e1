"""bench/gpu: what its report holds, whatever the figures are, and what becomes of it when things go wrong.

usage: bench_gpu.py FOLDER PROGRAM   (FOLDER: of the bench)
"""
import ast
import html.parser
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
BENCH, PROGRAM = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
sys.path[:0] = [str(BENCH), str(HERE / "page")]
import browser  # noqa: E402  pylint: disable=wrong-import-position
import gpu_steps  # noqa: E402  pylint: disable=wrong-import-position

SCRIPT = BENCH / "gpu"
# These must not be in any report.
HOME, USER, PLACE = "home-of-nobody", "nobodys-name", "place-of-nobody"

# Stands before the program: some commands hang, crash or are refused, and one has a wrong result.
WRAPPER = r"""#!/usr/bin/env python3
import json, os, signal, subprocess, sys, time
real, words = {real!r}, sys.argv[1:]

def is_given(*wanted):
    return all(word in words for word in wanted)

def hang():
    sys.stdout.flush()
    if "HANGS" not in os.environ:
        sys.exit(0)
    child = subprocess.Popen(["sleep", "600"])
    with open(os.environ["HOME"] + "/pids", "a") as file:
        file.write(f"{{os.getpid()}} {{child.pid}}\n")
    time.sleep(600)

if words[0] == "doctor":
    print("    convert   1 naive     right         3.15 s  2 results of a small problem")
    print("    scores    clblast     WRONG         1.15 s  1 result of a small problem")
    hang()
if words[0] == "ladder":
    hang()
if words[0] == "tune":
    here = os.path.realpath(sys.argv[0])
    print("the driver of " + os.environ["USER"] + " fell over in " + here + " and /data/secret")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGSEGV)
if is_given("--past-tokens", "65535", "f16"):
    print(json.dumps(dict(version="0.0.0", timings=None)))
    sys.exit(0)
if words[0] == "devices" or (words[0] == "run" and is_given("--q", "--out") and not is_given("f16")):
    os.execv(real, [real, *words])
if is_given("full", "fused", "--kv-heads"):
    done = subprocess.run([real, *words], stdout=subprocess.PIPE, check=True)
    answer = json.loads(done.stdout)
    answer["check"]["passed"] = False
    print(json.dumps(answer))
    sys.exit(1)
print("clattn: refused in /data/secret", file=sys.stderr)
sys.exit(2)
"""

# A PyTorch that measures nothing: `efficient` has clattn's own result, `flash` another one, cuDNN crashes.
TORCH = r"""
import array, json, os, pathlib, signal, sys, types
import gpu_inputs
__version__, version, float32, float16 = "9.9", types.SimpleNamespace(hip=None, cuda="99.0"), "f", "e"

class Tensor:
    def __init__(self, numbers, dtype="f"):  # the first numbers say enough
        self.count, self.numbers, self.dtype, self.shape = len(numbers), numbers[:1000], dtype, (1,)
    def same(self, *_):
        return self
    reshape = to = cpu = float = same
    def __sub__(self, other):
        return Tensor([a - b for a, b in zip(self.numbers, other.numbers)])
    def abs(self):
        return Tensor([abs(a) for a in self.numbers])
    def max(self):
        return Tensor([max(self.numbers)])
    def item(self):
        return self.numbers[0]

def frombuffer(data, dtype):
    return Tensor(array.array("f", data), dtype)

class Event:
    def __init__(self, enable_timing):
        assert enable_timing
    def record(self):
        pass
    def elapsed_time(self, _):
        return 2.0

nothing = lambda *_: None
cuda = types.SimpleNamespace(is_available=lambda: True, device_count=lambda: 1, Event=Event, synchronize=nothing,
    set_device=nothing, get_device_properties=lambda _: types.SimpleNamespace(name=os.environ["FAKE_GPU"]))
set_grad_enabled = nothing

def scaled_dot_product_attention(q, k, v, is_causal):
    backend = sys.argv[1]
    if backend == "cudnn":
        os.kill(os.getpid(), signal.SIGSEGV)
    case = next(one for one in json.loads(pathlib.Path(sys.argv[3]).read_text())
                if one["causal"] == is_causal and gpu_inputs.count_of(one, "q") == q.count)
    if backend == "flash" and is_causal and case["head_dim"] == 64:
        raise RuntimeError("no kernel for this")
    right = array.array("f", gpu_inputs.read_npy(pathlib.Path(case["result"])))
    return Tensor(right if backend == "efficient" else [2 + a for a in right])
"""
TORCH_NN = r"""
import types, torch
functional = types.SimpleNamespace(scaled_dot_product_attention=torch.scaled_dot_product_attention)
"""
TORCH_ATTENTION = r"""
import contextlib
class SDPBackend:
    FLASH_ATTENTION, CUDNN_ATTENTION, EFFICIENT_ATTENTION = 1, 2, 3
def sdpa_kernel(_):
    return contextlib.nullcontext()
"""


class Try:
    """One run of the script, in a folder of its own, as a user whose name, home and folders are known."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.home, self.place = self.folder / HOME, self.folder / PLACE
        self.output = self.place / "out"
        for one in (self.home, self.output):
            one.mkdir(parents=True)
        self.environment = {**os.environ, "HOME": str(self.home), "USER": USER, "LOGNAME": USER}
        self.environment.pop("PYTHONPATH", None)

    def program(self, wrapped):
        """A path of the program with a name that must not be seen."""
        path = self.place / "clattn"
        if wrapped:
            path.write_text(WRAPPER.format(real=str(PROGRAM)), encoding="utf-8")
            path.chmod(0o755)
        else:
            path.symlink_to(PROGRAM)
        return path

    def command(self, *arguments, wrapped=False):
        return [sys.executable, SCRIPT, "--output", self.output, "--program", self.program(wrapped), *arguments]

    def run(self, *arguments, wrapped=False):
        """Exit code, what it said, and the report."""
        done = subprocess.run(self.command(*arguments, wrapped=wrapped), env=self.environment, cwd=self.place,
                              check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout, self.report(done.stdout)

    def report(self, said=""):
        names = sorted(path.name for path in self.output.iterdir())
        assert [pathlib.Path(name).suffix for name in names] == [".html", ".json"], (names, said)
        texts = [(self.output / name).read_text(encoding="utf-8") for name in names]
        folders = str(self.folder), str(PROGRAM.parent), tempfile.gettempdir()
        for text in texts:
            for secret in (HOME, USER, PLACE, "/data", "secret", *folders):
                assert secret not in text, (secret, text[max(0, text.index(secret) - 200):][:400])
        assert names[1] in texts[0], "the page does not name the file to send in"
        return json.loads(texts[1])

    def let_hang(self):
        self.environment["HANGS"] = "1"

    def no_process_is_left(self):
        for pid in (self.home / "pids").read_text(encoding="utf-8").split():
            state = pathlib.Path("/proc", pid, "stat")
            for _ in range(50):  # a killed child may take a moment to go
                if not state.exists() or state.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z":
                    break
                time.sleep(0.1)
            else:
                raise AssertionError(f"process {pid} still runs")


class Balanced(html.parser.HTMLParser):
    """Complains about elements that do not end where they should."""
    ALONE = {"meta"}

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        if tag not in self.ALONE:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, (tag, self.getpos())


# What each step is asked for, where that does not depend on the device.
ASKED = {"features": 2 * len(gpu_steps.FEATURES),
         "fused": len(list(gpu_steps.attention_cases(gpu_steps.LENGTHS, gpu_steps.KINDS))),
         "projections": len(gpu_steps.PROJECTIONS) * len(gpu_steps.TYPES),
         "decode": len(gpu_steps.DECODES) * len(gpu_steps.HEAD_DIMS) * len(gpu_steps.CACHE_BYTES)}


def nothing_is_silent(steps):
    """Everything was measured, or the report says why not."""
    assert list(steps) == [one[0] for one in gpu_steps.STEPS], list(steps)
    for name, count in ASKED.items():
        step = steps[name]
        there = len(step["results"]) + len(step["left_out"]) + len(step["failed"])
        assert there == count, (name, there, count)
    stages = {one["stage"] for one in steps["ladder"]["results"]}
    assert len(stages) + len(steps["ladder"]["left_out"]) + len(steps["ladder"]["failed"]) == len(gpu_steps.LADDERS)
    for step in steps.values():
        assert step["results"] or step["left_out"] or step["failed"] or step["note"], step
        assert all(one["what"] and one["why"] for one in step["left_out"]), step["left_out"]


# ---- what is in the files


def sources_need_python_alone():
    """Python 3.8 without packages; only gpu_torch.py may look for one."""
    for path in [SCRIPT, *BENCH.glob("gpu_*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
        for node in ast.walk(tree):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else \
                [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in (name.split(".")[0] for name in names):
                known = name in sys.stdlib_module_names or (BENCH / f"{name}.py").is_file() and name.startswith("gpu_")
                assert known or (name == "torch" and path.name == "gpu_torch.py"), (path.name, name)


def whole_report(attempt):
    # The first commands compile; here that must not take the time of the steps.
    for arguments in (("--pipeline", "fused"), ("--pipeline", "fused", "--causal")):
        subprocess.run([PROGRAM, "run", *gpu_steps.SMALL, "--tokens", "70", *arguments], check=True,
                       stdout=subprocess.DEVNULL)
    started = time.monotonic()
    code, said, report = attempt.run("--minutes", "1")
    took = time.monotonic() - started
    assert code == 0, (code, said)
    assert took < 75, took
    steps = report["steps"]
    assert report["format"] == "clattn gpu report 1" and re.match(r"\d+\.\d+\.\d+$", report["clattn"]), report["clattn"]
    assert report["minutes"] == 1 and report["faults"] == [] and report["interrupted"] is False
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", report["date"]), report["date"]
    for name in ("name", "driver", "platform", "version", "compute units", "memory"):
        assert report["device"][name], report["device"]
    assert report["system"]["system"] and report["system"]["processors"] == os.cpu_count()
    nothing_is_silent(steps)
    assert all(not step["failed"] for step in steps.values()), steps
    assert all(one["outcome"] != "WRONG" for one in steps["self_tests"]["results"])
    assert steps["features"]["results"], steps["features"]["left_out"][:3]
    for one in steps["features"]["results"]:
        assert one["passed"] is True and 0 <= one["of_bound"] <= 1, one
    assert all(re.match("no time|the run|.* is not built", one["why"]) for one in steps["features"]["left_out"])
    for name, unit in (("fused", "gflops"), ("projections", "gflops"), ("decode", "gbytes_per_second")):
        for one in steps[name]["results"]:
            assert one["seconds"] > 0 and one[unit] > 0 and one["passed"] is not False and one["runs"] >= 3, one
    page(attempt)


def page(attempt):
    path, = attempt.output.glob("*.html")
    Balanced(path.read_text(encoding="utf-8"))
    found = browser.find()
    if found is None:
        print("skip the page in a browser: none is installed")
        return
    chromium = browser.Browser(found)
    try:
        for width in (1000, 400):
            chromium.window(width, 900)
            chromium.open(str(path))
            assert chromium.complaints == [] and chromium.requests == ["file://" + str(path)], chromium.requests
            assert chromium.ask("document.documentElement.scrollWidth <= window.innerWidth"), width
        assert chromium.ask("document.querySelectorAll('h2').length") == len(gpu_steps.STEPS)
    finally:
        chromium.close()


# ---- what goes wrong


def refused(attempt):
    program, output = ("--program", PROGRAM), ("--output", attempt.output)
    for arguments, said in ((("--minutes", "0"), r"--minutes 0 \(allowed: 0.2 to 120\)"),
                            (("--minutes", "nan"), "--minutes nan"), (("--minutes", "1e9"), "--minutes 1e"),
                            (("--minutes", "soon"), "--minutes: invalid"),
                            (("--program", attempt.home / "none"), "--program .*none: there is no such program"),
                            (("--program", attempt.home), "there is no such program"),
                            (("--output", attempt.home / "none"), "--output .*none: there is no such folder"),
                            (("--minute", "1"), "--minute"), (("fast",), "fast")):
        done = subprocess.run([sys.executable, SCRIPT, *program, *output, *arguments], env=attempt.environment,
                              check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 2 and re.search(said, done.stdout), (arguments, done.returncode, done.stdout)
    assert not list(attempt.output.iterdir())


def no_device(attempt):
    empty = attempt.folder / "empty"
    empty.mkdir()
    for environment, arguments, said in (({"OCL_ICD_VENDORS": str(empty)}, (), "no OpenCL platform is installed"),
                                         ({}, ("--device", "no such thing"), "no device matches 'no such thing'")):
        done = subprocess.run([sys.executable, SCRIPT, "--program", PROGRAM, "--output", attempt.output, *arguments],
                              env={**attempt.environment, **environment}, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 3 and said in done.stdout, (done.returncode, done.stdout)
    assert not list(attempt.output.iterdir())


def crashes_and_hangs(attempt):
    """Each costs its own result only, and makes the exit code 1."""
    attempt.let_hang()
    code, said, report = attempt.run("--minutes", "1", wrapped=True)
    steps = report["steps"]
    assert code == 1, (code, said)
    nothing_is_silent(steps)
    # What was printed before it was killed.
    assert [one["outcome"] for one in steps["self_tests"]["results"]] == ["right", "WRONG"], steps["self_tests"]
    assert steps["self_tests"]["left_out"] == [{"what": "the kernels after scores clblast", "why": "no time left"}]
    assert steps["peaks"]["left_out"] and not steps["peaks"]["results"], steps["peaks"]
    crash = steps["tune"]["failed"][0]
    assert crash["how"] == "ended by signal SIGSEGV" and "fell over in [path]" in crash["output"], crash
    wrong, = steps["features"]["results"]
    assert wrong["feature"] == "grouped heads" and wrong["passed"] is False, wrong
    assert steps["projections"]["left_out"][0]["why"] == "refused in [path]", steps["projections"]
    assert steps["fused"]["results"] and all(one["of_multiply_add"] is None for one in steps["fused"]["results"])
    strange = steps["decode"]["failed"]
    assert strange[0]["how"] == "exit code 0, but its answer cannot be used: KeyError: 'check'", strange
    faults = "\n".join(report["faults"])
    for fault in ("features: grouped heads: wrong", "self_tests: scores clblast: wrong", "tune: clattn tune .*SIGSEGV"):
        assert re.search(fault, faults) and re.search(fault, said), (fault, faults)
    attempt.no_process_is_left()


def interrupted(attempt):
    """What was found until then is kept, in whole files."""
    attempt.let_hang()
    with subprocess.Popen(attempt.command("--minutes", "2", wrapped=True), env=attempt.environment, cwd=attempt.place,
                          stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("Self-tests"):
                break
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        rest = process.stdout.read()
        code = process.wait(60)
    assert code == 1 and time.monotonic() - started < 15, (code, rest)
    report = attempt.report()
    assert report["interrupted"] is True
    assert len(report["steps"]["self_tests"]["results"]) == 2, report["steps"]["self_tests"]
    nothing_is_silent(report["steps"])
    assert {one["why"] for one in report["steps"]["features"]["left_out"]} == {"the run was interrupted"}
    attempt.no_process_is_left()


def pytorch(attempt):
    """On the same GPU each backend is measured; one that refuses, is wrong or crashes is a line of the report."""
    packages = attempt.folder / "packages"
    (packages / "torch" / "nn").mkdir(parents=True)
    (packages / "torch" / "__init__.py").write_text(TORCH, encoding="utf-8")
    (packages / "torch" / "nn" / "__init__.py").write_text(TORCH_NN, encoding="utf-8")
    (packages / "torch" / "nn" / "attention.py").write_text(TORCH_ATTENTION, encoding="utf-8")
    attempt.environment["PYTHONPATH"] = str(packages)
    listed = subprocess.run([PROGRAM, "devices"], check=True, stdout=subprocess.PIPE, text=True).stdout
    gpu = re.search(r"^\[0\] (.*)", listed, re.M)[1].strip()
    other = subprocess.run([sys.executable, BENCH / "gpu_torch.py", "flash", gpu, "none.json"], check=True, text=True,
                           env={**attempt.environment, "FAKE_GPU": "another one"}, stdout=subprocess.PIPE)
    assert json.loads(other.stdout) == {"missing": f"PyTorch 9.9 does not see '{gpu}', but another one"}, other
    attempt.environment["FAKE_GPU"] = gpu
    code, said, report = attempt.run("--minutes", "2", "--device", "0", wrapped=True)
    step, fused = report["steps"]["sdpa"], report["steps"]["fused"]["results"]
    right = [one for one in step["results"] if one["backend"] == "efficient"]
    assert code == 1 and len(right) == len(fused) > 0, (code, said, step)
    for one, ours in zip(right, fused):
        assert one["agrees"] is True and one["difference"] == 0 and one["runtime"] == "CUDA 99.0", one
        assert abs(one["times"] * ours["seconds"] - 0.002) < 1e-9 and one["seconds"] == 0.002, one
        assert abs(one["gflops"] * one["seconds"] - ours["gflops"] * ours["seconds"]) < 1e-6, one
    assert any(one["backend"] == "flash" and one["agrees"] is False for one in step["results"]), step
    refused_one = {"what": "flash: N 512, heads of 64, f32, causal", "why": "no kernel for this"}
    assert refused_one in step["left_out"], step["left_out"]
    assert len(step["results"]) + len(step["left_out"]) == 3 * len(fused), step
    assert [one["what"] for one in step["failed"]] == ["PyTorch, cudnn"] and "SIGSEGV" in step["failed"][0]["how"], step
    assert any(re.match("sdpa: flash, .*: wrong$", fault) for fault in report["faults"]), report["faults"]


sources_need_python_alone()
print("ok sources need python alone", flush=True)
for check in (refused, no_device, whole_report, crashes_and_hangs, interrupted, pytorch):
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as scratch:
        check(Try(scratch))
    print("ok", check.__name__.replace("_", " "), flush=True)
