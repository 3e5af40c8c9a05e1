"""NVIDIA's GPUs behind machine.py: PTX, which libnvvm writes, on the interpreter in tests/ptx."""
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil

import builds
import nvidia
import ptx
from launch import Argument, Fault, Figures

MOST_ITEMS = 1024  # of a work-group
OFFSET = pathlib.Path(__file__).resolve().parent / "offset.cl"


def words_of(code, number):
    """The strings of a list in LLVM's metadata."""
    return re.findall(r'!"([^"]*)"', re.search(rf"^!{number} = !{{(.*)}}", code, re.M)[1])


def arguments_of(code):
    """{kernel: its arguments}, which PTX does not describe, from LLVM's code."""
    kernel = re.compile(r"^define [^\n]*\bspir_kernel void @(\w+)\([^\n]*!kernel_arg_type !(\d+)"
                        r"[^\n]*!kernel_arg_type_qual !(\d+)", re.M)
    return {name: tuple(Argument(kind, "const" in qualifiers)
                        for kind, qualifiers in zip(words_of(code, types), words_of(code, all_qualifiers)))
            for name, types, all_qualifiers in kernel.findall(code)}


@dataclasses.dataclass(frozen=True)
class Program:
    name: str
    text: ptx.Program
    arguments: dict  # by kernel


class Gpu:
    def __init__(self, build, target, reverse):
        self.interpreter, self.compiler = ptx.Interpreter(build), nvidia.Compiler(build)
        self.target, self.reverse = target, reverse
        # What else a program depends on.
        self.language = "\n".join((nvidia.VERSIONS, *(file.read_text(encoding="utf-8") for file in (OFFSET, nvidia.BUILTINS))))
        self.folder, self.programs = build / "emulator" / target, {}

    def program(self, folder):
        """That of the program in this folder; equal programs share one."""
        source, options = (pathlib.Path(folder, file).read_text(encoding="utf-8") for file in ("source.cl", "options"))
        name = hashlib.sha256("\n".join((options, source, self.language)).encode()).hexdigest()[:16]
        if name not in self.programs:
            text, code = (self.folder / f"{name}-{self.target}{ending}" for ending in (".ptx", ".ll"))
            if not text.exists():
                self.compile(name, source, options)
            self.programs[name] = Program(name, ptx.Program(self.interpreter, text.read_text(encoding="utf-8")),
                                          arguments_of(code.read_text(encoding="utf-8")))
        return self.programs[name]

    def compile(self, name, source, options):
        unfinished = self.folder / str(os.getpid())
        unfinished.mkdir(parents=True, exist_ok=True)
        build = builds.Build(name, True, ("-include", OFFSET, *options.split()), unfinished / f"{name}.cl")
        build.source.write_text(source, encoding="utf-8")
        text, _ = self.compiler.ptx(build, self.target, unfinished)
        self.compiler.check(text, self.target)
        for ending in (".ll", ".ptx"):  # the text last: it says that all is there
            (unfinished / f"{name}-{self.target}{ending}").rename(self.folder / f"{name}-{self.target}{ending}")
        shutil.rmtree(unfinished)

    def name(self, program):
        """Of the program in this folder, which is compiled first."""
        return self.program(program).name

    def figures(self, program, kernel):
        of = self.program(program)
        if of.text.number(kernel) is None:
            return None
        items = of.text.figure(kernel, "items") or MOST_ITEMS
        return Figures(items, nvidia.LANES, of.text.figure(kernel, "shared"), of.text.figure(kernel, "local"),
                       of.arguments[kernel])

    def run(self, launch, before):
        """What the buffers hold then, by name, and how many instructions that took."""
        buffers = {name: bytearray(data) for name, data in before.items()}
        arguments = [launch.buffers.get(number, value) for number, value in sorted(launch.arguments.items())]
        try:
            executed = self.program(launch.program).text.run(launch.kernel, launch.groups(), launch.group, arguments,
                                                             buffers, launch.offset, self.reverse)
        except ptx.Wrong as why:
            raise Fault(str(why)) from why
        return {name: bytes(data) for name, data in buffers.items()}, executed
