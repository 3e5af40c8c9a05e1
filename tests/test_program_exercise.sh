#!/usr/bin/env bash
# `clattn exercise` from outside: test_program_exercise.sh PROGRAM [PART/PARTS]; each part checks every so many exercise
# and mistake, the first part also the rest.

# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
# shellcheck source=tests/part.sh
. "$here/part.sh" "${2:-1/1}"
kernels=$here/../kernels
cd "$folder" || exit 2

# ---- the list, and the marks

expect "exercise list" 0 '^ 1  dot-product +a row of X
^ +project, kernel coalesced: project/2_coalesced.cl$
^begin with  clattn exercise start dot-product$' -- "$clattn" exercise list
sed -n 's/^ *[0-9][0-9]*  \([a-z-]*\)  *[a-z].*/\1/p' "$folder/out" >"$folder/names"
grep -E '^ +[a-z]+, kernel ' "$folder/out" | sed 's/.*: //' >"$folder/files"
paste -d ' ' "$folder/files" "$folder/names" | sort >"$folder/listed"
# FILE NAME for each pair of marks in the kernels; a mark without its partner gives a line that is
# in no table.
# shellcheck disable=SC2016
(cd "$kernels" && grep -En '/\* (exercise [a-z-]+:|end of exercise)' -- */*.cl */*.h) | awk -F : '
  / end of exercise \*\/$/ { if (name == "" || $1 != file) print "stray end in", $1; else print file, name; name = ""; next }
  { if (name != "") print "no end of", name; file = $1; name = $3; sub(/.*exercise /, "", name)
    if ($0 !~ /: .* \*\/$/) print "no whole mark:", $0 }
  END { if (name != "") print "no end of", name }' | sort >"$folder/marked"
expect "every mark is in the table, and every exercise has its marks" 0 '' -- cmp "$folder/listed" "$folder/marked"
expect "there are exercises" 0 '^guard$' -- cat "$folder/names"

# ---- a kernel without end, of one work-item, meanwhile

endless() {
  mkdir -p endless/context
  sed 's/++key/key += c + row > 0/' "$kernels/context/1_naive.cl" >endless/context/1_naive.cl
  "$clattn" exercise check weighted-sum endless >endless/out 2>&1
  echo "$?" >endless/code
}
if [ "$part_first" -eq 1 ]; then
  endless &
  endless=$!
fi

# ---- every starter fails, every solution passes

while read -r file name; do
  read=$(sed -n 's/^#include "\(.*\)"$/ kernels\/\1[, ]/p' "$kernels/$file")
  examine 0 "^task  +[a-z].*
^edit +starter/$name/$file:[0-9]+\$
${read:+^read .*${read//$'\n'/.*}}
^then +clattn exercise check $name starter/$name\$" "$clattn" exercise start "$name" "starter/$name"
  judge "start $name"
  mine || continue
  expect "the starter of $name is the kernel but for its code" 1 '^[<>] ' -- \
    diff "$kernels/$file" "starter/$name/$file"
  expect "the starter of $name fails" 1 '^[a-z ]+ wrong$
^hint     you have not filled in the blank yet: only comments
^look at  starter/' -- "$clattn" exercise check "$name" "starter/$name"
  mkdir -p "solution/$name/$(dirname "$file")"
  cp "$kernels/$file" "solution/$name/$file"
  expect "the solution of $name passes" 0 '^passed: all cases are right$
^learnt  
^speed    [0-9.]+ GFLOP/s, rung 1 [0-9.]+ GFLOP/s
^next  ' -- "$clattn" exercise check "$name" "solution/$name"
done <"$folder/listed"

# ---- every mistake has its own hint

# hint NAME TITLE HINT: tests the changed kernel in broken/$number/$file.
hint() {
  if cmp -s "$kernels/$file" "broken/$number/$file"; then
    fail "$1: $2" "nothing is changed"
    return
  fi
  expect "$1: $2" 1 "^hint     .*$3
^look at  broken/$number/$file:[0-9]+\$" -- "$clattn" exercise check "$1" "broken/$number"
}

number=0
prepare() {
  file=$(sed -n "s/ $1\$//p" "$folder/listed")
  number=$((number + 1))
  mkdir -p "broken/$number/$(dirname "$file")"
}

# broken NAME FIND REPLACE HINT: tests the solution with one change between its marks.
broken() {
  mine || return
  prepare "$1"
  sed "/exercise $1:/,/end of exercise/ s~$2~$3~" "$kernels/$file" >"broken/$number/$file"
  hint "$1" "'$2' -> '$3'" "$4"
}

# filled NAME CODE HINT: tests the starter with this code in the blank.
filled() {
  mine || return
  prepare "$1"
  sed "/\/\* your code \*\//d" "starter/$1/$file" |
    CODE=$2 awk '{ print } index($0, "/* exercise " name ":") { print ENVIRON["CODE"] }' name="$1" >"broken/$number/$file"
  hint "$1" "$2" "$3"
}

add='sum = fma(a_tile\[y\]\[k\]'
broken dot-product 'W_TRANSPOSED ?' '!W_TRANSPOSED ?' 'second matrix is read along the wrong axis'
broken dot-product 'row \* r.columns + column' 'column * r.columns + row' 'rows and columns of the result are exchanged'
broken weighted-sum 'key \* a.v.row + c' 'c * a.v.row + key' 'second matrix is read along the wrong axis'
broken row-maximum 'largest = fmax(largest, from\[j\])' 'largest = 0.0f' 'exp overflows. Subtract the largest score first'
broken row-sum 'live_exp(from\[j\], largest), sum)' 'live_exp(from[j], largest), 1.0f)' 'is not divided by the row.s sum'
broken guard 'sum \* a.scale' 'sum' 'off by the same factor'
broken mask 'return -INFINITY' 'return score' 'masked key.s score must be -infinity'
broken tile-load 'b_tile\[y\]\[x\]' 'b_tile[x][y]' 'second matrix is read along the wrong axis'
broken tile-multiply 'barrier(CLK_LOCAL_MEM_FENCE); /. the tiles' '/* the tiles' 'barrier is missing'
broken tile-multiply 'barrier(CLK_LOCAL_MEM_FENCE); /. everyone' '/* everyone' 'barrier is missing'
broken tile-multiply "$add" "sum = k == 0 ? a_tile[y][0] * b_tile[0][x] : fma(a_tile[y][k]" 'begins anew with each tile'
broken join 'barrier(CLK_LOCAL_MEM_FENCE);' '' 'barrier is missing. A level must be complete'
broken join 'LOCAL_X / 2' 'LOCAL_X / 4' 'half of the parts are lost'
broken register-block 'y + r \* LOCAL_Y' 'y * ITEM_ROWS + r' 'right values in the wrong rows'
broken panel 'panel\[v\]\[k\]' 'panel[0][k]' 'right values in the wrong columns'
broken online-maximum 'out\[c\] \* factor' 'out[c]' 'the sum is rescaled and the context is not'
broken online-maximum 'larger = fmax(largest, score)' 'larger = 0.0f' 'exp overflows. Subtract the largest'
broken rescale 'out\[i\] \*= factor' 'out[i] *= 1.0f' 'the sum is rescaled and the context is not'
broken rescale 'sum \*= factor;' '' 'multiply the sum and the context so far by exp'
broken rescale 'largest = larger;' '' 'log-sum-exp, .* is -infinity for every row: .largest. never'
broken sum-lanes 'lane % 4 \* 2 + i % 2' 'lane % 4 + i % 2 * 4' 'right, but meet other keys. values.*left_depth'
broken sum-lanes 'lane % 4 \* 2 + i % 2' 'lane % 4 * 2' 'no lane holds some columns of the sum'
broken dot-product 'term < p' 'term <= p' 'reads past the end of an array'
broken dot-product ' + bias_of(r, column)' '' 'x.W is right, but x.W . bias is not'
broken mask 'key >= view.end' 'key > view.end' 'sees one key too many'
broken mask 'key < view.first' 'key <= view.first' 'too much is masked'
broken mask 'key < view.first || ' '' 'until the first keys are masked'
broken tile-load 'a_tile\[y\]\[x\]' 'a_tile[x][y]' 'the first matrix is read along the wrong axis'
broken join 'half_size > 0' 'half_size > 1' 'tree ends one level too early'
broken online-maximum 'largest = larger;' '' 'value of its last key and nothing else'
filled weighted-sum 'for (int key = 0; key < a.key_len; ++key) sum += weights_row[key] * v_head[key * a.v.row + c];' \
  'whose weight is 0'
sum='for (int j = 0; j < r.key_len; ++j) sum += live_exp(from[j], largest);'
weights='for (int j = 0; j < r.key_len; ++j) to[j] = live_exp(from[j], largest) / '
filled row-sum "$sum" 'these are still the scores'
filled row-sum "${sum//</<=} ${weights}sum;" 'add up to 1, but to less'
filled row-sum "${sum/j = 0/j = 1} ${weights}sum;" 'add up to 1, but to more'
filled row-sum "float mine = 0.0f; ${sum/sum/mine} ${weights}mine;" 'log-sum-exp'

if [ "$part_first" -ne 1 ]; then
  finish
  exit
fi

# ---- what does not compile, what crashes, what never ends

mkdir -p no-c/softmax crash/context
sed '/exercise row-sum/a undeclared = 1;' "$kernels/softmax/1_naive.cl" >no-c/softmax/1_naive.cl
line=$(grep -n undeclared no-c/softmax/1_naive.cl | cut -d : -f 1)
expect "a kernel that does not compile" 1 "^it does not compile:
^  no-c/softmax/1_naive.cl:$line:.*undeclared" -- "$clattn" exercise check row-sum no-c
sed 's/\*to = sum;/to[1ul << 50] = sum;/' "$kernels/context/1_naive.cl" >crash/context/1_naive.cl
# This case needs a crash; the sanitizer would turn it into an exit.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0:handle_sigbus=0
expect "a kernel that writes far away" 1 '^one tile +crashed$
reads or writes beyond the end of an array
^look at  crash/context/1_naive.cl:' -- "$clattn" exercise check weighted-sum crash
wait "$endless"
expect "a kernel without end" 0 '^one tile +no end$
^the kernel does not end
^1$' -- cat endless/out endless/code

# ---- folders, and wrong use

"$clattn" exercise start join mine >/dev/null
cp mine/common/join.cl before
refuse "start never overwrites" 2 'mine/common/join.cl is there already and is not overwritten' -- "$clattn" exercise start join mine
expect "start never overwrites: the file" 0 '' -- cmp before mine/common/join.cl
expect "start without a folder" 0 '^edit +exercises/join/common/join.cl:' -- "$clattn" exercise start 9
expect "no part files" 1 '' -- sh -c "find '$folder' -name '*.part' | grep ."
touch file
refuse "a folder that cannot be made" 2 'file/(common)?.*: cannot make the folder' -- "$clattn" exercise start join file
refuse "check before start" 2 "nowhere/common/join.cl cannot be read \('clattn exercise start join nowhere' makes it" -- \
  "$clattn" exercise check join nowhere
refuse "exercise" 2 'exercise what\? \(allowed: list, start NAME \[DIR\], check NAME \[DIR\]\)' -- "$clattn" exercise
refuse "exercise nonsense" 2 'exercise nonsense \(allowed: list' -- "$clattn" exercise nonsense
refuse "exercise start" 2 'which one\? \(allowed: dot-product, ' -- "$clattn" exercise start
refuse "exercise start nonsense" 2 "unknown exercise 'nonsense' \(allowed: dot-product, " -- "$clattn" exercise start nonsense
refuse "exercise list more" 2 "unexpected argument 'more'" -- "$clattn" exercise list more
refuse "exercise check join mine more" 2 "unexpected argument 'more'" -- "$clattn" exercise check join mine more
expect "help exercise" 0 'list \| start NAME \[DIR\] \| check NAME \[DIR\]' -- "$clattn" help exercise
mkdir no-vendors
refuse "exercise check without a device" 3 'no OpenCL platform is installed' -- \
  env OCL_ICD_VENDORS="$folder/no-vendors" "$clattn" exercise check join mine
if [ -e /dev/full ]; then
  # shellcheck disable=SC2016
  expect "exercise list into a full disk" 2 'cannot write to standard output' -- \
    sh -c '"$1" exercise list >/dev/full' - "$clattn"
else
  skip "exercise list into a full disk" "no /dev/full"
fi

finish
