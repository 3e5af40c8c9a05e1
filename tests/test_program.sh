#!/usr/bin/env bash
# The program from outside: test_program.sh PROGRAM [NUMPY_PYTHON]
#
# Prints one line for each case; exit code 1 if any failed. Needs bash, coreutils, grep, sed and
# python3 without packages. With the path of a Python that has NumPy, it also exchanges files with
# NumPy.
#
# The cases hold on any device: what depends on it (its name, the kernels it selects) is asked of the
# program first.

# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
numpy_python=${2:-}
kernels=$(cd "$here/../kernels" && pwd -P)

expect "input files are built" 0 '' -- "${tool[@]}" inputs "$folder"

# files WAY: options that read all four files of a folder.
files() {
  set -- "$folder/$1"
  given=(--x "$1/x.npy" --wq "$1/wq.npy" --wk "$1/wk.npy" --wv "$1/wv.npy")
}

# replaced TENSOR=FILE: the good files with one replaced.
replaced() {
  local tensor=${1%%=*} at
  files please-f4
  case $tensor in x) at=1 ;; wq) at=3 ;; wk) at=5 ;; *) at=7 ;; esac
  given[at]=$folder/${1#*=}
}

# ---- the examples

expect "please-study-man: weights, context and the note" 0 '^passed: all 3 rows were checked$
^please +0\.401112 +0\.197776 +0\.401112$
^study +0\.108383 +0\.445808 +0\.445808$
^man +0\.248255 +0\.248255 +0\.503490$
^please +0\.802224 +0\.796664$
^study +0\.554192 +1\.337425$
^man +0\.751745 +1\.000000$
^From the article "The Database Analogy", [^ ]+/query-key-value-the-database-analogy
^No: it gives both the same weight, 0\.248255
^The article prints K\(man\) = \[2, 1\].* its own matrices give \[1, 2\], \[0, 2\] and \[1, 1\]' -- \
  "$clattn" run --example please-study-man
expect "dog-chased-ball: it is the dog" 0 '^passed: all 9 rows were checked$
^it +0\.031678 +0\.636278 +0\.031678 +0\.031678 +0\.141973( +0\.031678){4}$
^From the article "Query, Key, Values", www\.anup\.io/query-key-values/:$
^The dog, 64 % to 14 %' -- "$clattn" run --example dog-chased-ball
expect "cat-sat-down: sat finds cat, then down" 0 '^passed: all 4 rows were checked$
^ +Q = X\.W\^T,
^sat +0\.033948 +0\.532904 +0\.079146 +0\.354002$
^Its subject, "cat"' -- "$clattn" run --example cat-sat-down
expect "love-apple-phones: Apple is a company" 0 '^passed: all 3 rows were checked$
^Apple +0\.090031 +0\.244728 +0\.665241$
^"phones", with 67 %' -- "$clattn" run --example love-apple-phones
expect "without input it runs please-study-man" 0 '^problem +please-study-man: ' -- "$clattn" run
for example in please-study-man dog-chased-ball cat-sat-down love-apple-phones; do
  for layout in xw xwt; do
    expect "$example --layout $layout" 0 '^passed: all ' -- \
      "$clattn" run --example $example --layout $layout --out "$folder/$example-$layout.npy"
  done
  same "$example: both layouts give the same context" "$folder/$example-xw.npy" "$folder/$example-xwt.npy"
done
expect "cat-sat-down --heads 2 prints both heads" 0 '^passed: all 8 rows were checked$
heads 2, head_dim 4, value_dim 4$
^weights 0 +the +cat +sat +down$
^weights 1 +the +cat +sat +down$' -- "$clattn" run --example cat-sat-down --heads 2 --save "$folder/cat-2"
expect "cat-sat-down --heads 2: saved files" 0 '' -- "${tool[@]}" saved "$folder/cat-2" 1 4 2 4 4 none default
expect "--causal masks later keys" 0 '^passed: all 3 rows were checked$
^ +Q = .*, causal$
^please +1\.000000 +0\.000000 +0\.000000$
^man +0\.248255 +0\.248255 +0\.503490$' -- "$clattn" run --causal --save "$folder/causal"
expect "--causal: saved files" 0 '' -- "${tool[@]}" saved "$folder/causal" 1 3 1 2 2 causal default
expect "--scale 1" 0 '^passed: 
^ +Q = X\.W, scores = Q\.K\^T \* 1$' -- "$clattn" run --scale 1 --save "$folder/scale"
expect "--scale 1: saved files" 0 '' -- "${tool[@]}" saved "$folder/scale" 1 3 1 2 2 none 1
expect "--scale 0 gives equal weights" 0 '^passed: 
^man +0\.333333 +0\.333333 +0\.333333$' -- "$clattn" run --scale 0
expect "a negative --scale" 0 '^passed: 
Q\.K\^T \* -0\.5$' -- "$clattn" run --scale=-0.5
expect "--repeat 2" 0 'the fastest of 2 runs$' -- "$clattn" run --repeat 2

# ---- random input

odd=(--random --tokens 33 --model-dim 19 --heads 3 --head-dim 17 --value-dim 5 --batch 2)
expect "random, odd sizes" 0 '^passed: all 198 rows were checked$
^problem +random, seed 1: batch 2, tokens 33, model_dim 19, heads 3, head_dim 17, value_dim 5$' -- \
  "$clattn" run "${odd[@]}" --check full --save "$folder/odd" --out "$folder/odd.npy"
expect "random, odd sizes: saved files" 0 '' -- "${tool[@]}" saved "$folder/odd" 2 33 3 17 5 none default
expect "random: --out and --save agree" 0 '' -- cmp "$folder/odd.npy" "$folder/odd/context.npy"
expect "random, --layout xwt" 0 '^passed: all 198 rows were checked$' -- \
  "$clattn" run "${odd[@]}" --layout xwt --out "$folder/odd-xwt.npy"
same "random: both layouts give the same context" "$folder/odd.npy" "$folder/odd-xwt.npy" 1e-5
expect "random, --causal" 0 '^passed: all 198 rows were checked$' -- \
  "$clattn" run "${odd[@]}" --causal --save "$folder/odd-causal"
expect "random, --causal: saved files" 0 '' -- "${tool[@]}" saved "$folder/odd-causal" 2 33 3 17 5 causal default
expect "random: --seed 2" 0 '^problem +random, seed 2:' -- "$clattn" run "${odd[@]}" --seed 2 --out "$folder/odd-2.npy"
expect "random: another seed, another result" 1 '' -- cmp "$folder/odd.npy" "$folder/odd-2.npy"
expect "random: one token, one dimension" 0 '^passed: all 1 rows were checked$' -- \
  "$clattn" run --random --tokens 1 --model-dim 1 --heads 1
expect "--check sample" 0 '^passed: a sample of [0-9]+ of 198 rows was checked \(--check full checks all\)$' -- \
  "$clattn" run "${odd[@]}" --check sample
expect "--check sample with --save writes all rows" 0 '^passed: a sample of [0-9]+ of 198 rows was checked' -- \
  "$clattn" run "${odd[@]}" --check sample --save "$folder/odd-sample"
expect "--check sample with --save: saved files" 0 '' -- \
  "${tool[@]}" saved "$folder/odd-sample" 2 33 3 17 5 none default
expect "--check auto is full where that is quick" 0 '^passed: all 198 rows were checked$' -- \
  "$clattn" run "${odd[@]}" --check auto
expect "--check auto is a sample where full takes long" 0 '^passed: a sample of [0-9]+ of 1024 rows was checked' -- \
  "$clattn" run --random --model-dim 256 --heads 1 --repeat 1
expect "--check off" 0 '^not checked \(--check off\)$' -- \
  "$clattn" run "${odd[@]}" --check off --out "$folder/odd-off.npy"
same "--check off gives the same context" "$folder/odd.npy" "$folder/odd-off.npy"

# ---- pipelines and kernels

examine 0 '' "$clattn" devices
judge "devices lists a device"
ladder=(
  "project=1 naive,scores=1 naive,softmax=1 naive,context=1 naive"
  "project=2 coalesced,scores=2 tiled,softmax=2 online,context=2 tiled"
  "project=3 tiled,scores=3 column,softmax=3 tiled,context=3 register"
  "project=4 column,scores=4 register,softmax=4 pairs"
  "project=5 register,scores=5 wide,softmax=5 register"
  "project=6 wide"
)
for rungs in "${ladder[@]}"; do
  pattern=$(tr , '\n' <<<"$rungs" | sed 's/^/^/; s/=/ +/')
  # shellcheck disable=SC2001 # a glob would not end at the comma
  for choice in "$(sed 's/ [a-z]*//g' <<<"$rungs")" "$(sed 's/[0-9]* //g' <<<"$rungs")"; do
    expect "--kernel $choice" 0 "^passed: all 198 rows were checked\$
$pattern" -- "$clattn" run "${odd[@]}" --kernel "$choice" --out "$folder/odd-rungs.npy"
    same "--kernel $choice gives the same context" "$folder/odd.npy" "$folder/odd-rungs.npy" 1e-5
  done
done
expect "--kernel project=naive,scores=2" 0 '^passed: 
^project +1 naive
^scores +2 tiled' -- "$clattn" run "${odd[@]}" --kernel project=naive,scores=2
expect "--kernel with tile sizes" 0 '^passed: 
^scores +2 tiled
^softmax +5 register
^context +3 register' -- "$clattn" run "${odd[@]}" \
  --kernel scores=tiled:TILE=8,softmax=5:LOCAL_X=32:ITEM_KEYS=4,context=register:LOCAL_Y=8:ITEM_ROWS=2:ITEM_COLS=1
examine 0 '' "$clattn" run --json
judge "run --json"
if [ "$("${tool[@]}" show "$folder/out" 'r["stages"][0]["kernel"]' 2>/dev/null)" = panel ]; then
  expect "--kernel by rung and by name, with tile sizes" 0 '^passed: all 198 rows were checked$
^project +7 panel
^scores +6 panel
^softmax +6 vector
^context +4 panel' -- "$clattn" run "${odd[@]}" \
    --kernel project=7:ROWS=8,scores=panel:VECTORS=1,softmax=vector:ITEM_ROWS=1,context=4:ITEM_ROWS=64:STRIP=64
else
  skip "--kernel by rung and by name, with tile sizes" "written for CPU devices, and this one chose others"
fi

# ---- files

expect "--save and --out" 0 '^passed: ' -- "$clattn" run --save "$folder/please" --out "$folder/please.npy"
expect "an example's saved files are the article's" 0 '' -- "${tool[@]}" please "$folder/please"
expect "an example's saved files follow from each other" 0 '' -- \
  "${tool[@]}" saved "$folder/please" 1 3 1 2 2 none default
expect "--save into a folder that is there" 0 '^passed: ' -- "$clattn" run --save "$folder/please"
expect "--save leaves nothing else" 0 '' -- "${tool[@]}" saved "$folder/please" 1 3 1 2 2 none default
for way in f4 f8 big-f4 big-f8 fortran fortran-big-f8 version-2 version-3; do
  files please-$way
  expect "files, $way" 0 '^problem +files: batch 1, tokens 3, model_dim 2, heads 1, head_dim 2, value_dim 2$
^passed: all 3 rows were checked$' -- "$clattn" run "${given[@]}" --out "$folder/out.npy"
  same "files, $way: context of the example" "$folder/please.npy" "$folder/out.npy"
done
for way in f4 fortran fortran-big-f8; do
  files love-$way
  expect "files that are not square, $way" 0 '^passed: ' -- "$clattn" run "${given[@]}" --save "$folder/love"
  expect "files that are not square, $way: Q, K and V" 0 '' -- "${tool[@]}" projected "$folder/love" "love-$way"
  same "files that are not square, $way: context" "$folder/love-apple-phones-xw.npy" "$folder/love/context.npy"
done
files love-f8
given[3]=$folder/love-big-f4/wq.npy
given[5]=$folder/love-fortran/wk.npy
expect "files of different kinds" 0 '^passed: ' -- "$clattn" run "${given[@]}" --out "$folder/out.npy"
same "files of different kinds: context" "$folder/love-apple-phones-xw.npy" "$folder/out.npy"
replaced x=x-rank-3.npy
expect "X of rank 3" 0 '^passed: ' -- "$clattn" run "${given[@]}" --out "$folder/out.npy"
same "X of rank 3: context of the example" "$folder/please.npy" "$folder/out.npy"
replaced x=x-second.npy
expect "the second of a batch by itself" 0 '^passed: ' -- "$clattn" run "${given[@]}" --out "$folder/second.npy"
for order in "" -fortran; do
  replaced x=x-batch-2$order.npy
  expect "batch 2$order" 0 '^problem +files: batch 2, tokens 3,
^passed: all 6 rows were checked$' -- "$clattn" run "${given[@]}" --out "$folder/out.npy"
  expect "batch 2$order: context of each by itself" 0 '' -- \
    "${tool[@]}" batches "$folder/out.npy" "$folder/please.npy" "$folder/second.npy"
done
replaced x=x-nan.npy
expect "a NaN in X" 0 '^passed: ' -- "$clattn" run "${given[@]}" --causal --out "$folder/out.npy"
expect "a NaN in X is masked" 0 '' -- "${tool[@]}" behind-mask "$folder/out.npy"
report "a NaN in X leaves JSON that parses" 0 'r["check"]["passed"]' -- "$clattn" run "${given[@]}" --json
# A run can read another run's Q, K and V, with identity matrices: the example's wq and wv.
expect "a saved file is read again" 0 '^problem +files: batch 1, tokens 3, model_dim 2,
^passed: ' -- "$clattn" run --x "$folder/please/q.npy" --wq "$folder/please-f4/wq.npy" --wk "$folder/please-f4/wk.npy" \
  --wv "$folder/please-f4/wv.npy" --out "$folder/out.npy"
same "a saved file is read again: context" "$folder/please.npy" "$folder/out.npy"

# ---- JSON

report "--json" 0 'r["check"]["passed"] is True and not failed and r["problem"]["input"] == "please-study-man"
  and r["problem"]["query_len"] == 3 and r["problem"]["causal"] is False and r["plan"]["pipeline"] == "staged"
  and [t["tensor"] for t in r["check"]["tensors"]] == "q k v scores weights lse context context".split()
  and r["check"]["rows_checked"] == r["check"]["rows_total"] == 3' -- "$clattn" run --json
report "--json says what was asked" 0 'r["check"]["passed"] is True and r["problem"]["causal"] is True
  and r["problem"]["layout"] == "xwt" and r["problem"]["scale"] == 0.5 and r["timings"]["runs"] == 2 and r["timings"]["disturbed"] is None and r["timings"]["spread"] >= 0
  and r["problem"]["batch"] == 2 and r["problem"]["heads"] == 3 and r["problem"]["value_dim"] == 5
  and r["stages"][1]["kernel"] == "tiled" and r["stages"][1]["rung"] == 2
  and 0 < r["check"]["rows_checked"] < r["check"]["rows_total"] == 198 and r["check"]["cpu_seconds_extrapolated"]' -- \
  "$clattn" run "${odd[@]}" --causal --layout xwt --scale 0.5 --kernel scores=2 --repeat 2 --check sample --json
report "--json --check off" 0 'r["check"] is None' -- "$clattn" run --check off --json
report "--json with --out and --save" 0 'r["check"]["passed"] is True' -- \
  "$clattn" run --json --out "$folder/out.npy" --save "$folder/json"

# ---- long launches

# launches SECONDS: the number of launches that fused=row takes.
launches() {
  "$clattn" run --random --tokens 2000 --heads 8 --model-dim 64 --pipeline fused --kernel fused=row --repeat 1 --check off --json \
    --launch-seconds "$1" | python3 -c 'import json, sys
print(sum(stage["launches"] for stage in json.load(sys.stdin)["stages"] if stage["stage"] == "fused"))'
}
if [ "$(launches inf)" = 1 ] && [ "$(launches 0.001)" -gt 1 ]; then
  ok "--launch-seconds cuts launches"
else
  fail "--launch-seconds cuts launches" "$(launches inf) and $(launches 0.001) launches"
fi
for value in 0 -1 nan x ''; do
  refuse "--launch-seconds '$value'" 2 "--launch-seconds $value \(allowed: a number above 0, or inf\)" -- \
    "$clattn" run "--launch-seconds=$value"
done

# ---- wrong use

expect "no arguments: usage on standard error" 2 '^usage: clattn COMMAND' -- "$clattn"
expect "no arguments: nothing on standard output" 0 '' -- test ! -s "$folder/out"
refuse "unknown command" 2 "'nonsense' \(allowed: run, .*, devices, help\)" -- "$clattn" nonsense
refuse "help on an unknown command" 2 "'nonsense' \(allowed: run, .*, devices, help\)" -- "$clattn" help nonsense
refuse "devices --bogus" 2 '--bogus.*clattn help devices' -- "$clattn" devices --bogus
refuse "devices stray" 2 "'stray'.*clattn help devices" -- "$clattn" devices stray
reject 2 '--bogus.*clattn help run' --bogus
reject 2 "'stray'.*clattn help run" stray
reject 2 '--example nonsense \(allowed: please-study-man, dog-chased-ball, cat-sat-down, love-apple-phones\)' \
  --example nonsense
reject 2 '--example: missing argument' --example
reject 2 '--tokens is given twice \(allowed: once\)' --random --tokens 5 --tokens=6
reject 2 '--causal is given twice \(allowed: once\)' --causal --causal
reject 2 '--device is given twice \(allowed: once\)' --device -- --device 0 # here -- is the value of the first --device
reject 2 '--tokens 0 \(allowed: 1 to [0-9]+\)' --random --tokens 0
for option in --tokens --heads --batch --model-dim --head-dim --value-dim; do
  reject 2 "$option -1 \(allowed: 1 to [0-9]+\)" --random $option -1
done
reject 2 '--tokens -7 \(allowed: 1 to [0-9]+\)' --random --tokens=-7
reject 2 '--repeat 0 \(allowed: 1 to [0-9]+\)' --repeat 0
reject 2 '--repeat -1 \(allowed: 1 to [0-9]+\)' --repeat -1
reject 2 '--tokens.*abc' --random --tokens abc
reject 2 '--tokens.*12x' --random --tokens 12x
reject 2 '99999999999999999999' --random --tokens 99999999999999999999
reject 2 '2147483647 \(allowed: 1 to [0-9]+\)' --random --tokens 2147483647
reject 2 '2 columns, which 3 heads do not divide \(allowed: ' --heads 3
reject 2 'wv has 3 columns, which 2 heads do not divide \(allowed: ' --example dog-chased-ball --heads 2
reject 2 '--heads 3 does not divide --model-dim 19 \(allowed: ' --random --model-dim 19 --heads 3
reject 2 '--layout foo \(allowed: xw, xwt\)' --layout foo
reject 2 '--pipeline foo \(allowed: auto, staged, blas, fused\)' --pipeline foo
reject 2 '--check foo \(allowed: auto, full, sample, off\)' --check foo
for scale in abc inf -inf nan 1e39 1x ''; do
  reject 2 "--scale $scale \(allowed: any finite number\)" "--scale=$scale"
done
reject 2 "scores has no kernel '9' \(allowed: 1 naive, 2 tiled, 3 column, 4 register, 5 wide, 6 panel, clblast\)" --kernel scores=9
reject 2 "softmax has no kernel 'panel' \(allowed: 1 naive, 2 online, 3 tiled, 4 pairs, 5 register, 6 vector, 7 subgroup\)" --kernel softmax=panel
for kernel in merge=1 foo=1 scores scores= =1 1; do
  reject 2 "'$kernel' \(allowed: STAGE=RUNG or STAGE=NAME.*one of convert, project, rotary, cache, scores, softmax, context, fused, output, products, exps\)" --kernel "$kernel"
done
reject 2 "'TILE=7' of kernel tiled \(allowed: 8, 16\)" --kernel scores=tiled:TILE=7
reject 2 "'FOO=8' of kernel tiled \(allowed: TILE\)" --kernel scores=tiled:FOO=8
reject 2 "'TILE=8' of kernel naive \(allowed: none\)" --kernel scores=naive:TILE=8
reject 2 'more than one input \(allowed: ' --example cat-sat-down --random
reject 2 'more than one input \(allowed: ' --random --x "$folder/please-f4/x.npy"
reject 2 '--tokens needs --random' --tokens 5
reject 2 '--value-dim needs --random' --example cat-sat-down --value-dim 5
files please-f4
reject 2 '--wq is missing \(--x, --wq, --wk and --wv go together\)' "${given[@]:0:2}"
reject 2 '--wv is missing' "${given[@]:0:6}"
reject 2 '--x is missing' "${given[@]:2}"

# ---- wrong files

# wrong_file PATTERN TENSOR=FILE [OPTION...]
wrong_file() {
  local pattern=$1 name=$2
  replaced "$2"
  shift 2
  refuse "files with $name${1:+ $*}" 2 "$pattern" -- "$clattn" run "${given[@]}" "$@"
}

wrong_file '--wq: .*w-3x2.npy is \(3, 2\), but its input has 2 columns \(allowed with --layout xw: ' wq=w-3x2.npy
wrong_file '--wk: .*w-3x2.npy is \(3, 2\), but its input has 2 columns \(allowed ' wk=w-3x2.npy
wrong_file '--wv: .*w-3x2.npy is \(3, 2\), but its input has 2 columns \(allowed ' wv=w-3x2.npy
wrong_file '--wv: .*w-2x3.npy is \(2, 3\), but its input has 2 columns \(allowed with --layout xwt: ' \
  wv=w-2x3.npy --layout xwt
wrong_file '--wk has 3 columns \(allowed with 1 KV heads ' wk=w-2x3.npy
wrong_file '--wv has 3 columns, which 2 heads do not divide \(allowed: ' wv=w-2x3.npy --heads 2
wrong_file '--wq: .*w-rank-1.npy is \(4,\) \(allowed: 2 dimensions\)' wq=w-rank-1.npy
wrong_file '--wq: .*w-rank-3.npy is \(1, 2, 2\) \(allowed: 2 dimensions\)' wq=w-rank-3.npy
wrong_file '--x: .*x-rank-1.npy is \(6,\) \(allowed: \(tokens, ' x=x-rank-1.npy
wrong_file '--x: .*x-rank-4.npy is \(1, 1, 3, 2\) \(allowed: \(tokens, ' x=x-rank-4.npy
wrong_file ' is 0 \(allowed: 1 to ' x=x-empty.npy
wrong_file "x-int.npy: element type '<i4' is not supported \(allowed: " x=x-int.npy
wrong_file 'x-huge.npy: .*1e\+?300' x=x-huge.npy
wrong_file 'x-version-9.npy: format version 9.0 is not supported \(allowed: ' x=x-version-9.npy
wrong_file 'no-such-file.npy: ' x=no-such-file.npy
wrong_file 'x-short-data.npy: .*24 bytes of data, the file has 23' x=x-short-data.npy
wrong_file 'x-short-header.npy: the file ends within the header' x=x-short-header.npy
wrong_file 'x-short-magic.npy: the file ends within ' x=x-short-magic.npy
wrong_file 'x-nothing.npy: ' x=x-nothing.npy
wrong_file 'x-long.npy: .*24 bytes of data, the file has 25' x=x-long.npy
wrong_file 'x-text.npy: not a .npy file \(allowed: ' x=x-text.npy
wrong_file "x-bad-header.npy: .*'shope'.*\(allowed: " x=x-bad-header.npy
wrong_file 'please-f4: not a regular file \(allowed: ' x=please-f4

reject 2 'no-such-folder/out.npy' --out "$folder/no-such-folder/out.npy"
expect "--out makes no missing folder" 0 '' -- test ! -e "$folder/no-such-folder"
mkdir -p "$folder/taken/out.npy" "$folder/taken/save/k.npy"
reject 2 'taken/out.npy' --out "$folder/taken/out.npy"
expect "--out onto a folder leaves no files" 0 '' -- test "$(ls "$folder/taken")" = 'out.npy
save'
reject 2 'taken/save/k.npy' --save "$folder/taken/save"
expect "--save onto a folder writes none of its files" 0 '' -- test "$(ls "$folder/taken/save")" = 'k.npy'
echo text >"$folder/a-file"
reject 2 'a-file' --save "$folder/a-file"
expect "--save onto a file leaves it as it was" 0 '' -- test "$(cat "$folder/a-file")" = text
reject 2 'no-such-folder/save' --save "$folder/no-such-folder/save"
expect "--save makes no missing folder above its own" 0 '' -- test ! -e "$folder/no-such-folder"

# ---- devices

# Simulates a machine without any driver.
mkdir "$folder/no-vendors"
nowhere=(env -u OCL_ICD_FILENAMES -u CLATTN_DEVICE "OCL_ICD_VENDORS=$folder/no-vendors/" "$clattn")
if [ "$(uname)" = Linux ]; then
  for command in run devices; do
    refuse "$command without a driver" 3 'no OpenCL platform
pocl-opencl-icd' -- "${nowhere[@]}" $command
  done
  expect "help needs no driver" 0 '^usage: clattn' -- "${nowhere[@]}" help
  refuse "wrong use is reported before a missing driver" 2 '--example nonsense' -- "${nowhere[@]}" run --example nonsense
else
  skip "without a driver" "needs a loader that reads OCL_ICD_VENDORS"
fi
reject 3 "'nosuch' \(allowed: an index below [0-9]+, a part of a device's name, or one of gpu, cpu, accelerator" --device nosuch
reject 3 "'9999' \(allowed: an index below [0-9]+" --device 9999
reject 3 "platform that matches 'nosuch'" --platform nosuch
refuse "devices --device nosuch" 3 "'nosuch' \(allowed: " -- "$clattn" devices --device nosuch
refuse "CLATTN_DEVICE=nosuch" 3 "'nosuch' \(allowed: " -- env CLATTN_DEVICE=nosuch "$clattn" run
refuse "devices, CLATTN_DEVICE=nosuch" 3 "'nosuch' \(allowed: " -- env CLATTN_DEVICE=nosuch "$clattn" devices
any=(env -u CLATTN_DEVICE "$clattn")
examine 0 '' "${any[@]}" run --json
judge "run --json on any device"
device=$("${tool[@]}" show "$folder/out" 'r["device"]["name"]' 2>/dev/null)
platform=$("${tool[@]}" show "$folder/out" 'r["device"]["platform"]' 2>/dev/null)
part=${device:1:8}
for text in "$(tr '[:lower:]' '[:upper:]' <<<"$part")" "$(tr '[:upper:]' '[:lower:]' <<<"$part")"; do
  report "--device '$text'" 0 "'''$part'''.lower() in r['device']['name'].lower()" -- \
    "${any[@]}" run --device "$text" --json
  report "CLATTN_DEVICE='$text'" 0 "'''$part'''.lower() in r['device']['name'].lower()" -- \
    env CLATTN_DEVICE="$text" "$clattn" run --json
  expect "devices --device '$text'" 0 '^\[[0-9]+\] ' -- "${any[@]}" devices --device "$text"
done
expect "--device 0" 0 '^passed: ' -- "${any[@]}" run --device 0
expect "--device overrides CLATTN_DEVICE" 0 '^passed: ' -- env CLATTN_DEVICE=nosuch "$clattn" run --device 0
expect "an empty CLATTN_DEVICE is ignored" 0 '^passed: ' -- env CLATTN_DEVICE= "$clattn" run
platform_part=$(tr '[:lower:]' '[:upper:]' <<<"${platform:1}")
report "--platform '$platform_part'" 0 "r['device']['platform'] == '''$platform'''" -- \
  "${any[@]}" run --platform "$platform_part" --json
"${any[@]}" devices --platform "$platform" >"$folder/devices" 2>/dev/null
index=$(sed -n 's/^ *platform  *\[\([0-9]*\)\].*/\1/p' "$folder/devices" | head -n 1)
report "--platform $index --device 0" 0 "r['device']['platform'] == '''$platform'''" -- \
  "${any[@]}" run --platform "$index" --device 0 --json
expect "devices shows limits and kernels" 0 '^\[[0-9]+\] .
^ +type +(GPU|accelerator|CPU|other), 
^ +work-group +up to [0-9]+ work-items
^ +scores +1 naive 2 tiled 3 column 4 register 5 wide' -- "${any[@]}" devices --platform "$platform"

# ---- kernels from a folder

# A fresh copy that may be damaged: links are replaced by files, so that the originals stay intact.
copy() {
  rm -rf "$folder/kernels"
  mkdir "$folder/kernels"
  cp -RL "$kernels/." "$folder/kernels"
  chmod -R u+w "$folder/kernels"
}
from_folder=(env "CLATTN_KERNEL_DIR=$folder/kernels" "$clattn" run)

copy
expect "CLATTN_KERNEL_DIR, a copy" 0 '^passed: ' -- "${from_folder[@]}" "${odd[@]}" --out "$folder/out.npy"
same "CLATTN_KERNEL_DIR, a copy: context" "$folder/odd.npy" "$folder/out.npy"

# Without AVX-512, clang warns of functions that take 16 floats, and PoCL prints "N warnings
# generated." Needs a fresh cache, because only a build warns.
quiet() {
  local name=$1
  shift
  local narrow=(env "POCL_CACHE_DIR=$(mktemp -d "$folder/narrow.XXXX")" "$@")
  if grep -qsw avx2 /proc/cpuinfo; then narrow+=(POCL_KERNELLIB_NAME=avx2); fi
  examine 0 '^passed: ' "${narrow[@]}" "$clattn" run --random --pipeline fused --kernel fused=vector --tokens 40
  [ ! -s "$folder/err" ] || see "something on standard error"
  judge "$name"
}
quiet "a first build says nothing" CLATTN_KERNEL_DIR=
quiet "a first build from a folder says nothing" CLATTN_KERNEL_DIR="$folder/kernels"

echo 'this is no OpenCL C;' >>"$folder/kernels/scores/1_naive.cl"
line=$(grep -n 'this is no' "$folder/kernels/scores/1_naive.cl" | cut -d : -f 1)
refuse "CLATTN_KERNEL_DIR, a kernel that does not compile" 3 "kernel file 'scores/1_naive.cl'
 with options '-cl-std=CL1.2'
scores/1_naive.cl:$line
error" -- "${from_folder[@]}" --kernel scores=1
expect "CLATTN_KERNEL_DIR, other kernels than the broken one" 0 '^passed: ' -- "${from_folder[@]}" --kernel scores=2
expect "the program's own kernels still work" 0 '^passed: ' -- "$clattn" run --kernel scores=1
copy
echo 'this is no OpenCL C;' >>"$folder/kernels/common/attention.cl"
line=$(grep -n 'this is no' "$folder/kernels/common/attention.cl" | cut -d : -f 1)
refuse "CLATTN_KERNEL_DIR, a broken file that others include" 3 "kernel file 'scores/
common/attention.cl:$line" -- "${from_folder[@]}"
copy
rm "$folder/kernels/softmax/1_naive.cl" "$folder"/kernels/common/*
expect "CLATTN_KERNEL_DIR, missing files come from the program" 0 '^passed: ' -- \
  "${from_folder[@]}" --kernel softmax=1
echo '#include "common/missing.cl"' >"$folder/kernels/softmax/1_naive.cl"
refuse "CLATTN_KERNEL_DIR, a file that the program lacks, too" 3 "'.*kernels/common/missing.cl'" -- \
  "${from_folder[@]}" --kernel softmax=1
refuse "CLATTN_KERNEL_DIR, a folder is missing" 3 "folder '.*no-such-folder' holds no kernel file" -- \
  env CLATTN_KERNEL_DIR="$folder/no-such-folder" "$clattn" run
mkdir -p "$folder/empty-folder"
refuse "CLATTN_KERNEL_DIR, a folder without kernels" 3 "folder '.*empty-folder' holds no kernel file" -- \
  env CLATTN_KERNEL_DIR="$folder/empty-folder" "$clattn" run
refuse "CLATTN_KERNEL_DIR is a file" 3 "folder '.*a-file' holds no kernel file" -- \
  env CLATTN_KERNEL_DIR="$folder/a-file" "$clattn" run

# zeros STAGE FAILED...: a kernel that writes zeros is detected, and at its own stage.
zeros() {
  local stage=$1 pattern="^FAILED: $2 is the first wrong result: all 3 rows were checked\$" quoted='' tensor
  shift
  for tensor in "$@"; do
    pattern="$pattern
^$tensor  .* FAILED"
    quoted="$quoted, '$tensor'"
  done
  copy
  sed -e 's/= sum;$/= 0.0f;/' -e 's/= sum + bias_of.*;$/= 0.0f;/' -e 's/sum \* a.scale/0.0f/' -e 's/= live_weight(.*;$/= 0.0f;/' \
    "$kernels/$stage/1_naive.cl" >"$folder/kernels/$stage/1_naive.cl"
  if cmp -s "$kernels/$stage/1_naive.cl" "$folder/kernels/$stage/1_naive.cl"; then
    seen="this script does not find what to replace in $stage/1_naive.cl"
    judge "zeros from $stage"
    return
  fi
  expect "zeros from $stage" 1 "$pattern" -- "${from_folder[@]}" --kernel "$stage=1"
  report "zeros from $stage, --json" 1 "r['check']['passed'] is False and failed == [${quoted#, }]" -- \
    "${from_folder[@]}" --kernel "$stage=1" --json
}
zeros project q k v 'context from x'
zeros scores scores 'context from x'
zeros softmax weights 'context from x'
zeros context context 'context from x'

# ---- the terminal

# escapes NAME YES-OR-NO COMMAND...: whether its standard output has escape bytes.
escapes() {
  local name=$1 wanted=$2 got=no
  shift 2
  examine 0 '' "$@"
  if grep -aq $'\033' "$folder/out"; then got=yes; fi
  [ $got = "$wanted" ] || see "escape bytes: $got instead of $wanted"
  judge "$name"
}

escapes "run: no colour in a file" no env TERM=xterm "$clattn" run
escapes "devices: no colour in a file" no env TERM=xterm "$clattn" devices
# Run by a path that shells quote in different ways.
mkdir "$folder/größe x"
ln -s "$(realpath "$clattn")" "$folder/größe x/clattn"
on_terminal=(python3 "$here/terminal.py" '' "$folder/größe x/clattn")
escapes "run: colour on a terminal" yes env TERM=xterm "${on_terminal[@]}" run
escapes "run: NO_COLOR=1 on a terminal" no env TERM=xterm NO_COLOR=1 "${on_terminal[@]}" run
escapes "run: an empty NO_COLOR is none" yes env TERM=xterm NO_COLOR= "${on_terminal[@]}" run
escapes "run: TERM=dumb" no env TERM=dumb "${on_terminal[@]}" run
escapes "run --json: no colour on a terminal" no env TERM=xterm "${on_terminal[@]}" run --json
escapes "devices: colour on a terminal" yes env TERM=xterm "${on_terminal[@]}" devices

# A progress bar is on standard error, if that is a terminal, and erased without escape sequences.
# shellcheck disable=SC2016 # for the inner shell
with_json=('' sh -c '"$1" run --json >"$2"' - "$clattn" "$folder/bar.json")
expect "run: a progress bar" 0 '\[#+\.+\]  83 %  checking 3 rows' -- env TERM=xterm python3 "$here/terminal.py" "${with_json[@]}"
cp "$folder/out" "$folder/bar"
escapes "run: the bar has no escape sequences" no cat "$folder/bar"
expect "run: the report beside the bar" 0 '' -- "${tool[@]}" json "$folder/bar.json" 'r["check"]["passed"]'
env TERM=dumb python3 "$here/terminal.py" "${with_json[@]}" >"$folder/bar" 2>&1
expect "run: TERM=dumb has no bar" 0 '' -- test ! -s "$folder/bar"

# ---- help and output that cannot be written

expect "help names the articles" 0 '^  dog-chased-ball +"Query, Key, Values", www\.anup\.io/query-key-values/$
^  cat-sat-down +"Query, Key & Value Projections"$' -- "$clattn" help
for option in help --help -h "help help"; do
  # shellcheck disable=SC2086
  expect "$option" 0 '^usage: clattn COMMAND
CLATTN_DEVICE
exit codes: 0 ' -- "$clattn" $option
done
for option in "help run" "run --help"; do
  # shellcheck disable=SC2086
  expect "$option" 0 '^Usage: clattn run
--example=NAME
--check=HOW' -- "$clattn" $option
done
for option in "help devices" "devices --help"; do
  # shellcheck disable=SC2086
  expect "$option" 0 '^Usage: clattn devices
--platform=P' -- "$clattn" $option
done
expect "--version" 0 '^clattn [0-9]+\.[0-9]+\.[0-9]+$' -- "$clattn" --version
if [ -c /dev/full ]; then
  for command in run "run --json" "run --check off" devices help --version; do
    # shellcheck disable=SC2086
    expect "$command >/dev/full" '[1-3]' '' -- bash -c '"$@" >/dev/full' full "$clattn" $command
  done
else
  skip ">/dev/full" "there is none"
fi

# ---- NumPy

case $numpy_python in
'' | *-NOTFOUND) skip "NumPy" "no Python with NumPy was named" ;;
*)
  cat >"$folder/numpy_files.py" <<'PYTHON'
import sys
import numpy

command, folder = sys.argv[1:]
generator = numpy.random.default_rng(1)
x, wq, wk, wv = (generator.standard_normal(shape) for shape in ((2, 7, 6), (6, 8), (6, 8), (6, 10)))
if command == "write":
    numpy.save(folder + "/x.npy", x)
    numpy.save(folder + "/wq.npy", wq.astype(">f4"))
    numpy.save(folder + "/wk.npy", numpy.asfortranarray(wk))
    numpy.save(folder + "/wv.npy", wv.astype("<f4"))
else:
    q, k, v = ((x @ w).reshape(2, 7, 2, -1).swapaxes(1, 2) for w in (wq, wk, wv))
    scores = q @ k.swapaxes(2, 3) / 2
    scores[..., numpy.triu(numpy.ones((7, 7), bool), 1)] = -numpy.inf
    weights = numpy.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    context = (weights @ v).swapaxes(1, 2).reshape(2, 7, 10)
    wanted = {"q": x @ wq, "k": x @ wk, "v": x @ wv, "scores": scores, "weights": weights, "context": context}
    for name, values in wanted.items():
        got = numpy.load("%s/%s.npy" % (folder, name), allow_pickle=False)
        assert got.dtype == numpy.float32 and got.shape == values.shape, (name, got.dtype, got.shape)
        numpy.testing.assert_allclose(got, values, rtol=1e-4, atol=1e-5, err_msg=name)
PYTHON
  mkdir "$folder/numpy"
  expect "NumPy writes files" 0 '' -- "$numpy_python" "$folder/numpy_files.py" write "$folder/numpy"
  files numpy
  expect "NumPy's files are read" 0 '^passed: all 28 rows were checked$' -- \
    "$clattn" run "${given[@]}" --heads 2 --causal --save "$folder/numpy-saved"
  expect "NumPy reads the results and agrees" 0 '' -- \
    "$numpy_python" "$folder/numpy_files.py" read "$folder/numpy-saved"
  ;;
esac

finish
