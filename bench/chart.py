"""SVG charts, one for each series of cases: a line for each engine, and both limits."""
import html
import math

from results import LIMITS

# On a white and on a black page, depending on the reader's settings.
COLOURS = {"page": ("#ffffff", "#16181c"), "text": ("#222222", "#e6e6e6"), "quiet": ("#666666", "#a0a0a0"),
           "rule": ("#dddddd", "#3a3d42"), "limit": ("#777777", "#a8a8a8"), "clattn": ("#c2185b", "#ff6f9f"),
           "onnxruntime": ("#1565c0", "#6fb1ff"), "openvino": ("#00838f", "#3fc7d4"), "torch": ("#ef6c00", "#ffa64d"),
           "onednn": ("#1565c0", "#6fb1ff"), "onednn-kept": ("#00838f", "#3fc7d4"), "openblas": ("#8d6e63", "#c9a89c"),
           "openblas-skylakex": ("#ef6c00", "#ffa64d"), "clblast": ("#9e9d24", "#d4d35e"),
           "clblast-tuned": ("#558b2f", "#93cf6b")}
WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 165, 46, 58
LINE = 16  # between two names in the legend


def style():
    """A class for each colour; the colour itself is currentColor."""
    light, dark = (" ".join(f".{name} {{ color: {pair[i]} }}" for name, pair in COLOURS.items()) for i in (0, 1))
    return f"<style>{light} @media (prefers-color-scheme: dark) {{ {dark} }}</style>"


def nice_step(most):
    """The step between lines: 1, 2 or 5 times a power of ten, so that there are four to ten lines."""
    power = 10 ** math.floor(math.log10(most / 4))
    return next(power * factor for factor in (1, 2, 5, 10) if most / (power * factor) <= 8)


class Chart:
    def __init__(self, title, unit, labels, most):
        self.labels, self.most = labels, most
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
                      f'font-family="sans-serif" font-size="12">', style(),
                      f'<rect width="{WIDTH}" height="{HEIGHT}" class="page" fill="currentColor"/>']
        self.text(LEFT, 20, title, "text", size=15)
        self.text(LEFT, 38, unit)
        self.axes()

    def x(self, place):
        return LEFT + (WIDTH - LEFT - RIGHT) * (place + 0.5) / len(self.labels)

    def y(self, value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.most

    def text(self, x, y, text, colour="quiet", anchor="start", size=12):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{colour}" fill="currentColor" '
                          f'font-size="{size}">{html.escape(text)}</text>')

    def axes(self):
        step = nice_step(self.most)
        for i in range(int(self.most / step) + 1):
            y = self.y(i * step)
            self.parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" class="rule" stroke="currentColor"/>')
            self.text(LEFT - 8, y + 4, f"{i * step:g}", anchor="end")
        room = (WIDTH - LEFT - RIGHT) / len(self.labels) / max(map(len, self.labels))
        for place, label in enumerate(self.labels):
            self.text(self.x(place), HEIGHT - BOTTOM + 20, label, anchor="middle", size=min(12, int(1.5 * room)))

    def path(self, points, colour, extra=""):
        self.parts.append(f'<path d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in points)}" class="{colour}" fill="none" '
                          f'stroke="currentColor" stroke-width="2"{extra}/>')

    def limit(self, values, dashes):
        """A dashed line from edge to edge, so that a single value is visible, too."""
        points = [(self.x(place), self.y(value)) for place, value in enumerate(values)]
        ends = (LEFT, points[0][1]), (WIDTH - RIGHT, points[-1][1])
        self.path([ends[0], *points, ends[1]], "limit", f' stroke-dasharray="{dashes}"')

    def line(self, values, colour, hollow):
        """values: place -> height"""
        self.path([(self.x(place), self.y(value)) for place, value in values.items()], colour)
        for place, value in values.items():
            dot = f'cx="{self.x(place):.1f}" cy="{self.y(value):.1f}"'
            self.parts.append(f'<circle {dot} r="4" class="{colour}" fill="currentColor"/>')
            if place in hollow:
                self.parts.append(f'<circle {dot} r="2.5" class="page" fill="currentColor"/>')

    def legend(self, entries):
        """(name, colour, last height) from top to bottom. Names that would overlap move down; if the last one is
        too low then, names move up again."""
        entries = sorted(entries, key=lambda entry: -entry[2])
        places = []
        for _, _, value in entries:
            places.append(max(self.y(value) + 4, places[-1] + LINE if places else 0.0))
        for i, (name, colour, _) in enumerate(entries):
            lowest = HEIGHT - BOTTOM + 4 - LINE * (len(entries) - 1 - i)
            self.text(WIDTH - RIGHT + 8, min(places[i], lowest), name, colour)

    def save(self, path):
        path.write_text("\n".join([*self.parts, "</svg>\n"]), encoding="utf-8")


def draw(path, series, measured, run):
    limits = {name: [m.figure(name) for m in measured] for name in LIMITS if name in measured[0].turns}
    lines = {}
    for place, m in enumerate(measured):
        for engine in (*m.peers(), "clattn"):  # clattn's dots are drawn last, on top
            lines.setdefault(engine, {})[place] = m.figure(engine)
    highest = max(*map(max, limits.values()), *(max(values.values()) for values in lines.values()))
    counted = "GB/s of keys and values" if measured[0].case.bytes_read() else "GFLOP/s"
    unit = f"{counted}, the fastest run; {run['device']}, {run['processor']}"
    chart = Chart(series, unit, [m.case.label for m in measured], 1.05 * highest)
    entries = []
    for name, dashes in zip(LIMITS, ("5 4", "2 3")):
        chart.limit(limits[name], dashes)
        entries.append((name, "limit", limits[name][-1]))
    for engine, values in lines.items():
        chart.line(values, engine, {place for place in values if measured[place].disturbed})
        held = all(m.held.get(engine, True) for m in measured)
        entries.append((engine if held else f"{engine} (not held)", engine, list(values.values())[-1]))
    chart.legend(entries)
    chart.text(LEFT, HEIGHT - 10, f"{run['date']}; a hollow dot was disturbed", size=11)
    chart.save(path)


def draw_all(folder, measured, run):
    folder.mkdir(parents=True, exist_ok=True)
    for series in dict.fromkeys(m.case.series for m in measured):
        of_series = [m for m in measured if m.case.series == series and "clattn" in m.turns and m.case.limits()]
        name = "-".join("".join(c if c.isalnum() else " " for c in series).lower().split())
        if of_series:
            draw(folder / f"{name}.svg", series, of_series, run)
