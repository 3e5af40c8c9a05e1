"""Checks the docs' pointers to lines of source: [words](path#L12): `text of that line`.

usage: pointers.py [--fix] FILE.md ...

The line must contain the text after its pointer. --fix corrects the number if only one line contains
the text.
"""

import pathlib
import re
import sys

POINTER = re.compile(r"\]\((?P<path>[^)#\s]+)#L(?P<line>\d+)\):\s+`(?P<text>[^`]+)`")


def where(text, lines):
    """The numbers of the lines that contain the text."""
    return [number for number, line in enumerate(lines, 1) if text in line]


def complaint(page, pointer):
    """What is wrong with a pointer (None: nothing), and the right line if there is exactly one."""
    path = page.parent / pointer["path"]
    if not path.is_file():
        return f"{pointer['path']} is no file", None
    found = where(pointer["text"], path.read_text(encoding="utf-8").splitlines())
    if int(pointer["line"]) in found:
        return None, None
    place = f"is on line {', '.join(map(str, found))}" if found else "is missing"
    return f"{pointer['path']}#L{pointer['line']}: `{pointer['text']}` {place}", found[0] if len(found) == 1 else None


def check(page, fix):
    """The number of pointers on the page, and how many stale ones are left."""
    text = page.read_text(encoding="utf-8")
    stale = 0

    def right(pointer):
        nonlocal stale
        wrong, line = complaint(page, pointer)
        if wrong is None:
            return pointer[0]
        if fix and line is not None:
            return pointer[0].replace(f"#L{pointer['line']})", f"#L{line})")
        print(f"{page}: {wrong}", file=sys.stderr)
        stale += 1
        return pointer[0]

    new, count = POINTER.sub(right, text), len(POINTER.findall(text))
    if new != text:
        page.write_text(new, encoding="utf-8")
    return count, stale


def main():
    fix, pages = "--fix" in sys.argv[1:], [pathlib.Path(name) for name in sys.argv[1:] if name != "--fix"]
    results = [check(page, fix) for page in pages]
    count, stale = sum(r[0] for r in results), sum(r[1] for r in results)
    print(f"{count} pointers in {len(pages)} pages, {stale} of them stale")
    sys.exit(1 if stale or not count else 0)


if __name__ == "__main__":
    main()
