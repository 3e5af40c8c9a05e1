"""Charts as SVG, one for each series of cases: a line for each engine, and the limit."""
import html
import math

COLOURS = {"clattn": "#c2185b", "onnxruntime": "#1565c0", "openvino": "#00838f", "torch": "#ef6c00",
           "onednn": "#1565c0", "openblas": "#8d6e63", "openblas-skylakex": "#ef6c00", "clblast": "#9e9d24",
           "clblast-tuned": "#558b2f"}
WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 165, 46, 58


def nice_step(most):
    """1, 2 or 5 times a power of ten, so that there are four to ten lines."""
    power = 10 ** math.floor(math.log10(most / 4))
    return next(power * factor for factor in (1, 2, 5, 10) if most / (power * factor) <= 8)


class Chart:
    def __init__(self, title, unit, labels, most):
        self.labels, self.most = labels, most
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
                      f'font-family="sans-serif" font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
        self.text(LEFT, 20, title, size=15)
        self.text(LEFT, 38, unit, colour="#666")
        self.axes()

    def x(self, place):
        return LEFT + (WIDTH - LEFT - RIGHT) * (place + 0.5) / len(self.labels)

    def y(self, value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.most

    def text(self, x, y, text, anchor="start", colour="#222", size=12):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">'
                          f'{html.escape(text)}</text>')

    def axes(self):
        step = nice_step(self.most)
        for i in range(int(self.most / step) + 1):
            y = self.y(i * step)
            self.parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
            self.text(LEFT - 8, y + 4, f"{i * step:g}", "end", "#666")
        for place, label in enumerate(self.labels):
            self.text(self.x(place), HEIGHT - BOTTOM + 20, label, "middle", "#666")

    def line(self, values, colour, extra=""):
        """values: place -> height"""
        path = "M" + "L".join(f"{self.x(place):.1f} {self.y(value):.1f}" for place, value in values.items())
        self.parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"{extra}/>')

    def dots(self, values, colour, hollow):
        for place, value in values.items():
            fill = "white" if place in hollow else colour
            self.parts.append(f'<circle cx="{self.x(place):.1f}" cy="{self.y(value):.1f}" r="3.5" fill="{fill}" '
                              f'stroke="{colour}"/>')

    def legend(self, entries):
        """(name, colour, last height), from above; names that would overlap move down."""
        y = 0.0
        for name, colour, value in sorted(entries, key=lambda entry: -entry[2]):
            y = max(y + 16, self.y(value) + 4)
            self.text(WIDTH - RIGHT + 8, y, name, colour=colour)

    def save(self, path):
        path.write_text("\n".join([*self.parts, "</svg>\n"]), encoding="utf-8")


def draw(path, series, measured, run):
    limits = {place: m.limit / 1e9 for place, m in enumerate(measured)}
    lines = {}
    for place, m in enumerate(measured):
        for engine in m.turns:
            lines.setdefault(engine, {})[place] = m.rate(m.best(engine)) / 1e9
    highest = max(max(limits.values()), *(max(values.values()) for values in lines.values()))
    chart = Chart(series, f"{measured[0].unit()}, the fastest run; {run['device']}",
                  [m.case.label for m in measured], 1.05 * highest)
    chart.line(limits, "#999", ' stroke-dasharray="5 4"')
    entries = [("measured limit", "#777", limits[len(measured) - 1])]
    for engine, values in lines.items():
        hollow = {place for place in values if measured[place].disturbed}
        chart.line(values, COLOURS[engine])
        chart.dots(values, COLOURS[engine], hollow)
        entries.append((engine, COLOURS[engine], list(values.values())[-1]))
    chart.legend(entries)
    chart.text(LEFT, HEIGHT - 10, f"{run['date']}; a hollow dot was disturbed", colour="#666", size=11)
    chart.save(path)


def draw_all(folder, measured, run):
    folder.mkdir(parents=True, exist_ok=True)
    for series in dict.fromkeys(m.case.series for m in measured):
        of_series = [m for m in measured if m.case.series == series and "clattn" in m.turns]
        name = "-".join("".join(c if c.isalnum() else " " for c in series).lower().split())
        if of_series:
            draw(folder / f"{name}.svg", series, of_series, run)
