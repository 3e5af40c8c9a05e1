# Builds for 64-bit Windows with Debian's gcc-mingw-w64-x86-64-win32. CLATTN_MINGW_ROOT is the folder that `libraries`
# fills. What is built needs OpenCL.dll, which comes with every driver, and no other library that Windows lacks.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(triple x86_64-w64-mingw32)
set(CMAKE_C_COMPILER ${triple}-gcc)
set(CMAKE_RC_COMPILER ${triple}-windres)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CLATTN_MINGW_ROOT) # the small projects of CMake's checks read this file, too

set(CMAKE_FIND_ROOT_PATH "${CLATTN_MINGW_ROOT}" /usr/${triple})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
set(ENV{PKG_CONFIG_LIBDIR} "${CLATTN_MINGW_ROOT}/lib/pkgconfig")

foreach(kind EXE SHARED)
  set(CMAKE_${kind}_LINKER_FLAGS_INIT -static) # gcc's own libraries
endforeach()
set(CMAKE_DISABLE_FIND_PACKAGE_OpenMP ON) # CMake finds gcc's only as a DLL

find_program(CLATTN_WINE NAMES wine64 wine64-stable wine PATHS /usr/lib/wine)
if(CLATTN_WINE)
  set(CMAKE_CROSSCOMPILING_EMULATOR "${CLATTN_WINE}")
endif()
