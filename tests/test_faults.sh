#!/usr/bin/env bash
# The program in a broken environment: drivers, cache folders, disks, and many starts at the same
# time.
#
# usage: test_faults.sh PROGRAM drivers|hangs|folders|disks|links|starts|texts|crashes [SHIM] SHIM is
# libclattn_faults.so from tests/faults. FAULTS=all runs 20 times 8 starts instead of 2.

# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
unset CLATTN_DEVICE
shim=${3:-}
kernels_folder=$(cd "$(dirname "$0")/../kernels" && pwd)
kernels=(--kernel "project=1,scores=1,softmax=1,context=1") # the quickest to build
run=("$clattn" run --example please-study-man --repeat 1 "${kernels[@]}")
right='^passed: all 3 rows were checked$'

# vendors NAME LINE...: makes a folder of drivers, with one line in each file.
vendors() {
  local name=$folder/$1 line number=0
  shift
  mkdir "$name"
  for line in "$@"; do
    number=$((number + 1))
    printf '%s\n' "$line" >"$name/$number.icd"
  done
  with=(env -u OCL_ICD_FILENAMES "OCL_ICD_VENDORS=$name")
}

# ---- drivers

drivers() {
  local command good
  echo 'no library' >"$folder/text.so"
  : >"$folder/empty.so"
  vendors none
  local none=("${with[@]}")
  vendors broken "$folder/text.so" "$folder/empty.so" "$folder/nowhere.so" libnowhere.so "$folder" ''
  local broken=("${with[@]}")
  vendors no-driver "$(ldd "$clattn" | sed -n 's/.*libjansson[^ ]* => \([^ ]*\).*/\1/p')"
  local no_driver=("${with[@]}")
  for command in run devices "explain heads" "ladder softmax" "tune --quick --file $folder/record.json"; do
    # shellcheck disable=SC2086
    {
      refuse "$command: no driver is installed" 3 'no OpenCL platform' -- "${none[@]}" "$clattn" $command
      refuse "$command: drivers that are no libraries" 3 'no OpenCL platform' -- "${broken[@]}" "$clattn" $command
      refuse "$command: a library that is no driver" 3 'no OpenCL platform' -- "${no_driver[@]}" "$clattn" $command
    }
  done
  refuse "the folder of drivers is missing" 3 'no OpenCL platform' -- \
    env -u OCL_ICD_FILENAMES OCL_ICD_VENDORS="$folder/lacking/" "${run[@]}"
  good=$(cat /etc/OpenCL/vendors/pocl.icd 2>/dev/null)
  if [ -n "$good" ]; then
    vendors mixed "$folder/text.so" "$good" "$folder/nowhere.so"
    expect "a good driver among broken ones" 0 "$right" -- "${with[@]}" "${run[@]}"
  else
    skip "a good driver among broken ones" "PoCL is not installed"
  fi
  if [ -e /etc/OpenCL/vendors/rusticl.icd ]; then # it has no device unless asked for one
    vendors no-device "$(cat /etc/OpenCL/vendors/rusticl.icd)"
    refuse "a driver without a device" 3 'have no device|no OpenCL platform' -- "${with[@]}" env -u RUSTICL_ENABLE "${run[@]}"
  else
    skip "a driver without a device" "rusticl is not installed (Debian: mesa-opencl-icd)"
  fi
}

# ---- drivers that do not answer

# The longest waits run at the same time: run waits 10 s for drivers, each of which may take 3 s
# here.
hangs() {
  local cc=${CC:-cc} kind flags good waiting
  command -v "$cc" >/dev/null || { skip "drivers that hang or crash" "no C compiler"; return; }
  for kind in "hangs -DHANGS" "hangs-loading -DHANGS -DLOADING" "crashes" "crashes-loading -DLOADING"; do
    read -r kind flags <<<"$kind"
    # shellcheck disable=SC2086
    "$cc" -shared -fPIC $flags -o "$folder/$kind.so" "$here/faults/driver.c" || fail "$kind" "cannot be built"
  done
  good=$(cat /etc/OpenCL/vendors/pocl.icd 2>/dev/null)
  vendors hanging "$folder/hangs.so" "${good:-/nowhere.so}"
  timeout 30 "${with[@]}" "${run[@]}" >"$folder/run.out" 2>"$folder/run.err" &
  waiting=$!
  expect "doctor: a driver that hangs is named, and the others are asked" 3 "1.icd -> .*/hangs.so: hangs: .* within 1 s
2.icd -> .*: (loads|points nowhere)
^folders
^no device is tested
^clattn: .*/1.icd: hangs" -- timeout 60 "${with[@]}" "$clattn" doctor --wait 1
  for kind in hangs crashes; do
    vendors "loading-$kind" "$folder/$kind-loading.so"
    expect "doctor: a driver that $kind when it is loaded is named" 3 "1.icd -> .*: (hangs|broken: .*Aborted)
^clattn: .*/1.icd: (hangs|broken: .*Aborted)" -- timeout 60 "${with[@]}" "$clattn" doctor --wait 1
  done
  vendors crashing "$folder/crashes.so" "${good:-/nowhere.so}"
  expect "doctor: a driver that crashes is named, and the others are asked" 3 "1.icd -> .*/crashes.so: broken: .*Aborted
2.icd -> .*: (loads|points nowhere)
^no device is tested
^clattn: .*/1.icd: broken: .*Aborted" -- timeout 60 "${with[@]}" "$clattn" doctor --wait 1
  for ((i = 0; i < 300; ++i)); do
    ! grep -q 'remove such a file' "$folder/run.err" || break
    sleep 0.1
  done
  kill "$waiting"
  wait "$waiting" 2>/dev/null
  examine 0 '^clattn: the OpenCL drivers have not responded for 10 s
^clattn: .*/hanging/1.icd: hangs: ' cat "$folder/run.err"
  grep -q 2.icd "$folder/run.err" && see "a driver that answers is named"
  judge "run: a driver that hangs is named after a while"
}

# ---- folders

# survives NAME -- COMMAND...: succeeds, or finds no device and says so.
survives() {
  local name=$1
  shift 2
  examine '0|3' '' "$@"
  if grep -q '^clattn: ' "$folder/err"; then
    [ ! -s "$folder/out" ] || ! grep -q '^passed' "$folder/out" || see "passed, and complains"
  else
    grep -aEq "$right" "$folder/out" || see "neither passes nor complains"
  fi
  judge "$name"
}

folders() {
  local user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  echo >"$folder/file"
  survives "PoCL's folder is a file" -- env POCL_CACHE_DIR="$folder/file" "${run[@]}"
  survives "PoCL's folder is below a file" -- env POCL_CACHE_DIR="$folder/file/below" "${run[@]}"
  survives "PoCL's folder cannot be made" -- env POCL_CACHE_DIR=/proc/nowhere "${run[@]}"
  expect "PoCL's folder is missing" 0 "$right" -- env POCL_CACHE_DIR="$folder/fresh" "${run[@]}"
  survives "no home, no folder of PoCL's" -- env -u HOME -u XDG_CACHE_HOME -u POCL_CACHE_DIR -u CLATTN_PROGRAM_DIR "${run[@]}"
  survives "the home is a file" -- env -u XDG_CACHE_HOME -u POCL_CACHE_DIR -u CLATTN_PROGRAM_DIR HOME="$folder/file" \
    "${run[@]}"
  expect "no home, and PoCL's folder" 0 "$right" -- env -u HOME -u XDG_CACHE_HOME -u CLATTN_PROGRAM_DIR -u CLATTN_TUNING_FILE \
    "${run[@]}"
  expect "the folder of programs is a file" 0 "$right" -- env CLATTN_PROGRAM_DIR="$folder/file" "${run[@]}"
  refuse "the tuning record is below a file" 2 'Not a directory' -- \
    "$clattn" tune --quick --stage softmax --tokens 16 --head-dim 8 --file "$folder/file/record.json"
  refuse "--save below a file" 2 'cannot make the folder' -- "${run[@]}" --save "$folder/file/saved"
  if [ "$(id -u)" -eq 0 ] && ! "${user[@]}" true 2>/dev/null; then
    skip "folders that may not be written" "root can write everywhere, and setpriv cannot change to another user"
    return
  fi
  [ "$(id -u)" -eq 0 ] || user=()
  cp "$clattn" "$(ldd "$clattn" | sed -n 's/.*libclattn[^ ]* => \([^ ]*\).*/\1/p')" "$folder" # where everyone may read it
  mkdir -m 555 "$folder/locked"
  chmod 755 "$folder"
  local theirs=("${user[@]}" env "LD_LIBRARY_PATH=$folder" "HOME=$folder/locked" "$folder/$(basename "$clattn")")
  survives "PoCL's folder may not be written" -- env POCL_CACHE_DIR="$folder/locked" "${theirs[@]}" run --repeat 1 "${kernels[@]}"
  survives "the home may not be written" -- \
    env -u POCL_CACHE_DIR -u XDG_CACHE_HOME -u CLATTN_PROGRAM_DIR "${theirs[@]}" run --repeat 1 "${kernels[@]}"
  mkdir -m 777 "$folder/open"
  refuse "--save into a folder that may not be written" 2 'Permission denied' -- \
    env POCL_CACHE_DIR="$folder/open" "${theirs[@]}" run --repeat 1 "${kernels[@]}" --save "$folder/locked"
  expect "... leaves nothing there" 0 '' -- test -z "$(ls -A "$folder/locked")"
}

# ---- disks

# fills NAME PATTERN FILE -- COMMAND...: there is no room for FILE, and an old one stays unchanged.
fills() {
  local name=$1 pattern=$2 file=$3
  shift 4
  mkdir -p "$(dirname "$file")"
  echo "what was there before" >"$file"
  [ ! -d "$disk" ] || cat /dev/zero >"$disk/rest" 2>/dev/null # stops when the disk is full
  examine 2 "$pattern" "$@"
  [ "$(cat "$file")" = "what was there before" ] || see "the old file is not left as it was"
  [ -z "$(find "$(dirname "$file")" -name '*.part')" ] || see "a part file is left"
  [ ! -d "$disk" ] || rm "$disk/rest"
  judge "$name"
}

disk=$folder/disk
disks() {
  # The scores take 32 MiB; PoCL itself writes up to several MiB.
  local random=("$clattn" run --random --repeat 1 --check off --save "$folder/saved")
  expect "its kernels are built" 0 '^not checked' -- "${random[@]}"
  # shellcheck disable=SC2016 # the inner bash expands it
  fills "a limit: --save" 'File too large' "$folder/saved/scores.npy" -- \
    bash -c 'trap "" XFSZ; ulimit -f 8192; exec "$@"' - "${random[@]}"
  mkdir "$disk"
  if ! mount -t tmpfs -o size=64k none "$disk" 2>/dev/null; then
    skip "a full disk" "needs root to mount a small one"
    return
  fi
  trap 'umount "$disk"; rm -rf "$folder"' EXIT
  local full='No space left on device|may be full'
  fills "a full disk: --out" "$full" "$disk/out.npy" -- "${run[@]}" --out "$disk/out.npy"
  fills "a full disk: --save" "$full" "$disk/saved/scores.npy" -- "${run[@]}" --save "$disk/saved"
  fills "a full disk: explain --html" "$full" "$disk/walk.html" -- "$clattn" explain --html "$disk/walk.html"
  fills "a full disk: explain --svg" "$full" "$disk/pictures/please-study-man-weights.svg" -- \
    "$clattn" explain --svg "$disk/pictures"
  fills "a full disk: compare --csv" "$full" "$disk/table.csv" -- \
    "$clattn" compare --tokens 16 --model-dim 32 --heads 2 --repeat 1 --csv "$disk/table.csv"
  cat /dev/zero >"$disk/rest" 2>/dev/null
  survives "PoCL's folder is on a full disk" -- env POCL_CACHE_DIR="$disk/pocl" "${run[@]}"
}

# ---- links

# leads NAME FILE -- COMMAND...: FILE is a link, first to an old file with another mode, then to a
# missing file. The command must write where it leads, and the link must remain a link.
leads() {
  local name=$1 file=$2 to=$folder/elsewhere/target
  shift 3
  mkdir -p "$(dirname "$file")" "$folder/elsewhere"
  [ ! -f "$file" ] || mv "$file" "$to" # a record can only replace a record
  [ -e "$to" ] || echo "what was there before" >"$to"
  cp "$to" "$folder/before"
  chmod 640 "$to"
  ln -s ../elsewhere/target "$(dirname "$file")/between"
  ln -s between "$file"
  examine 0 '' "$@"
  [ -L "$file" ] || see "the link is replaced"
  ! cmp -s "$to" "$folder/before" || see "the file that it leads to is as it was"
  [ "$(stat -c %a "$to")" = 640 ] || see "its mode has become $(stat -c %a "$to")"
  judge "$name, where it is a link"
  rm "$to"
  examine 0 '' "$@"
  if [ ! -L "$file" ] || [ ! -s "$to" ]; then see "the file that it leads to is not made"; fi
  judge "$name, where it is a link to nothing"
  [ -z "$(find "$folder" -name '*.part')" ] || see "a part file is left"
  rm -r "$(dirname "$file")/between" "$file" "$folder/elsewhere"
}

# streams NAME FILE BEGINNING -- COMMAND...: FILE is a pipe. What is written to it begins with
# BEGINNING, and it remains a pipe.
streams() {
  local name=$1 file=$2 beginning=$3 reader
  shift 4
  mkdir -p "$(dirname "$file")"
  mkfifo "$file"
  timeout 60 cat "$file" >"$folder/through" &
  reader=$!
  examine 0 '' "$@"
  wait "$reader" || see "nothing came through"
  [ -p "$file" ] || see "the pipe is replaced"
  head -c 100 "$folder/through" | grep -aq -e "$beginning" || see "what came through does not begin with $beginning"
  judge "$name, where it is a pipe"
  rm "$file"
}

links() {
  local quick=(compare --tokens 16 --model-dim 32 --heads 2 --repeat 1) own
  local record=("$clattn" tune --quick --stage softmax --tokens 16 --head-dim 8 --file "$folder/saved/record.json")
  local gnuplot=true
  command -v gnuplot >/dev/null || { gnuplot=false; skip "charts" "gnuplot is not installed"; }
  mkdir "$folder/saved"
  leads "run --out" "$folder/saved/out.npy" -- "${run[@]}" --out "$folder/saved/out.npy"
  leads "run --save" "$folder/saved/weights.npy" -- "${run[@]}" --save "$folder/saved"
  leads "explain --html" "$folder/saved/walk.html" -- "$clattn" explain --html "$folder/saved/walk.html"
  leads "explain --svg" "$folder/saved/please-study-man-weights.svg" -- "$clattn" explain --svg "$folder/saved"
  leads "compare --csv" "$folder/saved/table.csv" -- "$clattn" "${quick[@]}" --csv "$folder/saved/table.csv"
  "${record[@]}" >/dev/null
  leads "tune --file" "$folder/saved/record.json" -- "${record[@]}"
  streams "run --out" "$folder/pipe.npy" NUMPY -- "${run[@]}" --out "$folder/pipe.npy"
  streams "explain --html" "$folder/pipe.html" '<!doctype html>' -- "$clattn" explain --html "$folder/pipe.html"
  if $gnuplot; then
    leads "compare --svg" "$folder/saved/a.svg" -- "$clattn" "${quick[@]}" --sweep --svg "$folder/saved/a.svg"
    streams "compare --svg" "$folder/pipe.svg" '<?xml' -- "$clattn" "${quick[@]}" --sweep --svg "$folder/pipe.svg"
  fi
  expect "run --out, into a device" 0 "$right" -- "${run[@]}" --out /dev/null
  expect "... which stays one" 0 '' -- test -c /dev/null
  expect "run --out, into a full device" 2 'No space left on device' -- "${run[@]}" --check off --out /dev/full
  ln -s circle "$folder/circle"
  refuse "run --out, where links lead in a circle" 2 'Too many levels' -- "${run[@]}" --out "$folder/circle"
  ln -s nowhere/file "$folder/astray"
  refuse "run --out, where a link leads into no folder" 2 'No such file' -- "${run[@]}" --out "$folder/astray"
  # An open output keeps its position: text, then the array. The test makes the link itself.
  ln -s /proc/self/fd/1 "$folder/stdout"
  for own in "$folder/stdout" /proc/self/fd/1 "$folder/all"; do
    # shellcheck disable=SC2016 # the inner bash expands it
    expect "run --out ${own##"$folder/"} with its output in a file: both are there" 0 "$(printf '%s\n%s' "$right" NUMPY)" -- \
      bash -c '"$@" >"$0" && cat "$0"' "$folder/all" "${run[@]}" --out "$own"
  done
  [ -L "$folder/stdout" ] || fail "a link to standard output stays one" "it is replaced"
  # The system's own link, in a copy of /dev.
  mkdir "$folder/dev"
  # shellcheck disable=SC2016
  local within='mount -t tmpfs none "$0" && touch "$0/null" "$0/urandom" && mount --bind /dev/null "$0/null" &&
    mount --bind /dev/urandom "$0/urandom" && ln -s /proc/self/fd/1 "$0/stdout" && mount --rbind "$0" /dev'
  if unshare -m bash -c "$within" "$folder/dev" 2>/dev/null; then
    # shellcheck disable=SC2016
    expect "run --out /dev/stdout with its output in a file" 0 "$(printf '%s\n%s\n%s' "$right" NUMPY '^it is a link$')" -- \
      unshare -m bash -c "$within"' && "$@" --out /dev/stdout >"$0/all" && cat "$0/all" && test -L /dev/stdout &&
        echo && echo it is a link' "$folder/dev" "${run[@]}"
  else
    skip "run --out /dev/stdout" "needs root for a separate /dev"
  fi
}

# ---- crashes

# A compiler that crashes with kernels for sub-groups, of a device that says that it has them.
crashes() {
  local device words last
  local fault=(env "LD_PRELOAD=$shim" FAULT_EXTENSIONS=cl_khr_subgroups "CLATTN_PROGRAM_DIR=$folder/programs")
  local run=("$clattn" run --random --tokens 16 --model-dim 32 --heads 2 --repeat 1 --kernel softmax=subgroup)
  local refused="^clattn: kernel softmax=subgroup: on '.*' a process that built or tested it crashed .*programs/.*trial"
  local builds="^clattn: device '.*' cannot build kernel file 'softmax/7_subgroup.cl'"
  refuse "the compiler crashes: the program does not" 2 "$refused" -- "${fault[@]}" FAULT_CRASH=sub_group_reduce "${run[@]}"
  refuse "the crash is remembered" 2 "$refused" -- "${fault[@]}" "${run[@]}"
  expect "doctor says so, and goes on" 0 "^    softmax +7 subgroup +cannot run .*crashed
^    fused +1 row +right" -- "${fault[@]}" FAULT_CRASH=subgroup.cl "$clattn" doctor
  refuse "another device is tried" 3 "$builds" -- "${fault[@]}" FAULT_DEVICE=another "${run[@]}"
  refuse "kernels from a folder are not" 3 "$builds" -- "${fault[@]}" CLATTN_KERNEL_DIR="$kernels_folder" "${run[@]}"
  rm "$folder"/programs/*.trial
  refuse "without the file, the kernel is tried again" 3 "$builds" -- "${fault[@]}" "${run[@]}"

  # What the library does without a program to start is what it does within the one that it has started.
  rm "$folder"/programs/*.trial
  python3 -c 'import json, sys
d = json.load(sys.stdin)["device"]
print(d["platform"], d["name"], d["driver_version"], sep="\n")' \
    < <("$clattn" run --random --tokens 4 --model-dim 8 --heads 1 --repeat 1 --json) >"$folder/device"
  mapfile -t device <"$folder/device"
  words=("$clattn" try "$folder/programs" "${device[@]}" softmax=subgroup)
  for last in first second; do
    expect "without another process, the $last crash is its own" 134 '' -- \
      "${fault[@]}" FAULT_CRASH=sub_group_reduce "${words[@]}"
  done
  expect "the third time the kernel is refused" 0 '' -- "${fault[@]}" FAULT_CRASH=sub_group_reduce "${words[@]}"
  expect "the file says so" 0 '^trial 1 crashed$' -- cat "$folder"/programs/*.trial
  refuse "'try' by hand" 2 "^clattn: 'try' is for the library alone" -- "$clattn" try
}

# ---- texts

# Byte AE is the registered sign in Latin-1 and invalid in UTF-8; 80 is invalid in both. reads NAME
# EXPRESSION -- COMMAND...: standard output is JSON r, in UTF-8, for which EXPRESSION is true.
reads() {
  local name=$1 expression=$2
  shift 3
  examine 0 '' "$@"
  [ -n "$seen" ] || python3 -c "import json, sys; r = json.load(open(sys.argv[1], encoding='utf-8')); assert $expression" \
    "$folder/out" 2>"$folder/err" || see "$(tail -n 1 "$folder/err")"
  judge "$name"
}

texts() {
  local name=$'Intel\xae Xeon\x80' long shim=(env "LD_PRELOAD=$shim") said='"Intel\u00ae Xeon\ufffd"'
  long=$(printf 'x%.0s' {1..126})$'\xc3\xa9' # 126 letters and a character of which only half fits into 127 bytes
  local quick=(--tokens 16 --model-dim 32 --heads 2 --repeat 1)
  reads "run --json" "r['device']['name'] == $said" -- "${shim[@]}" FAULT_DEVICE="$name" "${run[@]}" --json
  reads "run --json, a name that is cut" "r['device']['name'] == 'x' * 126" -- \
    "${shim[@]}" FAULT_DEVICE="$long" "${run[@]}" --json
  reads "ladder --json" "r['device']['name'] == $said" -- \
    "${shim[@]}" FAULT_DEVICE="$name" "$clattn" ladder softmax --tokens 4 --model-dim 8 --heads 2 --json
  reads "compare --json" "any($said in c['name'] for c in r['contestants'])" -- \
    "${shim[@]}" FAULT_DEVICE="$name" "$clattn" compare "${quick[@]}" --json
  expect "compare: a long name leaves room for the pipeline" 0 "^4 x{40}, fused .* 1\$" -- \
    "${shim[@]}" FAULT_DEVICE="$long" "$clattn" compare "${quick[@]}"
  reads "run --json, a platform" "r['device']['platform'] == $said" -- "${shim[@]}" FAULT_PLATFORM="$name" "${run[@]}" --json
  expect "explain --html" 0 '' -- "${shim[@]}" FAULT_DEVICE="$name" "$clattn" explain --html "$folder/page.html"
  expect "... is UTF-8 and has the name" 0 '' -- python3 -c "import sys; assert ${said} in open(sys.argv[1], encoding='utf-8').read()" \
    "$folder/page.html"
  local tune=("${shim[@]}" FAULT_DEVICE="$name" "$clattn" tune --quick --stage softmax --tokens 16 --head-dim 8 --file "$folder/record.json")
  expect "tune" 0 '' -- "${tune[@]}"
  expect "tune, into that record" 0 '' -- "${tune[@]}"
  reads "a tuning record" "r['device']['name'] == $said" -- cat "$folder/record.json"
  mkdir -p "$folder/kernels/scores"
  echo 'not C' >"$folder/kernels/scores/1_naive.cl"
  refuse "a compiler's words" 3 "line 1: $(printf '\xc2\xae')\$" -- \
    "${shim[@]}" FAULT_LOG=$'line 1: \xae' CLATTN_KERNEL_DIR="$folder/kernels" "${run[@]}"
  expect "devices: a control character does not reach the terminal" 0 '\] Intel\?\[31m' -- \
    "${shim[@]}" FAULT_DEVICE=$'Intel\e[31m' "$clattn" devices
}

# ---- starts

starts() {
  local rounds=2 round one
  [ "${FAULTS:-}" != all ] || rounds=20
  for ((round = 1; round <= rounds; ++round)); do
    local pids=() wrong=0
    mkdir "$folder/cold"
    for one in {1..8}; do
      POCL_CACHE_DIR="$folder/cold" timeout 300 "${run[@]}" >"$folder/start.$one" 2>&1 &
      pids+=($!)
    done
    for one in {1..8}; do
      wait "${pids[one - 1]}" && grep -Eq "$right" "$folder/start.$one" && continue
      wrong=$((wrong + 1))
      cp "$folder/start.$one" "$folder/err"
    done
    : >"$folder/out"
    if [ $wrong -eq 0 ]; then ok "8 cold starts at once, $round"; else fail "8 cold starts at once, $round" "$wrong fail"; fi
    rm -r "$folder/cold"
  done
}

case ${2:-} in
drivers | hangs | folders | disks | links | starts | texts | crashes) "$2" ;;
*)
  echo "usage: $(basename "$0") PROGRAM drivers|hangs|folders|disks|links|starts|texts|crashes [SHIM]" >&2
  exit 2
  ;;
esac
finish
