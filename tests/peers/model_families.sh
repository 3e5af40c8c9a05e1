#!/usr/bin/env bash
# Runs model_families.py where there are torch and transformers: model_families.sh BUILD PROGRAM [FAMILY...]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peers=$(cd "$1" && pwd)/peers
shift
for name in torch transformers; do bash "$here/venv.sh" "$name" "$peers/$name"; done
PYTHONPATH=$("$peers/torch/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
export PYTHONPATH
exec "$peers/transformers/bin/python" "$here/model_families.py" "$@"
