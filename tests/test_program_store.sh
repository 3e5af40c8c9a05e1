#!/usr/bin/env bash
# The store of compiled programs from outside, with oclgrind, whose driver keeps no programs itself.
#
# usage: test_program_store.sh PROGRAM; exits with 77 (skipped), or CLATTN_SKIPPED, if there is no
# oclgrind.

if ! command -v oclgrind >/dev/null; then
  echo "skipped: oclgrind is not installed (Debian: oclgrind)"
  exit "${CLATTN_SKIPPED:-77}"
fi
# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
programs=$folder/deep/programs
# The naive kernels, because oclgrind is slow.
run=(oclgrind "$clattn" run --explain-plan --repeat 1 --kernel "project=1,scores=1,softmax=1,context=1")
kept=(env CLATTN_PROGRAM_DIR="$programs" "${run[@]}")

# all_from NAME PATTERN -- COMMAND...: every program's origin matches PATTERN.
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
expect "only the user can access the folder" 0 '^drwx------' -- ls -ld "$programs"
for one in "$programs"/*.program; do truncate -s -1 "$one"; done
all_from "an incomplete file is replaced" "built, stored as $file, replacing a useless file" -- "${kept[@]}"
all_from "and found again" "from the store, $file" -- "${kept[@]}"
# Only project's kernels depend on the layout.
expect "other options, another program" 0 '^built 1, from the store 3$' -- bash -c '
  "$@" | awk "/^ +program built, stored as/ {built++} /^ +program from the store/ {found++}
    END {print \"built \" built \", from the store \" found}"' - "${kept[@]}" --layout xwt

# ---- the past in a cache, whose plan is not explained: files tell

count() {
  find "$1" -type f | wc -l
}

cached=(--random --tokens 1 --head-dim 8 --cache-capacity 16)
past=("${cached[@]}" --past-tokens 8)
own=(env CLATTN_PROGRAM_DIR="$folder/past" "${run[@]}")
expect "a cache without a past" 0 '^passed: ' -- "${own[@]}" "${cached[@]}"
files=$(count "$folder/past")
expect "a past takes other kernels" 0 '^passed: ' -- "${own[@]}" "${past[@]}"
expect "... which are stored, too" 0 '' -- test "$(count "$folder/past")" -gt "$files"
touch "$folder/then"
expect "... and found again" 0 '^passed: ' -- "${own[@]}" "${past[@]}"
expect "... so nothing is stored again" 0 '' -- test -z "$(find "$folder/past" -newer "$folder/then")"
expect "with kernels from a folder" 0 '^passed: ' -- \
  env CLATTN_KERNEL_DIR="$here/../kernels" CLATTN_PROGRAM_DIR="$folder/past-edited" "${run[@]}" "${past[@]}"
expect "... the past stores nothing" 0 '' -- test ! -e "$folder/past-edited"

# ---- the place of the store

all_from "an empty CLATTN_PROGRAM_DIR disables the store" built -- env CLATTN_PROGRAM_DIR= "${run[@]}"
all_from "in the user's cache folder" "built, stored as $file" -- \
  env -u CLATTN_PROGRAM_DIR XDG_CACHE_HOME="$folder/cache" "${run[@]}"
expect "... which has its file" 0 "$file" -- ls "$folder/cache/clattn/programs"
all_from "below the home folder" "built, stored as $file" -- \
  env -u CLATTN_PROGRAM_DIR -u XDG_CACHE_HOME HOME="$folder/home" "${run[@]}"
expect "... which has its file, too" 0 "$file" -- ls "$folder/home/.cache/clattn/programs"
all_from "neither" built -- env -u CLATTN_PROGRAM_DIR -u XDG_CACHE_HOME -u HOME "${run[@]}"
cd "$folder" || exit 2
all_from "relative cache folders are ignored" built -- env -u CLATTN_PROGRAM_DIR XDG_CACHE_HOME=cache2 HOME=home2 "${run[@]}"
expect "... and are not made" 0 '' -- test ! -e cache2 -a ! -e home2
all_from "the home folder replaces a relative cache folder" "from the store, $file" -- \
  env -u CLATTN_PROGRAM_DIR XDG_CACHE_HOME=cache2 HOME="$folder/home" "${run[@]}"
cd "$OLDPWD" || exit 2
long=$(printf '/%.0sa' {1..3000})
all_from "a path that is too long" "built, not stored: the path of the folder is too long" -- \
  env CLATTN_PROGRAM_DIR="$long" "${run[@]}"

echo >"$folder/taken"
all_from "a file where the folder should be" "built, not stored: Not a directory \($folder/taken\)" -- \
  env CLATTN_PROGRAM_DIR="$folder/taken" "${run[@]}"
cp -r "$programs" "$folder/open"
chmod 770 "$folder/open"
all_from "a folder that others may write to" "built, not stored: others may write to the folder \($folder/open\)" -- \
  env CLATTN_PROGRAM_DIR="$folder/open" "${run[@]}"
mkdir -m 500 "$folder/locked"
reason='Permission denied'
if [ "$(id -u)" -eq 0 ]; then # root may write to all folders, but uses only its own
  reason='others may write to the folder'
  chown 65534 "$folder/locked"
fi
all_from "a folder that may not be written" "built, not stored: $reason \($folder/locked\)" -- \
  env CLATTN_PROGRAM_DIR="$folder/locked" "${run[@]}"
odd=$folder/$'odd-\xff'
echo >"$odd"
report "--json of a folder whose name is no UTF-8" 0 'any("not stored" in e["program"] and "odd-\xff" in e["program"]
  for e in r["explain"] if e["kind"] == "by hand")' -- env CLATTN_PROGRAM_DIR="$odd" "${run[@]}" --json

# ---- two processes at once

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
all_from "their file is found" "from the store, $file" -- env CLATTN_PROGRAM_DIR="$folder/shared" "${run[@]}"
expect "and nothing else" 0 '' -- test -z "$(find "$folder/shared" -type f -not -name '*.program')"

finish
