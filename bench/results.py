"""Measurements and what follows from them: rates, fractions of the limits, ratios, targets."""
import statistics

from targets import TARGETS

LIMIT, LOOP = "limit", "loop limit"  # take turns like engines, and have results like them
LIMITS = (LIMIT, LOOP)
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
        self.held = {}  # engine -> whether it has only the vectors of the processor's setting
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
        probed = self.all_turns.get(LIMIT, [])
        if probed:
            slowest = max(turn["min"] for turn in probed if turn["process"] == process)
            reached = min(turn["min"] for turn in probed) / slowest
            if reached < TURN_LEAST[self.case.unit()]:
                reasons.append(f"the device itself fell to {100 * reached:.0f} %")
        return "; ".join(reasons)

    def settle(self):
        """Decides which turns count; again after more turns."""
        reasons = {process: self.disturbance(process) for process in self.others}
        quiet = [process for process, reason in reasons.items() if not reason]
        self.disturbed = "" if quiet else next(iter(reasons.values()))
        self.set_aside = len(reasons) - len(quiet) if quiet else 0
        kept = quiet or list(reasons)
        self.turns = {engine: [turn for turn in turns if turn["process"] in kept]
                      for engine, turns in self.all_turns.items()}

    def best(self, engine):
        return min(turn["min"] for turn in self.turns[engine])

    def median(self, engine):
        return statistics.median(turn["median"] for turn in self.turns[engine])

    def figure(self, engine):
        """The best run in the case's unit."""
        return self.case.figure(self.best(engine))

    def share(self, engine, limit):
        """The engine's best relative to a limit's best; None if the case has no limits."""
        return self.best(limit) / self.best(engine) if limit in self.turns else None

    def ratios(self, peer):
        """How many times faster clattn is, comparing turns of the same round: (median, least, most)."""
        pairs = [theirs["min"] / ours["min"] for ours, theirs in zip(self.turns["clattn"], self.turns[peer])]
        return statistics.median(pairs), min(pairs), max(pairs)

    def peers(self):
        return [engine for engine in self.turns if engine != "clattn" and engine not in LIMITS]

    def best_peer(self, beginning=""):
        """The fastest peer whose name begins so. Peers with wider vectors than clattn's do not count."""
        known = [peer for peer in self.peers() if self.held[peer] and peer.startswith(beginning)]
        return min(known, key=lambda peer: self.ratios(peer)[0], default=None)


def burst(m, measured):
    """The best turn of this case's limit in the whole run, including disturbed processes and other cases with the
    same limit."""
    return max(other.case.figure(min(turn["min"] for turn in other.all_turns[LIMIT]))
               for other in measured if LIMIT in other.all_turns and other.case.limited_by() == m.case.limited_by())


def growth(m, measured):
    """How much longer the next longer case of the series takes; None for the last."""
    longer = [other for other in measured if other.case.series == m.case.series
              and other.case.key_len == 2 * m.case.key_len and "clattn" in other.turns]
    return longer[0].best("clattn") / m.best("clattn") if longer else None


def value_of(target, m, measured):
    """What the case reached; None if that was not measured."""
    if target.measure == "of_loop":
        return m.share("clattn", LOOP)
    if target.measure == "growth":
        return growth(m, measured)
    if target.measure == "median":
        return m.case.figure(m.median("clattn"))
    peer = m.best_peer("" if target.measure == "ratio" else target.measure)
    return m.ratios(peer)[0] if peer is not None else None


def judge(measured, kind):
    """(target, its figure on this kind of processor, the value that is furthest from it, that value's case, cases) for
    each target that was measured."""
    for target in TARGETS:
        values = [(value_of(target, m, measured), m.case) for m in measured
                  if target.applies(m.case) and "clattn" in m.turns]
        values = [(value, case) for value, case in values if value is not None]
        if values:
            worst = max if target.measure in ("growth", "median") else min
            value, case = worst(values, key=lambda pair: pair[0])
            yield target, target.figure(kind), value, case, len(values)
