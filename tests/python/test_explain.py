"""clattn.explain: what it shows, where it saves, what it refuses; and the notebook that shows it."""
import html
import json
import re

import clattn
import numpy as np
import pytest
from conftest import ROOT, random

X, EYE, WK = [[1, 0], [0, 2], [1, 1]], np.eye(2), [[1, 1], [0, 1]]
TOKENS = ["ich", "möchte", "<Äpfel>"]


def walk_of(page):
    """The numbers of a page."""
    return json.loads(re.search(r'<script type="application/json" id="walk">(.*?)</script>', page, re.S)[1])


def step_of(page, tensor):
    return next(np.array(step["values"]) for step in walk_of(page)["steps"] if step["tensor"] == tensor)


def test_own_tokens(tmp_path):
    shown = clattn.explain(TOKENS, X, EYE, WK, EYE, focus="möchte")
    walk = walk_of(shown.html)
    assert shown.passed and walk["queries"] == TOKENS and walk["begin"] == 1 and walk["name"] == "ich möchte <Äpfel>"
    scores = (np.array(X) @ EYE) @ (np.array(X) @ WK).T / np.sqrt(2)
    weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(step_of(shown.html, "weights"), weights, atol=1e-6)
    np.testing.assert_allclose(step_of(shown.html, "context"), weights @ X, atol=1e-6)
    assert 'only "möchte" is shown' in shown.text and "checked: " in shown.text
    shown.save(tmp_path / "walk.html")
    assert (tmp_path / "walk.html").read_text(encoding="utf-8") == shown.html
    assert [path.name for path in tmp_path.iterdir()] == ["walk.html"]
    with pytest.raises(OSError):
        shown.save(tmp_path / "nowhere" / "walk.html")


def test_frame():
    shown = clattn.explain("dog-chased-ball", height=300)
    frame = re.fullmatch(r'<iframe srcdoc="([^"]*)" sandbox="allow-scripts" .*height: 300px.*></iframe>',
                         shown._repr_html_(), re.S)
    assert html.unescape(frame[1]) == shown.html
    assert "63.6 %" in shown.text and "dog-chased-ball" in repr(shown)


def test_layers():
    """The layer of clattn.Attention, with what it takes besides matrices."""
    w = {"wq": random(1, 6, 8), "wk": random(2, 6, 4), "wv": random(3, 6, 4), "wo": random(4, 8, 5)}
    meaning = {"heads": 4, "kv_heads": 2, "is_causal": True, "bq": random(5, 8), "sinks": [0.5, 0, 1, 2]}
    x = random(7, 5, 6)
    shown = clattn.explain(None, x, **w, **meaning, name="layer")
    assert shown.passed and walk_of(shown.html)["queries"] == ["t0", "t1", "t2", "t3", "t4"]
    expected = clattn.Attention(**w, **meaning, layout="xw")(x)
    np.testing.assert_allclose(step_of(shown.html, "output"), expected, atol=1e-5)
    turned = {name: np.ascontiguousarray(matrix.T) for name, matrix in w.items()}
    assert step_of(clattn.explain(None, x, **turned, **meaning, layout="xwt").html, "output").shape == (5, 5)


@pytest.mark.parametrize("arguments, options, error, says", [
    (("woman",), {}, clattn.InvalidArgument, r"example woman \(allowed: please-study-man, dog-"),
    ((["a"],), {}, clattn.InvalidArgument, r"x is None, and tokens is \['a'\] \(allowed without x: the name"),
    (("cat-sat-down",), {"wq": EYE}, clattn.InvalidArgument, "wq is given without x"),
    (("cat-sat-down",), {"is_causal": True}, clattn.InvalidArgument, "is_causal is given without x"),
    ((["a", "b"], X, EYE, WK, EYE), {}, clattn.InvalidArgument, "tokens: 2 for 3 queries"),
    (("a b c", X, EYE, WK, EYE), {}, clattn.InvalidType, "tokens is a str"),
    ((["a", "b", 3], X, EYE, WK, EYE), {}, clattn.InvalidType, r"tokens\[2\] is a int"),
    ((["a", "b", None], X, EYE, WK, EYE), {}, clattn.InvalidType, r"tokens\[2\] is None"),
    ((TOKENS, X, EYE, WK), {}, clattn.InvalidArgument, "wv is None"),
    ((TOKENS, X, EYE, WK, np.eye(3)), {}, clattn.InvalidArgument, r"wv has the shape \(3, 3\)"),
    ((TOKENS, X, EYE, [[1, 1], [0]], EYE), {}, clattn.InvalidArgument, "wk is no matrix of numbers"),
    ((TOKENS, X, EYE, WK, EYE), {"focus": "sie"}, clattn.InvalidArgument, "focus sie .allowed: .*, or ich, möchte"),
    ((TOKENS, X, EYE, WK, EYE), {"heads": 3}, clattn.InvalidArgument, "wq has 2 columns"),
    ((TOKENS, X, EYE, WK, EYE), {"height": 0}, clattn.InvalidArgument, "height is 0"),
    ((None, np.ones((65, 2)), EYE, WK, EYE), {}, clattn.Unsupported, r"page: 65 queries \(allowed: up to 64"),
])
def test_refusals(arguments, options, error, says):
    with pytest.raises(error, match=says):
        clattn.explain(*arguments, **options)


def test_notebook(monkeypatch, tmp_path):
    """Runs, shows the page and the picture, prints what its comments say; nothing of a run is kept in it."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    for name in ("IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    notebook = nbformat.read(ROOT / "examples/attention.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=120).execute(cwd=str(tmp_path))
    shown = [{kind for out in cell.outputs for kind in out.get("data", {})} for cell in cells]
    assert [("text/html" in kinds, "image/png" in kinds) for kinds in shown] == [
        (False, False), (True, False), (False, True), (False, False)]
    assert "srcdoc=" in cells[1].outputs[0].data["text/html"]
    for cell in cells:
        printed = "".join(out.get("text", "") for out in cell.outputs)
        for comment in re.findall(r"^print\(.*\) +# (.*)$", cell.source, re.M):
            assert comment in printed
