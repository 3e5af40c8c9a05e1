"""Runs work-groups of machine code on tinygrad's emulator of AMD's instructions, which must be on Python's path.

The emulator knows single instructions. The loop around them is here: it gives a group local memory that is NaN, follows
the kernel's descriptor in denormals, can go in reverse, and notices waves that do not meet at a barrier. Where a wave
ends or waits at a barrier, the next one runs. This uses parts of the emulator that are not meant for others: it was
written for the commit a9069c177a9d of 22 August 2026."""
import contextlib
import ctypes
import itertools
import struct

import memory
from launch import Fault, Unknown
from test.mockgpu.amd import emu  # of tinygrad

KINDS = {"gfx11": "rdna3", "gfx12": "rdna4", "gfx94": "cdna"}  # as the emulator calls GPUs
EXACT_DENORMALS = 3  # of floats, in the kernel's descriptor
# The emulator also reads for lanes that are not active. Behind the kernel's own local memory such a read finds NaN, as
# does one that counts.
LOCAL_BYTES = 64 << 10
LOCAL = 3  # its place among the emulator's arguments
MOST_INSTRUCTIONS = 100_000_000  # of one launch; none here needs a tenth of it


# ---- instructions that the emulator lacks, or has wrong --------------------------------------------------------------

def get_pc(wave, word, pc, *_):
    register = word >> 16 & 0x7f
    for half in range(2):
        wave._write_sgpr(register + half, pc + 4 >> 32 * half)


def lanes_of(wave):
    """Those that are active."""
    mask = wave._read_sgpr(emu.EXEC_LO.offset)
    if wave.wave_size == 64:
        mask |= wave._read_sgpr(emu.EXEC_LO.offset + 1) << 32
    return [lane for lane in range(wave.wave_size) if mask >> lane & 1]


def shift_of(wave, kind):
    """The register that M0 adds to the number of another."""
    return wave._read_sgpr(124 if kind == "cdna" else 125)


def move_from_chosen(wave, word, _pc, kind, _local):
    source, target = (word & 0x1ff) - 256 + shift_of(wave, kind), word >> 17 & 0xff
    for lane in lanes_of(wave):
        wave._write_vgpr(target, lane, wave._read_vgpr(source, lane))


def move_to_chosen(wave, word, _pc, kind, _local):
    source, target = word & 0x1ff, (word >> 17 & 0xff) + shift_of(wave, kind)
    for lane in lanes_of(wave):
        value = wave._read_vgpr(source - 256, lane) if source >= 256 else wave._read_sgpr(source)
        wave._write_vgpr(target, lane, value)


def load_half(wave, word, pc, local, upper):
    """Loads 16 bits of local memory into a half of a register; the other half stays. The emulator loses that one."""
    rest, = struct.unpack("<I", memory.read(pc + 4, 4))
    address, target = rest & 0xff, rest >> 24
    for lane in lanes_of(wave):
        at = wave._read_vgpr(address, lane) + (word & 0xffff)
        if at + 2 > LOCAL_BYTES:
            raise Fault("a read outside of local memory")
        value, = struct.unpack("<H", memory.read(local + at, 2))
        before = wave._read_vgpr(target, lane)
        wave._write_vgpr(target, lane, value << 16 | before & 0xffff if upper else before & 0xffff0000 | value)


def load_lower(wave, word, pc, _kind, local):
    load_half(wave, word, pc, local, False)


def load_upper(wave, word, pc, _kind, local):
    load_half(wave, word, pc, local, True)


def nothing(*_):
    """Orders about caches, which the emulator does not have."""


LACKING = {"S_GETPC_B64": get_pc, "V_MOVRELS_B32_E32": move_from_chosen, "V_MOVRELD_B32_E32": move_to_chosen,
           "DS_LOAD_U16_D16": load_lower, "DS_LOAD_U16_D16_HI": load_upper, "DS_READ_U16_D16": load_lower,
           "DS_READ_U16_D16_HI": load_upper, "BUFFER_GL0_INV": nothing, "BUFFER_GL1_INV": nothing, "BUFFER_INV": nothing, "BUFFER_WBL2": nothing,
           "GLOBAL_INV": nothing, "GLOBAL_WB": nothing, "GLOBAL_WBINV": nothing}
CACHE_ORDERS = {0xe0ac0000, 0xe0b00000}  # buffer_gl0_inv and buffer_gl1_inv of RDNA 3, which it cannot even read

ROW_SHARE, ROW_MIRROR, LANES_OF_ROW = 0x150, 0x140, 16  # where the lanes of a source come from
_own_lanes = emu._dpp16_ctrl


def source_lanes(lane, control, *masks):
    """The lane that a lane reads of its source, whether it takes part, and whether there is such a lane. Knows
    row_share, too, which CDNA calls row_newbcast: all of a row read the same lane of it."""
    if control & ~(LANES_OF_ROW - 1) != ROW_SHARE:
        return _own_lanes(lane, control, *masks)
    number = lane.cast(emu.dtypes.int)
    first = number & emu._c(-LANES_OF_ROW, emu.dtypes.int)
    return first + emu._c(control - ROW_SHARE, emu.dtypes.int), *_own_lanes(lane, ROW_MIRROR, *masks)[1:]


emu._dpp16_ctrl = source_lanes


# ---- instructions that it has wrong ----------------------------------------------------------------------------------

# With the emulator's own text 6e-32 / 5 is 0: a tiny numerator scales both operands, after which the quotient must not
# be scaled back; and where only the quotient is tiny, the numerator must be scaled. This is the text of AMD's documents
# of the instruction sets, without its cases for denominators of 2^126 and more, of which it does not say enough.
DIVISION_SCALE = """VCC.u64[laneId] = 0;
if ((64'F(S2.f32) == 0.0) || (64'F(S1.f32) == 0.0)) then
D0.f32 = NAN.f32
elsif exponent(S2.f32) - exponent(S1.f32) >= 96 then
VCC.u64[laneId] = 1;
if S0.f32 == S1.f32 then
D0.f32 = ldexp(S0.f32, 64)
else
D0.f32 = S0.f32
endif
elsif isDENORM(S1.f32) then
D0.f32 = ldexp(S0.f32, 64)
elsif divWouldBeDenorm(S2.f32, S1.f32) then
VCC.u64[laneId] = 1;
if S0.f32 == S2.f32 then
D0.f32 = ldexp(S0.f32, 64)
else
D0.f32 = S0.f32
endif
elsif exponent(S2.f32) <= 23 then
D0.f32 = ldexp(S0.f32, 64)
else
D0.f32 = S0.f32
endif"""
_own_text = emu.get_pcode
emu.get_pcode = lambda op: DIVISION_SCALE if op.name == "V_DIV_SCALE_F32" else _own_text(op)


# In a short instruction of 16 bits, RDNA 3 names the upper half of register n by n + 128, for n below 128. CDNA has no
# names for halves: n + 128 is that register. The emulator takes CDNA's for halves, too.
HALVES_BEGIN_AT = {128: 256, 384: 512}  # what its compiler compares a register's number with, to a number that none has


def with_whole_registers(compile_instruction):
    """The emulator's own compiler of an instruction, for CDNA."""
    def compiled(inst, context):
        constant, widths = emu._c, inst.canonical_op_bits.values()
        if 16 not in widths or 64 in widths:
            return compile_instruction(inst, context)
        emu._c = lambda value, *of: constant(HALVES_BEGIN_AT.get(value, value), *of)
        try:
            return compile_instruction(inst, context)
        finally:
            emu._c = constant
    return compiled


for _kind in (emu.irc.VOP1, emu.irc.VOP1_DPP16, emu.irc.VOP2, emu.irc.VOP2_DPP16, emu.irc.VOPC):
    emu._INST_HANDLERS[_kind] = with_whole_registers(emu._INST_HANDLERS[_kind])


# In WMMA the sum to add to may be a constant instead of registers; compilers write 0 for a new sum. The emulator takes the
# constant's number, 128, for that of a register.
class ConstantSum:
    """What the emulator's compiler of a WMMA instruction asks: registers of a sum that is a constant are 0."""

    def __init__(self, context, inst):
        self.context = context
        source = context.inst_field(type(inst).src2)
        self.is_register = source >= emu._c(256)
        first = (source >= 256).where(source - emu._c(256), source)
        self.registers = [first + emu._c(i) for i in range(8)]

    def __getattr__(self, name):
        return getattr(self.context, name)

    def rvgpr_dyn(self, register, lane):
        value = self.context.rvgpr_dyn(register, lane)
        if not any(register is one for one in self.registers):
            return value
        return self.is_register.where(value, emu.UOp.const(0, emu.dtypes.uint32))


_own_wmma = emu._compile_wmma
emu._compile_wmma = lambda inst, context: _own_wmma(inst, ConstantSum(context, inst))


# ---- waves -----------------------------------------------------------------------------------------------------------

class Step:
    """An instruction at its place."""

    def __init__(self, pc, kind):
        data = memory.read(pc, 16)
        self.word, self.is_barrier = int.from_bytes(data[:4], "little"), False
        if kind == "rdna3" and self.word in CACHE_ORDERS:
            self.own, self.next = nothing, pc + 8
            return
        inst = emu.decode_inst(data, kind)
        name = emu._op_name(inst)
        self.own, self.next = LACKING.get(name), pc + inst.size()
        op = getattr(inst, "op", None)
        self.is_barrier = op in emu._BARRIER_OPS or op in emu._BARRIER_SOP1_OPS
        if self.own is None:
            try:
                (program, runtime), _ = emu._decode_at(pc, kind)
            except RuntimeError as why:
                raise Unknown(f"the emulator does not know {name}: {str(why)[-200:]}") from why
            self.function, self.arguments = runtime.fxn, program.arg.globals


class Machine:
    """A GPU."""

    def __init__(self, target, reverse):
        self.kind = next(kind for prefix, kind in KINDS.items() if target.startswith(prefix))
        self.reverse, self.executed = reverse, 0
        self.steps = {}  # by address; programs stay where they are
        self.everything = emu.Buffer("CPU", 1 << 40, emu.dtypes.uint32,
                                     options=emu.BufferSpec(external_ptr=0)).ensure_allocated()

    def advance(self, wave, buffers):
        """Runs the wave to its end or to a barrier. Returns whether it waits there."""
        steps, registers, low, high = self.steps, wave._sgpr_mv, emu.PC_LO_IDX, emu.PC_HI_IDX
        while (pc := registers[low] | registers[high] << 32) != emu.ENDPGM_PC:
            step = steps.get(pc)
            if step is None:
                step = steps[pc] = Step(pc, self.kind)
            self.executed += 1
            if self.executed > MOST_INSTRUCTIONS:
                raise Fault("the launch does not come to an end")
            if step.own is None:
                step.function(*[buffers[i] for i in step.arguments])
            else:
                step.own(wave, step.word, pc, self.kind, buffers[LOCAL].value)
                wave.pc = step.next
            if step.is_barrier:
                return True
        return False

    def run_group(self, function, group, items, arguments, user_registers):
        count, local = items[0] * items[1] * items[2], memory.Block(LOCAL_BYTES)
        settings, = function.described("I", 52)
        waves = []
        for first in range(0, count, function.lanes):
            scratch = memory.Block(max(function.private * function.lanes, 4))
            wave = emu._init_wave(function.entry, first, count, *items, arguments, settings, function.private,
                                  self.kind, *group, user_registers, function.lanes)
            buffers = [wave.sgpr_buf._buf.va_addr, wave.vgpr_buf._buf.va_addr, self.everything._buf.va_addr,
                       local.address, scratch.address, wave.accvgpr_buf._buf.va_addr]
            waves.append((wave, scratch, [ctypes.c_uint64(address) for address in buffers]))
        if self.reverse:
            waves.reverse()
        while waves:
            waiting = [self.advance(wave, buffers) for wave, _, buffers in waves]
            if any(waiting) and not all(waiting):
                raise Fault("some waves of a work-group have ended and others wait at a barrier")
            if not any(waiting):
                behind = local.read()[function.local:]
                if behind.count(memory.NAN) < len(behind) or not all(scratch.is_whole() for _, scratch, _ in waves):
                    raise Fault("a write outside of local or private memory")
                return

    def run(self, function, groups, items, arguments, user_registers):
        """All work-groups of a launch."""
        self.executed = 0
        exact = function.described("I", 48)[0] >> 16 & 3 == EXACT_DENORMALS
        with contextlib.nullcontext() if exact else emu._MXCSRContext():
            order = list(itertools.product(*(range(n) for n in reversed(groups))))
            for z, y, x in reversed(order) if self.reverse else order:
                self.run_group(function, (x, y, z), items, arguments, user_registers)
