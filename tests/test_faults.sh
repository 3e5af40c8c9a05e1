#!/usr/bin/env bash
# What surrounds the program and may be broken: drivers, cache folders, disks; and many starts at once.
#
# usage: test_faults.sh PROGRAM drivers|folders|disks|starts
# With FAULTS=all 20 times 8 starts instead of 2.

# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
unset CLATTN_DEVICE
kernels=(--kernel "project=1,scores=1,softmax=1,context=1") # the quickest to build
run=("$clattn" run --example please-study-man --repeat 1 "${kernels[@]}")
right='^passed: all 3 rows were checked$'

# vendors NAME LINE...: a folder of drivers, each with a line that names one.
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
  refuse "the folder of drivers is lacking" 3 'no OpenCL platform' -- \
    env -u OCL_ICD_FILENAMES OCL_ICD_VENDORS="$folder/lacking/" "${run[@]}"
  good=$(cat /etc/OpenCL/vendors/pocl.icd 2>/dev/null)
  if [ -n "$good" ]; then
    vendors mixed "$folder/text.so" "$good" "$folder/nowhere.so"
    expect "a good driver among broken ones" 0 "$right" -- "${with[@]}" "${run[@]}"
  else
    skip "a good driver among broken ones" "PoCL is not installed"
  fi
  if [ -e /etc/OpenCL/vendors/rusticl.icd ]; then # which has no device until it is asked for one
    vendors no-device "$(cat /etc/OpenCL/vendors/rusticl.icd)"
    refuse "a driver without a device" 3 'have no device|no OpenCL platform' -- "${with[@]}" env -u RUSTICL_ENABLE "${run[@]}"
  else
    skip "a driver without a device" "rusticl is not installed (Debian: mesa-opencl-icd)"
  fi
}

# ---- folders

# survives NAME -- COMMAND...: right, or no device, and a complaint then.
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
  expect "PoCL's folder is lacking" 0 "$right" -- env POCL_CACHE_DIR="$folder/fresh" "${run[@]}"
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
    skip "folders that may not be written" "root may write everywhere, and setpriv cannot become another user"
    return
  fi
  [ "$(id -u)" -eq 0 ] || user=()
  cp "$clattn" "$(ldd "$clattn" | sed -n 's/.*libclattn[^ ]* => \([^ ]*\).*/\1/p')" "$folder" # where anyone may read
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

# fills NAME PATTERN FILE -- COMMAND...: there is no room for FILE, and an old one is left as it was.
fills() {
  local name=$1 pattern=$2 file=$3
  shift 4
  mkdir -p "$(dirname "$file")"
  echo "what was there before" >"$file"
  [ ! -d "$disk" ] || cat /dev/zero >"$disk/rest" 2>/dev/null # which a full disk ends
  examine 2 "$pattern" "$@"
  [ "$(cat "$file")" = "what was there before" ] || see "the old file is not left as it was"
  [ -z "$(find "$(dirname "$file")" -name '*.part')" ] || see "a part file is left"
  [ ! -d "$disk" ] || rm "$disk/rest"
  judge "$name"
}

disk=$folder/disk
disks() {
  # The scores take 32 MiB; PoCL writes up to some MiB itself.
  local random=("$clattn" run --random --repeat 1 --check off --save "$folder/saved")
  expect "its kernels are built" 0 '^not checked' -- "${random[@]}"
  # shellcheck disable=SC2016 # the inner bash expands it
  fills "a limit: --save" 'File too large' "$folder/saved/scores.npy" -- \
    bash -c 'trap "" XFSZ; ulimit -f 8192; exec "$@"' - "${random[@]}"
  mkdir "$disk"
  if ! mount -t tmpfs -o size=64k none "$disk" 2>/dev/null; then
    skip "a full disk" "it takes root to mount a small one"
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
drivers | folders | disks | starts) "$2" ;;
*)
  echo "usage: $(basename "$0") PROGRAM drivers|folders|disks|starts" >&2
  exit 2
  ;;
esac
finish
