#!/usr/bin/env python3
"""Writes the manual page and the completions for bash, zsh and fish from what the built program says of itself.

usage: make.py PROGRAM SOURCE_FOLDER OUTPUT_FOLDER

Writes clattn.1, bash/clattn, zsh/_clattn and fish/clattn.fish. Needs Python 3.8 and nothing else.
"""
import subprocess
import sys
from pathlib import Path

import bash
import fish
import man_page
import zsh
from program import Unclear, read_program


def main(path, source, output):
    program = read_program(path, Path(source) / "kernels")
    written = {"clattn.1": man_page.make(program, source), "bash/clattn": bash.make(program),
               "zsh/_clattn": zsh.make(program), "fish/clattn.fish": fish.make(program)}
    for name, text in written.items():
        file = Path(output) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__.strip().split("\n\n")[1])
    try:
        main(*sys.argv[1:])
    except (Unclear, OSError, subprocess.SubprocessError) as wrong:
        sys.exit(f"make.py: {wrong}")
