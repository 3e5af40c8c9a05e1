"""Small mistakes, made by rule in the kernels' files: where one can be made, and a sample of them.

A mutant is one piece of text replaced in one file. Left alone are comments, preprocessor lines other than formulas (the
sizes of tiles are for speed), and the folder probe, which measures and computes nothing that is kept.
"""
import os
import random
import re
from typing import NamedTuple


class Mutant(NamedTuple):
    file: str  # below the kernels' folder
    kind: str
    line: int  # from 1 on
    start: int
    end: int
    old: str
    new: str

    def apply(self, text):
        assert text[self.start : self.end] == self.old
        return text[: self.start] + self.new + text[self.end :]


def swaps(kind, pairs):
    """Rules for pieces of text, each turned into the other."""
    for one, other in pairs:
        for old, new in ((one, other), (other, one)):
            yield kind, re.escape(old), lambda match, new=new: new


LOOP = r"(?<=; )(\w+ <=? [^;]+)(?=; (?:\+\+|\w+ [+*/]=))"  # the limit of a for
RULES = [
    *swaps("operator", [(" + ", " - "), (" * ", " / "), (" < ", " <= "), (" > ", " >= "), (" == ", " != ")]),
    *swaps("operator", [(" && ", " || "), ("fmax(", "fmin(")]),
    ("operator", r"(?<!f)\bmax\(", lambda match: "min("),
    ("operator", r"(?<!f)\bmin\(", lambda match: "max("),
    ("operator", r" % ", lambda match: " / "),
    ("operator", r" [+*]= ", lambda match: " = "),
    ("bounds", LOOP, lambda match: match[1] + " - 1"),
    ("bounds", LOOP, lambda match: match[1] + " + 1"),
    ("bounds", r"(?<=for \(int )(\w+) = ([^;]+)(?=;)", lambda match: "%s = %s + 1" % (match[1], match[2])),
    ("bounds", r"\bif \((?:[^()]|\([^()]*\))*\)(?=\s+(?:return|continue|break)\b)", lambda match: "if (0)"),
    ("bounds", r"\bif \((?:[^()]|\([^()]*\))*\)(?!\s+(?:return|continue|break)\b)", lambda match: "if (1)"),
    ("bounds", r"(?<=\w)\[([^\[\]]+)\]", lambda match: "[%s + 1]" % match[1]),
    ("barrier", r"\bbarrier\(CLK_LOCAL_MEM_FENCE\);", lambda match: ";"),
    ("constant", r"\b0\.0f\b", lambda match: "1.0f"),
    ("constant", r"\b1\.0f\b", lambda match: "0.0f"),
    ("constant", r"-INFINITY\b", lambda match: "0.0f"),
    ("constant", r"\b(?:a\.scale|scale|LOG2_E|0\.\d{4,}f|sum\[r\]\[c\])(?=[ ;,)])", lambda match: match[0] + " * 1.01f"),
    ("constant", r"(?<=[ (])([1-9]\d*)(?=[;,) ])", lambda match: str(int(match[1]) + 1)),
    ("constant", r"(?<=return )0(?=;)", lambda match: "1"),
]
KINDS = ["operator", "bounds", "barrier", "constant"]
DECLARATION = re.compile(r"\s*(?:local|global|const|float\d*|int\d*|struct|typedef|[\w ]+\()[^=;]*[;{,)]$")


def blank(text, pattern):
    """The text with spaces where the pattern matches: what follows stays where it is."""
    return re.sub(pattern, lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.S | re.M)


def code_of(text):
    text = blank(text, r"/\*.*?\*/")
    return blank(text, r"^#(?!define \w+(?:\([^)]*\))? .*[-+*/|<>?]).*?$")


def is_declared(code, match):
    """Whether a subscript is the size of an array, which is no index."""
    line = code[code.rfind("\n", 0, match.start()) + 1 : code.find("\n", match.end())]
    return match[0].startswith("[") and DECLARATION.match(line.rstrip()) is not None


def mutants_of(file, text):
    code, found = code_of(text), {}
    for kind, pattern, new in RULES:
        for match in re.finditer(pattern, code, flags=re.M):
            if is_declared(code, match):
                continue
            line = code.count("\n", 0, match.start()) + 1
            mutant = Mutant(file, kind, line, *match.span(), match[0], new(match))
            found.setdefault((mutant.start, mutant.end, mutant.new), mutant)
    return list(found.values())


def all_mutants(folder):
    mutants = {}
    for root, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            file = os.path.relpath(os.path.join(root, name), folder)
            if name.endswith((".cl", ".h")) and not file.startswith("probe"):
                with open(os.path.join(folder, file)) as stream:
                    mutants[file] = mutants_of(file, stream.read())
    return mutants


def by_turns(lists):
    """The first of each list, then the second of each ..."""
    for index in range(max(map(len, lists), default=0)):
        yield from (each[index] for each in lists if index < len(each))


def sample(folder, seed):
    """All mutants, in an order of which any beginning is a sample: file after file by turns, long ones more often, and
    in each file kind after kind."""
    chance = random.Random(seed)
    turns = []
    for file, mutants in sorted(all_mutants(folder).items()):
        kinds = [[m for m in mutants if m.kind == kind] for kind in KINDS]
        for each in kinds:
            chance.shuffle(each)
        kinds = [each for each in kinds if each]
        chance.shuffle(kinds)
        ordered, pace = list(by_turns(kinds)), 1 + len(mutants) // 60
        turns += [ordered[first::pace] for first in range(pace)]
    chance.shuffle(turns)
    return list(by_turns(turns))
