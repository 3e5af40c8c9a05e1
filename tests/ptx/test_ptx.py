#!/usr/bin/env python3
"""Tests of the interpreter of PTX, with small texts whose results are known.

usage: test_ptx.py BUILD_FOLDER"""
import math
import pathlib
import random
import struct
import sys
import unittest

import ptx

INTERPRETER = None  # set by main
HEAD = ".version 8.0\n.target sm_80\n.address_size 64\n"
REGISTERS = (".reg .pred %p<8>; .reg .b16 %rs<16>; .reg .b32 %r<64>; .reg .b64 %rd<16>;\n"
             "ld.param.u64 %rd0, [a]; ld.param.u64 %rd1, [b];\n"
             "mov.u32 %r0, %tid.x; mul.wide.u32 %rd2, %r0, 4; add.s64 %rd3, %rd1, %rd2; add.s64 %rd4, %rd0, %rd2;\n")


def run(body, a=b"", size=None, items=32, groups=1, before="", reverse=False):
    """What a kernel leaves in its buffer b, of a word for each work-item. %rd0, %rd1: a, b; %r0: the work-item; %rd4,
    %rd3: its words in a and b."""
    text = f"{HEAD}{before}.visible .entry k(.param .u64 a, .param .u64 b)\n{{\n{REGISTERS}{body}\nret;\n}}\n"
    items = items if isinstance(items, tuple) else (items, 1, 1)
    buffers = {"a": bytearray(a), "b": bytearray(b"\xff" * (4 * math.prod(items) if size is None else size))}
    ptx.Program(INTERPRETER, text).run("k", (groups, 1, 1), items, ["a", "b"], buffers, reverse=reverse)
    return bytes(buffers["b"])


def words(data, kind="I"):
    return list(struct.unpack(f"<{len(data) // struct.calcsize(kind)}{kind}", data))


def bits(value, kind="f"):
    return int.from_bytes(struct.pack("<" + kind, value), "little")


NAN, INFINITY = bits(math.nan), bits(math.inf)
REGISTER = {"p": "%p", "h": "%rs", "w": "%r", "d": "%rd"}
# Instruction, the widths of its result and its operands, operands, result.
VALUES = (
    ("add.s32", "w:ww", (0xffffffff, 3), 2), ("sub.s16", "h:hh", (1, 2), 0xffff),
    ("add.s64", "d:dd", (2**63, 2**63), 0), ("mul.lo.s32", "w:ww", (0x12345678, 0x10), 0x23456780),
    ("mul.hi.u32", "w:ww", (2**31, 6), 3), ("mul.hi.s32", "w:ww", (-2, 3), 0xffffffff),
    ("mul.hi.u64", "d:dd", (2**63, 6), 3), ("mul.hi.u16", "h:hh", (2**15, 6), 3),
    ("mul.hi.s64", "d:dd", (-2, 3), 2**64 - 1), ("mul.wide.s32", "d:ww", (-2, 3), 2**64 - 6),
    ("mul.wide.u32", "d:ww", (0xffffffff, 2), 0x1fffffffe), ("mul.wide.u16", "w:hh", (0xffff, 2), 0x1fffe),
    ("mad.lo.s32", "w:www", (-2, 3, 7), 1), ("mad.lo.s64", "d:ddd", (2**32, 2**31, 5), 2**63 + 5),
    ("mad.wide.s32", "d:wwd", (-2, 3, 7), 1), ("div.s32", "w:ww", (-7, 2), 0xfffffffd),
    ("rem.s32", "w:ww", (-7, 2), 0xffffffff), ("div.u32", "w:ww", (-7, 2), 0x7ffffffc),
    ("div.s32", "w:ww", (-2**31, -1), 2**31), ("rem.u64", "d:dd", (10, 7), 3), ("div.u64", "d:dd", (2**63, 2), 2**62),
    ("min.s32", "w:ww", (-1, 1), 0xffffffff), ("min.u32", "w:ww", (-1, 1), 1), ("max.s64", "d:dd", (-1, 1), 1),
    ("neg.s32", "w:w", (5,), 0xfffffffb), ("abs.s32", "w:w", (-5,), 5), ("and.b32", "w:ww", (12, 10), 8),
    ("or.b64", "d:dd", (12, 10), 14), ("xor.b16", "h:hh", (12, 10), 6), ("not.b32", "w:w", (1,), 0xfffffffe),
    ("shl.b32", "w:ww", (1, 31), 2**31), ("shl.b32", "w:ww", (1, 32), 0), ("shr.u32", "w:ww", (2**31, 31), 1),
    ("shr.u64", "d:dw", (2**63, 64), 0), ("shr.s32", "w:ww", (-8, 1), 0xfffffffc),
    ("shr.s32", "w:ww", (-8, 99), 0xffffffff), ("shl.b16", "h:hw", (0x8001, 1), 2), ("clz.b32", "w:w", (0,), 32),
    ("clz.b32", "w:w", (1,), 31), ("popc.b32", "w:w", (0xf0f,), 8), ("brev.b32", "w:w", (1,), 2**31),
    ("prmt.b32", "w:www", (0x83020100, 0x07060504, 0xb074), 0xff000704), ("bfe.u32", "w:www", (0xabcd1234, 4, 8), 0x23),
    ("bfe.s32", "w:www", (0xf0, 4, 4), 0xffffffff), ("bfe.u32", "w:www", (0xffffffff, 28, 8), 15),
    ("shf.l.wrap.b32", "w:www", (0x80000000, 1, 1), 3), ("shf.r.wrap.b32", "w:www", (2, 1, 1), 0x80000001),
    ("lop3.b32", "w:wwww", (12, 10, 9, 0x96), 15), ("lop3.b32", "w:wwww", (12, 10, 9, 0x80), 8),
    ("add.f32", "w:ww", (bits(1.0), bits(2.0**-24)), bits(1.0)),
    ("sub.f32", "w:ww", (bits(1.0), bits(0.75)), bits(0.25)),
    ("mul.f32", "w:ww", (bits(2.0**-75), bits(2.0**-70)), bits(2.0**-145)),
    ("fma.rn.f32", "w:www", (bits(1 + 2.0**-12), bits(1 + 2.0**-12), bits(-1 - 2.0**-11)), bits(2.0**-24)),
    # Between two floats; above and below the middle; a sum that is exact; one that is 0; one that is too large.
    ("fma.rm.f32", "w:www", (bits(1 + 2.0**-12), bits(1 + 2.0**-12), bits(2.0**-26)), bits(1 + 2.0**-11)),
    ("fma.rm.f32", "w:www", (bits(1 + 2.0**-12), bits(-1 - 2.0**-12), 0), bits(-1 - 2.0**-11 - 2.0**-23)),
    ("fma.rm.f32", "w:www", (bits(1.0), bits(1.0), bits(-2.0**-100)), bits(1 - 2.0**-24)),
    ("fma.rm.f32", "w:www", (bits(3.0), bits(0.5), bits(2.0)), bits(3.5)),
    ("fma.rm.f32", "w:www", (bits(2.0), bits(3.0), bits(-6.0)), 2**31),
    ("fma.rm.f32", "w:www", (bits(2.0**127), bits(2.0), 0), 0x7f7fffff),
    ("fma.rm.f32", "w:www", (INFINITY, bits(2.0), 0), INFINITY), ("fma.rm.f32", "w:www", (NAN, 0, 0), NAN),
    ("div.rn.f32", "w:ww", (bits(1.0), bits(3.0)), 0x3eaaaaab), ("rcp.rn.f32", "w:w", (bits(4.0),), bits(0.25)),
    ("sqrt.rn.f32", "w:w", (bits(2.0),), 0x3fb504f3), ("rsqrt.approx.f32", "w:w", (bits(4.0),), bits(0.5)),
    ("ex2.approx.f32", "w:w", (bits(-3.0),), bits(0.125)), ("ex2.approx.ftz.f32", "w:w", (bits(-130.0),), 0),
    ("ex2.approx.f32", "w:w", (bits(-130.0),), bits(2.0**-130)), ("lg2.approx.f32", "w:w", (bits(8.0),), bits(3.0)),
    ("sin.approx.f32", "w:w", (0,), 0), ("cos.approx.f32", "w:w", (0,), bits(1.0)),
    ("tanh.approx.f32", "w:w", (INFINITY,), bits(1.0)), ("min.f32", "w:ww", (NAN, bits(1.0)), bits(1.0)),
    ("max.f32", "w:ww", (bits(-0.0), 0), 0), ("min.f32", "w:ww", (0, bits(-0.0)), bits(-0.0)),
    ("max.f32", "w:ww", (bits(-3.0), bits(2.0)), bits(2.0)), ("neg.f32", "w:w", (0,), bits(-0.0)),
    ("abs.f32", "w:w", (bits(-2.0),), bits(2.0)), ("copysign.f32", "w:ww", (bits(-1.0), bits(2.0)), bits(-2.0)),
    ("cvt.f32.f16", "w:h", (bits(-1.5, "e"),), bits(-1.5)), ("cvt.f32.f16", "w:h", (1,), bits(2.0**-24)),
    ("cvt.f32.f16", "w:h", (0x7c00,), INFINITY), ("cvt.rn.f16.f32", "h:w", (bits(1 + 2.0**-11),), bits(1.0, "e")),
    ("cvt.rn.f16.f32", "h:w", (bits(1 + 3 * 2.0**-11),), bits(1 + 2.0**-9, "e")),
    ("cvt.rn.f16.f32", "h:w", (bits(65520.0),), 0x7c00), ("cvt.rn.f16.f32", "h:w", (bits(2.0**-25),), 0),
    ("cvt.rn.f16.f32", "h:w", (bits(-0.0),), 0x8000), ("cvt.rn.f16.f32", "h:w", (bits(3 * 2.0**-25),), 2),
    ("cvt.rz.f16.f32", "h:w", (bits(65535.0),), 0x7bff), ("cvt.rn.f16.f32", "h:w", (NAN,), 0x7fff),
    ("cvt.rn.bf16.f32", "h:w", (0x3f808000,), 0x3f80), ("cvt.f32.bf16", "w:h", (0x3f81,), 0x3f810000),
    ("cvt.rn.f16x2.f32", "w:ww", (bits(1.0), bits(2.0)), 0x3c004000),
    ("cvt.rn.bf16x2.f32", "w:ww", (bits(1.0), bits(2.0)), 0x3f804000),
    ("cvt.rzi.s32.f32", "w:w", (bits(-1.9),), 0xffffffff), ("cvt.rni.s32.f32", "w:w", (bits(2.5),), 2),
    ("cvt.rmi.s32.f32", "w:w", (bits(-0.5),), 0xffffffff), ("cvt.rzi.s32.f32", "w:w", (bits(1e20),), 2**31 - 1),
    ("cvt.rzi.u32.f32", "w:w", (bits(-3.0),), 0), ("cvt.rzi.s32.f32", "w:w", (NAN,), 0),
    ("cvt.rzi.s16.f32", "h:w", (bits(-7.5),), 0xfff9), ("cvt.rni.f32.f32", "w:w", (bits(3.5),), bits(4.0)),
    ("cvt.rpi.f32.f32", "w:w", (bits(3.1),), bits(4.0)), ("cvt.rn.f32.s32", "w:w", (2**24 + 1,), bits(2.0**24)),
    ("cvt.rn.f32.u32", "w:w", (0xffffffff,), bits(2.0**32)), ("cvt.rn.f32.s16", "w:h", (-3,), bits(-3.0)),
    ("cvt.s64.s32", "d:w", (-1,), 2**64 - 1), ("cvt.u64.u32", "d:w", (-1,), 2**32 - 1),
    ("cvt.u32.u64", "w:d", (2**40 + 5,), 5), ("cvt.u16.u32", "h:w", (0x12345,), 0x2345),
    ("cvt.s32.s8", "w:w", (0x80,), 0xffffff80), ("cvt.sat.s8.s32", "w:w", (300,), 127),
    ("cvt.sat.f32.f32", "w:w", (bits(1.5),), bits(1.0)), ("mov.b32", "w:w", (7,), 7),
    ("cvta.to.global.u64", "d:d", (9,), 9))


def constant(register, width, value):
    mask = {"h": 0xffff, "w": 0xffffffff, "d": 2**64 - 1}[width]
    return f"mov.b{ {'h': 16, 'w': 32, 'd': 64}[width]} {register}, {value & mask};"


# Of a with b: 1 with 2, 2 with 2, and -1, or NaN, with 2.
COMPARISONS = {"lt.s32": "101", "lt.u32": "100", "le.s32": "111", "gt.s32": "000", "hi.u32": "001", "ge.s32": "010",
               "eq.b32": "010", "ne.b32": "101", "hs.u32": "011", "lt.f32": "100", "ltu.f32": "101", "eq.f32": "010",
               "equ.f32": "011", "neu.f32": "101", "ne.f32": "100", "num.f32": "110", "nan.f32": "001",
               "geu.f32": "011", "gtu.f32": "001", "le.f32": "110", "leu.f32": "111", "ge.f32": "010", "gt.f32": "000"}


class Arithmetic(unittest.TestCase):
    def result(self, name, shape, values, items):
        to, given = shape.split(":")
        names = [f"{REGISTER[width]}{10 + n}" for n, width in enumerate(given)]
        moves = "\n".join(constant(register, width, value) for register, width, value in zip(names, given, values))
        bytes_of = {"h": 2, "w": 4, "d": 8}[to]
        body = (f"{moves}\n{name} {REGISTER[to]}9, {', '.join(names)};\n"
                f"mul.wide.u32 %rd5, %r0, {bytes_of}; add.s64 %rd5, %rd1, %rd5;\n"
                f"st.global.b{8 * bytes_of} [%rd5], {REGISTER[to]}9;")
        return set(words(run(body, size=bytes_of * items, items=items), {2: "H", 4: "I", 8: "Q"}[bytes_of]))

    def test_values(self):
        for name, shape, values, expected in VALUES:
            for items in (32, 5):  # all lanes of a warp, and some
                with self.subTest(name, values=values, items=items):
                    found, = self.result(name, shape, values, items)
                    self.assertEqual(hex(found), hex(expected))

    def test_comparisons(self):
        for name, expected in COMPARISONS.items():
            third = NAN if name.endswith("f32") else 0xffffffff
            one, two = (bits(1.0), bits(2.0)) if name.endswith("f32") else (1, 2)
            found = ""
            for a in (one, two, third):
                data = run(f"mov.b32 %r1, {a}; mov.b32 %r2, {two}; setp.{name} %p1, %r1, %r2;\n"
                           "selp.b32 %r3, 1, 0, %p1; st.global.b32 [%rd3], %r3;", items=7)
                found += str(words(data)[6])
            with self.subTest(name):
                self.assertEqual(found, expected)

    def test_predicates(self):
        """setp with a second operation and result, and logic of predicates."""
        body = ("setp.lt.s32 %p1, %r0, 8; setp.ge.and.s32 %p2|%p3, %r0, 4, !%p1; xor.pred %p4, %p2, %p1;\n"
                "not.pred %p5, %p4; mov.b32 %r1, 0;\n"
                "@%p2 or.b32 %r1, %r1, 1; @%p3 or.b32 %r1, %r1, 2; @!%p5 or.b32 %r1, %r1, 4;\n"
                "st.global.b32 [%rd3], %r1;")
        # %p2 is of lanes from 8 on, %p3 of none, and %p4 of all
        expected = [5 if lane >= 8 else 4 for lane in range(32)]
        self.assertEqual(words(run(body)), expected)

    def test_halves_of_words(self):
        body = ("mov.b32 %r1, 0x12345678; mov.b32 {%rs1, %rs2}, %r1; mov.b32 %r2, {%rs2, %rs1};\n"
                "mov.b64 %rd5, {%r2, %r1}; mov.b64 {_, %r3}, %rd5; add.s32 %r2, %r2, %r3; st.global.b32 [%rd3], %r2;")
        self.assertEqual(words(run(body))[0], 0x56781234 + 0x12345678)


class Memory(unittest.TestCase):
    def test_types(self):
        """Bytes, halves, words and vectors; signs fill wider registers."""
        a = struct.pack("<bbhiIIIIQ", -1, 5, -2, -3, 1, 2, 3, 4, 2**40)
        a = a[:8] + bytes(8) + a[8:]  # the vector at 16
        body = ("ld.global.s8 %r1, [%rd0]; ld.global.b8 %rs2, [%rd0]; cvt.u32.u16 %r2, %rs2;\n"
                "ld.global.s16 %r3, [%rd0+2];\n"
                "ld.global.s32 %rd5, [%rd0+4]; cvt.u32.u64 %r4, %rd5; ld.global.v4.b32 {%r5, _, %r6, %r7}, [%rd0+16];\n"
                "ld.global.nc.b64 %rd6, [%rd0+32]; shr.u64 %rd6, %rd6, 40; cvt.u32.u64 %r8, %rd6;\n"
                "st.global.v4.b32 [%rd1], {%r1, %r2, %r3, %r4}; st.global.v4.b32 [%rd1+16], {%r5, %r6, %r7, 9};\n"
                "st.global.b32 [%rd1+32], %r8; st.global.b8 [%rd1+36], %r3; st.global.v2.b16 [%rd1+40], {%rs2, %rs2};")
        self.assertEqual(words(run(body, a, size=44, items=1)),
                         [0xffffffff, 255, 0xfffffffe, 0xfffffffd, 1, 3, 4, 9, 1, 0xfffffffe, 0x00ff00ff])

    def test_shared_constants_and_local(self):
        before = ".const .align 4 .b32 table[3] = {5, 6, 0f3F800000};\n"
        body = (".shared .align 4 .b32 s[32]; .local .align 8 .b8 l[16]; .reg .b64 %SP;\n"
                "mov.b64 %rd5, s; add.s64 %rd5, %rd5, %rd2; st.shared.b32 [%rd5], %r0; bar.sync 0;\n"
                "xor.b32 %r1, %r0, 31; mul.wide.u32 %rd6, %r1, 4; mov.b64 %rd7, s; cvta.shared.u64 %rd7, %rd7;\n"
                "add.s64 %rd7, %rd7, %rd6; ld.b32 %r2, [%rd7]; ld.const.b32 %r3, [table+4]; add.s32 %r2, %r2, %r3;\n"
                "mov.b64 %SP, l; cvta.local.u64 %SP, %SP; st.b32 [%SP+8], %r2; ld.local.b32 %r4, [l+8];\n"
                "st.global.b32 [%rd3], %r4;")
        self.assertEqual(words(run(body, before=before)), [31 - lane + 6 for lane in range(32)])

    def faults(self, pattern, body, **options):
        with self.assertRaisesRegex(ptx.Wrong, pattern):
            run(body, **options)

    def test_out_of_bounds(self):
        self.faults(r"line 9: 'ld.global.b32 %r1, \[%rd4\+4\]': 4 bytes at offset 16 of a buffer of 16 bytes; "
                    r"thread \(3, 0, 0\)",
                    "ld.global.b32 %r1, [%rd4+4];", a=bytes(16), items=4)
        self.faults("4 bytes at offset -4 of a buffer of 16 bytes", "ld.global.b32 %r1, [%rd0+-4];", a=bytes(16))
        self.faults("4 bytes at offset 12 of a buffer of 14 bytes", "st.global.b32 [%rd1+12], 1;", size=14)
        self.faults("is in no buffer", "mov.b64 %rd5, 8; ld.global.b32 %r1, [%rd5];")
        shared = ".shared .align 16 .b8 s[16]; .shared .align 16 .b8 t[16]; mov.b64 %rd5, s;"
        self.faults("leave a variable", f"{shared} ld.shared.b32 %r1, [%rd5+16];")
        self.faults("leave a variable", f"{shared} st.shared.b32 [%rd5+-4], %r0;")
        self.faults("in no variable", f"{shared} ld.shared.b32 %r1, [%rd0];")
        self.faults("of 8 bytes of local", ".local .align 4 .b8 l[8]; ld.local.b32 %r1, [l+8];")
        self.faults("of 16 bytes of parameters", "ld.param.b32 %r1, [b+8];")

    def test_alignment(self):
        self.faults("no multiple of 16", "ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%rd0+8];", a=bytes(64))
        self.faults("no multiple of 4", "st.global.b32 [%rd1+2], %r0;")

    def test_undefined(self):
        self.faults("'add.s32 %r1, %r2, 1': it reads a register that it has not written", "add.s32 %r1, %r2, 1;")
        self.faults(r"not written; thread \(4, 0, 0\)",
                    "setp.lt.u32 %p1, %r0, 4; @%p1 mov.b32 %r2, 1; add.s32 %r1, %r2, 1;")
        self.faults("not written", "@%p1 mov.b32 %r2, 1;")
        widened = "mov.b64 %rd5, {%r0, %r9};"  # nobody has written %r9
        run(f"{widened} cvt.s64.s32 %rd6, %rd5; st.global.b32 [%rd3], %rd6;")
        self.faults("'add.s64 .*not written", f"{widened} add.s64 %rd6, %rd5, 1;")

    def test_division_by_0(self):
        self.faults("division by 0", "mov.b32 %r1, 0; div.u32 %r2, %r0, %r1;")


class Races(unittest.TestCase):
    SHARED = ".shared .align 16 .b8 s[1024]; mov.b64 %rd5, s; add.s64 %rd6, %rd5, %rd2;"
    # thread t reads what thread t + 1 has written
    WRITE, READ = "st.shared.b32 [%rd6], %r0;", "setp.lt.u32 %p1, %r0, 63; @%p1 ld.shared.b32 %r1, [%rd6+4];"

    def test_barrier(self):
        run(f"{self.SHARED} {self.WRITE} bar.sync 0; {self.READ}", items=64)
        for reverse in (False, True):
            with self.assertRaisesRegex(ptx.Wrong, r"a race: it reads shared byte \d+, which thread \(.*\) wrote"):
                run(f"{self.SHARED} {self.WRITE} {self.READ}", items=64, reverse=reverse)

    def test_write_after_read(self):
        body = f"{self.SHARED} {self.WRITE} bar.sync 0; {self.READ}"
        run(f"{body} bar.sync 0; {self.WRITE}", items=64)
        with self.assertRaisesRegex(ptx.Wrong, "a race: it writes shared byte .* read since the last barrier"):
            run(f"{body} mov.b32 %r0, 9; {self.WRITE}", items=64)

    def test_writes(self):
        run(f"{self.SHARED} st.shared.b32 [%rd5], 1;", items=64)  # the same value
        with self.assertRaisesRegex(ptx.Wrong, "a race: it writes .* wrote"):
            run(f"{self.SHARED} st.shared.b32 [%rd5], %r0;", items=64)

    def test_warp_barrier(self):
        exchange = f"{self.SHARED} {self.WRITE} bar.warp.sync 0xffffffff; xor.b32 %r2, %r0, 1;\n"
        exchange += "mul.wide.u32 %rd7, %r2, 4;"
        body = f"{exchange} add.s64 %rd7, %rd5, %rd7; ld.shared.b32 %r1, [%rd7]; st.global.b32 [%rd3], %r1;"
        self.assertEqual(words(run(body, items=64)), [item ^ 1 for item in range(64)])
        with self.assertRaisesRegex(ptx.Wrong, "a race"):
            run(body.replace("%r0, 1;", "%r0, 32;"), items=64)  # of another warp
        with self.assertRaisesRegex(ptx.Wrong, "a race"):
            run(body.replace("bar.warp.sync 0xffffffff;", ""), items=64)


class Flow(unittest.TestCase):
    def test_divergence(self):
        """Each lane counts to its own number, in a loop with a branch; then all are together for a shuffle."""
        body = ("mov.b32 %r1, 0; mov.b32 %r2, 0;\nagain:\nsetp.ge.u32 %p1, %r1, %r0; @%p1 bra done;\n"
                "and.b32 %r3, %r1, 1; setp.eq.s32 %p2, %r3, 0; @%p2 bra even;\nadd.s32 %r2, %r2, 100; bra.uni next;\n"
                "even:\nadd.s32 %r2, %r2, 1;\nnext:\nadd.s32 %r1, %r1, 1; bra.uni again;\ndone:\n"
                "shfl.sync.bfly.b32 %r4, %r2, 1, 31, -1; st.global.b32 [%rd3], %r4;")
        expected = [sum(100 if n % 2 else 1 for n in range(lane ^ 1)) for lane in range(32)]
        self.assertEqual(words(run(body)), expected)

    def test_loop_above_its_end(self):
        """Lanes that leave go to a lower place: they must not pass the others at the barrier."""
        body = ("mov.b32 %r1, 0; bra.uni loop;\nout:\nbar.sync 0; st.global.b32 [%rd3], %r1; ret;\n"
                "loop:\nadd.s32 %r1, %r1, 1; setp.gt.u32 %p1, %r1, %r0; @%p1 bra out; bra.uni loop;")
        self.assertEqual(words(run(body, items=40)), list(range(1, 41)))

    def test_ended_lanes(self):
        body = "setp.gt.u32 %p1, %r0, 9; @%p1 ret; st.global.b32 [%rd3], 7;"
        self.assertEqual(words(run(body, items=12)), [7] * 10 + [0xffffffff] * 2)

    def test_no_end(self):
        with self.assertRaisesRegex(ptx.Wrong, "does not come to an end"):
            run("again:\nbra again;", items=1)

    def test_groups(self):
        body = ("mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mad.lo.s32 %r3, %r1, %r2, %r0;\n"
                "mul.wide.u32 %rd5, %r3, 4; add.s64 %rd5, %rd1, %rd5; st.global.b32 [%rd5], %r3;")
        for reverse in (False, True):
            self.assertEqual(words(run(body, size=4 * 15, items=5, groups=3, reverse=reverse)), list(range(15)))

    def test_axes(self):
        body = ("mov.u32 %r1, %tid.y; mov.u32 %r2, %tid.z; mad.lo.s32 %r3, %r2, 3, %r1; mad.lo.s32 %r3, %r3, 5, %r0;\n"
                "mul.wide.u32 %rd5, %r3, 4; add.s64 %rd5, %rd1, %rd5; mov.u32 %r4, %laneid; st.global.b32 [%rd5], %r4;")
        self.assertEqual(words(run(body, items=(5, 3, 4))), [item % 32 for item in range(60)])

    def test_barrier_not_reached(self):
        with self.assertRaisesRegex(ptx.Wrong, r"'bar.sync 0': a barrier that 30 of 40 threads never reach"):
            run("setp.gt.u32 %p1, %r0, 9; @%p1 ret; bar.sync 0;", items=40)
        with self.assertRaisesRegex(ptx.Wrong, "warp 1 waits at another barrier, at line 11"):
            run("setp.gt.u32 %p1, %r0, 31; @%p1 bra other;\nbar.sync 0; ret;\nother: bar.sync 0;", items=64)
        with self.assertRaisesRegex(ptx.Wrong, "it waits for lane 10, which waits at line 11"):
            run("setp.gt.u32 %p1, %r0, 9; @%p1 bra other;\nbar.sync 0; ret;\nother: bar.sync 0;", items=32)

    def test_shuffles(self):
        for how, source in (("up.b32 %r1|%p1, %r0, 3, 0", lambda lane: (lane - 3, lane >= 3)),
                            ("down.b32 %r1|%p1, %r0, 5, 31", lambda lane: (lane + 5, lane < 27)),
                            ("bfly.b32 %r1|%p1, %r0, 16, 31", lambda lane: (lane ^ 16, True)),
                            ("idx.b32 %r1|%p1, %r0, 2, 0x181f", lambda lane: (lane // 8 * 8 + 2, True)),
                            ("down.b32 %r1|%p1, %r0, 1, 0x1c1f", lambda lane: (lane + 1, lane % 4 < 3))):
            expected = [source(lane)[0] + 64 if source(lane)[1] else lane for lane in range(32)]
            with self.subTest(how):
                found = words(run(f"shfl.sync.{how}, -1; @%p1 or.b32 %r1, %r1, 64; st.global.b32 [%rd3], %r1;"))
                self.assertEqual(found, expected)

    def test_lane_missing(self):
        with self.assertRaisesRegex(ptx.Wrong, "lanes 0x3ff take part, and its mask is 0xffffffff"):
            run("setp.lt.u32 %p1, %r0, 10; @%p1 shfl.sync.idx.b32 %r1, %r0, 0, 31, -1;")


class Text(unittest.TestCase):
    def refused(self, pattern, body, **options):
        with self.assertRaisesRegex(ptx.Wrong, pattern):
            run(body, **options)

    def test_unknown(self):
        self.refused("line 9: 'add.sat.s32 %r1, %r2, %r3': the instruction is not known", "add.sat.s32 %r1, %r2, %r3;")
        self.refused("'ld.global.b128 .*': the instruction is not known", "ld.global.b128 %r1, [%rd0];")
        self.refused("'atom.global.add.u32 .*': the instruction is not known", "atom.global.add.u32 %r1, [%rd0], 1;")
        self.refused("a directive that is known", "", before=".func f();")
        self.refused("'%clock' is not known", "mov.u32 %r1, %clock;")
        self.refused("only barrier 0", "bar.sync 1;")
        self.refused("cvt.f32.s32.*: a rounding is wanted", "cvt.f32.s32 %r1, %r0;")

    def test_operands(self):
        self.refused("not as wide as the instruction's type", "add.s32 %r1, %rd0, 1;")
        self.refused("an operand is missing", "add.s32 %r1, %r0;")
        self.refused("not the number of operands", "add.s32 %r1, %r0, %r0, %r0;")
        self.refused("register %r64 is not declared", "add.s32 %r1, %r64, 1;")
        self.refused("'%x' is not known", "add.s32 %r1, %x, 1;")
        self.refused("label 'away' is not known", "bra away;")
        self.refused("a special register is written", "mov.u32 %tid.x, 1;")

    def test_scopes(self):
        """Names in braces end there."""
        body = "mov.b32 %r1, 3;\n{ .reg .b32 %r<8>; mov.b32 %r1, 4; }\nst.global.b32 [%rd3], %r1;"
        self.assertEqual(words(run(body, items=1)), [3])
        self.refused("'t' is not known", "{ .reg .b32 t; mov.b32 t, 4; }\nst.global.b32 [%rd3], t;")

    def test_arguments(self):
        program = ptx.Program(INTERPRETER, f"{HEAD}.visible .entry k(.param .u32 a, .param .align 8 .b8 b[16])\n"
                              ".reqntid 8, 4, 1\n{ ret; }")
        figures = [program.figure("k", what) for what in ("parameters", "parameter bytes", "items")]
        self.assertEqual(figures, [2, 24, 32])
        for arguments, pattern in (([bytes(4)], "1 arguments .the kernel has 2"),
                                   ([bytes(4), bytes(8)], "argument 1 has 8 bytes")):
            with self.assertRaisesRegex(ptx.Wrong, pattern):
                program.run("k", (1, 1, 1), (8, 4, 1), arguments, {})
        with self.assertRaisesRegex(ptx.Wrong, "a group of 32 x 1 x 1 .the kernel wants 8 x 4 x 1"):
            program.run("k", (1, 1, 1), (32, 1, 1), [bytes(4), bytes(16)], {})


class Matrix(unittest.TestCase):
    @staticmethod
    def random_halves(draw, count, kind):
        values = [draw.uniform(-2, 2) for _ in range(count)]
        if kind == "f16":
            return [struct.unpack("<e", struct.pack("<e", value))[0] for value in values]
        return [struct.unpack("<f", struct.pack("<I", bits(value) & 0xffff0000))[0] for value in values]

    def test_mma(self):
        """Against a plain loop in double. Fragments are loaded from plain matrices by the tables of the ISA: A of 16 x K
        by rows, B of K x 8 by columns."""
        draw = random.Random(3)
        for depth, kind in ((8, "f16"), (16, "f16"), (16, "bf16"), (8, "bf16")):
            a, b = self.random_halves(draw, 16 * depth, kind), self.random_halves(draw, depth * 8, kind)
            c = words(struct.pack("<128f", *(draw.uniform(-1, 1) for _ in range(128))), "f")
            found = self.product(depth, kind, a, b, c)
            for row in range(16):
                for n in range(8):
                    exact = c[row * 8 + n] + sum(a[row * depth + k] * b[k * 8 + n] for k in range(depth))
                    with self.subTest(depth=depth, kind=kind, row=row, n=n):
                        self.assertLessEqual(abs(found[row * 8 + n] - exact), 1e-6 * max(abs(exact), 1e-3))

    @staticmethod
    def product(depth, kind, a, b, c):
        """What mma makes of the matrices, by rows."""
        columns = [b[k * 8 + n] for n in range(8) for k in range(depth)]
        pack = {"f16": lambda v: struct.pack("<e", v), "bf16": lambda v: struct.pack("<f", v)[2:]}[kind]
        data = b"".join(map(pack, a + columns)) + struct.pack("<128f", *c)
        b_at, c_at = 2 * 16 * depth, 2 * 24 * depth
        # %r1: lane / 4, a row; %r2: lane % 4, a pair of columns; %rd5: in a and b, %rd6: in c, %rd7: in the result
        lines = ["shr.u32 %r1, %r0, 2; and.b32 %r2, %r0, 3;",
                 f"mul.lo.s32 %r3, %r1, {2 * depth}; mad.lo.s32 %r3, %r2, 4, %r3;",
                 "cvt.u64.u32 %rd5, %r3; add.s64 %rd5, %rd0, %rd5;",
                 "mul.lo.s32 %r4, %r1, 32; mad.lo.s32 %r4, %r2, 8, %r4;",
                 "cvt.u64.u32 %rd6, %r4; add.s64 %rd7, %rd1, %rd6; add.s64 %rd6, %rd0, %rd6;"]
        for n, (row, k) in enumerate([(0, 0), (8, 0), (0, 8), (8, 8)][:depth // 4]):
            lines.append(f"ld.global.b32 %r{10 + n}, [%rd5+{2 * (row * depth + k)}];")
        lines += [f"ld.global.b32 %r{20 + n}, [%rd5+{b_at + 16 * n}];" for n in range(depth // 8)]
        lines += [f"ld.global.v2.b32 {{%r{30 + 2 * n}, %r{31 + 2 * n}}}, [%rd6+{c_at + 256 * n}];" for n in range(2)]
        registers = ", ".join("{" + ", ".join(f"%r{first + n}" for n in range(count)) + "}"
                              for first, count in ((40, 4), (10, depth // 4), (20, depth // 8), (30, 4)))
        lines.append(f"mma.sync.aligned.m16n8k{depth}.row.col.f32.{kind}.{kind}.f32 {registers};")
        lines += [f"st.global.v2.b32 [%rd7+{256 * n}], {{%r{40 + 2 * n}, %r{41 + 2 * n}}};" for n in range(2)]
        return words(run("\n".join(lines), data, size=512), "f")

    LOAD = (".shared .align 16 .b8 s[512]; mov.b64 %rd5, s; mul.wide.u32 %rd6, %r0, 16; add.s64 %rd6, %rd5, %rd6;\n"
            "mul.wide.u32 %rd7, %r0, 16; add.s64 %rd7, %rd0, %rd7;\n")
    COPY = "cvt.u32.u64 %r9, %rd6; cp.async.cg.shared.global [%r9], [%rd7], 16;\n"
    WAIT = "cp.async.commit_group; cp.async.wait_group 0; bar.sync 0;\n"
    HALVES = struct.pack("<256H", *range(256))  # four matrices of 8 x 8, one below the other

    def test_ldmatrix(self):
        for count in (1, 2, 4):
            for transposed in (False, True):
                to = ", ".join(f"%r{10 + n}" for n in range(count))
                last = 10 + count - 1
                name = f"ldmatrix.sync.aligned.m8n8.x{count}{'.trans' if transposed else ''}.shared.b16"
                body = (f"{self.LOAD}{self.COPY}{self.WAIT}{name} {{{to}}}, [%rd6];\nst.global.b32 [%rd3], %r{last};")
                first = 64 * (count - 1)
                places = [[(lane // 4, lane % 4 * 2 + n) for n in range(2)] for lane in range(32)]
                values = [[first + (c * 8 + r if transposed else r * 8 + c) for r, c in pair] for pair in places]
                with self.subTest(count=count, transposed=transposed):
                    self.assertEqual(words(run(body, self.HALVES)), [low | high << 16 for low, high in values])

    def test_movmatrix(self):
        body = ("shl.b32 %r1, %r0, 1; add.s32 %r2, %r1, 1; shl.b32 %r2, %r2, 16; or.b32 %r1, %r1, %r2;\n"
                "movmatrix.sync.aligned.m8n8.trans.b16 %r3, %r1; st.global.b32 [%rd3], %r3;")
        low = [lane % 4 * 16 + lane // 4 for lane in range(32)]
        self.assertEqual(words(run(body)), [value | (value + 8) << 16 for value in low])

    def faults(self, pattern, body, **options):
        with self.assertRaisesRegex(ptx.Wrong, pattern):
            run(body, **{"a": self.HALVES, **options})

    def test_together(self):
        move = "movmatrix.sync.aligned.m8n8.trans.b16 %r3, %r0;"
        self.faults("12 lanes of the warp are missing", move, items=20)
        self.faults("its predicate is false, and another lane's is true", f"setp.lt.u32 %p1, %r0, 9; @%p1 {move}")
        self.faults("22 lanes of the warp are missing", f"setp.gt.u32 %p1, %r0, 9; @%p1 ret; {move}")
        self.faults("no multiple of 16", f"{self.LOAD}ldmatrix.sync.aligned.m8n8.x1.shared.b16 {{%r1}}, [%rd5+8];")

    def test_vote(self):
        vote = "vote.sync.any.pred %p2, %p1, 0xffffffff; selp.b32 %r1, 5, 7, %p2; st.global.b32 [%rd3], %r1;"
        for lane, value in ((31, 5), (32, 7)):
            with self.subTest(lane=lane):
                self.assertEqual(words(run(f"setp.eq.u32 %p1, %r0, {lane}; {vote}")), [value] * 32)

    READ = "ld.shared.b32 %r1, [%rd6]; st.global.b32 [%rd3], %r1;"

    def test_copy(self):
        self.assertEqual(words(run(f"{self.LOAD}{self.COPY}cp.async.wait_all; {self.READ}", self.HALVES)),
                         [8 * lane | (8 * lane + 1) << 16 for lane in range(32)])
        body = f"{self.LOAD}cp.async.ca.shared.global [%rd6], [%rd7], 8, 2; cp.async.wait_all; {self.READ}"
        self.assertEqual(words(run(body, self.HALVES)), [8 * lane for lane in range(32)])

    def test_copy_without_wait(self):
        copy = f"{self.LOAD}{self.COPY}"
        never = "for whose cp.async nothing waited"
        self.faults(f"reads shared byte .* {never}", f"{copy}cp.async.commit_group; {self.READ}")
        self.faults(never, f"{copy}cp.async.wait_group 0; {self.READ}")  # of no group yet
        self.faults(never, f"{copy}cp.async.commit_group; cp.async.wait_group 1; {self.READ}")
        self.faults(f"writes shared byte .* {never}", f"{copy}st.shared.b32 [%rd6], 1;")

    def test_copy_groups(self):
        """Of two groups the older one is complete."""
        load = self.LOAD.replace("s[512]", "s[1024]")
        again = "add.s32 %r9, %r9, 512; cp.async.cg.shared.global [%r9], [%rd7], 16; cp.async.commit_group;\n"
        two = f"{load}{self.COPY}cp.async.commit_group; {again} cp.async.wait_group 1;\n"
        self.assertEqual(words(run(two + self.READ, self.HALVES))[1], 8 | 9 << 16)
        self.faults("nothing waited", two + "ld.shared.b32 %r1, [%rd6+512];")

    def test_copy_without_barrier(self):
        """A thread that waits has its own copies, and others have them after a barrier."""
        other = "xor.b32 %r1, %r0, 1; mul.wide.u32 %rd8, %r1, 16; add.s64 %rd8, %rd5, %rd8; ld.shared.b32 %r2, [%rd8];"
        run(f"{self.LOAD}{self.COPY}{self.WAIT}{other}", self.HALVES)
        self.faults("a race: it reads", f"{self.LOAD}{self.COPY}cp.async.wait_all; {other}")
        self.faults("a race: it reads .* has a cp.async write", f"{self.LOAD}{self.COPY}{other}")
        self.faults("nothing waited", f"{self.LOAD}{self.COPY}bar.sync 0; {other}")

    def test_copy_is_wrong(self):
        self.faults("the size is 16", f"{self.LOAD}cp.async.cg.shared.global [%rd6], [%rd7], 8;")
        self.faults("the size is 4, 8 or 16", f"{self.LOAD}cp.async.ca.shared.global [%rd6], [%rd7], 2;")
        self.faults("no multiple of 16", f"{self.LOAD}cp.async.cg.shared.global [%rd6], [%rd7+8], 16;")
        self.faults("of a buffer of 512 bytes", f"{self.LOAD}cp.async.cg.shared.global [%rd6], [%rd7+16], 16;")
        self.faults("leave a variable", f"{self.LOAD}cp.async.cg.shared.global [%rd6+16], [%rd7], 16;")


def main():
    global INTERPRETER
    INTERPRETER = ptx.Interpreter(pathlib.Path(sys.argv.pop(1)))
    unittest.main()


if __name__ == "__main__":
    main()
