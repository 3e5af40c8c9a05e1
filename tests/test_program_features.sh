#!/usr/bin/env bash
# Options of 'clattn run' beyond plain self-attention, from outside: test_program_features.sh
# PROGRAM
#
# Results are compared with plain Python, and wrong use must be detected before a device is needed.
# See test_program.sh.

# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
features=(python3 "$here/program_features.py")
expect "input files are built" 0 '' -- "${features[@]}" inputs "$folder"

# paths NAME=FILE...: options that read these files of the folder, in $given.
paths() {
  local pair
  given=()
  for pair in "$@"; do given+=("--${pair%%=*}" "$folder/${pair#*=}.npy"); done
}

# agrees CASE OPTION...: the output equals that of the Python formulas.
agrees() {
  local name=$1
  shift
  expect "$name" 0 '^passed: all ' -- "$clattn" run "$@" --out "$folder/$name.out.npy"
  expect "$name: as in Python" 0 '' -- "${features[@]}" agrees "$folder/$name.out.npy" "$name"
}

# shows TEXT JSON OPTION...: the text report has TEXT, and JSON is true for the problem p in the
# JSON report.
shows() {
  local text=$1 json=$2
  shift 2
  local name="$*"
  name="run ${name//"$folder"\//}"
  expect "$name: text" 0 "^passed: 
$text" -- "$clattn" run "$@"
  report "$name: JSON" 0 "(lambda p: r['check']['passed'] is True and ($json))(r['problem'])" -- \
    "$clattn" run "$@" --json
}

# wrong PATTERN OPTION...: refused with a message that begins with PATTERN, even without a device
# (if the loader reads OCL_ICD_VENDORS), and without leaving files.
mkdir "$folder/no-vendors"
nowhere=(env -u OCL_ICD_FILENAMES -u CLATTN_DEVICE "OCL_ICD_VENDORS=$folder/no-vendors/" "$clattn")
wrong() {
  local pattern=$1
  shift
  local name="run $*"
  examine 2 "^clattn: $pattern" "${nowhere[@]}" run "$@" --out "$folder/wrong.npy" \
    --save "$folder/wrong"
  [ ! -s "$folder/out" ] || see "something on standard output"
  [ "$(wc -l <"$folder/err")" = 1 ] || see "more than one line on standard error"
  { [ ! -e "$folder/wrong.npy" ] && [ ! -e "$folder/wrong" ]; } || see "files were written"
  judge "${name//"$folder"\//}"
}

# ---- given Q, K and V

paths q=q k=k v=v
four=("${given[@]}")
paths q=q-3 k=k-3 v=v-3
three=("${given[@]}" --heads 4 --kv-heads 2)
agrees grouped "${four[@]}"
expect "rank 3" 0 '^passed: all 40 rows' -- "$clattn" run "${three[@]}" --out "$folder/three.npy"
same "rank 3: as rank 4" "$folder/grouped.out.npy" "$folder/three.npy"
agrees by-heads "${four[@]}" --context-order heads --save "$folder/by-heads"
expect "by heads: the file of context" 0 '' -- "${features[@]}" is_by_heads "$folder/by-heads/context.npy"
for option in "--pipeline fused" "--pipeline blas" "--check sample"; do
  # shellcheck disable=SC2086
  expect "by heads, $option" 0 '^passed: ' -- "$clattn" run "${four[@]}" --context-order heads $option \
    --out "$folder/out.npy"
  same "by heads, $option" "$folder/by-heads.out.npy" "$folder/out.npy"
done
expect "by heads: a table for each head" 0 '^context 1 +where +past ' -- "$clattn" run --example cat-sat-down --heads 2 \
  --context-order heads
agrees mask "${four[@]}" --mask "$folder/mask.npy"
agrees mask-bool "${four[@]}" --mask "$folder/mask-bool.npy"
agrees mask-bool "${four[@]:0:4}" --v "$folder/arrays.npz:v" --mask "$folder/mask-bool.npy"
if "$clattn" run "${four[@]}" --mask "$folder/arrays.npz:mask-bool" 2>&1 | grep -q 'clattn was built without zlib'; then
  echo "skipped: a deflated array, which this build does not read"
else
  agrees mask-bool "${four[@]}" --mask "$folder/arrays.npz:mask-bool"
fi
agrees softcap "${four[@]}" --softcap 0.5
agrees scale "${four[@]}" --scale=-0.5
agrees window "${four[@]}" --window-left 1 --window-right 2
agrees causal "${four[@]}" --causal --align top-left
agrees bottom-right "${four[@]}" --causal --align bottom-right
agrees offset "${four[@]}" --causal --align=-1
agrees key-lengths "${four[@]}" --key-lengths 0,4
agrees alibi "${four[@]}" --alibi auto
agrees slopes "${three[@]}" --alibi "$folder/slopes.npy"
agrees sinks "${three[@]}" --sinks "$folder/sinks.npy"
for option in "--window-left -1" "--window-right -1" "--softcap 0" "--positions none" "--rotary none" "--type f32"; do
  # shellcheck disable=SC2086
  expect "$option" 0 '^passed: ' -- "$clattn" run "${four[@]}" $option --out "$folder/none.npy"
  same "$option is the default" "$folder/grouped.out.npy" "$folder/none.npy" 0
done

# ---- projections

paths x=x wq=wq wk=wk wv=wv
separate=("${given[@]}" --heads 4 --kv-heads 2)
agrees separate "${separate[@]}"
paths x=x wq=wq-t wk=wk-t wv=wv-t
expect "--layout xwt" 0 '^passed: ' -- "$clattn" run "${given[@]}" --layout xwt --heads 4 --kv-heads 2 \
  --out "$folder/xwt.npy"
same "--layout xwt: as xw" "$folder/separate.out.npy" "$folder/xwt.npy"
paths bq=bq bk=bk bv=bv
agrees biases "${separate[@]}" "${given[@]}"
paths wo=wo bo=bo
agrees output "${separate[@]}" "${given[@]}"
paths x=x xkv=xkv wq=wq wk=cross-wk wv=cross-wv bq=bq bv=bv
cross=("${given[@]}" --heads 4 --kv-heads 2)
agrees cross "${cross[@]}"
paths x=x wqkv=wqkv bqkv=bqkv
fused=("${given[@]}" --heads 4 --kv-heads 2)
paths x=x wq=wq wk=wk wv=wide-wv bq=bq bk=bk bv=wide-bv
expect "--wqkv" 0 '^passed: ' -- "$clattn" run "${fused[@]}" --out "$folder/fused.npy"
expect "three matrices" 0 '^passed: ' -- "$clattn" run "${given[@]}" --heads 4 --kv-heads 2 --out "$folder/three.npy"
same "--wqkv: as three matrices" "$folder/three.npy" "$folder/fused.npy"
paths wq=wq-t wk=wk-t wv=wv-t wo=wo-t
expect "a layer by its options" 0 '^passed: ' -- "$clattn" run --x "$folder/x.npy" "${given[@]}" --layout xwt --heads 4 \
  --kv-heads 2 --causal --window-left 2 --rotary halves --rotary-base 500 --out "$folder/layer.npy"
expect "--model" 0 '^problem .*mistral, layer 1: ' -- "$clattn" run --model "$folder/model" --layer 1 --x "$folder/x.npy" \
  --out "$folder/model.npy"
same "--model: as by its options" "$folder/layer.npy" "$folder/model.npy"
expect "--model, X at random" 0 'layer 1, X at random: batch 2, tokens 5, ' -- "$clattn" run --model "$folder/model" \
  --layer 1 --batch 2 --tokens 5
expect "a walk through a model" 0 '^mistral, layer 1, X at random$' -- "$clattn" model "$folder/model" --layer 1 --tokens 4
wrong '--model: there is no tensor layers.0.self_attn.q_proj.weight in .*/model.safetensors$' --model "$folder/model"
wrong '--layer 2 \(allowed: 0 to 1, the model.s last\)$' --model "$folder/model" --layer 2
wrong '--causal does not go with --model, which decides it$' --model "$folder/model" --layer 1 --causal
wrong '--text goes only with --layer 0: layer 1 reads ' --model "$folder/model" --layer 1 --text word
for file in config.json model.safetensors; do
  examine 2 "^clattn: --out: .*/$file is the input of --" "$clattn" run --model "$folder/model" --layer 1 \
    --out "$folder/model/$file"
  judge "$file of a model is not overwritten"
done
wrong '--layer is given without --model$' --layer 1
wrong '--text is given without --model$' --text word
paths x=x wqkv=wqkv-groups bqkv=bqkv-groups
groups=("${given[@]}" --heads 4 --kv-heads 2 --fused-order groups)
expect "--fused-order groups" 0 ', wqkv in groups' -- "$clattn" run "${groups[@]}" --out "$folder/groups.npy"
same "--fused-order groups: as three matrices" "$folder/three.npy" "$folder/groups.npy"
agrees halves "${separate[@]}" --rotary halves
agrees interleaved "${separate[@]}" --rotary interleaved --rotary-dim 2 --rotary-base 500
agrees sinusoidal "${separate[@]}" --positions sinusoidal
agrees position-ids "${separate[@]}" --causal --rotary halves --position-ids "$folder/ids.npy"
agrees given-at-ids "${four[@]}" --causal --rotary halves --position-ids "$folder/ids-2.npy" \
  --key-position-ids "$folder/key-ids.npy"
agrees sinusoidal-at-ids "${separate[@]}" --positions sinusoidal --position-ids "$folder/ids.npy"
tables=(--rotary halves --rotary-cos "$folder/cos.npy" --rotary-sin "$folder/sin.npy")
agrees cosines "${separate[@]}" "${tables[@]}" --position-ids "$folder/ids.npy"
agrees linear "${separate[@]}" --rotary halves --rotary-scaling linear:factor=4
agrees packed "${separate[@]}" --causal --query-offsets 0,2,5

# ---- the cache

paths past-k=past-k past-v=past-v
past=(--cache-capacity 8 "${given[@]}")
agrees past "${separate[@]}" "${past[@]}" --causal --save "$folder/past"
expect "past: cached_k and cached_v" 0 '' -- "${features[@]}" cached "$folder/past"
paths past-k=past-k-3 past-v=past-v-3
expect "past of rank 3" 0 '^passed: ' -- "$clattn" run "${separate[@]}" --causal --cache-capacity 8 "${given[@]}" \
  --pipeline staged --out "$folder/out.npy"
same "past of rank 3: as of rank 4" "$folder/past.out.npy" "$folder/out.npy" 0
expect "a saved cache is a past" 0 ', cache of 13 keys, 8 before, f32$' -- "$clattn" run "${separate[@]}" \
  --cache-capacity 13 --past-k "$folder/past/cached_k.npy" --past-v "$folder/past/cached_v.npy"
agrees past-rotary "${separate[@]}" "${past[@]}" --causal --rotary halves
for pages in "" "--cache-pages 4"; do
  # shellcheck disable=SC2086
  expect "pages of 2, $pages" 0 '^passed: ' -- "$clattn" run "${separate[@]}" "${past[@]}" --causal --cache-page-len 2 \
    $pages --out "$folder/out.npy"
  same "pages of 2, $pages: as without" "$folder/past.out.npy" "$folder/out.npy"
done
for type in f16=1e-2 bf16=1e-1 i8-token=1e-1; do
  expect "--cache-type ${type%=*}" 0 '^passed: ' -- "$clattn" run "${separate[@]}" "${past[@]}" --causal \
    --cache-type "${type%=*}" --out "$folder/out.npy"
  same "--cache-type ${type%=*}: about as float" "$folder/past.out.npy" "$folder/out.npy" "${type#*=}"
done

# ---- types and files

for type in "f16 <f2" "bf16 <u2"; do
  expect "--type ${type% *}" 0 '^passed: ' -- "$clattn" run "${three[@]}" --type "${type% *}" --out "$folder/out.npy"
  expect "--type ${type% *}: the file" 0 '' -- "${features[@]}" stored "$folder/out.npy" "${type#* }" \
    "$folder/grouped.out.npy"
done
paths x=x-f16 wq=wq wk=wk wv=wv
expect "an f16 file with f32 matrices" 0 '^passed: ' -- "$clattn" run "${given[@]}" --heads 4 --kv-heads 2 \
  --out "$folder/out.npy"
same "an f16 file with f32 matrices: about as f32" "$folder/separate.out.npy" "$folder/out.npy" 1e-2

# saves NAME FILE... -- OPTION...: a --save folder holds exactly these files.
saves() {
  local name=$1 wanted=(q k v scaled scores weights lse context)
  shift
  while [ "$1" != -- ]; do wanted+=("$1") && shift; done
  shift
  expect "--save, $name" 0 '^passed: ' -- "$clattn" run "$@" --save "$folder/save-$name"
  expect "--save, $name: files" 0 '' -- "${features[@]}" holds "$folder/save-$name" "${wanted[@]}"
}
saves plain -- "${separate[@]}"
saves softcap softcapped -- "${separate[@]}" --softcap 2
saves cache cached_k cached_v -- "${separate[@]}" "${past[@]}"
saves output output -- "${separate[@]}" --wo "$folder/wo.npy"
saves f16 output -- "${separate[@]}" --type f16
saves given -- "${four[@]}"
saves all softcapped cached_k cached_v output -- "${separate[@]}" "${past[@]}" --wo "$folder/wo.npy" --softcap 2

# k and v have another length than the cache.
cached_sizes=(--random --model-dim 8 --heads 2 --cache-capacity 130)
expect "fewer new keys than there is room for" 0 '^passed: ' -- "$clattn" run "${cached_sizes[@]}" --tokens 1 \
  --key-tokens 130 --key-lengths 1 --save "$folder/fewer"
expect "more keys in the cache than new ones" 0 '^passed: ' -- "$clattn" run "${cached_sizes[@]}" --batch 2 --tokens 1 \
  --past-tokens 3 --save "$folder/more"
expect "the walk on a cache with fewer new keys" 0 '' -- "$clattn" explain "${cached_sizes[@]}" --tokens 1 \
  --key-tokens 130 --key-lengths 1
for shape in fewer/k=1,130,8 fewer/v=1,130,8 fewer/cached_k=1,1,8 fewer/scores=1,2,1,1 more/k=2,1,8 more/v=2,1,8 \
  more/q=2,1,8 more/cached_v=2,4,8 more/weights=2,2,1,4; do
  expect "--save, shape and numbers of $shape" 0 '' -- "${features[@]}" shaped "$folder/${shape%=*}.npy" "${shape#*=}"
done

# ---- inputs are not overwritten, and what is saved can be read again with the same meaning

expect "given q, k and v of rank 3 are saved" 0 '^passed: ' -- "$clattn" run "${three[@]}" --save "$folder/again-3"
expect "given q, k and v are saved" 0 '^passed: ' -- "$clattn" run "${four[@]}" --save "$folder/again" \
  --out "$folder/again.npy"
for shape in again/q=2,4,5,4 again/k=2,2,7,4 again/v=2,2,7,2 again-3/q=2,5,16 again-3/k=2,7,8 again-3/v=2,7,4; do
  expect "saved as it was given: $shape" 0 '' -- "${features[@]}" shaped "$folder/${shape%=*}.npy" "${shape#*=}"
done
expect "what was saved is read" 0 '^passed: ' -- "$clattn" run --q "$folder/again/q.npy" --k "$folder/again/k.npy" \
  --v "$folder/again/v.npy" --pipeline staged --out "$folder/again-2.npy"
expect "what was saved is read: the same context" 0 '' -- cmp "$folder/again.npy" "$folder/again-2.npy"

mkdir "$folder/own" "$folder/links"
for name in q k v; do
  cp "$folder/$name.npy" "$folder/own/$name.npy"
  ln -s "../own/$name.npy" "$folder/links/$name.npy"
done
own=(--q "$folder/own/q.npy" --k "$folder/own/k.npy" --v "$folder/own/v.npy")
# spares PATTERN COMMAND OPTION...: refused, and the three input files are unchanged, with no new
# files next to them.
spares() {
  local pattern=$1
  shift
  examine 2 "^clattn: $pattern is the input of --[a-z-]+; it is not overwritten \(allowed: " "$clattn" "$@"
  for name in q k v; do cmp -s "$folder/$name.npy" "$folder/own/$name.npy" || see "$name.npy has changed"; done
  [ "$(cd "$folder/own" && echo *)" = 'k.npy q.npy v.npy' ] || see "there are other files"
  [ "$(cd "$folder/links" && echo *)" = 'k.npy q.npy v.npy' ] || see "there are other files"
  judge "${*//"$folder"\//}: refused"
}
spares '--save: .*/own/q.npy' run "${own[@]}" --save "$folder/own"
spares '--save: .*/own/../own/q.npy' run "${own[@]}" --save "$folder/own/../own"
spares '--save: .*/links/q.npy' run "${own[@]}" --save "$folder/links"
spares '--out: .*/own/v.npy' run "${own[@]}" --out "$folder/own/v.npy" --save "$folder/elsewhere"
spares '--out: .*/links/v.npy' run "${own[@]}" --out "$folder/links/v.npy"
spares '--html: .*/own/k.npy' explain "${own[@]}" --html "$folder/own/k.npy"
expect "a refused --out makes no folder for --save" 0 '' -- test ! -e "$folder/elsewhere"
cp "$folder/mask.npy" "$folder/own/weights.npy"
examine 2 '^clattn: --save: .*/own/weights.npy is the input of --mask; ' "$clattn" run "${four[@]}" \
  --mask "$folder/own/weights.npy" --save "$folder/own"
judge "a mask is not overwritten either"

# ---- the report shows the options

shows '^problem +files: batch 2, tokens 5, keys 7, heads 4, kv_heads 2, head_dim 4, value_dim 2$
^ +Q, K and V given, scores = Q.K\^T \* 0\.5$' \
  'p["source"] == "q, k and v" and p["kv_heads"] == 2 and p["key_len"] == 7' "${four[@]}"
shows 'softcap 2\.5$' 'p["softcap"] == 2.5' "${four[@]}" --softcap 2.5
shows ', causal, aligned at the bottom right$' 'p["alignment"] == "bottom-right"' \
  "${four[@]}" --causal --align bottom-right
shows ', aligned at key -2$' 'p["alignment"] == "offset" and p["offset"] == -2' "${four[@]}" --align=-2
shows ', 3 keys back, 0 keys ahead$' 'p["window_left"] == 3 and p["window_right"] == 0' \
  "${four[@]}" --window-left 3 --window-right 0
shows ', float mask$' 'p["mask"] == "float"' "${four[@]}" --mask "$folder/mask.npy"
shows ', bool mask$' 'p["mask"] == "bool"' "${four[@]}" --mask "$folder/mask-bool.npy"
shows ', ALiBi$' 'p["alibi"] is True' "${four[@]}" --alibi auto
shows ', sinks$' 'p["sinks"] is True' "${four[@]}" --sinks "$folder/sinks.npy"
shows ', padded keys$' 'p["lengths"] == "keys"' "${four[@]}" --key-lengths 7,3
paths q=q-2 k=k-2 v=v-2
flat=("${given[@]}" --heads 4 --kv-heads 2)
shows '^problem .* batch 3, tokens 7, keys 10,
, packed$' 'p["lengths"] == "packed" and p["batch"] == 3' "${flat[@]}" --query-offsets 0,3,3,10 --key-offsets 0,4,4,14
shows '^ +Q = X\.W \+ bias, K and V from xkv of 3 columns,' \
  'p["source"] == "x and xkv" and p["kv_model_dim"] == 3 and p["biases"] == 5' "${cross[@]}"
shows '^ +Q = X\.W \+ bias,' 'p["fused_qkv"] is True and p["biases"] == 7' "${fused[@]}"
shows ', wqkv in groups$' 'p["fused_order"] == "groups"' "${groups[@]}"
shows ', output 3$' 'p["output_dim"] == 3 and p["biases"] == 0' "${separate[@]}" --wo "$folder/wo.npy"
shows ', output 3 with bias$' 'p["output_dim"] == 3 and p["biases"] == 8' \
  "${separate[@]}" --wo "$folder/wo.npy" --bo "$folder/bo.npy"
shows ', sinusoidal positions$' 'p["positions"] == "sinusoidal"' "${separate[@]}" --positions sinusoidal
shows ', rotary halves$' 'p["rotary"] == "halves" and p["rotary_dim"] == 4 and p["rotary_base"] == 10000' \
  "${separate[@]}" --rotary halves
shows ', rotary interleaved of 2, base 500$' 'p["rotary_dim"] == 2 and p["rotary_base"] == 500' \
  "${separate[@]}" --rotary interleaved --rotary-dim 2 --rotary-base 500
shows ', rotary halves, cosines of 9 positions, position ids$' 'p["rotary_rows"] == 9 and p["position_ids"] is True' \
  "${separate[@]}" "${tables[@]}" --position-ids "$folder/ids.npy"
shows ', rotary halves, scaling yarn by 8$' '{k: v for k, v in p["rotary_scaling"].items() if v} == {"rope_type": "yarn",
  "factor": 8, "original_max_position_embeddings": 64, "beta_slow": 2.5}' "${separate[@]}" --rotary halves \
  --rotary-scaling yarn:factor=8,original_max_position_embeddings=64,truncate=false,beta_slow=2.5
shows ', cache of 8 keys, 3 before, f32$' 'p["cache"]["capacity"] == 8 and p["cache"]["past"] == 3' \
  "${separate[@]}" "${past[@]}"
shows ', cache of 9 keys, 0 before, bytes scaled by token, pages of 2 \(4 of them\)$' \
  'p["cache"]["type"] == "i8-token" and p["cache"]["page_len"] == 2 and p["cache"]["pages"] == 4' \
  "${separate[@]}" --cache-capacity 9 --cache-page-len 2 --cache-pages 4 --cache-type i8-token
scales=(--cache-capacity 9 --cache-type i8-head --cache-k-scale "$folder/scales.npy"
  --cache-v-scale "$folder/scales.npy")
shows ', cache of 9 keys, 0 before, bytes scaled by head$' 'p["cache"]["type"] == "i8-head"' \
  "${separate[@]}" "${scales[@]}"
in_groups=(--random --tokens 1 --model-dim 8 --heads 2 --head-dim 64 --value-dim 32 --cache-capacity 40 --past-tokens 30)
shows ', cache of 40 keys, 30 before, 4 bits scaled by group, pages of 8$' 'p["cache"]["type"] == "q4"' \
  "${in_groups[@]}" --cache-page-len 8 --cache-type q4
expect "the same in f32" 0 '^passed: ' -- "$clattn" run "${in_groups[@]}" --out "$folder/f32.npy"
expect "--cache-type q4: a file" 0 '^passed: ' -- "$clattn" run "${in_groups[@]}" --cache-type q4 --out "$folder/out.npy"
same "--cache-type q4: about as float" "$folder/f32.npy" "$folder/out.npy" 5e-1
shows ', stored as f16$' 'p["type"] == "f16"' "${separate[@]}" --type f16
shows ', stored as f16, products in float after all$' 'p["math"] == "stored"' "${separate[@]}" --type f16 --math stored
shows ', stored as bf16$' 'p["type"] == "bf16"' "${separate[@]}" --type bf16
# Each input takes a launch, the output one only where its kernel stores floats.
for maker in "4 fused" "9 output --output-dim 5"; do
  read -r inputs stage output <<<"$maker"
  # shellcheck disable=SC2086 # $output is an option and its value, or nothing
  report "--type f16: launches for $stage" 0 "(lambda s: s['convert']['launches'] == \
    $inputs + (s['$stage']['rung'] < 3))({s['stage']: s for s in r['stages']})" -- \
    "$clattn" run --random --tokens 20 --model-dim 8 --heads 2 --type f16 $output --json
done
sizes=(--random --tokens 4 --model-dim 8 --heads 4)
shows '^problem .* batch 1, tokens 4, keys 6, model_dim 8, heads 4, kv_heads 1, head_dim 2,
, K and V from xkv of 5 columns,
, output 3 with bias$' 'p["key_len"] == 6 and p["kv_model_dim"] == 5 and p["kv_heads"] == 1 and p["output_dim"] == 3' \
  "${sizes[@]}" --key-tokens 6 --kv-model-dim 5 --kv-heads 1 --output-dim 3
shows ', cache of 9 keys, 5 before,' 'p["cache"]["past"] == 5' "${sizes[@]}" --past-tokens 5 --cache-capacity 9
shows ', cache of 9 keys, up to 5 before,' 'p["cache"]["past_lengths"] == [5, 0, 3]' "${sizes[@]}" --batch 3 --causal \
  --past-lengths 5,0,3 --cache-capacity 9 --cache-page-len 2
for lengths in "--past-tokens 3" "--past-lengths 3,3"; do
  # shellcheck disable=SC2086
  expect "$lengths" 0 '^passed: ' -- "$clattn" run "${sizes[@]}" --batch 2 --cache-capacity 9 $lengths --out "$folder/${lengths%% *}.npy"
done
rolling=(--random --tokens 2 --model-dim 8 --heads 2 --batch 2 --causal --window-left 4 --rotary halves --past-lengths '13,3')
expect "--cache-rolling, without" 0 '^passed: ' -- "$clattn" run "${rolling[@]}" --cache-capacity 15 --out "$folder/whole.npy"
shows ', cache of 13 keys, up to 13 before, f32, pages of 3 \(6 of them\), rolling$' 'p["cache"]["rolling"] is True' \
  "${rolling[@]}" --cache-capacity 13 --cache-page-len 3 --cache-pages 6 --cache-rolling --out "$folder/rolling.npy"
same "--cache-rolling: as without" "$folder/whole.npy" "$folder/rolling.npy"
same "--past-lengths: as --past-tokens" "$folder/--past-tokens.npy" "$folder/--past-lengths.npy" 0

# ---- wrong words and numbers

wrong '--type fp16 \(allowed: f32, f16, bf16\)$' --type fp16
wrong '--math half \(allowed: float, stored\)$' --math half
wrong '--math stored does not go with --type f32 \(allowed with it: f16, bf16\)$' --random --math stored
wrong '--positions learned \(allowed: none, sinusoidal\)$' --positions learned
wrong '--context-order strides \(allowed: tokens, heads\)$' --context-order strides
wrong '--rotary half \(allowed: none, halves, interleaved\)$' --rotary half
wrong '--cache-type q4: head_dim 8, value_dim 8 \(allowed with it: multiples of 32\)$' --random --tokens 1 --head-dim 8 \
  --cache-capacity 8 --cache-type q4
wrong '--cache-type int8 \(allowed: f32, f16, bf16, i8-token, i8-head, q4\)$' --cache-type int8
for option in type positions rotary cache-type layout; do
  wrong "--$option  \(allowed: " "--$option="
  wrong "--$option F16 \(allowed: " "--$option" F16
done
wrong '--rotary-scaling longrope \(allowed: linear, dynamic, yarn, llama3; for longrope and others give --rotary-cos ' \
  --rotary halves --rotary-scaling longrope:factor=2
wrong "--rotary-scaling: 'base' \(allowed: factor, low_freq_factor," --rotary halves --rotary-scaling yarn:base=2
wrong "--rotary-scaling: '' \(allowed: factor, " --rotary halves --rotary-scaling yarn:factor=2,
wrong '--rotary-scaling: factor is given twice \(allowed: once\)$' --rotary halves --rotary-scaling yarn:factor=2,factor=3
wrong '--rotary-scaling: truncate=no \(allowed: true, false\)$' --rotary halves --rotary-scaling yarn:truncate=no
for value in -1 0 nan inf x ''; do
  wrong "--rotary-scaling: factor=$value \(allowed: a number above 0, 1e30 at most\)$" --rotary halves \
    --rotary-scaling "linear:factor=$value"
  wrong "--rotary-scaling: original_max_position_embeddings=$value \(allowed: 1 to 2147482623\)$" --rotary halves \
    --rotary-scaling "yarn:original_max_position_embeddings=$value"
done
for option in kv-heads key-tokens kv-model-dim output-dim past-tokens rotary-dim cache-capacity cache-page-len \
  cache-pages; do
  for value in -1 0 x 1.5 '' 99999999999; do
    wrong "--$option $value \(allowed: 1 to 2147482623\)$" --random "--$option=$value"
  done
done
for option in window-left window-right; do
  for value in -2 x 1.5 '' 2147482624; do
    wrong "--$option $value \(allowed: -1 to 2147482623\)$" "--$option=$value"
  done
done
for value in -1 nan inf x ''; do
  wrong "--softcap $value \(allowed: any finite number, 0 or more\)$" "--softcap=$value"
done
for value in -1 0 nan inf x ''; do
  wrong "--rotary-base $value \(allowed: any finite number above 0\)$" --rotary halves "--rotary-base=$value"
done
for value in middle -x - ''; do wrong "--align $value \(allowed: top-left, bottom-right, or " "--align=$value"; done
wrong '--align 1.5 \(allowed: -2147482623 to 2147483647\)$' --align 1.5
wrong '--align is 2147483646 \(allowed: -2147482623 to 2147483645\)$' --align 2147483646 # of three words
for option in key-lengths query-offsets key-offsets; do
  for value in '' x -1 0,-1 1,,2 '1,' ,1 1.5 2147482624 99999999999,1; do
    wrong "--$option $value \(allowed: numbers from 0 to 2147482623, separated by commas\)$" "--$option=$value"
  done
done

# ---- numbers that do not fit the input

wrong '--kv-heads 3 \(allowed: a divisor of the heads, 4\)$' "${sizes[@]}" --kv-heads 3
wrong '--kv-heads 8 \(allowed: a divisor of the heads, 4\)$' "${separate[@]:0:8}" --heads 4 --kv-heads 8
wrong '--kv-heads 2 \(allowed with an example: as many as --heads, 1\)$' --kv-heads 2
wrong '--kv-heads 4 \(allowed: as many as .*k.npy has, 2\)$' "${four[@]}" --kv-heads 4
wrong '--heads 2 \(allowed: as many as .*q.npy has, 4\)$' "${four[@]}" --heads 2
wrong '--q has 16 columns, which 3 heads do not divide \(allowed: ' "${three[@]:0:6}" --heads 3
wrong '--q and --k have a dim of 16 and 8 \(allowed: the same\)$' "${three[@]:0:6}"
wrong '--k: .*k-3.npy is \(2, 7, 8\) \(allowed: .*, the same for q, k and v\)$' "${four[@]:0:2}" "${three[@]:2:4}"
paths q=q k=past-k v=past-v
wrong '--q and --k have a batch of 2 and 1 \(allowed: the same\)$' "${given[@]}"
paths q=q k=k v=q
wrong '--k and --v have a number of tokens of 7 and 5 \(allowed: the same\)$' "${given[@]}"
wrong '--wk has 8 columns \(allowed with 4 KV heads and a head_dim of 4: 16; --kv-heads ' \
  "${separate[@]:0:8}" --heads 4
wrong '--wqkv has 32 columns \(allowed: a multiple of 9, which is 3 heads and twice 3 KV heads' "${fused[@]:0:4}" --heads 3
wrong '--key-lengths has 1 numbers \(allowed: one for each sequence, 2\)$' "${four[@]}" --key-lengths 3
wrong '--key-lengths has 3 numbers \(allowed: one for each sequence, 2\)$' "${four[@]}" --key-lengths 3,4,5
wrong '--key-lengths 3,8: 8 is too many \(allowed: 0 to 7, ' "${four[@]}" --key-lengths 3,8
wrong '--key-lengths 9: 9 is too many \(allowed: 0 to 5, ' "${separate[@]}" --cache-capacity 20 --key-lengths 9
for offsets in 0 5 1,5 0,4 0,6 0,3,2,5 0,0; do
  wrong "--query-offsets $offsets \(allowed: 0, then where each sequence ends, the last at 5, " \
    "${separate[@]}" --query-offsets "$offsets"
  wrong "--query-offsets $offsets \(allowed: " "${separate[@]}" --cache-capacity 20 --query-offsets "$offsets"
done
wrong '--key-offsets 0,5,13 \(allowed: 0, then where each sequence ends, the last at 14, ' \
  "${flat[@]}" --query-offsets 0,5,10 --key-offsets 0,5,13
wrong '--query-offsets has 3 numbers, --key-offsets 2 \(allowed: the same number\)$' \
  "${flat[@]}" --query-offsets 0,5,10 --key-offsets 0,14
wrong '--key-offsets is missing: ' "${flat[@]}" --query-offsets 0,5,10
wrong '--query-offsets is missing: ' "${flat[@]}" --key-offsets 0,14
wrong '--key-offsets 0,1,5 \(allowed where Q, K and V all come from X: none, or --query-offsets, 0,2,5\)$' \
  "${separate[@]}" --query-offsets 0,2,5 --key-offsets 0,1,5
wrong '--query-offsets: the input has a batch of 2 \(allowed: 1, ' "${three[@]}" --query-offsets 0,5 --key-offsets 0,7
wrong '--query-offsets: Q, K and V have 4 dimensions \(allowed: ' "${four[@]}" --query-offsets 0,5 --key-offsets 0,7
wrong '--key-lengths does not go with packed sequences$' \
  "${flat[@]}" --query-offsets 0,10 --key-offsets 0,14 --key-lengths 3
wrong '--rotary-dim is 3 \(allowed: an even number up to head_dim, 4' "${separate[@]}" --rotary halves --rotary-dim 3
wrong '--rotary-dim is 6 \(allowed: an even number up to head_dim, 4' "${separate[@]}" --rotary halves --rotary-dim 6
wrong '--align: the first query of sequence 0 is at position -1 \(allowed with --rotary: 0 and more\)$' \
  "${separate[@]}" --rotary halves --align=-1
wrong '--align: the first query of sequence 1 is at position -2 \(allowed ' \
  "${four[@]}" --rotary halves --align bottom-right --key-lengths 5,3
wrong '--position-ids: .*ids-3.npy is \(3, 5\) \(allowed: \(1, 5\), \(batch, tokens\), or one' "${separate[@]}" \
  --rotary halves --position-ids "$folder/ids-3.npy"
wrong '--position-ids: .*ids-below-0.npy holds -1 \(allowed: 0 and more\)$' "${separate[@]}" --rotary halves \
  --position-ids "$folder/ids-below-0.npy"
wrong '--position-ids: .*ids-large.npy: number 4 is 2147483648 \(allowed: ' "${separate[@]}" --rotary halves \
  --position-ids "$folder/ids-large.npy"
wrong '--position-ids: .*ids-short.npy: shape \(5,\) of i4 needs 20 bytes of data, the file has 19$' "${separate[@]}" \
  --rotary halves --position-ids "$folder/ids-short.npy"
wrong '--position-ids: .*ids-fortran.npy: Fortran order is not supported for whole numbers' "${four[@]}" \
  --rotary halves --position-ids "$folder/ids-fortran.npy" --key-position-ids "$folder/key-ids.npy"
wrong "--position-ids: .*x.npy: element type '<f4' is not supported \(allowed: '<i4', '>i4', '<i8' or '>i8'\)$" \
  "${separate[@]}" --rotary halves --position-ids "$folder/x.npy"
wrong '--position-ids: .*no-such.npy: cannot be opened: ' "${separate[@]}" --rotary halves \
  --position-ids "$folder/no-such.npy"
wrong '--rotary-cos has 9 positions, but --position-ids holds 9 \(allowed: 0 to 8\)$' "${separate[@]}" "${tables[@]}" \
  --position-ids "$folder/ids-9.npy"
wrong '--rotary-cos has 9 positions, but sequence 0 ends at position 9 \(allowed: 10 or more\)$' "${separate[@]}" \
  "${tables[@]}" --align 5
wrong '--rotary-sin: .*wrong-3x6.npy is \(3, 6\) \(allowed: \(9, 2\), as --rotary-cos\)$' "${separate[@]}" \
  "${tables[@]:0:4}" --rotary-sin "$folder/wrong-3x6.npy"
wrong '--rotary-cos: .*cos.npy is \(9, 2\) \(allowed: \(positions, 1\), half of the rotated' "${separate[@]}" "${tables[@]}" --rotary-dim 2
wrong '--rotary-scaling: factor is 0 \(allowed with CLATTN_SCALING_YARN: a finite number above 0\)$' "${separate[@]}" \
  --rotary halves --rotary-scaling yarn
wrong '--cache-capacity is 4 \(allowed: from key_len, 5, on' "${separate[@]}" --cache-capacity 4
wrong '--cache-capacity 7: sequence 0 has 3 keys before the run and gets 5 more \(allowed: 8 or more\)$' \
  "${separate[@]}" --cache-capacity 7 "${past[@]:2}"
wrong '--cache-capacity 8: sequence 0 has 2147482000 keys before the run and gets 4 more \(allowed: 2147482004 or more\)$' \
  "${sizes[@]}" --cache-capacity 8 --past-tokens 2147482000
wrong '--cache-pages 3 \(allowed: 4 or more, ' "${separate[@]}" "${past[@]}" --cache-page-len 2 --cache-pages 3
wrong '--cache-page-len 9 \(allowed: up to --cache-capacity, 8\)$' "${separate[@]}" "${past[@]}" --cache-page-len 9

wrong '--past-lengths has 2 numbers \(allowed: one for each sequence, 4\)$' "${sizes[@]}" --batch 4 --cache-capacity 9 \
  --past-lengths 1,2
wrong '--cache-capacity 9: sequence 1 has 6 keys before the run and gets 4 more \(allowed: 10 or more\)$' "${sizes[@]}" \
  --batch 2 --cache-capacity 9 --past-lengths 1,6
wrong '--past-lengths 4: 4 is too many \(allowed: 0 to 3, the tokens of --past-k\)$' "${separate[@]}" "${past[@]}" \
  --past-lengths 4
for list in '1,x' '1,' -1 ''; do wrong '--past-lengths' "${sizes[@]}" --batch 2 --cache-capacity 9 --past-lengths "$list"; done

# ---- options that conflict or depend on each other

wrong '--cache-rolling is given without --cache-capacity$' "${sizes[@]}" --cache-rolling
wrong '--cache-rolling needs --cache-page-len, and --window-left of 1 or more$' "${sizes[@]}" --cache-capacity 9 --cache-rolling
wrong '--cache-rolling needs --cache-page-len, and --window-left of 1 or more$' "${sizes[@]}" --cache-capacity 9 --cache-rolling \
  --cache-page-len 2 --window-left 0
wrong '--cache-rolling does not go with this --align \(allowed: top-left\)$' "${sizes[@]}" --cache-capacity 9 --cache-page-len 2 \
  --window-left 2 --cache-rolling --align 3
wrong '--past-lengths is given without --cache-capacity$' "${sizes[@]}" --past-lengths 2
wrong '--past-lengths needs --random, --model, or --past-k and --past-v$' "${separate[@]}" --cache-capacity 8 --past-lengths 2
wrong '--past-tokens does not go with --past-lengths$' "${sizes[@]}" --cache-capacity 9 --past-tokens 2 --past-lengths 2

for option in page-len=2 pages=2 type=f16 k-scale=scales.npy v-scale=scales.npy; do
  wrong "--cache-${option%=*} is given without --cache-capacity$" "${separate[@]}" "--cache-$option"
done
wrong '--past-k is given without --cache-capacity$' "${separate[@]}" "${past[@]:2}"
wrong '--past-tokens is given without --cache-capacity$' "${sizes[@]}" --past-tokens 2
wrong '--past-tokens needs --random; other inputs have their own sizes' "${separate[@]}" --cache-capacity 8 --past-tokens 2
wrong '--past-tokens does not go with --past-k and --past-v$' "${sizes[@]}" "${past[@]}" --past-tokens 2
wrong '--past-v is missing \(--past-k and --past-v go together\)$' "${separate[@]}" "${past[@]:0:4}"
wrong '--past-k is missing \(--past-k and --past-v go together\)$' "${separate[@]}" "${past[@]:0:2}" "${past[@]:4}"
wrong '--cache-v-scale is missing \(--cache-k-scale and --cache-v-scale go together\)$' \
  "${separate[@]}" "${scales[@]:0:6}"
wrong '--cache-type i8-head: --cache-k-scale and --cache-v-scale are needed with i8-head' "${separate[@]}" "${scales[@]:0:4}"
wrong '--cache-type f32: --cache-k-scale and --cache-v-scale are needed with i8-head' \
  "${separate[@]}" "${scales[@]:0:2}" "${scales[@]:4}"
wrong '--cache-pages is given without --cache-page-len$' "${separate[@]}" "${past[@]}" --cache-pages 4
for option in dim=2 base=500 scaling=linear cos=x sin=x; do
  wrong "--rotary-${option%=*} is given without --rotary$" "${separate[@]}" "--rotary-$option"
done
wrong '--rotary-sin is missing \(--rotary-cos and --rotary-sin go together\)$' "${separate[@]}" "${tables[@]:0:4}"
wrong '--rotary-base does not go with --rotary-cos and --rotary-sin$' "${separate[@]}" "${tables[@]}" --rotary-base 500
wrong '--position-ids is given without --rotary or --positions sinusoidal$' "${separate[@]}" \
  --position-ids "$folder/ids.npy"
wrong '--key-position-ids is given without --position-ids$' "${separate[@]}" --rotary halves \
  --key-position-ids "$folder/ids.npy"
wrong '--key-position-ids is missing: the keys do not come from X$' "${four[@]}" --rotary halves \
  --position-ids "$folder/ids.npy"
wrong '--key-position-ids: the keys come from X \(allowed: only --position-ids\)$' "${separate[@]}" --rotary halves \
  --position-ids "$folder/ids.npy" --key-position-ids "$folder/ids.npy"
wrong '--kv-model-dim is given without --key-tokens$' "${sizes[@]}" --kv-model-dim 3
for option in key-tokens kv-model-dim output-dim; do
  wrong "--$option needs --random; other inputs have their own sizes" "${separate[@]}" "--$option" 3
done
wrong '--context-order heads does not go with --output-dim \(allowed: tokens\)$' \
  "${sizes[@]}" --output-dim 3 --context-order heads
wrong '--context-order heads does not go with --wo ' "${separate[@]}" --wo "$folder/wo.npy" --context-order heads
wrong '--context-order heads does not go with --query-offsets ' "${separate[@]}" --query-offsets 0,2,5 \
  --context-order heads
wrong '--bo is given without --wo$' "${separate[@]}" --bo "$folder/bo.npy"
wrong '--k is missing \(--q, --k and --v go together\)$' "${four[@]:0:2}"
wrong '--v is missing \(--q, --k and --v go together\)$' "${four[@]:0:4}"
wrong '--q is missing \(--q, --k and --v go together\)$' "${four[@]:2}"
wrong '--x is missing \(--x and --wqkv go together\)$' "${fused[@]:2}"
for option in x xkv wq wk wv wqkv bq bk bv bqkv; do
  wrong "--$option does not go with --q, --k and --v$" "${four[@]}" "--$option" "$folder/x.npy"
done
wrong '--fused-order heads \(allowed: side-by-side, groups\)$' "${fused[@]}" --fused-order heads
wrong '--fused-order is given without --wqkv$' "${four[@]}" --fused-order groups
wrong '--context has another name \(allowed: --xkv\)$' "${cross[@]}" --context "$folder/xkv.npy"
wrong '--context has another name \(allowed: --xkv\)$' "--context=$folder/xkv.npy"
wrong '--cache-page has another name \(allowed: --cache-page-len\)$' --random --cache-capacity 8 --cache-page 4
wrong '--plot: unknown option' --plot "$folder"
for option in xkv wq wk wv bq bk bv; do
  wrong "--$option does not go with --wqkv$" "${fused[@]}" "--$option" "$folder/x.npy"
done
wrong '--bqkv does not go with --wq, --wk and --wv$' "${separate[@]}" --bqkv "$folder/bqkv.npy"
wrong '--positions: they are to be added to x, but q, k and v are given$' "${four[@]}" --positions sinusoidal
for option in x xkv wqkv wo bo q; do
  wrong 'more than one input \(allowed: ' --random "--$option" "$folder/x.npy"
  wrong 'more than one input \(allowed: ' --example cat-sat-down "--$option" "$folder/x.npy"
done

# ---- wrong files

# instead FILE OPTION OPTIONS...: the same options, with another file for OPTION, in $given.
instead() {
  local file=$1 option=$2
  shift 2
  given=()
  while [ $# -gt 0 ]; do
    if [ "$1" = "$option" ]; then given+=("$1" "$file") && shift 2; else given+=("$1") && shift; fi
  done
}

# misshapen OPTION FILES OPTIONS...: refuses a missing file, an empty name, a folder, files that
# hold no array of floats, and each of FILES.
misshapen() {
  local option=$1 files=$2 file
  shift 2
  instead "$folder/no-such.npy" "$option" "$@"
  wrong "$option: .*no-such.npy: cannot be opened: " "${given[@]}"
  instead "" "$option" "$@"
  wrong "$option: an empty name \(allowed: the name of a file\)$" "${given[@]}"
  instead "$folder" "$option" "$@"
  wrong "$option: .*: not a regular file \(allowed: " "${given[@]}"
  instead "$folder/wrong-text.npy" "$option" "$@"
  wrong "$option: .*wrong-text.npy: not a .npy file \(allowed: " "${given[@]}"
  instead "$folder/wrong-zip.npz" "$option" "$@"
  wrong "$option: .*wrong-zip.npz: no array is named, as in PATH.npz:NAME \(allowed: 'x'\)$" "${given[@]}"
  instead "$folder/wrong-int.npy" "$option" "$@"
  wrong "$option: .*wrong-int.npy: element type '<i4' is not supported \(allowed: " "${given[@]}"
  for file in $files; do
    instead "$folder/wrong-$file.npy" "$option" "$@"
    wrong "$option: .*wrong-$file.npy .*\(allowed" "${given[@]}"
  done
}

paths bq=bq bk=bk bv=bv wo=wo bo=bo mask=cache-mask alibi=slopes sinks=sinks past-k=past-k past-v=past-v
all=("${separate[@]}" "${given[@]}" "${scales[@]}")
expect "all files at once" 0 '^passed: ' -- "$clattn" run "${all[@]}"
misshapen --x "6 1x1x9x9" "${all[@]}"
for matrix in wq wk wv wo; do misshapen --$matrix "6 2x2x2 9x9 3x6" "${all[@]}"; done
for vector in bq bk bv bo; do misshapen --$vector "1 3x6" "${all[@]}"; done
misshapen --mask "9x9 3x6 2x2x2 1x1x9x9" "${all[@]}"
wrong "--mask: .*wrong-int.npy: element type '<i4' is .*; convert a mask of 0 and 1 to bool, or to float with 0 and -inf$" \
  "${four[@]}" --mask "$folder/wrong-int.npy"
wrong '--mask: .*mask-ones.npy is of type f4 and has only 0 and 1, which would be added .* \(allowed: a mask of 0 and 1 as bool,' \
  "${four[@]}" --mask "$folder/mask-ones.npy"
wrong '--mask: .*mask-words.npy is of type bfloat16 and has only 0 and 1, ' "${four[@]}" --mask "$folder/mask-words.npy"
for vector in alibi sinks cache-k-scale cache-v-scale; do misshapen --$vector "1 6 3x6" "${all[@]}"; done
for file in past-k past-v; do misshapen --$file "6 3x6 2x2x2 1x1x9x9" "${all[@]}"; done
misshapen --xkv "6 1x1x9x9 2x5x6" "${cross[@]}"
misshapen --wqkv "6 9x9 2x2x2" "${fused[@]}"
misshapen --bqkv "1 3x6" "${fused[@]}"
for given_file in q k v; do misshapen --$given_file "6" "${four[@]}"; done
wrong '--past-v: .*past-v.npy is \(1, 2, 3, 2\) \(allowed: \(1, 2, tokens, 4\) or \(1, tokens, 8\), with as many tokens ' \
  "${separate[@]:0:6}" --wv "$folder/wide-wv.npy" --heads 4 --kv-heads 2 "${past[@]}"
paths past-k=past-k past-v=v
wrong '--past-v: .*v.npy is \(2, 2, 7, 2\) \(allowed: \(1, 2, tokens, 2\) or \(1, tokens, 4\), with as many tokens ' \
  "${separate[@]}" --cache-capacity 20 "${given[@]}"
instead "$folder/scales-zero.npy" --cache-k-scale "${all[@]}"
wrong '--cache-k-scale: .*scales-zero.npy holds 0 \(allowed: finite numbers above 0\)$' "${given[@]}"
paths x=x wq=wq-t wk=wk-t wv=wv-t
wrong '--wq: .*wq-t.npy is \(16, 6\), but .* \(allowed with --layout xw: \(6, columns\); it fits --layout xwt\)$' \
  "${given[@]}" --heads 4 --kv-heads 2
wrong '--wq: .*wq.npy is \(6, 16\), but .* \(allowed with --layout xwt: \(columns, 6\); it fits --layout xw\)$' \
  "${separate[@]}" --layout xwt

finish
