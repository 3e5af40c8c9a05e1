"""The loops of matrix instructions, counted when they were last recorded: matrix.csv, and their table."""
import csv
import dataclasses
import pathlib

import bound
import judge
import marked

# Products of a matrix unit for each one of project's builds (kernels/common/product_matrix.cl).
PRODUCTS = {"project=matrix": 6, "output=matrix--f16": 5, "project=matrix--f16": 1, "project=matrix--bf16": 1}
LANES = "project=wide"  # multiplies the same in the lanes

FILE = pathlib.Path(__file__).resolve().with_name("matrix.csv")


@dataclasses.dataclass(frozen=True)
class Row:
    """A round of the loop: instructions of a group of lanes, and the clocks of a compute unit for it. docs/compilers.md
    explains the figures."""
    target: str
    build: str
    matrix_instructions: int
    instructions: int
    matrix: float
    issue: float
    local: float
    arithmetic: float
    exps: float

    @property
    def key(self):
        return self.target, self.build

    @property
    def clocks(self):
        return {name: getattr(self, name) for name in ("matrix", "issue", "local", "arithmetic", "exps")}


def row_of(target, build, kernel):
    """None for a kernel without such a loop, for the probe of a unit's rate, or a GPU whose peak is not known."""
    loop = kernel.matrix_round
    if loop is None or build.startswith("rate=") or not bound.UNITS[target].matrix:
        return None
    clocks = {name: round(value, 1) for name, value in bound.matrix_clocks(target, kernel).items()}
    return Row(target, build, loop.matrix, loop.instructions, **clocks)


def read(file=FILE):
    """{key: row}; there is no file before the first is recorded."""
    if not file.exists():
        return {}
    with open(file, encoding="utf-8", newline="") as lines:
        rows = [Row(*line[:2], *map(int, line[2:4]), *map(float, line[4:])) for line in list(csv.reader(lines))[1:]]
    return {row.key: row for row in rows}


def record(rows, page, file=FILE):
    """Puts the rows in place of those that the file has, and renews the table of the page."""
    order = {target: i for i, target in enumerate(bound.UNITS)}
    recorded = read(file) | {row.key: row for row in rows}
    recorded = sorted(recorded.values(), key=lambda row: order[row.target])
    with open(file, "w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(field.name for field in dataclasses.fields(Row))
        writer.writerows(dataclasses.astuple(row) for row in recorded)
    marked.replace(page, "matrix", table(recorded))
    marked.replace(page, "project", project_table(recorded, judge.read()))


def table(rows):
    """The builds for halves. Clocks are whole numbers there."""
    text = "| GPU | fused | dim | matrix | all | matrix | issue | local | arithmetic | exps | bound |\n"
    text += "|---" * 11 + "|\n"
    for row in rows:
        kernel, dim, kind = (row.build.split("-") + ["", ""])[:3]
        if kernel.startswith("fused=") and kind == "half":
            text += f"| {row.target} | {kernel.removeprefix('fused=')} | {dim} | {row.matrix_instructions} | {row.instructions} | "
            text += " | ".join(f"{clock:.0f}" for clock in row.clocks.values())
            text += f" | {bound.matrix_percent(row.clocks)} % |\n"
    return text


def project_table(rows, limits):
    """The builds of project, beside the kernel that multiplies in the lanes. The last columns: multiply-adds of a compute
    unit in a clock, by the bounds."""
    text = "| GPU | x, w | products | matrix | all | matrix | issue | local | lanes | bound | unit | wide |\n"
    text += "|---" * 12 + "|\n"
    for row in rows:
        if row.build not in PRODUCTS:
            continue
        unit, percent, products = bound.UNITS[row.target], bound.matrix_percent(row.clocks), PRODUCTS[row.build]
        lanes = next(limit for limit in limits.values() if limit.target == row.target and limit.build == LANES)
        kind = row.build.partition("--")[2] or "f32"
        kind = f"float and {kind}" if row.build.startswith("output=") else kind
        text += f"| {row.target} | {kind} | {products} | {row.matrix_instructions} | {row.instructions} | "
        text += " | ".join(f"{row.clocks[name]:.0f}" for name in ("matrix", "issue", "local", "arithmetic"))
        text += f" | {percent} % | {unit.matrix * percent / 100 / products:.0f} | {unit.peak * lanes.bound / 100:.0f} |\n"
    return text
