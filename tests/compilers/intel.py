"""Intel's GPUs: ocloc, the driver's compiler as a program. It is unpacked and never installed: the driver in its
packages would become a platform."""
import math
import pathlib
import re
import struct
import tempfile

import bound
import figures
import tools

PACKAGES = ("intel-opencl-icd=22.43.24595.41-1", "libigc1=1.0.12504.6-1+deb12u1")
VERSIONS = "ocloc 22.43.24595 with the graphics compiler 1.0.12504"
TARGETS = ("skl", "tgllp", "dg2", "pvc")
DEVICES = {"dg2": "acm-g10"}  # as ocloc calls it, where that is another name

LABEL = re.compile(r"^(\w+):")
BRANCH = re.compile(r"^\s*(?:\([^)]*\)\s*)?(?:goto|jmpi|while|brc|brd)(?:\.b)?\s+(?:\(\d+\|M\d+\)\s*)?([^/]*)")
JUMP = re.compile(r"^\s*(?:goto|jmpi|brd)\b")
INSTRUCTION = re.compile(r"^\s*(?:\([^)]*\)\s*)?([a-z][a-z0-9_.]*)\s+(?:\((\d+)\|M\d+\))?")
SENT = re.compile(r"^(?:send|load|store|atomic|sync|math|goto|join|jmpi|while|brc|brd|if|else|endif|break|call|ret)")
LOCAL_WRITE = re.compile(r"^store\.slm\.d(\d+)\w*?(?:x(\d+))?\.")
LOCAL_READ = re.compile(r"^load\.slm\.d(\d+)(?:x(\d+))?")
# Until dg2, reads of surface 0xFE: how many registers of 32 bytes they fill.
SENT_LOCAL_READ = re.compile(r"\b0x[0-9A-F]{6}FE\s.*// wr:.*, rd:(\d+);.*\bread\b")
WRONG = re.compile(r"^(?!//).*\b(?:illegal|INVALID)\b.*", re.M)


def counted(lines, lanes, width):
    """One round of a loop of these lines. An instruction of more lanes than the hardware has takes longer, and one of
    fewer no less, so that arithmetic is counted in parts of an instruction of all lanes. Halves take half the time."""
    loop = figures.Loop()
    for line in lines:
        found = INSTRUCTION.match(line)
        if not found or line.startswith("//"):
            continue
        name, active = found[1], int(found[2] or 1)
        loop.instructions += 1
        types = line.split("//")[0]
        is_half = ":hf" in types and not re.search(r":f\b", types)
        is_float = is_half or ":f" in types
        if is_float and not SENT.match(name):
            loop.arithmetic += max(active, width) / lanes / (2 if is_half else 1)
        if is_float and name in (("mad", "mac", "fma", "mul") if is_half else ("mad", "mac", "fma")):
            loop.multiply_adds += 1
            loop.products += active / lanes
            loop.half_products += active / lanes if is_half else 0
        loop.matrix += name.startswith("dpas")
        loop.matrix_products += 8 * active * 16 if name.startswith("dpas") else 0  # rows of A, lanes, depth
        loop.exps += name.startswith("math")
        if write := LOCAL_WRITE.match(name):
            loop.local_written += int(write[1]) // 8 * int(write[2] or 1) * active / lanes
        if read := LOCAL_READ.match(name):
            loop.local_bytes += int(read[1]) // 8 * int(read[2] or 1) * active / lanes
        elif read := SENT_LOCAL_READ.search(line):
            loop.local_bytes += 32 * int(read[1]) / lanes
    return loop


def sections(binary):
    """{name: bytes} of an ELF file with 64-bit sections."""
    start, = struct.unpack_from("<Q", binary, 40)
    size, count, names = struct.unpack_from("<3H", binary, 58)
    found = [struct.unpack_from("<2I4Q", binary, start + i * size) for i in range(count)]
    text = binary[found[names][4]:]
    return {text[name:text.index(b"\0", name)].decode(): binary[offset:offset + length]
            for name, _, _, _, offset, length in found}


def refuse_wrong(text):
    """ocloc says that it succeeded where it has written an instruction that the GPU does not have."""
    if wrong := WRONG.search(text):
        raise tools.Refused(f"a wrong instruction: {wrong[0].strip()[:100]}")


def number(text, pattern):
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def assembly_of(function, code, dumps):
    """The compiler may try a kernel several times, and dumps each try: the one that is in the binary."""
    tries = []
    for file in sorted(dumps.glob("*.asm")):
        text, tried = file.read_text(encoding="utf-8"), file.with_suffix(".dat")
        is_of_function = re.search(rf"^//\.kernel {function}$", text, re.M) and tried.exists()
        if is_of_function and code.startswith(tried.read_bytes()[:4096]):
            tries.append(text)
    if not tries:
        raise tools.Refused(f"the code of {function} is none of those that were dumped")
    return tries[-1]


def kernels_of(binary, dumps):
    """(function, its description in YAML, its assembly) of each kernel."""
    found = sections(binary)
    first_list = re.split(r"^\w+:$", found[".ze_info"].decode(), flags=re.M)[1]
    for described in re.split(r"^  - name: ", first_list, flags=re.M)[1:]:
        function = described.split("\n", maxsplit=1)[0].strip()
        yield function, described, assembly_of(function, found[f".text.{function}"], dumps)


def figures_of(target, function, described, assembly):
    lanes = number(described, r"simd_size:\s+(\d+)")
    sizes = re.search(r"required_work_group_size:\s+\[ (\d+), (\d+), (\d+)", described)
    of_item = sum(map(int, re.findall(r"type:\s+global\s+usage:\s+private_space\s+size:\s+(\d+)", described)))
    of_thread = sum(map(int, re.findall(r"type:\s+scratch\s+usage:\s+\w+\s+size:\s+(\d+)", described)))
    width = bound.UNITS[target].lanes // bound.UNITS[target].schedulers
    kernel = figures.Compiled(
        function=function, lanes=lanes, items=math.prod(map(int, sizes.groups())) if sizes else figures.ANY_GROUP,
        registers=number(described, r"grf_count:\s+(\d+)"), spills=number(assembly, r"//\.spill size (\d+)") // lanes,
        scalar_spills=0, scratch=of_item + of_thread // lanes, local=number(described, r"slm_size:\s+(\d+)"),
        matrix=counted(assembly.split("\n"), lanes, width).matrix,
        loops=figures.found(assembly.split("\n"), LABEL, BRANCH, lambda own: counted(own, lanes, width)),
        matrix_round=figures.leanest(assembly.split("\n"), LABEL, BRANCH, JUMP,
                                     lambda own: counted(own, lanes, width)))
    most = bound.PARTS_OF_INTEL[target][-1] * bound.KIB
    if kernel.local > most:  # the driver says so only when the kernel is launched
        raise tools.Refused(f"{function} takes {kernel.local} bytes of local memory, and a group can have {most}")
    kernel.occupancy = bound.threads_of_intel(target, kernel)
    return kernel


class Compiler:
    def __init__(self, build):
        self.root = tools.debian(build, "intel", PACKAGES)

    def compile(self, build, target, folder):
        """Leaves the assembly in the folder. The other dumps take tens of megabytes."""
        kernels = []
        with tempfile.TemporaryDirectory() as temporary:
            dumps = pathlib.Path(temporary)
            environment = {"LD_LIBRARY_PATH": str(self.root / "usr" / "lib" / "x86_64-linux-gnu"),
                           "IGC_ShaderDumpEnable": "1", "IGC_DumpToCustomDir": temporary}
            told = tools.run([self.root / "usr" / "bin" / "ocloc", "compile", "-file", build.source,
                              "-device", DEVICES.get(target, target), "--format", "zebin", "-output", "kernel",
                              "-output_no_suffix", "-out_dir", temporary, "-options", " ".join(build.options)],
                             environment)
            refuse_wrong(told)
            for function, described, assembly in kernels_of((dumps / "kernel").read_bytes(), dumps):
                refuse_wrong(assembly)
                (folder / f"{build.name}-{function}-{target}.asm").write_text(assembly, encoding="utf-8")
                kernels.append(figures_of(target, function, described, assembly))
        return kernels
