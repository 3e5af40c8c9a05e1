#!/usr/bin/env python3
"""Checks that the rooms of host/ include only what CONTRIBUTING.md allows them to.

usage: rooms.py

The map in CONTRIBUTING.md, between its two marks, is a table with a row a room, lowest first. A file may include headers of
its own room, of rooms above it in the table, and the public ones in host/include. Where a row names the rooms that its
room may use ("uses: base"), only those. Prints each include that breaks a rule; exit code 1 if there is one, or if a room and the map
do not have each other.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAP = re.compile(r"<!-- rooms begin -->\n(.*?)<!-- rooms end -->", re.S)
ROW = re.compile(r"^\| `host/([\w/]+)` \|([^|]*)\|", re.M)
USES = re.compile(r"uses: ([\w/, ]+)")
INCLUDE = re.compile(r'^#include "([^"]+)"', re.M)


def read_map():
    """{room: the rooms that it may include from}, in the order of the table."""
    table = MAP.search((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    if not table:
        sys.exit("CONTRIBUTING.md has no map of the rooms between <!-- rooms begin --> and <!-- rooms end -->")
    allowed, above = {}, []
    for room, text in ROW.findall(table[1]):
        uses = USES.search(text)
        allowed[room] = {room, "include", *(re.split(r", ", uses[1].strip()) if uses else above)}
        above.append(room)
    return allowed


def room_of(path, rooms):
    """The room of a file, by its path below host/; None where it is in none."""
    return max((room for room in rooms if path.startswith(room + "/")), key=len, default=None)


def main():
    allowed, wrong = read_map(), []
    files = [file for file in (ROOT / "host").rglob("*") if file.suffix in (".c", ".h", ".inc")]
    used = set()
    for file in sorted(files):
        path = file.relative_to(ROOT / "host").as_posix()
        room = room_of(path, allowed)
        used.add(room)
        if room is None:
            wrong.append(f"host/{path} is in no room of the map")
            continue
        for name in INCLUDE.findall(file.read_text(encoding="utf-8")):
            public = (ROOT / "host/include" / name).is_file()
            target = "include" if public else room_of(name, allowed)
            if target is not None and target not in allowed[room]:
                wrong.append(f"host/{path} includes {name}: {room} may use {', '.join(sorted(allowed[room]))}")
    wrong += [f"the map has host/{room}, which holds no source" for room in allowed if room not in used]
    for line in wrong:
        print(line)
    print(f"{len(files)} files in {len(allowed)} rooms, {len(wrong)} includes that break the order")
    sys.exit(1 if wrong else 0)


main()
