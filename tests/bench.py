"""What the bench does without measuring: cases, held engines, disturbed cases, targets and tables.

usage: bench.py FOLDER   (of the bench)
"""
import contextlib
import io
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import processor  # noqa: E402  pylint: disable=wrong-import-position
import report  # noqa: E402  pylint: disable=wrong-import-position
from cases import CASES, GROUPS, Case  # noqa: E402  pylint: disable=wrong-import-position
from results import LIMIT, LOOP, Measured, growth, judge  # noqa: E402  pylint: disable=wrong-import-position
from targets import TARGETS  # noqa: E402  pylint: disable=wrong-import-position

PROCESSORS = {"fma avx2 avx512f avx512bw": "AVX-512", "fma avx2": "AVX2"}


def machine(flags):
    """Makes the processor have these flags."""
    with tempfile.NamedTemporaryFile("w", suffix=".cpuinfo") as file:
        file.write(f"flags : {flags}\n")
        file.flush()
        return processor.vectors(pathlib.Path(file.name))


def on(vectors, setting):
    processor.vectors = lambda: vectors
    return processor.Processor(setting)


def vectors_of_processors():
    for flags, name in PROCESSORS.items():
        assert machine(flags) == name, (flags, machine(flags))
    assert machine("fma avx") not in PROCESSORS.values()


def settings():
    held = on("AVX-512", "avx2")
    assert held.kind == "AVX2" and held.name == "AVX-512 held to AVX2" and held.environment
    assert on("AVX-512", "native").environment == {} and on("AVX-512", "native").kind == "AVX-512"
    assert on("AVX2", "avx2").name == on("AVX2", "native").name == "AVX2"
    assert on("AVX2", "avx2").environment == {}
    try:
        on("aarch64", "avx2")
    except processor.Refused as reason:
        assert "no AVX2" in str(reason) and "aarch64" in str(reason), reason
    else:
        raise AssertionError("a processor without AVX2 is not refused")


def held_engines():
    held, native = on("AVX-512", "avx2"), on("AVX-512", "native")
    for engine, greeting, how, expected in (
            ("clattn", "clattn 0.2.0 | PoCL | 3.1 | 8 lanes", "", True),
            ("clattn", "clattn 0.2.0 | PoCL | 3.1 | 16 lanes", "fused:vector", False),
            ("torch", "PyTorch 2, AVX2", "", True), ("torch", "PyTorch 2, AVX512", "", False),
            ("onednn", "oneDNN 2.6.3, cpu_isa_avx2", "", True),
            ("onednn", "oneDNN 2.6.3, cpu_isa_avx512_core", "", False),
            ("openblas", "OpenBLAS, kernels for SkylakeX", "", False),
            ("openvino", "OpenVINO", "SDPA (jit_avx2_f32)", True),
            ("openvino", "OpenVINO", "MatMul + SDPA (gemm_mlas_f32 jit_avx2_f32)", False),
            ("onnxruntime", "ONNX Runtime", "Attention 23", False)):
        assert held.is_held(engine, greeting, how) == expected, (engine, greeting, how)
        assert native.is_held(engine, greeting, how)


def all_peers_are_known():
    for engine in {peer for case in CASES for peer in case.peers} - {"onnxruntime", "openblas-skylakex"}:
        assert engine in processor.HELD, engine


def cases():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    for target in TARGETS:
        assert any(target.applies(case) for case in CASES), target.text
    assert all(case.group in GROUPS for case in CASES)


def measured(case, *processes, held=True):
    """processes: (others' share, seconds of the limit, of clattn, of a peer)"""
    m = Measured(case)
    for process, (others, limit, clattn, peer) in enumerate(processes):
        for engine, seconds in ((LIMIT, limit), (LOOP, 1.25 * limit), ("clattn", clattn), ("torch", peer)):
            m.add_turn(engine, process, 0, [seconds, 2 * seconds])
        m.others[process] = others
    m.how = dict.fromkeys(m.all_turns, "")
    m.held = {"clattn": True, "torch": held}
    m.settle()
    return m


def square(n, group="attention"):
    return Case(group, group, f"N {n}", query_len=n, key_len=n)


def disturbed_cases():
    m = measured(square(512), (0.5, 1.0, 2.0, 3.0))
    assert "others took 50 %" in m.disturbed and m.best("clattn") == 2.0
    m = measured(square(512), (0.5, 1.0, 2.0, 3.0), (0.0, 1.0, 2.5, 3.0))  # run again, quiet
    assert m.disturbed == "" and m.set_aside == 1 and m.best("clattn") == 2.5
    m = measured(square(512), (0.0, 1.0, 2.0, 3.0), (0.0, 1.1, 2.5, 3.0))  # the second had a slow device
    assert m.disturbed == "" and m.set_aside == 1 and m.best("clattn") == 2.0


def shares_and_targets():
    m = measured(square(512), (0.0, 1.0, 2.0, 3.0))
    assert m.share("clattn", LIMIT) == 0.5 and m.share("clattn", LOOP) == 0.625
    assert m.ratios("torch")[0] == 1.5 and m.best_peer() == "torch"
    reached = {target.measure: (target.is_met("AVX2", value), value) for target, _, value, _, _ in judge([m], "AVX2")}
    assert reached == {"of_loop": (False, 0.625), "ratio": (True, 1.5)}, reached
    free = measured(square(512), (0.0, 1.0, 2.0, 3.0), held=False)
    assert free.best_peer() is None
    assert [target.measure for target, *_ in judge([free], "AVX2")] == ["of_loop"]


def lengths():
    both = [measured(square(n, "scaling"), (0.0, 1.0, seconds, 9.0)) for n, seconds in ((1024, 1.0), (2048, 4.5))]
    assert growth(both[0], both) == 4.5 and growth(both[1], both) is None
    (target, figure, value, case, count), = judge(both, "AVX-512")
    assert (figure, value, case.key_len, count) == (4.3, 4.5, 1024, 1) and not target.is_met("AVX-512", value)


def tables():
    start = Measured(next(case for case in CASES if case.group == "start"))
    start.add_turn("clattn", 0, 0, [0.2, 0.3])
    start.others[0], start.how, start.held = 0.0, {"clattn": "clattn run"}, {}
    start.settle()
    everything = [measured(square(512), (0.0, 1.0, 2.0, 3.0), held=False), start]
    run = {"date": "today", "device": "d", "platform": "p", "driver": "v", "processors": 2, "kind": "AVX2",
           "processor": "AVX-512 held to AVX2", "versions": dict.fromkeys((LIMIT, LOOP, "clattn", "torch"), "1")}
    with contextlib.redirect_stdout(io.StringIO()) as text:
        report.print_head(everything, run)
        for m in everything:
            report.print_case(m, everything)
        report.print_targets(everything, "AVX2")
    for part in ("AVX-512 held to AVX2", "not held: these use wider vectors", "of loop", "best ms", "200.0", "missed"):
        assert part in text.getvalue(), text.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        report.write_csv(f"{folder}/a.csv", everything, run)
        report.write_json(f"{folder}/a.json", everything, run)
        head, *lines = pathlib.Path(folder, "a.csv").read_text(encoding="utf-8").splitlines()
    for column in ("processor", "held", "limit", "loop_limit", "of_limit", "of_loop_limit"):
        assert column in head.split(","), head
    assert len(lines) == 5, lines


for check in (vectors_of_processors, settings, held_engines, all_peers_are_known, cases, disturbed_cases,
              shares_and_targets, lengths, tables):
    check()
    print("ok", check.__name__.replace("_", " "))
