#!/usr/bin/env bash
# Compiles the library and the program for macOS as far as that goes without Apple's headers and libraries: clang takes the
# parts that are for macOS, and musl's headers declare what C and POSIX have, and nothing of Linux. Nothing is linked or run.
#
# usage: macos.sh; exits with 77 (skipped), or CLATTN_SKIPPED, where a tool is missing.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
libc=/usr/include/$(uname -m)-linux-musl

if ! command -v clang >/dev/null || [ ! -d "$libc" ] || [ ! -e /usr/include/CL/cl.h ]; then
  echo "skipped: clang, musl's headers or OpenCL's are not installed (Debian: clang, musl-dev, opencl-headers)"
  exit "${CLATTN_SKIPPED:-77}"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/OpenCL"
echo '#include <CL/cl.h>' >"$work/OpenCL/opencl.h"
cp -R /usr/include/CL /usr/include/popt.h "$work"
find /usr/include -name 'jansson*.h' -exec cp {} "$work" ';'

mapfile -t warnings < <(grep -o -m 1 -e '-Wall .*-Wno-sign-conversion' <(tr -s ' \n' ' ' <"$project/CMakeLists.txt") | tr ' ' '\n')
[ ${#warnings[@]} -gt 5 ] || { echo "FAIL CMakeLists.txt has no list of warnings" && exit 1; }
cd "$project"
# The recorder is for Linux only.
find host -name '*.c' ! -path 'host/recorder/*' ! -path 'host/cli/access/*' >"$work/files"
xargs -P "$(nproc)" -n 8 clang "--target=$(uname -m)-apple-macos13" -std=c11 "${warnings[@]}" -Werror -fsyntax-only \
  -nostdlibinc -isystem "$work" -isystem "$libc" -DCL_TARGET_OPENCL_VERSION=120 -I host -I host/include <"$work/files"
echo "ok   $(wc -l <"$work/files") files compile"
