"""Runs a layer of a model of each family with `clattn run --model`, beside the layer of transformers in double.

usage: model_families.py PROGRAM [FAMILY...]

The models are small, with large random weights and biases, made from configurations: nothing is downloaded. Each is saved
as transformers saves it, some in several files. While the model runs on random tokens, the input of the layer's first
projection and the output of its last one are kept; clattn gets that input as --x, and must make that output within
FROM_X of its largest magnitude. The program's own check has the bound of float arithmetic.

For bert, distilbert and gpt2, clattn also makes the input itself, with --text, of words from the model's vocabulary.
Then come models that must be refused by name, and folders that are broken.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import tokenizers
import torch
import transformers as t

FROM_X = 2e-5
TOKENS, WIDTH, HEADS = 23, 48, 4
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "dog", "chase", "##d", "##s", "ball", "it", "'", "!", "un", "##likely"]
TEXT = "The dog  chased\tthe BALL; it's unlikely!"
PAIRS = 320  # the vocabulary of a tokenizer like GPT-2's: 256 bytes and what is merged
PAIRS_TEXT = "  It's the dog's \t ball: they'll\n\n chase it 1234 times!?  and -- I'd say _so_ 'twas  "
TEXT_TOKENS = "[CLS] the dog chase ##d the ball [UNK] it ' [UNK] un ##likely ! [SEP]".split()


def decoder(**more):
    return dict(vocab_size=64, hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=3, num_attention_heads=HEADS,
                num_key_value_heads=2, max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2) | more


def gpt(**more):
    return dict(vocab_size=64, n_embd=WIDTH, n_layer=3, n_head=HEADS, n_positions=64, n_inner=32, pad_token_id=0,
                bos_token_id=1, eos_token_id=2) | more


def all_heads(**more):
    return {name: value for name, value in decoder(**more).items() if name != "num_key_value_heads"}


def rope(**more):
    return {"rope_parameters": dict(rope_type="default", rope_theta=10000.0) | more}


# Family: configuration, and the layers that are compared: each has another kind of window, scale or scaling.
FAMILIES = {
    "llama": (lambda: t.LlamaConfig(**decoder(head_dim=16, **rope(rope_theta=500000.0))), [1]),
    "llama, linear": (lambda: t.LlamaConfig(**decoder(**rope(rope_type="linear", factor=2.0))), [0]),
    "llama, dynamic": (lambda: t.LlamaConfig(**decoder(
        max_position_embeddings=8, **rope(rope_type="dynamic", factor=2.0))), [0]),
    "llama, yarn": (lambda: t.LlamaConfig(**decoder(
        head_dim=16, **rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=16))), [0]),
    "llama, llama3": (lambda: t.LlamaConfig(**decoder(head_dim=16, **rope(
        rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=32))), [0]),
    "mistral": (lambda: t.MistralConfig(**decoder(sliding_window=5)), [0]),
    "qwen2": (lambda: t.Qwen2Config(**decoder(use_sliding_window=True, sliding_window=5, max_window_layers=1)), [0, 2]),
    "gemma": (lambda: t.GemmaConfig(**decoder(head_dim=16)), [0]),
    "gemma2": (lambda: t.Gemma2Config(**decoder(
        head_dim=16, sliding_window=5, attn_logit_softcapping=5.0, query_pre_attn_scalar=24)), [0, 1]),
    "granite": (lambda: t.GraniteConfig(**decoder(attention_multiplier=0.5)), [0]),
    "starcoder2": (lambda: t.Starcoder2Config(**decoder(sliding_window=5, use_bias=True)), [0]),
    "stablelm": (lambda: t.StableLmConfig(**decoder(head_dim=12, use_qkv_bias=True, **rope(partial_rotary_factor=0.5))),
                 [0]),
    "cohere": (lambda: t.CohereConfig(**decoder()), [0]),
    "phi": (lambda: t.PhiConfig(**decoder(**rope(partial_rotary_factor=0.5))), [0]),
    "phi3": (lambda: t.Phi3Config(**decoder(sliding_window=5)), [0]),
    "opt": (lambda: t.OPTConfig(**all_heads(ffn_dim=32, word_embed_proj_dim=WIDTH)), [0]),
    "gptj": (lambda: t.GPTJConfig(**gpt(rotary_dim=4)), [0]),
    "gpt2": (lambda: t.GPT2Config(**gpt(vocab_size=PAIRS, scale_attn_by_inverse_layer_idx=True)), [0, 2]),
    "gpt_bigcode": (lambda: t.GPTBigCodeConfig(**gpt(multi_query=True)), [0]),
    "gpt_neox": (lambda: t.GPTNeoXConfig(**all_heads(**rope(partial_rotary_factor=0.5))), [0]),
    "bloom": (lambda: t.BloomConfig(vocab_size=64, hidden_size=WIDTH, n_layer=2, n_head=HEADS), [0]),
    "falcon": (lambda: t.FalconConfig(**all_heads(
        num_kv_heads=2, new_decoder_architecture=True, alibi=False, bias=True, ffn_hidden_size=32)), [0]),
    "falcon, multi-query": (lambda: t.FalconConfig(**all_heads(
        multi_query=True, new_decoder_architecture=False, alibi=False, ffn_hidden_size=32)), [1]),
    "bert": (lambda: t.BertConfig(**all_heads()), [0, 1]),
    "electra": (lambda: t.ElectraConfig(**all_heads(embedding_size=24)), [0]),
    "roberta": (lambda: t.RobertaConfig(**all_heads()), [0]),
    "distilbert": (lambda: t.DistilBertConfig(
        vocab_size=64, dim=WIDTH, hidden_dim=32, n_layers=2, n_heads=HEADS, max_position_embeddings=64), [1]),
}
REFUSED = {
    "q_norm": (lambda: t.Qwen3Config(**decoder(head_dim=16)), "of the type qwen3: it normalises q and k"),
    "rotary scaling": (lambda: t.Phi3Config(**decoder(**rope(
        rope_type="longrope", short_factor=[1.0] * 6, long_factor=[2.0] * 6, original_max_position_embeddings=32))),
                       "the type of the rotary embedding is longrope (allowed: default, linear, dynamic, yarn, llama3)"),
    "normalised": (lambda: t.PhiConfig(**decoder(qk_layernorm=True)), "qk_layernorm asks for q and k that are normalised"),
    "alibi": (lambda: t.FalconConfig(**all_heads(alibi=True, ffn_hidden_size=32)),
              "alibi asks for ALiBi slopes that are scaled with the scores"),
}


def make(config):
    """A model in double, whose numbers are those of float."""
    torch.manual_seed(1)
    kind = t.AutoModelForCausalLM if type(config) in t.AutoModelForCausalLM._model_mapping else t.AutoModel
    kind = t.AutoModel if config.model_type in ("bert", "electra", "roberta", "distilbert") else kind
    model = kind.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for parameter in model.parameters():
            spread = 1.5 * parameter.shape[-1] ** -0.5 if parameter.dim() > 1 else 0.5
            parameter.copy_(torch.randn_like(parameter) * spread)
    return model


def module_of(model, path):
    """The module whose name is the path, after that of the base."""
    found = [module for name, module in model.named_modules() if name == path or name.endswith("." + path)]
    assert len(found) == 1, (path, len(found))
    return found[0]


def layer_of(model, names, ids):
    """The input of the first projection, and the output of the last."""
    kept = {}
    first, last = (module_of(model, name) for name in names)
    hooks = [first.register_forward_hook(lambda module, given, made: kept.__setitem__("x", given[0].detach())),
             last.register_forward_hook(lambda module, given, made: kept.__setitem__("output", made.detach()))]
    with torch.no_grad():
        model(ids)
    for hook in hooks:
        hook.remove()
    return kept["x"], kept["output"]


class Families:
    def __init__(self, program, folder):
        self.program, self.folder, self.wrong = os.path.abspath(program), folder, 0

    def run(self, *arguments):
        return subprocess.run([self.program, "run", *map(str, arguments)], capture_output=True, text=True, check=False)

    def verdict(self, name, good, text=""):
        self.wrong += not good
        print(f"{'ok  ' if good else 'FAIL'} {name}{': ' + text if text else ''}", flush=True)

    def save(self, model, name, **options):
        folder = self.folder / name.replace(" ", "-").replace(",", "")
        model.save_pretrained(folder, **options)
        return folder

    def compare(self, name, folder, expected, *arguments):
        out = folder / "out.npy"
        done = self.run("--model", folder, "--out", out, *arguments)
        if done.returncode != 0:
            return self.verdict(name, False, (done.stderr or done.stdout)[-400:])
        error = abs(np.load(out).reshape(expected.shape) - expected).max() / abs(expected).max()
        return self.verdict(name, error <= FROM_X, f"{error:.1e} of the largest")

    def compare_layers(self, name):
        make_config, layers = FAMILIES[name]
        config = make_config()
        model = make(config)
        few = {"max_shard_size": "20KB"} if config.model_type in ("llama", "gpt2") else {}  # in several files
        folder = self.save(model, name, **few)
        assert not few or (folder / "model.safetensors.index.json").exists()
        model.double()
        for layer in layers:
            before, first, last = PATHS.get(config.model_type, DECODER)
            x, output = layer_of(model, [f"{before}.{layer}.{path}" for path in (first, last)],
                                 torch.randint(3, 60, (2, TOKENS)))
            np.save(folder / "x.npy", x.numpy().astype(np.float32))
            self.compare(f"{name}, layer {layer}", folder, output.numpy(), "--x", folder / "x.npy", "--layer", layer)
        if config.model_type in ("bert", "distilbert"):
            self.compare_text(name, model, folder)
        if config.model_type == "gpt2":
            self.compare_pairs(model, folder)

    def compare_pairs(self, model, folder):
        """Byte pairs, in both spellings of the merges; and tokenizers that are another kind."""
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.train_from_iterator([PAIRS_TEXT, TEXT] * 9, tokenizers.trainers.BpeTrainer(
            vocab_size=PAIRS, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
        ids = tokenizer.encode(PAIRS_TEXT).ids
        assert len(ids) < len(PAIRS_TEXT) - 20, "nothing is merged"
        expected = layer_of(model, ["h.0.attn.c_attn", "h.0.attn.c_proj"], torch.tensor([ids]))[1].numpy()
        file = folder / "tokenizer.json"
        for kind in (" ".join, list):
            text = json.loads(tokenizer.to_str())
            text["model"]["merges"] = [kind(pair if isinstance(pair, list) else pair.split(" "))
                                       for pair in text["model"]["merges"]]
            file.write_text(json.dumps(text))
            self.compare(f"gpt2, text, merges as {kind.__name__}", folder, expected, "--text", PAIRS_TEXT)
        for change, said in [({"normalizer": {"type": "NFC"}}, "is not like GPT-2's (allowed: BPE of bytes, "),
                             ({"model": text["model"] | {"merges": [1]}}, "the merges of tokenizer.json cannot be read"),
                             ({"model": text["model"] | {"vocab": {}}}, "the vocabulary has no ")]:
            file.write_text(json.dumps(text | change))
            self.refuse(said, said, "--model", folder, "--text", PAIRS_TEXT)

    def compare_text(self, name, model, folder):
        """From the text on: the tokens are those of the list, the input is the model's own."""
        ids = [WORDS.index(token) for token in TEXT_TOKENS]
        before, first, last = PATHS[model.config.model_type]
        expected = layer_of(model, [f"{before}.0.{path}" for path in (first, last)], torch.tensor([ids]))[1].numpy()
        (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
        self.compare(f"{name}, text, vocab.txt", folder, expected, "--text", TEXT)
        piece = tokenizers.models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]")
        tokenizer = tokenizers.Tokenizer(piece)
        tokenizer.normalizer = tokenizers.normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
        assert ["[CLS]", *tokenizer.encode(TEXT).tokens, "[SEP]"] == TEXT_TOKENS
        tokenizer.save(str(folder / "tokenizer.json"))
        self.compare(f"{name}, text, tokenizer.json", folder, expected, "--text", TEXT)
        done = subprocess.run([self.program, "model", folder, "--text", TEXT, "--focus", "ball"], capture_output=True,
                              text=True, check=False)
        self.verdict(f"{name}, a walk", done.returncode == 0 and 'only "ball" is shown' in done.stdout, done.stderr)
        same = subprocess.run([self.program, "explain", "--model", folder, "--text", TEXT, "--focus", "ball"],
                              capture_output=True, text=True, check=False)
        self.verdict(f"{name}, the same by explain", same.stdout == done.stdout, same.stderr)

    def refuse(self, name, text, *arguments):
        done = self.run(*arguments)
        good = done.returncode == 2 and text in done.stderr and not done.stdout
        self.verdict(f"refused: {name}", good, "" if good else f"{done.returncode} {done.stderr}")

    def refuse_folders(self):
        """What is wrong with a folder is said, by name."""
        folder = self.folder / "bert"
        config = json.loads((folder / "config.json").read_text())
        cases = [("no folder", None, "cannot be opened"),
                 ("no model_type", {"model_type": None}, "config.json has no model_type"),
                 ("unknown type", {"model_type": "x"}, "the model is of the type x (allowed: llama, mistral, "),
                 ("MLA", {"model_type": "deepseek_v3"}, "deepseek_v3: it has multi-head latent attention (MLA)"),
                 ("no heads", {"num_attention_heads": None}, "config.json has no num_attention_heads"),
                 ("heads of text", {"num_attention_heads": "4"}, "num_attention_heads|n_head|n_heads is not a size"),
                 ("heads that do not divide", {"num_attention_heads": 5}, "which 5 heads do not divide"),
                 ("another head_dim", {"head_dim": 8}, "by config.json head_dim is 8, by the matrices and 4 heads it is 12"),
                 ("relative positions", {"position_embedding_type": "relative_key"}, "relative_key (allowed: absolute)"),
                 ("quantised", {"quantization_config": {}}, "asks for matrices that are quantised")]
        for name, change, text in cases:
            broken = self.folder / f"broken-{name.replace(' ', '-')}"
            if change is not None:
                broken.mkdir()
                (broken / "model.safetensors").symlink_to(folder / "model.safetensors")
                (broken / "config.json").write_text(json.dumps(config | change))
            self.refuse(name, text, "--model", broken)
        (broken / "config.json").write_text("[1]")
        self.refuse("a list", "config.json is no object", "--model", broken)
        (broken / "config.json").write_text("{")
        self.refuse("no JSON", "is refused as JSON at byte", "--model", broken)
        (broken / "config.json").write_text(json.dumps(config))
        (broken / "model.safetensors").unlink()
        self.refuse("no weights", "has no model.safetensors and no model.safetensors.index.json", "--model", broken)
        (broken / "model.safetensors").symlink_to(folder / "model.safetensors")
        for vocabulary, text in [(None, "has no tokenizer.json and no vocab.txt"), (b"a\0b\n", "read as a vocabulary"),
                                 (b"\xff\n", "cannot be read as a vocabulary"), (b"", "the vocabulary has no [CLS]"),
                                 (b"\n" * 70 + b"[CLS]\n[SEP]\n[UNK]", "token [CLS] is number 70 of the vocabulary, the")]:
            if vocabulary is not None:
                (broken / "vocab.txt").write_bytes(vocabulary)
            self.refuse(f"vocabulary {vocabulary and vocabulary[:8]}", text, "--model", broken, "--text", "dog")
        for name, text, *arguments in [
                ("no such layer", "--layer 3 (allowed: 0 to 2, the model's last)", "--layer", 3),
                ("a text for layer 1", "--text goes only with --layer 0: layer 1 reads", "--layer", 1, "--text", "dog"),
                ("an empty text", "--text has no word", "--text", " \t"),
                ("a text beyond ASCII", "--text: byte 0xc3 (allowed: letters, digits and marks of ASCII)",
                 "--text", "h\u00e4user"),
                ("a long text", "--text has 72 tokens (allowed: up to 64, the model's positions)", "--text", "dog " * 70),
                ("a special token", "--text: [MASK] is a special token of the model", "--text", "the [MASK]"),
                ("given cosines", "--rotary-cos does not go with --model, which decides it", "--rotary-cos", "c.npy"),
                ("a decided option", "--heads does not go with --model, which decides it", "--heads", 2),
                ("a decided file", "--wq does not go with --model, which decides it", "--wq", "wq.npy"),
                ("text and x", "--text does not go with --x", "--text", "dog", "--x", "x.npy")]:
            self.refuse(name, text, "--model", folder, *arguments)
        self.refuse("words of a decoder", "--text: the words of a model of the type llama are not read", "--model",
                    self.folder / "llama", "--text", "dog")
        self.refuse("a text without a model", "--text is given without --model", "--text", "dog")
        self.refuse("a layer without a model", "--layer is given without --model", "--layer", 1)


# What a model's modules are called: before the layer's number, and the projections after it.
DECODER = ("layers", "self_attn.q_proj", "self_attn.o_proj")
BERT = ("encoder.layer", "attention.self.query", "attention.output.dense")
GPT = ("h", "attn.c_attn", "attn.c_proj")
PATHS = {"phi": ("layers", "self_attn.q_proj", "self_attn.dense"), "phi3": ("layers", "self_attn.qkv_proj", "self_attn.o_proj"),
         "opt": ("layers", "self_attn.q_proj", "self_attn.out_proj"), "gptj": ("h", "attn.q_proj", "attn.out_proj"),
         "gpt2": GPT, "gpt_bigcode": GPT, "bert": BERT, "electra": BERT, "roberta": BERT,
         "gpt_neox": ("layers", "attention.query_key_value", "attention.dense"),
         "bloom": ("h", "self_attention.query_key_value", "self_attention.dense"),
         "falcon": ("h", "self_attention.query_key_value", "self_attention.dense"),
         "distilbert": ("transformer.layer", "attention.q_lin", "attention.out_lin")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program", help="the program clattn")
    parser.add_argument("families", nargs="*", metavar="FAMILY", help="only these; nothing that is refused")
    options = parser.parse_args()
    t.logging.set_verbosity_error()
    t.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        families = Families(options.program, pathlib.Path(folder))
        for name in options.families or FAMILIES:
            families.compare_layers(name)
        if not options.families:
            for name, (make_config, text) in REFUSED.items():
                families.refuse(name, text, "--model", families.save(make(make_config()), f"refused {name}"))
            families.refuse_folders()
    print(f"transformers {t.__version__}: {families.wrong or 'nothing'} wrong")
    return 1 if families.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
