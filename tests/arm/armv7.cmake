# Builds for 32-bit ARM with hardware floats: Raspberry Pi 2 and later with a 32-bit system.
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(triple arm-linux-gnueabihf)
set(emulator qemu-arm)
include("${CMAKE_CURRENT_LIST_DIR}/toolchain.cmake")
