#!/usr/bin/env bash
# The pipeline that uses CLBlast, or its refusal by a program that was built without it:
# test_program_blas.sh PROGRAM

# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
odd=(--random --tokens 33 --model-dim 19 --heads 3 --head-dim 17 --value-dim 5 --batch 2)

examine 0 '' "$clattn" devices
judge "devices lists a device"
if grep -q 'built without CLBlast' "$folder/out"; then
  reject 2 'CLBlast' "${odd[@]}" --pipeline blas
  reject 2 'CLBlast' --kernel scores=clblast
else
  expect "--pipeline staged" 0 '^passed: all 198 rows were checked$' -- \
    "$clattn" run "${odd[@]}" --pipeline staged --out "$folder/odd.npy"
  expect "--pipeline blas" 0 '^passed: all 198 rows were checked$
^plan +pipeline blas;
^project .*clblast
^scores .*clblast
^context .*clblast' -- "$clattn" run "${odd[@]}" --pipeline blas --out "$folder/odd-blas.npy"
  same "--pipeline blas gives the same context" "$folder/odd.npy" "$folder/odd-blas.npy" 1e-5
  expect "--pipeline blas --causal --layout xwt" 0 '^passed: all 198 rows were checked$' -- \
    "$clattn" run "${odd[@]}" --pipeline blas --causal --layout xwt
  expect "--kernel scores=clblast" 0 '^passed: 
^scores .*clblast' -- "$clattn" run "${odd[@]}" --kernel scores=clblast
fi

finish
