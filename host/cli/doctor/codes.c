/* What OpenCL's error codes mean, and what helps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/doctor/doctor.h"

#define NO_DRIVER                                                                                                      \
  "The loader found no driver at all: none is installed, or no .icd file can be used.\n"                               \
  "  no GPU at hand   PoCL, on the CPU: Debian, Ubuntu pocl-opencl-icd; Fedora, Arch pocl; macOS\n"                    \
  "                   (Homebrew) pocl\n"                                                                               \
  "  NVIDIA           Debian nvidia-opencl-icd; Ubuntu libnvidia-compute-VERSION; Fedora (RPM Fusion)\n"               \
  "                   xorg-x11-drv-nvidia-cuda; Arch opencl-nvidia. The kernel module must have the\n"                 \
  "                   same version\n"                                                                                  \
  "  AMD              Debian, Ubuntu mesa-opencl-icd (rusticl: set RUSTICL_ENABLE=radeonsi) or AMD's\n"                \
  "                   rocm-opencl; Fedora rocm-opencl or mesa-libOpenCL; Arch rocm-opencl-runtime or\n"                \
  "                   opencl-mesa. The user must be in the groups render and video\n"                                  \
  "  Intel            GPU: Debian, Ubuntu intel-opencl-icd; Fedora intel-compute-runtime; Arch the\n"                  \
  "                   same name. CPU: intel-opencl-rt with intel-cmplr-lib-rt, from PyPI\n"                            \
  "  ARM, Qualcomm    libOpenCL.so of the board or phone, or libmali's .icd file\n"                                    \
  "  Apple            part of macOS, without a loader\n"                                                               \
  "In a container the .icd file and the device's node (/dev/dri, /dev/nvidia0) must be passed in."

static const struct {
  int code;
  const char *name, *words;
} codes[] = {
    {-1001, "CL_PLATFORM_NOT_FOUND_KHR", NO_DRIVER},
    {-1, "CL_DEVICE_NOT_FOUND",
     "There is a driver, but it has no device. GPU: it is missing or switched off, or this user may not\n"
     "open it (groups render and video; nvidia-smi must work). PoCL: it cannot make its cache folder\n"
     "(POCL_CACHE_DIR, else one below XDG_CACHE_HOME or HOME), or POCL_DEVICES names no device of PoCL's\n"
     "(set it to pthread, or unset it). rusticl: it has devices only if RUSTICL_ENABLE names a driver\n"
     "(radeonsi, iris, llvmpipe)."},
    {-2, "CL_DEVICE_NOT_AVAILABLE",
     "Another program uses the device exclusively, or it was reset. Try again; look at the system's log."},
    {-3, "CL_COMPILER_NOT_AVAILABLE",
     "The driver was installed without its compiler, which is in another package of the same vendor (AMD\n"
     "comgr, libclc, LLVM)."},
    {-4, "CL_MEM_OBJECT_ALLOCATION_FAILURE",
     "The device has no room for a buffer. Try a shorter sequence, fewer heads, or --pipeline fused (no\n"
     "matrix of scores); end other programs that use the device."},
    {-5, "CL_OUT_OF_RESOURCES",
     "Memory, registers or local memory ran out, a kernel wrote outside its buffers, or the display's\n"
     "watchdog ended it. Try another kernel ('clattn doctor' tests them) and a smaller problem. Later\n"
     "calls may fail for no other reason."},
    {-6, "CL_OUT_OF_HOST_MEMORY",
     "The computer has no memory left, or a limit was reached (ulimit -v, or that of a container)."},
    {-11, "CL_BUILD_PROGRAM_FAILURE",
     "The driver's compiler rejects a kernel; its output follows the message. PoCL: a file is in the\n"
     "place of its cache folder (POCL_CACHE_DIR), or the disk is full. Plans use another kernel instead."},
    {-30, "CL_INVALID_VALUE",
     "The driver refuses a value that its own limits allow: a bug in clattn or in the driver; please\n"
     "report it."},
    {-36, "CL_INVALID_COMMAND_QUEUE",
     "The queue is gone: an earlier kernel failed and the driver closed the context. Start the program\n"
     "again."},
    {-43, "CL_INVALID_BUILD_OPTIONS", "The compiler does not know -cl-std=CL1.2: the driver is older than OpenCL 1.2."},
    {-52, "CL_INVALID_KERNEL_ARGS",
     "An argument was set and still refused: a bug in clattn or in the driver; please report it."},
    {-54, "CL_INVALID_WORK_GROUP_SIZE",
     "The compiled kernel needs more registers than a work-group of that size has. Try smaller tiles, as\n"
     "in --kernel scores=tiled:TILE=8, or 'clattn tune', which finds sizes that run."},
    {-55, "CL_INVALID_WORK_ITEM_SIZE", "As -54, but along one dimension."},
    {-58, "CL_INVALID_EVENT", "An event of an earlier command failed; the first message is the one that matters."},
    {-61, "CL_INVALID_BUFFER_SIZE",
     "A buffer is larger than the device allows for one: try a shorter sequence or --pipeline fused."},
    {-9999, "an illegal access (NVIDIA)",
     "A kernel read or wrote outside its buffers. Run 'clattn doctor', and report what it says."},
};
enum { CODES = sizeof codes / sizeof codes[0] };

const char *doctor_words(int code) {
  for (int i = 0; i < CODES; ++i)
    if (codes[i].code == code) return codes[i].words;
  return NULL;
}

/* Variables that may hide devices. */
static const char *const hiding[] = {
    "OCL_ICD_VENDORS",      "OCL_ICD_FILENAMES",   "OPENCL_VENDOR_PATH", "POCL_DEVICES",     "CUDA_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "ZE_AFFINITY_MASK", "ONEAPI_DEVICE_SELECTOR"};

void doctor_advise(int code, FILE *to) {
  enum { NO_DEVICE = -1, NO_MEMORY = -6, NO_PLATFORM = -1001 };
  fprintf(to, "%s\n", doctor_words(code == NO_PLATFORM || code == NO_MEMORY ? code : NO_DEVICE));
  for (size_t i = 0; i < sizeof hiding / sizeof hiding[0]; ++i) {
    const char *value = getenv(hiding[i]);
    if (value != NULL) fprintf(to, "%s=%s is set: try without it.\n", hiding[i], value);
  }
}

int doctor_code(const char *text) {
  char *end = NULL;
  const long number = strtol(text, &end, 10);
  const bool is_number = end != text && *end == '\0';
  for (int i = 0; i < CODES; ++i)
    if (is_number ? number == codes[i].code || -number == codes[i].code : strcmp(text, codes[i].name) == 0) {
      printf("%s (%d)\n%s\n", codes[i].name, codes[i].code, codes[i].words);
      return EXIT_PASSED;
    }
  char allowed[512] = "";
  for (int i = 0; i < CODES; ++i) {
    const size_t used = strlen(allowed);
    snprintf(allowed + used, sizeof allowed - used, "%s%d", i > 0 ? ", " : "", codes[i].code);
  }
  complain("--code %s is unknown (allowed: %s, or a name such as CL_OUT_OF_RESOURCES)", text, allowed);
  return EXIT_BAD_INPUT;
}
