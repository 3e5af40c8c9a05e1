"""Makes each call of the program fail in turn, and looks at how it ends.

usage: sweep.py PROGRAM SHIM opencl|memory [--write PAGE] [JOB...]

Each call is a run of its own: no success, a complaint in one line that names the code, nothing held, no half-written
file, no crash, no hang. With FAULTS=all every call of every job (of those with more than MOST so many), else one for each
place in the program that calls, and a few more by chance; FAULTS_SEED repeats those. --write renews the row of this run
in the page's table."""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

from files import trouble_with_files, write_old_files
from jobs import CODES, JOBS, SURVIVORS, TEXTS
from shim import run

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import marked

FEW = 4  # of each job by chance, alone, and as many from which on all fail
MOST = 1000  # with FAULTS=all: thousands of a job's allocations are alike


def symbols(path, which):
    listed = subprocess.run(["nm", "-D", which, path], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"\b(cl[A-Z]\w*)", listed))


def library_of(program):
    found = re.search(r"libclattn\S* => (\S+)", subprocess.run(["ldd", program], capture_output=True, text=True).stdout)
    return found.group(1)


def missing_from(shim, program):
    wanted = symbols(program, "--undefined-only") | symbols(library_of(program), "--undefined-only")
    return sorted(wanted - symbols(shim, "--defined-only"))


class Sweep:
    def __init__(self, program, shim, of, everything, chance):
        self.program, self.shim, self.of, self.everything, self.chance = program, shim, of, everything, chance
        self.met = set()  # calls that have failed before, in any job
        self.survived = {}
        self.runs = self.failures = self.jobs = self.calls = 0

    # ---- what fails, and with which code

    def numbers(self, job, calls):
        """Numbers of calls, from 1, that are to fail alone; and of those from which on all fail."""
        everywhere = list(range(1, len(calls) + 1))
        new = [n for n in everywhere if calls[n - 1].object != "libclblast" and calls[n - 1] not in self.met
               and not self.met.add(calls[n - 1])]
        if self.everything:
            some = sorted({*new, *self.by_chance(everywhere, MOST)})
            return some, some[::4]
        few = 1 if job.counts_vary else FEW
        return sorted({*new, *self.by_chance(everywhere, few)}), self.by_chance(everywhere, few)

    def by_chance(self, everywhere, most):
        return self.chance.sample(everywhere, min(most, len(everywhere)))

    def code(self, n):
        codes = list(CODES)
        return codes[(n + self.chance.randrange(len(codes))) % len(codes)]

    # ---- one run

    def complaint(self, job, seen, call, code):
        """What is wrong with the words. The same may be said twice where all later calls fail, too."""
        lines = [line for line in seen.err.splitlines() if line.startswith("clattn: ")]
        if len(lines) != 1 and (seen.failed == 1 or len(set(lines)) != 1):
            return "%d lines of complaint instead of 1" % len(lines)
        if call.object == "libclblast" and "CLBlast" in lines[0]:
            return ""  # which has codes of its own
        if call.what in TEXTS and "another device than" in lines[0]:
            return ""  # the name that is lacking is shown
        if self.of == "memory" and job.name == "tune" and "not JSON from line" in lines[0]:
            return ""  # jansson does not tell the one from the other
        return "" if self.tells(lines[0], code) else "the complaint does not name the code"

    def tells(self, words, code):
        if self.of == "memory":
            return "memory" in words.lower()
        return "%s (%d)" % (CODES[code], code) in words

    def outcome(self, job, seen, n, code):
        """What is wrong with the end; None where nothing is."""
        if seen.code is None:
            return "does not end"
        if n > len(seen.calls) or seen.failed == 0:
            return None if job.counts_vary else "call %d was not made" % n
        call = seen.calls[n - 1]
        if call.object == "libpopt" and seen.code in (job.code, 1, 2):
            return None  # it ends the program itself where it lacks memory, or takes an option for one that is not there
        if seen.code in (2, 3):
            return self.complaint(job, seen, call, code)
        held = [s for s in SURVIVORS if s.holds(job, seen.calls, n) and (not s.says or self.tells(seen.out, code))
                and (not s.warns or self.tells(seen.err, code) and "rejected because its self-test failed" in seen.err)]
        if seen.code != job.code or not held:
            return "ends with %d" % seen.code
        self.survived[held[0]] = self.survived.get(held[0], 0) + 1
        return None

    def judge(self, job, seen, n, code):
        """All that is wrong, in words."""
        wrong = self.outcome(job, seen, n, code)
        if wrong:
            yield wrong
        ended_by_popt = seen.code == 1 and "virtual memory exhausted" in seen.err
        if (seen.held or seen.stray) and not ended_by_popt:
            yield "held: %s, released without being held: %d" % (seen.held, seen.stray)

    def prepare(self, job, folder):
        os.mkdir(folder)
        if job.first:
            run(self.shim, [self.program, *job.first.split()], folder, self.of, job.environment)
        write_old_files(folder, job.files)

    def one(self, job, prepared, n=0, code=0, lasting=False):
        folder = prepared + ".copy"
        shutil.copytree(prepared, folder)
        before = set(os.listdir(folder))
        seen = run(self.shim, [self.program, *job.arguments.split()], folder, self.of, job.environment, n, code, lasting)
        wrong = list(self.judge(job, seen, n, code)) if n > 0 else []
        options_are_lost = 0 < n <= len(seen.calls) and seen.calls[n - 1].object == "libpopt"
        if not options_are_lost:
            wrong += trouble_with_files(folder, job.files, n == 0, before)
        shutil.rmtree(folder)
        self.runs += 1
        return seen, wrong

    # ---- a job

    def report(self, job, n, code, lasting, seen, wrong):
        self.failures += 1
        call = seen.calls[n - 1] if n <= len(seen.calls) else "not made"
        print("FAIL %s: %s %d%s (%s), code %d: %s\n     %s" % (
            job.name, self.of, n, " and all later ones" if lasting else "", call, code, "; ".join(wrong),
            seen.err.strip().replace("\n", " | ")[:300]), flush=True)

    def job(self, job):
        with tempfile.TemporaryDirectory() as above:
            self.job_in(job, os.path.join(above, "work"))

    def job_in(self, job, folder):
        begun, runs = time.monotonic(), self.runs
        self.prepare(job, folder)
        seen, wrong = self.one(job, folder)
        if seen.code != job.code or seen.held or wrong:
            print("FAIL %s, where nothing fails: ends with %s, held %s, %s\n%s" % (
                job.name, seen.code, seen.held, wrong, seen.err))
            self.failures += 1
            return
        self.jobs += 1
        self.calls += len(seen.calls)
        alone, lasting = self.numbers(job, seen.calls)
        for n, is_lasting in [(n, False) for n in alone] + [(n, True) for n in lasting]:
            code = self.code(n)
            ended, wrong = self.one(job, folder, n, code, is_lasting)
            if wrong:
                self.report(job, n, code, is_lasting, ended, wrong)
        print("%-9s %6d calls, %5d runs, %5.1f s" % (job.name, len(seen.calls), self.runs - runs,
                                                    time.monotonic() - begun), flush=True)


def record(sweep, page, seconds):
    """The row of this run: `every OpenCL call`, or `OpenCL calls by place` for the short form."""
    what = {"opencl": "OpenCL call", "memory": "allocation"}[sweep.of]
    name = "every %s" % what if sweep.everything else "%ss by place" % what
    marked.renew_row(page, "faults", (name, sweep.jobs, "{:,}".format(sweep.calls), "{:,}".format(sweep.runs),
                                      "{:,.0f}".format(seconds), sweep.failures))


def main():
    program, shim, of, *words = sys.argv[1:]
    page = words[1] if words[:1] == ["--write"] else None
    chosen = words[2:] if page else words
    seed = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(10000)))
    print("FAULTS_SEED=%d" % seed)
    sweep = Sweep(os.path.abspath(program), os.path.abspath(shim), of, os.environ.get("FAULTS") == "all",
                  random.Random(seed))
    missing = missing_from(shim, program)
    if missing:
        print("FAIL the shim lacks " + ", ".join(missing))
        return 1
    begun = time.monotonic()
    for job in JOBS:
        if not chosen or job.name in chosen:
            sweep.job(job)
    for survivor, times in sweep.survived.items():
        print("survived %4d times: %s" % (times, survivor.why))
    print("%d runs, %d failures" % (sweep.runs, sweep.failures))
    if page:
        record(sweep, page, time.monotonic() - begun)
    return 1 if sweep.failures else 0


sys.exit(main())
