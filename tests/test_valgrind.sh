#!/usr/bin/env bash
# Everything that needs no device, under valgrind's memcheck: the program's help pages and refusals,
# and the host's unit tests. A wrong access or a leak fails the case. OpenCL drivers are not run,
# because their own findings would hide ours.
#
# usage: test_valgrind.sh PROGRAM TESTS, the folder of the test programs; exits with 77 (skipped),
# or CLATTN_SKIPPED, if valgrind is not installed.

if ! command -v valgrind >/dev/null; then
  echo "skipped: valgrind is not installed (Debian: valgrind)"
  exit "${CLATTN_SKIPPED:-77}"
fi
# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
tests=$2
memcheck=(valgrind --quiet --error-exitcode=99 --leak-check=full "--errors-for-leak-kinds=definite,indirect,possible")
mkdir "$folder/no-vendors"
export OCL_ICD_VENDORS=$folder/no-vendors/
unset OCL_ICD_FILENAMES CLATTN_DEVICE
"${tool[@]}" inputs "$folder" || fail "input files" "cannot be built"
cd "$folder" || exit 2

# checked CODE ARGUMENT...: clattn exits with CODE, and valgrind reports nothing.
checked() {
  local code=$1
  shift
  expect "clattn $*" "$code" '' -- "${memcheck[@]}" "$clattn" "$@"
}

# ---- the program

checked 0 help
for command in run explain ladder exercise compare tune devices; do checked 0 help "$command"; done
checked 2
checked 2 nonsense
checked 2 run --nonsense
checked 2 run --example nonsense
checked 2 run --random --tokens 0
checked 2 run --random --causal --window 3 nonsense
checked 2 explain nonsense
checked 2 ladder nonsense
checked 2 compare --tokens x
checked 2 exercise start nonsense
checked 0 exercise list
checked 0 exercise start dot-product class
checked 2 exercise start dot-product class
for command in run devices ladder tune explain; do checked 3 "$command"; done

# ---- wrong files, and correct files without a device

good=please-f4
for x in x-rank-1 x-rank-4 x-empty x-int x-huge x-version-9 x-short-data x-short-header x-short-magic x-nothing x-long \
  x-text x-bad-header no-such-file; do
  checked 2 run --x $x.npy --wq $good/wq.npy --wk $good/wk.npy --wv $good/wv.npy
done
for w in w-3x2 w-2x3 w-rank-1 w-rank-3; do
  checked 2 run --x $good/x.npy --wq $w.npy --wk $good/wk.npy --wv $good/wv.npy
done
printf '\x10\0\0\0\0\0\0\0{"t": [1, 2, 3]}' >wrong.safetensors
checked 2 run --x wrong.safetensors:t --wq $good/wq.npy --wk $good/wk.npy --wv $good/wv.npy
for way in f4 big-f8 fortran version-3; do
  checked 3 run --x please-$way/x.npy --wq please-$way/wq.npy --wk please-$way/wk.npy --wv please-$way/wv.npy
done

# ---- unit tests that are quick enough when thirty times slower

for test in npy npz element examples compare crossing reference traffic safetensors; do
  [ -x "$tests/test_$test" ] || { skip "test_$test" "not built"; continue; }
  expect "test_$test" 0 '' -- "${memcheck[@]}" "$tests/test_$test"
done

finish
