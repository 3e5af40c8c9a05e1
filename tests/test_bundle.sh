#!/usr/bin/env bash
# Unpacks the archive of ./dev bundle in an empty root folder that has only a static busybox, as a
# user without rights and without a network. What runs there needs nothing from the machine. If
# neither root nor a user namespace is available, the test uses an empty environment instead, which
# shows less, and says so.
#
# usage: test_bundle.sh PROGRAM BUILD_FOLDER; exits with 77 (skipped), or CLATTN_SKIPPED, if dpkg or
# busybox-static is missing.
busybox=$(command -v busybox)
if ! command -v dpkg-query >/dev/null || [ -z "$busybox" ] || ldd "$busybox" >/dev/null 2>&1; then
  echo "skipped: needs Debian with busybox-static"
  exit "${CLATTN_SKIPPED:-77}"
fi
export TMPDIR=$PWD # needs a gigabyte for a while
# shellcheck source=tests/program_helpers.sh
. "$(dirname "$0")/program_helpers.sh"
build=$2
root=$folder/root
shared="$root/srv/shared folder"
make=$here/../cmake/bundle/make

expect "a bundle is made" 0 ': .*, unpacked .*M$' -- "$make" "$build" "$folder/bundle.tar"
mkdir -p "$shared" "$root"/{bin,dev,etc/OpenCL/vendors,home/student,proc,sys,tmp}
tar -C "$shared" -xf "$folder/bundle.tar" || exit 1
rm "$folder/bundle.tar"
name=$(ls "$shared")
expect "it holds no links" 0 '' -- test -z "$(find "$shared" -type l)"
expect "each library comes with a licence" 0 'libpocl2 .*source pocl ' -- cat "$shared/$name/licences/README.txt"

# ---- on an empty machine

for word in sh env readlink mkdir ln ls; do ln -s busybox "$root/bin/$word"; done
cp "$busybox" "$root/bin/busybox"
touch "$root/dev/null"
chmod 1777 "$root/home/student"
# Missing drivers and a second PoCL on the system must not disturb the bundle.
echo libgone.so.1 >"$root/etc/OpenCL/vendors/gone.icd"
echo libpocl.so.99 >"$root/etc/OpenCL/vendors/pocl.icd"

# shellcheck disable=SC2016 # for the shell inside
kernel='for kind in proc sys dev/null; do mount --rbind "/$kind" "$0/$kind" || exit 99; done; exec "$@"'
inside=()
if [ "$(id -u)" -eq 0 ] && unshare --mount --net true 2>/dev/null; then
  inside=(unshare --mount --net bash -c "$kernel" "$root" chroot --userspec=65534:65534 "$root")
elif unshare --map-root-user --mount --net true 2>/dev/null; then
  inside=(unshare --map-root-user --mount --net bash -c "$kernel" "$root" chroot "$root")
fi
if [ ${#inside[@]} -gt 0 ]; then
  top='' path=/bin
else
  skip "an empty root" "needs root or a user namespace"
  top=$root path=$PATH
fi
home=$top/home/student
program="$top/srv/shared folder/$name/clattn"
student=("${inside[@]}" env -i PATH="$path" HOME="$home")

words='^man +0\.248255 +0\.248255 +0\.503490
^context from x .* ok$
^passed: all 3 rows were checked'
expect "the first run, in a folder with a space" 0 "$words" -- "${student[@]}" "$program" run
expect "what was compiled is kept at home" 0 '\.so$' -- find "$root/home/student/.cache/pocl" -name 'softmax.so'
expect "the second" 0 "$words" -- "${student[@]}" "$program" run
expect "PoCL is the only device" 0 '^\[0\] .*
platform +\[0\] Portable Computing Language' -- "${student[@]}" "$program" devices
expect "and no other" 1 '' -- grep -q '^\[1\]' "$folder/out"
expect "what START.txt begins with" 0 '^checked: ' -- "${student[@]}" "$program" explain please-study-man
ln -s "$program" "$root/home/student/attention"
expect "through a symbolic link, with half floats" 0 '^passed: ' -- "${student[@]}" "$home/attention" run --random \
  --tokens 16 --model-dim 32 --heads 2 --type f16 --pipeline fused
expect "its kernels, from the folder" 0 '^softmax +1 naive
^passed: ' -- "${student[@]}" CLATTN_KERNEL_DIR="${program%/*}/kernels" "$program" run --kernel softmax=naive
expect "nothing is written into it" 0 '' -- test -z "$(find "$shared" -newer "$root/bin/busybox")"

# ---- wrong use

refuse "no folder for compiled kernels" 2 "cannot be kept in '/proc/.cache'" -- \
  "${student[@]}" HOME=/proc "$program" run
refuse "another C library" 2 "unknown CLATTN_LIBC 'newest' \(allowed: bundle, system\)" -- \
  "${student[@]}" CLATTN_LIBC=newest "$program" run
mkdir "$shared/a:b"
cp "$shared/$name/clattn" "$shared/a:b"
refuse "a folder with a colon" 2 "no ':' and no ';' may be in its path" -- \
  "${student[@]}" "${program%/*/*}/a:b/clattn" run
expect "make: another kind of file" 2 "must end in .tar.gz, .tar.xz or .tar" -- "$make" "$build" "$folder/bundle.zip"
expect "make: no such folder" 2 "there is no folder" -- "$make" "$build" "$folder/none/bundle.tar"
expect "make: no build" 2 "holds no built clattn" -- "$make" "$folder" "$folder/bundle.tar"
expect "make: too many words" 2 "3 arguments" -- "$make" "$build" "$folder/bundle.tar" more

# ---- with one of the machine's own drivers

if [ -e /etc/OpenCL/vendors/rusticl.icd ]; then
  own=(env -u OCL_ICD_VENDORS HOME="$folder/home" XDG_CACHE_HOME="$folder/cache" RUSTICL_ENABLE=llvmpipe)
  for libc in bundle system; do
    expect "PoCL beside the machine's driver, C library of the $libc" 0 'Portable Computing Language$
rusticl$' -- "${own[@]}" CLATTN_LIBC=$libc "$shared/$name/clattn" devices
  done
else
  skip "PoCL beside the machine's driver" "not installed (Debian: mesa-opencl-icd)"
fi
finish
