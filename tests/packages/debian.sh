#!/usr/bin/env bash
# Builds the Debian packages from a copy of the project's files and checks them with lintian. Then installs them, builds
# README.md's program against them through pkg-config and CMake, runs it and clattn, and removes them again: nothing may be
# left. The system stays as it is: this happens in a layer above its files (overlayfs), which needs root.
#
# usage: tests/packages/debian.sh [FOLDER]
#   FOLDER  of a clean Debian, such as mmdebstrap makes, to install into with what the packages need; may be slow, and
#           needs a network. Without it a layer above this system.
# Exits with 77 (skipped), or CLATTN_SKIPPED, where a tool is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
clean=${1:-}

for tool in dpkg-buildpackage dh lintian unshare; do
  if ! command -v $tool >/dev/null; then
    echo "skipped: $tool is not installed (Debian: dpkg-dev, debhelper, lintian, util-linux)"
    exit "${CLATTN_SKIPPED:-77}"
  fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Runs the rest and shows its output after a failure only.
quietly() { # NAME COMMAND...
  if ! "${@:2}" >"$work/log" 2>&1; then
    tail -n 100 "$work/log"
    echo "FAIL $1"
    exit 1
  fi
  echo "ok   $1"
}

version=$(sed -n 's/^#define CLATTN_VERSION "\(.*\)"/\1/p' "$project/host/include/clattn.h")
in_debian=$(dpkg-parsechangelog -l "$project/debian/changelog" -S Version)
in_port=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$project/packaging/vcpkg/clattn/vcpkg.json")
if [ "$in_debian" != "$version" ] || [ "$in_port" != "$version" ]; then
  echo "FAIL debian/changelog has version $in_debian and packaging/vcpkg/clattn/vcpkg.json $in_port;" \
    "that of host/include/clattn.h is $version"
  exit 1
fi
echo "ok   the version, in all places"

mkdir "$work/clattn"
(cd "$project" && git ls-files -z --cached --others --exclude-standard 2>/dev/null | while IFS= read -rd '' file; do
  [ ! -e "$file" ] || printf '%s\0' "$file"
done | tar -c --null -T - | tar -x -C "$work/clattn")
# The code is tested elsewhere, as users get it; here it saves a minute not to optimise it.
quietly "the packages are built" env -C "$work/clattn" DEB_BUILD_OPTIONS="noopt noautodbgsym parallel=$(nproc)" \
  DEB_CFLAGS_STRIP=-g dpkg-buildpackage -us -uc -b
rm -r "$work/clattn"
# clattn-access has a page in docs/, no manual page.
quietly "lintian has no complaint" lintian --allow-root --fail-on 'error,warning' --suppress-tags no-manual-page \
  "$work"/*.changes

if [ "$(id -u)" -ne 0 ] || ! unshare --mount true 2>/dev/null; then
  echo "skipped: installing needs root"
  exit "${CLATTN_SKIPPED:-77}"
fi
mkdir -p "$work/root" "$work/layer" "$work/try"
mv "$work"/*.deb "$work/try"
cp "$project"/tests/outside/{attend.c,attention.c,checked.c,decode.c,CMakeLists.txt} "$here/installed.sh" "$work/try"
[ -z "$clean" ] || clean=$(cd "$clean" && pwd)
# shellcheck disable=SC2016 # for the shell inside
inside='set -e
work=$0 below=${1:-/}
mount -t tmpfs none "$work/layer"
mkdir "$work/layer/upper" "$work/layer/work"
if ! mount -t overlay overlay -o "lowerdir=$below,upperdir=$work/layer/upper,workdir=$work/layer/work" "$work/root"; then
  echo "skipped: installing needs a file system that overlayfs can cover"
  exit 77 # also in CI: nothing that can be installed is missing
fi
for kind in proc sys dev; do mount --rbind "/$kind" "$work/root/$kind"; done
[ "$below" = / ] || cp /etc/resolv.conf "$work/root/etc/resolv.conf"
mkdir "$work/root/try"
cp -R "$work/try/." "$work/root/try"
chroot "$work/root" env -i PATH="$PATH" HOME=/try bash /try/installed.sh'
unshare --mount bash -c "$inside" "$work" "$clean"
