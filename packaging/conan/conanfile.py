"""Makes a Conan package of clattn: the library, and with -o "clattn/*:program=True" the programs.

usage: conan create packaging/conan

OpenCL's loader and jansson (for the programs also popt and zlib) are the system's, so that the package loads the same
drivers as everything else there: docs/install.md.
"""
from pathlib import Path
import re

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy
from conan.tools.system.package_manager import Apt, Dnf, PacMan

SOURCES = ("CMakeLists.txt", "LICENSE", "*.md", "cmake/*", "host/*", "kernels/*", "examples/*", "docs/*", "bench/*")


class Clattn(ConanFile):
    name = "clattn"
    description = "Attention on any OpenCL device"
    license = "MIT"
    topics = ("attention", "opencl", "gpu")
    settings = "os", "compiler", "build_type", "arch"
    options = {"program": [True, False]}
    default_options = {"program": False}
    package_type = "shared-library" # with the static one beside it

    def project(self):
        return Path(self.recipe_folder).parent.parent

    def set_version(self):
        header = (self.project() / "host/include/clattn.h").read_text(encoding="utf-8")
        self.version = re.search(r'#define CLATTN_VERSION "(.*)"', header)[1]

    def export_sources(self):
        for pattern in SOURCES:
            copy(self, pattern, self.project(), self.export_sources_folder, excludes="build*")

    def configure(self):  # a library in C
        self.settings.rm_safe("compiler.libcxx")
        self.settings.rm_safe("compiler.cppstd")

    def layout(self):
        cmake_layout(self)

    def system_requirements(self):
        program = bool(self.options.program)
        Apt(self).install(["ocl-icd-opencl-dev", "opencl-headers", "libjansson-dev", "pkg-config"]
                          + ["libpopt-dev", "zlib1g-dev"] * program)
        Dnf(self).install(["ocl-icd-devel", "opencl-headers", "jansson-devel", "pkgconf"]
                          + ["popt-devel", "zlib-devel"] * program)
        PacMan(self).install(["ocl-icd", "opencl-headers", "jansson", "pkgconf"] + ["popt", "zlib"] * program)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["CLATTN_PROGRAM"] = bool(self.options.program)
        toolchain.cache_variables["CLATTN_TESTS"] = False
        toolchain.cache_variables["CLATTN_CLBLAST"] = False
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()

    def package_info(self):
        """The package's own clattn-config.cmake has the targets clattn::clattn and clattn::static."""
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = ["lib/cmake/clattn"]
        self.cpp_info.libs = ["clattn"]
        self.cpp_info.system_libs = ["OpenCL"]
