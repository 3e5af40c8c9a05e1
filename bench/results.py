"""What was measured, and what follows from it: rates, parts of the limit, ratios, targets."""
import statistics

from cases import TARGETS

LIMIT = "limit"  # takes turns like an engine, and has figures like one
# Of the processors' time that may go to others.
OTHERS_ALLOWED = 0.05
# Of the case's best turn of the limit, what each of its turns must reach. On a quiet virtual machine multiply-adds
# stayed above 95 % for a dozen turns in a row; reading, which neighbours on the same memory slow down, above 80 %.
TURN_LEAST = {"GFLOP/s": 0.93, "GB/s": 0.8}


class Measured:
    """One case: of each engine the turns, of each process what disturbed it. Disturbed processes are set aside as long
    as there are others."""

    def __init__(self, case):
        self.case = case
        self.all_turns = {}  # engine -> [{"process", "round", "runs", "min", "median"}]
        self.how = {}  # engine -> in which way
        self.left_out = {}  # engine -> why
        self.others = {}  # process -> the largest share of the processors that went to others

    def add_turn(self, engine, process, round_number, seconds):
        self.all_turns.setdefault(engine, []).append({
            "process": process, "round": round_number, "runs": len(seconds), "min": min(seconds),
            "median": statistics.median(seconds)})

    def disturbance(self, process):
        """Why this process's figures are not to be trusted; empty if they are."""
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
        """Decides, once the run is over, which turns count."""
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
        """Operations or, where bandwidth limits, bytes a second."""
        return self.case.work() / seconds

    def unit(self):
        return "GB/s" if self.case.bytes_read() else "GFLOP/s"

    def ratios(self, peer):
        """How many times faster clattn is, turn by turn of the same round: (median, least, most)."""
        pairs = [theirs["min"] / ours["min"] for ours, theirs in zip(self.turns["clattn"], self.turns[peer])]
        return statistics.median(pairs), min(pairs), max(pairs)

    def peers(self):
        return [engine for engine in self.turns if engine not in ("clattn", LIMIT)]

    def best_peer(self):
        return min(self.peers(), key=lambda peer: self.ratios(peer)[0], default=None)


def burst(m, measured):
    """The best turn of this case's limit in the whole run, disturbed processes and other cases with the same limit
    included."""
    return max(other.rate(min(turn["min"] for turn in other.all_turns[LIMIT]))
               for other in measured if other.case.limited_by() == m.case.limited_by())


def reached(target, measured):
    """(figure, case) for each case that the target applies to and that was measured."""
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
