#!/usr/bin/env bash
# Every kernel of the catalogue, with small odd shapes, under oclgrind: data races, uninitialised
# reads, out-of-bounds accesses, wrong use of the API. oclgrind exits with 0 even after findings, so
# the log must exist and be empty, the device must be the simulator, and the program's own check
# must pass.
#
# usage: test_oclgrind.sh PROGRAM LIST_KERNELS staged|fused [PART]; exits with 77 (skipped), or CLATTN_SKIPPED,
# if there is no oclgrind. The simulator takes seconds for each case: with CLATTN_LONG=1 every
# feature runs with every family of kernels, otherwise with a sixth of them.
set -euo pipefail
program=$1 list=$2 pipeline=$3
# shellcheck source=tests/part.sh
. "$(dirname "$0")/part.sh" "${4:-1/1}"
if ! command -v oclgrind >/dev/null; then
  echo "skipped: oclgrind is not installed (Debian: oclgrind)"
  exit "${CLATTN_SKIPPED:-77}"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
build_options=()
export CLATTN_PROGRAM_DIR= # a stored program built with other --build-options would be accepted
# The same kernels, from their folder: plans then skip the self-test, which would take the simulator
# minutes.
CLATTN_KERNEL_DIR=$(cd "$(dirname "$0")/../kernels" && pwd)
export CLATTN_KERNEL_DIR

under_oclgrind() { # ARGUMENTS of clattn run
  under_oclgrind_alone run "$@" --repeat 1
}

under_oclgrind_alone() { # ARGUMENTS of clattn
  local code=0 options=("${build_options[@]}")
  mine || return 0
  rm -f "$work/log"
  # oclgrind 21.10 takes what its optimiser's shuffles make for uninitialised, where a panel's blocks
  # are transposed.
  case "$*" in *project=panel* | *scores=panel*) options=(--build-options -cl-opt-disable) ;; esac
  oclgrind --data-races --uninitialized --check-api "${options[@]}" --log "$work/log" \
    "$program" "$@" >"$work/out" 2>&1 || code=$?
  if [ $code -eq 0 ] && [ -f "$work/log" ] && [ ! -s "$work/log" ] && grep -q 'Oclgrind Simulator' "$work/out"; then
    passed=$((passed + 1))
    return
  fi
  failed=$((failed + 1))
  echo "FAIL $*: exit code $code"
  head -n 20 "$work/log" 2>/dev/null || true
  tail -n 20 "$work/out"
}

# Launches in many pieces: only the library's own kernels are split. Naming them by hand skips the
# self-test.
in_pieces() { # ARGUMENTS of clattn run
  CLATTN_KERNEL_DIR='' under_oclgrind "$@" --launch-seconds 1e-12
}

shape=(--random --batch 2 --tokens 19 --model-dim 18 --heads 2 --head-dim 17 --value-dim 5)
# shellcheck source=tests/features.sh
. "$(dirname "$0")/features.sh"

staged() {
  local families planned i
  mapfile -t families < <("$list" staged small any cpu gpu)
  # Without the kernels for CPUs, whose standard sizes take the simulator minutes.
  mapfile -t planned < <("$list" staged planned any gpu)
  # The layout matters only to project, the mask only to the other stages.
  for kernels in "${families[@]}"; do
    under_oclgrind "${shape[@]}" --layout xw --kernel "$kernels"
    under_oclgrind "${shape[@]}" --layout xwt --causal --kernel "$kernels"
  done
  for kernels in "${families[@]}"; do in_pieces "${shape[@]}" --causal --kernel "${kernels%,output=*}"; done
  # The kernel that converts on CPUs; a plan does not select it on the simulator.
  under_oclgrind "${shape[@]}" --type f16 --positions sinusoidal --kernel "${families[0]},convert=vector"
  in_pieces "${shape[@]}" --type bf16 --kernel "${families[0]%,output=*},convert=vector"
  # More keys than a work-group has work-items, and more terms than a strip: of project and context,
  # then of scores.
  for i in "${!families[@]}"; do
    read -ra mask <<<"$([ $((i % 2)) -eq 0 ] && echo --causal)"
    under_oclgrind --random --tokens 70 --model-dim 70 --heads 1 --head-dim 9 "${mask[@]}" --kernel "${families[i]}"
    under_oclgrind --random --tokens 20 --model-dim 9 --heads 1 --head-dim 66 "${mask[@]}" --kernel "${families[i]}"
  done
  # The standard tile sizes, which one problem of this size fills and exceeds.
  for kernels in "${planned[@]}"; do
    under_oclgrind --random --tokens 70 --model-dim 20 --heads 1 --head-dim 9 --causal --kernel "$kernels"
  done
  for i in "${!families[@]}"; do with_features "$i" --kernel "${families[i]}"; done
  for example in please-study-man dog-chased-ball cat-sat-down love-apple-phones; do
    under_oclgrind --example $example
  done
  # Traced plans, with the features that change the shapes of traced tensors.
  for traced in "please-study-man" "cat-sat-down --heads 2 --causal" \
    "${feature_shape[*]} --batch 2 --kv-heads 1 --sinks $work/sinks.npy --key-lengths 19,4 --softcap 2 --type f16"; do
    read -ra options <<<"$traced"
    under_oclgrind_alone explain "${options[@]}" --kernel "${families[0]}"
  done
}

# with_features N ARGUMENT...: all features, or a different sixth of them for the N-th family of
# kernels.
with_features() {
  local number=$1 feature
  shift
  for feature in "${!features[@]}"; do
    [ "${CLATTN_LONG:-0}" = 1 ] || [ $(((number + feature) % 6)) -eq 0 ] || continue
    read -ra options <<<"${features[feature]}"
    under_oclgrind "${feature_shape[@]}" "${options[@]}" "$@"
  done
}

# Writes TOKENS x COLUMNS halves as .npy. Two ASCII digits make a half between 0.1 and 0.9.
halves() { # TOKENS COLUMNS
  local header length
  header="{'descr': '<f2', 'fortran_order': False, 'shape': ($1, $2), }"
  length=$(((${#header} + 11 + 63) / 64 * 64 - 10))
  printf '\x93NUMPY\x01\x00%b' "\\x$(printf %02x $length)\\x00"
  printf "%-$((length - 1))s\n" "$header"
  seq 1000 1999 | tr -d '\n' | head -c $((2 * $1 * $2))
}

every_way() { # N KERNEL: the N-th fused kernel
  local number=$1 kernel=project=naive,output=naive,$2 # the staged pipeline has the others
  for causal in "" --causal; do under_oclgrind "${shape[@]}" $causal --pipeline fused --kernel "$kernel"; done
  in_pieces "${shape[@]}" --causal --pipeline fused --kernel "project=naive,$2"
  with_features "$number" --pipeline fused --kernel "$kernel"
  # Halves that are read without widening.
  under_oclgrind --q "$work/q.npy" --k "$work/k.npy" --v "$work/v.npy" --heads 2 --type f16 --pipeline fused --kernel "$2"
}

# Fused attention: every feature, in several tiles and blocks; also the standard sizes, with several
# depths and parts.
fused() {
  local kernel kernels target number=0
  halves 19 34 >"$work/q.npy"
  halves 23 34 >"$work/k.npy"
  halves 23 38 >"$work/v.npy"
  # oclgrind 21.10 crashes on the shuffles that its optimiser makes where kernels for CPUs join and
  # transpose lanes.
  for target in any gpu cpu; do
    build_options=()
    [ $target != cpu ] || build_options=(--build-options -cl-opt-disable)
    mapfile -t kernels < <("$list" fused small $target)
    for kernel in "${kernels[@]}"; do
      every_way $number "$kernel"
      number=$((number + 1))
      under_oclgrind --random --tokens 70 --model-dim 9 --heads 1 --head-dim 18 --causal --pipeline fused \
        --kernel "project=naive,$kernel"
    done
  done
  build_options=()
  mapfile -t kernels < <("$list" fused planned gpu)
  for kernel in "${kernels[@]}"; do
    under_oclgrind --random --tokens 40 --model-dim 9 --heads 1 --head-dim 18 --causal --pipeline fused \
      --kernel "project=naive,$kernel"
  done
}

"$pipeline"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
