"""Runs the program under the shim and reads its report; see shim.h, whose struct shim_report this mirrors."""

import os
import struct
import subprocess
from dataclasses import dataclass

KINDS = ("context", "queue", "memory object", "program", "kernel", "event", "host memory")
HEAD = struct.Struct("3I%dI%dI" % (len(KINDS), len(KINDS)))
CALL = struct.Struct("32s16sII")
SECONDS = 60  # a run takes well below one; it is a hang that this is about


@dataclass(frozen=True)
class Call:
    """Which call, from where, and for queries which property: what makes one a case of its own."""

    name: str
    object: str
    site: int
    what: int

    def __str__(self):
        what = " of 0x%x" % self.what if self.what else ""
        return "%s%s, called at %s+0x%x" % (self.name, what, self.object, self.site)


@dataclass
class Run:
    code: int  # below 0: ended by that signal; None: it did not end
    out: str
    err: str
    calls: list
    failed: int
    stray: int
    held: dict


def text(field):
    return field.rstrip(b"\0").decode()


def read_report(path):
    with open(path, "rb") as file:
        data = file.read()
    head = HEAD.unpack_from(data)
    most = (len(data) - HEAD.size) // CALL.size
    calls = []
    for i in range(min(head[0], most)):
        name, caller, site, what = CALL.unpack_from(data, HEAD.size + i * CALL.size)
        calls.append(Call(text(name), text(caller), site, what))
    held = dict(zip(KINDS, head[3 + len(KINDS):]))
    return calls, head[1], head[2], {kind: count for kind, count in held.items() if count != 0}


def run(shim, command, folder, of, environment, fail=0, code=0, lasting=False):
    """Runs the command in the folder; call number `fail` of what is counted fails with the code."""
    report = folder + ".report"
    told = dict(os.environ, LD_PRELOAD=shim, FAULT_REPORT=report, FAULT_OF=of, FAULT_CALL=str(fail),
                FAULT_CODE=str(code), FAULT_LASTING=str(int(lasting)), **environment)
    try:
        done = subprocess.run(command, cwd=folder, env=told, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=SECONDS)
        ended, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        ended, out, err = None, late.stdout or b"", late.stderr or b""
    calls, failed, stray, held = read_report(report)
    return Run(ended, out.decode(errors="replace"), err.decode(errors="replace"), calls, failed, stray, held)
