#!/usr/bin/env python3
"""Runs every kernel for GPUs as NVIDIA's or AMD's compilers make it, on an emulator of PTX or of machine code.

usage: emulate.py BUILD_FOLDER --cpu TARGET [--emulator FOLDER] [--short | --kernel STAGE=NAME]... [--problem NAME]...
                  [--reverse]

TARGET is sm_75, sm_80 or sm_90 of NVIDIA, or gfx1100, gfx1201 or gfx942 of AMD, for which FOLDER is a checkout of
tinygrad. Without --kernel it is every kernel of the catalogue that may run on a GPU, and with --short some, with a
problem each. `clattn run` computes small problems on an OpenCL device that device.c makes, and checks its results
itself, with its own reference and bounds. --reverse runs the last work-group of a launch first, and in it the last
wave. CLATTN_KERNEL_DIR takes edited kernels, as for the program.

Prints a line for each run. Exits with 1 if one fails or, of a run of all, if a kernel has not run; with 77 (skipped),
or CLATTN_SKIPPED, if a compiler cannot be had. docs/emulator.md says what this sees."""
import argparse
import collections
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE.parent), str(HERE.parent / "compilers")]

import amd  # noqa: E402
import nvidia  # noqa: E402
import problems  # noqa: E402
import tools  # noqa: E402

STARTS_WITHIN = 120  # seconds
NVIDIA, AMD = ("sm_75", "sm_80", "sm_90"), ("gfx1100", "gfx1201", "gfx942")
# Tile sizes with which a row's work-items are a sub-group, besides those of a plan. With waves of 64 there are none.
ROW_IS_SUB_GROUP = {(target, kernel): (sizes,) for target in ("gfx1100", "gfx1201") for kernel, sizes in (
    ("fused=subgroup", ":LOCAL_X=32:LOCAL_Y=8"), ("fused=subsplit", ":LOCAL_X=32"))}


def lines_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def stage_of(kernel):
    return kernel.split("=")[0]


def vendor_of(target):
    return "nvidia" if target in NVIDIA else "amd"


def named(kernels):
    """The kernels in a list, without sizes of tiles."""
    return [kernel.split(":")[0] for kernel in kernels.split(",")]


class Catalogue:
    """The kernels that may run on a GPU."""

    def __init__(self, build, target):
        with tempfile.TemporaryDirectory() as folder:
            lines = [line for line in lines_of(build / "tests" / "write_sources", vendor_of(target), folder, target)
                     if stage_of(line) != "rate"]  # the probe of a unit's rate says nothing about results
        self.all = sorted({re.match(r"\w+=\w+", line)[0] for line in lines})
        # Pairs of a pipeline and kernels, as `clattn run --kernel` takes them: each at least once.
        self.ways = [(pipeline, kernels) for pipeline in (problems.STAGED, problems.FUSED)
                     for kernels in lines_of(build / "tests" / "list_kernels", pipeline, "planned", "any", "gpu")]
        listed = {kernel for _, kernels in self.ways for kernel in kernels.split(",")}
        others = [kernel for kernel in self.all if kernel not in listed]
        stages = {stage_of(kernel) for kernel in listed}
        # The list is for simulators, which lack sub-groups: it leaves out what needs them.
        self.ways += [(problems.FUSED if stage_of(kernel) == "fused" else problems.STAGED, kernel + sizes)
                      for kernel in others if stage_of(kernel) in stages
                      for sizes in ("", *ROW_IS_SUB_GROUP.get((target, kernel), ()))]
        self.units = [kernel for kernel in others if stage_of(kernel) == "matrix"]  # probes of matrix units
        # Launches of the probe: for each type one, and one more for numbers below 2^-14 of f16.
        self.probes = sum(1 + line.split()[0].endswith("-f16") for line in lines if stage_of(line) == "matrix")
        self.planned = [kernel for kernel in others  # which only a plan takes
                        if stage_of(kernel) not in stages and kernel not in self.units]


class Machine:
    """machine.py, started anew when a launch has ended it."""

    def __init__(self, options, folder):
        self.options, self.folder, self.process, self.starts = options, folder, None, 0
        self.record, self.log = folder / "record", folder / "log"
        self.record.touch()

    def is_dead(self):
        return self.process is None or self.process.poll() is not None

    def start(self):
        """Where it listens."""
        if self.is_dead():
            self.starts += 1
            order = "reverse" if self.options.reverse else "forward"
            own = [str(self.options.emulator.resolve())] if self.options.emulator else []
            path = os.pathsep.join([*own, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
            cache = self.options.build / "emulator"
            cache.mkdir(exist_ok=True)
            with open(self.log, "a", encoding="utf-8") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-B", HERE / "machine.py", self.options.build, self.options.cpu, self.socket,
                     self.record, order], stderr=log,
                    env={**os.environ, "PYTHONPATH": path, "CACHEDB": str(cache / "instructions.db")})
            until = time.monotonic() + STARTS_WITHIN
            while not self.socket.exists():
                if self.is_dead() or time.monotonic() > until:
                    sys.exit(f"machine.py does not start: {self.log.read_text(encoding='utf-8')}")
                time.sleep(0.1)
        return self.socket

    @property
    def socket(self):
        return self.folder / f"socket-{self.starts}"

    def end(self):
        """Why it has ended."""
        if self.process.returncode == -signal.SIGSEGV:
            return "a launch touched memory outside of its buffers (or the emulator is wrong)"
        return f"machine.py: {self.log.read_text(encoding='utf-8').strip()[-300:]}"

    def launches(self, since):
        """What it has recorded from this byte on."""
        with open(self.record, encoding="utf-8") as file:
            file.seek(since)
            return [json.loads(line) for line in file]

    def stop(self):
        if not self.is_dead():
            self.process.terminate()
            self.process.wait()


@dataclasses.dataclass
class Run:
    """What a run of the program gave."""
    report: dict  # {}: none
    launches: list
    faults: list
    seconds: float

    def tensors(self):
        return self.report.get("check", {}).get("tensors", [])

    def ratios(self):
        """How much of its bound each tensor's error takes."""
        return {tensor["tensor"]: float(tensor["ratio"]) for tensor in self.tensors()}  # a text where it is no number

    def kernels(self):
        return [f"{stage['stage']}={stage['kernel']}" for stage in self.report.get("stages", [])]


def run(machine, options, command, kernels, environment=()):
    """Runs a program with these kernels."""
    exchanged = machine.folder / "launches"
    exchanged.mkdir()
    whole = {**os.environ, "LD_PRELOAD": str(options.build / "tests" / "emulator" / "libclattn_emulated.so"),
             "EMULATED_DEVICE": options.cpu, "EMULATED_SOCKET": str(machine.start()), "EMULATED_FOLDER": str(exchanged),
             "CLATTN_PROGRAM_DIR": "", "CLATTN_TUNING_FILE": "", **dict(environment)}
    begin, since = time.monotonic(), machine.record.stat().st_size
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=whole)
    finally:
        shutil.rmtree(exchanged)
    report = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    result = Run(report, machine.launches(since), [], time.monotonic() - begin)
    result.faults = list(dict.fromkeys(faults(result, done, kernels, machine)))
    return result


def forgive_refusals(result):
    """What the compiler refused is no fault: a unit of another GPU."""
    result.faults = [fault for fault in result.faults if not fault.startswith("Refused")]


def run_problem(machine, options, way, problem, paths):
    pipeline, kernels = way
    command = [options.build / "clattn", "run", "--json", "--repeat", "1", "--check", "full", "--pipeline", pipeline,
               "--kernel", kernels, *problem.options.format(**paths).split()]
    result = run(machine, options, command, named(kernels))
    # The plan has probed for units that this GPU has not.
    if set(named(kernels)) & {*problems.IN_MATRIX_UNITS, "project=matrix"}:
        forgive_refusals(result)
    return result


def run_test(machine, options, test, kernels):
    """Runs a test of test_features.c with kernels that a plan takes."""
    command = [options.build / "tests" / "test_features", test]
    return run(machine, options, command, [], {"CLATTN_TEST_KERNELS": ",".join(kernels)}.items())


def run_units(machine, options, probes):
    """Probes the matrix units of the GPU's vendor, `probes` launches for those of the GPU. The compiler refuses the others."""
    result = run(machine, options, [options.build / "tests" / "test_matrix", "offered_units_are_right"], [])
    forgive_refusals(result)
    ran = sum(launch.get("kernel") == "matrix" for launch in result.launches)
    if not result.faults and ran != probes:
        result.faults.append(f"{ran} probes of matrix units ran, and the GPU has {probes}")
    return result


def faults(result, done, kernels, machine):
    """What is wrong with a run."""
    if machine.is_dead():
        yield machine.end()
    for launch in result.launches:
        if "failed" in launch:
            yield launch["failed"]
        yield from (f"{launch['kernel']}: {fault}" for fault in launch.get("faults", []))
    if done.returncode != 0:
        failed = [tensor for tensor in result.tensors() if not tensor["passed"]]
        yield from (f"{tensor['tensor']}: {tensor['failed']} elements outside of the bound" for tensor in failed)
        if not failed:
            yield done.stderr.strip()[-600:] or f"exit code {done.returncode}"
    if result.report:
        idle = ["output="] + (["project="] if result.report["problem"]["source"] == "q, k and v" else [])
        missing = [one for one in kernels if one not in result.kernels() and not one.startswith(tuple(idle))]
        if missing:
            yield f"not launched: {', '.join(missing)}"


@dataclasses.dataclass
class Total:
    """What all runs gave."""
    runs: int = 0
    wrong: int = 0
    counts: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    kernels: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # how often each has run
    functions: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # how often launched
    worst: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # of a tensor's bound
    difference: float = 0.0

    def add(self, kernels, problem, result):
        """Prints a line for it, too."""
        self.runs += 1
        self.wrong += bool(result.faults)
        self.counts["launches"] += len(result.launches)
        self.functions.update(launch["kernel"] for launch in result.launches if "kernel" in launch)
        for launch in result.launches:
            self.counts.update({key: launch.get(key, 0) for key in ("instructions", "words", "equal")})
        self.kernels.update(result.kernels())
        ratios = result.ratios()
        for tensor, ratio in ratios.items():
            self.worst[tensor] = max(self.worst[tensor], ratio)
        apart = max((launch.get("difference", 0.0) for launch in result.launches), default=0.0)
        self.difference = max(self.difference, apart)
        worst = f"{max(ratios.values()):.0%} of the bound, " if ratios else ""
        print(f"{'WRONG' if result.faults else 'right'} {kernels}: {problem}: {len(result.launches)} launches, "
              f"{worst}{apart:.1e} from PoCL, {result.seconds:.0f} s",
              *(f"\n      {fault}" for fault in result.faults), flush=True)

    def left_out(self, kernels):
        """Those of the kernels that have not run. Reports do not name the kernels that trace, of which each stage has
        one: its launches show that it ran."""
        reported = {stage_of(kernel) for kernel in self.kernels}
        traced = set(self.functions) - reported
        return [kernel for kernel in kernels if kernel not in self.kernels and stage_of(kernel) not in traced]

    def tell(self, target):
        counts = self.counts
        print(f"{target}: {self.runs} runs, {self.wrong} wrong, {counts['launches']} launches, "
              f"{counts['instructions']} instructions; {counts['equal']} of {counts['words']} words that were written "
              f"are PoCL's bit for bit, the others differ by {self.difference:.1e} of their buffer's largest at most")
        print("worst, of the bound:", ", ".join(f"{name} {ratio:.0%}" for name, ratio in sorted(self.worst.items())))
        print("launches:", ", ".join(f"{name} {count}" for name, count in sorted(self.functions.items())))
        print("runs with:", ", ".join(f"{kernel} {count}" for kernel, count in sorted(self.kernels.items())))


def chosen(options, way, problem):
    """Whether the options want this problem with these kernels."""
    pipeline, kernels = way[0], named(way[1])
    if pipeline not in problem.pipelines or (options.problem and problem.name not in options.problem):
        return False
    if set(kernels) & set(problems.IN_MATRIX_UNITS) and problems.STORED_MATH not in problem.options:
        return False
    if options.short:
        return problem.name in [problems.SHORT.get(kernel) for kernel in kernels]
    return not options.kernel or any(kernel in options.kernel for kernel in kernels)


def run_all(options, catalogue):
    total, wanted = Total(), set(options.kernel or ([] if options.short else catalogue.all))
    with tempfile.TemporaryDirectory(prefix="clattn-emulator-") as name:
        machine = Machine(options, pathlib.Path(name))
        paths = problems.write_files(pathlib.Path(name))
        try:
            for way in catalogue.ways:
                for problem in problems.PROBLEMS:
                    if chosen(options, way, problem):
                        total.add(way[1], problem.name, run_problem(machine, options, way, problem, paths))
            planned = [kernel for kernel in catalogue.planned if kernel in wanted]
            for test in problems.TESTS if planned and not options.problem else ():
                total.add(",".join(planned), f"test {test}", run_test(machine, options, test, planned))
            units = [unit for unit in catalogue.units if options.short or unit in wanted]
            if units and not options.problem:
                total.add(",".join(units), "probe", run_units(machine, options, catalogue.probes))
        finally:
            machine.stop()
    return total


def fetch(options):
    """Has the compilers fetched, before machine.py is waited for."""
    {"nvidia": nvidia, "amd": amd}[vendor_of(options.cpu)].Compiler(options.build)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", type=pathlib.Path, metavar="BUILD_FOLDER")
    parser.add_argument("--emulator", type=pathlib.Path, metavar="FOLDER",
                        help="a checkout of tinygrad, for AMD's GPUs")
    parser.add_argument("--cpu", required=True, choices=(*NVIDIA, *AMD))
    parser.add_argument("--kernel", action="append", metavar="STAGE=NAME")
    parser.add_argument("--problem", action="append", choices=[one.name for one in problems.PROBLEMS], metavar="NAME")
    parser.add_argument("--short", action="store_true", help="a problem each for some kernels")
    parser.add_argument("--reverse", action="store_true", help="the last work-group first, and in it the last wave")
    options = parser.parse_args()
    if options.cpu in AMD and options.emulator is None:
        parser.error(f"{options.cpu} needs --emulator")
    options.build = options.build.resolve()
    try:
        fetch(options)
    except tools.NotHere as why:
        print(f"skipped: {why}")
        sys.exit(int(os.environ.get("CLATTN_SKIPPED", tools.CANNOT_BE_HAD)))
    catalogue = Catalogue(options.build, options.cpu)
    for kernel in set(options.kernel or []) - set(catalogue.all):
        parser.error(f"no kernel {kernel} may run on this GPU (allowed: {', '.join(catalogue.all)})")
    total = run_all(options, catalogue)
    total.tell(options.cpu)
    whole = not options.kernel and not options.problem and not options.short
    left_out = total.left_out(catalogue.all) if whole else []
    for kernel in left_out:
        print(f"not run: {kernel}")
    sys.exit(1 if total.wrong or left_out else 0)


if __name__ == "__main__":
    main()
