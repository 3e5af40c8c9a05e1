#!/usr/bin/env python3
"""The GPU behind device.c: compiles programs for it, and runs launches on an emulator of machine code or of PTX.

usage: machine.py BUILD_FOLDER TARGET SOCKET RECORD forward|reverse

emulate.py starts it, and tells Python where tinygrad is, which AMD's GPUs need. RECORD gets a line of JSON for each
launch. On AMD's GPUs, a launch that touches memory outside of its buffers ends the process."""
import array
import importlib
import json
import math
import pathlib
import re
import socket
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE.parent), str(HERE.parent / "compilers"), str(HERE.parent / "ptx")]

import tools  # noqa: E402
from launch import Fault, Launch, Unknown  # noqa: E402

POISON = 0xffffffff


def words(data):
    return array.array("I", data[:len(data) & ~3])


def floats(data):
    return array.array("f", data[:len(data) & ~3])


class Device:
    """What device.c asks for, of a GPU: compiling, describing and running kernels."""

    def __init__(self, gpu):
        self.gpu = gpu
        self.notes = {}  # of launches that wait for a comparison

    def build(self, folder, _name):
        self.gpu.name(folder)
        return ""

    def kernel(self, folder, name):
        of = self.gpu.figures(folder, name)
        if of is None:
            raise tools.Refused(f"no kernel {name}")
        return f"{of.work_group} {of.lanes} {of.local} {of.private}"

    def launch(self, folder, _name):
        """Runs it, and leaves what all buffers hold then."""
        of, begin = Launch.read(pathlib.Path(folder)), time.monotonic()
        arguments = self.gpu.figures(of.program, of.kernel).arguments
        before = {name: (pathlib.Path(folder) / f"{number}.before").read_bytes() for number, name in of.buffers.items()}
        after, executed = self.gpu.run(of, before)
        written = {number for number in of.buffers if not arguments[number].is_const}
        for number, name in of.buffers.items():
            shared = [other for other in written if of.buffers[other] == name]
            if not shared and after[name] != before[name]:
                raise Fault(f"argument {number}: a write where none may be")
            if number in written:
                (pathlib.Path(folder) / f"{number}.after").write_bytes(after[name])
        self.notes[folder] = {"kernel": of.kernel, "code": self.gpu.name(of.program), "instructions": executed,
                              "seconds": time.monotonic() - begin, "offset": of.offset, "items": of.items,
                              "group": of.group, "words": 0, "equal": 0, "difference": 0.0, "faults": [],
                              "types": {number: arguments[number].type_name for number in written}}
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


def serve(device, listening, record):
    """Answers the requests of one program after the other."""
    while True:
        connection, _ = listening.accept()
        with connection, connection.makefile("rw", encoding="utf-8", newline="\n") as stream:
            for line in stream:
                verb, folder, name = (line.rstrip("\n") + "  ").split(" ")[:3]
                try:
                    answer = "ok " + getattr(device, verb)(folder, name)
                except (tools.Refused, Fault, Unknown) as why:
                    answer = "no " + re.sub(r"\s+", " ", str(why))[:900]
                    record.write(json.dumps({"failed": f"{type(why).__name__}: {why}"}) + "\n")
                if verb == "compare":
                    record.write(json.dumps(device.notes.pop(folder)) + "\n")
                record.flush()
                stream.write(answer + "\n")
                stream.flush()


def main():
    build, target, path, record, order = sys.argv[1:]
    # tinygrad is needed for AMD's GPUs alone.
    vendor = importlib.import_module("nvidia_gpu" if target.startswith("sm_") else "amd_gpu")
    gpu = vendor.Gpu(pathlib.Path(build).resolve(), target, order == "reverse")
    with socket.socket(socket.AF_UNIX) as listening, open(record, "a", encoding="utf-8") as file:
        listening.bind(path)
        listening.listen()
        serve(Device(gpu), listening, file)


if __name__ == "__main__":
    main()
