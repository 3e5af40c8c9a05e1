"""Occupancy, and how much of a GPU's peak a loop can reach at most, by the figures of its documents.

The figures are of a compute unit: NVIDIA's streaming multiprocessor, AMD's compute unit, Intel's subslice (Xe-core)."""
import dataclasses

import figures


@dataclasses.dataclass(frozen=True)
class Unit:
    peak: int  # multiply-adds of floats in a clock
    lanes: int  # work-items for which it executes an arithmetic instruction in a clock
    local_bytes: int  # that it reads from local memory in a clock
    schedulers: int  # parts that each choose instructions, from the groups of lanes that reside there
    issue: float  # instructions that a scheduler issues in a clock
    issue_each: float  # of these, those of one group of lanes
    places: int  # groups of lanes that may reside on a scheduler; NVIDIA: on the unit
    matrix: int = 0  # multiply-adds of halves of its matrix units in a clock
    exps: int = 0  # work-items for which it computes exp2 in a clock; 0: not known


# Matrix units, from data sheets: multiply-adds a second by units and clock. A100: 312 TFLOP/s are 156 * 10^12 of them;
# 108 multiprocessors at 1.41 GHz make 1024 in a clock. Likewise T4 65 (40, 1.59), H100 989 (132, 1.83), MI100 184.6
# (120, 1.502), MI250X 383 (220, 1.7), MI300X 1307 (304, 2.1), RX 7900 XTX 122.8 (96, 2.5), RX 9060 XT 103 (32, 3.13),
# Arc A770 137.6 (32, 2.1), Data Center GPU Max 1550 839 (128, 1.6).
UNITS = {
    # CUDA C++ Programming Guide, "Arithmetic Instructions" and "Technical Specifications per Compute Capability". Local
    # memory has 32 banks of 4 bytes. Float instructions share the schedulers with all others.
    "sm_75": Unit(64, 64, 128, 4, 1, 1, 32, 512, 16),
    "sm_80": Unit(64, 64, 128, 4, 1, 1, 64, 1024, 16),
    "sm_90": Unit(128, 128, 128, 4, 1, 1, 64, 2048, 16),
    # "Vega" and "CDNA" to "CDNA3" Instruction Set Architecture: four units of 16 lanes, of which one in each clock
    # starts up to five instructions of different kinds and different waves. CDNA2 and CDNA3 multiply and add pairs of
    # floats.
    "gfx906": Unit(64, 64, 128, 4, 1.25, 0.25, 10),
    "gfx908": Unit(64, 64, 128, 4, 1.25, 0.25, 10, 512, 16),
    "gfx90a": Unit(128, 64, 128, 4, 1.25, 0.25, 8, 512, 16),
    "gfx942": Unit(128, 64, 128, 4, 1.25, 0.25, 8, 1024, 16),
    # "RDNA" architecture paper, "RDNA3" and "RDNA4" Instruction Set Architecture: two units of 32 lanes, each of which
    # starts up to four instructions of different kinds and different waves in a clock. RDNA3 and RDNA4 may pair two
    # float instructions.
    "gfx1030": Unit(64, 64, 128, 2, 4, 1, 16),
    "gfx1100": Unit(128, 64, 128, 2, 4, 1, 16, 256, 16),
    "gfx1200": Unit(128, 64, 128, 2, 4, 1, 16, 512, 16),
    # "The Compute Architecture of Intel Processor Graphics Gen9"; oneAPI GPU Optimization Guide, "Intel Xe GPU
    # Architecture"; for pvc also what Intel told at Hot Chips 33. An execution unit starts instructions of two threads
    # in a clock.
    "skl": Unit(64, 64, 64, 8, 2, 1, 7),
    "tgllp": Unit(128, 128, 128, 16, 2, 1, 7),
    "dg2": Unit(128, 128, 128, 16, 2, 1, 8, 1024),
    "pvc": Unit(128, 128, 512, 8, 2, 1, 8, 2048),
}

KIB = 1024
REGISTERS_OF_NVIDIA = 65536
LOCAL_OF_NVIDIA = {"sm_75": 64 * KIB, "sm_80": 164 * KIB, "sm_90": 228 * KIB}  # of a multiprocessor
GROUPS_OF_NVIDIA = {"sm_75": 16, "sm_80": 32, "sm_90": 32}
RESERVED_OF_NVIDIA = {"sm_75": 0, "sm_80": KIB, "sm_90": KIB}  # of local memory, for each group

# Intel's GPU Occupancy Calculator: local memory of a subslice, the sizes in which a group gets it, and barriers.
LOCAL_OF_INTEL = {"skl": 64 * KIB, "tgllp": 128 * KIB, "dg2": 128 * KIB, "pvc": 128 * KIB}
PARTS_OF_INTEL = {"skl": (0, 1, 2, 4, 8, 16, 32, 64), "tgllp": (0, 1, 2, 4, 8, 16, 32, 64),
                  "dg2": (0, 1, 2, 4, 8, 16, 32, 64), "pvc": (0, 1, 2, 4, 8, 16, 32, 48, 64, 96, 128)}
BARRIERS_OF_INTEL = {"skl": 16, "tgllp": 16, "dg2": 32, "pvc": 32}


def rounded_up(number, multiple):
    return -(-number // multiple) * multiple


def warps_of_nvidia(target, kernel):
    """The warps that reside on a multiprocessor: registers are given to a warp in steps of 256."""
    warps = rounded_up(kernel.items, kernel.lanes) // kernel.lanes
    registers = rounded_up(kernel.registers * kernel.lanes, 256)
    groups = min(REGISTERS_OF_NVIDIA // (registers * warps), UNITS[target].places // warps, GROUPS_OF_NVIDIA[target])
    local = kernel.local + RESERVED_OF_NVIDIA[target]
    return warps * (min(groups, LOCAL_OF_NVIDIA[target] // local) if local else groups)


def threads_of_intel(target, kernel):
    """The threads that reside on an execution unit. A thread with 256 registers takes two places."""
    unit = UNITS[target]
    threads = rounded_up(kernel.items, kernel.lanes) // kernel.lanes
    groups = unit.schedulers * unit.places * 128 // kernel.registers // threads
    if kernel.local:
        part = next(part for part in PARTS_OF_INTEL[target] if part * KIB >= kernel.local)
        groups = min(groups, LOCAL_OF_INTEL[target] // (part * KIB), BARRIERS_OF_INTEL[target])
    return groups * threads // unit.schedulers


def waves(target, kernel):
    """The groups of lanes from which a scheduler chooses."""
    unit = UNITS[target]
    return kernel.occupancy / unit.schedulers if target.startswith("sm_") else kernel.occupancy


def percent_of_peak(target, kernel, loop):
    """The clocks of one round of the loop, of one group of lanes: what its multiply-adds take at the peak, against what
    takes longest. A read of local memory counts with the bytes of all lanes, also where lanes read the same. Global and
    private memory are not counted, nor is waiting. Products of halves may exceed 100: the peak is that of floats."""
    unit = UNITS[target]
    products = (loop.products - loop.half_products) * kernel.lanes / unit.peak
    arithmetic = loop.arithmetic * kernel.lanes / unit.lanes
    local = loop.local_bytes * kernel.lanes / unit.local_bytes
    issue = loop.instructions / (unit.schedulers * min(unit.issue, max(waves(target, kernel), 1) * unit.issue_each))
    at_peak = loop.products * kernel.lanes / unit.peak
    return 100 * at_peak / max(products, arithmetic, local, issue)


def matrix_clocks(target, kernel):
    """What each part of a compute unit takes for one round of the loop of matrix instructions, of one group of lanes.
    Local memory is read and written. See percent_of_peak."""
    unit, loop = UNITS[target], kernel.matrix_round
    local = (loop.local_bytes + loop.local_written) * kernel.lanes / unit.local_bytes
    each = min(unit.issue, max(waves(target, kernel), 1) * unit.issue_each)
    return {"matrix": loop.matrix_products / unit.matrix,
            "issue": loop.instructions / (unit.schedulers * each),
            "local": local,
            "arithmetic": loop.arithmetic * kernel.lanes / unit.lanes,
            "exps": loop.exps * kernel.lanes / unit.exps if unit.exps else 0}


def matrix_percent(clocks):
    """Of the peak of the matrix unit. clocks: those of matrix_clocks."""
    return int(100 * clocks["matrix"] / max(clocks.values()))


def share(kernel):
    """Percent of the instructions of the hot loop that multiply and add, or are of matrix units. Of several hot loops
    the worst. None: no loop multiplies and adds."""
    if kernel.matrix_round:
        return 100 * kernel.matrix_round.matrix // kernel.matrix_round.instructions
    found = [100 * (loop.multiply_adds + loop.matrix) / loop.instructions for loop in figures.hot(kernel)]
    return int(min(found)) if found else None


def bound(target, kernel):
    """Percent of the peak of the hot loop, as above; for a loop of matrix instructions of the peak of these."""
    if kernel.matrix_round:
        return matrix_percent(matrix_clocks(target, kernel)) if UNITS[target].matrix else None
    found = figures.hot(kernel)
    if not found or any(loop.matrix for loop in found):
        return None
    return int(min(percent_of_peak(target, kernel, loop) for loop in found))
