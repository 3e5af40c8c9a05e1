#!/usr/bin/env python3
"""Holds what clattn-access counts, of every kernel of the catalogue, against golden.txt.

usage: counts.py PROGRAM GOLDEN [STAGE ...]     of these stages alone
       counts.py PROGRAM GOLDEN --write         makes the file anew

How often a load is made is for the compiler to say, too: the counts are those of the clang in the file's first line.
With another the exit code is 77 (skipped).
"""
import json
import re
import subprocess
import sys

SHAPES = [
    "--tokens 20 --key-tokens 32 --head-dim 16 --model-dim 16",
    "--tokens 19 --key-tokens 70 --head-dim 18 --model-dim 18 --heads 2 --causal",  # divides nothing
]
STAGES = "convert project rotary cache scores softmax context fused output merge".split()
COLUMNS = "# stage kernel | function | place memory: loads bytes stores bytes steps lines/passes least"


def clang():
    text = subprocess.run(["clang", "--version"], capture_output=True, text=True, check=True).stdout
    return "# clang " + re.search(r"version (\d+)", text)[1]


def run(program, shape, stages):
    done = subprocess.run([program, "--json", *shape.split(), *stages], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("%s: exit code %d\n%s%s" % (shape, done.returncode, done.stderr, done.stdout[-2000:]))
    return json.loads(done.stdout)


def numbers(place):
    part = "passes" if place["memory"] == "local" else "lines"
    keys = ["loads", "load_bytes", "stores", "store_bytes", "steps", part, "least_" + part]
    return " ".join(str(place[key]) for key in keys)


def lines_of(subject):
    for launch in subject["launches"]:
        assert launch["findings"] == [], launch["findings"]
        for place in launch["places"]:
            if place["steps"] > 0:
                yield "%s %s | %s | %s %s: %s" % (subject["stage"], subject["choice"], launch["function"],
                                                  place["name"], place["memory"], numbers(place))


def counted(program, stages):
    for shape in SHAPES:
        yield "# " + shape
        for subject in run(program, shape, stages):
            assert subject["correct"], subject["choice"]
            yield from lines_of(subject)


def main():
    program, golden, *rest = sys.argv[1:]
    head = [clang(), COLUMNS]
    if rest == ["--write"]:
        with open(golden, "w") as file:
            file.write("\n".join(head + list(counted(program, STAGES))) + "\n")
        return
    with open(golden) as file:
        known = file.read().splitlines()
    if known[0] != head[0]:
        print("skipped: the counts are of '%s', here is '%s'" % (known[0], head[0]))
        sys.exit(77)
    stages = [stage for stage in STAGES if not rest or stage in rest]
    known = [line for line in known if line.split()[0] in ["#", *stages]]
    now = head + list(counted(program, stages))
    for line in known:
        if line not in now:
            print("was  " + line)
    for line in now:
        if line not in known:
            print("is   " + line)
    print("%d lines, %s" % (len(now), "all as they were" if now == known else "some not (counts.py ... --write)"))
    sys.exit(now != known)


main()
