"""The Python examples of the pages run as they are, one after the other, and print what their comments say."""
import re

import pytest
from conftest import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.S | re.M)
PRINTS = re.compile(r"^\s*print\(.*\) +# (.*)$", re.M)


@pytest.mark.parametrize("page", ["README.md", "docs/python.md", "docs/transformers.md"])
def test_examples(page, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    blocks, names = BLOCK.findall((ROOT / page).read_text(encoding="utf-8")), {}
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), names)
        printed = capsys.readouterr().out
        for comment in PRINTS.findall(block):
            assert comment.removesuffix("...").strip() in printed
