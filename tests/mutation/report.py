#!/usr/bin/env python3
"""Writes what a run of mutation.py --results found into a page, between two marks: counts, and the mutants that nothing
noticed. Writes noticed.txt for the short form: mutants that were noticed quickly, from all folders in turn.

usage: report.py RESULTS PAGE
"""
import collections
import json
import os
import pathlib
import sys

from mutants import KINDS, Mutant, by_turns
from mutation import HERE, in_words, listed, sums

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import marked

SHORT = 24
SORTS = {"result": "wrong result", "crash": "crash", "time-out": "no end", "recorder": "recorder"}


def outcomes(path):
    """The last of each mutant, with the seconds of all."""
    found = {}
    with open(path) as stream:
        for line in stream:
            outcome = json.loads(line)
            mutant = outcome["mutant"] = Mutant(*outcome["mutant"])
            outcome["seconds"] += found.get(mutant, {"seconds": 0})["seconds"]
            found[mutant] = outcome
    return list(found.values())


def counts(title, names, key, found):
    """A table with a row for each name, and all."""
    yield "| %s | mutants | %s | not noticed | noticed |" % (title, " | ".join(SORTS.values()))
    yield "|---|" + "---|" * (len(SORTS) + 3)
    for name in [*names, "all"]:
        sorts = collections.Counter(each["sort"] for each in found if name in ("all", key(each["mutant"])))
        every = sum(sorts.values())
        if every:
            cells = [every, *(sorts[sort] for sort in SORTS), sorts[None]]
            yield "| %s | %s | %.1f %% |" % (name, " | ".join(map(str, cells)), 100 * (every - sorts[None]) / every)
    yield ""


def survivors(found):
    known = listed("survivors.txt")
    for each in sorted(found, key=lambda each: each["mutant"]):
        if each["sort"] is None:
            mutant = each["mutant"]
            reason = known.get((mutant.file, each["after"]), "not explained")
            yield marked.wrapped("`%s:%d`: `%s`: %s" % (mutant.file, mutant.line, each["after"], reason), "- ", "  ")


def written(found):
    stages = sorted({each["mutant"].file.split("/")[0] for each in found})
    built = [each for each in found if each["sort"] != "build"]
    yield marked.wrapped("**%s.** %d more could not be built and do not count. %.0f minutes of tests, two at a time.\n" % (
        in_words(*sums(found)[:3]), len(found) - len(built), sum(each["seconds"] for each in found) / 60)) + "\n"
    yield from counts("kind", KINDS, lambda mutant: mutant.kind, built)
    yield from counts("folder", stages, lambda mutant: mutant.file.split("/")[0], built)
    yield "Not noticed:\n"
    yield from survivors(built)


def write_short_form(found):
    """Wrong results alone: what a crash needs may differ from machine to machine."""
    soon = sorted((each for each in found if each["sort"] == "result"), key=lambda each: each["seconds"])
    files, seen = collections.defaultdict(list), set()
    for each in soon:
        if each["mutant"].file not in seen:
            seen.add(each["mutant"].file)
            files[each["mutant"].file.split("/")[0]].append(each)
    with open(os.path.join(HERE, "noticed.txt"), "w") as stream:
        stream.write("# Mutants that a run has noticed, for the short form: the file, the line as the mutant has it, its kind.\n")
        for each in list(by_turns(list(files.values())))[:SHORT]:
            stream.write("%s\n%s\n%s\n" % (each["mutant"].file, each["after"], each["mutant"].kind))


def main():
    found = outcomes(sys.argv[1])
    marked.replace(sys.argv[2], "mutation", "\n".join(written(found)) + "\n")
    write_short_form(found)


main()
