"""Checks that the program's output shown in the docs is up to date.

usage: pages.py [--write] PROGRAM_FOLDER PAGE.md ...

A page shows an output between two comments:

    <!-- output of: clattn explain please-study-man -->
    ```
    ...
    ```
    <!-- end -->

or a picture, which the command draws with one more option, --svg FILE:

    <!-- picture of: clattn-access scores=naive -->
    ![what it shows](picture.svg)
    <!-- end -->

Each command runs in an empty folder, with the folder of the built programs first in PATH. Without
--write a different output is an error: words must be equal; numbers may differ in their last places,
as they do between processors; pictures must be equal and small. With --write the new output replaces the old.
`<!-- output, with times of: ... -->` is for outputs that contain times: --write replaces it, and the
check only requires that the command succeeds.
"""

import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from docs import PICTURE_BYTES

BLOCK = re.compile(r"<!-- output(?P<timed>, with times)? of: (?P<command>.+?) -->\n```\n(?P<text>.*?)```\n<!-- end -->", re.S)
PICTURE = re.compile(r"<!-- picture of:\s(?P<command>.+?) -->\n!\[[^\]]+\]\((?P<file>[^)]+)\)\n<!-- end -->", re.S)
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")
TOLERANCE = 5e-6  # relative: one in the sixth digit; absolute for sums that cancel


def run(command, programs):
    """Standard output of the command, or None (and a message) if it failed."""
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "NO_COLOR": "1", "CLATTN_TUNING_FILE": ""}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())
    print(f"{command}: exit code {done.returncode}\n{done.stderr}", file=sys.stderr)
    return None


def alike(one, other):
    """Whether two outputs have the same words, and numbers that differ only in their last places."""
    if NUMBER.sub("#", one).split() != NUMBER.sub("#", other).split():
        return False
    pairs = zip(map(float, NUMBER.findall(one)), map(float, NUMBER.findall(other)))
    return all(abs(a - b) <= TOLERANCE * max(1.0, abs(a)) for a, b in pairs)


def renew_picture(page, block, programs, write):
    """Whether the picture's file is what the command draws; with `write` it becomes that."""
    file = page.parent / block["file"]
    with tempfile.TemporaryDirectory() as folder:
        drawn = pathlib.Path(folder) / "picture.svg"
        if run(f"{block['command']} --svg {drawn}", programs) is None:
            return False
        if drawn.stat().st_size > PICTURE_BYTES:
            print(f"{page}: {block['file']} has {drawn.stat().st_size} bytes (allowed: {PICTURE_BYTES}); choose a smaller "
                  "shape", file=sys.stderr)
            return False
        if write:
            file.write_bytes(drawn.read_bytes())
        if file.is_file() and file.read_bytes() == drawn.read_bytes():
            return True
    print(f"{page}: '{block['command']}' no longer draws {block['file']}", file=sys.stderr)
    return False


def process(page, programs, write):
    """The number of outputs and pictures on the page, and how many of them are wrong."""
    text, wrong = page.read_text(encoding="utf-8"), 0

    def renew(block):
        nonlocal wrong
        output = run(block["command"], programs)
        if output is None:
            wrong += 1
            return block[0]
        if write:
            return block[0].replace(f"```\n{block['text']}```", f"```\n{output}```")
        if not block["timed"] and not alike(block["text"], output):
            wrong += 1
            print(f"{page}: '{block['command']}' now prints something else:", file=sys.stderr)
            sys.stderr.writelines(difflib.unified_diff(block["text"].splitlines(True), output.splitlines(True), "page", "now"))
        return block[0]

    count, new = len(BLOCK.findall(text)), BLOCK.sub(renew, text)
    if new != text:
        page.write_text(new, encoding="utf-8")
    pictures = list(PICTURE.finditer(text))
    wrong += sum(not renew_picture(page, block, programs, write) for block in pictures)
    return count + len(pictures), wrong


def main():
    write, words = "--write" in sys.argv[1:], [word for word in sys.argv[1:] if word != "--write"]
    if len(words) < 2:
        sys.exit(__doc__)
    programs = pathlib.Path(words[0]).resolve()
    results = [process(pathlib.Path(name), programs, write) for name in words[1:]]
    count, wrong = sum(r[0] for r in results), sum(r[1] for r in results)
    print(f"{count} outputs and pictures on {len(results)} pages, {wrong} of them wrong")
    sys.exit(1 if wrong or not count else 0)


if __name__ == "__main__":
    main()
