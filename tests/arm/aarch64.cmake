# Builds for 64-bit ARM: servers, phones, Raspberry Pi with a 64-bit system, Apple processors with Linux.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(triple aarch64-linux-gnu)
set(emulator qemu-aarch64)
include("${CMAKE_CURRENT_LIST_DIR}/toolchain.cmake")
