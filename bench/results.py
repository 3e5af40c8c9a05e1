"""What was measured, and what follows from it: rates, parts of the limit, ratios, targets."""
import statistics

from cases import TARGETS

# Of the processors' time that may go to others, and of the best probe that a probe beside a case must reach.
OTHERS_ALLOWED = 0.05
PROBE_LEAST = 0.93


class Measured:
    """One case: of each engine the turns, of each process the probes."""

    def __init__(self, case):
        self.case = case
        self.turns = {}  # engine -> [{"process", "round", "runs", "min", "median"}]
        self.how = {}  # engine -> in which way
        self.left_out = {}  # engine -> why
        self.others = {}  # engine -> the largest share of the processors that went to others
        self.peaks = []  # one behind the other, as probed

    def add_turn(self, engine, process, round_number, seconds):
        self.turns.setdefault(engine, []).append({
            "process": process, "round": round_number, "runs": len(seconds), "min": min(seconds),
            "median": statistics.median(seconds)})

    def best(self, engine):
        return min(turn["min"] for turn in self.turns[engine])

    def median(self, engine):
        return statistics.median(turn["median"] for turn in self.turns[engine])

    def rate(self, seconds):
        """Operations or, where bandwidth limits, bytes a second."""
        return (self.case.bytes_read() or self.case.operations()) / seconds

    def unit(self):
        return "GB/s" if self.case.bytes_read() else "GFLOP/s"

    def limit(self, most_flops):
        """Bandwidth as probed at this working set, multiply-adds as probed in the whole run."""
        return max(peaks["read"] for peaks in self.peaks) if self.case.bytes_read() else most_flops

    def ratios(self, peer):
        """How many times faster clattn is, turn by turn of the same round: (median, least, most)."""
        pairs = [theirs["min"] / ours["min"] for ours, theirs in zip(self.turns["clattn"], self.turns[peer])]
        return statistics.median(pairs), min(pairs), max(pairs)

    def peers(self):
        return [engine for engine in self.turns if engine != "clattn"]

    def best_peer(self):
        return min(self.peers(), key=lambda peer: self.ratios(peer)[0], default=None)

    def disturbed(self, engine, most_flops):
        """Why this figure is not to be trusted; empty if it is."""
        reasons = []
        if self.others.get(engine, 0.0) > OTHERS_ALLOWED:
            reasons.append(f"others took {100 * self.others[engine]:.0f} % of the processors")
        slowest = min(peaks["flops"] for peaks in self.peaks)
        if slowest < PROBE_LEAST * most_flops:
            reasons.append(f"the device itself fell to {100 * slowest / most_flops:.0f} %")
        return "; ".join(reasons)


def reached(target, measured, most_flops):
    """(figure, case) for each case that the target applies to and that was measured."""
    for m in measured:
        if not target.applies(m.case) or "clattn" not in m.turns:
            continue
        if target.measure == "of_limit":
            yield m.rate(m.best("clattn")) / m.limit(most_flops), m.case
        else:
            peer = m.best_peer() if target.measure == "ratio" else target.measure
            if peer in m.turns:
                yield m.ratios(peer)[0], m.case


def judge(measured, most_flops):
    """(target, lowest figure, its case, cases) for each target that was measured."""
    for target in TARGETS:
        figures = list(reached(target, measured, most_flops))
        if figures:
            figure, case = min(figures, key=lambda pair: pair[0])
            yield target, figure, case, len(figures)
