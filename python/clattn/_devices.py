"""OpenCL devices: listed and opened once in a process, and kept."""
from __future__ import annotations

import os
import threading
from typing import Any

from . import _drivers
from ._clattn import ffi, lib
from ._errors import NO_DRIVER, InvalidArgument, InvalidType, NoDevice, Unsupported, check, new_error

_KINDS = {lib.CLATTN_DEVICE_GPU: "gpu", lib.CLATTN_DEVICE_ACCELERATOR: "accelerator", lib.CLATTN_DEVICE_CPU: "cpu"}


class Device:
    """An OpenCL device, one of `clattn.devices()`.

    It is opened when it is first used and stays open until the process ends. Several threads may use it; their calls
    follow one another.
    """

    def __init__(self, info: Any) -> None:
        self.index: int = info.index
        self.name: str = _text(info.name)
        self.kind: str = _KINDS.get(info.type, "other")
        self.vendor: str = _text(info.vendor)
        self.platform: str = _text(info.platform)
        self.version: str = _text(info.version)
        self.driver_version: str = _text(info.driver_version)
        self.compute_units: int = info.compute_units
        self.memory_bytes: int = info.global_memory_bytes
        self._lock = threading.RLock()  # not a Lock: a finalizer may run in the thread that has it
        self._handle = ffi.NULL

    def __repr__(self) -> str:
        return f"<clattn.Device {self.index}: {self.name}, {self.kind} ({self.platform})>"

    def __enter__(self) -> Any:
        """Begins calls of the library on this device; returns its clattn_device."""
        refuse_after_fork()
        self._lock.acquire()
        try:
            if self._handle == ffi.NULL:
                self._handle = _open(self.index)
        except BaseException:
            self._lock.release()
            raise
        return self._handle

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class _Process:
    """What this process knows of OpenCL."""

    lock = threading.Lock()
    user = 0  # the process that made the first call of OpenCL; 0: none has
    list: Any = None
    devices: "list[Device]" = []
    chosen: "dict[str | None, Device]" = {}  # by the argument `device` of calls


def _text(field: Any) -> str:
    return ffi.string(field).decode("utf-8", "replace").strip()


def is_forked() -> bool:
    """Whether this is a child of a process that has used OpenCL, which does not survive fork()."""
    return _Process.user not in (0, os.getpid())


def refuse_after_fork() -> None:
    """Called before a lock is taken, for the child may never get that."""
    if is_forked():
        raise Unsupported(
            f"process {_Process.user} used OpenCL before it forked into process {os.getpid()}, and OpenCL does not "
            "survive that (allowed: start processes with multiprocessing's method 'spawn' or 'forkserver', or fork "
            "before the first call of clattn)"
        )


def use_opencl() -> None:
    """Before a call of OpenCL: from now on children of this process are refused."""
    if not _Process.user:
        _Process.user = os.getpid()


def _list_of(name: str | None) -> Any:
    """The clattn_device_list of the devices that the name leaves."""
    choice, made, error = ffi.new("clattn_device_choice *"), ffi.new("clattn_device_list **"), new_error()
    kept = ffi.NULL if name is None else ffi.new("char[]", name.encode())
    choice.device = kept
    check(lib.clattn_device_list_create(choice, made, error), error, NO_DRIVER if name is None else "")
    return ffi.gc(made[0], lib.clattn_device_list_destroy)


def _all() -> "list[Device]":
    """All devices; raises NoDevice if there are none."""
    refuse_after_fork()
    with _Process.lock:
        if not _Process.devices:
            use_opencl()
            with _drivers.found():
                _Process.list = _list_of(None)
            count = lib.clattn_device_list_count(_Process.list)
            _Process.devices = [Device(lib.clattn_device_list_info(_Process.list, i)) for i in range(count)]
        return _Process.devices


def _open(index: int) -> Any:
    handle, error = ffi.new("clattn_device **"), new_error()
    check(lib.clattn_device_list_open(_Process.list, index, handle, error), error)
    return handle[0]


def devices() -> "list[Device]":
    """The OpenCL devices of this machine; an empty list if there are none."""
    try:
        return list(_all())
    except NoDevice:
        return []


def choose(choice: "Device | int | str | None") -> Device:
    """The device for an argument `device`: None (the best one), an index, a part of a name, a kind, or a Device.

    Kinds are "gpu", "cpu", "accelerator", "discrete" and "integrated".
    """
    if isinstance(choice, Device):
        return choice
    known = _all()
    if choice is None or isinstance(choice, str):
        if choice not in _Process.chosen:
            left = _Process.list if choice is None else _list_of(choice)
            index, error = ffi.new("size_t *"), new_error()
            check(lib.clattn_device_list_best(left, ffi.NULL, index, error), error)
            _Process.chosen[choice] = known[lib.clattn_device_list_info(left, index[0]).index]
        return _Process.chosen[choice]
    if isinstance(choice, int) and not isinstance(choice, bool):
        if not 0 <= choice < len(known):
            raise InvalidArgument(f"device is {choice} (allowed: 0 to {len(known) - 1}, as in clattn.devices())")
        return known[choice]
    raise InvalidType(
        f"device is a {type(choice).__name__} (allowed: None, an index, a part of a name, a kind such as 'gpu', or a "
        "clattn.Device)"
    )
