"""AMD's GPUs: clang, which is also in AMD's drivers, with AMD's libraries for OpenCL's functions."""
import dataclasses
import math
import re

import figures
import tools

PACKAGES = ("rocm-device-libs=5.2.3-2",)
VERSIONS = "clang 19.1.7, ROCm's device libraries 5.2.3"


@dataclasses.dataclass(frozen=True)
class Target:
    lanes: int  # of a wave
    isa: str  # of the device libraries


# The libraries are older than gfx942, gfx1100 and gfx1200, for which they do the same as for gfx90a and gfx1030.
TARGETS = {"gfx906": Target(64, "906"), "gfx908": Target(64, "908"), "gfx90a": Target(64, "90a"),
           "gfx942": Target(64, "90a"), "gfx1030": Target(32, "1030"), "gfx1100": Target(32, "1030"),
           "gfx1200": Target(32, "1030")}

LABEL = re.compile(r"^(\.LBB\w+):")
BRANCH = re.compile(r"^\s+s_c?branch\w*\s+(\.LBB\w+)")
JUMP = re.compile(r"^\s+s_(?:branch|endpgm|setpc)")
INSTRUCTION = re.compile(r"^\s+([a-z]\w+)")
MULTIPLY_ADD = re.compile(r"\bv_(?:dual_)?(?:fma(?:c|mk|ak)?|mad|mac)_f32")
PACKED = re.compile(r"\bv_pk_fma_f32")
HALVES = re.compile(r"\bv_pk_(?:fma|mul)_f16")  # a product is the first of a sum
EXPS = re.compile(r"^v_(?:exp|log|rcp|rsq|sqrt|sin|cos)_f32")
MATRIX_PRODUCTS = 16 * 16 * 16  # rows, columns, depth
LOCAL_WRITE = re.compile(r"^ds_(?:write|store)(2|_2addr)?(?:st64)?_\w*?(\d+)(?:_d16_hi)?$")
LOCAL_READ = re.compile(r"^ds_(?:read|load)(2|_2addr)?(?:st64)?_\w*?(\d+)$")


def counted(lines):
    """One round of a loop of these lines."""
    loop = figures.Loop()
    for line in lines:
        found = INSTRUCTION.match(line)
        if not found:
            continue
        name = found[1]
        halves = 2 * len(HALVES.findall(line))
        products = len(MULTIPLY_ADD.findall(line)) + 2 * len(PACKED.findall(line)) + halves
        loop.instructions += 1
        loop.arithmetic += name.startswith("v_")
        loop.multiply_adds += products > 0
        loop.products += products
        loop.half_products += halves
        loop.matrix += name.startswith(("v_wmma", "v_mfma", "v_swmmac"))
        loop.exps += bool(EXPS.match(name))
        if write := LOCAL_WRITE.match(name):
            loop.local_written += int(write[2]) // 8 * (2 if write[1] else 1)
        if read := LOCAL_READ.match(name):
            loop.local_bytes += int(read[2]) // 8 * (2 if read[1] else 1)
    loop.matrix_products = loop.matrix * MATRIX_PRODUCTS
    return loop


def figure(text, name):
    return int(re.search(rf"\.{name}:\s+(\d+)", text)[1])


def figures_of(assembly):
    """The kernels in it: their descriptions are YAML at its end."""
    for described in re.split(r"^  - \.", assembly[assembly.index("amdhsa.kernels:"):], flags=re.M)[1:]:
        function = re.search(r"\.symbol:\s+(\w+)\.kd", described)[1]
        sizes = re.search(r"\.reqd_workgroup_size:\s+- (\d+)\s+- (\d+)\s+- (\d+)", described)
        code = re.search(rf"^{function}:\s+; @{function}\n(.*?)^\.Lfunc_end.*?; Occupancy: (\d+)", assembly,
                         re.M | re.S)
        lines = code[1].split("\n")
        yield figures.Compiled(
            function=function, lanes=figure(described, "wavefront_size"),
            items=math.prod(map(int, sizes.groups())) if sizes else figures.ANY_GROUP,
            registers=figure(described, "vgpr_count"), spills=4 * figure(described, "vgpr_spill_count"),
            scalar_spills=figure(described, "sgpr_spill_count"),
            scratch=figure(described, "private_segment_fixed_size"),
            local=figure(described, "group_segment_fixed_size"), occupancy=int(code[2]),
            matrix=counted(lines).matrix, loops=figures.found(lines, LABEL, BRANCH, counted),
            matrix_round=figures.leanest(lines, LABEL, BRANCH, JUMP, counted))


class Compiler:
    def __init__(self, build):
        self.clang = tools.Clang(build)
        self.libraries = tools.debian(build, "rocm", PACKAGES) / "usr/lib/x86_64-linux-gnu/amdgcn/bitcode"

    def assembly(self, build, target, what, folder):
        """Compiles as the driver does: exact denormals and square roots, all functions inlined. `what` is a Target."""
        wide = "on" if what.lanes == 64 else "off"
        names = ("opencl", "ocml", "ockl", f"oclc_isa_version_{what.isa}", f"oclc_wavefrontsize64_{wide}",
                 "oclc_daz_opt_off", "oclc_finite_only_off", "oclc_unsafe_math_off", "oclc_correctly_rounded_sqrt_off")
        assembly = folder / f"{build.name}-{target}.s"
        self.clang("-target", "amdgcn-amd-amdhsa", f"-mcpu={target}", "-O3", "-mcode-object-version=4", "-nogpulib",
                   *build.options, *tools.bitcode(self.libraries / f"{name}.bc" for name in names),
                   "-mllvm", "-amdgpu-internalize-symbols", "-mllvm", "-amdgpu-early-inline-all",
                   "-S", build.source, "-o", assembly)
        return assembly

    def compile(self, build, target, folder):
        return list(figures_of(self.assembly(build, target, TARGETS[target], folder).read_text(encoding="utf-8")))
