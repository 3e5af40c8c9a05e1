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


def leanest_round(lines, first, last, label, branch, jump, weigh):
    """The lines of one round of a loop that no round does without, as far as the code shows: of all ways from the first
    line to a branch back to it, that with the most weight, and of these the one with the fewest lines that count. Other
    branches back are not taken, so a loop within is gone through once. `weigh` gives (weight, 1 or 0: it counts) of a
    line, and `jump` matches what never goes on to the next line. None: there is no such way."""
    at = {m[1]: i for i in range(first, last + 1) if (m := label.match(lines[i]))}
    best, came = {first: (0, 0)}, {}
    found = None
    for i in range(first, last + 1):
        if i not in best:
            continue
        weight, counts = weigh(lines[i])
        so_far = (best[i][0] + weight, best[i][1] - counts)
        names = branch.match(lines[i])
        places = [at[name] for name in re.findall(r"[.\w]+", names[1]) if name in at] if names else []
        if first in places and (found is None or so_far > found[0]):
            found = so_far, i
        for place in [place for place in places if place > i] + ([] if jump.match(lines[i]) else [i + 1]):
            if place <= last and so_far > best.get(place, (-1, 0)):
                best[place], came[place] = so_far, i
    if found is None:
        return None
    way = [found[1]]
    while way[-1] != first:
        way.append(came[way[-1]])
    return [lines[i] for i in reversed(way)]


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
