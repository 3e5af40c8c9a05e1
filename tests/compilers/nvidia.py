"""NVIDIA's GPUs: clang for the language, then what is also in NVIDIA's drivers: libnvvm and ptxas."""
import math
import pathlib
import re
import sys

import bound
import figures
import tools

VERSIONS = "clang and libclc 19.1.7 for the language, libnvvm, ptxas and nvdisasm 13.5.37"
TARGETS = ("sm_75", "sm_80", "sm_90")
LANES = 32

HERE = pathlib.Path(__file__).resolve().parent
BUILTINS = HERE / "nvidia.cl"
LAYOUT = ("e-p:64:64:64-p6:32:32:32-i1:8:8-i8:8:8-i16:16:16-i32:32:32-i64:64:64-i128:128:128-f32:32:32-f64:64:64-"
          "f128:128:128-v16:16:16-v32:32:32-v64:64:64-v128:128:128-n16:32:64-a:8:8")
LABEL = re.compile(r"^(\.L_\w+):")
BRANCH = re.compile(r"^.*\b(?:BRA|CALL\.REL\.NOINC)\b.*?(\.L_\w+)")
JUMP = re.compile(r"^\s*/\*[0-9a-f]+\*/\s+(?:BRA|BRX|EXIT|RET\S*)\s")
INSTRUCTION = re.compile(r"^\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)")
FLOAT = ("FFMA", "FADD", "FMUL", "FFMA2")
MATRIX = ("HMMA", "HGMMA", "IMMA", "BMMA", "DMMA")
MATRIX_PRODUCTS = {"16816": 16 * 8 * 16, "1688": 16 * 8 * 8}  # rows, columns, depth


def counted(lines):
    """One round of a loop of these lines."""
    loop = figures.Loop()
    for found in filter(None, map(INSTRUCTION.match, lines)):
        name, *parts = found[1].split(".")
        loop.instructions += 1
        loop.arithmetic += name in FLOAT
        loop.multiply_adds += name in ("FFMA", "FFMA2")
        loop.products += {"FFMA": 1, "FFMA2": 2}.get(name, 0)
        loop.matrix += name in MATRIX
        loop.matrix_products += MATRIX_PRODUCTS.get(parts[0], 0) if name == "HMMA" else 0
        loop.exps += name == "MUFU"
        size = 16 if "128" in parts else 8 if "64" in parts else 4
        if name == "LDS":
            loop.local_bytes += size
        elif name == "STS":
            loop.local_written += size
        elif name == "LDSM":  # one, two or four matrices of 8 x 8 halves
            loop.local_bytes += 4 * next((int(part) for part in parts if part in ("2", "4")), 1)
    return loop


def group_sizes(code):
    """{kernel: its required work-group} of LLVM's code."""
    sizes = {}
    kernel = re.compile(r"^define [^\n]*\bspir_kernel void @(\w+)\([^\n]*!reqd_work_group_size !(\d+)", re.M)
    for function, number in kernel.findall(code):
        numbers = re.search(rf"^!{number} = !{{(.*)}}", code, re.M)[1]
        sizes[function] = tuple(map(int, re.findall(r"i32 (\d+)", numbers)))
    return sizes


def for_nvvm(code):
    """What clang writes for OpenCL as libnvvm takes it: its own names for the target; functions that are no kernels are
    removed once they are inlined; and barriers, which libclc keeps from being inlined, are, too."""
    code = re.sub(r"^target triple.*$", 'target triple = "nvptx64-nvidia-cuda"', code, flags=re.M)
    code = re.sub(r"^target datalayout.*$", f'target datalayout = "{LAYOUT}"', code, flags=re.M)
    code = re.sub(r"^define dso_local (?!.*\bspir_kernel\b)", "define internal ", code, flags=re.M)
    return re.sub(r"^(attributes .*) noinline ", r"\1 ", code, flags=re.M)


def with_sizes(ptx, sizes):
    """Tells ptxas the work-groups, from which it knows how many registers a work-item may have."""
    for function, (x, y, z) in sizes.items():
        ptx = re.sub(rf"(\.entry {function}\([^)]*\)\n)", rf"\1.reqntid {x}, {y}, {z}\n", ptx)
    return ptx


def figures_of(target, told, assembly, sizes):
    """`told` is what ptxas prints. An assembly has a section for each kernel."""
    sections = {found[1]: found[2].split("\n")
                for found in re.finditer(r"^\.text\.(\w+):\n(.*?)(?=^\.text\.|\Z)", assembly, re.M | re.S)}
    for found in re.finditer(r"Compiling entry function '(\w+)'(.*?)(?=Compiling entry|\Z)", told, re.S):
        def number(pattern, text=found[2]):
            value = re.search(pattern, text)
            return int(value[1]) if value else 0
        lines = sections[found[1]]
        kernel = figures.Compiled(
            function=found[1], lanes=LANES, items=math.prod(sizes.get(found[1], (figures.ANY_GROUP,))),
            registers=number(r"Used (\d+) registers"),
            spills=number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads"), scalar_spills=0,
            scratch=number(r"(\d+) bytes stack frame"), local=number(r"(\d+) bytes smem"),
            matrix=counted(lines).matrix, matrix_round=figures.leanest(lines, LABEL, BRANCH, JUMP, counted),
            loops=figures.found(lines, LABEL, BRANCH, counted))
        kernel.occupancy = bound.warps_of_nvidia(target, kernel)
        yield kernel


class Compiler:
    def __init__(self, build):
        self.clang = tools.Clang(build)
        cuda = tools.wheels(build, "nvidia") / "nvidia" / "cu13"
        self.ptxas, self.nvdisasm = cuda / "bin" / "ptxas", cuda / "bin" / "nvdisasm"
        self.nvvm = cuda / "lib" / "libnvvm.so.4"
        self.libraries = (self.clang.root / "usr/lib/clc/nvptx64--nvidiacl.bc", cuda / "nvvm/libdevice/libdevice.10.bc")

    def ptx(self, build, target, folder):
        """(the file, {kernel: its required work-group})"""
        code, ptx = (folder / f"{build.name}-{target}{ending}" for ending in (".ll", ".ptx"))
        self.clang("-target", "nvptx64--nvidiacl", "-O3", "-Xclang", "-disable-llvm-passes", "-Xclang", "-target-cpu",
                   "-Xclang", target, "-Xclang", "-target-feature", "-Xclang", "+ptx80", "-include", BUILTINS,
                   *build.options, *tools.bitcode(self.libraries), "-S", "-emit-llvm", build.source, "-o", code)
        written = code.read_text(encoding="utf-8")
        code.write_text(for_nvvm(written), encoding="utf-8")
        tools.run([sys.executable, "-B", HERE / "nvvm.py", self.nvvm, target.replace("sm", "compute"), code, ptx])
        sizes = group_sizes(written)
        ptx.write_text(with_sizes(ptx.read_text(encoding="utf-8"), sizes), encoding="utf-8")
        return ptx, sizes

    def check(self, ptx, target):
        """Refuses what the driver would, such as an instruction that the GPU does not have."""
        tools.run([self.ptxas, f"-arch={target}", ptx, "-o", "/dev/null"])

    def compile(self, build, target, folder):
        ptx, sizes = self.ptx(build, target, folder)
        cubin, sass = (folder / f"{build.name}-{target}{ending}" for ending in (".cubin", ".sass"))
        told = tools.run([self.ptxas, "-v", f"-arch={target}", ptx, "-o", cubin])
        assembly = tools.run([self.nvdisasm, "-c", cubin])
        sass.write_text(assembly, encoding="utf-8")
        return list(figures_of(target, told, assembly, sizes))
