"""A launch, as device.c describes it, and what machine.py and its GPUs share."""
import dataclasses


class Fault(Exception):
    """The kernel does what it must not do; says what."""


class Unknown(Exception):
    """The emulator does not know an instruction; says which."""


@dataclasses.dataclass
class Launch:
    """What device.c wrote into a launch's folder."""
    program: str
    kernel: str
    offset: list
    items: list  # in all
    group: list  # of a work-group
    arguments: dict  # by number: its bytes
    buffers: dict  # by number: a name that equal buffers share

    @classmethod
    def read(cls, folder):
        program, kernel, *lines = (folder / "launch").read_text(encoding="utf-8").splitlines()
        sizes, arguments, buffers = [list(map(int, line.split())) for line in lines[:3]], {}, {}
        for number, value, kind in map(str.split, lines[3:]):
            arguments[int(number)] = bytes.fromhex(value)
            if kind == "buffer":
                buffers[int(number)] = value
        return cls(program, kernel, *sizes, arguments, buffers)

    def groups(self):
        return [n // size for n, size in zip(self.items, self.group)]


@dataclasses.dataclass(frozen=True)
class Argument:
    """Of a kernel, as its source declares it."""
    type_name: str  # "float*"
    is_const: bool


@dataclasses.dataclass(frozen=True)
class Figures:
    """What a device tells about a kernel."""
    work_group: int  # work-items at most
    lanes: int
    local: int  # bytes of a work-group
    private: int  # bytes of a work-item
    arguments: tuple
