#!/usr/bin/env bash
# `clattn explain` from outside: test_program_explain.sh PROGRAM. Its output is compared with
# numbers computed by hand, or in double by the formulas below.

# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"

# shows NAME PATTERNS -- ARGUMENTS of explain: it succeeds and prints matching lines.
shows() {
  local name=$1 patterns=$2
  shift 3
  expect "explain $name" 0 "$patterns
^checked: [0-9]+ numbers against the reference" -- "$clattn" explain "$@"
}

# ---- the four examples

shows "please-study-man: every step" '^please-study-man: from the article "The Database Analogy", [^ ]+$
^    q\(man\)·k\(study\) = 1×0 \+ 1×2 = 2$
^    k\(man\)\[d1\] = 1×1 \+ 1×1 = 2$
^  please +1 +0 +1$
^  study +2 +4 +4$
^  man +2 +2 +3$
^  please +0\.707107 +0\.000000 +0\.707107$
^  study +1\.414214 +2\.828427 +2\.828427$
^  man +1\.414214 +1\.414214 +2\.121320$
^  study +2\.828427 +0\.243117 +1\.000000 +1\.000000 +2\.243117$
^  man +2\.121320 +0\.493069 +0\.493069 +1\.000000 +1\.986137$
^  please +0\.401112 +0\.197776 +0\.401112$
^  study +0\.108383 +0\.445808 +0\.445808$
^  man +0\.248255 +0\.248255 +0\.503490$
^  please +0\.802224 +0\.796664$
^  study +0\.554192 +1\.337425$
^  man +0\.751745 +1\.000000$
^  "study" and "please" get the same from "man", 24\.8 % each; most goes to itself, "man", 50\.3 %\.$
^The article prints K\(man\) = \[2, 1\]' --
expect "explain: without arguments it shows the example" 0 '^please-study-man' -- "$clattn" explain
# One row: 1 and e^-1.5 and seven times e^-3; 1 / (1 + 0.223130 + 7 x 0.049787) = 0.636278.
shows "dog-chased-ball: it" '^    q\(it\)·k\(dog\) = 3×2 \+ 1\.5×0 \+ 0×0 \+ 0×0 = 6$
^    q\(it\)·k\(ball\) = 3×0 \+ 1\.5×2 \+ 0×0 \+ 0×0 = 3$
^  it +0\.031678 +0\.636278 +0\.031678 +0\.031678 +0\.141973 +0\.031678
^  it +1\.272556 +0\.283946 +0\.126714$
^  "it" gives more to "dog", 63\.6 %, than to "ball", 14\.2 %\.$
^  Why: q\(it\)·k\(dog\) = 6, of which "animate" gives 3 × 2\.$' -- dog-chased-ball
# 1 : e : e^2
shows "love-apple-phones: Apple" '^  Apple +0\.090031 +0\.244728 +0\.665241$
^  Apple +1\.575210 +0\.244728 +0\.180061$
^  "Apple" gives more to "phones", 66\.5 %, than to "Apple", 24\.5 %\.$' -- love-apple-phones
shows "cat-sat-down: positions, one head" '^  cat +0\.841471 +0\.540302 +0\.099833 +2\.995004 +2\.010000
^[0-9]+  Q = X·Wqᵀ
^  sat +0\.033948 +0\.532904 +0\.079146 +0\.354002$
^  "sat" gives more to "cat", 53\.3 %, than to "down", 35\.4 %\.$' -- cat-sat-down
shows "cat-sat-down: two heads" '^[0-9]+  head 1: weights
^  sat +0\.027460 +0\.915977 +0\.028439 +0\.028124$
^  sat +0\.030716 +0\.045220 +0\.098178 +0\.825886$' -- cat-sat-down --heads 2

# ---- one token, a mask, another scale, any input

shows "--focus" '; only "study" is shown
^    q\(study\)·k\(man\) = 0×1 \+ 2×2 = 4$' -- --focus study
"$clattn" explain --focus 1 >"$folder/number" 2>&1
"$clattn" explain --focus study >"$folder/word" 2>&1
expect "explain --focus shows no other query" 1 '' -- grep -F 'q(man)·k' "$folder/word"
expect "explain --focus by number" 0 '' -- cmp "$folder/number" "$folder/word"
# exp(0) / (exp(0) + exp(1.414214)), and nothing after the query
shows "--causal" '^  study +1\.414214 +2\.828427 +masked$
^  study +0\.195570 +0\.804430 +0\.000000$
^  study .* masked$
^  "please" gives 100 % to "please"\.$' -- --causal
# e^0 : e^2 : e^4, next to 1 : e : e^2
shows "--scale 1 beside the default" '^weights of "Apple"
^  scale 1 +0\.015876 +0\.117310 +0\.866813$
^  scale 0\.5 +0\.090031 +0\.244728 +0\.665241$' -- love-apple-phones --scale 1
shows "a long input: the strongest keys of one query" 'only "t39" is shown
^  \(1 of 40 queries, 8 of 40 keys, the strongest\)$
^[0-9]+  head 0: ' -- --random --tokens 40 --model-dim 32 --heads 2 --causal
expect "explain: a long input's page is short" 0 '' -- test "$(wc -c <"$folder/out")" -lt 20000
shows "features together" 'softcapped
masked, and less for distance
output = context·Wo' -- --random --tokens 5 --model-dim 8 --heads 2 --kv-heads 1 --output-dim 3 --softcap 2 --alibi auto \
  --rotary halves --type f16 --batch 2
shows "a cache: earlier keys first" '^1 query, 6 keys, 1 head$
^  k0 ' -- --random --tokens 1 --model-dim 4 --heads 1 --cache-capacity 8 --past-tokens 5 --causal
shows "keys from another input" '^3 queries, 2 keys, 1 head$
^  k1 ' -- --random --tokens 3 --model-dim 4 --heads 1 --key-tokens 2
"$clattn" run --save "$folder/saved" >"$folder/saving" 2>&1
shows "given q, k and v" '^1  Q, as given
^  t2 +0\.248255 +0\.248255 +0\.503490$' -- --q "$folder/saved/q.npy" --k "$folder/saved/k.npy" --v "$folder/saved/v.npy"

# ---- names of one's own

printf '\xef\xbb\xbfich\r\nmöchte\n<Äpfel>' >"$folder/words"
own=(--q "$folder/saved/q.npy" --k "$folder/saved/k.npy" --v "$folder/saved/v.npy")
shows "--tokens-from" 'only "möchte" is shown
^    q\(möchte\)·k\(<Äpfel>\) = 0×1 \+ 2×2 = 4$
^  "möchte" gives 44\.6 % to "möchte" and "<Äpfel>" each' -- "${own[@]}" --tokens-from "$folder/words" --focus möchte
for bad in '2 for 3 queries=a\nb\n' 'line 2 is empty=a\n\nc' 'line 2 is not UTF-8=a\n\xff\nc' 'line 2 contains a byte 0=a\nb\0b\nc' 'is empty \(='; do
  # shellcheck disable=SC2059 # the format has the escapes
  printf "${bad#*=}" >"$folder/bad"
  refuse "explain --tokens-from: ${bad%%=*}" 2 "--tokens-from: .*${bad%%=*}" -- "$clattn" explain "${own[@]}" \
    --tokens-from "$folder/bad"
done
refuse "explain --tokens-from: an example has names" 2 '--tokens-from does not go with an example' -- \
  "$clattn" explain cat-sat-down --tokens-from "$folder/words"
refuse "explain --html spares the names" 2 '--html: .*words is the input of --tokens-from' -- \
  "$clattn" explain "${own[@]}" --tokens-from "$folder/words" --html "$folder/words"

# ---- the demonstrations

expect "explain bank" 0 'w\(river\).*shore
^  bank +0\.011.* +0\.797.* 0\.095.* 0\.095.* +1\.78.* 0\.095
^  "bank" gives 79\.7 % to "river", whose key is \[2, 0\]: of place and institution it offers the first
gives 79\.7 % to "savings"
in both, bit for bit' -- "$clattn" explain bank
expect "explain dictionary" 0 '^  sharpness 0 +0\.333333 +0\.333333 +0\.333333
^  sharpness 1 +0\.211942 +0\.576117 +0\.211942
^  sharpness 2 +0\.106507 +0\.786986 +0\.106507
^  sharpness 128 .* 1\.000000 
answer to "cat" is "meow"; the last line is (exactly that|that, within [0-9.]+e-[0-9]+)\.$
has no key "kitten"' -- "$clattn" explain dictionary
expect "explain routing" 0 '^  unchanged +0\.636278 +0\.141973 +1\.272556 +0\.283946
^  V changed +0\.636278 +0\.141973 +0\.283946 +1\.272556
^  K changed +0\.141973 +0\.636278
^  Q changed +0\.141973 +0\.636278
All 81 weights are the same, bit for bit: routing stays' -- "$clattn" explain routing
expect "explain heads" 0 '^  one head +0\.033948 +0\.532904 +0\.079146 +0\.354002$
^  first of two heads: "cat" first, 91\.6 %$
^  second of two heads: "down" first, 82\.6 %$
same 32 numbers' -- "$clattn" explain heads
expect "explain confusions" 0 'context\(Apple\) = \[1\.575210, 0\.244728, 0\.180061\]: 3 numbers
equals 0 of 3 keys; q\(Apple\)·k\(phones\) = 4 
x\(phones\) = \[0, 0, 2, 0\], v\(phones\) = \[2, 0, 0\]' -- "$clattn" explain confusions

# ---- pictures

expect "explain --svg" 0 "^picture   $folder/svg/cat-sat-down-weights-head-1\.svg\$" -- \
  "$clattn" explain cat-sat-down --heads 2 --svg "$folder/svg"
expect "explain --svg: two files of XML" 0 '^2 91\.6 %$' -- python3 -c '
import glob, sys, xml.etree.ElementTree as tree
texts = [[t.text for t in tree.parse(name).iter("{http://www.w3.org/2000/svg}text")] for name in sorted(glob.glob(sys.argv[1] + "/*"))]
print(len(texts), next(t for t in texts[0] if t.startswith("91")))' "$folder/svg"
if command -v gnuplot >/dev/null; then
  expect "explain --svg --png" 0 "^picture   $folder/png/cat-sat-down-weights\.svg\$
^picture   $folder/png/cat-sat-down-weights\.png\$" -- "$clattn" explain cat-sat-down --svg "$folder/png" --png "$folder/png"
  # The first 8 bytes, then IHDR with the width and height that the SVG has.
  expect "explain --png: as large as the SVG" 0 '^(\([0-9]+, [0-9]+\)) \1$' -- python3 -c '
import re, struct, sys
png = open(sys.argv[1] + ".png", "rb").read()
assert png[:8] == b"\x89PNG\r\n\x1a\n" and png[-8:-4] == b"IEND", png[:8]
print(struct.unpack(">II", png[16:24]), tuple(map(int, re.search("width=.([0-9]+). height=.([0-9]+)", open(sys.argv[1] + ".svg").read()).groups())))
' "$folder/png/cat-sat-down-weights"
  shows_heads='^picture   .*/heads\.svg$
^picture   .*/heads\.png$'
  expect "explain heads --svg --png" 0 "$shows_heads" -- "$clattn" explain heads --svg "$folder/png" --png "$folder/png"
fi
for demo in routing=routing bank=bank-river dictionary=dictionary-kitten; do
  expect "explain ${demo%=*} --svg" 0 "^picture   .*/${demo#*=}\.svg\$" -- "$clattn" explain "${demo%=*}" --svg "$folder/demos"
done
mkdir "$folder/bare"
for tool_name in sh env; do ln -s "$(command -v "$tool_name")" "$folder/bare/"; done
refuse "explain --png without gnuplot" 2 '--png needs gnuplot, which is not installed' -- \
  env PATH="$folder/bare" "$clattn" explain heads --png "$folder/none-made"
expect "explain --png without gnuplot makes no folder" 1 '' -- test -e "$folder/none-made"
touch "$folder/file"
refuse "explain --svg into a file" 2 '--svg .*/file: cannot write into the folder' -- "$clattn" explain --svg "$folder/file"

# ---- the page; what it shows in a browser is page/test_page.py's

expect "explain --html" 0 "^page      $folder/page\.html\$
^checked: " -- "$clattn" explain cat-sat-down --heads 2 --html "$folder/page.html"
cp "$folder/out" "$folder/page-said"
expect "explain --html prints no steps" 1 '' -- grep -q 'Q·Kᵀ' "$folder/page-said"
expect "explain --html: a page with its script and numbers" 0 '^</html>$
^<script type="application/json" id="walk">.*"weights-head-0".*0\.91597
^const walk = JSON' -- cat "$folder/page.html"
expect "explain --html: nothing is left to fill in" 1 '' -- grep -q '{{' "$folder/page.html"
expect "explain --html takes the place of a page" 0 '' -- "$clattn" explain --html "$folder/page.html"
expect "explain --html: and leaves nothing beside it" 1 '' -- grep -q . <(find "$folder" -name '*.part')
expect "explain --html: 64 tokens" 0 '^page ' -- "$clattn" explain --random --tokens 64 --model-dim 8 --heads 1 \
  --html "$folder/page.html"

# ---- wrong use

wrong() { # PATTERNS OPTION...
  local patterns=$1
  shift
  refuse "explain $*" 2 "$patterns" -- "$clattn" explain "$@"
}
wrong "unknown word 'nonsense' \(allowed: please-study-man, dog-chased-ball, .*dictionary, routing, bank, heads, confusions\)" nonsense
wrong "unexpected argument 'routing'" dictionary routing
wrong '--focus woman \(allowed: a number from 0 to 2, or please, study, man\)' --focus woman
wrong '--focus 3 \(allowed: ' --focus 3
wrong '--focus -1 \(allowed: ' --focus=-1
wrong 'the pipeline fused has no scores to show' --pipeline fused
wrong "more than one input: 'please-study-man' and other options" please-study-man --random
wrong '--focus does not go with dictionary' dictionary --focus cat
wrong '--tokens-from does not go with routing' routing --tokens-from words
wrong '--tokens-from: .*nowhere: cannot be opened: No such file' --random --tokens 3 --tokens-from "$folder/nowhere"
wrong '--heads does not go with routing' routing --heads 2
wrong '--causal does not go with heads' heads --causal
wrong '--q does not go with dictionary' dictionary --q q.npy --k k.npy --v v.npy
wrong '--svg does not go with confusions' confusions --svg "$folder/svg"
wrong '--png does not go with confusions' confusions --png "$folder/svg"
wrong '--html does not go with routing' routing --html "$folder/page.html"
wrong '--step does not go with --html, which prints no steps' --step --html "$folder/page.html"
wrong '--html: 65 queries \(allowed: up to 64' --random --tokens 65 --model-dim 8 --heads 1 --html "$folder/page.html"
wrong '--html: 70 keys \(allowed: up to 64' --random --tokens 2 --model-dim 8 --heads 1 --cache-capacity 80 --past-tokens 68 \
  --html "$folder/page.html"
wrong '--html: .*/nowhere/page\.html cannot be written: No such file' --html "$folder/nowhere/page.html"
wrong '--html: .*/svg cannot be written: Is a directory' --html "$folder/svg"
wrong '--bogus.*clattn help explain' --bogus
wrong '--explain-plan goes only with .clattn run' --explain-plan
expect "help explain" 0 'EXAMPLE
--focus=TOKEN
--tokens-from=FILE
--step
--svg=DIR
--png=DIR
--html=FILE' -- "$clattn" help explain
mkdir "$folder/none"
for what in please-study-man dictionary heads; do
  refuse "explain $what: no device" 3 'pocl-opencl-icd' -- env OCL_ICD_VENDORS="$folder/none" "$clattn" explain $what
done
if [ -w /dev/full ]; then
  # shellcheck disable=SC2016 # for the inner shell
  expect "explain: a full disk" 2 'cannot write to standard output' -- bash -c '"$1" explain >/dev/full' _ "$clattn"
fi
expect "explain --step: no terminal, nothing waits" 0 '^checked: ' -- "$clattn" explain --step

# ---- a terminal: colour, and none with NO_COLOR; Enter goes on, the end of input ends

terminal=(python3 "$here/terminal.py")
expect "explain on a terminal: colour" 0 $'\033\\[48;5;' -- "${terminal[@]}" '' env TERM=xterm "$clattn" explain
expect "explain on a terminal: NO_COLOR" 0 '▓▓ 50\.3 %' -- "${terminal[@]}" '' env TERM=xterm NO_COLOR=1 "$clattn" explain
expect "explain --step: Enter goes on" 0 '^12  context
^checked: ' -- "${terminal[@]}" '\n\n\n\n\n\n\n\n\n\n\n' env TERM=xterm NO_COLOR=1 "$clattn" explain --step
expect "explain --step: the end of input ends it" 0 '^2  Wq' -- "${terminal[@]}" '\n\x04' env TERM=xterm NO_COLOR=1 \
  "$clattn" explain --step
cp "$folder/out" "$folder/cut"
expect "explain --step: and nothing more is shown" 1 '' -- grep -q '^3  Q' "$folder/cut"
finish
