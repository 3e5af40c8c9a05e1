"""What is known of a compiled kernel, and of a loop in it."""
import dataclasses

import loops

EARNEST = 8  # multiply-adds in one round, from which a loop is not the rest of another that was unrolled
ANY_GROUP = 64  # work-items that the planner puts into a group of a kernel that takes any number


@dataclasses.dataclass
class Loop:
    """One round of a loop. Counts are of instructions unless they say otherwise."""
    instructions: int = 0
    arithmetic: float = 0  # those for the units that multiply and add floats
    multiply_adds: int = 0  # those that multiply and add floats or halves
    matrix: int = 0  # those of matrix units
    matrix_products: int = 0  # multiply-adds that all lanes compute together with these
    exps: int = 0  # those of exp and other functions that a unit of its own computes
    local_written: float = 0  # bytes that a work-item writes to local memory
    products: float = 0  # multiply-adds that a work-item computes, of floats and halves
    half_products: float = 0  # those of halves
    local_bytes: float = 0  # that a work-item reads from local memory
    work_within: float = 0  # the most work of a loop within this one

    @property
    def work(self):
        """A matrix instruction is worth at least this many multiply-adds of a work-item."""
        return self.products + 32 * self.matrix


@dataclasses.dataclass
class Compiled:
    """A kernel's figures."""
    function: str
    lanes: int  # work-items that run in step: a warp, a wave, a sub-group
    items: int  # of a work-group
    registers: int
    spills: int  # bytes of a work-item
    scalar_spills: int  # registers that all its lanes share
    scratch: int  # bytes of a work-item in private memory, spills included
    local: int  # bytes of a work-group
    occupancy: int = 0  # groups of such lanes that reside at once: see Unit.places in bound.py
    loops: list[Loop] = dataclasses.field(default_factory=list)
    matrix: int = 0  # instructions of matrix units in the whole kernel
    matrix_round: Loop | None = None  # of the loop with matrix instructions, without what a round may leave out


def found(lines, label, branch, count):
    """The loops in the lines of a function. Patterns are as in tests/loops.py; `count` makes a Loop of lines."""
    places = loops.loops(lines, label, branch)
    counted = [count(own) for own in loops.own_lines(lines, places)]
    for (first, last), loop in zip(places, counted):
        loop.work_within = max((other.work for (a, b), other in zip(places, counted)
                                if (a, b) != (first, last) and first <= a and b <= last), default=0)
    return counted


def leanest(lines, label, branch, jump, count):
    """The Loop of the leanest round with the most matrix instructions; None if no loop has any. See tests/loops.py."""
    def weigh(line):
        one = count([line])
        return one.matrix, one.instructions
    rounds = [loops.leanest_round(lines, first, last, label, branch, jump, weigh)
              for first, last in loops.loops(lines, label, branch)]
    counted = [count(way) for way in rounds if way]
    return max((loop for loop in counted if loop.matrix), key=lambda loop: (loop.matrix, -loop.instructions),
               default=None)


def hot(kernel):
    """The loops in which most of the work is: none around a loop that works, too, and of the others those with at least
    a third of the work of the one with the most."""
    inner = [loop for loop in kernel.loops if loop.work > 0 and loop.work_within < min(EARNEST, loop.work)]
    most = max((loop.work for loop in inner), default=0)
    return [loop for loop in inner if 3 * loop.work >= most]
