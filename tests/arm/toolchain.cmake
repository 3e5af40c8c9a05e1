# What the toolchain files beside this one share: Debian's cross compiler for ${triple}, ARM libraries in the folder
# CLATTN_ARM_ROOT (`fetch` puts them there), and qemu-user, which runs what is built.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${triple}-gcc)
set(CMAKE_C_COMPILER_TARGET ${triple})
set(CMAKE_LIBRARY_ARCHITECTURE ${triple})
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CLATTN_ARM_ROOT) # the small projects of CMake's checks read this file, too

set(CMAKE_FIND_ROOT_PATH "${CLATTN_ARM_ROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${CLATTN_ARM_ROOT}")
set(ENV{PKG_CONFIG_LIBDIR} "${CLATTN_ARM_ROOT}/usr/lib/${triple}/pkgconfig")

set(CMAKE_CROSSCOMPILING_EMULATOR ${emulator} -L "${CLATTN_ARM_ROOT}")
