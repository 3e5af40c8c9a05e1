#!/usr/bin/env bash
# What ./dev prints while it installs and builds: test_dev.sh. Nothing is installed or built:
# apt-get, cmake, ninja and the program are replaced by stand-ins.
set -u
here=$(cd "$(dirname "$0")" && pwd -P)
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
failed=0

mkdir "$folder/bin"
stand_in() { # NAME, with the script on standard input
  { echo '#!/bin/sh' && cat; } >"$folder/bin/$1"
  chmod +x "$folder/bin/$1"
}
stand_in dpkg-query <<<'exit 1'
stand_in id <<<'echo 0'
stand_in apt-get <<'TEXT'
case " $* " in
*" --print-uris "*) printf "'http://there/%s.deb' %s.deb %s SHA256:0\n" a a 61000000 b b 9400000 ;;
*" install "*) echo 'Unpacking everything' ;;
esac
TEXT
stand_in cmake <<'TEXT'
mkdir -p build && touch build/build.ninja && echo CLATTN_TESTS:BOOL=OFF >build/CMakeCache.txt
TEXT
stand_in ninja <<'TEXT'
echo "ninja: Entering directory \`build'"
echo "$(echo "$NINJA_STATUS" | sed 's/%f/0/; s/%t/2/')Re-checking globbed directories..."
[ ! -f build/clattn ] || { echo 'ninja: no work to do.'; exit 0; }
i=0
while [ $i -lt 40 ]; do i=$((i + 1)); echo "$(echo "$NINJA_STATUS" | sed "s/%f/$i/; s/%t/40/")Building C object"; done
[ ! -f broken ] || { echo 'x.c:1: error: no'; exit 1; }
printf '#!/bin/sh\necho "clattn $*"\n' >build/clattn && chmod +x build/clattn
TEXT

# said NAME FILE LINES: the file has exactly these lines.
said() {
  if diff "$2" <(printf '%s\n' "$3") >"$folder/diff"; then
    echo "ok   $1"
  else
    echo "FAIL $1: $(tr '\n' '|' <"$folder/diff")"
    failed=$((failed + 1))
  fi
}

cp "$here/../dev" "$folder/dev"
cd "$folder" || exit 2
PATH=$folder/bin:$PATH ./dev run --random >out 2>err
said "the first run: the program's output" out 'clattn run --random'
grep -v '^Installing gcc ' err | tr -d '\r' >rest
said "the first run: what is done" rest "Updating the list of packages
Unpacking everything
Configuring in build
Building 1 of 40
Building 10 of 40
Building 20 of 40
Building 30 of 40
Building 40 of 40"
sed -n 's/^Installing gcc .*: /: /p' err >rest
said "the first run: how much is fetched" rest ': 2 packages with what they need, 70 MB to fetch'

stand_in dpkg-query <<<'echo installed'
PATH=$folder/bin:$PATH ./dev run >out 2>err
said "when there is nothing to do" <(cat err; echo) ''

rm build/clattn
touch broken
PATH=$folder/bin:$PATH ./dev run >out 2>err
tail -n 2 err >rest
said "a build that fails" rest "40 40 Building C object
x.c:1: error: no"

rm -f build/clattn broken
PATH=$folder/bin:$PATH python3 "$here/terminal.py" '' ./dev run >out
tr '\r' '\n' <out | grep -a Building | sed -n '1p;$p' >rest
said "on a terminal each step is shown" rest "Building 1 of 40
Building 40 of 40"
tail -n 1 out | tr '\r' '\n' | tail -n 1 >rest
said "on a terminal one line, which goes" rest $'\033[Kclattn run'

# ---- tests that fail

stand_in ctest <<'TEXT'
echo "ctest $*" | sed 's/ -j [0-9]*//'
mkdir -p build/Testing/Temporary
printf '3:cache\n17:kernels-2\n' >build/Testing/Temporary/LastTestsFailed.log
exit 8
TEXT
PATH=$folder/bin:$PATH ./dev test >out 2>err
echo "exit code $?" >>out
said "the quick suite fails: what repeats it" out "ctest --test-dir build --output-on-failure -L ^quick$
To repeat what failed:
  ./dev test -R '^cache$'
  ./dev test -R '^kernels-2$'
exit code 8"
PATH=$folder/bin:$PATH ./dev test --all >out 2>err
head -n 1 out >rest
said "all tests" rest 'ctest --test-dir build --output-on-failure'
PATH=$folder/bin:$PATH ./dev test -R '^cache$' >out 2>err
head -n 1 out >rest
# shellcheck disable=SC2016
said "one test, of all" rest 'ctest --test-dir build --output-on-failure -R ^cache$'
PATH=$folder/bin:$PATH python3 "$here/terminal.py" '' ./dev test >out 2>err
grep -a '^ctest' out | tr -d '\r' >rest
said "on a terminal, ctest is asked for it" rest 'ctest --test-dir build --output-on-failure -L ^quick$ --progress'

[ $failed -eq 0 ]
