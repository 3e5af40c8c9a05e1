"""Whether files are old or new, and whole either way."""

import ast
import json
import os
import struct
import xml.dom.minidom

OLD = b"what was there before\n"


def is_whole_npy(data):
    length = struct.unpack_from("<H", data, 8)[0]
    head = ast.literal_eval(data[10:10 + length].decode())
    count = 1
    for size in head["shape"]:
        count *= size
    return len(data) == 10 + length + count * int(head["descr"][2:])


def is_whole(path, data):
    kind = os.path.splitext(path)[1]
    if kind == ".npy":
        return is_whole_npy(data)
    if kind == ".svg":
        return bool(xml.dom.minidom.parseString(data))
    if kind == ".json":
        return bool(json.loads(data))
    if kind == ".html":
        return data.rstrip().endswith(b"</html>")
    lines = data.decode().splitlines()  # of .csv
    return data.endswith(b"\n") and len({line.count(",") for line in lines if '"' not in line}) == 1


def write_old_files(folder, files):
    """Each second one, so that what is new and what is replaced are both seen."""
    for path in files[::2]:
        if os.path.exists(os.path.join(folder, path)):
            continue
        os.makedirs(os.path.dirname(os.path.join(folder, path)) or folder, exist_ok=True)
        with open(os.path.join(folder, path), "wb") as file:
            file.write(OLD)


def found_in(folder):
    for at, _, names in os.walk(folder):
        for name in names:
            yield os.path.relpath(os.path.join(at, name), folder)


def trouble_with_files(folder, files, all_new, before):
    wrong = []
    for path in found_in(folder):
        with open(os.path.join(folder, path), "rb") as file:
            data = file.read()
        if path.endswith(".part"):
            wrong.append("%s is left" % path)
        elif path in files and data == OLD:
            if all_new:
                wrong.append("%s was not replaced" % path)
        elif path in files:
            try:
                whole = is_whole(path, data)
            except Exception as error:  # whatever a half of a file makes a parser say
                whole = False
                wrong.append(str(error))
            if not whole:
                wrong.append("%s is no whole file" % path)
        elif path.split("/")[0] not in before and not path.endswith(".program"):
            wrong.append("%s was made" % path)
    if all_new:
        wrong += ["%s is lacking" % path for path in files if not os.path.exists(os.path.join(folder, path))]
    return wrong
