"""The library's errors as exceptions, and the checks that the package makes itself."""
from __future__ import annotations

from ._clattn import ffi, lib

NO_DRIVER = (
    "clattn needs an OpenCL driver: for a GPU its vendor's; for a CPU PoCL, with 'apt install pocl-opencl-icd' or, on "
    "x86-64, 'pip install pocl-binary-distribution'"
)


class Error(Exception):
    """What all exceptions of clattn are.

    status: the library's name of the error, such as "CLATTN_INVALID_PROBLEM".
    code: the OpenCL code that caused it, 0 if there is none.
    """

    status = "CLATTN_INVALID_ARGUMENT"

    def __init__(self, message: str, status: str | None = None, code: int = 0) -> None:
        super().__init__(message)
        self.status = status or type(self).status
        self.code = code

    def __reduce__(self):
        return type(self), (*self.args, self.status, self.code)


class InvalidArgument(Error, ValueError):
    """An argument has a value, shape or size that is not allowed; the message says which are."""


class InvalidType(Error, TypeError):
    """An argument is of a type that is not allowed; the message says which are."""


class InvalidProblem(Error, ValueError):
    """The arguments contradict each other."""

    status = "CLATTN_INVALID_PROBLEM"


class Unsupported(Error, NotImplementedError):
    """A meaningful request that this version, build or device cannot serve."""

    status = "CLATTN_UNSUPPORTED"


class NoDevice(Error, RuntimeError):
    """There is no OpenCL driver, or no device that matches the choice."""

    status = "CLATTN_NO_DEVICE"


class OutOfMemory(Error, MemoryError):
    """The problem does not fit into the memory of the device or of the host."""

    status = "CLATTN_OUT_OF_DEVICE_MEMORY"


class CacheFull(Error, RuntimeError):
    """A call would append more keys than the cache has room for; nothing was appended."""

    status = "CLATTN_CACHE_FULL"


class DeviceFailed(Error, RuntimeError):
    """A call of the driver failed, or its compiler refused a kernel. `code` is OpenCL's."""

    status = "CLATTN_OPENCL_FAILED"


_EXCEPTIONS = {
    lib.CLATTN_INVALID_ARGUMENT: InvalidArgument,
    lib.CLATTN_INVALID_PROBLEM: InvalidProblem,
    lib.CLATTN_UNSUPPORTED: Unsupported,
    lib.CLATTN_NO_DEVICE: NoDevice,
    lib.CLATTN_OUT_OF_HOST_MEMORY: OutOfMemory,
    lib.CLATTN_OUT_OF_DEVICE_MEMORY: OutOfMemory,
    lib.CLATTN_CACHE_FULL: CacheFull,
}


def new_error():
    """A clattn_error for one call."""
    return ffi.new("clattn_error *")


def check(status: int, error, advice: str = "") -> None:
    """Raises what a call of the library returned, unless it is CLATTN_OK. The advice is for want of a device."""
    if status == lib.CLATTN_OK:
        return
    message = ffi.string(error.message).decode("utf-8", "replace")
    if advice and status == lib.CLATTN_NO_DEVICE:
        message += ". " + advice
    name = ffi.string(lib.clattn_status_name(status)).decode()
    raise _EXCEPTIONS.get(status, DeviceFailed)(message, name, error.code)
