"""Random combinations of all features of a run, for random_features.py: what a case is, and how it is drawn.

Sizes are few and small, so that drivers compile few kernels and keep them.
"""
import dataclasses

import numpy as np

from program import matrix_kernel
from whole_run import Sequence

STORAGES = ("f32", "f16", "bf16")
CACHE_TYPES = ("f32", "f16", "bf16", "i8-token", "i8-head", "q4")
DIMS = ((16, 16), (10, 6))  # of keys and values: in whole vectors, and not
GROUP_DIMS = ((32, 64), (64, 32))  # of a cache in q4, whose groups have 32 elements
HEADS = ((1, 1), (2, 2), (4, 2), (6, 3), (3, 1))
BEHIND_31_BITS = 2**31 - 1


def all_stages(name):
    return ",".join(f"{stage}={name}" for stage in ("project", "scores", "softmax", "context", "output"))


PANELS = "project=panel:STRIP=64,scores=panel:STRIP=64,softmax=vector,context=panel:STRIP=64,output=panel:STRIP=64"
KERNELS = {  # by pipeline; None: the plan's own choice
    "staged": (None, all_stages("naive"), all_stages("tiled"), all_stages("register"), PANELS),
    "blas": (None,),
    "fused": (None, "fused=row", "fused=online", "fused=tiled", "fused=register", "fused=vector:STRIP=64",
              "fused=split:LOCAL_X=16:PART_KEYS=16", "fused=stream:HEADS=2:UNIT_GROUPS=2")}


# ---- a case


@dataclasses.dataclass
class Case:
    pipeline: str
    kernel: str | None
    storage: str
    source: str  # x, wqkv, xkv or qkv
    layout: str
    batch: int
    heads: int
    kv_heads: int
    head_dim: int
    value_dim: int
    query_len: int  # with padding; of packed sequences the longest
    key_len: int  # new keys, likewise
    output_dim: int = 0
    rank: int = 3  # of the files of q, k and v, or of x
    lengths: str = "full"  # full, keys or packed
    sequences: list = dataclasses.field(default_factory=list)
    past_lengths: bool = False  # pasts of several lengths
    cache: dict | None = None
    causal: bool = False
    align: str = "top-left"
    left: int = -1
    right: int = -1
    scale: float | None = None
    softcap: float = 0.0
    alibi: str = "none"  # none, auto, slopes
    positions: bool = False
    rotary: tuple | None = None  # kind, dim, base
    scaling: dict | None = None  # of the rotary frequencies, as transformers' rope_parameters
    turns: tuple | None = None  # cosines and sines, (positions, dim / 2) each
    ids: np.ndarray | None = None  # positions of the tokens of x or q
    key_ids: np.ndarray | None = None  # and of keys that are not made from x
    arrays: dict = dataclasses.field(default_factory=dict)  # by option; (tokens, columns), or (tokens, heads, dim)
    mask: np.ndarray | None = None
    slopes: np.ndarray | None = None
    sinks: np.ndarray | None = None
    fused_order: str = "side-by-side"  # of wqkv; or groups
    unit: int | None = None  # the number of the matrix unit that computes it

    @property
    def packed(self):
        return self.lengths == "packed"

    @property
    def longest_query(self):
        return self.query_len

    @property
    def suits_matrix_unit(self):
        """Whether the unit's operands are stored in its type, where the kernel reads them."""
        if self.rotary is not None or self.storage == "f32":
            return False
        return self.cache is None or self.source == "qkv" and self.cache["type"] == self.storage

    @property
    def stores_projections(self):
        """Whether q, k and v are projected, and rounded to the type that a matrix unit reads."""
        return self.unit is not None and self.source != "qkv"

    @property
    def query_tokens(self):
        return sum(s.queries for s in self.sequences) if self.packed else self.batch * self.query_len

    @property
    def key_tokens(self):
        return sum(s.new_keys for s in self.sequences) if self.packed else self.batch * self.key_len

    @property
    def score_keys(self):
        return self.key_len if self.cache is None else max(1, *(s.keys for s in self.sequences))

    def query_range(self, number):
        first = self.sequences[number].first_query if self.packed else number * self.query_len
        return slice(first, first + self.sequences[number].queries)

    def key_range(self, number):
        first = self.sequences[number].first_key if self.packed else number * self.key_len
        return slice(first, first + self.sequences[number].new_keys)

    def positions_of(self, tokens_of, first_of):
        return np.concatenate([first_of(s) + np.arange(tokens_of(s)) for s in self.sequences])

    def query_positions(self):
        if self.ids is not None:
            return self.ids
        return self.positions_of(lambda s: s.queries, lambda s: s.offset)

    def key_positions(self):
        if self.ids is not None:
            return self.ids if self.key_ids is None else self.key_ids
        return self.positions_of(lambda s: s.new_keys if self.packed else self.key_len, lambda s: s.past)

    def x_positions(self):
        if self.ids is not None:
            return self.ids
        return self.positions_of(lambda s: s.queries, lambda s: s.past)


# ---- drawing


def rounded(values, storage):
    """float32 numbers that the storage type can hold, to the nearest."""
    values = np.asarray(values, dtype=np.float32)
    if storage == "f16":
        return values.astype(np.float16).astype(np.float32)
    if storage == "f32":
        return values
    bits = values.view(np.uint32).astype(np.uint64)
    return ((bits + 0x7fff + (bits >> 16 & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)


def pick(rng, *choices):
    return choices[int(rng.integers(len(choices)))]


def chance(rng, share):
    return bool(rng.random() < share)


def draw(seed, number, only_pipeline=None, only_source=None, may_have_cache=True):
    """The case of this number: what it is first, then the numbers."""
    rng = np.random.default_rng([seed, number])
    pipeline = pick(rng, "staged", "staged", "fused", "fused", "blas")
    kernel = pick(rng, *KERNELS[pipeline])
    heads, kv_heads = pick(rng, *HEADS)
    head_dim, value_dim = pick(rng, *DIMS)
    drawn_source = pick(rng, "x", "wqkv", "xkv", "qkv", "qkv")
    source = only_source or drawn_source
    query_len = pick(rng, 1, 1, 3, 9, 33)
    key_len = query_len if source in ("x", "wqkv") else pick(rng, 1, 4, 17, 40)
    case = Case(
        pipeline=only_pipeline or pipeline, kernel=None if only_pipeline else kernel, storage=pick(rng, *STORAGES),
        source=source, layout=pick(rng, "xw", "xwt"), batch=pick(rng, 1, 2, 3), heads=heads, kv_heads=kv_heads,
        head_dim=head_dim, value_dim=head_dim if source == "wqkv" else value_dim, query_len=query_len, key_len=key_len,
        output_dim=pick(rng, 0, 0, 5, 16), causal=chance(rng, 0.4),
        scale=float(np.float32(pick(rng, -0.5, 0.1, 0.7))) if chance(rng, 0.25) else None,
        softcap=pick(rng, 0.7, 5.0) if chance(rng, 0.25) else 0.0, lengths=pick(rng, "full", "full", "keys", "packed"),
        left=int(rng.integers(0, 20)) if chance(rng, 0.2) else -1,
        right=int(rng.integers(0, 20)) if chance(rng, 0.2) else -1,
        positions=source != "qkv" and chance(rng, 0.3))
    if source == "wqkv":
        case.fused_order = pick(np.random.default_rng([seed, number, 1]), "side-by-side", "groups")
    case.rank = 2 if case.packed else pick(rng, 3, 4, *([2] if case.batch == 1 else []))
    case.rank = min(case.rank, 3) if source != "qkv" else case.rank
    draw_sequences(case, rng, may_have_cache)
    draw_alignment(case, rng)
    draw_arrays(case, rng)
    draw_scores(case, rng)
    draw_places(case, np.random.default_rng([seed, number, 1]))
    return case


def draw_for_matrix_unit(seed, number):
    """The case of this number, in 16 bits. Most are made such that the unit can compute them."""
    as_drawn, projected = number % 4 == 3, number % 4 == 2
    source = ("x", "xkv", "wqkv")[number // 4 % 3] if projected else "qkv"
    case = draw(seed, number, "fused", None if as_drawn else source, not projected)
    case.unit, case.kernel = number, matrix_kernel(number)
    if case.storage == "f32":
        case.storage = "f16"
        case.arrays = {name: array if name.startswith(("past-", "cache-")) else rounded(array, "f16")
                       for name, array in case.arrays.items()}
    if not as_drawn:
        case.rotary = case.scaling = case.turns = case.key_ids = None
        case.ids = case.ids if case.positions else None
    if not as_drawn and case.cache and case.cache["type"] != "q4":
        case.cache["type"] = case.storage
        case.arrays = {name: array for name, array in case.arrays.items() if not name.startswith("cache-")}
    return case


def draw_sequences(case, rng, may_have_cache):
    """How long they are, and the cache."""
    past = pick(rng, 0, 3, 12) if chance(rng, 0.5) else None
    past = past if may_have_cache else None
    pasts = [past or 0] * case.batch  # the first is as long as the longest
    case.past_lengths = bool(past) and case.batch > 1 and chance(rng, 0.5)
    if case.past_lengths:
        pasts[1:] = (int(n) for n in rng.integers(0, past + 1, case.batch - 1))
    counts = []
    for number in range(case.batch):
        queries, keys = case.query_len, case.key_len
        if case.packed and number > 0:  # the first is as long as the longest
            queries, keys = int(rng.integers(0, queries + 1)), int(rng.integers(0, keys + 1))
        if case.lengths == "keys":
            keys = int(rng.integers(0, keys + 1))
        counts.append((queries, queries if case.packed and case.source in ("x", "wqkv") else keys))
    first_query = first_key = 0
    for (queries, keys), own_past in zip(counts, pasts):
        case.sequences.append(Sequence(queries, keys, own_past, 0, first_query, first_key))
        first_query, first_key = first_query + queries, first_key + keys
    if past is not None:
        draw_cache(case, rng)


def draw_cache(case, rng):
    most = max(case.key_len, *(s.keys for s in case.sequences))
    capacity = most + pick(rng, 0, 0, 1, 30)
    case.cache = {"type": pick(rng, *CACHE_TYPES), "capacity": capacity, "page": 0, "pages": 0}
    if case.cache["type"] == "q4":
        case.head_dim, value_dim = pick(rng, *GROUP_DIMS)
        case.value_dim = case.head_dim if case.source == "wqkv" else value_dim
    if chance(rng, 0.5):
        page = min(capacity, pick(rng, 1, 4, 7))
        case.cache["page"] = page
        case.cache["pages"] = max(1, sum(-(-s.keys // page) for s in case.sequences)) if chance(rng, 0.3) else 0


def draw_alignment(case, rng):
    """Where the queries stand, and whether they are turned: then none may stand before the first key."""
    case.align = pick(rng, "top-left", "top-left", "bottom-right", "number")
    rotary = chance(rng, 0.4)
    if case.align == "number":
        least = 0 if rotary else -case.query_len
        far = BEHIND_31_BITS - case.query_len + 1 if chance(rng, 0.2) else 10**6
        case.align = str(far if chance(rng, 0.3) else int(rng.integers(least, case.key_len + 5)))
    for s in case.sequences:
        s.offset = {"top-left": s.past, "bottom-right": s.keys - s.queries}.get(case.align)
        s.offset = int(case.align) if s.offset is None else s.offset
    if rotary and all(s.offset >= 0 for s in case.sequences):
        dim = case.head_dim if chance(rng, 0.5) else pick(rng, 2, 8)
        case.rotary = (pick(rng, "halves", "interleaved"), dim, pick(rng, 10000.0, 500.0))


def draw_places(case, rng):
    """Which positions tokens have that are not their places, and how these turn them."""
    if (case.rotary or case.positions) and chance(rng, 0.4):
        case.ids = rng.integers(0, 300, case.query_tokens).astype(pick(rng, np.int32, np.int64))
        if case.rotary and case.source in ("xkv", "qkv"):
            case.key_ids = rng.integers(0, 300, case.key_tokens)
    if not case.rotary:
        return
    kind, dim, _ = case.rotary
    end = int(max(case.query_positions().max(), case.key_positions().max())) + 1
    how = pick(rng, "formula", "turns", "linear", "dynamic", "yarn", "llama3")
    if how == "turns" and end < 10000:
        rows = end + pick(rng, 0, 5)
        case.turns = tuple(rng.normal(size=(rows, dim // 2)).astype(np.float32) for _ in range(2))
        case.rotary = (kind, dim, None)
    if how in ("linear", "dynamic", "yarn", "llama3") and not (how == "dynamic" and dim == 2):
        case.scaling = {"rope_type": how, "factor": pick(rng, 0.5, 4.0, 8.0)}
    if case.scaling and how != "linear":
        case.scaling["original_max_position_embeddings"] = pick(rng, 5, 20, 1000)
    if how == "llama3":
        case.scaling.update(low_freq_factor=1.0, high_freq_factor=4.0)
    if how == "yarn":
        case.scaling.update(pick(rng, {}, {"beta_fast": 8.0, "beta_slow": 0.5}, {"attention_factor": 1.25},
                                 {"mscale": 0.7, "mscale_all_dim": 1.0}, {"truncate": False}))


def draw_arrays(case, rng):
    """Inputs, already rounded to the storage type."""
    def normal(*shape, strength=1.0):
        return rounded(rng.normal(size=shape) * strength, case.storage)

    arrays = case.arrays
    model_dim, kv_dim = pick(rng, 16, 11), pick(rng, 16, 7)
    kv_dim = kv_dim if case.source == "xkv" else model_dim
    if case.source == "qkv":
        strength = pick(rng, 1.0, 1.0, 4.0)  # now and then scores in the tens
        arrays["q"] = normal(case.query_tokens, case.heads, case.head_dim, strength=strength)
        arrays["k"] = normal(case.key_tokens, case.kv_heads, case.head_dim)
        arrays["v"] = normal(case.key_tokens, case.kv_heads, case.value_dim)
        if case.lengths == "keys" and case.rotary is None and chance(rng, 0.5):
            poison_padding(case)
    else:
        arrays["x"] = normal(case.query_tokens, model_dim)
        if case.source == "xkv":
            arrays["xkv"] = normal(case.key_tokens, kv_dim)
        biased = [name for name in "qkv" if chance(rng, 0.4)]
        biased = biased if case.source != "wqkv" or not biased else list("qkv")
        for name, inputs, columns in [("q", model_dim, case.heads * case.head_dim),
                                      ("k", kv_dim, case.kv_heads * case.head_dim),
                                      ("v", kv_dim, case.kv_heads * case.value_dim)]:
            arrays["w" + name] = matrix(case, normal(inputs, columns, strength=inputs**-0.5))
            if name in biased:
                arrays["b" + name] = normal(columns)
    if case.output_dim:
        width = case.heads * case.value_dim
        arrays["wo"] = matrix(case, normal(width, case.output_dim, strength=width**-0.5))
        if chance(rng, 0.5):
            arrays["bo"] = normal(case.output_dim)
    draw_past(case, rng)


def matrix(case, w):
    return np.ascontiguousarray(w.T) if case.layout == "xwt" else w


def poison_padding(case):
    """Keys and values that no sequence has are NaN: they must not be seen."""
    for name in "kv":
        padding = np.ones(case.key_tokens, dtype=bool)
        for number in range(case.batch):
            padding[case.key_range(number)] = False
        case.arrays[name][padding] = np.nan


def draw_past(case, rng):
    if case.cache is None:
        return
    past = case.sequences[0].past
    for name, dim in [("k", case.head_dim), ("v", case.value_dim)]:
        if past:
            case.arrays["past-" + name] = rng.normal(size=(case.batch, case.kv_heads, past, dim)).astype(np.float32)
        if case.cache["type"] == "i8-head":
            scales = rng.uniform(0.01, 0.05, case.kv_heads).astype(np.float32)
            case.arrays[f"cache-{name}-scale"] = scales


def draw_scores(case, rng):
    """What is added to them, and sinks. The files of these are float32 whatever the storage is."""
    if chance(rng, 0.25):
        case.alibi = pick(rng, "auto", "slopes")
        case.slopes = standard_slopes(case.heads) if case.alibi == "auto" else rng.uniform(0, 1, case.heads)
        case.slopes = case.slopes.astype(np.float32).astype(np.float64)
    if chance(rng, 0.25):
        case.sinks = (rng.normal(size=case.heads) * 3).astype(np.float32).astype(np.float64)
    if not chance(rng, 0.4):
        return
    most_keys = case.cache["capacity"] if case.cache else case.key_len
    shape = [n if chance(rng, 0.65) else 1 for n in (case.batch, case.heads, case.query_len, most_keys)]
    if shape[3] > 2 and chance(rng, 0.2):
        shape[3] = int(rng.integers(2, shape[3]))
    while len(shape) > 1 and shape[0] == 1 and chance(rng, 0.7):
        shape = shape[1:]
    seen = rng.random(shape) < pick(rng, 0.3, 0.6, 0.9)
    if len(shape) > 1 and chance(rng, 0.4):
        seen.reshape(-1, shape[-1])[rng.integers(seen.size // shape[-1])] = False  # a row that sees nothing
    case.mask = seen
    if chance(rng, 0.5):
        values = rng.normal(size=shape).astype(np.float32)
        case.mask = values if chance(rng, 0.5) else np.where(seen, values, np.float32(-np.inf))


def standard_slopes(heads):
    """Press, Smith and Lewis 2022, section 3 and their code for other numbers than powers of two."""
    def of_power(n):
        return [2.0 ** (-8.0 * (i + 1) / n) for i in range(n)]

    power = 1 << heads.bit_length() - 1
    return np.array(of_power(power) + of_power(2 * power)[0::2][:heads - power])


# ---- what comes up

FEATURES = {
    **{f"source {name}": lambda c, n=name: c.source == n for name in ("x", "wqkv", "xkv", "qkv")},
    "wqkv in groups": lambda c: c.fused_order == "groups", "wqkv in groups of several queries": lambda c: (
        c.fused_order == "groups" and c.kv_heads < c.heads),
    **{f"type {name}": lambda c, n=name: c.storage == n for name in STORAGES},
    **{f"files of rank {n}": lambda c, n=n: c.rank == n for n in (2, 3, 4)},
    **{f"cache of {name}": lambda c, n=name: c.cache and c.cache["type"] == n for name in CACHE_TYPES},
    "cache, pages": lambda c: c.cache and c.cache["page"],
    "cache, just as many pages as needed": lambda c: c.cache and c.cache["pages"],
    "cache, keys before the run": lambda c: c.cache and c.sequences[0].past,
    "cache, pasts of several lengths": lambda c: len({s.past for s in c.sequences}) > 1,
    "cache, fewer keys than new rows": lambda c: c.cache and c.score_keys < c.key_len,
    "cache, more keys than new rows": lambda c: c.cache and c.score_keys > c.key_len,
    "cache and key lengths": lambda c: c.cache and c.lengths == "keys",
    "cache and packed": lambda c: c.cache and c.packed,
    "cache, batch, rotary": lambda c: c.cache and c.batch > 1 and c.rotary,
    "cache, mask": lambda c: c.cache and c.mask is not None,
    "key lengths": lambda c: c.lengths == "keys",
    "padding of NaN": lambda c: "k" in c.arrays and np.isnan(c.arrays["k"]).any(),
    "packed": lambda c: c.packed,
    "a sequence without keys": lambda c: any(s.keys == 0 for s in c.sequences),
    "a sequence without queries": lambda c: any(s.queries == 0 for s in c.sequences),
    "causal": lambda c: c.causal,
    "aligned at the bottom right": lambda c: c.align == "bottom-right",
    "aligned by number": lambda c: c.align not in ("top-left", "bottom-right"),
    "the last position there is": lambda c: any(s.offset + c.query_len - 1 == BEHIND_31_BITS for s in c.sequences),
    "window": lambda c: c.left >= 0 or c.right >= 0,
    "scale": lambda c: c.scale is not None,
    "softcap": lambda c: c.softcap > 0,
    "ALiBi, auto": lambda c: c.alibi == "auto",
    "ALiBi, slopes": lambda c: c.alibi == "slopes",
    "sinks": lambda c: c.sinks is not None,
    "mask, bool": lambda c: c.mask is not None and c.mask.dtype == bool,
    "mask, float": lambda c: c.mask is not None and c.mask.dtype != bool,
    "sinusoidal": lambda c: c.positions,
    **{f"rotary, {name}": lambda c, n=name: c.rotary and c.rotary[0] == n for name in ("halves", "interleaved")},
    "rotary of some elements": lambda c: c.rotary and c.rotary[1] < c.head_dim,
    "position ids": lambda c: c.ids is not None,
    "position ids, packed": lambda c: c.ids is not None and c.packed,
    "position ids and a cache": lambda c: c.ids is not None and c.cache,
    "position ids of keys": lambda c: c.key_ids is not None,
    "sinusoidal position ids": lambda c: c.ids is not None and c.positions,
    "cosines and sines": lambda c: c.turns is not None,
    **{f"scaling {name}": lambda c, n=name: c.scaling and c.scaling["rope_type"] == n
       for name in ("linear", "dynamic", "yarn", "llama3")},
    "biases": lambda c: any(name in c.arrays for name in ("bq", "bk", "bv")),
    "output projection": lambda c: c.output_dim > 0,
    "for a matrix unit": lambda c: c.suits_matrix_unit,
    **{f"layout {name}": lambda c, n=name: c.source != "qkv" and c.layout == n for name in ("xw", "xwt")},
    **{f"pipeline {name}": lambda c, n=name: c.pipeline == n for name in KERNELS},
}
