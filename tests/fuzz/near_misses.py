"""Files that are almost as they should be, and some that are: for compare_with_peers.py.

The fuzzers' corpora hold what reaches new code, and few files that are wrong in one place alone; but where a reader
takes too much, it is one such place. So: good files with each byte of the header removed, doubled, replaced by and
preceded by others, and a list by hand of what takes more than a byte.
"""
import io
import struct
import zipfile

OTHERS = [bytes([c]) for c in b"\0\t\n\r #'\"\\+-._,:;()[]{}012479eLTx\x7f\x80\xff"]


def one_byte(text):
    """All texts that differ from this one by a byte."""
    for i in range(len(text)):
        yield text[:i] + text[i + 1:]
        yield text[:i] + text[i:i + 1] + text[i:]
        for other in OTHERS:
            yield text[:i] + other + text[i + 1:]
            yield text[:i] + other + text[i:]
    yield from (text + other for other in OTHERS)


# ---- .npy

DATA = struct.pack("<ff", 1.5, -2.0)
NPY = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"
DESCRS = """
    '>f4' '<f8' '>f8' '<f2' '>f2' '<u2' '|b1' '=f4' '|f4' 'f4' 'f' '<f' 'float32' '<i4' '<c8' '|S4' '<U1' '|V4' '|O'
    '<f16' '<f3' '<f44' '<f04' '' '<f4,' b'<f4' '<M8[s]' [('a','<f4')] ('<f4',(2,)) None""".split()
SHAPES = """
    () (0,) (2,1) (1,2,1,1) (1,1,1,1,2) (0,3) (2) 2 [2] [2,] (2,,) (,) (,2) (-2,) (-1,) (+2,) (2_0,) (0x2,) (002,) (00,)
    (2L,) (2.,) (2e0,) (True,) ('2',) ((2,),) (2,(1,)) (2,)*1 (*(2,),) (1+1,) (2j,) None (4294967296,4294967296)
    (4611686018427387904,4) (2305843009213693952,) (0,4611686018427387904,4) (18446744073709551618,) (1000000,100,2)
    (9223372036854775808,0)""".split() + ["(2 1)", "(2 1,)", "(2, 1)", "( 2 , )"]
ORDERS = ["True", "0", "1", "true", "None", "not True", "Falsey", "'False'"]
NPY_HEADERS = [
    "", "{}", "{}\n", "[('descr', '<f4')]\n", NPY + "x", NPY + " ",
    *(NPY.replace(*change) for change in [
        ("}", "}}"), (", }", ", 'x': 1}"), ("'descr': '<f4', ", ""), ("'fortran_order': False, ", ""),
        ("'shape': (2,), ", ""), (", }", ", 'descr': '<f4'}"), ("}", "} # 1"), ("descr", "des\\x63r"), ("'", '"'),
        (", ", " ,\n")])]


def npy(header, data=DATA, version=b"\1\0", length=None, magic=b"\x93NUMPY"):
    text = header if isinstance(header, bytes) else header.encode("latin1")
    length = len(text) if length is None else length
    return magic + version + struct.pack("<H" if version[0] == 1 else "<I", length) + text + data


def npy_files():
    yield from (npy(header) for header in [NPY, *NPY_HEADERS])
    for old, others in [("'<f4'", DESCRS), ("(2,)", SHAPES), ("False", ORDERS)]:
        for new in others:
            header = NPY.replace(old, new)
            yield from (npy(header, data) for data in [DATA, DATA * 2, DATA[:4], b"\1\0", b""])
    yield from (npy(NPY, version=bytes([major, minor])) for major in range(11) for minor in range(3))
    yield from (npy(NPY, version=version, length=length) for version in [b"\1\0", b"\2\0"]
                for length in [0, 1, len(NPY) - 1, len(NPY) + 1, 5000, 10001])
    yield from (npy(NPY[:-1] + " " * (length - len(NPY)) + "\n") for length in [9999, 10000, 10001, 12000])
    yield npy(NPY, length=1 << 31, version=b"\2\0")
    yield from (npy(NPY)[:size] for size in range(len(npy(NPY)) + 1))
    yield from (npy(NPY)[:i] + b"\0" + npy(NPY)[i + 1:] for i in range(10))
    yield npy(NPY) + b"\0"
    yield from (npy(text) for text in one_byte(NPY.encode()))


# ---- .npz


def archive(method, names=("x.npy", "y.npy"), comment=b""):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name in names:
            made.writestr(zipfile.ZipInfo(name), npy(NPY), method)
        made.comment = comment
    return file.getvalue()


def npz_files():
    for method in [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]:
        good = archive(method)
        yield from (archive(method, names) for names in [("x.npy",), ("x",), ("y.npy",), ("x.npy/",), ()])
        yield from (archive(method, comment=comment) for comment in [b"x", b"PK\5\6", bytes(22), b"PK\5\6" + bytes(18)])
        yield good + good
        yield from (good + extra for extra in [b"x", bytes(22), b"PK\5\6" + bytes(18)])
        yield from (extra + good for extra in [b"x", b"PK\3\4"])
        yield from (good[:size] for size in range(len(good)))
        for i in range(len(good)):
            yield good[:i] + good[i + 1:]
            yield good[:i] + good[i:i + 1] + good[i:]
            yield from (good[:i] + bytes([byte]) + good[i + 1:] for byte in {good[i] ^ 1, good[i] ^ 8, 0, 255})
    yield archive(zipfile.ZIP_BZIP2)
    yield archive(zipfile.ZIP_LZMA)


# ---- .safetensors


def entry(dtype="F32", shape="[1]", offsets="[0,4]"):
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}'


def one(dtype="F32", shape="[1]", offsets="[0,4]"):
    return f'{{"x":{entry(dtype, shape, offsets)}}}'


BYTES = {
    "F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8, "U64": 8, "C64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2,
    "I8": 1, "U8": 1, "BOOL": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "F6_E2M3": 0.75, "F6_E3M2": 0.75, "F4": 0.5,
    "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1, "f32": 4, "F33": 4, "I4": 0.5, "": 4, "F32 ": 4}
LISTS = """
    [] [1,1] [1,1,1,1] [1,1,1,1,1] [0] [2] 1 null [1.0] [1e0] ["1"] [true] [null] [[1]] [-1] [-0] [0,4,4] [4,0] [0,3]
    [4,8] [4,4] [0.0,4] [-4,0] [-0,4] {"0":0,"1":4} [01] [+1] [NaN] [4294967296,4294967296] [4611686018427387904,4]
    [576460752303423488] [9223372036854775807,3,0] [0,9223372036854775807,3] [9223372036854775808]
    [18446744073709551616] [18446744073709551617] [18446744073709551615,3,0] [0,18446744073709551620]""".split()
# What a tensor may have besides its three keys, and what no JSON may.
MORE_VALUES = [
    "0", "-1", "-0", "-0.0", "1.5e-3", "1e999", "-01", "01", "null", '"-"', '{"a":-1}', '[-0,{"b":[]}]', '"\\ud800"',
    '"[[-0"', "NaN", "123456789012345678901234567890", '{"a":1,"a":2}',
    *("[" * depth + "]" * depth for depth in [1, 124, 125, 126, 127, 2100])]
METADATA = ["null", "{}", "[]", '""', '{"a":1}', '{"a":null}', '{"a":"1","a":"2"}', '{"a":{}}', entry()]
BEHIND = [("[2]", "[2,4]"), ("[1]", "[3,4]"), ("[3]", "[1,4]"), ("[4]", "[0,4]"), ("[2]", "[0,2]"), ("[1]", "[2,3]"),
          ("[3]", "[2,5]"), ("[0]", "[1,1]"), ("[0]", "[2,2]"), ("[0]", "[4,4]")]  # two bytes
CHANGES = [
    ("}}", "},}"), ('"', "'"), ('"dtype":"F32",', ""), ('"shape":[1],', ""), (',"data_offsets":[0,4]', ""),
    ("}}", ',"z":0}}'), ("}}", ',"dtype":"F32"}}'), ('"F32"', "4"), ('"F32"', "null"), ('"F32"', '{"F32":null}'),
    ('"dtype"', '"dt\\u0079pe"'), ('"x"', '"\\ud800"'), ('"x"', '"\\ud83d\\ude00"'), ('"x"', '"\\u0000"'),
    ('"x"', '"\\x"'), ('"x"', "x"), ('"x"', '""')]
TWO = f'{{"__metadata__":{{"a":"b"}},"x":{entry("F16", "[1]", "[2,4]")},"y":{entry("BF16", "[1,1]", "[0,2]")}}}  '
ST_HEADERS = [
    "", "{}", "[]", "{", "null", " " + one(), "\ufeff" + one(), one() + one(), one() + "x", one() + " \n\t", '{"x":7}',
    '{"x":["F32",[1],[0,4]]}', '{"x":null}', one()[:-1] + "," + one()[1:], one()[:-1] + "," + one("U8", "[4]")[1:],
    '{"x":1,"x":' + entry() + "}", '{"__metadata__":{},"__metadata__":{},' + one()[1:], TWO,
    *(one().replace(*change) for change in CHANGES),
    *(one().replace("}}", f',"z":{other}}}}}') for other in MORE_VALUES),
    *(one().replace('"dtype"', f'"z":{other},"dtype"') for other in MORE_VALUES),
    *(f'{{"__metadata__":{metadata},{one()[1:]}' for metadata in METADATA),
    *(f'{{"x":{entry("U8", "[2]", "[0,2]")},"y":{entry("U8", *behind)}}}' for behind in BEHIND),
    *(f'{{"x":{entry()},"y":{entry("F32", "[0]", f"[{at},{at}]")}}}' for at in [0, 2, 4, 5]),
    *('{"x":' + "[" * depth + "]" * depth + "}" for depth in [10, 127, 128, 129, 3000])]


def safetensors(header, data=DATA[:4], length=None):
    text = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def safetensors_files():
    yield from (safetensors(header) for header in [one(), *ST_HEADERS])
    for dtype, size in BYTES.items():
        for count in [0, 1, 3, 4, 7, 8]:
            for wanted in {int(count * size), int(count * size + 0.99)}:
                yield safetensors(one(dtype, f"[{count}]", f"[0,{wanted}]"), DATA[:1] * wanted)
    for text in LISTS:
        yield from (safetensors(one(shape=text, offsets=offsets), data) for offsets, data in
                    [("[0,4]", DATA[:4]), ("[0,0]", b""), ("[0,8]", DATA)])
        yield safetensors(one(offsets=text))
        yield safetensors(one(shape="[0]", offsets=text), b"")
    yield from (safetensors(one(), length=length) for length in
                [0, 1, len(one()) - 1, len(one()) + 1, len(one()) + 4, 100000001, 1 << 31, 1 << 63, (1 << 64) - 1])
    yield from (safetensors(one())[:size] for size in range(len(safetensors(one())) + 1))
    yield from (safetensors(one(), data) for data in [b"", DATA, DATA[:5]])
    yield from (safetensors(text) for text in one_byte(TWO.encode()))
