#!/usr/bin/env bash
# Builds clattn for Windows with MinGW, warnings as errors, and compares what its DLL exports with the list. Where Wine is
# installed, runs the program, the tests that need no device and, if Wine finds an OpenCL driver of this system, attention.
#
# usage: [CLATTN_WINE=PROGRAM] windows.sh FOLDER; libraries and build stay in the folder. An empty CLATTN_WINE means no Wine.
# Exits with 77 (skipped), or CLATTN_SKIPPED, where a
# tool or the libraries are missing.
set -euo pipefail
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)

for tool in x86_64-w64-mingw32-gcc apt-get; do
  if ! command -v $tool >/dev/null; then
    echo "skipped: $tool is not installed (Debian: gcc-mingw-w64-x86-64-win32)"
    exit "${CLATTN_SKIPPED:-77}"
  fi
done
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
wine=${CLATTN_WINE-$(command -v wine64 wine64-stable wine /usr/lib/wine/wine64 | head -n 1 || true)}

# With Wine the tests, too, and the code that users get. Without it only what compiles: unoptimised code saves a minute.
if [ -n "$wine" ]; then kind=Release tests=ON more=(cmocka); else kind=Debug tests=OFF more=(); fi
code=0
"$project/cmake/mingw/libraries" "$folder/root" "${more[@]}" >"$folder/libraries.log" 2>&1 || code=$?
if [ $code != 0 ]; then
  tail -n 50 "$folder/libraries.log"
  [ $code != 3 ] || { echo "skipped: no sources of the libraries" && exit 77; } # also in CI: mirrors are not ours
  echo "FAIL the libraries cannot be built"
  exit 1
fi
cmake -S "$project" -B "$folder/build" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$project/cmake/mingw/toolchain.cmake" \
  -DCLATTN_MINGW_ROOT="$folder/root" -DCMAKE_BUILD_TYPE=$kind -DCMAKE_C_FLAGS_DEBUG=-O0 -DCLATTN_TESTS=$tests -DCLATTN_WERROR=ON \
  >"$folder/configure.log" 2>&1 || { cat "$folder/configure.log" && exit 1; }
cmake --build "$folder/build" --parallel "$(nproc)" >"$folder/build.log" 2>&1 || { tail -n 100 "$folder/build.log" && exit 1; }
echo "ok   the library and the program are built"

x86_64-w64-mingw32-objdump -p "$folder/build/libclattn.dll" |
  sed -n '/Ordinal\/Name Pointer/,/^$/s/.*\(clattn_[a-z_0-9]*\)$/\1/p' >"$folder/exported"
diff "$project/host/include/exported.txt" "$folder/exported" || { echo "FAIL the DLL exports other functions" && exit 1; }
echo "ok   the DLL exports what the list names"
needed=$(x86_64-w64-mingw32-objdump -p "$folder/build/clattn.exe" "$folder/build/libclattn.dll" |
  sed -n 's/.*DLL Name: //p' | sort -u | tr '\n' ' ')
[ "$needed" = "KERNEL32.dll OpenCL.dll libclattn.dll msvcrt.dll " ] || { echo "FAIL other libraries are needed: $needed" && exit 1; }
echo "ok   nothing else is needed than Windows and an OpenCL driver"

cmake --install "$folder/build" --prefix "$folder/usr" >/dev/null
ls "$folder"/usr/bin/{clattn.exe,libclattn.dll} "$folder"/usr/lib/libclattn.{a,dll.a} >/dev/null
echo "ok   program and DLL are installed in one folder, where Windows searches"

if [ -z "$wine" ]; then
  echo "skip running it: Wine is not installed (Debian: wine64)"
  exit 0
fi
export WINEPREFIX=$folder/wine WINEDEBUG=-all WINEPATH="Z:${folder//\//\\}\\root\\bin" CLATTN_TUNING_FILE='' CLATTN_PROGRAM_DIR=''
mkdir -p "$WINEPREFIX"
cd "$folder"
expect() { # NAME CODE PATTERN ARGUMENTS...
  local code=0
  timeout 300 "$wine" usr/bin/clattn.exe "${@:4}" >output 2>&1 </dev/null || code=$?
  if [ $code != "$2" ] || ! grep -q -e "$3" output; then
    echo "FAIL $1: exit code $code instead of $2, or nothing matches '$3'" && head -c 2000 output && exit 1
  fi
  echo "ok   $1"
}
expect "help" 0 'PATH.safetensors:TENSOR' help run
expect "a wrong option" 2 "unknown command 'ru'" ru
expect "an input that is not there" 2 'no\.npy: cannot be opened' run --q no.npy --k no.npy --v no.npy
if timeout 100 "$wine" usr/bin/clattn.exe devices >output 2>&1 </dev/null && grep -q '^\[0\]' output; then
  expect "an example" 0 '^passed: all 3 rows were checked' run
  expect "the fused pipeline" 0 '^passed: ' run --random --tokens 64 --heads 2 --model-dim 64 --causal
else
  echo "skip a run: Wine finds no OpenCL driver"
fi
ctest --test-dir build --output-on-failure -L '^host$' -E '^(calibration.*|pointers|docs|bench)$'
