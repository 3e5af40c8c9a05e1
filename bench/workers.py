"""Runs the engines as processes, and measures how busy the machine was with anything else."""
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TICK = os.sysconf("SC_CLK_TCK")
PROC = pathlib.Path("/proc")
# Otherwise glibc returns large results to the system after each run, and page faults are timed.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}
# OpenBLAS does not recognise newer processors and selects kernels without AVX-512 there, so both
# are timed.
SKYLAKEX = "openblas-skylakex"


class Failed(Exception):
    """A worker ended or sent an unexpected answer; the text names it."""


class Worker:
    scale = 1.0  # factor for the seconds of a run

    def __init__(self, engine, command, environment=None):
        self.engine = engine
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=os.environ | (environment or {}))
        self.greeting = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.engine} ended with exit code {self.process.wait()}")
        return line.strip()

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()

    def prepare(self, words):
        """(True, how) or (False, why not)"""
        verb, _, rest = self.ask("case " + words).partition(" ")
        if verb not in ("ready", "unsupported"):
            raise Failed(f"{self.engine} answers '{verb} {rest}'")
        return verb == "ready", rest

    def run(self, count, verb="run"):
        return [float(word) for word in self.ask(f"{verb} {count}").split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Limit:
    """The device's limit, which takes turns like an engine, in clattn's process. Its seconds times `scale` are the
    time that the case would take at that speed."""

    def __init__(self, worker, case):
        self.worker, self.process = worker, worker.process
        self.scale = case.work() / float(worker.ask(f"limit {case.bytes_read()}"))

    def run(self, count):
        return self.worker.run(count, "probe")


def processor_seconds(pid):
    """CPU seconds of all threads of a process, including system time."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def busy_seconds():
    """Busy seconds of all processors, including stolen time."""
    user, nice, system, _, _, *more = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
    return (int(user) + int(nice) + int(system) + sum(map(int, more))) / TICK


class Watch:
    """How much of the machine other processes took while one worker ran; 0 without /proc."""

    def __init__(self):
        self.others = self.wall = 0.0

    def over(self, worker, work):
        if not (PROC / "stat").exists():
            return work()
        own = (worker.process.pid, os.getpid())
        before = busy_seconds() - sum(map(processor_seconds, own)), time.monotonic()
        result = work()
        self.others += busy_seconds() - sum(map(processor_seconds, own)) - before[0]
        self.wall += time.monotonic() - before[1]
        return result

    def share(self):
        """0 ... 1; less than the kernel's clock tick counts as 0."""
        if self.wall == 0.0:
            return 0.0
        return max(0.0, (self.others - 2.0 / TICK) / (self.wall * os.cpu_count()))


def python_of(peer, environments):
    """The Python of a peer's environment, which is made if it is missing; None if that is impossible here."""
    folder = environments / peer
    made = subprocess.run(["bash", str(HERE.parent / "tests/peers/venv.sh"), peer, str(folder)], check=False,
                          stdout=sys.stderr)
    if made.returncode == 77:
        return None
    if made.returncode != 0:
        raise Failed(f"cannot make the Python environment of {peer}")
    return str(folder / "bin/python")


def has_avx512():
    return (PROC / "cpuinfo").exists() and " avx512f " in (PROC / "cpuinfo").read_text()


class Engines:
    """Starts workers by name: those of attention and module, and those of products."""

    def __init__(self, build, device):
        self.attention = [str(build / "bench/clattn_bench_attention"), *([device] if device else [])]
        self.product = str(build / "bench/clattn_bench_product")
        self.device = [device] if device else []
        self.environments = build / "peers"
        self.products = subprocess.run([self.product], check=True, capture_output=True, text=True).stdout.split()
        self.pythons = {}

    def start(self, name, product):
        """A worker, or None if this machine has no such engine."""
        if product:
            return self.start_product(name)
        if name == "clattn":
            return Worker(name, self.attention)
        if name not in self.pythons:
            self.pythons[name] = python_of(name, self.environments)
        if self.pythons[name] is None:
            return None
        script = str(HERE / "peers" / f"{name}_worker.py")
        return Worker(name, [self.pythons[name], "-B", script], KEEP_MEMORY)

    def start_product(self, name):
        environment = {}
        if name == SKYLAKEX and has_avx512():
            name, environment = "openblas", {"OPENBLAS_CORETYPE": "SkylakeX"}
        if name not in self.products:
            return None
        return Worker(name, [self.product, name, *self.device], environment)
