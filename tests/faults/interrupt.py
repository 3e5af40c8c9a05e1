"""Interrupts the program at random moments.

usage: interrupt.py PROGRAM

It must end by the signal (or have been faster), and soon; what it writes is old or new, and whole. A part file may be
left, which nobody takes for anything: what is run next in the same folder must succeed. With FAULTS=all ten times as
many; FAULTS_SEED repeats the moments as well as a clock can."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time

from files import OLD, found_in, trouble_with_files, write_old_files
from jobs import SAVED

RUN = "run --random --repeat 1 --check off "  # writes 110 MiB with --save, which takes a while
JOBS = [
    (RUN + "--save saved", SAVED),
    (RUN + "--out out.npy", ("out.npy",)),
    ("explain dog-chased-ball --html walk.html", ("walk.html",)),
    ("compare --tokens 64 --model-dim 32 --heads 2 --csv table.csv", ("table.csv",)),
    ("tune --quick --stage softmax --tokens 16 --head-dim 8 --file record.json", ("record.json",)),
    ("ladder softmax --tokens 16 --model-dim 32 --heads 2 --svg charts", ("charts/ladder.svg", "charts/roofline.svg")),
]
SECONDS = 30  # so long a program may take to end


def start(program, arguments, folder):
    return subprocess.Popen([program, *arguments.split()], cwd=folder, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)


def finish(process):
    try:
        return process.wait(SECONDS), process.stderr.read().decode(errors="replace")
    except subprocess.TimeoutExpired:
        process.kill()
        return None, ""


def whole_run(program, arguments, files, folder):
    """What is wrong with an undisturbed run, and its seconds."""
    begun = time.monotonic()
    code, err = finish(start(program, arguments, folder))
    seconds = time.monotonic() - begun
    if code != 0:
        return "undisturbed: ends with %s: %s" % (code, err), seconds
    return trouble_except_parts(folder, files, True), seconds


def trouble_except_parts(folder, files, all_new):
    return [w for w in trouble_with_files(folder, files, all_new, set(os.listdir(folder))) if ".part" not in w]


def interrupted(program, arguments, files, folder, delay):
    write_old_files(folder, [f for f in files if f != "record.json"])
    process = start(program, arguments, folder)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    code, err = finish(process)
    if code == 3 and "CL_BUILD_PROGRAM_FAILURE" in err:
        code = 130  # PoCL's compiler removes its files when it sees the signal, which ends the program a moment later
    if code not in (-signal.SIGINT, 130, 0):
        return ["ends with %s: %s" % (code, err)]
    return trouble_except_parts(folder, files, False)


def put_old_back(folder, files):
    for path in found_in(folder):
        if path in files and path != "record.json":
            with open(os.path.join(folder, path), "wb") as file:
                file.write(OLD)


def main():
    program = os.path.abspath(sys.argv[1])
    seed = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(10000)))
    chance = random.Random(seed)
    times = 30 if os.environ.get("FAULTS") == "all" else 3
    failures = parts = 0
    print("FAULTS_SEED=%d" % seed)
    for arguments, files in JOBS:
        with tempfile.TemporaryDirectory() as folder:
            wrong, seconds = whole_run(program, arguments, files, folder)
            for i in range(times):
                put_old_back(folder, files)
                delay = chance.uniform(i % 2 * 0.6 * seconds, seconds)  # files are written at the end
                wrong = wrong or ["after %.3f s: %s" % (delay, w)
                                  for w in interrupted(program, arguments, files, folder, delay)]
            parts += sum(path.endswith(".part") for path in found_in(folder))
            wrong = wrong or whole_run(program, arguments, files, folder)[0]
        print("%s clattn %s, of %.1f s%s" % ("FAIL" if wrong else "ok  ", arguments, seconds, ": %s" % wrong if wrong else ""),
              flush=True)
        failures += bool(wrong)
    print("%d interruptions, %d part files left, %d failures" % (times * len(JOBS), parts, failures))
    return 1 if failures else 0


sys.exit(main())
