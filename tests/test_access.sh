#!/usr/bin/env bash
# clattn-access from outside: what it prints, what it refuses, and what it finds in kernels that are
# broken on purpose.
#
# usage: test_access.sh PROGRAM KERNELS

# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
kernels=$2
mkdir "$folder/tmp"
export TMPDIR=$folder/tmp
access=("$clattn" --tokens 16 --key-tokens 16 --head-dim 8 --model-dim 8)

# ---- output

expect "a table" 0 '^scores=tiled:TILE=8: 16 queries, 16 keys, 1 head of 8$
^kernels/scores/2_tiled.cl, kernel scores: 2 x 2 x 1 work-groups of 8 x 8 x 1 work-items$
^q +256 +1024 +0 +0 
^q_tile +2048 +8192 +256 +1024 
^1 +0 +0 +0 +0 +4096 
^the results are right$' -- "${access[@]}" scores=2
expect "no colour into a pipe" 1 '' -- grep -q $'\033' "$folder/out"
expect "--svg" 0 '^the results are right$' -- "${access[@]}" scores=tiled --svg "$folder/picture.svg"
expect "the picture is XML, with each phase" 0 '' -- python3 -c 'import sys, xml.dom.minidom as x
text = x.parse(sys.argv[1]).toxml()
assert "phase 2, after" in text and "k_tile: 512 loads" in text' "$folder/picture.svg"
# A row of eight floats takes half a cache line. With work-items along a column, every load has a
# cache line of its own.
expect "--svg, a tile of 8" 0 '^the results are right$' -- "${access[@]}" project=tiled:TILE=8 --svg "$folder/picture.svg"
expect "no load of it is red" 1 '' -- grep -E 'class="bad".*(loads|lines)' "$folder/picture.svg"
expect "--svg, naive" 0 '^the results are right$' -- "${access[@]}" project=naive --svg "$folder/picture.svg"
expect "loads that waste their cache lines are red" 0 'class="bad".*loads.*lines' -- cat "$folder/picture.svg"
expect "--help" 0 '--key-tokens' -- "$clattn" --help

# ---- matrix units: what vendors' documents say of lane 5, which is number 1 in its group of four

# cells COLUMNS CELLS FILE: some row of the picture that has this many columns has these cells, as COLUMN=LABEL.
# shellcheck disable=SC2016
cells='import sys, xml.dom.minidom as x
rows = [[cell.firstChild.data for cell in text.getElementsByTagName("tspan")]
        for text in x.parse(sys.argv[3]).getElementsByTagName("text") if text.getAttribute("class") == "cell"]
wanted = [cell.split("=") for cell in sys.argv[2].split()]
assert any(len(row) == int(sys.argv[1]) and all(row[int(column)] == label for column, label in wanted) for row in rows)'
units=$folder/unit.svg
# PTX ISA: a3 of mma.m16n8k16 is in row groupID + 8, column 2 threadID_in_group + 1; a7 is 8 columns further.
expect "--unit" 0 '' -- env PATH=/nonexistent "$clattn" --unit 2 --svg "$units" # which needs no clang
expect "left of m16n8k16" 0 '' -- python3 -c "$cells" 16 '2=5:2 3=5:3 10=5:6 11=5:7' "$units"
expect "right of m16n8k16, transposed" 0 '' -- python3 -c "$cells" 8 '0=1:3 1=5:3 7=29:3' "$units"
expect "cells of no row" 1 '' -- python3 -c "$cells" 16 '2=5:2 3=5:4' "$units"
# shellcheck disable=SC2016
expect "4 elements of right and of sum and 8 of left are dark" 0 '^16$' -- \
  sh -c 'grep "class=\"on\"" "$1" | grep -o "class=\"on\" x=\"[0-9.]*\">5:" | wc -l' - "$units"
# RDNA3: lanes 16 to 31 hold the odd columns of a sum.
expect "--handed" 0 '' -- "$clattn" --unit 5 --handed --lane 21 --svg "$units"
expect "the sum of WMMA" 0 'Dark: lane 21 holds it in the sum. Red: lane 5 does' -- cat "$units"
expect "its row" 0 '' -- python3 -c "$cells" 16 '0=5:0 1=21:0 14=5:7 15=21:7' "$units"
for unit in 1 2 3 4 6 7; do
  # shellcheck disable=SC2016
  expect "unit $unit hands its sums over in its lanes" 0 'no element leaves its lane' -- \
    sh -c '"$1" --unit "$2" --handed --svg "$3" && cat "$3"' - "$clattn" "$unit" "$units"
done

# Kernels for sub-groups are right with any size of them, also with one that does not divide the work-group.
for size in 1 5 8 16 32 64; do
  expect "sub-groups of $size" 0 '^the results are right$' -- \
    "$clattn" --tokens 7 --key-tokens 300 --heads 2 --causal --sub-group "$size" softmax=subgroup
  expect "fused, sub-groups of $size" 0 '^the results are right$' -- \
    "$clattn" --tokens 19 --key-tokens 70 --heads 2 --causal --sub-group "$size" fused=subgroup
  expect "fused in parts, sub-groups of $size" 0 '^the results are right$' -- \
    "$clattn" --tokens 3 --key-tokens 70 --heads 2 --sub-group "$size" fused=subsplit
done
expect "rows that are sub-groups exchange nothing through local memory" 1 '' -- \
  sh -c '"$@" --sub-group 8 fused=subgroup | grep "^part "' - "${access[@]}"
expect "other rows do" 0 '^part ' -- "${access[@]}" --sub-group 16 fused=subgroup

# ---- wrong use

expect "no kernel" 2 '^clattn-access: no kernel is given' -- "$clattn"
expect "an unknown stage" 2 "^clattn-access: 'scare=1' \(allowed: .*softmax" -- "$clattn" scare=1
expect "an unknown kernel" 2 "^clattn-access: kernel 'scores=9' \(stage scores has: 1 naive, 2 " -- "$clattn" scores=9
expect "an unknown tile size" 2 "^clattn-access: tile setting 'TILE=7' .*allowed: 8, 16" -- \
  "$clattn" scores=tiled:TILE=7
expect "no tokens" 2 '^clattn-access: --tokens 0 \(allowed: 1 to 1024\)$' -- "$clattn" scores=1 --tokens 0
expect "too many tokens" 2 '^clattn-access: --tokens 2000 \(allowed: 1 to 1024\)$' -- \
  "$clattn" scores=1 --tokens 2000
expect "an odd rotary dimension" 2 '^clattn-access: rotary_dim is 17' -- "$clattn" rotary=1 --head-dim 17
expect "too wide a sub-group" 2 '^clattn-access: --sub-group 129 \(allowed: 1 to 128\)$' -- \
  "$clattn" scores=1 --sub-group 129
expect "an unknown unit" 2 '^clattn-access: --unit 8 \(allowed: 1 to 7\)$' -- "$clattn" --unit 8 --svg "$units"
expect "a lane that the unit lacks" 2 '^clattn-access: --lane 8: no such lane \(allowed: 0 to 7 with --unit 3\)$' -- \
  "$clattn" --unit 3 --lane 8 --svg "$units"
expect "the last lane" 0 '' -- "$clattn" --unit 7 --lane 63 --svg "$units"
expect "a lane of no unit" 2 '^clattn-access: --lane is for a matrix unit' -- "$clattn" scores=1 --lane 3
expect "sums of no unit" 2 '^clattn-access: --handed is for a matrix unit' -- "$clattn" scores=1 --handed
expect "a unit and a kernel" 2 '^clattn-access: --unit 2: .* without a kernel' -- "$clattn" scores=1 --unit 2 --svg "$units"
expect "a unit and a size" 2 '^clattn-access: --unit 2: .* without a kernel' -- \
  "$clattn" --tokens 4 --unit 2 --svg "$units"
expect "a unit without a picture" 2 '^clattn-access: --unit 2: .*--svg FILE' -- "$clattn" --unit 2
expect "a unit's picture in a missing folder" 2 '^clattn-access: --svg .*: No such file' -- \
  "$clattn" --unit 2 --svg "$folder/none/x.svg"
expect "an unknown option" 2 '^clattn-access: --wrong: ' -- "$clattn" scores=1 --wrong
expect "an option twice" 2 '^clattn-access: --heads is given twice \(allowed: once\)$' -- \
  "$clattn" scores=1 --heads 1 --heads=2
expect "a picture of a whole stage" 2 '^clattn-access: --svg .*one kernel' -- "$clattn" scores --svg "$folder/x.svg"
expect "a picture in a missing folder" 2 '^clattn-access: --svg .*: No such file' -- \
  "${access[@]}" scores=1 --svg "$folder/none/x.svg"
expect "a picture with a folder's name" 2 '^clattn-access: --svg .*Is a directory' -- \
  "${access[@]}" scores=1 --svg "$folder"
expect "a full disk" 2 '^clattn-access: cannot write to standard output$' -- \
  bash -c '"$@" >/dev/full' - "${access[@]}" scores=1
expect "no clang" 2 '^clattn-access: clang is not installed \(Debian: clang\)' -- \
  env PATH=/nonexistent "$clattn" scores=1
expect "no temporary folder" 2 '^clattn-access: cannot make a temporary folder' -- \
  env TMPDIR=/nonexistent "$clattn" scores=1

# ---- findings

# broken NAME CODE PATTERNS FILE FIND REPLACE WORD: runs a kernel with one piece of text replaced.
broken() {
  rm -rf "$folder/kernels"
  cp -r "$kernels" "$folder/kernels"
  expect "$1: the text is there" 0 '' -- python3 -c 'import sys
path, find, replace = sys.argv[1:]
text = open(path).read()
assert text.count(find) == 1
open(path, "w").write(text.replace(find, replace))' "$folder/kernels/$4" "$5" "$6"
  expect "$1" "$2" "$3" -- env CLATTN_KERNEL_DIR="$folder/kernels" "${access[@]}" "$7"
}

tiles=common/product_tiled.cl
broken "no barrier after the stores" 1 \
  'product_tiled.cl:[0-9]+: work-item .* loads local q_tile .* stored at kernels/common/product_tiled.cl:[0-9]+; there is no barrier
^the results are wrong' \
  $tiles 'barrier(CLK_LOCAL_MEM_FENCE); /* the tiles are complete' '/* the tiles are complete' scores=tiled
access=("$clattn" --tokens 16 --key-tokens 16 --head-dim 24 --model-dim 8) # more than one tile
broken "no barrier after the loads" 1 'product_tiled.cl:[0-9]+: work-item .* stores to local .*loaded at .*no barrier' \
  $tiles 'barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read' '/* everyone has read' scores=tiled
broken "an index past the end" 1 \
  '3_tiled.cl:[0-9]+: .* of work-group \(15, 0, 0\) loads 4 bytes outside of all buffers, 0 after the end of scores=weights' \
  softmax/3_tiled.cl 'j < r.key_len; j += LOCAL_X) to[j] =' 'j <= r.key_len; j += LOCAL_X) to[j] =' softmax=tiled
broken "two work-groups store to one element" 1 \
  'scores/1_naive.cl: work-item .* stores to scores .* of another work-group stored at' \
  scores/1_naive.cl '* a.rows + row) * a.key_len + key;' '* a.rows + row % 4) * a.key_len + key;' scores=naive
broken "a barrier that only some work-items reach" 1 \
  'softmax/3_tiled.cl: 28 work-items of a work-group wait at a barrier that 4 never reached' \
  softmax/3_tiled.cl '  sum = join_sum(part, sum);' '  if (me > 3) sum = join_sum(part, sum);' softmax=tiled
broken "sub-groups that race" 1 \
  'softmax/7_subgroup.cl:[0-9]+: work-item .* loads local maxima .*stored at .*; there is no barrier' \
  softmax/7_subgroup.cl 'barrier(CLK_LOCAL_MEM_FENCE); /* the maxima' '/* the maxima' softmax=subgroup:LOCAL_X=64
broken "a barrier of the sub-group is not enough" 1 \
  'softmax/7_subgroup.cl:[0-9]+: work-item .* loads local sums .*stored at .*; there is no barrier' \
  softmax/7_subgroup.cl 'barrier(CLK_LOCAL_MEM_FENCE); /* the sums' 'sub_group_barrier(CLK_LOCAL_MEM_FENCE); /* the sums' \
  softmax=subgroup:LOCAL_X=64
broken "a reduction that only some lanes reach" 1 \
  'softmax/7_subgroup.cl:[0-9]+: 16 work-items of a sub-group call a function of the whole sub-group, and 16 do not' \
  softmax/7_subgroup.cl '  largest = join_max(maxima, largest);' '  if (me % 32 < 16) largest = join_max(maxima, largest);' \
  softmax=subgroup:LOCAL_X=32
broken "the weights of a row that is a sub-group, without its barrier" 1 \
  'products_float.cl:[0-9]+: work-item .* loads local weights .*stored at .*; there is no barrier' \
  common/exchange_sub_groups.cl '  sub_group_barrier(CLK_LOCAL_MEM_FENCE);' '' fused=subgroup:LOCAL_X=32
broken "rows taken for sub-groups that are none" 1 '^the results are wrong' common/exchange_sub_groups.cl \
  'get_sub_group_size() != LOCAL_X || get_sub_group_local_id() != x || first_y != y' 0 fused=subgroup:LOCAL_X=16
broken "an undeclared type" 3 "softmax/1_naive.cl:[0-9]+:[0-9]+: error: .*'jon'" \
  softmax/1_naive.cl 'float sum =' 'jon sum =' softmax=naive
broken "a function that the recorder lacks" 3 'lacks a built-in function .*erf' \
  softmax/1_naive.cl 'float sum = sink_exp' 'float sum = erf(0.0f) + sink_exp' softmax=naive
expect "no temporary files remain" 0 '' -- rmdir "$TMPDIR"

finish
