"""Fetches compilers into the build folder, and runs them. Nothing is installed: neither a compiler nor a platform."""
import contextlib
import fcntl
import os
import pathlib
import platform
import subprocess

TESTS = pathlib.Path(__file__).resolve().parent.parent
CANNOT_BE_HAD = 77


class NotHere(Exception):
    """A compiler cannot be had; says why."""


class Refused(Exception):
    """A compiler did not make a kernel, or not a right one; says why."""


@contextlib.contextmanager
def locked(folder):
    """Two tests may want the same compiler at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(folder.name + ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def debian(build, name, packages):
    """The folder with Debian's packages."""
    if platform.machine() != "x86_64":
        raise NotHere("the compilers are for x86-64")
    folder = build / "compilers" / name
    with locked(folder):
        done = subprocess.run(["bash", TESTS / "fetch", "amd64", folder, *packages], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise NotHere(f"apt-get has no {' '.join(packages)}: {done.stdout.strip()[-300:]}")
    return folder


def wheels(build, name):
    """The folder of Python's packages in one of the environments of tests/peers/venv.sh."""
    folder = build / "peers" / name
    done = subprocess.run(["bash", TESTS / "peers" / "venv.sh", name, folder], check=False, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, env={**os.environ, "CLATTN_SKIPPED": str(CANNOT_BE_HAD)})
    if done.returncode == CANNOT_BE_HAD:
        raise NotHere(done.stderr.strip().split("\n")[-1].removeprefix("skipped: "))
    if done.returncode != 0:
        raise RuntimeError(f"venv.sh {name}: {done.stderr}")
    return next((folder / "lib").glob("python3*/site-packages"))


def run(command, environment=None):
    """What the command prints, on both ways."""
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        lines = done.stdout.strip().split("\n")
        wrong = [line for line in lines if "error" in line.lower()] or lines
        raise Refused(f"{pathlib.Path(command[0]).name}, exit code {done.returncode}: {wrong[0][:300]}")
    return done.stdout


class Clang:
    """Clang for OpenCL C, with libraries of bitcode, for AMD's and NVIDIA's GPUs."""

    PACKAGES = ("clang-19=1:19.1.7-3~deb12u1", "libclc-19=1:19.1.7-3~deb12u1")

    def __init__(self, build):
        self.root = debian(build, "clang", self.PACKAGES)
        self.environment = {"LD_LIBRARY_PATH": str(self.root / "usr" / "lib" / "x86_64-linux-gnu")}

    def __call__(self, *arguments):
        clang = self.root / "usr" / "lib" / "llvm-19" / "bin" / "clang"
        return run([clang, "-x", "cl", "-D__OPENCL_VERSION__=120", *arguments], self.environment)


def bitcode(files):
    """The options that link these libraries of bitcode."""
    return [word for file in files for word in ("-Xclang", "-mlink-builtin-bitcode", "-Xclang", str(file))]
