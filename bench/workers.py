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

    def __init__(self, engine, command, environment):
        self.engine = engine
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=os.environ | environment)
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
    """A limit of the device, which takes turns like an engine, in clattn's process. Its seconds times `scale` are the
    time that the case would take at that speed."""

    def __init__(self, worker, case, probe):
        self.worker, self.process, self.probe = worker, worker.process, probe
        self.scale = case.work() / float(worker.ask(f"limit {probe} {case.bytes_read()}"))

    def run(self, count):
        return self.worker.run(count, f"probe {self.probe}")


class Command:
    """A command of the program, from its start to its end. The first run, which does not count, fills its stores of
    compiled kernels."""

    scale = 1.0

    def __init__(self, command, environment):
        self.command, self.environment = command, os.environ | environment

    def once(self):
        started = time.monotonic()
        done = subprocess.run(self.command, env=self.environment, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - started
        if done.returncode != 0:
            raise Failed(f"'{' '.join(self.command)}' ended with exit code {done.returncode}: {done.stderr.strip()}")
        return seconds

    def run(self, count):
        self.once()
        return [self.once() for _ in range(count)]


def processor_seconds(pid):
    """CPU seconds of all threads of a process and of its children that have ended, including system time."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICK


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
        own = {os.getpid()} | ({worker.process.pid} if hasattr(worker, "process") else set())
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


class Engines:
    """Starts workers by name: those of attention and module, and those of products."""

    def __init__(self, build, device, processor):
        self.program = str(build / "clattn")
        self.processor = processor
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
            return Worker(name, self.attention, self.processor.environment)
        if name not in self.pythons:
            self.pythons[name] = python_of(name, self.environments)
        if self.pythons[name] is None:
            return None
        script = str(HERE / "peers" / f"{name}_worker.py")
        return Worker(name, [self.pythons[name], "-B", script], KEEP_MEMORY | self.processor.environment)

    def start_product(self, name):
        environment = dict(self.processor.environment)
        if name == SKYLAKEX and self.processor.kind == "AVX-512":
            name, environment = "openblas", environment | {"OPENBLAS_CORETYPE": "SkylakeX"}
        if name not in self.products:
            return None
        return Worker(name, [self.product, name, *self.device], environment)

    def command(self, words, folder):
        """The program with stores of its own in this folder, so that no tuning record counts."""
        stores = {"CLATTN_TUNING_FILE": "", "CLATTN_PROGRAM_DIR": str(folder / "programs"),
                  "POCL_CACHE_DIR": str(folder / "pocl")}
        device = ["--device", *self.device] if self.device else []
        return Command([self.program, *words, *device], self.processor.environment | stores)
