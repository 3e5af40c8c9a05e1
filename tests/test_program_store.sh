#!/usr/bin/env bash
# The store of compiled programs from outside, on oclgrind, whose driver keeps none itself.
#
# usage: test_program_store.sh PROGRAM; exits with 77 (skipped), or CLATTN_SKIPPED, where there is no oclgrind.

if ! command -v oclgrind >/dev/null; then
  echo "skipped: oclgrind is not installed (Debian: oclgrind)"
  exit "${CLATTN_SKIPPED:-77}"
fi
# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
programs=$folder/deep/programs
# The simplest kernels: oclgrind is slow.
run=(oclgrind "$clattn" run --explain-plan --repeat 1 --kernel "project=1,scores=1,softmax=1,context=1")
kept=(env CLATTN_PROGRAM_DIR="$programs" "${run[@]}")

# all_from NAME PATTERN -- COMMAND...: every program came from where PATTERN says.
all_from() {
  local name=$1 pattern=$2
  shift 3
  examine 0 "^ +program $pattern\$
^passed: " "$@"
  if grep -E '^ +program ' "$folder/out" | grep -Evq "^ +program $pattern\$"; then see "others than '$pattern'"; fi
  judge "$name"
}

file='[0-9a-f]{16}\.program'
all_from "the first run stores" "built, stored as $file" -- "${kept[@]}"
all_from "the second finds" "from the store, $file" -- "${kept[@]}"
report "--json names the files" 0 'all(e["program"].startswith("from the store, ") for e in r["explain"]
  if e["kind"] == "by hand")' -- "${kept[@]}" --json
expect "there are programs in the folder and nothing else" 0 '' -- \
  test -z "$(find "$programs" -mindepth 1 -not -name '*.program')" -a -n "$(ls "$programs")"
expect "the folder is the user's alone" 0 '^drwx------' -- ls -ld "$programs"
for one in "$programs"/*.program; do truncate -s -1 "$one"; done
all_from "what is cut off is built anew" "built, stored as $file in place of one of no use" -- "${kept[@]}"
all_from "and found again" "from the store, $file" -- "${kept[@]}"
all_from "other options, other programs" "built, stored as $file" -- "${kept[@]}" --layout xwt
expect "a past in a cache takes part" 0 '^passed: ' -- "${kept[@]}" --random --tokens 1 --head-dim 8 \
  --cache-capacity 16 --past-tokens 8
files=$(find "$programs" -type f | wc -l)
expect "... and finds its programs" 0 '^passed: ' -- "${kept[@]}" --random --tokens 1 --head-dim 8 \
  --cache-capacity 16 --past-tokens 8
expect "... without more files" 0 '' -- test "$(find "$programs" -type f | wc -l)" -eq "$files"

all_from "an empty CLATTN_PROGRAM_DIR is no store" built -- env CLATTN_PROGRAM_DIR= "${run[@]}"
all_from "in the user's cache folder" "built, stored as $file" -- \
  env -u CLATTN_PROGRAM_DIR XDG_CACHE_HOME="$folder/cache" "${run[@]}"
expect "there it is" 0 "$file" -- ls "$folder/cache/clattn/programs"
all_from "below the home folder" "built, stored as $file" -- \
  env -u CLATTN_PROGRAM_DIR -u XDG_CACHE_HOME HOME="$folder/home" "${run[@]}"
expect "there it is, too" 0 "$file" -- ls "$folder/home/.cache/clattn/programs"
all_from "neither" built -- env -u CLATTN_PROGRAM_DIR -u XDG_CACHE_HOME -u HOME "${run[@]}"

echo >"$folder/taken"
all_from "a file where the folder should be" "built, not stored: Not a directory \($folder/taken\)" -- \
  env CLATTN_PROGRAM_DIR="$folder/taken" "${run[@]}"
if [ "$(id -u)" -ne 0 ]; then
  mkdir -m 500 "$folder/locked"
  all_from "a folder that may not be written" "built, not stored: Permission denied \($folder/locked\)" -- \
    env CLATTN_PROGRAM_DIR="$folder/locked" "${run[@]}"
else
  skip "a folder that may not be written" "root may"
fi

# ---- two at once

pids=()
for one in 1 2 3; do
  CLATTN_PROGRAM_DIR="$folder/shared" "${run[@]}" >"$folder/at-once.$one" 2>&1 &
  pids+=($!)
done
for one in 1 2 3; do
  wait "${pids[one - 1]}"
  expect "at once, $one: exit code" 0 '' -- test $? -eq 0
  expect "at once, $one" 0 '^passed: ' -- cat "$folder/at-once.$one"
done
all_from "what they left is found" "from the store, $file" -- env CLATTN_PROGRAM_DIR="$folder/shared" "${run[@]}"
expect "and nothing else" 0 '' -- test -z "$(find "$folder/shared" -type f -not -name '*.program')"

finish
