"""Runs commands for bench/gpu: each within a time limit, in a process group of its own, with its output kept.

It needs nothing but Python 3.8 and a system with process groups.
"""
import contextlib
import dataclasses
import getpass
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

# How many characters of a failed command's output the report keeps: the end says what went wrong.
KEPT = 2000
# Drivers of these folders are the same everywhere, so their files' names say something and betray nobody.
SYSTEM_FOLDERS = ("etc", "usr", "lib", "lib32", "lib64", "opt", "dev", "proc", "sys", "System", "Library")
PATH = re.compile(r"(?<![\w/.])/([\w.+@~-]+)((?:/[\w.+@~-]+)*)")


class Private:
    """Takes out of a text what says whose machine this is: paths, the user and the host."""

    def __init__(self, *folders):
        known = [pathlib.Path.home(), pathlib.Path.cwd(), *map(pathlib.Path, folders)]
        texts = {str(form) for path in known for form in (path, path.absolute(), path.resolve())}
        self.folders = sorted((text for text in texts if len(text) > 1), key=len, reverse=True)
        self.names = {}
        with contextlib.suppress(Exception):  # there are users without a name
            self.names[getpass.getuser()] = "[user]"
        self.names[socket.gethostname()] = self.names[socket.gethostname().split(".")[0]] = "[host]"

    @staticmethod
    def shorten(match):
        first, rest = match[1], match[2]
        return rest.rsplit("/", 1)[-1] if first in SYSTEM_FOLDERS and rest else "[path]"

    def paths(self, text):
        for folder in self.folders:
            text = re.sub(re.escape(folder) + r"(?![\w-])[^\s'\",:;)]*", "[path]", text)
        return PATH.sub(self.shorten, text)

    def all(self, value):
        """Takes the paths out of every text in lists and dictionaries."""
        if isinstance(value, dict):
            return {key: self.all(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.all(one) for one in value]
        return self.paths(value) if isinstance(value, str) else value

    def text(self, text):
        """For what programs print. Facts that a driver states lose their paths only, because a host may be named like a
        device."""
        text = self.paths(text)
        for name, instead in self.names.items():
            if len(name) > 2:
                text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", instead, text)
        return text


@dataclasses.dataclass
class Outcome:
    """What became of a command. `code` is None if it was killed, at its limit or by an interruption."""
    code: object
    output: str
    errors: str
    seconds: float
    limit: float

    def how(self):
        if self.code is None:
            return f"was killed after {self.limit:.0f} s"
        if self.code >= 0:
            return f"exit code {self.code}"
        try:
            return f"ended by signal {signal.Signals(-self.code).name}"
        except ValueError:
            return f"ended by signal {-self.code}"

    def message(self):
        """The first line of what it complained about, without the program's name."""
        lines = [line for line in self.errors.split("\n") if line.strip()]
        return lines[0].split("clattn: ", 1)[-1] if lines else self.how()

    def last_words(self):
        return "\n".join(part for part in (self.output[-KEPT:].strip(), self.errors[-KEPT:].strip()) if part)


def kill(process):
    """With its children."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


class Commands:
    """Runs one command after the other, until it is stopped."""

    def __init__(self):
        self.running, self.stopped = None, False

    def stop(self, *_):
        """As a signal handler: ends the command that runs, and all later ones before they begin."""
        self.stopped = True
        if self.running is not None:
            kill(self.running)

    def execute(self, command, limit, environment):
        """The outcome of a command. Its output goes to files, so that a killed one leaves what it had printed."""
        started = time.monotonic()
        if self.stopped:
            return Outcome(None, "", "", 0.0, limit)
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            try:
                self.running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                                                env=environment, start_new_session=True)
            except OSError as reason:  # not a program of this machine
                return Outcome(127, "", str(reason), 0.0, limit)
            code = self.wait(max(limit, 0.1))
            texts = []
            for file in (output, errors):
                file.seek(0)
                texts.append(file.read().decode("utf-8", "replace"))
        return Outcome(code, *texts, time.monotonic() - started, limit)

    def wait(self, limit):
        """The exit code, None if the command was killed."""
        try:
            code = None if self.stopped else self.running.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        kill(self.running)  # children that outlived it, too
        with contextlib.suppress(subprocess.TimeoutExpired):  # one that hangs in its driver may outlive that
            self.running.wait(5)
        self.running = None
        return None if self.stopped else code
