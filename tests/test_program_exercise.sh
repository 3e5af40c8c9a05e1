#!/usr/bin/env bash
# `clattn exercise` from outside: test_program_exercise.sh PROGRAM

# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
kernels=$here/../kernels
cd "$folder" || exit 2

# ---- the list, and the marks

expect "exercise list" 0 '^ 1  dot-product +a row of X
^ +project, kernel coalesced: project/2_coalesced.cl$
^begin with  clattn exercise start dot-product$' -- "$clattn" exercise list
sed -n 's/^ *[0-9][0-9]*  \([a-z-]*\)  *[a-z].*/\1/p' "$folder/out" >"$folder/names"
grep -E '^ +[a-z]+, kernel ' "$folder/out" | sed 's/.*: //' >"$folder/files"
paste -d ' ' "$folder/files" "$folder/names" | sort >"$folder/listed"
# FILE NAME of each pair of marks in the kernels; of a pair that is none, a line that no table has.
# shellcheck disable=SC2016
(cd "$kernels" && grep -En '/\* (exercise [a-z-]+:|end of exercise)' -- */*.cl) | awk -F : '
  / end of exercise \*\/$/ { if (name == "" || $1 != file) print "stray end in", $1; else print file, name; name = ""; next }
  { if (name != "") print "no end of", name; file = $1; name = $3; sub(/.*exercise /, "", name)
    if ($0 !~ /: .* \*\/$/) print "no whole mark:", $0 }
  END { if (name != "") print "no end of", name }' | sort >"$folder/marked"
expect "every mark is in the table, and every exercise has its marks" 0 '' -- cmp "$folder/listed" "$folder/marked"
expect "there are exercises" 0 '^guard$' -- cat "$folder/names"

# ---- every starter fails, every solution passes

while read -r file name; do
  examine 0 "^task  +[a-z].*
^edit +starter/$name/$file:[0-9]+\$
^then +clattn exercise check $name starter/$name\$" "$clattn" exercise start "$name" "starter/$name"
  judge "start $name"
  expect "the starter of $name is the kernel but for its code" 1 '^[<>] ' -- \
    diff "$kernels/$file" "starter/$name/$file"
  expect "the starter of $name fails" 1 '^[a-z ]+ wrong$
^hint     [a-z]
^look at  starter/' -- "$clattn" exercise check "$name" "starter/$name"
  mkdir -p "solution/$name/$(dirname "$file")"
  cp "$kernels/$file" "solution/$name/$file"
  expect "the solution of $name passes" 0 '^passed: all cases are right$
^learnt  
^speed    [0-9.]+ GFLOP/s, rung 1 [0-9.]+ GFLOP/s
^next  ' -- "$clattn" exercise check "$name" "solution/$name"
done <"$folder/listed"

# ---- every mistake has its own hint

# broken NAME FIND REPLACE HINT: the solution with one change between its marks.
number=0
broken() {
  local name=$1 file
  file=$(sed -n "s/ $name\$//p" "$folder/listed")
  number=$((number + 1))
  mkdir -p "broken/$number/$(dirname "$file")"
  sed "/exercise $name:/,/end of exercise/ s~$2~$3~" "$kernels/$file" >"broken/$number/$file"
  if cmp -s "$kernels/$file" "broken/$number/$file"; then
    fail "$name: $2" "not found"
    return
  fi
  expect "$name: '$2' -> '$3'" 1 "^hint     .*$4
^look at  broken/$number/$file:[0-9]+\$" -- "$clattn" exercise check "$name" "broken/$number"
}

add='sum = fma(a_tile\[y\]\[k\]'
broken dot-product 'W_TRANSPOSED ?' '!W_TRANSPOSED ?' 'second matrix is read along the wrong axis'
broken dot-product 'int term = 0' 'int term = 1' 'first term of each sum is left out'
broken dot-product 'term < p.model_dim' 'term + 1 < p.model_dim' 'last term of each sum is left out'
broken dot-product 'row \* r.columns + column' 'column * r.columns + row' 'rows and columns of the result are exchanged'
broken weighted-sum 'key \* a.v.row + c' 'c * a.v.row + key' 'second matrix is read along the wrong axis'
broken weighted-sum 'sum = fma(weights_row\[key\],' 'sum = fma(2.0f * weights_row[key],' 'off by the same factor'
broken row-maximum 'largest = fmax(largest, from\[j\])' 'largest = 0.0f' 'exp overflows. Subtract the largest score first'
broken row-sum 'live_exp(from\[j\], largest), sum)' 'live_exp(from[j], largest), 1.0f)' 'do not add up to 1'
broken guard 'sum \* a.scale' 'sum' 'off by the same factor'
broken guard 'key >= a.key_len || row >= a.rows' 'row >= a.rows - 3' 'nothing is written|rows' # the last rows
broken guard 'row < rows \&\& key' 'row + 5 < rows \&\& key' 'of rows guarded|is wrong already'
broken mask 'return -INFINITY' 'return score' 'masked key.s score must be -infinity'
broken tile-load 'b_tile\[y\]\[x\]' 'b_tile[x][y]' 'second matrix is read along the wrong axis'
broken tile-multiply 'barrier(CLK_LOCAL_MEM_FENCE); /. the tiles' '/* the tiles' 'barrier is missing'
broken tile-multiply 'barrier(CLK_LOCAL_MEM_FENCE); /. everyone' '/* everyone' 'barrier is missing'
broken tile-multiply "$add" "sum = k == 0 ? a_tile[y][0] * b_tile[0][x] : fma(a_tile[y][k]" 'begins anew with each tile'
broken tile-multiply 'b_tile\[k\]\[x\], sum)' 'b_tile[k][x], 0.0f)' 'only the last term is there'
broken join 'barrier(CLK_LOCAL_MEM_FENCE);' '' 'barrier is missing. A level must be complete'
broken join 'LOCAL_X / 2' 'LOCAL_X / 4' 'half of the parts are lost'
broken register-block 'y + r \* LOCAL_Y' 'y * ITEM_ROWS + r' 'right values in the wrong rows'
broken register-block 'x + c \* LOCAL_X' 'x * ITEM_COLS + c' 'right values in the wrong columns'
broken panel 'panel\[k \* VECTORS + v\]' 'panel[k * VECTORS]' 'right values in the wrong columns'
broken online-maximum 'out\[c\] \* factor' 'out[c]' 'rescale what was summed up before'
broken online-maximum 'sum \* factor' 'sum' 'rescale what was summed up before'
broken online-maximum 'larger = fmax(largest, score)' 'larger = 0.0f' 'exp overflows. Subtract the largest'
broken rescale 'sum \*= factor' 'sum *= 1.0f' 'rescale what was summed up before'
broken rescale 'out\[i\] \*= factor' 'out[i] *= 1.0f' 'rescale what was summed up before'

finish
