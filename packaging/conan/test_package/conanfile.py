"""Builds the programs of tests/outside against the package and runs README.md's."""
import io
from pathlib import Path

from conan import ConanFile
from conan.errors import ConanException
from conan.tools.build import can_run
from conan.tools.cmake import CMake, cmake_layout

CONTEXT = "1.000000 0.000000\n0.195570 1.608859\n0.751745 1.000000\n"


class Outside(ConanFile):
    settings = "os", "compiler", "build_type", "arch"
    generators = "CMakeToolchain", "CMakeDeps", "VirtualRunEnv"

    def requirements(self):
        self.requires(self.tested_reference_str)

    def layout(self):
        cmake_layout(self)

    def build(self):
        cmake = CMake(self)
        cmake.configure(build_script_folder=str(Path(self.recipe_folder).parents[2] / "tests/outside"))
        cmake.build()

    def test(self):
        if not can_run(self):
            return
        output = io.StringIO()
        self.run(str(Path(self.build_folder) / "outside_attend"), output, env="conanrun")
        if output.getvalue() != CONTEXT:
            raise ConanException(f"the program prints {output.getvalue()!r}")
