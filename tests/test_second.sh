#!/usr/bin/env bash
# The main task on a second implementation, rusticl on llvmpipe: it has a GPU's limits (32 KiB of
# local memory) and no event times.
#
# usage: test_second.sh PROGRAM [PART]; exits with 77 (skipped), or CLATTN_SKIPPED, if rusticl is
# not installed. With CLATTN_LONG=1 every feature runs in every way, otherwise in a third of them.
set -euo pipefail
program=$1
# shellcheck source=tests/part.sh
. "$(dirname "$0")/part.sh" "${2:-1/1}"
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
shape=(--random --batch 2 --tokens 65 --model-dim 33 --heads 3 --head-dim 17 --value-dim 20)
for kernels in project=1,scores=1,softmax=1,context=1 project=2,scores=2,softmax=2,context=2 \
  project=3,scores=3,softmax=3,context=3 project=4,scores=4,softmax=4 project=5,scores=5,softmax=5 project=6; do
  passes "${shape[@]}" --kernel $kernels
  passes "${shape[@]}" --layout xwt --causal --kernel $kernels
done
for kernel in fused=1 fused=2 fused=3 fused=4 fused=6; do
  passes "${shape[@]}" --pipeline fused --kernel $kernel
  passes "${shape[@]}" --layout xwt --causal --pipeline fused --kernel $kernel
done
passes "${shape[@]}" --pipeline blas --causal
# Every feature in both pipelines, with the kernels for GPUs, which are this device's default, and
# with the naive ones.
# shellcheck source=tests/features.sh
. "$(dirname "$0")/features.sh"
ways=("" "--pipeline blas" "--kernel project=2,scores=1,softmax=1,context=1" "--kernel project=5,scores=4,softmax=4"
  "--pipeline fused --kernel fused=1" "--pipeline fused --kernel fused=2" "--pipeline fused --kernel fused=3"
  "--pipeline fused --kernel fused=4" "--pipeline fused --kernel fused=6:LOCAL_X=16:PART_KEYS=16")
for feature in "${!features[@]}"; do
  for way in "${!ways[@]}"; do
    [ "${CLATTN_LONG:-0}" = 1 ] || [ $(((feature + way) % 3)) -eq 0 ] || continue
    read -ra options <<<"${features[feature]} ${ways[way]}"
    passes "${feature_shape[@]}" "${options[@]}"
  done
done
passes --random --tokens 1024 --model-dim 512 --heads 8
passes --random --tokens 1024 --model-dim 512 --heads 8 --pipeline blas
passes --random --tokens 1024 --model-dim 512 --heads 8 --pipeline fused --kernel fused=4
passes --random --tokens 200 --model-dim 64 --heads 2 --head-dim 256 --pipeline fused --kernel fused=4
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
