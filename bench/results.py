"""Measurements and what follows from them: rates, fractions of the limit, ratios, targets."""
import statistics

from cases import TARGETS

LIMIT = "limit"  # takes turns like an engine, and has results like one
# The share of processor time that other processes may take.
OTHERS_ALLOWED = 0.05
# Each turn of the limit must reach this fraction of the case's best one. On a quiet virtual
# machine, multiply-adds stayed above 95 % for a dozen turns in a row; reading, which neighbours on
# the same memory slow down, stayed above 80 %.
TURN_LEAST = {"GFLOP/s": 0.93, "GB/s": 0.8}


class Measured:
    """One case: the turns of each engine, and how each process was disturbed. Disturbed processes do not count,
    unless all were disturbed."""

    def __init__(self, case):
        self.case = case
        self.all_turns = {}  # engine -> [{"process", "round", "runs", "min", "median"}]
        self.how = {}  # engine -> how it computes
        self.left_out = {}  # engine -> why
        self.others = {}  # process -> the largest share of processor time that others took

    def add_turn(self, engine, process, round_number, seconds):
        self.all_turns.setdefault(engine, []).append({
            "process": process, "round": round_number, "runs": len(seconds), "min": min(seconds),
            "median": statistics.median(seconds)})

    def disturbance(self, process):
        """Why this process's times are unreliable; empty if they are reliable."""
        reasons = []
        if self.others[process] > OTHERS_ALLOWED:
            reasons.append(f"others took {100 * self.others[process]:.0f} % of the processors")
        probed = self.all_turns[LIMIT]
        slowest = max(turn["min"] for turn in probed if turn["process"] == process)
        reached = min(turn["min"] for turn in probed) / slowest
        if reached < TURN_LEAST[self.unit()]:
            reasons.append(f"the device itself fell to {100 * reached:.0f} %")
        return "; ".join(reasons)

    def settle(self):
        """Decides after the run which turns count."""
        reasons = {process: self.disturbance(process) for process in self.others}
        quiet = [process for process, reason in reasons.items() if not reason]
        self.disturbed = "" if quiet else next(iter(reasons.values()))
        self.set_aside = len(reasons) - len(quiet) if quiet else 0
        kept = quiet or list(reasons)
        self.turns = {engine: [turn for turn in turns if turn["process"] in kept]
                      for engine, turns in self.all_turns.items()}
        self.limit = self.rate(self.best(LIMIT))

    def best(self, engine):
        return min(turn["min"] for turn in self.turns[engine])

    def median(self, engine):
        return statistics.median(turn["median"] for turn in self.turns[engine])

    def rate(self, seconds):
        """Operations per second, or bytes per second if bandwidth is the limit."""
        return self.case.work() / seconds

    def unit(self):
        return "GB/s" if self.case.bytes_read() else "GFLOP/s"

    def ratios(self, peer):
        """How many times faster clattn is, comparing turns of the same round: (median, least, most)."""
        pairs = [theirs["min"] / ours["min"] for ours, theirs in zip(self.turns["clattn"], self.turns[peer])]
        return statistics.median(pairs), min(pairs), max(pairs)

    def peers(self):
        return [engine for engine in self.turns if engine not in ("clattn", LIMIT)]

    def best_peer(self):
        return min(self.peers(), key=lambda peer: self.ratios(peer)[0], default=None)


def burst(m, measured):
    """The best turn of this case's limit in the whole run, including disturbed processes and other cases with the
    same limit."""
    return max(other.rate(min(turn["min"] for turn in other.all_turns[LIMIT]))
               for other in measured if other.case.limited_by() == m.case.limited_by())


def reached(target, measured):
    """(figure, case) for each measured case that the target applies to."""
    for m in measured:
        if not target.applies(m.case) or "clattn" not in m.turns:
            continue
        if target.measure == "of_limit":
            yield m.rate(m.best("clattn")) / m.limit, m.case
        else:
            peer = m.best_peer() if target.measure == "ratio" else target.measure
            if peer in m.turns:
                yield m.ratios(peer)[0], m.case


def judge(measured):
    """(target, lowest figure, its case, cases) for each target that was measured."""
    for target in TARGETS:
        figures = list(reached(target, measured))
        if figures:
            figure, case = min(figures, key=lambda pair: pair[0])
            yield target, figure, case, len(figures)
