#!/usr/bin/env python3
"""The GPU behind device.c: compiles programs for it, and runs launches as machine code on an emulator.

usage: machine.py BUILD_FOLDER TARGET SOCKET RECORD forward|reverse

emulate.py starts it, and tells Python where tinygrad is. RECORD gets a line of JSON for each launch. A launch that
touches memory outside of its buffers ends the process."""
import array
import dataclasses
import json
import math
import pathlib
import re
import socket
import struct
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE.parent), str(HERE.parent / "compilers")]

import image  # noqa: E402
import memory  # noqa: E402
import tools  # noqa: E402
import waves  # noqa: E402

POISON = 0xffffffff


@dataclasses.dataclass
class Launch:
    """What device.c wrote into a launch's folder."""
    program: str
    kernel: str
    offset: list
    items: list  # in all
    group: list  # of a work-group
    arguments: dict  # by number: its bytes
    buffers: dict  # by number: a name that equal buffers share

    @classmethod
    def read(cls, folder):
        program, kernel, *lines = (folder / "launch").read_text(encoding="utf-8").splitlines()
        sizes, arguments, buffers = [list(map(int, line.split())) for line in lines[:3]], {}, {}
        for number, value, kind in map(str.split, lines[3:]):
            arguments[int(number)] = bytes.fromhex(value)
            if kind == "buffer":
                buffers[int(number)] = value
        return cls(program, kernel, *sizes, arguments, buffers)


def hidden(kind, launch):
    """The value of an argument that the compiler added."""
    axis = "xyz".find(kind[-1])
    if kind.startswith("hidden_global_offset_"):
        return launch.offset[axis]
    if kind == "hidden_none":
        return 0
    raise waves.Unknown(f"argument {kind}")


def argument_block(function, launch, blocks):
    """What the kernel finds behind the pointer to its arguments."""
    data, number = bytearray(function.argument_bytes), 0
    for argument in function.arguments:
        if argument.kind.startswith("hidden_"):
            value = hidden(argument.kind, launch).to_bytes(argument.size, "little")
        else:
            value = launch.arguments[number]
            if number in launch.buffers:
                value = struct.pack("<Q", blocks[launch.buffers[number]].address)
            number += 1
        if len(value) != argument.size:
            raise waves.Fault(f"argument {number - 1} has {len(value)} bytes instead of {argument.size}")
        data[argument.offset:argument.offset + argument.size] = value
    return data


def user_registers(function, launch, arguments, packet):
    """The scalar registers that a wave begins with, as the descriptor asks for them."""
    packet.write(struct.pack("<HHHHHHIIIIIQQ", 0, 3, *launch.group, 0, *launch.items, function.private, function.local,
                             0, arguments))
    wanted, = function.described("H", 56)
    registers = [(1, [0] * 4), (2, halves(packet.address)), (4, [0, 0]), (8, halves(arguments)), (16, [0, 0]),
                 (32, [0, 0]), (64, [function.private])]
    return [word for bit, words in registers if wanted & bit for word in words]


def halves(address):
    return [address & 0xffffffff, address >> 32]


def words(data):
    return array.array("I", data[:len(data) & ~3])


def floats(data):
    return array.array("f", data[:len(data) & ~3])


class Gpu:
    def __init__(self, build, target, reverse):
        self.images = image.Images(build, target)
        self.machine = waves.Machine(target, reverse)
        self.notes = {}  # of launches that wait for a comparison

    def build(self, folder, _name):
        self.images.of(folder)
        return ""

    def kernel(self, folder, name):
        of = self.images.of(folder).functions.get(name)
        if of is None:
            raise tools.Refused(f"no kernel {name}")
        return f"{of.work_group} {of.lanes} {of.local} {of.private}"

    def launch(self, folder, _name):
        """Runs it, and leaves what all buffers hold then."""
        launch, begin = Launch.read(pathlib.Path(folder)), time.monotonic()
        code = self.images.of(launch.program)
        function = code.functions[launch.kernel]
        visible = [a for a in function.arguments if not a.kind.startswith("hidden_")]
        blocks, before = {}, {}
        for number, name in launch.buffers.items():
            before[number] = (pathlib.Path(folder) / f"{number}.before").read_bytes()
            if name not in blocks:
                blocks[name] = memory.Block(len(before[number]))
                blocks[name].write(before[number])
        arguments, packet = memory.Block(max(function.argument_bytes, 16)), memory.Block(64)
        arguments.write(argument_block(function, launch, blocks))
        self.machine.run(function, [n // size for n, size in zip(launch.items, launch.group)], launch.group,
                         arguments.address, user_registers(function, launch, arguments.address, packet))
        written = {number for number in launch.buffers if not visible[number].is_const}
        for number, name in launch.buffers.items():
            after = blocks[name].read()
            shared = [other for other in written if launch.buffers[other] == name]
            if not blocks[name].is_whole() or (not shared and after != before[number]):
                raise waves.Fault(f"argument {number}: a write where none may be")
            if number in written:
                (pathlib.Path(folder) / f"{number}.after").write_bytes(after)
        self.notes[folder] = {"kernel": launch.kernel, "code": code.name, "instructions": self.machine.executed,
                              "seconds": time.monotonic() - begin, "offset": launch.offset, "items": launch.items,
                              "group": launch.group, "words": 0, "equal": 0, "difference": 0.0, "faults": [],
                              "types": {number: visible[number].type_name for number in written}}
        return ""

    def compare(self, folder, _name):
        """With what the device beneath has computed, if it could."""
        note = self.notes[folder]
        for number, type_name in note["types"].items():
            files = [pathlib.Path(folder) / f"{number}.{when}" for when in ("before", "after", "beneath")]
            if files[-1].exists():
                data = [file.read_bytes() for file in files]
                note["faults"] += [f"argument {number}: {what}" for what in compared(note, type_name, *data)]
        return ""


def is_nan(word):
    """Of one NaN, the two devices may make different ones."""
    return word & 0x7fffffff > 0x7f800000


def compared(note, type_name, before, after, beneath):
    """What is wrong. Values of floats are the library's to judge, with its bounds; here they are only recorded."""
    rows = list(zip(words(before), words(after), words(beneath)))
    lacking = sum(b == a == POISON and not is_nan(o) for b, a, o in rows)
    beyond = sum(b == o == POISON and not is_nan(a) for b, a, o in rows)
    note["words"] += sum(b != o for b, a, o in rows)
    note["equal"] += sum(b != o and a == o for b, a, o in rows)
    if lacking > 0:
        yield f"{lacking} words are not written"
    if beyond > 0:
        yield f"{beyond} words are written that the device beneath does not write"
    if type_name == "float*":
        pairs = [(x, y) for x, y in zip(floats(after), floats(beneath)) if math.isfinite(x) or math.isfinite(y)]
        largest = max((abs(y) for _, y in pairs if math.isfinite(y)), default=0.0)
        apart = [abs(x - y) for x, y in pairs]
        if largest > 0.0:
            note["difference"] = max([note["difference"], *(far / largest for far in apart)])


def serve(gpu, listening, record):
    """Answers the requests of one program after the other."""
    while True:
        connection, _ = listening.accept()
        with connection, connection.makefile("rw", encoding="utf-8", newline="\n") as stream:
            for line in stream:
                verb, folder, name = (line.rstrip("\n") + "  ").split(" ")[:3]
                try:
                    answer = "ok " + getattr(gpu, verb)(folder, name)
                except (tools.Refused, waves.Fault, waves.Unknown) as why:
                    answer = "no " + re.sub(r"\s+", " ", str(why))[:900]
                    record.write(json.dumps({"failed": f"{type(why).__name__}: {why}"}) + "\n")
                if verb == "compare":
                    record.write(json.dumps(gpu.notes.pop(folder)) + "\n")
                record.flush()
                stream.write(answer + "\n")
                stream.flush()


def main():
    build, target, path, record, order = sys.argv[1:]
    gpu = Gpu(pathlib.Path(build).resolve(), target, order == "reverse")
    with socket.socket(socket.AF_UNIX) as listening, open(record, "a", encoding="utf-8") as file:
        listening.bind(path)
        listening.listen()
        serve(gpu, listening, file)


if __name__ == "__main__":
    main()
