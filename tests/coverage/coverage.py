#!/usr/bin/env python3
"""Which lines of the host's code the tests execute: a table of its files, and of its folders.

usage: coverage.py BUILD [--measured] [CTEST_ARGUMENT ...]

BUILD is configured with the preset coverage and built. The tests with the labels host, device and program run, or those
that the arguments choose; with --measured none, and what earlier runs left is counted. Exit code 1 if a test fails or
less than 95 % of all lines are executed.
"""
import collections
import json
import os
import subprocess
import sys

PROJECT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
AT_LEAST = 95.0


def data_files(build):
    for folder, _, names in os.walk(build):
        yield from (os.path.join(folder, name) for name in sorted(names) if name.endswith(".gcda"))


def run_tests(build, arguments):
    for path in data_files(build):
        os.remove(path)
    chosen = arguments or ["-L", "host|device|program"]
    return subprocess.run(["ctest", "--test-dir", build, "--output-on-failure", *chosen]).returncode


def gcov(build):
    """The reports of all objects, some of which are built from the same file."""
    paths = [os.path.realpath(path) for path in data_files(build)]
    text = subprocess.run(["gcov", "--json-format", "--stdout", *paths], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in text.stdout.splitlines() if line.startswith("{")]


def executions(reports):
    """{file: {line: how often}} of the files below host."""
    counts = collections.defaultdict(lambda: collections.defaultdict(int))
    for report in reports:
        for file in report["files"]:
            path = os.path.normpath(os.path.join(report["current_working_directory"], file["file"]))
            name = os.path.relpath(os.path.realpath(path), PROJECT)
            if name.startswith("host" + os.sep):
                for line in file["lines"]:
                    counts[name][line["line_number"]] += line["count"]
    return counts


def ranges(numbers):
    """Line numbers as text: 3-5 9."""
    found = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return " ".join("%d" % a if a == b else "%d-%d" % (a, b) for a, b in found)


def row(name, lines, executed, rest=""):
    print("%-44s %6d %6d %6.1f %%  %s" % (name, lines, executed, 100.0 * executed / max(lines, 1), rest))


def print_table(counts):
    """Returns the percentage of all."""
    folders, everything = collections.defaultdict(lambda: [0, 0]), [0, 0]
    print("%-44s %6s %6s %8s  %s" % ("file", "lines", "run", "", "never run"))
    for name, lines in sorted(counts.items()):
        missing = [line for line, count in lines.items() if count == 0]
        row(name, len(lines), len(lines) - len(missing), ranges(missing))
        for sums in (folders[os.path.dirname(name)], everything):
            sums[0] += len(lines)
            sums[1] += len(lines) - len(missing)
    print()
    for name, sums in sorted(folders.items()):
        row(name, *sums)
    row("all", *everything)
    return 100.0 * everything[1] / max(everything[0], 1)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build, arguments = os.path.abspath(sys.argv[1]), sys.argv[2:]
    failed = 0 if arguments == ["--measured"] else run_tests(build, arguments)
    percent = print_table(executions(gcov(build)))
    sys.exit(failed != 0 or percent < AT_LEAST)


main()
