# shellcheck shell=bash
# The part of debian.sh that runs in a layer above a system, beside the packages: it may change what it likes there.
set -euo pipefail
cd /try
export DEBIAN_FRONTEND=noninteractive POCL_CACHE_DIR=/try/pocl CLATTN_TUNING_FILE='' CLATTN_PROGRAM_DIR=''
mkdir pocl

# All files but those in which dpkg and the loader keep records, and their caches.
all_files() {
  find /etc /usr /var -xdev ! -path '/var/lib/dpkg/*' ! -path '/var/cache/*' ! -path '/var/log/*' ! -path '/var/lib/apt/*' |
    LC_ALL=C sort
}

expect() { # NAME WANTED COMMAND...
  local output
  output=$("${@:3}" 2>&1) || { printf 'FAIL %s: %s\n' "$1" "$output" && exit 1; }
  [ "$output" = "$2" ] || { printf 'FAIL %s: %s\n' "$1" "$output" && exit 1; }
  echo "ok   $1"
}

packages=(libclattn0.2 libclattn-dev clattn clattn-doc)
if ! command -v cmake >/dev/null; then # a clean system
  apt-get -qq update
  apt-get -qq install --no-install-recommends cmake gcc libc6-dev ninja-build pkg-config pocl-opencl-icd >/dev/null
  apt-get -qq install --no-install-recommends --download-only ./*.deb >/dev/null
  # What they need may stay; it is no part of the packages.
  mapfile -t needed < <(apt-get -s install --no-install-recommends ./*.deb | awk '/^Inst/ { print $2 }' | grep -v clattn)
  [ ${#needed[@]} -eq 0 ] || apt-get -qq install --no-install-recommends "${needed[@]}" >/dev/null
fi
all_files >before
dpkg -i ./*.deb >log 2>&1 || { cat log && exit 1; }
echo "ok   the packages are installed"

context=$'1.000000 0.000000\n0.195570 1.608859\n0.751745 1.000000'
read -ra flags < <(pkg-config --cflags --libs clattn)
cc attend.c "${flags[@]}" -o attend
expect "README.md's program, pkg-config" "$context" ./attend
{ cmake -S . -B built -G Ninja && cmake --build built; } >log || { cat log && exit 1; }
expect "README.md's program, CMake" "$context" built/outside_attend
expect "the static library" $'0.802224 0.796664\n0.554192 1.337425\n0.751745 1.000000' built/outside_static
clattn run >log
expect "clattn run" "passed: all 3 rows were checked" tail -n 1 log
for package in *.deb; do dpkg-deb -c "$package"; done >log # this system may leave out documentation
for file in man/man1/clattn.1.gz bash-completion/completions/clattn zsh/vendor-completions/_clattn \
  fish/vendor_completions.d/clattn.fish doc/clattn/README.md doc/clattn/kernels/README.md doc/libclattn0.2/copyright; do
  grep -q " ./usr/share/$file\$" log || { echo "FAIL /usr/share/$file is in no package" && exit 1; }
done
echo "ok   the manual page, the completions and the pages"

dpkg --purge "${packages[@]}" >log 2>&1 || { cat log && exit 1; }
all_files >after
diff before after || { echo "FAIL the packages leave files" && exit 1; }
echo "ok   they leave nothing"
