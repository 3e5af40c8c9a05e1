"""Memory of this process that ends at pages which nobody may touch."""
import ctypes
import mmap

PAGE = mmap.PAGESIZE
ALIGNMENT = 16  # bytes; the kernels read vectors of four floats at most from an address that they know to be aligned
NAN = 0xff  # a byte of a word that is NaN, and that no result is

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def read(address, size):
    return ctypes.string_at(address, size)


def write(address, data):
    ctypes.memmove(address, bytes(data), len(data))


class Block:
    """Some bytes, of which the last lies before a forbidden page, as near as the alignment allows; the bytes around
    them are filled, so that a write there shows, and a page before them is forbidden, too."""

    def __init__(self, size):
        self.size = size
        body = max(-(-size // PAGE), 1) * PAGE
        self.pages = mmap.mmap(-1, body + 2 * PAGE)
        first = ctypes.addressof(ctypes.c_char.from_buffer(self.pages))
        self.body, self.end = first + PAGE, first + PAGE + body
        self.address = self.end - -(-size // ALIGNMENT) * ALIGNMENT
        self.fill()
        for page in (first, self.end):
            if _libc.mprotect(page, PAGE, 0) != 0:
                raise OSError(ctypes.get_errno(), "mprotect")

    def fill(self):
        """With NaN."""
        ctypes.memset(self.body, NAN, self.end - self.body)

    def read(self):
        return read(self.address, self.size)

    def write(self, data):
        write(self.address, data)

    def is_whole(self):
        """Whether nothing was written around the bytes."""
        around = read(self.body, self.address - self.body) + read(self.address + self.size,
                                                                  self.end - self.address - self.size)
        return around.count(NAN) == len(around)
