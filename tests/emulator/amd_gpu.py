"""AMD's GPUs behind machine.py: machine code, on the emulator of tinygrad."""
import struct

import image
import memory
import waves
from launch import Argument, Fault, Figures, Unknown


def hidden(kind, launch):
    """The value of an argument that the compiler added."""
    axis = "xyz".find(kind[-1])
    if kind.startswith("hidden_global_offset_"):
        return launch.offset[axis]
    if kind == "hidden_none":
        return 0
    raise Unknown(f"argument {kind}")


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
            raise Fault(f"argument {number - 1} has {len(value)} bytes instead of {argument.size}")
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


class Gpu:
    def __init__(self, build, target, reverse):
        self.images = image.Images(build, target)
        self.machine = waves.Machine(target, reverse)

    def name(self, program):
        """Of the program in this folder, which is compiled first."""
        return self.images.of(program).name

    def figures(self, program, kernel):
        of = self.images.of(program).functions.get(kernel)
        visible = [a for a in of.arguments if not a.kind.startswith("hidden_")] if of else []
        arguments = tuple(Argument(a.type_name, a.is_const) for a in visible)
        return Figures(of.work_group, of.lanes, of.local, of.private, arguments) if of else None

    def run(self, launch, before):
        """What the buffers hold then, by name, and how many instructions that took."""
        function = self.images.of(launch.program).functions[launch.kernel]
        blocks = {name: memory.Block(len(data)) for name, data in before.items()}
        for name, data in before.items():
            blocks[name].write(data)
        arguments, packet = memory.Block(max(function.argument_bytes, 16)), memory.Block(64)
        arguments.write(argument_block(function, launch, blocks))
        self.machine.run(function, launch.groups(), launch.group, arguments.address,
                         user_registers(function, launch, arguments.address, packet))
        for name, block in blocks.items():
            if not block.is_whole():
                number = min(number for number, other in launch.buffers.items() if other == name)
                raise Fault(f"argument {number}: a write where none may be")
        return {name: block.read() for name, block in blocks.items()}, self.machine.executed
