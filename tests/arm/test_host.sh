#!/usr/bin/env bash
# Builds all of clattn for ARM, with warnings as errors, and runs the tests that need no device, under qemu-user.
#
# usage: test_host.sh aarch64|armv7 FOLDER; libraries and build stay in the folder. Exits with 77 (skipped), or
# CLATTN_SKIPPED, where a tool or the libraries are missing.
set -euo pipefail
machine=$1 folder=$2
here=$(cd "$(dirname "$0")" && pwd)

skip() {
  echo "skipped: $1"
  exit "${CLATTN_SKIPPED:-77}"
}

case $machine in
aarch64) debian=arm64 triple=aarch64-linux-gnu emulator=qemu-aarch64 ;;
armv7) debian=armhf triple=arm-linux-gnueabihf emulator=qemu-arm ;;
*) echo "test_host.sh: '$machine' (allowed: aarch64, armv7)" >&2 && exit 2 ;;
esac
for tool in $triple-gcc $emulator; do
  command -v "$tool" >/dev/null || skip "$tool is not installed (Debian: gcc-$triple, libc6-dev-$debian-cross, qemu-user)"
done
for tool in apt-get dpkg-deb; do
  command -v $tool >/dev/null || skip "$tool, which fetches the libraries for $machine, is not installed"
done
mkdir -p "$folder"
packages=(libjansson-dev libpopt-dev libcmocka-dev ocl-icd-opencl-dev)
"$here/../fetch" "$debian" "$folder/root" "${packages[@]}" >"$folder/fetch.log" 2>&1 || {
  cat "$folder/fetch.log"
  echo "skipped: apt-get finds no libraries for $debian (no network, or package sources without ARM)"
  exit 77 # also in CI: which architectures a mirror has is not ours to install
}

cd "$folder"
cmake -S "$here/../.." -B build -G Ninja -DCMAKE_TOOLCHAIN_FILE="$here/$machine.cmake" -DCLATTN_ARM_ROOT="$folder/root" \
  -DCLATTN_TESTS=ON -DCLATTN_WERROR=ON -DCLATTN_CLBLAST=OFF >configure.log 2>&1 || { cat configure.log && exit 1; }
cmake --build build --parallel 1 >build.log 2>&1 || { tail -n 100 build.log && exit 1; }
# The calibration of the bounds takes minutes when emulated: run it by hand, without -E.
ctest --test-dir build --output-on-failure -L '^host$' -E '^calibration'
