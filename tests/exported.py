"""Compares the functions that the shared library exports with the list of them and with the headers.

usage: exported.py LIST HEADER ... LIBRARY

The list has one name per line, sorted. A function that is added, removed or renamed changes the list,
so that nobody does so by accident.
"""

import pathlib
import re
import subprocess
import sys

DECLARED = re.compile(r"CLATTN_API\s[^;{]*?(clattn_\w+)\(")
FILLED = re.compile(r"^CLATTN_FILLED\((\w+)\)", re.MULTILINE)


def declared_in(header):
    """The functions that the header declares as exported."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
    return set(DECLARED.findall(text)) | {name + "_fill" for name in FILLED.findall(text)}


def exported_by(library):
    """The symbols that the library defines for others, without those of compilers and sanitizers."""
    command = ["nm", "-D", "--defined-only", library]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[-1] for line in lines if not line.split()[-1].startswith("_")}


def complain(what, names):
    """Prints the names, if there are any; returns how many there are."""
    for name in sorted(names):
        print(f"{name} {what}")
    return len(names)


def main():
    """Returns the exit code."""
    path, library = pathlib.Path(sys.argv[1]), sys.argv[-1]
    lines = path.read_text(encoding="utf-8").splitlines()
    listed, exported = set(lines), exported_by(library)
    declared = set().union(*(declared_in(pathlib.Path(header)) for header in sys.argv[2:-1]))
    wrong = complain(f"is exported, but not in {path.name}", exported - listed)
    wrong += complain(f"is in {path.name}, but not exported", listed - exported)
    wrong += complain("is declared in a header, but not exported", declared - exported)
    wrong += complain("is exported, but no header declares it", exported - declared)
    if lines != sorted(listed):
        wrong += 1
        print(f"{path.name} is not sorted, or names a function twice")
    print(f"{len(exported)} functions are exported, {wrong} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
