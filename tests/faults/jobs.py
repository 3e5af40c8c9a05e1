"""The jobs whose calls are made to fail, and which failures they may survive."""

from dataclasses import dataclass, field

SMALL = "--random --tokens 5 --model-dim 8 --heads 2 --repeat 1 "


@dataclass
class Job:
    name: str
    arguments: str
    files: tuple = ()  # what it writes
    environment: dict = field(default_factory=dict)
    counts_vary: bool = False  # it repeats what it times: no call but a first one is at the same number again
    first: str = ""  # arguments of a run that makes ready what it finds
    code: int = 0  # what it ends with when nothing fails


SAVED = tuple("saved/%s.npy" % name for name in ("q k v scaled scores weights lse context").split())

KERNELS = "run --repeat 1 --kernel project=1,scores=1,softmax=1,context=1 --check off"
# Platforms that keep programs themselves are known by name, and ours does; with another it is left to us.
STORE = {"CLATTN_PROGRAM_DIR": "programs", "FAULT_PLATFORM": "a driver that keeps no programs"}
TUNE = "tune --quick --stage softmax --tokens 16 --head-dim 8 --file record.json"

JOBS = [
    Job("devices", "devices"),
    Job("staged", "run --example please-study-man --repeat 1 --save saved --out out.npy", SAVED + ("out.npy",)),
    Job("fused", "run --pipeline fused --type f16 --rotary halves --positions sinusoidal --output-dim 3 --json "
        "--head-dim 16 --rotary-cos first/q.npy --rotary-sin first/k.npy " + SMALL + "--out out.npy", ("out.npy",),
        first="run --query-offsets 0,5 " + SMALL + "--save first"),  # whose q and k have two dimensions
    Job("blas", "run --pipeline blas " + SMALL),
    Job("cache", "run --random --tokens 1 --causal --model-dim 8 --heads 2 --cache-capacity 16 --cache-page-len 4 "
        "--past-lengths 8 --window-left 3 --cache-rolling --cache-type i8-token --repeat 1"),
    Job("lengths", "run --key-lengths 3,5 --batch 2 --alibi auto --explain-plan --check sample " + SMALL),
    Job("store", KERNELS, environment=STORE),
    Job("stored", KERNELS, environment=STORE, first=KERNELS),
    Job("tuned", "run --random --tokens 16 --model-dim 8 --heads 1 --repeat 1", first=TUNE,
        environment={"CLATTN_TUNING_FILE": "record.json"}),
    Job("explain", "explain please-study-man --svg pictures", ("pictures/please-study-man-weights.svg",)),
    Job("page", "explain dog-chased-ball --html walk.html", ("walk.html",)),
    Job("compare", "compare --tokens 16 --model-dim 32 --heads 2 --repeat 1 --csv table.csv", ("table.csv",),
        counts_vary=True),
    Job("exercise", "exercise check dot-product", first="exercise start dot-product", code=1),
    Job("tune", TUNE, first=TUNE, files=("record.json",), counts_vary=True),
    Job("ladder", "ladder softmax --tokens 4 --model-dim 8 --heads 2", counts_vary=True),
]

CODES = {
    -4: "CL_MEM_OBJECT_ALLOCATION_FAILURE",
    -5: "CL_OUT_OF_RESOURCES",
    -6: "CL_OUT_OF_HOST_MEMORY",
    -9: "CL_IMAGE_FORMAT_MISMATCH",
    -11: "CL_BUILD_PROGRAM_FAILURE",
    -14: "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST",
    -36: "CL_INVALID_COMMAND_QUEUE",
    -48: "CL_INVALID_KERNEL",
    -52: "CL_INVALID_KERNEL_ARGS",
    -54: "CL_INVALID_WORK_GROUP_SIZE",
    -55: "CL_INVALID_WORK_ITEM_SIZE",
    -61: "CL_INVALID_BUFFER_SIZE",
    -1001: "CL_PLATFORM_NOT_FOUND_KHR",
    -9999: "unknown OpenCL code",  # NVIDIA's driver has it
}


@dataclass(frozen=True)
class Survivor:
    """Calls whose failure the program may survive, and why. What is empty holds for all."""

    why: str
    calls: tuple = ()
    what: tuple = ()  # the properties asked for
    jobs: tuple = ()
    last: bool = False  # the last such call alone
    from_there: bool = False  # with it, all from the same place in the code as the last
    says: bool = False  # standard output must tell of the failure
    warns: bool = False  # standard error must

    def holds(self, job, calls, n):
        call = calls[n - 1]
        return (not self.calls or call.name in self.calls) and (not self.what or call.what in self.what) \
            and (not self.jobs or job.name in self.jobs) \
            and not (self.last and not self.is_last(calls, n))

    def is_last(self, calls, n):
        same = [later for later in calls[n - 1:] if later.name == calls[n - 1].name]
        return len(same) == 1 or self.from_there and (same[-1].object, same[-1].site) == (same[0].object, same[0].site)


RELEASES = tuple("clRelease" + kind for kind in "Context CommandQueue MemObject Program Kernel Event".split())
# Name, vendor, driver's version, version, C version and extensions of a device; name of a platform.
TEXTS = (0x102B, 0x102C, 0x102D, 0x102F, 0x103D, 0x1030, 0x0902)
# CL_DEVICE_HOST_UNIFIED_MEMORY, and NVIDIA's compute capability, which other drivers do not know.
RANKS = (0x1035, 0x4000, 0x4001)
PLATFORM, PLATFORM_VERSION = 0x1031, 0x0901
SUB_GROUP_SIZES = 0x4108
HALF_FP_CONFIG = 0x1033

SURVIVORS = [
    Survivor("nothing is left to do about it", RELEASES),
    Survivor("a text of a device or platform may be lacking", ("clGetDeviceInfo", "clGetPlatformInfo"), TEXTS),
    Survivor("what only decides which of several devices is taken may be unknown", ("clGetDeviceInfo",), RANKS),
    Survivor("no kernel asks for a size of sub-groups that is unknown", ("clGetDeviceInfo",), (SUB_GROUP_SIZES,)),
    Survivor("products are float where half arithmetic is unknown", ("clGetDeviceInfo",), (HALF_FP_CONFIG,)),
    Survivor("another platform has a device", ("clGetDeviceIDs",)),
    Survivor("a build that fails is tried once more, or another kernel of the stage is built", ("clBuildProgram",)),
    Survivor("a kernel that fails its self-test is rejected, with a warning",
             ("clSetKernelArg", "clEnqueueNDRangeKernel", "clWaitForEvents"), warns=True),
    Survivor("the wall clock stands in", ("clGetEventProfilingInfo",)),
    Survivor("the end of a cache: nothing is left to do about it", ("clFinish",), jobs=("cache",), last=True,
             from_there=True),
    Survivor("what cannot be stored is built again the next time", ("clGetProgramInfo",), jobs=("store",)),
    Survivor("a key without the platform's version is another key", ("clGetDeviceInfo", "clGetPlatformInfo"),
             (PLATFORM, PLATFORM_VERSION), jobs=("store", "stored")),
    Survivor("what is stored and of no use is built anew",
             ("clCreateProgramWithBinary", "clBuildProgram", "clCreateKernel", "clGetProgramInfo"), jobs=("stored",)),
    Survivor("who cannot run is shown with the reason", jobs=("compare",), says=True),
    Survivor("a candidate that fails is dropped, with the reason", jobs=("tune",), says=True),
    Survivor("a rung that fails is shown with the reason", jobs=("ladder",), says=True),
    Survivor("a tuning record that cannot be read is not used", ("malloc", "calloc"), jobs=("tuned",)),
    Survivor("the learner is told the file without the line", ("malloc",), jobs=("exercise",), last=True),
    Survivor("without memory to store or to load, a program is built", ("malloc",), jobs=("store", "stored")),
]
