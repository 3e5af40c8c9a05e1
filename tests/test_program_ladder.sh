#!/usr/bin/env bash
# `clattn ladder` from outside: test_program_ladder.sh PROGRAM

# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
kernels=$here/../kernels
small=(--tokens 33 --model-dim 32 --heads 2)

# A folder with every program that the test needs except gnuplot.
bare=$folder/bare
mkdir "$bare"
for needed in sh rm; do ln -s "$(command -v "$needed")" "$bare/$needed"; done

# ---- the report, and charts that cannot be drawn

# shellcheck disable=SC2016 # for the shell that reads it
printf '#!/bin/sh\ncase $1 in --version) exit 0 ;; esac\nexit 1\n' >"$folder/gnuplot"
chmod +x "$folder/gnuplot"
expect "ladder: all stages; a gnuplot that fails" 2 '^device +
^problem +17 tokens x 32 on 40 keys, 4 heads of 16, kv_heads 2$
^peaks +[0-9.e+]+ GFLOP/s of multiply-adds;$
^ +GB/s: reading .* local memory [0-9]
^project: .* GFLOP, .* of tensors, at most .* flop/B$
^scores: 
^softmax: 
^context: 
^fused: 
^1 naive +[0-9.]+ [um]?s .*  (strided|memory|local memory|multiply-adds)$
^[2-9] tiled +[0-9.]+ [um]?s +[0-9.]+ +[0-9.]+ % .*x
charts2/ladder.svg: gnuplot could not draw it' -- env PATH="$folder:$PATH" "$clattn" ladder --tokens 17 --key-tokens 40 \
  --model-dim 32 --heads 4 --kv-heads 2 --head-dim 16 --svg "$folder/charts2"
cp "$folder/out" "$folder/page"
expect "a gnuplot that fails leaves nothing" 1 '' -- sh -c "ls '$folder/charts2' | grep ."
# shellcheck disable=SC2016 # for the shell inside
expect "ladder: all results are correct, and no escapes go into a pipe" 1 '' -- \
  sh -c 'grep -E "WRONG|cannot run|$(printf "\033")" "$1" | grep -vE "needs (sub-groups|math|a matrix unit)"' - "$folder/page"

# ---- output for other programs

expect "ladder --json" 0 '^\{$' -- "$clattn" ladder softmax --json "${small[@]}"
cp "$folder/out" "$folder/ladder.json"
expect "ladder --json: what is in it" 0 '' -- python3 -c \
  'import json, sys
r = json.load(open(sys.argv[1]))
assert set(r) == {"version", "device", "peaks", "stages", "disturbed"}
assert r["disturbed"] is None or "the machine was not idle" in r["disturbed"]
assert all(0 < r["peaks"][k]["worst"] <= r["peaks"][k]["best"] for k in ("multiply_add", "read", "copy", "strided", "local"))
stage, = r["stages"]
assert stage["stage"] == "softmax" and stage["problem"]["key_len"] == 33
assert [x["rung"] for x in stage["rungs"]] == list(range(1, len(stage["rungs"]) + 1))
for x in stage["rungs"]:
    if x["state"] == "cannot run":
        assert "needs sub-groups" in x["reason"] and x["measured"] is None, x
        continue
    assert x["state"] == "timed" and x["measured"]["seconds"] > 0 and x["measured"]["spread"] >= 0 and x["traffic"]["flops"] > 0, x
    assert x["predicted_seconds"] > 0 and x["limit"] and x["flops_per_byte"] > 0, x' "$folder/ladder.json"
expect "ladder --csv --causal --svg" 0 '^device,stage,rung,kernel,' -- \
  "$clattn" ladder softmax --csv --causal --svg "$folder/causal" "${small[@]}"
cp "$folder/out" "$folder/ladder.csv"
expect "ladder --csv: whole lines, and with a mask nothing is predicted" 0 '' -- python3 -c \
  'import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
assert all("spread" in row and None not in row and len({row["disturbed"] for row in rows}) == 1 for row in rows), rows
able = [row for row in rows if "needs sub-groups" not in row["reason"]]
assert len(able) >= 4 and all(row["state"] == "timed" and None not in row and float(row["seconds"]) > 0 for row in able)
assert all(row["predicted_seconds"] == "" == row["limit"] for row in rows)' "$folder/ladder.csv"

expect "ladder --type" 0 '^\{$' -- "$clattn" ladder softmax --type f16 --json "${small[@]}"
cp "$folder/out" "$folder/halves.json"

# ---- the docs' tables

printf '%s\n' '# Page' '<!-- ladder:softmax begin -->' 'old' '<!-- ladder:softmax end -->' 'between' \
  '<!-- ladder:scores begin -->' 'kept' '<!-- ladder:scores end -->' 'after' >"$folder/page.md"
tables=("$here/../bench/ladder_tables" "$folder/ladder.json")
expect "ladder_tables" 0 '' -- "${tables[@]}" "$folder/page.md"
expect "ladder_tables: the new page" 0 '^# Page$
^33 tokens, 2 heads of 16; at most [0-9]+ GFLOP/s
^\| 1 naive \| [0-9.e-]+ \| [0-9.]+ \| [0-9]+ % \| [0-9.]+ \| [0-9.]+ \| [0-9.]+ [mµ]s \| [a-z -]+ \|$
^\| 1 naive \| [0-9.]+ [mµ]s \| [0-9.]+ \|
^between$
^kept$
^after$' -- cat "$folder/page.md"
expect "ladder_tables: the old table is gone" 1 '' -- grep -x old "$folder/page.md"
cp "$folder/page.md" "$folder/once.md"
# shellcheck disable=SC2016
expect "ladder_tables: a second time changes nothing" 0 '' -- \
  sh -c '"$1" "$2" "$3" && cmp "$3" "$4"' - "${tables[@]}" "$folder/page.md" "$folder/once.md"
sed 's/ladder:softmax /ladder:softmax-halves /; s/^old$/older/' "$folder/page.md" >"$folder/named.md"
expect "ladder_tables --name: other lines" 0 '' -- "$here/../bench/ladder_tables" --name halves "$folder/halves.json" "$folder/named.md"
expect "ladder_tables --name: the new page" 0 'stored as f16; at most' -- cat "$folder/named.md"
printf 'no table\n' >"$folder/plain.md"
expect "ladder_tables: a page without markers" 1 "plain.md: no line '<!-- ladder:STAGE begin -->'" -- \
  "${tables[@]}" "$folder/plain.md"
printf '%s\n' '<!-- ladder:softmax begin -->' 'x' >"$folder/open.md"
expect "ladder_tables: a begin without its end" 1 "open.md: '<!-- ladder:softmax begin -->' without its end" -- \
  "${tables[@]}" "$folder/open.md"
expect "ladder_tables: and the page stays as it was" 0 '^x$' -- cat "$folder/open.md"
expect "ladder_tables: no report" 1 "page.md" -- "$here/../bench/ladder_tables" "$folder/page.md" "$folder/page.md"

# ---- charts, and a full disk

if [ -e /dev/full ]; then
  # shellcheck disable=SC2016
  expect "ladder --json into a full disk" 2 'cannot write to standard output' -- sh -c \
    '"$1" ladder softmax --json --tokens 33 --model-dim 32 --heads 2 --svg "$2" >/dev/full' - "$clattn" "$folder/charts"
else
  skip "ladder into a full disk" "no /dev/full"
  "$clattn" ladder softmax "${small[@]}" --svg "$folder/charts" >/dev/null
fi
for chart in charts/ladder charts/roofline causal/ladder causal/roofline; do
  expect "$chart.svg is whole" 0 '' -- python3 -c \
    'import sys, xml.dom.minidom
text = xml.dom.minidom.parse(sys.argv[1]).toxml()
assert all(part in text for part in ("GFLOP/s of the formula", "softmax")), text' "$folder/$chart.svg"
done
expect "nothing else is left" 0 '^ladder.svg$
^roofline.svg$' -- ls "$folder/charts"
expect "no part files" 1 '' -- sh -c "ls '$folder/charts' | grep part"
refuse "the old name of --svg" 2 '--plot has another name \(allowed: --svg\)' -- "$clattn" ladder softmax --plot charts
refuse "no gnuplot" 2 '--svg needs gnuplot, which is not installed \(Debian: gnuplot-nox' -- \
  env PATH="$bare" "$clattn" ladder softmax --svg "$folder/none" "${small[@]}"
touch "$folder/file"
refuse "a folder that cannot be made" 2 "--svg $folder/file/charts: cannot make the folder: " -- \
  "$clattn" ladder softmax --svg "$folder/file/charts" "${small[@]}"

# ---- wrong kernels, and kernels that cannot run

cp -r "$kernels" "$folder/kernels"
sed -i 's/live_weight(live_exp(from\[j\], largest), sum)/0.5f * &/' "$folder"/kernels/softmax/1_naive.cl
echo 'no kernel' >"$folder/kernels/softmax/$(cd "$kernels/softmax" && ls -- *_tiled.cl)"
expect "a wrong kernel is not timed, one that cannot run has a reason, the others run" 1 '^1 naive +WRONG: not timed
^[2-9] tiled +cannot run: .*_tiled.cl
^[2-9] vector +[0-9.]+ [um]?s' -- env CLATTN_KERNEL_DIR="$folder/kernels" "$clattn" ladder softmax "${small[@]}"

# ---- wrong use

wrong() { # PATTERNS OPTION...
  local patterns=$1
  shift
  refuse "ladder $*" 2 "$patterns" -- "$clattn" ladder "$@"
}
wrong '--bogus.*clattn help ladder' --bogus
wrong "stage nonsense \(allowed: project, scores, softmax, context, fused\)" nonsense
wrong "unexpected argument 'softmax'" scores softmax
wrong '--tokens 0 \(allowed: 1 to ' --tokens 0
wrong '--tokens 65537 \(allowed: 1 to 65536\)' --tokens 65537
wrong '--model-dim 30 is not a multiple of 4 heads' --model-dim 30 --heads 4
wrong '--kv-heads 3 \(allowed: a divisor of --heads, 8\)' --kv-heads 3
wrong '--math stored does not go with --type f32 ' --math stored
wrong '--type f8 \(allowed: f32, f16, bf16\)' --type f8
wrong '--csv does not go with --json' --csv --json
expect "help ladder" 0 '\[project \| scores \| softmax \| context \| fused\]' -- "$clattn" help ladder
refuse "ladder --device nosuch" 3 "'nosuch' \(allowed: " -- "$clattn" ladder --device nosuch
mkdir "$folder/no-vendors"
refuse "ladder without a device" 3 'no OpenCL platform is installed' -- env OCL_ICD_VENDORS="$folder/no-vendors" "$clattn" ladder

finish
