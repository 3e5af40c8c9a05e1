#!/usr/bin/env bash
# Installs into a folder of its own and builds programs outside the project against it: through CMake and through
# pkg-config, each shared and static; then runs them. One is README.md's, word for word; one in C++ projects, plans, runs
# and checks. Another project builds clattn's sources with its own. The examples are built from where they are installed,
# and run. clattn-access, the licence, the pages, the manual page and the completions are installed, too.
#
# usage: test_install.sh BUILD_FOLDER CMAKE
set -euo pipefail
build=$1 cmake=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0

check() { # NAME PROGRAM [OUTPUT]
  local output wanted=${3:-$'0.802224 0.796664\n0.554192 1.337425\n0.751745 1.000000'}
  output=$("$2")
  if [ "$output" != "$wanted" ]; then
    printf 'FAIL %s: %s\n' "$1" "$output"
    exit 1
  fi
  echo "ok   $1"
  passed=$((passed + 1))
}

"$cmake" --install "$build" --prefix "$work/usr" >/dev/null
libdir=$(dirname "$(find "$work/usr" -name clattn.pc | head -n 1)")
libdir=${libdir%/pkgconfig}

# What a page shows is what is tested.
# shellcheck disable=SC2016 # the backquotes are the page's
if ! diff <(awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$here/../README.md") \
  <(tail -n +2 "$here/outside/attend.c"); then
  echo "FAIL the program in README.md differs from tests/outside/attend.c"
  exit 1
fi
echo "ok   the program in README.md is the tested one"
passed=$((passed + 1))

"$cmake" -G Ninja -S "$here/outside" -B "$work/outside" -DCMAKE_PREFIX_PATH="$work/usr" >/dev/null
"$cmake" --build "$work/outside" >/dev/null
check "CMake, shared" "$work/outside/outside_shared"
check "CMake, static" "$work/outside/outside_static"
check "a run that is checked" "$work/outside/outside_checked"
token_by_token=$'1.000000 0.000000\n0.195570 1.608859\n0.751745 1.000000'
check "decoding with a cache" "$work/outside/outside_decode" "$token_by_token"
check "the smallest program" "$work/outside/outside_attend" "$token_by_token"

# The sources within another project, which nothing of clattn's may change.
for by in subdirectory fetch; do
  "$cmake" -G Ninja -S "$here/outside/within" -B "$work/within" -DCLATTN_SOURCE="$here/.." -DCLATTN_BY=$by \
    -DCMAKE_BUILD_TYPE=Debug >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
done
"$cmake" --build "$work/within" >"$work/log" || { cat "$work/log" && exit 1; }
check "FetchContent, shared" "$work/within/within_shared"
check "FetchContent, static" "$work/within/within_static"
"$cmake" --install "$work/within" --prefix "$work/within/usr" >/dev/null
if [ "$(cd "$work/within/usr" && find . -type f)" != ./bin/within_shared ]; then
  find "$work/within/usr" -type f && echo "FAIL a project around clattn installs clattn, too"
  exit 1
fi
echo "ok   a project around clattn installs its own files only"
passed=$((passed + 1))

export PKG_CONFIG_PATH=$libdir/pkgconfig
read -ra flags < <(pkg-config --cflags --libs clattn)
cc -std=c11 "$here/outside/attention.c" "${flags[@]}" -Wl,-rpath,"$libdir" -o "$work/pkgconfig_shared"
check "pkg-config, shared" "$work/pkgconfig_shared"
read -ra flags < <(pkg-config --static --cflags --libs clattn)
flags=("${flags[@]/#-lclattn/$libdir/libclattn.a}")
cc -std=c11 "$here/outside/attention.c" "${flags[@]}" -o "$work/pkgconfig_static"
check "pkg-config, static" "$work/pkgconfig_static"

# Programs that were built with the headers of an earlier version run with today's library, whose
# structs may be longer.
read -ra libraries < <(pkg-config --libs clattn)
for version in "$here"/outside/*.*.*; do
  for program in attention checked decode; do
    cc -std=c11 -I "$version" "$here/outside/$program.c" "${libraries[@]}" -Wl,-rpath,"$libdir" -o "$work/earlier"
    output=$("$work/earlier") || exit 1
    echo "ok   $program, built with the headers of ${version##*/}: ${output%%$'\n'*}"
    passed=$((passed + 1))
  done
done

# The headers, and a program that uses them, compile without warnings: in C and in every C++
# standard since 2011.
warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
strict() { # NAME COMPILER STANDARD PROGRAM [OUTPUT]
  if ! command -v "$2" >/dev/null; then
    echo "skip $1: there is no $2"
    return
  fi
  "$2" -std="$3" "${warnings[@]}" "$here/outside/$4" "${flags[@]}" -Wl,-rpath,"$libdir" -o "$work/strict"
  check "$1" "$work/strict" "${@:5}"
}
read -ra flags < <(pkg-config --cflags --libs clattn)
for compiler in gcc clang; do strict "no warning: $compiler, C11" $compiler c11 attention.c; done
for compiler in gcc clang; do strict "no warning: $compiler, smallest" $compiler c11 attend.c "$token_by_token"; done
for compiler in g++ clang++; do
  for standard in 11 14 17 20; do strict "no warning: $compiler, C++$standard" $compiler c++$standard attention.cpp; done
done

# The examples, copied as a user would: all through CMake, and each by the command in its first lines. They compare their
# results themselves. Without a device they say so.
cp -R "$work/usr/share/doc/clattn/examples" "$work/examples"
"$cmake" -G Ninja -S "$work/examples" -B "$work/examples/built" -DCMAKE_PREFIX_PATH="$work/usr" \
  -DCMAKE_C_FLAGS="${warnings[*]}" >/dev/null
"$cmake" --build "$work/examples/built" >"$work/table" || { cat "$work/table"; exit 1; }
example() { # NAME CODE PATTERN COMMAND...: the program ends with this code, and its last line matches
  local code=0
  "${@:4}" >"$work/table" 2>&1 || code=$?
  if [ "$code" != "$2" ] || ! tail -n 1 "$work/table" | grep -q "$3"; then
    printf 'FAIL %s: exit code %s (expected: %s, and a last line with "%s")\n' "$1" "$code" "$2" "$3"
    cat "$work/table"
    exit 1
  fi
  echo "ok   $1"
  passed=$((passed + 1))
}
for source in "$work"/examples/*.c; do
  name=$(basename "$source" .c)
  (cd "$work/examples" && eval "$(sed -n 's/^ \*  *\(cc .*\)/\1/p' "$source")")
  right=' 0 of [0-9]* elements are wrong$'
  if [ "$name" = cross_attention ]; then right='of the bound: ok$'; fi
  example "example $name, CMake" 0 "$right" "$work/examples/built/$name"
  example "example $name, pkg-config" 0 "$right" env LD_LIBRARY_PATH="$libdir" "$work/examples/$name"
  example "example $name without a device" 1 "^$name: " \
    env -u OCL_ICD_FILENAMES OCL_ICD_VENDORS="$work/no-vendors/" "$work/examples/built/$name"
done

"$work/usr/bin/clattn" run >/dev/null
echo "ok   the installed program runs"
passed=$((passed + 1))
if [ -x "$build/clattn-access" ]; then
  "$work/usr/bin/clattn-access" scores=1 >"$work/table"
  grep -q '^the results are right$' "$work/table"
  echo "ok   the installed clattn-access runs"
  passed=$((passed + 1))
fi
for page in LICENSE README.md docs/class.md kernels/README.md kernels/common/attention.h; do
  cmp -s "$here/../$page" "$work/usr/share/doc/clattn/$page" || { echo "FAIL share/doc/clattn/$page is not there"; exit 1; }
done
echo "ok   the licence, the pages and the kernels"
passed=$((passed + 1))
if [ -e "$build/cmake/manual/clattn.1" ]; then
  share=$work/usr/share
  while read -r from to; do
    cmp "$build/cmake/manual/$from" "$share/$to" || { echo "FAIL share/$to is not what was made"; exit 1; }
    echo "$share/$to"
  done >"$work/wanted" <<'TEXT'
bash/clattn bash-completion/completions/clattn
fish/clattn.fish fish/vendor_completions.d/clattn.fish
clattn.1 man/man1/clattn.1
zsh/_clattn zsh/site-functions/_clattn
TEXT
  find "$work/usr" -type f ! -path '*/doc/*' \( -name 'clattn.1*' -o -name _clattn -o -name clattn.fish -o \
    -name '*.py' -o -path '*/share/*' \) | LC_ALL=C sort >"$work/found"
  diff "$work/wanted" "$work/found" || { echo "FAIL other files are installed in share"; exit 1; }
  echo "ok   the manual page and the completions, each in one place"
  passed=$((passed + 1))
else
  echo "skip the manual page and the completions: they were not made"
fi
mkdir "$work/report"
(cd "$work" && PATH="$work/usr/bin:$PATH" usr/share/doc/clattn/bench/gpu --minutes 0.2 --output report) >"$work/table"
grep -q '"format": "clattn gpu report 1"' "$work"/report/*.json
[ ! -e "$work/usr/share/doc/clattn/bench/__pycache__" ]
echo "ok   the installed bench/gpu reports on the installed program"
passed=$((passed + 1))
echo "$passed passed, 0 failed"
