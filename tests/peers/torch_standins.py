"""Stand-ins for NVIDIA's libraries, so that the torch of the Python package index works on a CPU without gigabytes of
CUDA.

usage: torch_standins.py FOLDER, the folder `torch/lib` of an unpacked wheel.

That wheel is linked against CUDA's libraries and does not load without them, though nothing on the CPU calls them.
Here each library that is named but not part of the wheel is made anew with gcc: it has the right name, the right
symbol versions and every symbol that torch's own libraries want from it. Each function answers 100, which is CUDA's
number for "no device", so torch finds no GPU. torch looks in its own folder first, so the stand-ins are used even
where CUDA is installed.

It makes no CUDA: whatever runs on a GPU fails. It changes nothing in torch's own files. Needs gcc and readelf
(binutils).
"""
import pathlib
import re
import subprocess
import sys
import tempfile

# CUDA's libraries and what belongs to them. Any other that is missing is a real fault, which importing torch names.
VENDOR = re.compile(r"lib(cu|nv|nccl)")


def readelf(option, library):
    command = ["readelf", "--wide", option, str(library)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def versions_of(library):
    """Version name -> library it is wanted from; of CUDA's libraries alone."""
    wanted, source = {}, None
    for file, version in re.findall(r"File: (\S+)|Name: (\S+)\s+Flags", readelf("--version-info", library)):
        source = file or source
        if version and VENDOR.match(source):
            wanted[version] = source
    return wanted


def undefined_symbols(library):
    """(name, version or "", True if it is data) of all that the library expects from others."""
    line = re.compile(r"^\s*\d+: \S+\s+\d+ (\w+)\s+(?:GLOBAL|WEAK)\s+\w+\s+UND (\w+)(?:@(\S+))?", re.MULTILINE)
    for kind, name, version in line.findall(readelf("--dyn-syms", library)):
        yield name, version, kind == "OBJECT"


def collect(folder):
    """Library that is not there -> {(symbol, version): True if data}. Symbols without a version are those of CUDA's
    libraries that have none: they are told by their names, which begin like the library's."""
    libraries = sorted(folder.glob("*.so*"))
    present = {path.name for path in libraries}
    missing, plain = {}, {}
    for library in libraries:
        for name in re.findall(r"NEEDED.*\[(.*)\]", readelf("--dynamic", library)):
            if VENDOR.match(name) and name not in present:
                missing.setdefault(name, {})
    for library in libraries:
        versions = versions_of(library)
        for name, version, data in undefined_symbols(library):
            if version in versions and versions[version] in missing:
                missing[versions[version]][name, version] = data
            elif not version:
                plain[name] = data
    for library, symbols in missing.items():
        stem = re.match(r"lib(\w+?)(?:_host)?\.so", library).group(1)
        if not any(version for _, version in symbols):
            symbols.update({(name, ""): data for name, data in plain.items() if name.lower().startswith(stem.lower())})
    return missing


def source_of(symbols):
    """C text: functions that answer 100, text functions that answer an empty string, data of zeros."""
    lines = []
    for (name, _), data in sorted(symbols.items()):
        if data:
            lines.append(f"_Alignas(64) char {name}[4096];")
        elif re.search(r"Get\w*(String|Name)$", name):
            lines.append(f'const char *{name}(void) {{ return ""; }}')
        else:
            lines.append(f"int {name}(void) {{ return 100; }}")
    return "\n".join(lines) + "\n"


def build(folder, library, symbols):
    with tempfile.TemporaryDirectory() as work:
        source, script = pathlib.Path(work, "standin.c"), pathlib.Path(work, "versions")
        source.write_text(source_of(symbols))
        versions = {}
        for name, version in symbols:
            versions.setdefault(version, []).append(name)
        script.write_text("\n".join(f"{v} {{ {'; '.join(sorted(n))}; }};" for v, n in sorted(versions.items()) if v))
        command = ["gcc", "-shared", "-fPIC", "-w", "-fno-builtin", f"-Wl,-soname,{library}"]
        if any(versions):
            command.append(f"-Wl,--version-script,{script}")
        subprocess.run([*command, "-o", str(folder / library), str(source)], check=True)


def main():
    folder = pathlib.Path(sys.argv[1])
    missing = collect(folder)
    for library, symbols in sorted(missing.items()):
        build(folder, library, symbols)
    print(f"{len(missing)} stand-ins with {sum(map(len, missing.values()))} symbols in {folder}")


if __name__ == "__main__":
    main()
