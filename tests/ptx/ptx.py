"""Programs of PTX, and their launches, for Python: what the interpreter's library offers (ptx.h)."""
import ctypes
import pathlib
import struct

TEXT = 1024


class Wrong(Exception):
    """A text that is not known, or a launch that does what it may not do; says what."""


class _Buffer(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_void_p), ("size", ctypes.c_uint64), ("address", ctypes.c_uint64)]


class _Launch(ctypes.Structure):
    _fields_ = [("groups", ctypes.c_uint32 * 3), ("items", ctypes.c_uint32 * 3), ("offset", ctypes.c_uint32 * 3),
                ("arguments", ctypes.c_void_p), ("buffers", ctypes.POINTER(_Buffer)),
                ("buffer_count", ctypes.c_uint32), ("reverse", ctypes.c_uint32), ("executed", ctypes.c_uint64)]


class Interpreter:
    """The library in a build folder."""

    def __init__(self, build):
        self.library = ctypes.CDLL(str(pathlib.Path(build) / "tests" / "ptx" / "libclattn_ptx.so"))
        self.library.ptx_load.restype = ctypes.c_void_p
        self.library.ptx_load.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
        self.library.ptx_free.argtypes = [ctypes.c_void_p]
        self.library.ptx_kernel.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        self.library.ptx_figure.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
        self.library.ptx_parameter.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int,
                                               ctypes.POINTER(ctypes.c_int)]
        self.library.ptx_place.argtypes = [ctypes.POINTER(_Launch)]
        self.library.ptx_run.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Launch), ctypes.c_char_p]


class Program:
    """A text of PTX that was read."""

    def __init__(self, interpreter, text):
        why = ctypes.create_string_buffer(TEXT)
        self.library = interpreter.library
        self.handle = self.library.ptx_load(text.encode(), why)
        if not self.handle:
            raise Wrong(why.value.decode())

    def __del__(self):
        if getattr(self, "handle", None):
            self.library.ptx_free(self.handle)

    def number(self, kernel):
        """Of a kernel; None: there is none of this name."""
        number = self.library.ptx_kernel(self.handle, kernel.encode())
        return number if number >= 0 else None

    def figure(self, kernel, what):
        return self.library.ptx_figure(self.handle, self.number(kernel), what.encode())

    def _block(self, number, kernel, arguments, addresses):
        """The parameters' bytes. An argument is its bytes, or the name of a buffer."""
        data = bytearray(self.figure(kernel, "parameter bytes"))
        count, size = self.figure(kernel, "parameters"), ctypes.c_int()
        if len(arguments) != count:
            raise Wrong(f"{len(arguments)} arguments (the kernel has {count})")
        for position, argument in enumerate(arguments):
            value = struct.pack("<Q", addresses[argument]) if argument in addresses else argument
            offset = self.library.ptx_parameter(self.handle, number, position, ctypes.byref(size))
            if len(value) != size.value:
                raise Wrong(f"argument {position} has {len(value)} bytes instead of {size.value}")
            data[offset:offset + len(value)] = value
        return bytes(data)

    def run(self, kernel, groups, items, arguments, buffers, offset=(0, 0, 0), reverse=False):
        """Runs a launch. `buffers` is {name: bytearray}, which the launch may write. Returns how many instructions its
        warps have carried out."""
        number = self.number(kernel)
        if number is None:
            raise Wrong(f"no kernel {kernel}")
        held = (_Buffer * max(len(buffers), 1))()
        for of, data in zip(held, buffers.values()):
            of.bytes = ctypes.addressof(ctypes.c_char.from_buffer(data)) if data else None
            of.size = len(data)
        three = ctypes.c_uint32 * 3
        launch = _Launch(three(*groups), three(*items), three(*offset), None, held, len(buffers), reverse, 0)
        self.library.ptx_place(ctypes.byref(launch))
        block = self._block(number, kernel, arguments, {name: of.address for name, of in zip(buffers, held)})
        launch.arguments = ctypes.cast(ctypes.c_char_p(block), ctypes.c_void_p)
        why = ctypes.create_string_buffer(TEXT)
        if self.library.ptx_run(self.handle, number, ctypes.byref(launch), why) != 0:
            raise Wrong(why.value.decode(errors="replace"))
        return launch.executed
