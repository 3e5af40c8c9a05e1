#!/usr/bin/env python3
"""Which lines of the host's code the tests execute: a table of its files, and of its folders.

usage: coverage.py BUILD [--measured] [--write PAGE] [CTEST_ARGUMENT ...]

BUILD is configured with the preset coverage and built. The tests with the labels host, device and program run, or those
that the arguments choose; with --measured no test runs, and the counts of earlier runs are shown. --write puts the table of
folders into the page. Exit code 1 if a test fails or less than 95 % of all lines are executed.
"""
import collections
import json
import os
import subprocess
import sys

PROJECT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
AT_LEAST = 95.0
sys.path.insert(0, os.path.join(PROJECT, "tests"))
import marked


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
    """Returns [lines, executed] of each folder, and of all."""
    folders = collections.defaultdict(lambda: [0, 0])
    print("%-44s %6s %6s %8s  %s" % ("file", "lines", "run", "", "never run"))
    for name, lines in sorted(counts.items()):
        missing = [line for line, count in lines.items() if count == 0]
        row(name, len(lines), len(lines) - len(missing), ranges(missing))
        for sums in (folders[os.path.dirname(name)], folders["all"]):
            sums[0] += len(lines)
            sums[1] += len(lines) - len(missing)
    print()
    sums_of = {name: folders[name] for name in sorted(folders, key=lambda name: (name == "all", name))}
    for name, sums in sums_of.items():
        row(name, *sums)
    return sums_of


def table_of(sums_of):
    rows = ["| %s | %d | %d | %.1f %% |" % (name, lines, run, 100.0 * run / max(lines, 1)) for name, (lines, run) in sums_of.items()]
    return "\n".join(["| folder | lines | executed | |", "|---|---|---|---|", *rows]) + "\n"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build, arguments, page = os.path.abspath(sys.argv[1]), sys.argv[2:], None
    if "--write" in arguments:
        at = arguments.index("--write")
        page = arguments[at + 1]
        del arguments[at:at + 2]
    failed = 0 if arguments == ["--measured"] else run_tests(build, arguments)
    sums_of = print_table(executions(gcov(build)))
    if page:
        marked.replace(page, "coverage", table_of(sums_of))
    lines, run = sums_of["all"]
    sys.exit(failed != 0 or 100.0 * run / max(lines, 1) < AT_LEAST)


main()
