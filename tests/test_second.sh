#!/usr/bin/env bash
# The main task on a second implementation, rusticl on llvmpipe: it has a GPU's limits (32 KiB of
# local memory) and no event times.
#
# usage: test_second.sh PROGRAM LIST_KERNELS [PART]; exits with 77 (skipped), or CLATTN_SKIPPED, if rusticl is
# not installed. With CLATTN_LONG=1 every feature runs in every way, otherwise in a fifth of them.
set -euo pipefail
program=$1 list=$2
# shellcheck source=tests/part.sh
. "$(dirname "$0")/part.sh" "${3:-1/1}"
icd=$(find /etc/OpenCL/vendors /usr/share/OpenCL/vendors -name rusticl.icd 2>/dev/null | head -n 1 || true)
if [ -z "$icd" ]; then
  echo "skipped: rusticl is not installed (Debian: mesa-opencl-icd)"
  exit "${CLATTN_SKIPPED:-77}"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$icd" "$work/"
export OCL_ICD_VENDORS=$work RUSTICL_ENABLE=llvmpipe CLATTN_PROGRAM_DIR=
passed=0 failed=0

succeeds() { # ARGUMENTS of clattn
  mine || return 0
  if "$program" "$@" >"$work/out" 2>&1 && grep -q llvmpipe "$work/out"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL $*"
    cat "$work/out"
  fi
}

passes() { # ARGUMENTS of clattn run
  succeeds run "$@" --repeat 1
}

# rusticl compiles fused=vector, which is for CPUs with vectors, for more than nine minutes: doctor
# must not use that kernel.
succeeds doctor
# rusticl ends work-items that loop for long, without an error. The probes must stay below that
# limit, or they complain.
succeeds ladder softmax --tokens 33 --model-dim 32 --heads 2
for example in please-study-man dog-chased-ball cat-sat-down love-apple-phones; do
  passes --example $example
  passes --example $example --pipeline blas
done
# The same kernels, from their folder: plans skip the self-test, which doctor and the examples ran.
CLATTN_KERNEL_DIR=$(cd "$(dirname "$0")/../kernels" && pwd)
export CLATTN_KERNEL_DIR
shape=(--random --batch 2 --tokens 65 --model-dim 33 --heads 3 --head-dim 17 --value-dim 20)
mapfile -t staged < <("$list" staged planned any gpu)
mapfile -t fused < <("$list" fused planned any gpu)
for kernels in "${staged[@]}"; do
  passes "${shape[@]}" --kernel "$kernels"
  passes "${shape[@]}" --layout xwt --causal --kernel "$kernels"
done
for kernel in "${fused[@]}"; do
  passes "${shape[@]}" --pipeline fused --kernel "$kernel"
  passes "${shape[@]}" --layout xwt --causal --pipeline fused --kernel "$kernel"
done
passes "${shape[@]}" --pipeline blas --causal
# Every feature in every pipeline, with every kernel except those for CPUs.
# shellcheck source=tests/features.sh
. "$(dirname "$0")/features.sh"
ways=("" "--pipeline blas")
for kernels in "${staged[@]}"; do ways+=("--kernel $kernels"); done
while read -r kernel; do ways+=("--pipeline fused --kernel $kernel"); done < <("$list" fused planned any gpu && "$list" fused small gpu)
for feature in "${!features[@]}"; do
  for way in "${!ways[@]}"; do
    [ "${CLATTN_LONG:-0}" = 1 ] || [ $(((feature + way) % 5)) -eq 0 ] || continue
    read -ra options <<<"${features[feature]} ${ways[way]}"
    passes "${feature_shape[@]}" "${options[@]}"
  done
done
passes --random --tokens 1024 --model-dim 512 --heads 8
passes --random --tokens 1024 --model-dim 512 --heads 8 --pipeline blas
passes --random --tokens 1024 --model-dim 512 --heads 8 --pipeline fused
passes --random --tokens 200 --model-dim 64 --heads 2 --head-dim 256 --pipeline fused
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
