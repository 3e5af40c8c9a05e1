"""The tables of docs/compilers.md."""
import datetime

import bound
import marked

COLUMNS = ("kernel", "dim", "type", "lanes", "registers", "spills", "scalar", "scratch", "local", "occupancy", "share",
           "bound")
HEAD = f"|{'|'.join(COLUMNS)}|\n{'|---' * len(COLUMNS)}|\n"  # with spaces it would be too wide for a page


def cell(figure, after=""):
    return "-" if figure is None else f"{figure}{after}"


def cells(row):
    """(what comes before the type, the type, what comes after it)."""
    kernel, dim, kind = (row.build.split("-") + ["", ""])[:3]
    if row.function not in row.build:
        kernel += f", {row.function}"
    return (kernel, dim), kind, (row.lanes, row.registers, row.spills, row.scalar_spills, row.scratch,
                                 row.local, f"{row.occupancy}/{bound.UNITS[row.target].places}", cell(row.share, " %"),
                                 cell(row.bound, " %"))


def lines(rows):
    """Types with the same figures share a line."""
    kinds = {}
    for row in rows:
        before, kind, after = cells(row)
        kinds.setdefault((before, after), []).append(kind)
    return "".join(f"| {' | '.join(map(str, (*before, ', '.join(dict.fromkeys(of_same)), *after)))} |\n"
                   for (before, after), of_same in kinds.items())


def write(page, recorded, vendors, first):
    """A section for each target, with the builds of `first`."""
    text = f"Recorded on {datetime.date.today():%d %B %Y} with these compilers:\n\n"
    for vendor in vendors.values():
        text += marked.wrapped(f"{', '.join(vendor.TARGETS)}: {vendor.VERSIONS}", "- ", "  ") + "\n"
    for target in dict.fromkeys(row.target for row in recorded.values()):
        rows = [row for row in recorded.values() if row.target == target and row.build in first]
        text += f"\n### {target}\n\n{HEAD}{lines(rows)}"
    marked.replace(page, "compilers", text)
