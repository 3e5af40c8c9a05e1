"""Which vectors the engines may use: the processor's, or only those of AVX2."""
import pathlib
import platform
import re

SETTINGS = ("native", "avx2")
# Each library has its own switch. MKL is inside of PyTorch; OpenVINO has kernels of its own and oneDNN's.
AVX2_ONLY = {
    "POCL_KERNELLIB_NAME": "avx2",
    "OPENBLAS_CORETYPE": "Haswell",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "DNNL_MAX_CPU_ISA": "AVX2",  # its name in old versions
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OV_CPU_MAX_ISA": "AVX2",
}
NEVER = "(?!)"  # a pattern that nothing contains
# What an engine says of itself when it is held: a pattern that its greeting and way must contain,
# and one that they must not. ONNX Runtime has no switch for its products (MLAS), which OpenVINO
# uses for matrices that stay.
HELD = {
    "clattn": (r"\b8 lanes", NEVER),
    "clblast": (r"\b8 lanes", NEVER),
    "clblast-tuned": (r"\b8 lanes", NEVER),
    "onednn": ("cpu_isa_avx2$", NEVER),
    "onednn-kept": ("cpu_isa_avx2$", NEVER),
    "openblas": ("kernels for Haswell", NEVER),
    "torch": ("AVX2$", NEVER),
    "openvino": ("jit_avx2", "mlas|avx512"),
}


class Refused(Exception):
    """The setting is impossible here; the text says why."""


def vectors(cpuinfo=pathlib.Path("/proc/cpuinfo")):
    """AVX-512, AVX2, or the machine's name."""
    flags = cpuinfo.read_text(encoding="utf-8").split() if cpuinfo.exists() else []
    for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")):
        if flag in flags:
            return name
    return platform.machine()


class Processor:
    """The setting on this machine. `name` says which vectors the engines use; `kind` selects the targets."""

    def __init__(self, setting):
        own = vectors()
        if setting == "avx2" and own not in ("AVX-512", "AVX2"):
            raise Refused(f"--processor avx2: this processor has no AVX2, it is {own} (allowed: native)")
        self.holds = setting == "avx2" and own == "AVX-512"
        self.environment = AVX2_ONLY if self.holds else {}
        self.name = "AVX-512 held to AVX2" if self.holds else own
        self.kind = "AVX2" if self.holds else own

    def is_held(self, engine, greeting, how):
        """Whether the engine has only the vectors of the setting."""
        if not self.holds:
            return True
        wanted, other = HELD.get(engine, (NEVER, NEVER))
        said = (greeting, how)
        return any(re.search(wanted, text) for text in said) and not any(re.search(other, text) for text in said)
