#!/usr/bin/env python3
"""Checks the project's pages: all Markdown files that git tracks, or all below the project where git is not there.

usage: docs.py

- Each link to a file of the project leads to one, and its anchor to a heading or a line of it.
- No line has more than 100 columns, but for a link's address on a line of its own.
- README.md has at most 120 lines.
- Each picture is shown by a page and has at most 60,000 bytes.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLUMNS, README_LINES, PICTURE_BYTES = 100, 120, 60_000
FENCE = re.compile(r"^(```|~~~).*?^\1\s*?$", re.S | re.M)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?\s*\)|^\[[^\]]+\]:\s+(\S+)$", re.M)
ADDRESS = re.compile(r"^\[[^\]]+\]: https?://\S+$")
HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.M)


def files(ending):
    done = subprocess.run(["git", "ls-files", f"*{ending}"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = done.stdout.split("\n") if done.returncode == 0 else ()
    found = [ROOT / name for name in names if name and (ROOT / name).is_file()]
    return found or [path for path in ROOT.rglob(f"*{ending}") if not path.relative_to(ROOT).parts[0].startswith("build")]


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    seen, found = {}, set()
    for heading in HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        seen[name] = seen.get(name, -1) + 1
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
    return found


def wrong_link(page, target):
    """What is wrong with a link, or None."""
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return "leads nowhere"
    line = re.fullmatch(r"L(\d+)", anchor)
    if line:
        return None if int(line[1]) <= len(file.read_text(encoding="utf-8").splitlines()) else "has no such line"
    if anchor and anchor not in anchors(file):
        return f"has no heading '{anchor}'"
    return None


def complaints_about(page):
    text, name = page.read_text(encoding="utf-8"), page.relative_to(ROOT)
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS and not ADDRESS.match(line):
            yield f"{name}:{number}: {len(line)} columns (allowed: {COLUMNS})"
    if page == ROOT / "README.md" and len(lines) > README_LINES:
        yield f"{name}: {len(lines)} lines (allowed: {README_LINES})"
    for found in LINK.finditer(CODE.sub("", FENCE.sub("", text))):
        target = found[1] or found[2]
        wrong = wrong_link(page, target)
        if wrong:
            yield f"{name}: {target} {wrong}"


def complaints_about_pictures(pages):
    shown = {(page.parent / (found[1] or found[2])).resolve() for page in pages
             for found in LINK.finditer(page.read_text(encoding="utf-8"))}
    for picture in files(".svg"):
        size, name = picture.stat().st_size, picture.relative_to(ROOT)
        if picture not in shown:
            yield f"{name}: no page shows it"
        if size > PICTURE_BYTES:
            yield f"{name}: {size} bytes (allowed: {PICTURE_BYTES})"


def main():
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    pages = files(".md")
    found = [text for page in pages for text in complaints_about(page)] + list(complaints_about_pictures(pages))
    print("\n".join([*found, f"{len(pages)} pages, {len(found)} complaints"]))
    sys.exit(1 if found or not pages else 0)


if __name__ == "__main__":
    main()
