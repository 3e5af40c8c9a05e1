#!/usr/bin/env bash
# Makes the wheel as it would be published, installs it into an empty environment, and runs the tests of the Python
# package there.
#
# usage: run.sh BUILD_FOLDER [ARGUMENTS OF PYTEST...]
#
# Exits with 77 (skipped), or CLATTN_SKIPPED, where Python, its headers or packages are missing.
set -euo pipefail
build=$(cd "$1" && pwd)
shift
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() {
  echo "skipped: $1" >&2
  exit "${CLATTN_SKIPPED:-77}"
}

command -v python3 >/dev/null || skip "python3 is not installed (Debian: python3)"
python3 -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
  skip "Python.h is missing (Debian: python3-dev)"
for name in wheel python notebook transformers model torch; do bash "$here/../peers/venv.sh" "$name" "$build/peers/$name"; done

# The wheel, and the same with the libraries that it needs: OpenCL's loader and jansson.
"$build/peers/wheel/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
  --config-settings=build-dir="$build/peers/wheel-build" --wheel-dir "$work/plain" "$source"
PATH=$build/peers/wheel/bin:$PATH "$build/peers/wheel/bin/python" -m auditwheel repair --wheel-dir "$work/wheel" \
  "$work"/plain/*.whl >"$work/auditwheel.log" 2>&1 || { cat "$work/auditwheel.log" && exit 1; }
wheel=$(echo "$work"/wheel/*.whl)
case $wheel in
*/clattn-*-cp39-abi3-manylinux_*.whl) echo "ok   wheel $(basename "$wheel"), $(stat -c %s "$wheel") bytes" ;;
*) echo "FAIL wheel: $wheel should be for the limited API and manylinux" && exit 1 ;;
esac

python3 -m venv "$work/empty"
"$work/empty/bin/python" -m pip install --quiet --disable-pip-version-check --retries 2 "$wheel" ||
  skip "pip cannot install what the wheel needs (no network)"
cd "$work"
"$work/empty/bin/python" -c 'import clattn; print("ok   clattn", clattn.__version__, "with", clattn.devices())'

# pytest, ml_dtypes, pyopencl, nbclient, matplotlib, transformers, a trained model and torch come from their environments, which are kept.
sites=$("$work/empty/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
for name in python notebook transformers model torch; do
  "$build/peers/$name/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))'
done >"$sites/tests.pth"
exec "$work/empty/bin/python" -B -m pytest -p no:cacheprovider -q "$source/tests/python" "$@"
