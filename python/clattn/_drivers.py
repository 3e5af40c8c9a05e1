"""Finds the OpenCL driver that `pip install pocl-binary-distribution` brings, where the system has none."""
from __future__ import annotations

import contextlib
import glob
import importlib.metadata
import os
from typing import Iterator

SYSTEM = "/etc/OpenCL/vendors/*.icd"
_VARIABLES = ("OCL_ICD_VENDORS", "OCL_ICD_FILENAMES", "OPENCL_VENDOR_PATH")  # by which users name drivers


def _installed() -> "str | None":
    """The library of the package, or None. The .icd file that it comes with names it without a folder."""
    try:
        files = importlib.metadata.files("pocl-binary-distribution") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name.startswith("libpocl-") and os.path.exists(file.locate()):
            return os.path.abspath(file.locate())
    return None


@contextlib.contextmanager
def found() -> Iterator[None]:
    """For the first call of OpenCL, in which the loader looks for drivers."""
    driver = None if glob.glob(SYSTEM) or any(name in os.environ for name in _VARIABLES) else _installed()
    if driver is None:
        yield
        return
    os.environ["OCL_ICD_VENDORS"] = driver
    try:
        yield
    finally:
        del os.environ["OCL_ICD_VENDORS"]
