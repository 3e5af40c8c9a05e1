"""The targets: what some cases must reach, on each kind of processor."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Target:
    """`measure`: of_loop, a fraction of the loop limit; ratio, a multiple of the best peer's speed; onednn, of
    oneDNN's; growth, how much longer the next longer case of the series takes than this one; median, milliseconds.
    The last two are to stay below the figure."""
    text: str
    measure: str
    avx2: float
    avx512: float
    applies: object  # whether it applies to a case

    def figure(self, kind):
        """Processors that are neither kind have the figure of AVX2."""
        return self.avx512 if kind == "AVX-512" else self.avx2

    def is_met(self, kind, value):
        return value <= self.figure(kind) if self.measure in ("growth", "median") else value >= self.figure(kind)


def of(group, **wanted):
    """Selects cases of a group by length (n, a predicate) and by other fields."""
    n = wanted.pop("n", lambda length: True)
    return lambda c: c.group == group and n(c.key_len) and all(getattr(c, k) == v for k, v in wanted.items())


TARGETS = [
    Target("attention, N >= 512: of the loop limit", "of_loop", 0.85, 0.85, of("attention", n=lambda n: n >= 512)),
    Target("attention, N >= 512: times the best peer", "ratio", 1.15, 1.10, of("attention", n=lambda n: n >= 512)),
    Target("attention, N <= 256: times the best peer", "ratio", 1.05, 1.05, of("attention", n=lambda n: n <= 256)),
    Target("causal, N >= 1024: times the best peer", "ratio", 1.8, 2.0, of("causal", n=lambda n: n >= 1024)),
    Target("causal, N <= 512: times the best peer", "ratio", 1.5, 1.4, of("causal", n=lambda n: n <= 512)),
    Target("module: times the best peer", "ratio", 1.05, 1.05, of("module", causal=False)),
    Target("module, causal: times the best peer", "ratio", 1.4, 1.4, of("module", causal=True)),
    Target("products: times oneDNN", "onednn", 1.0, 1.0, of("product")),
    Target("stored as f16, N 1024: times the best peer", "ratio", 1.0, 1.0, of("fp16", n=lambda n: n == 1024)),
    Target("decode: times the best peer", "ratio", 1.1, 1.1, of("decode")),
    Target("decode: of the loop limit", "of_loop", 0.80, 0.80, of("decode")),
    Target("scaling: time of 2 N / time of N", "growth", 4.3, 4.3, of("scaling")),
    Target("start of 'clattn run': median, ms", "median", 250.0, 250.0, of("start")),
]
