#!/usr/bin/env python3
"""Puts generated text into a page, between `<!-- NAME begin -->` and `<!-- NAME end -->`.

usage: marked.py PAGE NAME CELL...   in the table between these marks, renews the row that begins with the first CELL, or
                                     adds it
"""
import pathlib
import re
import sys
import textwrap

WIDTH = 100  # columns of a page


def wrapped(text, first="", rest=""):
    """`text` in lines that fit a page, `first` before the first line and `rest` before the others. Code of up to 70
    characters stays on one line."""
    whole = re.sub(r"`[^`]{1,70}`", lambda code: code[0].replace(" ", "\0"), text)
    return textwrap.fill(whole, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False,
                         break_on_hyphens=False).replace("\0", " ")


def parts(page, name):
    """The page up to the marked text, that text, and what follows."""
    begin, end = f"<!-- {name} begin -->\n", f"<!-- {name} end -->"
    text = pathlib.Path(page).read_text(encoding="utf-8")
    found = re.split(f"({re.escape(begin)})(.*)({re.escape(end)})", text, flags=re.S)
    if len(found) != 5:
        sys.exit(f"{page} has no place for generated text, between {begin.strip()} and {end}")
    return found[0] + found[1], found[2], found[3] + found[4]


def replace(page, name, text):
    before, _, after = parts(page, name)
    pathlib.Path(page).write_text(before + text + after, encoding="utf-8")


def renew_row(page, name, cells):
    before, text, after = parts(page, name)
    row, lines = f"| {' | '.join(map(str, cells))} |", text.splitlines()
    same = [i for i, line in enumerate(lines) if line.startswith(f"| {cells[0]} |")]
    if same:
        lines[same[0]] = row
    else:
        lines.append(row)
    pathlib.Path(page).write_text(before + "\n".join(lines) + "\n" + after, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    renew_row(sys.argv[1], sys.argv[2], sys.argv[3:])
