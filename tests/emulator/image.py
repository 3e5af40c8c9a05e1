"""A program as machine code of an AMD GPU: compiled as tests/compilers does, and loaded into this process."""
import dataclasses
import hashlib
import os
import pathlib
import re
import struct

import amd
import builds
import memory
import tools

# The device libraries have no version for gfx942 and gfx1201: that of an older GPU of the same kind does the same.
TARGETS = {"gfx1100": amd.TARGETS["gfx1100"], "gfx1201": amd.Target(32, "1030"), "gfx942": amd.Target(64, "90a")}

ALLOCATED, EXECUTABLE, NOTHING_STORED, SYMBOLS, RELOCATIONS = 2, 4, 8, 2, 4  # of ELF
ABS64, REL32, REL64, REL32_LO, REL32_HI = 3, 4, 5, 10, 11  # relocations of AMDGPU
PREFETCH = 64  # bytes behind the last instruction that the emulator may look at


@dataclasses.dataclass(frozen=True)
class Argument:
    kind: str  # "global_buffer", "by_value", "hidden_..."
    offset: int
    size: int
    is_const: bool
    type_name: str


@dataclasses.dataclass(frozen=True)
class Function:
    arguments: tuple
    argument_bytes: int
    lanes: int
    work_group: int  # work-items at most
    local: int  # bytes of a work-group
    private: int  # bytes of a work-item
    descriptor: int  # address

    def described(self, layout, offset):
        """What stands at an offset of the kernel's descriptor."""
        return struct.unpack_from("<" + layout, memory.read(self.descriptor, 64), offset)

    @property
    def entry(self):
        return self.descriptor + self.described("q", 16)[0]


def arguments_of(described):
    """The arguments in the description of a kernel, which is YAML with one key on a line."""
    block = re.search(r"args:\n(.*?)\n    \.\w", described, re.S)
    for text in re.split(r"^      - ", block[1] if block else "", flags=re.M)[1:]:
        keys = dict(re.findall(r"\.(\w+): +'?([^'\n]*)", text))
        yield Argument(keys["value_kind"], int(keys["offset"]), int(keys["size"]), keys.get("is_const") == "true",
                       keys.get("type_name", ""))


class Image:
    def __init__(self, compiler, name, source, options, target, folder):
        """Compiles the source, unless the folder has a result of this name."""
        build = builds.Build(name, True, tuple(options.split()), folder / f"{name}.cl")
        code = folder / f"{name}-{target}.o"
        if not code.exists():
            folder.mkdir(parents=True, exist_ok=True)
            build.source.write_text(source, encoding="utf-8")
            assembly = compiler.assembly(build, target, TARGETS[target], folder)
            unfinished = folder / f"{name}-{target}-{os.getpid()}"
            compiler.clang("-target", "amdgcn-amd-amdhsa", f"-mcpu={target}", "-x", "assembler", "-c", assembly,
                           "-o", unfinished)
            unfinished.rename(code)
        self.name, self.object = name, code.read_bytes()
        self.sections = self.load()
        self.symbols = self.relocate()
        self.functions = dict(self.described((folder / f"{name}-{target}.s").read_text(encoding="utf-8")))

    def headers(self):
        """Of the sections: name, type, flags, address, offset, size, link, information, alignment, size of an entry."""
        offset, = struct.unpack_from("<Q", self.object, 40)
        size, count = struct.unpack_from("<HH", self.object, 58)
        return [struct.unpack_from("<IIQQQQIIQQ", self.object, offset + i * size) for i in range(count)]

    def load(self):
        """The address of each section; None: it stays in the file."""
        placed = []
        for _, kind, flags, _, offset, size, _, _, _, _ in self.headers():
            if not flags & ALLOCATED or size == 0:
                placed.append(None)
                continue
            block = memory.Block(size + (PREFETCH if flags & EXECUTABLE else 0))
            block.write(bytes(size) if kind == NOTHING_STORED else self.object[offset:offset + size])
            placed.append(block)
        return placed

    def relocate(self):
        """The address of each symbol, after all that refers to one does so."""
        headers, addresses, names = self.headers(), [], {}
        for _, kind, _, _, offset, size, link, _, _, _ in headers:
            if kind != SYMBOLS:
                continue
            strings = headers[link][4]
            for at in range(offset, offset + size, 24):
                name, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", self.object, at)
                text = self.object[strings + name:self.object.index(b"\0", strings + name)].decode()
                block = self.sections[section] if section < len(self.sections) else None
                addresses.append((text, block.address + value if block else None))
                names[text] = addresses[-1][1]
        for _, kind, _, _, offset, size, _, section, _, _ in headers:
            if kind != RELOCATIONS or self.sections[section] is None:
                continue
            for at in range(offset, offset + size, 24):
                place, what, addend = struct.unpack_from("<QQq", self.object, at)
                self.refer(self.sections[section].address + place, what & 0xffffffff, addresses[what >> 32], addend)
        return names

    @staticmethod
    def refer(place, kind, symbol, addend):
        name, address = symbol
        if address is None or kind not in (ABS64, REL32, REL64, REL32_LO, REL32_HI):
            raise tools.Refused(f"relocation {kind} to '{name}' is not known")
        value = address + addend - (0 if kind == ABS64 else place)
        wide = kind in (ABS64, REL64)
        value = value >> 32 if kind == REL32_HI else value
        mask = 0xffffffffffffffff if wide else 0xffffffff
        memory.write(place, struct.pack("<Q" if wide else "<I", value & mask))

    def described(self, assembly):
        """The kernels, from the description at the end of the assembly."""
        for described in re.split(r"^  - \.", assembly[assembly.index("amdhsa.kernels:"):], flags=re.M)[1:]:
            name = re.search(r"\.symbol: +(\w+)\.kd", described)[1]
            yield name, Function(
                arguments=tuple(arguments_of(described)), argument_bytes=amd.figure(described, "kernarg_segment_size"),
                lanes=amd.figure(described, "wavefront_size"),
                work_group=amd.figure(described, "max_flat_workgroup_size"),
                local=amd.figure(described, "group_segment_fixed_size"),
                private=amd.figure(described, "private_segment_fixed_size"), descriptor=self.symbols[f"{name}.kd"])


class Images:
    """The programs that were compiled."""

    def __init__(self, build, target):
        self.compiler, self.target = amd.Compiler(build), target
        self.folder, self.images = build / "emulator" / target, {}

    def of(self, program):
        """That of the program in this folder; equal programs share one."""
        source, options = (pathlib.Path(program, file).read_text(encoding="utf-8") for file in ("source.cl", "options"))
        name = hashlib.sha256(f"{amd.VERSIONS}\n{options}\n{source}".encode()).hexdigest()[:16]
        if name not in self.images:
            self.images[name] = Image(self.compiler, name, source, options, self.target, self.folder)
        return self.images[name]
