#!/usr/bin/env bash
# Runs the kernels for CPUs as PoCL compiles them for 64-bit ARM, under qemu-user: the results are checked, and PoCL's
# built-in functions must be part of the code, not calls.
#
# usage: test_pocl.sh FOLDER BUILD, the folder in which test_host.sh has built clattn for aarch64. Exits with 77
# (skipped), or CLATTN_SKIPPED, where there is none, or PoCL for ARM is not to be had.
set -euo pipefail
folder=$1 program=$2/build/clattn
here=$(cd "$(dirname "$0")" && pwd)
triple=aarch64-linux-gnu

skip() {
  echo "skipped: $1"
  exit "${CLATTN_SKIPPED:-77}"
}

[ -x "$program" ] || skip "the test arm-aarch64 has built nothing"
mkdir -p "$folder"
cd "$folder"
"$here/../fetch" arm64 root pocl-opencl-icd ocl-icd-libopencl1 libjansson4 libpopt0 >fetch.log 2>&1 || {
  cat fetch.log
  echo "skipped: apt-get finds no PoCL for arm64 (no network, or package sources without ARM)"
  exit 77 # also in CI: which architectures a mirror has is not ours to install
}

# The emulator shows the processor of this machine; PoCL looks there for NEON.
mkdir -p root/proc
printf 'processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n' >root/proc/cpuinfo
# PoCL calls a linker, which the emulator takes from this machine.
mkdir -p bin
cat >bin/ld <<TEXT
#!/bin/sh
exec $triple-ld -L "$(dirname "$($triple-gcc -print-libgcc-file-name)")" -L /usr/$triple/lib "\$@"
TEXT
chmod +x bin/ld
find "$PWD/root" -name 'libpocl.so.*' >pocl.icd
rm -rf cache
mkdir cache
libraries=$PWD/root/lib/$triple:$PWD/root/usr/lib/$triple:$PWD/root/usr/lib/llvm-15/lib

# passes KERNELS ARGUMENTS: `clattn run` takes these kernels by itself, and its results are right.
passes() {
  local kernel kernels=$1
  shift
  PATH=$PWD/bin:$PATH OCL_ICD_VENDORS=$PWD/pocl.icd POCL_CACHE_DIR=$PWD/cache qemu-aarch64 -L root \
    -E "LD_LIBRARY_PATH=$libraries" "$program" run --random --model-dim 64 --heads 2 --repeat 1 "$@" \
    >out 2>&1 || { cat out && exit 1; }
  for kernel in $kernels; do
    grep -q "^${kernel%=*}  *[0-9] ${kernel#*=} " out || { cat out && echo "FAIL: not with $kernel" && exit 1; }
  done
  echo "ok $kernels"
}
passes "project=panel fused=vector" --pipeline fused --tokens 70 --causal
# PoCL compiles each kernel once more for its self-test, which takes long under the emulator: one of them is
# enough. The same kernels from their folder have none.
CLATTN_KERNEL_DIR=$(cd "$here/../../kernels" && pwd)
export CLATTN_KERNEL_DIR
passes "project=panel scores=panel softmax=vector context=panel" --pipeline staged --tokens 70
passes "fused=stream" --pipeline fused --tokens 1 --key-tokens 300

# One may be called: PoCL rounds two floats to halves in a hundred integer instructions, where results are stored in f16.
calls=$(find cache -name '*.so' -exec $triple-objdump -d {} + | grep -E '\sbl\s.*_cl_(fma|v(load|store))' | grep -cv '_cl_vstore_half2_rte' || true)
[ "$calls" -eq 0 ] || { echo "FAIL: $calls calls of built-in functions that the compiler should have inlined" && exit 1; }
