"""The walk through attention, for a notebook, a terminal or a file."""
from __future__ import annotations

import html
import numbers
import os
from typing import Any

import numpy as np

from . import _cache, _devices, _problem, _run
from ._arrays import View
from ._clattn import ffi, lib
from ._errors import InvalidArgument, InvalidType, check, new_error
from ._module import Attention

_NAMED = 12  # tokens in the name of an input
_AS = {"page": lib.CLATTN_EXPLANATION_PAGE, "text": lib.CLATTN_EXPLANATION_TEXT}


class _Layer(Attention):
    """Describes a layer as clattn.Attention does, but leaves the matrices where they are: the walk shows them."""

    def _upload(self, views: "dict[str, View]") -> None:
        self.views = views
        for name, array in views.items():
            setattr(self._inputs, name, array.pointer)


class Explanation:
    """A walk through attention. A notebook shows it; the last line of a cell is enough.

    name    what the page calls the input
    html    the page, which needs nothing else; `save` writes it
    text    the same walk as `clattn explain` prints it
    passed  whether the device's results passed the check against the reference; the page says so, too
    height  of the frame in a notebook, in pixels
    """

    def __init__(self, walk: Any, name: str, height: int) -> None:
        self._walk, self.name, self.height = walk, name, height
        self.html, self.passed = walk("page")
        self._text: "str | None" = None

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = self._walk("text")[0]
        return self._text

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Writes the page for a browser: the whole file, or none."""
        part = f"{os.fspath(path)}.{os.getpid()}.part"
        try:
            with open(part, "w", encoding="utf-8") as file:
                file.write(self.html)
            os.replace(part, path)
        except BaseException:
            if os.path.exists(part):
                os.unlink(part)
            raise

    def __repr__(self) -> str:
        return f"<clattn.Explanation: {self.name}; .text, .save(path), or the page itself in a notebook>"

    def _repr_html_(self) -> str:
        """A frame of its own, so that neither the page's styles and scripts nor the notebook's reach the other."""
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" sandbox="allow-scripts" title="clattn explain" '
            f'style="width: 100%; height: {self.height}px; border: 1px solid #8884"></iframe>'
        )


def _text_of(name: str, value: Any) -> Any:
    """A C string, or NULL for None."""
    if value is None:
        return ffi.NULL
    if not isinstance(value, str):
        raise InvalidType(f"{name} is a {type(value).__name__} (allowed: a str)")
    return ffi.new("char[]", value.encode("utf-8", "replace").replace(b"\0", b"?"))


def _floats(name: str, array: Any) -> Any:
    """Lists, integers and Python's own floats are shown as float32, too."""
    try:
        made = np.asarray(array, dtype=np.float32) if isinstance(array, (list, tuple)) else array
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"{name} is no matrix of numbers (allowed: rows of one length): {error}") from None
    if isinstance(made, np.ndarray) and made.dtype.kind in "iuf" and made.dtype != np.float16:
        return made.astype(np.float32, copy=False)
    return made


class _Walk:
    """Calls the library; keeps what its pointers lead to. `call` is _run.Call, or the name of an example."""

    def __init__(self, device: Any, call: Any, name: Any, tokens: Any, focus: Any) -> None:
        self.device, self.call = device, call
        self.options = _problem.new_sized("clattn_explain_options")
        focus = str(focus) if isinstance(focus, numbers.Integral) else focus
        self.kept = [_text_of("name", name), _text_of("focus", focus)]
        self.options.name, self.options.focus = self.kept
        if tokens is None:
            return
        if isinstance(tokens, str):
            raise InvalidType("tokens is a str (allowed: with x a list of names, such as 'a b'.split())")
        names = [_text_of(f"tokens[{i}]", token) for i, token in enumerate(tokens)]
        if ffi.NULL in names:
            raise InvalidType(f"tokens[{names.index(ffi.NULL)}] is None (allowed: a str)")
        self.kept += names + [ffi.new("char *[]", names)]
        self.options.tokens, self.options.token_count = self.kept[-1], len(names)

    def __call__(self, form: str) -> "tuple[str, bool]":
        text, passed, error = ffi.new("char **"), ffi.new("bool *"), new_error()
        rest = (self.options, _AS[form], text, passed, error)
        with self.device as handle:
            if isinstance(self.call, _run.Call):
                status = lib.clattn_explain(handle, self.call.problem, self.call.inputs, *rest)
            else:
                status = lib.clattn_explain_example(handle, self.call, *rest)
        check(status, error)
        try:
            return ffi.string(text[0]).decode("utf-8"), passed[0]
        finally:
            lib.clattn_explain_free(text[0])


def explain(
    tokens: Any,
    x: Any = None,
    wq: Any = None,
    wk: Any = None,
    wv: Any = None,
    wo: Any = None,
    *,
    heads: int = 1,
    layout: str = "xw",
    mask: Any = None,
    focus: "str | int | None" = None,
    name: "str | None" = None,
    height: int = 640,
    device: Any = None,
    **meaning: Any,
) -> Explanation:
    """Walks through attention step by step, with every matrix, sum and weight, on a page that a notebook shows.

        clattn.explain("please-study-man")
        clattn.explain(["a", "b"], x, wq, wk, wv, is_causal=True).save("walk.html")

    tokens   a name for each row of x, or None: t0, t1, ...; without x an example of the articles: "please-study-man",
             "dog-chased-ball", "cat-sat-down" or "love-apple-phones"
    x        (tokens, model_dim), or (batch, tokens, model_dim), of which the first is shown; up to 64 tokens. Lists,
             integers and float64 are rounded to float32
    wq, wk, wv, wo, heads, layout  as in clattn.Attention; "xw", Q = X . Wq, is the default
    mask     as in clattn.attention
    focus    the token, or its number, that the page begins with and the text shows alone
    name     what the page calls the input; None: its first tokens, or the example's name
    height   of the frame in a notebook, in pixels
    device   as in clattn.attention
    Others   as in clattn.Attention: kv_heads, biases, rotary, positions, is_causal, scale, softcap, window, ...

    Every number is read back from the device and checked against the reference. Raises a clattn.Error that says what is
    allowed.
    """
    _cache.whole("height", height)
    if x is None:
        given = {"wq": wq, "wk": wk, "wv": wv, "wo": wo, "mask": mask, **meaning}
        found = next((key for key, value in given.items() if value is not None), None)
        if found is not None:
            raise InvalidArgument(f"{found} is given without x (allowed: both, or only the name of an example)")
        if not isinstance(tokens, str):
            raise InvalidArgument(f"x is None, and tokens is {tokens!r} (allowed without x: the name of an example)")
        example = _text_of("tokens", tokens)
        name = tokens if name is None else name
        return Explanation(_Walk(_devices.choose(device), example, name, None, focus), name, height)
    matrices = {"wq": wq, "wk": wk, "wv": wv, "wo": wo}
    missing = next((key for key in ("wq", "wk", "wv") if matrices[key] is None), None)
    if missing is not None:
        raise InvalidArgument(f"{missing} is None (allowed: x goes with wq, wk and wv)")
    matrices = {key: _floats(key, value) for key, value in matrices.items() if value is not None}
    layer = _Layer(**matrices, heads=heads, layout=layout, device=device, **meaning)
    problem, inputs, views = layer._describe(_floats("x", x), None)
    call = _run.Call(layer.device, problem, inputs, {**views, **layer.views}, None)
    call.set_tensors(mask, None, None, None)
    call.layer = layer  # whose sinks and slopes the inputs point to
    if name is None and tokens is not None and not isinstance(tokens, str):
        tokens = list(tokens)
        name = " ".join(map(str, tokens[:_NAMED])) + (" ..." if len(tokens) > _NAMED else "")
    walk = _Walk(layer.device, call, name, tokens, focus)
    return Explanation(walk, "attention" if name is None else name, height)
