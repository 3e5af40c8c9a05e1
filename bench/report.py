"""Tables on the terminal, CSV and JSON."""
import csv
import json

from results import LIMIT, LOOP, TURN_LEAST, burst, growth, judge

NOT_HELD = "not held: these use wider vectors than AVX2, because nothing can stop them:"


def print_head(measured, run):
    print(f"{run['device']} ({run['platform']}, {run['driver']}), {run['processors']} processors, "
          f"{run['processor']}, {run['date']}")
    for m in measured:
        if m.case.unit() == "GFLOP/s":
            print(f"multiply-adds, the best of the whole run: {burst(m, measured):.1f} GFLOP/s")
            break
    free = sorted({engine for m in measured for engine in m.peers() if not m.held[engine]})
    if free:
        print(f"{NOT_HELD} {', '.join(free)}")


def percent(share):
    return "" if share is None else f"{100 * share:.0f} %"


def print_case(m, measured):
    flag = f"   disturbed: {m.disturbed}" if m.disturbed else ""
    aside = f"   ({m.set_aside} disturbed processes set aside)" if m.set_aside else ""
    of_burst = m.figure(LIMIT) / burst(m, measured) if LIMIT in m.turns else 1.0
    slow = f"   (limit: {percent(of_burst)} of the run's best)" if of_burst < TURN_LEAST.get(m.case.unit(), 0) else ""
    print(f"\n{m.case.name}{flag}{aside}{slow}")
    print(f"  {'':<18}{'best ' + m.case.unit():>13}{'median':>9}{'of limit':>10}{'of loop':>9}{'times':>8}   spread")
    for engine in sorted(m.turns, key=m.best):
        ratio = ""
        if engine != "clattn" and "clattn" in m.turns:
            middle, least, most = m.ratios(engine)
            ratio = f"{middle:>7.2f}x   {least:.2f} ... {most:.2f}"
        held = "" if m.held.get(engine, True) else "   not held"
        print(f"  {engine:<18}{m.figure(engine):>13.1f}{m.case.figure(m.median(engine)):>9.1f}"
              f"{percent(m.share(engine, LIMIT)):>10}{percent(m.share(engine, LOOP)):>9}{ratio}{held}")
    for engine, reason in m.left_out.items():
        print(f"  {engine:<18} left out: {reason}")
    if m.case.group == "scaling" and growth(m, measured):
        print(f"  twice the length takes {growth(m, measured):.2f} times as long")


def print_targets(measured, kind):
    judged = list(judge(measured, kind))
    if judged:
        print(f"\n{'target on ' + kind:<52}{'figure':>9}{'reached':>9}")
    for target, figure, value, case, count in judged:
        verdict = "met" if target.is_met(kind, value) else "missed"
        share = target.measure == "of_loop"
        texts = [percent(number) if share else f"{number:.2f}" for number in (figure, value)]
        print(f"{target.text:<52}{texts[0]:>9}{texts[1]:>9}  {verdict:<7} {case.name} ({count} measured)")


def rows(measured, run):
    """One row for each case and engine."""
    for m in measured:
        for engine in m.turns:
            median, least, most = m.ratios(engine) if "clattn" in m.turns else ("", "", "")
            yield {
                "date": run["date"], "device": run["device"], "platform": run["platform"], "driver": run["driver"],
                "processor": run["processor"], "group": m.case.group, "case": m.case.name, "engine": engine,
                "version": run["versions"][engine], "how": m.how[engine],
                "held": "yes" if m.held.get(engine, True) else "no", "turns": len(m.turns[engine]),
                "best_seconds": m.best(engine), "median_seconds": m.median(engine), "unit": m.case.unit(),
                "best": m.figure(engine), "limit": m.figure(LIMIT) if LIMIT in m.turns else "",
                "loop_limit": m.figure(LOOP) if LOOP in m.turns else "",
                "burst": burst(m, measured) if LIMIT in m.turns else "",
                "of_limit": m.share(engine, LIMIT), "of_loop_limit": m.share(engine, LOOP),
                "clattn_times": median, "least": least, "most": most,
                "disturbed": m.disturbed}


def shortened(value):
    return f"{value:.5g}" if isinstance(value, float) else value


def write_csv(path, measured, run):
    table = [{key: shortened(value) for key, value in row.items()} for row in rows(measured, run)]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def write_json(path, measured, run):
    cases = [{"case": vars(m.case), "turns": m.all_turns, "how": m.how, "held": m.held, "left_out": m.left_out,
              "others": m.others, "limits": {name: m.figure(name) for name in (LIMIT, LOOP) if name in m.turns},
              "disturbed": m.disturbed} for m in measured]
    targets = [{"target": target.text, "figure": figure, "reached": value, "case": case.name}
               for target, figure, value, case, _ in judge(measured, run["kind"])]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(run | {"cases": cases, "targets": targets}, file, indent=1)
        file.write("\n")
