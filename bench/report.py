"""Tables on the terminal, CSV and JSON."""
import csv
import json

from results import TURN_LEAST, burst, judge


def print_head(measured, run):
    print(f"{run['device']} ({run['platform']}, {run['driver']}), {run['processors']} processors, {run['date']}")
    for m in measured:
        if not m.case.bytes_read():
            print(f"multiply-adds, the best of the whole run: {burst(m, measured) / 1e9:.1f} GFLOP/s")
            break


def print_case(m, of_burst):
    """of_burst: the case's limit relative to the best one of the whole run"""
    flag = f"   disturbed: {m.disturbed}" if m.disturbed else ""
    aside = f"   ({m.set_aside} disturbed processes set aside)" if m.set_aside else ""
    slow = f"   (limit: {100 * of_burst:.0f} % of the run's best)" if of_burst < TURN_LEAST[m.unit()] else ""
    print(f"\n{m.case.name}{flag}{aside}{slow}")
    unit = m.unit()
    print(f"  {'':<18}{'best ' + unit:>13}{'median':>9}{'of limit':>10}{'times':>8}   spread")
    for engine in sorted(m.turns, key=m.best):
        best, median = m.rate(m.best(engine)) / 1e9, m.rate(m.median(engine)) / 1e9
        ratio = ""
        if engine != "clattn" and "clattn" in m.turns:
            middle, least, most = m.ratios(engine)
            ratio = f"{middle:>7.2f}x   {least:.2f} ... {most:.2f}"
        print(f"  {engine:<18}{best:>13.1f}{median:>9.1f}{100 * best * 1e9 / m.limit:>8.0f} %{ratio}")
    for engine, reason in m.left_out.items():
        print(f"  {engine:<18} left out: {reason}")


def print_targets(measured):
    print(f"\n{'target':<64}{'at least':>9}{'lowest':>9}")
    for target, figure, case, count in judge(measured):
        verdict = "met" if figure >= target.least else "missed"
        times = "%" if target.measure == "of_limit" else "x"
        scale = 100 if times == "%" else 1
        digits = 0 if times == "%" else 2
        least, lowest = f"{scale * target.least:.{digits}f} {times}", f"{scale * figure:.{digits}f} {times}"
        print(f"{target.text:<64}{least:>9}{lowest:>9}  {verdict:<7} {case.name} ({count} measured)")


def rows(measured, run):
    """One row for each case and engine."""
    for m in measured:
        for engine in m.turns:
            median, least, most = m.ratios(engine) if "clattn" in m.turns else ("", "", "")
            yield {
                "date": run["date"], "device": run["device"], "platform": run["platform"], "driver": run["driver"],
                "group": m.case.group, "case": m.case.name, "engine": engine, "version": run["versions"][engine],
                "how": m.how[engine], "turns": len(m.turns[engine]), "best_seconds": m.best(engine),
                "median_seconds": m.median(engine), "unit": m.unit(), "best": m.rate(m.best(engine)) / 1e9,
                "limit": m.limit / 1e9, "burst": burst(m, measured) / 1e9,
                "of_limit": m.rate(m.best(engine)) / m.limit,
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
    cases = [{"case": vars(m.case), "turns": m.all_turns, "how": m.how, "left_out": m.left_out, "others": m.others,
              "limit": m.limit, "burst": burst(m, measured), "disturbed": m.disturbed} for m in measured]
    targets = [{"target": target.text, "least": target.least, "lowest": figure, "case": case.name}
               for target, figure, case, _ in judge(measured)]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(run | {"cases": cases, "targets": targets}, file, indent=1)
        file.write("\n")
