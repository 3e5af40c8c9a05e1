"""The cases that are timed, and the targets: two tables."""
import dataclasses

ATTENTION_PEERS = ("onnxruntime", "openvino", "torch")
PRODUCT_PEERS = ("onednn", "openblas", "openblas-skylakex", "clblast", "clblast-tuned")


@dataclasses.dataclass(frozen=True)
class Case:
    group: str
    series: str  # the chart that shows it
    label: str
    quick: bool = False  # also timed with --quick
    batch: int = 1
    heads: int = 8
    kv_heads: int = 8
    head_dim: int = 64
    query_len: int = 1024
    key_len: int = 1024
    model_dim: int = 0
    causal: bool = False
    type: str = "f32"
    source: str = "qkv"
    terms: int = 0  # for products: (rows, terms) . (terms, columns)
    rows: int = 0
    columns: int = 0

    @property
    def name(self):
        return f"{self.series}, {self.label}"

    @property
    def peers(self):
        return PRODUCT_PEERS if self.rows else ATTENTION_PEERS

    def words(self):
        """The case in the workers' format."""
        keys = ["rows", "terms", "columns"] if self.rows else [
            "batch", "heads", "kv_heads", "head_dim", "query_len", "key_len", "model_dim", "causal", "type", "source"]
        values = {key: getattr(self, key) for key in keys}
        return " ".join(f"{k}={int(v) if isinstance(v, bool) else v}" for k, v in values.items())

    def inputs(self):
        """Name -> shape of every input."""
        if self.rows:
            return {"x": (self.rows, self.terms)} | {w: (self.terms, self.columns) for w in ("wq", "wk", "wv")}
        if self.source == "x":
            columns = self.heads * self.head_dim
            return {"x": (self.batch, self.query_len, self.model_dim)} | {
                w: (self.model_dim, columns) for w in ("wq", "wk", "wv")}
        keys = (self.batch, self.key_len, self.kv_heads, self.head_dim)
        return {"q": (self.batch, self.query_len, self.heads, self.head_dim), "k": keys, "v": keys}

    def operations(self):
        """2 for each multiply-add that is needed: causal cases count only unmasked elements."""
        if self.rows:
            return 3 * 2 * self.rows * self.terms * self.columns
        seen = self.query_len * (self.query_len + 1) // 2 if self.causal else self.query_len * self.key_len
        projected = 2 * self.query_len * self.model_dim * 3 * self.heads * self.head_dim
        return self.batch * (4 * self.heads * seen * self.head_dim + projected)

    def bytes_read(self):
        """Bytes of keys and values that a decoding step reads; 0 if bandwidth is not the limit."""
        size = {"f32": 4, "f16": 2}[self.type]
        return 2 * self.batch * self.key_len * self.kv_heads * self.head_dim * size if self.group == "decode" else 0

    def work(self):
        """What a rate counts: operations, or bytes if bandwidth is the limit."""
        return self.bytes_read() or self.operations()

    def limited_by(self):
        """How the device's limit is measured."""
        return f"reading {self.bytes_read()} bytes" if self.bytes_read() else "multiply-adds"


def square(group, n, **more):
    return Case(group, label=f"N {n}", query_len=n, key_len=n, **more)


def all_cases():
    lengths = (128, 256, 512, 1024, 2048, 4096, 8192)
    for group, causal in (("attention", False), ("causal", True)):
        for dim in (64, 128):
            for n in lengths:
                yield square(group, n, series=f"{group}, 8 heads of {dim}", head_dim=dim, causal=causal,
                             quick=dim == 64 and n in (256, 1024))
    for causal in (False, True):
        for n in (128, 512, 1024, 2048, 4096):
            yield square("module", n, series="module, X of 512 to context" + (", causal" if causal else ""),
                         model_dim=512, source="x", causal=causal, quick=n == 512)
    for rows, terms, columns in ((128, 512, 512), (512, 512, 512), (1024, 512, 512), (4096, 512, 512),
                                 (1024, 1024, 1024)):
        yield Case("product", "three products", f"{rows}x{terms}x{columns}", quick=rows == 1024 and terms == 512,
                   rows=rows, terms=terms, columns=columns)
    for dim in (64, 128):
        for keys in (1024, 4096, 16384, 65536):
            yield Case("decode", f"1 query, 8 heads of {dim}", f"{keys} keys", head_dim=dim, query_len=1, key_len=keys,
                       quick=dim == 64 and keys in (4096, 65536))
    for causal in (False, True):
        more = {"causal": causal, "quick": not causal}
        tail = ", causal" if causal else ""
        yield square("batch", 128, series="batch 32, 8 heads of 64" + tail, batch=32, **more)
        yield square("gqa", 1024, series="32 heads of 128, 8 of keys" + tail, heads=32, head_dim=128, **more)
    for dim in (64, 128):
        for n in (1024, 4096):
            yield square("fp16", n, series=f"stored as f16, 8 heads of {dim}", head_dim=dim, type="f16",
                         quick=dim == 64 and n == 1024)


CASES = list(all_cases())
GROUPS = list(dict.fromkeys(case.group for case in CASES))


@dataclasses.dataclass(frozen=True)
class Target:
    """A target for some cases: a fraction of the limit, or a multiple of the best peer's speed."""
    text: str
    measure: str  # of_limit, ratio, or the name of a peer
    least: float
    applies: object  # whether it applies to a case


def of(group, **wanted):
    """Selects cases of a group by length (n, a predicate) and by other fields."""
    n = wanted.pop("n", lambda length: True)
    return lambda c: c.group == group and n(c.key_len) and all(getattr(c, k) == v for k, v in wanted.items())


TARGETS = [
    Target("attention, N >= 1024, heads of 64: of the multiply-adds", "of_limit", 0.87,
           of("attention", n=lambda n: n >= 1024, head_dim=64)),
    Target("attention, N >= 1024, heads of 128: of the multiply-adds", "of_limit", 0.90,
           of("attention", n=lambda n: n >= 1024, head_dim=128)),
    Target("attention, N >= 1024: times the best peer", "ratio", 1.03, of("attention", n=lambda n: n >= 1024)),
    Target("attention, N <= 512: times the best peer", "ratio", 0.95, of("attention", n=lambda n: n <= 512)),
    Target("causal, N 1024: of the multiply-adds", "of_limit", 0.80, of("causal", n=lambda n: n == 1024)),
    Target("causal, N >= 2048: of the multiply-adds", "of_limit", 0.84, of("causal", n=lambda n: n >= 2048)),
    Target("causal, N >= 1024: times the best peer", "ratio", 1.25, of("causal", n=lambda n: n >= 1024)),
    Target("causal, N <= 512: times the best peer", "ratio", 1.3, of("causal", n=lambda n: n <= 512)),
    Target("module, N >= 512: times the best peer", "ratio", 1.0,
           of("module", n=lambda n: n >= 512, causal=False)),
    Target("module, N 128: times the best peer", "ratio", 0.95, of("module", n=lambda n: n == 128, causal=False)),
    Target("module, causal: times the best peer", "ratio", 1.4, of("module", causal=True)),
    Target("products: times oneDNN", "onednn", 0.95, of("product")),
    Target("decode: of the bandwidth", "of_limit", 0.80, of("decode")),
]
