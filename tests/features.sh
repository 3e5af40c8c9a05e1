# shellcheck shell=bash
# Options of `clattn run` that cover every feature of the kernels, for scripts that test an OpenCL
# implementation. Source it with $work set to a folder for files. Sets `features`, for the sizes in
# `feature_shape`.

python3 - "${work:?}" <<'PYTHON'
import struct
import sys


def write(name, kind, shape, data):
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    with open("%s/%s.npy" % (sys.argv[1], name), "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)


write("mask", "|b1", (19, 19), bytes(int(i != 7 and (3 * i + j) % 4 != 0) for i in range(19) for j in range(19)))
write("bias", "<f4", (2, 1, 19), struct.pack("<38f", *(float("-inf") if i % 5 == 0 else 0.1 * i for i in range(38))))
write("sinks", "<f4", (2,), struct.pack("<2f", 0.5, -1.0))
PYTHON

# shellcheck disable=SC2034 # for the script that sources this
feature_shape=(--random --tokens 19 --model-dim 18 --heads 2 --head-dim 16 --value-dim 5)
# shellcheck disable=SC2034
features=(
  "--batch 2 --kv-heads 1 --causal --align bottom-right --key-tokens 23 --kv-model-dim 7 --context-order heads"
  "--batch 2 --softcap 2 --window-left 5 --window-right 3 --alibi auto --sinks $work/sinks.npy --mask $work/mask.npy"
  "--batch 2 --mask $work/bias.npy --key-lengths 19,4 --type f16 --output-dim 9 --rotary halves"
  "--query-offsets 0,3,3,19 --causal --kv-heads 1 --positions sinusoidal --layout xwt --type bf16"
  "--batch 2 --causal --rotary interleaved --cache-capacity 40 --past-tokens 11"
  "--batch 2 --causal --cache-capacity 40 --past-tokens 11 --cache-page-len 3 --cache-type i8-token --kv-heads 1"
  "--cache-capacity 40 --past-tokens 11 --cache-page-len 4 --cache-type f16 --window-left 6"
)
