"""The kernels to compile: every one of the catalogue that may run on a GPU, at the sizes that a plan gives it there."""
import dataclasses
import pathlib
import subprocess


@dataclasses.dataclass(frozen=True)
class Build:
    name: str  # "scores=wide", "fused=register-64-f16"
    first: bool  # whether a plan tries this kernel first
    options: tuple
    source: pathlib.Path

    @property
    def kernel(self):
        return self.name.split("-", maxsplit=1)[0]

    @property
    def short(self):
        """Whether it belongs to the short form, which leaves out two values of head_dim."""
        return not any(f"-{dim}-" in self.name for dim in (80, 256))


def builds(write_sources, vendor, target, folder):
    """Writes the sources into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run([write_sources, vendor, folder, target], check=True, capture_output=True, text=True).stdout
    return [Build(name, order == "first", tuple(options), folder / f"{name}.cl")
            for name, order, *options in map(str.split, listed.splitlines())]
