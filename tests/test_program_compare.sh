#!/usr/bin/env bash
# `clattn compare` from outside: test_program_compare.sh PROGRAM

# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
small=(--tokens 33 --model-dim 32 --heads 2 --repeat 2)
mkdir "$folder/no-vendors"
no_device=(env OCL_ICD_VENDORS="$folder/no-vendors")

# holds NAME CODE EXPRESSION -- COMMAND...: standard output is a comparison r (JSON) for which
# EXPRESSION is true.
holds() {
  local name=$1 code=$2 expression=$3
  shift 4
  examine "$code" '' "$@"
  [ -n "$seen" ] || python3 -c 'import json, sys
assert eval(sys.argv[2].replace("\n", " "), {"r": json.load(open(sys.argv[1]))})' "$folder/out" "$expression" \
    2>"$folder/why" || see "$(tail -n 1 "$folder/why")"
  judge "$name"
}

# ---- one length

holds "compare --json: all results are correct" 0 '
  [c["kind"] for c in r["contestants"]][:3] == ["scalar", "openmp", "openblas"]
  and any(c["kind"] == "device" and c["pipeline"] == "fused" and c["device"]["name"] for c in r["contestants"])
  and all((x["state"] == "timed") == (c["missing"] is None)
          for c, x in zip(r["contestants"], r["lengths"][0]["results"]))
  and all(x["measured"]["runs"] == 2 and x["measured"]["total_seconds"] > 0 and abs(x["measured"]["upload_seconds"]
          + x["measured"]["compute_seconds"] + x["measured"]["download_seconds"]
          - x["measured"]["total_seconds"]) < 1e-9
          for x in r["lengths"][0]["results"] if x["measured"])
  and all((x["measured"]["upload_seconds"] > 0) == (c["kind"] == "device")
          for c, x in zip(r["contestants"], r["lengths"][0]["results"]) if x["measured"])
  and r["lengths"][0]["tokens"] == 33 and r["no_device"] is None
  and (r["disturbed"] is None or "the machine was not idle" in r["disturbed"])' -- "$clattn" compare --json "${small[@]}"
expect "compare: the report" 0 '^problem +batch 1, tokens 33, model_dim 32, 2 heads of 16, random, seed 1$
^who +1 reference, 1 core$
upload +compute +download +total +vs ref +vs fastest +spread runs
^1 reference, 1 core +- +[0-9.]+ [um]?s +- +[0-9.]+ [um]?s +1.00 x
^4 .*, fused +[0-9.]+ [um]?s +[0-9.]+ [um]?s +[0-9.]+ [um]?s +[0-9.]+ [um]?s .* 2
  fastest$
energy is not measured$' -- "$clattn" compare "${small[@]}"
cp "$folder/out" "$folder/page"
expect "compare: no escapes go into a pipe" 1 '' -- grep "$(printf '\033')" "$folder/page"
for meaning in "--causal --kv-heads 1" "--type bf16" "--layout xwt --value-dim 5 --batch 3"; do
  # shellcheck disable=SC2086 # several options
  holds "compare $meaning: also correct without a device" 0 'not any(x["state"] in ("wrong", "cannot run")
    for c, x in zip(r["contestants"], r["lengths"][0]["results"]) if c["missing"] is None)' -- \
    "${no_device[@]}" "$clattn" compare --json "${small[@]}" $meaning
done
holds "compare --pipeline all" 0 '{c["pipeline"] for c in r["contestants"]} == {None, "staged", "blas", "fused"}
  and not any(x["state"] == "wrong" for x in r["lengths"][0]["results"])' -- \
  "$clattn" compare --json "${small[@]}" --pipeline all
expect "compare --seconds: contestants that would take too long are left out" 0 \
  '^1 reference.* left out: a run would take about ' -- "${no_device[@]}" "$clattn" compare --tokens 400 --model-dim 32 --heads 2 --seconds 0.00001

# ---- a sweep

sweep=(--sweep --model-dim 32 --heads 2 --tokens 50 --repeat 2)
expect "compare --sweep" 0 '^problem +batch 1, tokens 16 to 50,
^16 tokens, 
^32 tokens, 
^50 tokens, 
^ +16 .* [1-9]$
^who is ahead of whom
^[1-9] of [1-9] +(from the start|from about [0-9]+(\.[0-9])? on) ' -- \
  "$clattn" compare "${sweep[@]}" --csv "$folder/s.csv" --svg "$folder/s.svg"
expect "compare --csv: whole lines" 0 '' -- python3 -c \
  'import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
times = [row for row in rows if row["line"] == "time"]
assert len({row["disturbed"] for row in times}) == 1, times
assert {int(row["tokens"]) for row in times} == {16, 32, 50} and len(times) % 3 == 0, rows
assert all(float(row["total_seconds"]) > 0 for row in times if row["state"] == "timed")
ahead = [row for row in rows if row["line"] == "ahead"]
who = len({row["who"] for row in times if row["state"] == "timed"})
assert len(ahead) == who * (who - 1) and all(row["by"] in ("total", "compute") for row in ahead), ahead
assert all(row["state"] in ("always", "from", "until", "never") and None not in row for row in ahead)' "$folder/s.csv"
expect "compare --svg is whole" 0 '' -- python3 -c \
  'import sys, xml.dom.minidom
text = xml.dom.minidom.parse(sys.argv[1]).toxml()
assert all(part in text for part in ("tokens", "reference, 1 core", ", fused", "computing only")), text' \
  "$folder/s.svg"
holds "compare --sweep --json" 0 '[x["tokens"] for x in r["lengths"]] == [16, 32]
  and all(p["total"]["kind"] in ("always", "from") and p["total"]["last_tokens"] == 32 for p in r["ahead"])' -- \
  "${no_device[@]}" "$clattn" compare --json --sweep --tokens 32 --model-dim 32 --heads 2 --repeat 1

# ---- missing and wrong contestants

expect "compare without a device: only the CPU" 0 '^no device: no OpenCL platform is installed
^1 reference, 1 core +- ' -- "${no_device[@]}" "$clattn" compare "${small[@]}"
expect "compare --blas: a library that is not there is named as missing" 0 \
  '^3 is not available: .*nonsense.so' -- "${no_device[@]}" "$clattn" compare "${small[@]}" --blas "$folder/nonsense.so"
cp -r "$here/../kernels" "$folder/kernels"
sed -i 's/a\.scale/0.5f * a.scale/' "$folder"/kernels/fused/*.cl "$folder"/kernels/common/*.cl
expect "a wrong device is shown, not timed, and the exit code is 1" 1 '^4 .*, fused +WRONG: not timed
^1 reference, 1 core +- ' -- env CLATTN_KERNEL_DIR="$folder/kernels" "$clattn" compare "${small[@]}"
for file in "$folder"/kernels/fused/*.cl; do echo 'no kernel' >"$file"; done
expect "a device that cannot run it is shown with the reason" 0 '^4 .*, fused .*fused/.*\.cl
^1 reference, 1 core +- ' -- env CLATTN_KERNEL_DIR="$folder/kernels" "$clattn" compare "${small[@]}"

# ---- wrong use

wrong() { # PATTERNS OPTION...
  local patterns=$1
  shift
  refuse "compare ${*//"$folder"\//}" 2 "$patterns" -- "$clattn" compare "$@"
}
wrong '--bogus.*clattn help compare' --bogus
wrong "unexpected argument 'stray'" stray
wrong '--tokens 0 \(allowed: 1 to ' --tokens 0
wrong '--tokens 8 \(allowed with --sweep: 16 or more' --sweep --tokens 8
wrong '--heads 3 does not divide --model-dim 32' --model-dim 32 --heads 3
wrong '--repeat 22 \(allowed: 1 to 21\)' --repeat 22
wrong '--seconds 0 \(allowed: any finite number above 0\)' --seconds 0
wrong '--pipeline tiled \(allowed: staged, blas, fused, all\)' --pipeline tiled
wrong '--svg is given without --sweep' --svg "$folder/x.svg"
wrong "--csv: $folder cannot be written: Is a directory" --csv "$folder"
wrong "--svg: $folder cannot be written: Is a directory" --sweep --svg "$folder"
wrong "--csv: $folder/none/x.csv cannot be written: " --csv "$folder/none/x.csv"
refuse "compare --device nosuch" 3 "'nosuch' \(allowed: " -- "$clattn" compare --device nosuch
expect "help compare" 0 '^Usage: clattn compare
^ +--sweep ' -- "$clattn" help compare
expect "no part files are left" 1 '' -- sh -c "ls '$folder' | grep part"
if [ -e /dev/full ]; then
  expect "compare --csv into a full disk" 2 '--csv /dev/full: cannot be written: No space left' -- \
    "$clattn" compare --tokens 16 --model-dim 32 --heads 2 --repeat 1 --csv /dev/full
  # shellcheck disable=SC2016 # sh expands it
  expect "compare into a full disk" 2 'cannot write to standard output' -- \
    sh -c '"$1" compare --json --tokens 16 --model-dim 32 --heads 2 --repeat 1 >/dev/full' - "$clattn"
else
  skip "compare into a full disk" "no /dev/full"
fi

finish
