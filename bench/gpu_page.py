"""The page of bench/gpu: what the JSON file holds, for people. One file without scripts, fonts or addresses."""
import html

import gpu_steps

# The share of the measured multiply-adds that fused attention in float is to reach, from this length on.
GOAL, UNIT_GOAL, GOAL_TOKENS = 0.5, 0.6, 2048

TITLES = {"peaks": "The device's limits", "self_tests": "Self-tests of all kernels", "features": "Features",
          "fused": "Attention from q, k and v", "sdpa": "Against PyTorch's scaled_dot_product_attention",
          "projections": "Projections", "decode": "Decoding from a cache",
          "ladder": "The ladder: each rung of the course",
          "tune": "Tuning", "fused_tuned": "Attention with tuned kernels"}
EXPLAINED = {
    "peaks": "What kernels reach that do nothing else. All shares on this page are relative to the highest value of "
             "the run.",
    "self_tests": "<code>clattn doctor</code>: a small problem for each kernel, compared with the reference.",
    "features": "Small problems, every result compared with the reference. 100 % of the bound is the limit; results "
                "that are stored in 16 bits come close to it, because it is little more than their rounding.",
    "fused": "One sequence, 8 heads, default kernels: GFLOP/s of what is needed (with a causal mask half of it), and "
             "the share of the device's multiply-adds. f16 is stored as such and computed in float. *: the device was "
             "not idle, the time is worth little.",
    "sdpa": "The same inputs on the same GPU, times on the device, the fastest of ten runs. “Times” is how many times "
            "as fast as PyTorch's fastest backend clattn is.",
    "projections": "X·Wq, X·Wk and X·Wv with default kernels.",
    "decode": "One query of each sequence, 8 heads: bytes of keys and values per second, and the share of what reading "
              "about as many bytes reaches.",
    "ladder": "“Of predicted” is the time that the device's limits allow, relative to the measured one.",
    "tune": "<code>clattn tune --quick</code>: where another kernel or tile size is faster than the default.",
    "fused_tuned": "As above, in float, with the kernels that tuning found.",
}
STYLE = """
:root { color-scheme: light dark; --quiet: #666; --rule: #ddd; --bar: #cfe3f7; --bad: #b00020; --box: #f2f6fa }
@media (prefers-color-scheme: dark) {
  :root { --quiet: #a0a0a0; --rule: #444; --bar: #24496b; --bad: #ff7b8a; --box: #20262d } }
body { font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.2rem }
.table { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem }
th, td { padding: .15rem .8rem .15rem 0; text-align: left; border-bottom: 1px solid var(--rule); vertical-align: top }
th { font-weight: 600 } td.number, th.number { text-align: right; white-space: nowrap }
td.share { background: linear-gradient(to right, var(--bar) var(--width), transparent var(--width)) }
.quiet { color: var(--quiet) } .bad { color: var(--bad); font-weight: 600 }
.box { background: var(--box); padding: .6rem 1rem; border-radius: .4rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8rem; background: var(--box); padding: .5rem }
"""


def escape(text):
    return html.escape(str(text))


def figure(value):
    """Three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def rate(per_second, unit):
    return f"{figure(per_second / 1e12)} T{unit}" if per_second >= 1e12 else f"{figure(per_second / 1e9)} G{unit}"


def duration(seconds):
    for unit, scale in (("s", 1), ("ms", 1e-3)):
        if seconds >= scale:
            return f"{figure(seconds / scale)} {unit}"
    return f"{figure(seconds / 1e-6)} µs"


def size(count):
    return f"{figure(count / 2**20)} MiB"


def percent(share):
    return "" if share is None else f"{100 * share:.0f} %"


def of_bound(ratio):
    """Rounded down: 100 % is an error at the bound."""
    return "" if ratio is None else f"{int(100 * ratio)} %"


class Number(str):
    """A cell that is aligned to the right."""


class Share(Number):
    """A cell with a bar behind it."""

    def __new__(cls, text, share):
        cell = super().__new__(cls, text)
        cell.share = share
        return cell


def cell(value):
    if isinstance(value, Share) and value.share is not None:
        width = 100 * min(1, max(0, value.share))
        return f'<td class="number share" style="--width: {width:.0f}%">{escape(value)}</td>'
    if isinstance(value, Number):
        return f'<td class="number">{escape(value)}</td>'
    bad = ' class="bad"' if value in ("WRONG", "wrong", "cannot run") else ""
    return f"<td{bad}>{escape(value)}</td>"


def table(head, rows):
    rows = list(rows)
    if not rows:
        return ""
    numbers = [all(isinstance(row[i], Number) for row in rows) for i in range(len(head))]
    heads = "".join(f'<th class="number">{escape(h)}</th>' if n else f"<th>{escape(h)}</th>"
                    for h, n in zip(head, numbers))
    body = "\n".join("<tr>" + "".join(map(cell, row)) + "</tr>" for row in rows)
    return f'<div class="table"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


# ---- a table for each step


def peaks_table(results):
    memory = "local", "read", "copy", "strided"
    arithmetic = "multiply_add", "matrix_f16", "matrix_bf16"
    return table(["bytes", "multiply-adds", "matrix unit, f16", "bf16", "local memory", "reading", "copying",
                  "strided reading"],
                 ([Number(size(one["working_set"])),
                   *(Number(rate(one[name], "FLOP/s") if one[name] else "none") for name in arithmetic),
                   *(Number(rate(one[name], "B/s")) for name in memory)] for one in results))


def self_tests_table(results):
    return table(["stage", "rung", "kernel", "result", ""],
                 ([one["stage"], Number(one["rung"] or ""), one["kernel"], one["outcome"], one["said"]]
                  for one in results))


def features_table(results):
    """A row for each feature, two columns for each pipeline."""
    found = {}
    for one in results:
        cells = "right" if one["passed"] else "WRONG", Number(of_bound(one["of_bound"]))
        found.setdefault(one["feature"], {})[one["pipeline"]] = cells
    nothing = "", Number("")
    return table(["feature", "fused", "of bound", "staged", "of bound"],
                 ([name, *by.get("fused", nothing), *by.get("staged", nothing)] for name, by in found.items()))


def attention_cell(one):
    share = one["of_matrix_unit"] if one["of_multiply_add"] is None else one["of_multiply_add"]
    words = [figure(one["gflops"]), percent(share), "wrong" if one["passed"] is False else "",
             "*" if one["disturbed"] else ""]
    return Share(" · ".join(filter(None, words)), share)


def attention_table(results):
    """A row for each kind of head, a column for each length."""
    lengths = sorted({one["tokens"] for one in results})
    found = {}
    for one in results:
        found.setdefault(gpu_steps.kind_name(one), {})[one["tokens"]] = one
    rows = []
    for kind, by_length in found.items():
        row = [kind, ", ".join(dict.fromkeys(one["kernel"] for one in by_length.values()))]
        for length in lengths:
            one = by_length.get(length)
            row.append(attention_cell(one) if one else Number(""))
        rows.append(row)
    return table(["", "kernel", *(f"N {length}" for length in lengths)], rows)


def sdpa_table(results, fused):
    """A row for each case, a column for each backend."""
    ours = {one["name"]: one["seconds"] for one in fused}
    backends = list(dict.fromkeys(one["backend"] for one in results))
    found = {}
    for one in results:
        found.setdefault(one["name"], {})[one["backend"]] = one
    rows = []
    for name, by_backend in found.items():
        worst = max((one["difference"] for one in by_backend.values() if one["difference"] is not None), default=None)
        rows.append([name, Number(duration(ours[name])),
                     *(Number(duration(by_backend[b]["seconds"]) if b in by_backend else "") for b in backends),
                     Number(figure(min(one["times"] for one in by_backend.values()))),
                     Number("" if worst is None else f"{worst:.1e}")])
    return table(["case", "clattn", *backends, "times", "largest difference"], rows)


def projections_table(results):
    return table(["product", "kernel", "time", "GFLOP/s", "of multiply-adds"],
                 ([one["name"], one["kernel"], Number(duration(one["seconds"])), Number(figure(one["gflops"])),
                   Share(percent(one["of_multiply_add"]), one["of_multiply_add"])] for one in results))


def decode_table(results):
    return table(["case", "kernel", "bytes", "time", "GB/s", "of reading", "bytes read there"],
                 ([one["name"], one["kernel"], Number(size(one["bytes"])), Number(duration(one["seconds"])),
                   Number(figure(one["gbytes_per_second"])), Share(percent(one["of_read"]), one["of_read"]),
                   Number(size(one["working_set"]) if one["working_set"] else "")] for one in results))


def ladder_table(results):
    rows = []
    for one in results:
        timed = one["seconds"] is not None
        predicted = one["predicted_seconds"] / one["seconds"] if timed and one["predicted_seconds"] else None
        rows.append([one["stage"], Number(one["rung"]), one["kernel"], Number(one["tokens"]),
                     one["state"] if not one["reason"] else f"{one['state']}: {one['reason']}",
                     Number(duration(one["seconds"]) if timed else ""), Number(figure(one["gflops"]) if timed else ""),
                     Share(percent(one["of_multiply_add"]), one["of_multiply_add"]),
                     Share(percent(one["of_matrix_unit"]), one["of_matrix_unit"]), Number(percent(predicted)),
                     one["limit"] or ""])
    return table(["stage", "rung", "kernel", "N", "", "time", "GFLOP/s", "of multiply-adds", "of matrix unit",
                  "of predicted", "limited by"], rows)


def tune_table(results):
    faster = [one for one in results if one["kernel"] != one["standard"]]
    if results and not faster:
        return f"<p>The defaults are the fastest in all {len(results)} cases.</p>"
    return table(["stage", "heads of", "length", "default", "GFLOP/s", "fastest", "GFLOP/s"],
                 ([one["stage"], Number(one["head_dim"]), Number(f"{one['query_len']} x {one['key_len']}"),
                   one["standard"], Number(figure(one["standard_gflops"])), one["kernel"],
                   Number(figure(one["gflops"]))] for one in faster))


def content(name, steps):
    results = steps[name]["results"]
    if name == "sdpa":
        return sdpa_table(results, steps["fused"]["results"])
    tables = {"peaks": peaks_table, "self_tests": self_tests_table, "features": features_table,
              "fused": attention_table, "fused_tuned": attention_table, "projections": projections_table,
              "decode": decode_table, "ladder": ladder_table, "tune": tune_table}
    return tables[name](results)


# ---- the page


def left_out(step):
    """One line for each reason."""
    by_reason = {}
    for one in step["left_out"]:
        by_reason.setdefault(one["why"], []).append(one["what"])
    for why, what in by_reason.items():
        yield (f'<details class="quiet"><summary>Left out: {len(what)}, {escape(why)}</summary>'
               f'{escape("; ".join(what))}</details>')


def section(name, steps):
    step = steps[name]
    parts = [f"<h2>{TITLES[name]}</h2>", f'<p class="quiet">{EXPLAINED[name]}</p>', content(name, steps)]
    if step["note"]:
        parts.append(f"<p>Nothing here: {escape(step['note'])}.</p>")
    for one in step["failed"]:
        parts.append(f'<p class="bad">{escape(one["what"])}: {escape(one["how"])}</p>')
        parts.append(f'<pre>{escape(one["output"])}</pre>')
    return "\n".join([*filter(None, parts), *left_out(step)])


def best_share(steps, peak, dtype):
    """What fused attention reaches of a peak at long lengths, default or tuned: the lowest and the highest share."""
    shares = {}
    for name in ("fused", "fused_tuned"):
        for one in steps[name]["results"]:
            if one["type"] == dtype and one["tokens"] >= GOAL_TOKENS and one[peak] is not None:
                shares[one["name"]] = max(shares.get(one["name"], 0), one[peak])
    return (min(shares.values()), max(shares.values())) if shares else None


def in_short(report):
    steps = report["steps"]
    tests, features = steps["self_tests"]["results"], steps["features"]["results"]
    yield f"{sum(one['outcome'] == 'right' for one in tests)} of {len(tests)} kernels passed their self-test."
    if features:
        right = [one["of_bound"] for one in features if one["passed"]]
        worst = f"; the largest error is {of_bound(max(right))} of its bound" if right else ""
        yield f"{len(right)} of {len(features)} feature tests are right{worst}."
    shares = best_share(steps, "of_multiply_add", "f32")
    if shares:
        yield (f"Fused attention in float, N {GOAL_TOKENS} and more: {percent(shares[0])} to {percent(shares[1])} of "
               f"the measured multiply-adds; the goal for GPUs is {percent(GOAL)}.")
    shares = best_share(steps, "of_matrix_unit", "f16")
    if shares:
        yield (f"Fused attention in the matrix unit, N {GOAL_TOKENS} and more: {percent(shares[0])} to "
               f"{percent(shares[1])} of its measured peak; the goal is {percent(UNIT_GOAL)}.")
    if steps["sdpa"]["results"]:
        times = [one["times"] for one in steps["sdpa"]["results"]]
        yield f"Speed relative to PyTorch's backends: {figure(min(times))} to {figure(max(times))} times."
    timed = [one for step in steps.values() for one in step["results"] if "disturbed" in one]
    disturbed = sum(one["disturbed"] is not None for one in timed)
    if disturbed:
        yield f"{disturbed} of {len(timed)} times were disturbed: the device was not idle."
    count = sum(len(step["left_out"]) for step in steps.values())
    if count:
        yield f"{count} measurements were left out; each section says why."
    if report["interrupted"]:
        yield "The run was interrupted."


def facts(report):
    device, system = report["device"], report["system"]
    listed = "type", "platform", "driver", "version", "compute units", "memory", "work-group"
    shown = {"device": device["name"], **{key: device[key] for key in listed if key in device},
             "system": ", ".join(str(system[key]) for key in ("distribution", "system", "release", "machine")
                                 if system.get(key)),
             "processor": f"{system.get('processor') or 'unknown'}, {system['processors']} threads",
             "clattn": report["clattn"] or "unknown", "measured": f"{report['date']}, in {report['seconds']:.0f} s"}
    return "\n".join(f"<tr><th>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in shown.items())


def page(report, file):
    """file: the name of the JSON file, which people send in."""
    faults = "".join(f'<li class="bad">{escape(fault)}</li>' for fault in report["faults"])
    sections = "\n".join(section(name, report["steps"]) for name in report["steps"])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>clattn on {escape(report["device"]["name"])}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>clattn on {escape(report["device"]["name"])}</h1>
<div class="table"><table><tbody>
{facts(report)}
</tbody></table></div>
<p class="box">To help, attach the file <b>{escape(file)}</b> to an issue of the project that you have clattn from. It
holds what this page shows: nothing names you, your machine or your folders.</p>
<ul>
{faults}{"".join(f"<li>{escape(line)}</li>" for line in in_short(report))}
</ul>
{sections}
</body>
</html>
"""
