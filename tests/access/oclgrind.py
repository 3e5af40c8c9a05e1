#!/usr/bin/env python3
"""Two independent counters must agree: clattn-access, and oclgrind's --inst-counts on the same launches.

usage: oclgrind.py CLATTN CLATTN_ACCESS; exits with 77 (skipped), or CLATTN_SKIPPED, where there is no oclgrind.

oclgrind counts instructions by address space; vload and vstore are calls for it, so kernels that use them are left out.
Loads of float4 of which single lanes are used its optimiser splits: of fused=register and fused=split the bytes are
compared, not how many loads they take, and no stores to global memory, which are vstore4.
"""
import json
import os
import re
import shutil
import subprocess
import sys

SHAPE = "--tokens 20 --model-dim 16 --heads 1 --head-dim 16".split()
STAGED = ["project", "scores", "softmax", "context"]
CASES = [(STAGED, "naive"), (STAGED, "tiled"), (STAGED, "register"), (["fused"], "row"), (["fused"], "online"),
         (["fused"], "tiled"), (["fused"], "register"), (["fused"], "split")]
# Kernels from a folder are not self-tested; otherwise the launches of the self-test would be counted, too.
KERNELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "kernels")
ENVIRONMENT = dict(os.environ, CLATTN_PROGRAM_DIR="", CLATTN_KERNEL_DIR=KERNELS)
IN_VECTORS = [("fused", "register"), ("fused", "split")]


def ours(program, words, causal):
    """{function: {(memory, load or store): (how many, bytes)}}, and the choices."""
    command = [program, "--json", "--key-tokens", "20", *SHAPE, *causal, *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    counts, choices = {}, []
    for subject in json.loads(done.stdout):
        choices.append("%s=%s" % (subject["stage"], subject["choice"]))
        for launch in subject["launches"]:
            add(counts.setdefault(launch["function"], {}), launch["places"])
    return counts, choices


def add(counts, places):
    for place in places:
        for what in ("load", "store"):
            number, size = counts.get((place["memory"], what), (0, 0))
            if place[what + "s"] > 0:
                counts[place["memory"], what] = (number + place[what + "s"], size + place[what + "_bytes"])


def theirs(program, choices, causal):
    """Likewise; of several launches of a kernel the first."""
    pipeline = ["--pipeline", "fused"] if choices[0].startswith("fused") else []
    command = ["oclgrind", "--inst-counts", program, "run", "--random", *SHAPE, *causal, *pipeline,
               "--kernel", ",".join(choices), "--repeat", "1", "--check", "off"]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    counts, current = {}, None
    for line in done.stdout.splitlines():
        begun = re.match(r"Instructions executed for kernel '(\w+)'", line)
        if begun:
            current = None if begun[1] in counts else counts.setdefault(begun[1], {})
        found = re.match(r"\s*(\d+) - (load|store) (global|local) \((\d+) bytes", line)
        if found and current is not None:
            current[found[3], found[2]] = (int(found[1]), int(found[4]))
    return counts


def in_vectors(counts):
    return {key: size for key, (number, size) in counts.items() if key != ("global", "store")}


def compare(clattn, access, stages, name, causal):
    mine, choices = ours(access, ["%s=%s" % (stage, name) for stage in stages], causal)
    other = theirs(clattn, choices, causal)
    good = True
    for function, counts in mine.items():
        found = other.get(function)
        if (stages[0], name) in IN_VECTORS and function == "fused":
            counts, found = in_vectors(counts), found and in_vectors(found)
        if counts != found:
            good = False
            what = "%s of %s%s" % (function, name, " causal" if causal else "")
            print("FAIL %s: counted %s, oclgrind %s" % (what, counts, found))
    return good


def main():
    if shutil.which("oclgrind") is None:
        print("skipped: oclgrind is not installed (Debian: oclgrind)")
        sys.exit(int(os.environ.get("CLATTN_SKIPPED", "77")))
    clattn, access = sys.argv[1:]
    results = [compare(clattn, access, stages, name, ["--causal"] if i % 2 else [])
               for i, (stages, name) in enumerate(CASES)]
    print("%d of %d agree" % (sum(results), len(results)))
    sys.exit(not all(results))


main()
