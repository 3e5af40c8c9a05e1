"""Finds the loops of a function in assembly text, whichever processor it is for."""
import re


def loops(lines, label, branch):
    """(first, last) line of each loop, from a label to the last branch back to it. Both are patterns: group 1 of
    `label` is the name of a place in the code, group 1 of `branch` has the names of those to which a line may jump."""
    at = {m[1]: i for i, line in enumerate(lines) if (m := label.match(line))}
    last = {}
    for i, line in enumerate(lines):
        found = branch.match(line)
        for name in re.findall(r"[.\w]+", found[1]) if found else ():
            if at.get(name, i) < i:
                last[at[name]] = i
    return sorted(last.items())


def innermost(found):
    """Those of the loops that have none within."""
    return [(a, b) for a, b in found if not any((c, d) != (a, b) and a <= c and d <= b for c, d in found)]


def own_lines(lines, found):
    """For each loop, its lines without those of the loops within it."""
    for first, last in found:
        inside = set()
        for a, b in found:
            if (a, b) != (first, last) and first <= a and b <= last:
                inside.update(range(a, b + 1))
        yield [lines[i] for i in range(first, last + 1) if i not in inside]
