# shellcheck shell=bash
# Shared by the tests of the program; source it with the script's arguments: PROGRAM [...].
#
# Sets clattn, here, and folder, a new folder that is removed at the end of the script, and counts
# cases. Needs bash, coreutils, grep, sed and python3 without packages.
set -u

[ $# -ge 1 ] || { echo "usage: $(basename "$0") PROGRAM" >&2; exit 2; }
clattn=$1
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
export POCL_CACHE_DIR="${POCL_CACHE_DIR:-$folder/pocl}" PYTHONDONTWRITEBYTECODE=1
mkdir -p "$POCL_CACHE_DIR"
unset CLATTN_KERNEL_DIR NO_COLOR
export CLATTN_TUNING_FILE='' CLATTN_PROGRAM_DIR='' # ignore the user's own files
passed=0
failed=0

ok() {
  passed=$((passed + 1))
  echo "ok   $1"
}

# fail NAME WHAT: prints what was observed and the beginning of the last command's output.
fail() {
  failed=$((failed + 1))
  echo "FAIL $1: $2; output: $(cat "$folder/err" "$folder/out" | tr -d '\0\033' | tr '\n' '|' | cut -c 1-500)"
}

skip() {
  echo "skip $1: $2"
}

# examine NAME CODE PATTERNS COMMAND...: runs the command with output in $folder/out and
# $folder/err. CODE is a regular expression; each line of PATTERNS must match a line of the output.
# Leaves the complaint in $seen.
examine() {
  local code=$1 patterns=$2 pattern status
  shift 2
  seen=
  timeout 300 "$@" >"$folder/out" 2>"$folder/err" </dev/null
  status=$?
  # LeakSanitizer itself can crash on a driver's threads that end at that moment, which says nothing
  # about the program.
  if grep -aqs 'LeakSanitizer has encountered a fatal error' "$folder/err"; then
    timeout 300 "$@" >"$folder/out" 2>"$folder/err" </dev/null
    status=$?
  fi
  [[ $status =~ ^($code)$ ]] || see "exit code $status instead of $code"
  while IFS= read -r pattern; do
    grep -aEqs -e "$pattern" "$folder/out" "$folder/err" || see "nothing matches '$pattern'"
  done < <(grep . <<<"$patterns")
  if grep -aEq 'Sanitizer|runtime error:' "$folder/err"; then see "a sanitizer complained"; fi
}

see() {
  seen="$seen${seen:+, }$1"
}

judge() {
  if [ -z "$seen" ]; then ok "$1"; else fail "$1" "$seen"; fi
}

# expect NAME CODE PATTERNS -- COMMAND...
expect() {
  local name=$1 code=$2 patterns=$3
  shift 4
  examine "$code" "$patterns" "$@"
  judge "$name"
}

# refuse NAME CODE PATTERNS -- COMMAND...: as expect, but the message is on standard error and
# standard output is empty.
refuse() {
  local name=$1 code=$2 patterns=$3
  shift 4
  examine "$code" "$patterns" "$@"
  [ ! -s "$folder/out" ] || see "something on standard output"
  grep -aq '^clattn: ' "$folder/err" || see "no line that begins with 'clattn: '"
  judge "$name"
}

# reject CODE PATTERNS OPTION...: refuse for 'clattn run', with the options as the name.
reject() {
  local code=$1 patterns=$2
  shift 2
  local name="run $*"
  refuse "${name//"$folder"\//}" "$code" "$patterns" -- "$clattn" run "$@"
}

tool=(python3 "$here/program_tool.py")

# same NAME FILE FILE [TOLERANCE]: two .npy files have the same shape and values.
same() {
  expect "$1" 0 '' -- "${tool[@]}" same "$2" "$3" "${4:-1e-6}"
}

# report NAME CODE EXPRESSION -- COMMAND...: the whole standard output is one JSON report r for
# which EXPRESSION is true.
report() {
  local name=$1 code=$2 expression=$3
  shift 4
  examine "$code" '' "$@"
  if [ -z "$seen" ]; then seen=$("${tool[@]}" json "$folder/out" "$expression" 2>&1 | tail -n 1); fi
  judge "$name"
}

# The last command of a script.
finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}

examine 0 '' python3 -c 'import sys; assert sys.version_info >= (3, 8)'
judge "python3 is there"
