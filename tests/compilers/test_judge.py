#!/usr/bin/env python3
"""Tests with figures and assembly that are made up: what must fail fails, and what the figures say is right."""
import dataclasses
import pathlib
import re
import sys
import tempfile
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))

import amd  # noqa: E402
import bound  # noqa: E402
import figures  # noqa: E402
import intel  # noqa: E402
import judge  # noqa: E402
import nvidia  # noqa: E402
import tools  # noqa: E402

RECORDED = judge.Row("sm_80", "fused=register-64-f32", "fused", 32, 128, 8, 0, 16, 25092, 16, 80, 90)


def verdicts(row, whole=False):
    return judge.compared([row], {judge.key(RECORDED): RECORDED}, whole)


class Judge(unittest.TestCase):
    def test_same(self):
        self.assertEqual(verdicts(RECORDED), [])

    def test_worse(self):
        for column, worse in (("spills", 12), ("scalar_spills", 1), ("scratch", 20), ("occupancy", 12), ("share", 79),
                              ("bound", None)):
            line, = verdicts(dataclasses.replace(RECORDED, **{column: worse}))
            value = "none" if worse is None else worse
            self.assertRegex(line, rf"^WORSE: .* on sm_80: {column} is {value}, recorded \d+$")

    def test_better(self):
        for column, better in (("spills", 0), ("scratch", 0), ("occupancy", 20), ("share", 81), ("bound", 91)):
            line, = verdicts(dataclasses.replace(RECORDED, **{column: better}))
            self.assertRegex(line, rf"^record it .*: {column} is {better}, recorded \d+$")

    def test_registers_are_not_judged(self):
        self.assertEqual(verdicts(dataclasses.replace(RECORDED, registers=160, local=30000)), [])

    def test_new_and_gone(self):
        other = dataclasses.replace(RECORDED, build="fused=new-64-f32")
        self.assertIn("not recorded yet", verdicts(other)[0])
        self.assertEqual(len(verdicts(other)), 1)
        self.assertIn("not compiled any more", verdicts(other, whole=True)[1])

    def test_file(self):
        with tempfile.TemporaryDirectory() as folder:
            file, row = pathlib.Path(folder) / "limits.csv", dataclasses.replace(RECORDED, bound=None)
            judge.write({judge.key(row): row}, file)
            self.assertEqual(judge.read(file), {judge.key(row): row})

    def test_merged(self):
        old, new = (dataclasses.replace(RECORDED, build=name) for name in ("old", "new"))
        recorded = {judge.key(old): old}
        self.assertEqual(len(judge.merged(recorded, [new], whole=False)), 2)
        self.assertEqual(list(judge.merged(recorded, [new], whole=True).values()), [new])


class Assembly(unittest.TestCase):
    def test_loops(self):
        """A loop with products in a loop that only looks like more work, and what is left of an unrolled loop."""
        fma = "  /*0010*/ FFMA R0, R1, R2, R0 ;\n"
        inner = ".L_1:\n" + fma * 10 + "  /*0020*/ LDS.128 R4, [R3] ;\n  /*0030*/ @P0 BRA `(.L_1) ;\n"
        rest = ".L_2:\n" + fma + "  /*0060*/ @P0 BRA `(.L_2) ;\n"
        outer = ".L_0:\n" + inner + rest + fma * 30 + "  /*0080*/ @P0 BRA `(.L_0) ;\n"
        kernel = figures.Compiled("fused", 32, 128, 64, 0, 0, 0, 0, 8,
                                  figures.found(outer.split("\n"), nvidia.LABEL, nvidia.BRANCH, nvidia.counted))
        hot, = figures.hot(kernel)
        self.assertEqual((hot.multiply_adds, hot.instructions, hot.local_bytes), (10, 12, 16))
        self.assertEqual(bound.share(kernel), 83)
        self.assertEqual(bound.bound("sm_80", kernel), 100)  # 5 clocks of products, 4 of local memory, 3 of issuing
        self.assertEqual(bound.bound("sm_90", kernel), 62)  # 2.5 clocks of products

    def test_matrix(self):
        """A loop of matrix instructions is hot, counts in the share, and has no bound: the peak is another."""
        for counted, line in ((nvidia.counted, "  /*0010*/ HMMA.16816.F32 R0, R4, R8, R0 ;"),
                              (amd.counted, "\tv_wmma_f32_16x16x16_f16 v[0:7]"),
                              (lambda own: intel.counted(own, 8, 8), "  dpas.8x8 (8|M0)  r1:f  r2:f  r3:hf  r4:hf")):
            kernel = figures.Compiled("fused", 32, 128, 64, 0, 0, 0, 0, 8, [counted([line])])
            self.assertEqual(kernel.loops[0].matrix, 1)
            self.assertEqual(bound.share(kernel), 100)
            self.assertIsNone(bound.bound("sm_80", kernel))

    def test_leanest_round(self):
        """A way around a block is taken, one around matrix instructions is not, and the bound is of the matrix unit."""
        mma = "  /*0010*/ HMMA.16816.F32 R0, R4, R8, R0 ;\n"
        code = (".L_0:\n  /*0000*/ LDSM.16.M88.2 R4, [R3] ;\n  /*0008*/ @P0 BRA `(.L_1) ;\n" + mma * 4 +
                ".L_1:\n  /*0020*/ @P1 BRA `(.L_2) ;\n" + "  /*0030*/ FADD R0, R1, R2 ;\n" * 9 +
                ".L_2:\n  /*0040*/ STS.128 [R3], R4 ;\n  /*0050*/ @P2 BRA `(.L_0) ;\n")
        lines = code.split("\n")
        loop = figures.leanest(lines, nvidia.LABEL, nvidia.BRANCH, nvidia.JUMP, nvidia.counted)
        self.assertEqual(loop, figures.Loop(9, matrix=4, matrix_products=8192, local_bytes=8, local_written=16))
        kernel = figures.Compiled("fused", 32, 128, 64, 0, 0, 0, 0, 8, matrix_round=loop)
        self.assertEqual((bound.share(kernel), bound.bound("sm_80", kernel)), (44, 100))
        self.assertEqual(bound.bound("sm_90", kernel), 66)  # 4 clocks of 6 of local memory

    def test_amd(self):
        loop = amd.counted(["\tv_dual_fmac_f32 v1, v2, v3 :: v_dual_fmac_f32 v4, v5, v6",
                            "\tv_pk_fma_f32 v[0:1], v[2:3], v[4:5]", "\tds_read2_b32 v[0:1], v2",
                            "\tds_load_b128 v[0:3], v4", "\ts_waitcnt lgkmcnt(0)", "; a comment"])
        self.assertEqual(loop, figures.Loop(5, arithmetic=2, multiply_adds=2, products=4, local_bytes=24))

    def test_halves(self):
        """A packed instruction has two products and takes as long as one; Intel's takes half as long as of floats."""
        loop = amd.counted(["\tv_pk_fma_f16 v1, v2, v3, v1", "\tv_pk_mul_f16 v4, v2, v3", "\tv_pk_add_f16 v1, v1, v4"])
        self.assertEqual(loop, figures.Loop(3, arithmetic=3, multiply_adds=2, products=4, half_products=4))
        kernel = figures.Compiled("fused", 64, 128, 64, 0, 0, 0, 0, 4, [loop])
        self.assertEqual(bound.bound("gfx906", kernel), 133)  # 4 products in 3 instructions
        loop = intel.counted(["  mad (16|M0)  r1:hf  r2:hf  r3:hf  r4:hf", "  mov (16|M0)  r5:f  r1:hf"], 16, 8)
        self.assertEqual(loop, figures.Loop(2, arithmetic=1.5, multiply_adds=1, products=1, half_products=1))

    def test_intel(self):
        loop = intel.counted(["  mad (16|M0)  r1:f  r2:f  r3:f  r4:f", "  load.slm.d32x4.a32 (16|M0)  r27:4  [r23:1]",
                              "  send (8|M0) r28:f r3 0xC 0x024060FE // wr:1+0, rd:4; hdc.dc1; untyped surface read",
                              "  mad (1|M0) r1:d r2:d 4:w"], 16, 8)
        self.assertEqual(loop, figures.Loop(4, arithmetic=1, multiply_adds=1, products=1, local_bytes=24))

    def test_wrong_instruction(self):
        """ocloc's exit code is 0 then."""
        with self.assertRaisesRegex(tools.Refused, "INVALID opcode dpas"):
            intel.refuse_wrong("Command was: ...\nINVALID opcode dpas\nBuild succeeded.\n")
        intel.refuse_wrong("//.options INVALID\nBuild succeeded.\n")

    def test_code_that_was_not_dumped(self):
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(tools.Refused):
            intel.assembly_of("fused", b"code", pathlib.Path(folder))


class Occupancy(unittest.TestCase):
    def test_nvidia(self):
        """By registers, by local memory, by the most groups."""
        for registers, local, items, warps in ((246, 25092, 128, 8), (32, 40000, 128, 16), (16, 0, 32, 32)):
            kernel = figures.Compiled("fused", 32, items, registers, 0, 0, 0, local)
            self.assertEqual(bound.warps_of_nvidia("sm_80", kernel), warps)

    def test_intel(self):
        """All places, local memory of which a group gets 32 KiB, and 256 registers."""
        for registers, local, threads in ((128, 0, 8), (128, 25104, 4), (256, 0, 4)):
            kernel = figures.Compiled("fused", 8, 128, registers, 0, 0, 0, local)
            self.assertEqual(bound.threads_of_intel("dg2", kernel), threads)


class Nvvm(unittest.TestCase):
    def test_code(self):
        code = nvidia.for_nvvm("define dso_local void @helper(i32 %0) #0 {\n"
                               "define dso_local spir_kernel void @fused(i32 %0) #1 !reqd_work_group_size !7 {\n"
                               "attributes #0 = { noinline nounwind }\n!7 = !{i32 8, i32 16, i32 1}\n")
        self.assertIn("define internal void @helper", code)
        self.assertIn("define dso_local spir_kernel void @fused", code)
        self.assertNotIn("noinline", code)
        self.assertEqual(nvidia.group_sizes(code), {"fused": (8, 16, 1)})

    def test_sizes(self):
        ptx = nvidia.with_sizes(".visible .entry fused(\n\t.param .u64 a\n)\n{\n", {"fused": (8, 16, 1)})
        self.assertTrue(re.search(r"\)\n\.reqntid 8, 16, 1\n\{", ptx))


if __name__ == "__main__":
    unittest.main()
