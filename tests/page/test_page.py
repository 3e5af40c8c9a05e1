"""`clattn explain --html` in a browser: test_page.py PROGRAM. Screenshots stay in the current folder.

What is shown is held against what `clattn run --save` writes, and against softmax in plain Python.
"""
import html
import itertools
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import browser  # noqa: E402
import program_tool  # noqa: E402

EXAMPLES = ["please-study-man", "dog-chased-ball", "cat-sat-down", "love-apple-phones"]
LARGEST = 150_000  # bytes of an example's page

# What the page shows of a step, in this head: a list of rows of what the cells stand for, or of their text.
CELLS = "[...document.querySelectorAll('table.%s tbody tr')].map(r => [...r.querySelectorAll('data')].map(d => d.%s))"


class Page:
    """A page that the program made, and its browser."""

    def __init__(self, program, chromium, folder):
        self.program, self.browser, self.folder = program, chromium, folder

    def run(self, *arguments):
        return subprocess.run([self.program, *arguments], check=True, capture_output=True, text=True).stdout

    def make(self, *arguments):
        path = os.path.join(self.folder, "page.html")
        said = self.run("explain", *arguments, "--html", path)
        assert "page      " + path in said and "checked: " in said, said
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        return path

    def open(self, *arguments):
        path = self.make(*arguments)
        self.browser.window(1200, 900)
        self.browser.prefer("light")
        self.browser.open(path)
        self.is_quiet()
        assert self.browser.requests == ["file://" + path], self.browser.requests

    def is_quiet(self):
        assert self.browser.complaints == [], self.browser.complaints

    def ask(self, expression):
        return self.browser.ask(expression)

    def values(self, step):
        return [[float(v.replace("Infinity", "inf")) for v in row] for row in self.ask(CELLS % (step, "value"))]

    def texts(self, step):
        return self.ask(CELLS % (step, "textContent"))

    def saved(self, name, *arguments):
        """A tensor of the same input, as `clattn run` saves it."""
        saved = os.path.join(self.folder, "-".join(arguments).lstrip("-"))
        if not os.path.isdir(saved):
            self.run("run", *arguments, "--check", "off", "--repeat", "1", "--save", saved)
        return program_tool.load(os.path.join(saved, name + ".npy"))

    def detail(self, step):
        figure = "document.querySelector('table.%s').closest('figure')" % step
        return self.ask(figure + ".querySelector('.detail').textContent")


def single(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def same(rows, wanted):
    """The very floats that the device left."""
    shown = list(itertools.chain(*rows))
    assert [single(v) for v in shown] == list(wanted), "%r\n%r" % (shown, list(wanted))


def near(rows, wanted, tolerance=1e-12):
    for row, other in zip(rows, wanted, strict=True):
        for a, b in zip(row, other, strict=True):
            assert a == b or abs(a - b) <= tolerance, "%r\n%r" % (row, other)


def softmax(scores, sink=-math.inf):
    most = max(*scores, sink)
    exps = [math.exp(score - most) for score in scores]
    total = math.fsum(exps) + math.exp(sink - most)
    return [e / total for e in exps]


# ---- the numbers

def shows_the_device(page):
    for example in EXAMPLES:
        page.open(example)
        assert len(page.text.encode()) < LARGEST, len(page.text)
        for step, name in (("q", "q"), ("k", "k"), ("v", "v"), ("scaled", "scaled"), ("weights", "weights"),
                           ("context", "context")):
            same(page.values(step), page.saved(name, "--example", example)[1])
        for row, weights in zip(page.values("exps"), page.values("weights")):
            near([[e / row[-1] for e in row[1:-1]]], [weights], 1e-6)
        for step in ("q", "scaled", "exps", "context"):
            for row, texts in zip(page.values(step), page.texts(step)):
                near([row], [[float(t.replace("−", "-")) for t in texts]], 5.1e-7)
        for row, texts in zip(page.values("weights"), page.texts("weights")):
            near([[100 * v for v in row]], [[float(t.removesuffix(" %")) for t in texts]], 0.051)


def says_what_the_article_asks(page):
    page.open("dog-chased-ball")
    answer = page.ask("document.getElementById('answer').innerText")
    assert "Who is “it”, the dog or the ball?" in answer and "63.6 %" in answer and "3 × 2" in answer, answer
    assert page.detail("products").startswith("q(it)·k(dog) = animate 3 × 2 + thing 1.5 × 0 +"), page.detail("products")
    assert page.detail("q") == ("q(it)[animate] = animate 0 × 0 + thing 0 × 0 + action 0 × 2 + pronoun 1 × 1 + "
                                "feeling 1 × 2 + function 0 × 0 = 3"), page.detail("q")
    source = page.ask("document.getElementById('source').textContent")
    assert "“Query, Key, Values”, www.anup.io/query-key-values/" in source, source
    page.open("please-study-man")
    assert "[2, 1]" in page.ask("document.getElementById('note').innerText")
    page.open("please-study-man", "--focus", "study")
    assert page.ask("document.querySelector('tr.chosen th').textContent") == "study"
    assert "Does “man” need" in page.ask("document.getElementById('answer').innerText")


def escapes_what_html_would_read(page):
    page.open("love-apple-phones", "--scale", "20")
    block = page.text.split('id="walk">')[1].split("</script>")[0]
    assert "<" not in block and "\\u003c 0.1 %" in block
    assert "< 0.1 %" in page.ask("document.getElementById('saying').textContent")
    assert json.loads(block)["scale"] == 20


def works_in_a_frame(page):
    """As python/clattn/_explain.py puts it into a notebook: neither page reaches the other."""
    page.make("dog-chased-ball")
    path = os.path.join(page.folder, "frame.html")
    with open(path, "w", encoding="utf-8") as file:
        file.write('<!doctype html><meta charset="utf-8"><h1 id="sentence">outside</h1>'
                   f'<iframe srcdoc="{html.escape(page.text)}" sandbox="allow-scripts"></iframe>')
    page.browser.open(path)
    page.is_quiet()
    asked = page.browser.ask_frame
    shown = asked("document.getElementById('sentence').textContent")
    assert shown.lower().startswith("the dog chased"), shown
    assert asked("document.querySelectorAll('table.weights td data').length") == 81
    asked("document.querySelectorAll('.chip input')[1].click()")
    assert asked("document.querySelector('table.weights tr.chosen th').textContent") == "dog"
    outside = page.ask("document.body.textContent.trim() + typeof walk + document.querySelectorAll('style').length")
    assert outside == "outsideundefined0", outside
    page.is_quiet()


# ---- what a reader does

def reruns_softmax(page):
    for arguments in (["dog-chased-ball"], ["cat-sat-down", "--heads", "2", "--causal"]):
        page.open(*arguments)
        before, scores = page.texts("weights"), page.ask("stepOf('exps').scores.map(r => r.map(String))")
        scores = [[float(s.replace("Infinity", "inf")) for s in row] for row in scores]
        values = page.ask("stepOf('context').sum.right")
        page.ask("document.getElementById('temperature').focus()")
        page.browser.press(*["ArrowRight"] * 4)
        assert page.ask("document.getElementById('temperature-now').textContent") == "2"
        weights = [softmax([s / 2 for s in row]) for row in scores]
        near(page.values("weights"), weights)
        near(page.values("context"), [[math.fsum(w * x for w, x in zip(row, v)) for v in values] for row in weights])
        assert all(abs(math.fsum(row) - 1) < 1e-12 for row in page.values("weights"))
        marks = page.ask("[...document.querySelectorAll('.marked:not([hidden])')].map(m => m.textContent)")
        assert marks[3:] == ["The device's numbers, at temperature 1."], marks
        assert all(m.startswith("Recomputed here at temperature 2;") for m in marks[:3]), marks
        assert page.ask("document.getElementById('saying').textContent").startswith("At temperature 2, ")
        assert page.texts("weights") != before
        masked = [[t == "masked" for t in row] for row in page.texts("weights")]
        assert masked == [[s == -math.inf for s in row] for row in scores], masked
        page.ask("document.getElementById('temperature-reset').click()")
        assert page.texts("weights") == before
        assert page.ask("[...document.querySelectorAll('.marked')].every(m => m.hidden)")
        page.is_quiet()


def reruns_softmax_with_a_sink(page):
    sinks = os.path.join(page.folder, "sinks.npy")
    program_tool.store(sinks, (2,), [0.5, -1.0])
    page.open("--random", "--tokens", "4", "--model-dim", "8", "--heads", "2", "--sinks", sinks)
    page.ask("chooseTemperature(2)")
    scores = page.ask("stepOf('exps').scores")
    near(page.values("weights"), [softmax([s / 4 for s in row], 0.5 / 4) for row in scores])
    assert max(map(math.fsum, page.values("weights"))) < 0.999


def goes_by_keyboard(page):
    page.open("cat-sat-down", "--heads", "2")
    assert page.ask("document.querySelector('.chip input:checked + span').textContent") == "sat"
    page.browser.press("Tab", "ArrowRight")
    chosen = "[...document.querySelectorAll('tr.chosen th')].map(t => t.textContent)"
    assert set(page.ask(chosen)) == {"down"} and len(page.ask(chosen)) > 6, page.ask(chosen)
    assert page.ask("document.getElementById('spoken').textContent").startswith("“down” gives ")
    assert "“down”" in page.ask("document.getElementById('bars-title').textContent")
    page.browser.press("Tab", "ArrowDown")
    assert page.ask("[document.activeElement.id, document.activeElement.value].join()") == "head,1"
    same(page.values("weights"), page.saved("weights", "--example", "cat-sat-down", "--heads", "2")[1][16:])
    page.ask("document.querySelector('table.products td[tabindex=\"0\"]').focus()")
    page.browser.press("Home", "ArrowUp", "ArrowRight")
    assert page.detail("products").startswith("q(sat)·k(cat) = "), page.detail("products")
    assert page.ask("document.getElementById('spoken').textContent") == page.detail("products")
    assert page.ask("document.querySelectorAll('table.products [tabindex=\"0\"]').length") == 1
    for _ in range(10):
        page.browser.press("ArrowUp")
    assert page.detail("products").startswith("q(the)·k(cat) = ")
    page.is_quiet()


def where(page, step, row, column):
    """The middle of a cell, brought into the window."""
    cell = "document.querySelectorAll('table.%s tbody tr')[%d].querySelectorAll('td')[%d]" % (step, row, column)
    page.ask(cell + ".scrollIntoView({block: 'center', inline: 'center'})")
    return page.ask("(r => [r.x + r.width / 2, r.y + r.height / 2])(%s.getBoundingClientRect())" % cell)


def goes_by_pointer(page):
    page.open("dog-chased-ball")
    page.browser.point(*where(page, "products", 6, 4))
    assert page.detail("products").startswith("q(it)·k(ball) = animate 3 × 0 + thing 1.5 × 2"), page.detail("products")
    page.browser.window(320, 640, phone=True)
    page.browser.tap(*where(page, "weights", 6, 1))
    assert page.detail("weights") == "it to dog: 1 ÷ 1.572 = 0.636278, 63.6 %", page.detail("weights")


# ---- how it looks

CONTRAST = """(() => {
  const channel = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const parse = text => { const n = text.match(/[\\d.]+/g).map(Number);
                          return text.startsWith('color(') ? n.slice(0, 3) : n.slice(0, 3).map(v => v / 255); };
  const light = text => { const [r, g, b] = parse(text).map(channel); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
                        if (c !== 'rgba(0, 0, 0, 0)') return c; } return 'rgb(255, 255, 255)'; };
  const contrast = e => { const a = light(getComputedStyle(e).color), b = light(behind(e));
                          return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); };
  const cell = document.querySelector('table.weights tbody td'), worst = [];
  for (let i = 0; i <= 1000; ++i) { shade(cell, i / 1000); worst.push(contrast(cell)); }
  fill(tables.find(t => t.step.tensor === 'weights'));
  const all = 'p, span, th, td, small, legend, label, output, h1, h2, h3, button:enabled';
  for (const e of document.querySelectorAll(all))
    if (e.textContent.trim() && e.getClientRects().length) worst.push(contrast(e));
  return Math.min(...worst); })()"""


def can_be_read(page):
    page.open("cat-sat-down", "--heads", "2", "--causal")
    page.ask("chooseTemperature(1)")
    papers = []
    for scheme in ("light", "dark"):
        page.browser.prefer(scheme)
        contrast = page.ask(CONTRAST)
        assert contrast >= 4.5, "%s: %.2f" % (scheme, contrast)
        papers.append(page.ask("getComputedStyle(document.body).backgroundColor"))
    assert papers[0] != papers[1], papers
    page.browser.prefer("light", "reduce")
    assert page.ask("getComputedStyle(document.querySelector('.bar'), '::after').transitionDuration") == "0s"


def fits_a_phone(page):
    inputs = [[example] for example in EXAMPLES] + [["--random", "--tokens", "40", "--model-dim", "32", "--heads", "2"]]
    for arguments in inputs:
        page.open(*arguments)
        page.browser.window(320, 640, phone=True)
        wide = page.ask("""[...document.querySelectorAll('body *')].filter(e =>
            !e.closest('.scroll, .chips, .unseen') && e.getBoundingClientRect().right > 320.5).map(e => e.outerHTML)""")
        assert page.ask("document.documentElement.scrollWidth") <= 320 and wide == [], wide
        assert page.ask("document.getElementById('controls').offsetHeight") < 160


def prints(page):
    page.open("dog-chased-ball")
    page.browser.prefer("dark")
    pdf = page.browser.pdf("dog-chased-ball.pdf")
    assert pdf.startswith(b"%PDF-") and len(pdf) > 10_000, len(pdf)
    page.browser.call("Emulation.setEmulatedMedia", media="print")
    assert page.ask("getComputedStyle(document.getElementById('controls')).display") == "none"
    assert page.ask("document.getElementById('printed').offsetHeight") > 0
    assert page.ask("[...document.querySelectorAll('section[data-steps]')].filter(s => s.offsetHeight > 0).length") == 7
    assert page.ask("getComputedStyle(document.querySelector('table.weights')).printColorAdjust") == "exact"
    contrast = page.ask(CONTRAST)
    assert contrast >= 4.5, contrast
    page.browser.call("Emulation.setEmulatedMedia", media="")


def has_names_for_those_who_listen(page):
    page.open("cat-sat-down", "--heads", "2")
    nodes = page.browser.call("Accessibility.getFullAXTree")["nodes"]
    named = {}
    for node in nodes:
        if not node["ignored"]:
            named.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    assert named["radio"] == ["the", "cat", "sat", "down"], named["radio"]
    assert named["slider"] == ["Temperature"] and named["combobox"] == ["Head"], named
    for role in ("grid", "table", "region", "heading", "columnheader", "rowheader", "button", "group"):
        assert all(named.get(role, [])), "%s without a name: %r" % (role, named.get(role))
    assert any("matching" in name for name in named["grid"]), named["grid"]
    ids = page.ask("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(set(ids)) == len(ids), ids
    assert page.ask("[...document.querySelectorAll('table')].every(t => t.caption && t.querySelector('th[scope=col]'))")


def pictures(page):
    for example in EXAMPLES:
        page.open(example)
        page.browser.screenshot(example + "-light.png")
        page.browser.prefer("dark")
        page.browser.screenshot(example + "-dark.png")
        page.browser.window(320, 640, phone=True)
        page.browser.prefer("light")
        page.browser.screenshot(example + "-phone.png")


CASES = [shows_the_device, says_what_the_article_asks, escapes_what_html_would_read, works_in_a_frame, reruns_softmax,
         reruns_softmax_with_a_sink, goes_by_keyboard, goes_by_pointer, can_be_read, fits_a_phone, prints,
         has_names_for_those_who_listen, pictures]


def main():
    program = browser.find()
    if program is None:
        print("skipped: no browser (Debian: chromium-headless-shell)", file=sys.stderr)
        return int(os.environ.get("CLATTN_SKIPPED", "77"))
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        chromium = browser.Browser(program)
        page = Page(os.path.abspath(sys.argv[1]), chromium, folder)
        for case in CASES:
            try:
                case(page)
                print("ok  ", case.__name__, flush=True)
            except (AssertionError, RuntimeError, subprocess.CalledProcessError) as error:
                failed += 1
                print("FAIL", case.__name__, type(error).__name__, str(error)[:2000], getattr(error, "stderr", ""), flush=True)
        chromium.close()
    return 1 if failed else 0


sys.exit(main())
