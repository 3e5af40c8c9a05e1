"""What the suite says of kernels with one file replaced: its own test programs, run for the kernels that use the file,
until the first that fails.

The recorder of accesses is one of them. It also sees what changes no result: races, accesses out of bounds, and other
counts of loads and stores.
"""
import os
import re
import resource
import select
import signal
import subprocess
import sys
import tempfile

# Files that are not called STAGE/RUNG_NAME.cl, and what shares a file with another.
NAMED = {
    "project/bias.cl": ["project=clblast"],
    "scores/finish.cl": ["scores=clblast"],
    "trace/products.cl": ["products=naive"],
    "trace/softmax.cl": ["exps=naive"],
    "context/1_naive.cl": ["context=naive", "context=clblast"],
}
SILENCE = {"counts.py": 240}  # seconds without a word: it says one at its end
A_PROBLEM = 60  # of the other tests, which say one for each problem; a few, where nothing else runs
MEMORY = 16 << 30  # what a size that has become wrong may ask for
BUILD_FAILED = re.compile("CLATTN_BUILD_FAILED|CL_BUILD_PROGRAM_FAILURE")
HERE = os.path.dirname(os.path.abspath(__file__))


def includes(folder, file, seen=None):
    """The files that a kernel's file is made of."""
    seen = set() if seen is None else seen
    if file not in seen:
        seen.add(file)
        with open(os.path.join(folder, file)) as stream:
            for name in re.findall(r'^#include "(.+)"', stream.read(), flags=re.M):
                includes(folder, name, seen)
    return seen


def kernels_of(file):
    match = re.fullmatch(r"(\w+)/\d+_(\w+)\.cl", file)
    return NAMED.get(file) or (["%s=%s" % match.groups()] if match else [])


def kernels_with(folder, file):
    """The kernels, as STAGE=NAME, which a file is part of."""
    found = []
    for stage in sorted(os.listdir(folder)):
        place = os.path.join(folder, stage)
        for name in sorted(os.listdir(place)) if os.path.isdir(place) else []:
            kernel = "%s/%s" % (stage, name)
            if name.endswith(".cl") and file in includes(folder, kernel):
                found += kernels_of(kernel)
    return found


def recorder(stages, build):
    """Nothing where clattn-access is not built, or knows none of the stages."""
    program, counts = os.path.join(build, "clattn-access"), os.path.join(HERE, "..", "access", "counts.py")
    golden = os.path.join(HERE, "..", "access", "golden.txt")
    stages = sorted(stages - {"products", "exps"})
    return [[sys.executable, "-B", counts, program, golden, *stages]] if os.path.exists(program) and stages else []


def tests_for(kernels, build):
    """Commands: those that take seconds, and those that take minutes, for what the first have not noticed."""
    stages = {kernel.split("=")[0] for kernel in kernels}
    soon = ["test_convert"] if "convert" in stages else []
    soon += [] if stages <= {"cache", "merge"} else ["test_features"]
    soon += ["test_merge"] if "merge" in stages else []
    soon += ["test_cache"] if stages & {"cache", "rotary"} else []
    soon += ["test_trace"] if stages & {"products", "exps"} else []
    late = ["test_fused"] if "fused" in stages else []
    late += ["test_kernels"] if stages & {"project", "scores", "softmax", "context", "fused"} else []
    soon, late = ([[os.path.join(build, "tests", name)] for name in names] for names in (soon, late))
    return soon + recorder(stages, build), late


def name_of(command):
    return "counts.py" if command[0] == sys.executable else os.path.basename(command[0])


def run_until_failure(command, environment, work):
    """None if all is well, else the sort of what was wrong."""
    name = name_of(command)
    process = subprocess.Popen(command, env=environment, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)))
    text, verdict = b"", None
    while verdict is None:
        if not select.select([process.stdout], [], [], SILENCE.get(name, A_PROBLEM))[0]:
            verdict = "time-out"
            break
        piece = os.read(process.stdout.fileno(), 65536)
        text += piece
        if not piece:
            break
        if b"[  FAILED  ]" in text:
            verdict = "result"
    if verdict is not None:
        os.killpg(process.pid, signal.SIGKILL)
    process.stdout.close()
    code = process.wait()
    text = text.decode(errors="replace")
    if verdict is None and code in (0, 77):
        return None
    if BUILD_FAILED.search(text):
        return "build"
    return verdict or ("crash" if code < 0 else "recorder" if name == "counts.py" else "result")


def judge(mutant, folder, build, environment, late):
    """(the test that noticed it, what it noticed), or None twice."""
    kernels = kernels_with(folder, mutant.file)
    with tempfile.TemporaryDirectory() as work:
        overlay = os.path.join(work, "kernels")
        path = os.path.join(overlay, mutant.file)
        os.makedirs(os.path.dirname(path))
        with open(os.path.join(folder, mutant.file)) as stream:
            text = mutant.apply(stream.read())
        with open(path, "w") as stream:
            stream.write(text)
        environment = dict(environment, CLATTN_KERNEL_DIR=overlay, CLATTN_TEST_KERNELS=",".join(kernels), TMPDIR=work,
                           CLATTN_TUNING_FILE="", CLATTN_PROGRAM_DIR="")
        for command in tests_for(kernels, build)[late]:
            wrong = run_until_failure(command, environment, work)
            if wrong is not None:
                return name_of(command), wrong
    return None, None
