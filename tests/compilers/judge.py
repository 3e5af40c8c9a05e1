"""What the compilers made of each kernel when it was last recorded: limits.csv."""
import csv
import dataclasses
import pathlib

import bound

FILE = pathlib.Path(__file__).resolve().with_name("limits.csv")


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the file. docs/compilers.md explains the figures; None where there is no such figure."""
    target: str
    build: str  # stage=name, with head_dim and type where the kernel is compiled for them
    function: str
    lanes: int
    registers: int
    spills: int
    scalar_spills: int
    scratch: int
    local: int
    occupancy: int
    share: int | None
    bound: int | None

    @property
    def name(self):
        return f"{self.build} ({self.function}) on {self.target}"


COLUMNS = [field.name for field in dataclasses.fields(Row)]
KEY = 3  # columns that say which kernel it is
# Registers, lanes and local memory are means: what they cost or bring shows in these.
LESS_IS_BETTER = ("spills", "scalar_spills", "scratch")
MORE_IS_BETTER = ("occupancy", "share", "bound")


def key(row):
    return tuple(getattr(row, column) for column in COLUMNS[:KEY])


def row_of(target, build, kernel):
    return Row(target, build, kernel.function, kernel.lanes, kernel.registers, kernel.spills, kernel.scalar_spills,
               kernel.scratch, kernel.local, kernel.occupancy, bound.share(kernel), bound.bound(target, kernel))


def read(file=FILE):
    """{key: row}; there is no file before the first is recorded."""
    if not file.exists():
        return {}
    with open(file, encoding="utf-8", newline="") as lines:
        found = [Row(*line[:KEY], *(int(cell) if cell else None for cell in line[KEY:]))
                 for line in list(csv.reader(lines))[1:]]
    return {key(row): row for row in found}


def write(rows, file=FILE):
    with open(file, "w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(["" if cell is None else cell for cell in dataclasses.astuple(row)] for row in rows.values())


def merged(recorded, rows, whole):
    """The recorded rows with the new ones in place of theirs, target by target. `whole`: nothing was left out of the
    new rows' targets, so that what they lack is gone."""
    if whole:
        targets = {row.target for row in rows}
        recorded = {one: row for one, row in recorded.items() if row.target not in targets}
    together = recorded | {key(row): row for row in rows}
    order = {target: i for i, target in enumerate(bound.UNITS)}
    return dict(sorted(together.items(), key=lambda item: order[item[0][0]]))


def differences(row, limit):
    """(worse, better): lines for the figures that are not as recorded."""
    worse, better = [], []
    for column in LESS_IS_BETTER + MORE_IS_BETTER:
        new, old = getattr(row, column), getattr(limit, column)
        if new == old:
            continue
        is_better = old is None or (new is not None and (new < old) == (column in LESS_IS_BETTER))
        words = f"{row.name}: {column} is {'none' if new is None else new}, recorded {'none' if old is None else old}"
        (better if is_better else worse).append(words)
    return worse, better


def compared(rows, recorded, whole):
    """Lines for everything that is not as recorded."""
    worse, better = [], []
    for row in rows:
        limit = recorded.get(key(row))
        if limit is None:
            better.append(f"{row.name}: not recorded yet")
            continue
        found = differences(row, limit)
        worse += found[0]
        better += found[1]
    if whole:
        made, targets = {key(row) for row in rows}, {row.target for row in rows}
        better += [f"{row.name}: recorded, but not compiled any more" for one, row in recorded.items()
                   if row.target in targets and one not in made]
    return [f"WORSE: {words}" for words in worse] + [f"record it (--record): {words}" for words in better]
