"""Checks that programs accept the limits that their own messages name: limits.py CLATTN

Each option that takes whole numbers is given 1.5. The message then names a range; the program must
accept both of its ends and refuse the numbers beyond them. An accepted value may still be refused
for another reason: it conflicts with other options, there is no memory for it, or no device (none
is available here).
"""
import os
import re
import resource
import subprocess
import sys
import tempfile

RANGE = re.compile(r"(?P<option>\S+)( is)? (?P<value>\S+) "
                   r"\(allowed: (numbers from )?(?P<least>-?\d+) to (?P<most>\d+)\b")
SOME = {"batch": 2, "tokens": 1, "key-tokens": 1, "heads": 2, "cache-capacity": 1, "cache-page-len": 1, "rotary": "halves"}
SMALL = {"tokens": 2, "model-dim": 2, "heads": 1, "repeat": 1}
# A command, options that make the limits meaningful and the work small, and the options to test.
CASES = [
    (["run", "--random"], SOME,
     "batch tokens key-tokens model-dim kv-model-dim head-dim value-dim output-dim past-tokens heads kv-heads "
     "rotary-dim cache-capacity cache-page-len cache-pages repeat seed window-left window-right align"),
    (["run"], {}, "key-lengths query-offsets key-offsets"),
    (["ladder", "scores"], {}, "tokens key-tokens model-dim heads kv-heads head-dim"),
    (["compare"], SMALL, "tokens batch model-dim heads kv-heads head-dim value-dim seed repeat"),
    (["tune", "--quick"], {}, "tokens head-dim")]
MEMORY = 4 << 30  # so that sizes beyond memory are refused at once


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def complaint(command, environment):
    """The first line on standard error, after the program's name."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False,
                          preexec_fn=limit_memory, timeout=120)
    if done.returncode < 0 or done.returncode > 3:
        raise AssertionError(f"{command}: exit code {done.returncode}: {done.stderr[-2000:]}")
    return done.stderr.split("\n", 1)[0].removeprefix("clattn: ")


def named_range(command, option, value, environment):
    """(least, most) from the message that this value of the option is out of range, or None."""
    found = RANGE.match(complaint([*command, f"--{option}={value}"], environment))
    if found is None or found["option"] != f"--{option}" or found["value"] != str(value):
        return None
    return int(found["least"]), int(found["most"])


def faults_of(command, option, environment):
    """What is wrong with the option's limits."""
    limits = named_range(command, option, 1.5, environment)
    if limits is None:
        return ["1.5 is not refused with a range of whole numbers"]
    wrong = [f"{n} is named as a limit but refused" for n in limits if named_range(command, option, n, environment)]
    beyond = limits[0] - 1, limits[1] + 1
    return wrong + [f"{n} is beyond the limits but accepted" for n in beyond
                    if named_range(command, option, n, environment) != limits]


def main():
    program = sys.argv[1]
    failed = tested = 0
    with tempfile.TemporaryDirectory() as empty:
        record = os.path.join(empty, "record")
        environment = {**os.environ, "OCL_ICD_VENDORS": empty + "/", "CLATTN_TUNING_FILE": record}
        environment.pop("OCL_ICD_FILENAMES", None)
        environment.pop("CLATTN_DEVICE", None)
        for command, others, options in CASES:
            for option in options.split():
                rest = [f"--{name}={value}" for name, value in others.items() if name != option]
                for wrong in faults_of([program, *command, *rest], option, environment):
                    print(f"FAIL {command[0]} --{option}: {wrong}")
                    failed += 1
                tested += 1
    print(f"{tested} options, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
