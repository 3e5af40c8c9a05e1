"""The cases that are timed."""
import dataclasses

ATTENTION_PEERS = ("onnxruntime", "openvino", "torch")
PRODUCT_PEERS = ("onednn", "onednn-kept", "openblas", "openblas-skylakex", "clblast", "clblast-tuned")


@dataclasses.dataclass(frozen=True)
class Case:
    group: str
    series: str  # the chart that shows it
    label: str
    quick: bool = False  # also timed with --quick
    peers: tuple = ATTENTION_PEERS
    few: bool = False  # may be long: one process, and if it is long one round
    batch: int = 1
    heads: int = 8
    kv_heads: int = 8
    head_dim: int = 64
    query_len: int = 1024
    key_len: int = 1024
    model_dim: int = 0
    output_dim: int = 0
    causal: bool = False
    type: str = "f32"
    source: str = "qkv"
    terms: int = 0  # for products: (rows, terms) . (terms, columns)
    rows: int = 0
    columns: int = 0
    command: tuple = ()  # of the program, whose whole time counts

    @property
    def name(self):
        return f"{self.series}, {self.label}"

    def words(self):
        """The case in the workers' format."""
        keys = ["rows", "terms", "columns"] if self.rows else [
            "batch", "heads", "kv_heads", "head_dim", "query_len", "key_len", "model_dim", "output_dim", "causal",
            "type", "source"]
        values = {key: getattr(self, key) for key in keys}
        return " ".join(f"{k}={int(v) if isinstance(v, bool) else v}" for k, v in values.items())

    def inputs(self):
        """Name -> shape of every input."""
        if self.rows:
            return {"x": (self.rows, self.terms)} | {w: (self.terms, self.columns) for w in ("wq", "wk", "wv")}
        if self.source == "x":
            columns = self.heads * self.head_dim
            return {"x": (self.batch, self.query_len, self.model_dim), "wo": (columns, self.output_dim)} | {
                w: (self.model_dim, columns) for w in ("wq", "wk", "wv")}
        keys = (self.batch, self.key_len, self.kv_heads, self.head_dim)
        return {"q": (self.batch, self.query_len, self.heads, self.head_dim), "k": keys, "v": keys}

    def operations(self):
        """2 for each multiply-add that is needed: causal cases count only unmasked elements."""
        if self.rows:
            return 3 * 2 * self.rows * self.terms * self.columns
        seen = self.query_len * (self.query_len + 1) // 2 if self.causal else self.query_len * self.key_len
        projected = 2 * self.query_len * (3 * self.model_dim + self.output_dim) * self.heads * self.head_dim
        return self.batch * (4 * self.heads * seen * self.head_dim + projected)

    def bytes_read(self):
        """Bytes of keys and values that a decoding step reads; 0 if bandwidth is not the limit."""
        size = {"f32": 4, "f16": 2}[self.type]
        return 2 * self.batch * self.key_len * self.kv_heads * self.head_dim * size if self.group == "decode" else 0

    def unit(self):
        return "ms" if self.command else "GB/s" if self.bytes_read() else "GFLOP/s"

    def work(self):
        """What a rate counts: operations, or bytes if bandwidth is the limit."""
        return self.bytes_read() or self.operations()

    def figure(self, seconds):
        """A time in the case's unit."""
        return 1e3 * seconds if self.command else self.work() / seconds / 1e9

    def limits(self):
        """How the device's limit and the loop limit are measured: two probes by their names in the workers' format. A
        command has no limit."""
        return () if self.command else ("read", "pair") if self.bytes_read() else ("multiply-add", "tile")

    def limited_by(self):
        """Cases with the same limits have the same text."""
        return f"reading {self.bytes_read()} bytes" if self.bytes_read() else "multiply-adds"


def square(group, n, **more):
    return Case(group, label=f"N {n}", query_len=n, key_len=n, **more)


def attention_cases():
    for group, causal in (("attention", False), ("causal", True)):
        for dim in (64, 128):
            for n in (128, 256, 512, 1024, 2048, 4096, 8192):
                yield square(group, n, series=f"{group}, 8 heads of {dim}", head_dim=dim, causal=causal,
                             quick=dim == 64 and n in (256, 1024))


def module_cases():
    for causal in (False, True):
        for n in (128, 256, 512, 1024, 2048, 4096):
            yield square("module", n, series="module, X of 512 to output" + (", causal" if causal else ""),
                         model_dim=512, output_dim=512, source="x", causal=causal, quick=n == 512)


def product_cases():
    for rows, terms, columns in ((128, 512, 512), (512, 512, 512), (1024, 512, 512), (4096, 512, 512),
                                 (1024, 1024, 1024)):
        yield Case("product", "three products", f"{rows}x{terms}x{columns}", quick=rows == 1024 and terms == 512,
                   rows=rows, terms=terms, columns=columns, peers=PRODUCT_PEERS)


def decode_cases():
    for dim in (64, 128):
        for keys in (1024, 4096, 16384, 65536):
            yield Case("decode", f"1 query, 8 heads of {dim}", f"{keys} keys", head_dim=dim, query_len=1, key_len=keys,
                       quick=dim == 64 and keys in (4096, 65536))


def other_cases():
    for causal in (False, True):
        more = {"causal": causal, "quick": not causal}
        tail = ", causal" if causal else ""
        yield square("batch", 128, series="batch 32, 8 heads of 64" + tail, batch=32, **more)
        yield square("gqa", 1024, series="32 heads of 128, 8 of keys" + tail, heads=32, head_dim=128, **more)
    for dim in (64, 128):
        for n in (1024, 4096):
            yield square("fp16", n, series=f"stored as f16, 8 heads of {dim}", head_dim=dim, type="f16",
                         quick=dim == 64 and n == 1024)


def scaling_cases():
    for dim in (64, 128, 256):
        for heads in (1, 8):
            for n in (1024, 2048, 4096, 8192, 16384, 32768):
                yield square("scaling", n, series=f"scaling, heads of {dim}, {heads} in all", head_dim=dim, heads=heads,
                             kv_heads=heads, peers=(), few=True)


def start_cases():
    yield Case("start", "clattn run", "the example", peers=(), command=("run",), quick=True)
    yield Case("start", "clattn run", "1024 random tokens, unchecked", peers=(), quick=True,
               command=("run", "--random", "--tokens", "1024", "--pipeline", "fused", "--check", "off"))


CASES = [*attention_cases(), *module_cases(), *product_cases(), *decode_cases(), *other_cases(), *scaling_cases(),
         *start_cases()]
GROUPS = list(dict.fromkeys(case.group for case in CASES))
