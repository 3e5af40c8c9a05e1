#!/usr/bin/env bash
# `clattn doctor` from outside: test_program_doctor.sh PROGRAM

# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
kernels=$here/../kernels

# ---- error codes explained

expect "doctor --code -1001" 0 '^CL_PLATFORM_NOT_FOUND_KHR \(-1001\)
pocl-opencl-icd
nvidia-opencl-icd
rocm-opencl
intel-opencl-icd' -- "$clattn" doctor --code -1001
expect "doctor --code, by name" 0 '^CL_OUT_OF_RESOURCES \(-5\)' -- "$clattn" doctor --code CL_OUT_OF_RESOURCES
expect "doctor --code, without its minus" 0 '^CL_INVALID_WORK_GROUP_SIZE \(-54\)' -- "$clattn" doctor --code 54
refuse "doctor --code nonsense" 2 '--code nonsense is unknown \(allowed: -1001, -1, ' -- \
  "$clattn" doctor --code nonsense
refuse "doctor --bogus" 2 '--bogus.*clattn help doctor' -- "$clattn" doctor --bogus
refuse "doctor with a word" 2 "unexpected argument 'all'" -- "$clattn" doctor all
expect "help doctor" 0 '--code=C' -- "$clattn" help doctor

# ---- a device with everything known about it

pocl=$folder/pocl
mkdir "$pocl"
cp /etc/OpenCL/vendors/pocl.icd "$pocl" 2>/dev/null
device=()
if [ -e "$pocl/pocl.icd" ]; then device=(env "OCL_ICD_VENDORS=$pocl"); fi
expect "doctor: the loader, folders, limits, every kernel" 0 '^loader +/.*OpenCL
^folders
self-test results.*can be written to
^    .* compute units; .* GiB of memory
^    convert +1 naive +right
^    convert +2 vector +(right|cannot run)
^    cache +1 naive +right
^    project +7 panel +(right|cannot run)
^    fused +7 stream +(right|cannot run)
^    exps +1 naive +right
^every kernel that plans choose here passed its self-test$' -- \
  "${device[@]}" CLATTN_PROGRAM_DIR="$folder/programs" "$clattn" doctor
cp "$folder/out" "$folder/page"
expect "doctor: every kernel of the catalogue has a line" 0 '' -- python3 -c \
  'import re, sys
page, source = open(sys.argv[1]).read(), open(sys.argv[2]).read()
rows = len(re.findall(r"^    \S+ +(?:\d+ )?\S+ +(?:right|WRONG|cannot run) ", page, re.M))
catalogued = len(re.findall(r"\.stage = CLATTN_STAGE_\w+,", source))
assert rows == catalogued >= 30, (rows, catalogued)' "$folder/page" "$here/../host/catalog/kernels.c"
expect "doctor: no escapes go into a pipe" 1 '' -- grep -E "$(printf '\033')" "$folder/page"

mkdir -p "$folder/kernels/softmax"
for file in "$kernels"/softmax/[1-9]*.cl; do
  sed 's/store_lse(r, lse, row, \(.*\), sum)/store_lse(r, lse, row, \1, 2.0f * sum)/' "$file" >"$folder/kernels/softmax/${file##*/}"
done
expect "doctor: a wrong kernel is reported" 1 '^    softmax +1 naive +WRONG .*lse is wrong in [0-9]+ of [0-9]+ elements, worst at \(.*\): .* instead of
^    scores +1 naive +right
of the kernels that plans choose here failed: plans reject (it|them) and take the next one' -- \
  "${device[@]}" CLATTN_KERNEL_DIR="$folder/kernels" "$clattn" doctor

# ---- a stored self-test result is reported when the kernel is rejected

run=(run --random --tokens 20 --model-dim 16 --heads 2 --repeat 1 --pipeline staged)
expect "run, with a folder for answers" 0 '^passed' -- "${device[@]}" CLATTN_PROGRAM_DIR="$folder/answers" "$clattn" "${run[@]}"
expect "failed self-test results are prepared" 0 '' -- python3 -c \
  'import pathlib, sys
def fnv(data):
    hash = 0xCBF29CE484222325
    for byte in data:
        hash = (hash ^ byte) * 0x100000001B3 % 2**64
    return hash
files = list(pathlib.Path(sys.argv[1]).glob("*.answer"))
assert len(files) >= 4, files
body = b"answer 1 wrong: as it was last time"
for file in files:
    head = file.read_bytes().rsplit(b"\n", 3)[0]
    if b"ITEM_ROWS" in head or b"LOCAL_X" in head or b"TILE" in head:
        file.write_bytes(head + b"\n%020d bytes, %016x\n\n" % (len(body), fnv(body)) + body)' "$folder/answers"
expect "run reports the kernels that it rejects, and passes" 0 '^passed
rejected because its self-test failed: kernel .* of stage .*: as it was last time' -- \
  sh -c '"$@" 2>&1' - "${device[@]}" CLATTN_PROGRAM_DIR="$folder/answers" "$clattn" "${run[@]}"
expect "run --explain-plan says so, too" 0 ' wrong: kernel .* as it was last time' -- \
  "${device[@]}" CLATTN_PROGRAM_DIR="$folder/answers" "$clattn" "${run[@]}" --explain-plan

# ---- no device

vendors=$folder/vendors
mkdir "$vendors"
expect "doctor with an empty folder of drivers" 3 "$vendors: no .icd file in it
^no device: 
The loader found no driver at all" -- env OCL_ICD_VENDORS="$vendors" "$clattn" doctor
printf '/no/such/driver.so\n' >"$vendors/a.icd"
printf 'libc.so.6\n' >"$vendors/b.icd"
: >"$vendors/c.icd"
printf 'libnosuchdriver.so\n' >"$vendors/d.icd"
head -c 300 "$clattn" >"$vendors/e.icd" # bytes that would control a terminal
expect "doctor with broken .icd files" 3 'a.icd -> /no/such/driver.so: points nowhere: 
b.icd -> libc.so.6: broken: the library is not an OpenCL driver
c.icd -> \?: broken: its first line is empty
d.icd -> libnosuchdriver.so: broken: libnosuchdriver.so: cannot open shared object file
e.icd -> .ELF.*: broken: ' -- \
  env OCL_ICD_VENDORS="$vendors" "$clattn" doctor
cp "$folder/out" "$folder/page"
expect "... and none of its bytes reach the terminal" 1 '' -- env LC_ALL=C grep -aP '[\x00-\x08\x0e-\x1f\x7f]' "$folder/page"
refuse "doctor --wait 0" 2 '--wait 0 \(allowed: 1 to 3600\)' -- "$clattn" doctor --wait 0
expect "doctor with a folder that is not there" 3 "$folder/none:? (broken: .*No such file|is not a folder)" -- env OCL_ICD_VENDORS="$folder/none" "$clattn" doctor
touch "$folder/file"
expect "doctor names a folder that cannot be used" 3 "self-test results $folder/file/programs: Not a directory" -- \
  env OCL_ICD_VENDORS="$vendors" CLATTN_PROGRAM_DIR="$folder/file/programs" "$clattn" doctor

# ---- a driver without a device, and each value of OCL_ICD_VENDORS that ocl-icd takes

# where DOCTOR'S-LINES VALUE: what doctor says about the value. Whether it goes on to the kernels is
# tested above.
where() {
  # shellcheck disable=SC2016 # the inner bash expands it
  expect "doctor with OCL_ICD_VENDORS=${2##*/}" 0 "$1" -- \
    bash -c 'OCL_ICD_VENDORS=$1 timeout 60 "$2" doctor --device nosuch | grep -a "platform .Portable" || true' - "$2" "$clattn"
}

if [ -e "$pocl/pocl.icd" ]; then
  expect "doctor with POCL_DEVICES=nonsense" 3 "pocl.icd -> .*: loads; platform 'Portable Computing Language' has no device .*CL_DEVICE_NOT_FOUND, -1
^no device: the installed OpenCL platforms have no device: 'Portable Computing Language' answers CL_DEVICE_NOT_FOUND \(-1\)$
^There is a driver, but it has no device
^POCL_DEVICES=nonsense is set: try without it" -- "${device[@]}" POCL_DEVICES=nonsense "$clattn" doctor
  expect "... says nothing of a loader without drivers" 1 '' -- grep -q 'found no driver at all' "$folder/out"
  refuse "run with POCL_DEVICES=nonsense" 3 "'Portable Computing Language' answers CL_DEVICE_NOT_FOUND \(-1\)$
^There is a driver, but it has no device" -- "${device[@]}" POCL_DEVICES=nonsense "$clattn" run
  expect "doctor with a home where nothing can be made" 3 "PoCL's kernels /proc/nowhere/.cache/pocl/kcache: No such file
^There is a driver, but it has no device" -- \
    env -u POCL_CACHE_DIR -u XDG_CACHE_HOME "${device[@]}" HOME=/proc/nowhere "$clattn" doctor
  refuse "a device that is not there, beside one that is" 3 "no device matches 'nosuch' \(allowed: .*discrete" -- \
    "${device[@]}" "$clattn" run --device nosuch
  expect "... says nothing of drivers" 1 '' -- grep -q 'driver' "$folder/err"
  library=$(cat "$pocl/pocl.icd")
  where '/pocl\.icd -> ' "$pocl"
  where '/pocl\.icd -> ' "$pocl/pocl.icd"
  if OCL_ICD_VENDORS=/nonexistent timeout 60 "$clattn" doctor | grep -q 'OCL Icd'; then
    where '/etc/OpenCL/vendors/pocl\.icd -> ' pocl.icd
    where "^  $library: loads" "$library"
  else
    skip "other values of OCL_ICD_VENDORS" "the loader is not ocl-icd"
  fi
else
  skip "a driver without a device" "PoCL is not installed"
fi

# ---- a device by its kind

expect "run --device cpu" 0 '^device .*, CPU ' -- "${device[@]}" "$clattn" run --device CPU --repeat 1
if [ -e "$pocl/pocl.icd" ]; then
  for kind in gpu accelerator discrete integrated; do
    refuse "run --device $kind, where there is none" 3 "no device matches '$kind' " -- "${device[@]}" "$clattn" run --device $kind
  done
  # Two PoCL devices: the one with more cores is selected, unless tuning found the other one to be
  # faster.
  two=(env -u CLATTN_TUNING_FILE "OCL_ICD_VENDORS=$pocl" "POCL_DEVICES=pthread basic" "XDG_CACHE_HOME=$folder/records" "$clattn")
  tune=(tune --quick --stage scores --tokens 16 --head-dim 8)
  expect "tune, the one" 0 '' -- "${two[@]}" "${tune[@]}" --device pthread
  expect "tune, the other" 0 '' -- "${two[@]}" "${tune[@]}" --device basic
  for first in pthread basic; do
    expect "the record of $first has the higher rate" 0 '' -- python3 -c 'import json, pathlib, sys
for path in pathlib.Path(sys.argv[1]).rglob("*.json"):
    record = json.loads(path.read_text())
    for entry in record["entries"]:
        entry["gflops"] = 900.0 if sys.argv[2] in record["device"]["name"] else 800.0
    path.write_text(json.dumps(record))' "$folder/records" "$first"
    expect "run takes $first, as tuning says" 0 "^device +$first" -- "${two[@]}" run --repeat 1
  done
fi

finish
