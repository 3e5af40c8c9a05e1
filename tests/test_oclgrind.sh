#!/usr/bin/env bash
# Every kernel of the catalogue, with small odd shapes, under oclgrind: data races, uninitialised
# reads, out-of-bounds accesses, wrong use of the API. oclgrind exits with 0 even after findings, so
# the log must exist and be empty, the device must be the simulator, and the program's own check
# must pass.
#
# usage: test_oclgrind.sh PROGRAM staged|fused [PART]; exits with 77 (skipped), or CLATTN_SKIPPED,
# if there is no oclgrind. The simulator takes seconds for each case: with CLATTN_LONG=1 every
# feature runs with every family of kernels, otherwise with a third of them.
set -euo pipefail
program=$1 pipeline=$2
# shellcheck source=tests/part.sh
. "$(dirname "$0")/part.sh" "${3:-1/1}"
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
  local code=0
  mine || return 0
  rm -f "$work/log"
  oclgrind --data-races --uninitialized --check-api "${build_options[@]}" --log "$work/log" \
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
tiled=tiled:TILE=8 column=column:TILE=8:ITEM_ROWS=2 wide=wide:LOCAL_X=8:LOCAL_Y=8 panel=panel:STRIP=64
register=register:LOCAL_X=8:LOCAL_Y=8:ITEM_ROWS=2:ITEM_COLS=2
families=(
  "project=naive,scores=naive,softmax=naive,context=naive,output=naive"
  "project=coalesced,scores=$column,softmax=online,context=naive,output=coalesced"
  "project=$tiled,scores=$tiled,softmax=tiled:LOCAL_X=32,context=$tiled,output=$tiled"
  "project=$column,scores=$wide,softmax=pairs:LOCAL_X=32,context=$tiled,output=$column"
  "project=$register,scores=$register,softmax=register:LOCAL_X=32:ITEM_KEYS=4,context=$register,output=$register"
  "project=$wide,scores=naive,softmax=naive,context=naive,output=$wide"
  "project=$panel,scores=$panel,softmax=vector,context=$panel,output=$panel"
)
# shellcheck source=tests/features.sh
. "$(dirname "$0")/features.sh"

staged() {
  # The layout matters only to project, the mask only to the other stages.
  for kernels in "${families[@]}"; do
    under_oclgrind "${shape[@]}" --layout xw --kernel "$kernels"
    under_oclgrind "${shape[@]}" --layout xwt --causal --kernel "$kernels"
  done
  for kernels in "${families[@]}"; do in_pieces "${shape[@]}" --causal --kernel "${kernels%,output=*}"; done
  # More keys than a work-group has work-items, more terms than a strip, and the standard tile
  # sizes.
  under_oclgrind --random --tokens 70 --model-dim 70 --heads 1 --head-dim 9 --causal \
    --kernel project=register,scores=tiled,softmax=register:LOCAL_X=32:ITEM_KEYS=4,context=register
  under_oclgrind --random --tokens 70 --model-dim 70 --heads 1 --head-dim 9 \
    --kernel project=wide,scores=column,softmax=pairs:LOCAL_X=32,context=tiled
  under_oclgrind --random --tokens 70 --model-dim 70 --heads 1 --head-dim 66 \
    --kernel project=panel:STRIP=64,scores=panel:STRIP=64,softmax=tiled:LOCAL_X=32,context=panel:STRIP=64
  local family
  for family in "${!families[@]}"; do with_features "$family" --kernel "${families[family]}"; done
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

# with_features N ARGUMENT...: all features, or a different third of them for the N-th family of
# kernels.
with_features() {
  local number=$1 feature
  shift
  for feature in "${!features[@]}"; do
    [ "${CLATTN_LONG:-0}" = 1 ] || [ $(((number + feature) % 3)) -eq 0 ] || continue
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
  local number=$1
  shift
  for causal in "" --causal; do under_oclgrind "${shape[@]}" $causal --pipeline fused --kernel "$1"; done
  in_pieces "${shape[@]}" --causal --pipeline fused --kernel "project=naive,$1"
  with_features "$number" --pipeline fused --kernel "$1"
  # Halves that are read without widening.
  under_oclgrind --q "$work/q.npy" --k "$work/k.npy" --v "$work/v.npy" --heads 2 --type f16 --pipeline fused --kernel "$1"
}

# Fused attention: every feature, in several tiles and blocks; also the standard sizes, with several
# depths and parts.
fused() {
  local kernel
  halves 19 34 >"$work/q.npy"
  halves 23 34 >"$work/k.npy"
  halves 23 38 >"$work/v.npy"
  every_way 0 fused=row
  every_way 1 fused=online
  every_way 2 fused=tiled:TILE=8
  every_way 3 fused=register:LOCAL_Y=8:ITEM_ROWS=1:ITEM_KEYS=1
  every_way 4 fused=split:LOCAL_X=16:PART_KEYS=16
  # CPU kernels join and transpose lanes; oclgrind 21.10 crashes on the shuffles that the optimiser
  # makes of that.
  build_options=(--build-options -cl-opt-disable)
  every_way 5 fused=vector:VECTORS=1:STRIP=64
  every_way 6 fused=stream:HEADS=2:PARTS=8
  under_oclgrind --random --tokens 70 --model-dim 9 --heads 1 --head-dim 18 --causal --pipeline fused \
    --kernel fused=vector:VECTORS=2:TILE_KEYS=6:STRIP=64
  build_options=()
  for kernel in fused=tiled fused=register:TILE_DEPTH=16 fused=split:PART_KEYS=32; do
    under_oclgrind --random --tokens 40 --model-dim 9 --heads 1 --head-dim 18 --causal --pipeline fused --kernel "$kernel"
  done
}

"$pipeline"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
