/* Ranks devices: see device_rank.h. */
#include "device/device_rank.h"

#include <ctype.h>
#include <string.h>

bool clattn_contains(const char *text, const char *part) {
  const size_t length = strlen(part);
  for (; *text != '\0'; ++text) {
    size_t i = 0;
    while (i < length && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) ++i;
    if (i == length) return true;
  }
  return length == 0;
}

/* ---- lanes ------------------------------------------------------------------------------------------------------- */

/* Float lanes of one streaming multiprocessor: CUDA C++ Programming Guide, "Throughput of Native
 * Arithmetic Instructions", 32-bit floating-point multiply-add. A capability between two rows takes
 * the lower row. */
static const struct {
  unsigned capability, lanes;
} nvidia[] = {{20, 32}, {21, 48}, {30, 192}, {50, 128}, {60, 64}, {61, 128}, {70, 64}, {80, 64}, {86, 128}};

/* Float lanes of one compute unit for other vendors, found by part of the vendor's name. AMD: 64
 * lanes in a compute unit, GCN and RDNA (RDNA whitepaper). Intel: an execution unit has two 4-wide
 * float units (Gen9 architecture guide), later ones 8 lanes. Arm: 32 in a Valhall core (Mali-G77
 * and later). Qualcomm and Apple: 128 ALUs in a shader processor or core. */
static const struct {
  const char *vendor;
  unsigned lanes;
} vendors[] = {
    {"Advanced Micro Devices", 64}, {"AMD", 64}, {"Intel", 8}, {"Qualcomm", 128}, {"Apple", 128}, {"ARM", 32},
};

static unsigned nvidia_lanes(unsigned capability) {
  unsigned lanes = 128; /* the most common number */
  for (size_t i = 0; i < sizeof nvidia / sizeof nvidia[0]; ++i)
    if (nvidia[i].capability <= capability) lanes = nvidia[i].lanes;
  return lanes;
}

unsigned clattn_unit_lanes(const clattn_device_info *device, unsigned capability) {
  if (device->type == CLATTN_DEVICE_CPU) return device->native_float_width;
  if (device->type != CLATTN_DEVICE_GPU) return 0;
  if (clattn_contains(device->vendor, "NVIDIA")) return nvidia_lanes(capability);
  for (size_t i = 0; i < sizeof vendors / sizeof vendors[0]; ++i)
    if (clattn_contains(device->vendor, vendors[i].vendor)) return vendors[i].lanes;
  return 0;
}

/* The processors without AVX-512 that POCL_KERNELLIB_NAME selects (sse2, ssse3, sse41, avx, avx_f16c,
 * avx_fma4, avx2), by the name that LLVM gives them. */
static const struct {
  const char *processor;
  unsigned width;
} narrow[] = {{"-athlon64", 4},  {"-core2", 4},  {"-penryn", 4}, {"-sandybridge", 8},
              {"-ivybridge", 8}, {"-bdver1", 8}, {"-haswell", 8}};

static bool ends_with(const char *text, const char *end) {
  const size_t length = strlen(text), of_end = strlen(end);
  return length >= of_end && strcmp(text + length - of_end, end) == 0;
}

unsigned clattn_float_width(const char *version, unsigned reported) {
  if (!clattn_contains(version, "pocl")) return reported;
  for (size_t i = 0; i < sizeof narrow / sizeof narrow[0]; ++i)
    if (ends_with(version, narrow[i].processor) && narrow[i].width < reported) return narrow[i].width;
  return reported;
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

/* Lower is better. The enum of device types is in order of preference. */
static int class_of(const clattn_device_info *device) {
  static const int order[] = {[CLATTN_DISCRETE] = 0, [CLATTN_INTEGRATION_UNKNOWN] = 1, [CLATTN_INTEGRATED] = 2};
  return 3 * (int)device->type + (device->type == CLATTN_DEVICE_GPU ? order[device->integration] : 0);
}

/* Multiply-adds per second / 1e6. Values that the driver does not report are set to typical ones:
 * 64 lanes per compute unit for GPUs, 4 for others, and 1000 MHz. */
static double estimate(const clattn_device_info *device) {
  const double lanes = device->unit_lanes > 0 ? device->unit_lanes : device->type == CLATTN_DEVICE_GPU ? 64.0 : 4.0;
  return device->compute_units * (device->clock_mhz > 0 ? device->clock_mhz : CLATTN_CLOCK_UNKNOWN_MHZ) * lanes;
}

size_t clattn_best_device(const clattn_device_info *const *device, const double *rate, size_t count) {
  int class = class_of(device[0]);
  for (size_t i = 1; i < count; ++i)
    if (class_of(device[i]) < class) class = class_of(device[i]);
  bool measured = rate != NULL;
  for (size_t i = 0; measured && i < count; ++i) measured = class_of(device[i]) != class || rate[i] > 0.0;
  size_t best = 0;
  double most = -1.0;
  for (size_t i = 0; i < count; ++i) {
    const double value = measured ? rate[i] : estimate(device[i]);
    if (class_of(device[i]) != class || value <= most) continue;
    best = i;
    most = value;
  }
  return best;
}

/* ---- kinds ------------------------------------------------------------------------------------------------------- */

bool clattn_is_kind(const char *word, const clattn_device_info *device, bool *fits) {
  const struct {
    const char *word;
    bool fits;
  } kinds[] = {
      {"gpu", device->type == CLATTN_DEVICE_GPU},
      {"accelerator", device->type == CLATTN_DEVICE_ACCELERATOR},
      {"cpu", device->type == CLATTN_DEVICE_CPU},
      {"discrete", device->type == CLATTN_DEVICE_GPU && device->integration == CLATTN_DISCRETE},
      {"integrated", device->type == CLATTN_DEVICE_GPU && device->integration == CLATTN_INTEGRATED},
  };
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    if (strlen(word) != strlen(kinds[i].word) || !clattn_contains(word, kinds[i].word)) continue;
    *fits = kinds[i].fits;
    return true;
  }
  return false;
}
