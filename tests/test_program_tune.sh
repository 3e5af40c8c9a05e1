#!/usr/bin/env bash
# `clattn tune` and `clattn run --explain-plan` from outside: test_program_tune.sh PROGRAM

# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
record=$folder/record.json
small=(--quick --head-dim 16 --tokens 64 --stage fused)
fast=(--quick --head-dim 16 --tokens 64 --stage softmax) # which has the fewest tile sizes
run=("$clattn" run --random --tokens 64 --head-dim 16 --pipeline fused)

# ---- a record is made and used

expect "tune --quick" 0 "^record +$record\$
^fused, head_dim 16, tokens 64: .* GFLOP/s
^fused, head_dim 16, 1 query x 64: 
^fused +16 +64 x 64 
^GFLOP/s.* stored in $record\$" -- "$clattn" tune "${small[@]}" --file "$record"
expect "tune leaves one file" 0 '' -- test "$(ls "$folder"/record.json*)" = "$record"
expect "the record has two problems" 0 '' -- python3 -c \
  'import json, sys; assert len(json.load(open(sys.argv[1]))["entries"]) == 2' "$record"
expect "run --explain-plan names the record" 0 '^plan .*; tuned$
^why .*
^ +fused +[0-9] [a-z]+ +from the record: tuned 20[0-9-]+T
^passed: ' -- env CLATTN_TUNING_FILE="$record" "${run[@]}" --explain-plan
report "run --explain-plan --json" 0 'r["plan"]["tuned"] and [e["choice"] for e in r["explain"]
  if e["stage"] == "fused" and e["kind"] == "from the record"] != []' -- \
  env CLATTN_TUNING_FILE="$record" "${run[@]}" --explain-plan --json
report "run --json explains only if asked" 0 'r["explain"] is None and not r["plan"]["tuned"]' -- "${run[@]}" --json
expect "--kernel overrides the record" 0 '^ +fused +2 online +by hand: ' -- \
  env CLATTN_TUNING_FILE="$record" "${run[@]}" --explain-plan --kernel fused=online
expect "other lengths do not use it" 0 '^ +fused +record +record not used: ' -- \
  env CLATTN_TUNING_FILE="$record" "$clattn" run --random --tokens 300 --head-dim 16 --pipeline fused --explain-plan
expect "an empty CLATTN_TUNING_FILE is ignored" 0 '^ +fused +[0-9] [a-z]+ +chosen: ' -- \
  env CLATTN_TUNING_FILE= "${run[@]}" --explain-plan
sed -i.old 's/"driver_version": "/"driver_version": "old /' "$record"
expect "a record of another driver" 0 '^why +all +record +record not used: .*another driver
^passed: ' -- env CLATTN_TUNING_FILE="$record" "${run[@]}" --explain-plan
echo '{"format": ' >"$folder/broken.json"
expect "a record that is no JSON" 0 'record not used: .*not JSON
^passed: ' -- env CLATTN_TUNING_FILE="$folder/broken.json" "${run[@]}" --explain-plan
mkdir "$folder/cache"
expect "tune into the user's cache folder" 0 "stored in $folder/cache/clattn/.*\.json\$" -- \
  env -u CLATTN_TUNING_FILE XDG_CACHE_HOME="$folder/cache" "$clattn" tune "${fast[@]}"
expect "run finds it there" 0 '^plan .*; tuned$' -- \
  env -u CLATTN_TUNING_FILE XDG_CACHE_HOME="$folder/cache" "$clattn" run --random --tokens 64 --head-dim 16 --pipeline staged

# ---- interrupted

# The first problem is searched, the second is interrupted: the first one's result stays.
interrupted() {
  local pid i
  "$clattn" tune --quick --head-dim 16 --tokens 64,2048 --stage softmax --file "$folder/cut.json" >"$folder/cut" 2>&1 &
  pid=$!
  for ((i = 0; i < 600; ++i)); do
    grep -qs "^softmax, head_dim 16, tokens 64" "$folder/cut" && break
    sleep 0.1
  done
  kill -INT "$pid"
  wait "$pid"
}
# bash makes background commands ignore SIGINT, except with job control.
set -m
interrupted
status=$?
set +m
if [ "$status" -eq 130 ]; then ok "interrupted: ends by the signal"; else fail "interrupted" "exit code $status"; fi
expect "interrupted: what was found is kept" 0 '"query_len": 64' -- cat "$folder/cut.json"
expect "interrupted: and shown" 0 "^softmax +16 +64 x 64 " -- cat "$folder/cut"

# ---- wrong use

wrong() { # PATTERNS OPTION...
  local patterns=$1
  shift
  local name="tune $*"
  refuse "${name//"$folder"\//}" 2 "$patterns" -- "$clattn" tune "$@"
}
wrong '--bogus.*clattn help tune' --bogus
wrong "'stray'.*clattn help tune" stray
wrong '--head-dim 0 \(allowed: numbers from 1 to 65536' --head-dim 0
wrong '--head-dim 64,x \(allowed: ' --head-dim 64,x
wrong '--tokens 70000 \(allowed: numbers from 1 to 65536' --tokens 70000
wrong '--stage nonsense \(allowed: project, scores, softmax, context, fused\)' --stage nonsense
wrong '--math half \(allowed: float, stored\)' --math half
wrong '--math stored does not go with --type f32' --math stored
wrong '--math stored does not go with --stage scores \(allowed: fused\)' --type f16 --math stored --stage scores
wrong '--type f64 \(allowed: f32, f16, bf16\)' --type f64
wrong 'no place for the tuning record \(allowed: ' "${small[@]}"
wrong 'no-such-folder/r.json: cannot be written' "${small[@]}" --file "$folder/no-such-folder/r.json"
wrong 'not JSON' "${small[@]}" --file "$folder/broken.json"
expect "a file that is no record is left as it is" 0 '^\{"format": $' -- cat "$folder/broken.json"
mkdir "$folder/taken.json"
wrong 'taken.json: ' "${small[@]}" --file "$folder/taken.json"
if [ "$(id -u)" -ne 0 ]; then
  mkdir -m 500 "$folder/locked"
  wrong 'locked/r.json: cannot be written' "${small[@]}" --file "$folder/locked/r.json"
else
  skip "a folder that may not be written" "root may"
fi
refuse "tune --device nosuch" 3 "'nosuch' \(allowed: " -- "$clattn" tune --device nosuch

finish
