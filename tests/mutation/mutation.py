#!/usr/bin/env python3
"""Mutation check of the kernels: makes small mistakes in them, by rule, and checks that tests notice.

usage: mutation.py BUILD [--count N] [--seed N] [--jobs N] [--results FILE] [--quick]     a sample
       mutation.py BUILD --short [--jobs N]                                               those of noticed.txt

Each mutant first meets tests of the quick suite (`./dev test`), then, if these do not notice it, long tests. --quick
leaves out the long ones, and so does --short: it decides whether the quick suite is good enough.

A mutant that no test notices must be in survivors.txt, with the reason. Exit code 0 if all others are noticed and they
are at least 95 % of those that are not equivalent to the kernel, 1 if not, 77 (skipped) without an OpenCL device.
--results keeps the outcome of each mutant, one per line, for report.py, which also writes noticed.txt.
"""
import argparse
import concurrent.futures
import itertools
import json
import os
import subprocess
import sys
import time

import mutants
import suite

HERE = os.path.dirname(os.path.abspath(__file__))
KERNELS = os.path.join(HERE, "..", "..", "kernels")
AT_LEAST = 0.95


def line_after(mutant):
    """The line as the mutant has it: by it survivors are known, whatever moves in the file."""
    with open(os.path.join(KERNELS, mutant.file)) as stream:
        return mutant.apply(stream.read()).splitlines()[mutant.line - 1].strip()


def listed(name):
    """{(file, line after): the line below} of a list: file, line and what is said of it, each on a line of its own."""
    with open(os.path.join(HERE, name)) as stream:
        lines = [line.rstrip("\n") for line in stream if line.strip() and not line.startswith("# ")]
    return {(lines[i], lines[i + 1]): lines[i + 2] for i in range(0, len(lines), 3)}


def noticed_before():
    """What an earlier run has noticed, of kernels that are still what they were there."""
    wanted, found = listed("noticed.txt"), {}
    for mutant in (each for file in mutants.all_mutants(KERNELS).values() for each in file):
        key = (mutant.file, line_after(mutant))
        if key in wanted:
            found.setdefault(key, mutant)
    for file, after in wanted.keys() - found.keys():
        print("no longer there (report.py makes the list anew): %s: %s" % (file, after))
    if len(found) * 2 < len(wanted):
        sys.exit("most of noticed.txt is no longer there")
    return list(found.values())


def outcome_of(mutant, late, arguments):
    started = time.monotonic()
    test, sort = suite.judge(mutant, KERNELS, arguments.build, os.environ, late)
    return {"mutant": mutant, "after": line_after(mutant), "test": test, "sort": sort, "late": late,
            "seconds": round(time.monotonic() - started, 1)}


def outcomes(chosen, count, late, arguments):
    """Of the first `count` that can be built."""
    waiting, running, counted = iter(chosen), set(), 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        while True:
            for mutant in itertools.islice(waiting, max(0, min(arguments.jobs, count - counted) - len(running))):
                running.add(pool.submit(outcome_of, mutant, late, arguments))
            if not running:
                return
            done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                outcome = future.result()
                counted += outcome["sort"] != "build"
                yield outcome


def control(arguments):
    """What changes nothing must not be noticed: else it is the harness that fails."""
    same = mutants.all_mutants(KERNELS)["scores/1_naive.cl"][0]
    test, sort = suite.judge(same._replace(new=same.old), KERNELS, arguments.build, os.environ, False)
    if sort is not None:
        sys.exit("the kernels as they are do not pass here: %s (%s)" % (sort, test))


def describe(outcome):
    mutant = outcome["mutant"]
    how = "not noticed" if outcome["sort"] is None else "%s (%s)" % (outcome["sort"], outcome["test"])
    return "%s:%d: %s: %s  [%.0f s]" % (mutant.file, mutant.line, outcome["after"], how, outcome["seconds"])


def read_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--results")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    arguments.quick |= arguments.short
    arguments.build = os.path.abspath(arguments.build)
    return arguments


def tell(found, results):
    """Prints and keeps each."""
    for outcome in found:
        print(describe(outcome), flush=True)
        if results:
            print(json.dumps(outcome), file=results, flush=True)
        yield outcome


def sums(found):
    """Of those that could be built: all, the noticed ones, those that compute the same, and survivors without a reason."""
    known = listed("survivors.txt")
    built = [each for each in found if each["sort"] != "build"]
    survivors = [each for each in built if each["sort"] is None]
    reasons = [known.get((each["mutant"].file, each["after"])) for each in survivors]
    new = [each for each, reason in zip(survivors, reasons) if reason is None]
    same = sum(reason is not None and reason.startswith("equivalent") for reason in reasons)
    return len(built), len(built) - len(survivors), same, new


def in_words(built, noticed, same):
    return "%d of %d mutants noticed, %.1f %%; %d are equivalent to the kernel, of the others %.1f %% are noticed" % (
        noticed, built, 100 * noticed / built, same, 100 * noticed / (built - same))


def conclude(found):
    """The exit code."""
    built, noticed, same, new = sums(found)
    for each in new:
        print("not in survivors.txt: %s:%d: %s" % (each["mutant"].file, each["mutant"].line, each["after"]))
    print("%s; %d more could not be built" % (in_words(built, noticed, same), len(found) - built))
    soon = sum(each["sort"] not in (None, "build") and not each["late"] for each in found)
    print("the quick suite alone notices %d, %.1f %%" % (soon, 100 * soon / (built - same)))
    return len(new) > 0 or noticed < AT_LEAST * (built - same)


def main():
    arguments = read_arguments()
    devices = subprocess.run([os.path.join(arguments.build, "clattn"), "devices"], capture_output=True)
    if devices.returncode != 0:
        print("skipped: no OpenCL device")
        sys.exit(int(os.environ.get("CLATTN_SKIPPED", 77)))
    control(arguments)
    results = open(arguments.results, "w") if arguments.results else None
    chosen = noticed_before() if arguments.short else mutants.sample(KERNELS, arguments.seed)
    found = list(tell(outcomes(chosen, min(arguments.count, len(chosen)), False, arguments), results))
    left = [each["mutant"] for each in found if each["sort"] is None and not arguments.quick]
    late = {each["mutant"]: each for each in tell(outcomes(left, len(left), True, arguments), results)}
    sys.exit(conclude([late.get(each["mutant"], each) for each in found]))


if __name__ == "__main__":
    main()
