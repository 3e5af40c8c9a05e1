#!/usr/bin/env python3
"""The manual page and the completions are complete and right.

usage: test_manual.py PROGRAM FOLDER

FOLDER has what cmake/manual/make.py wrote. Every command and option of the help pages is in the page and in each
completion, and nothing else is. The shells complete lines for real. groff formats the page without a warning.
A shell or groff that is missing is skipped by name; then CLATTN_SKIPPED is the exit code, 0 by default.
"""
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
passed, failed, skipped = 0, 0, 0

# What a user types, and what may follow there.
TYPES = ["f32", "f16", "bf16"]
EXAMPLES = ["please-study-man", "dog-chased-ball", "cat-sat-down", "love-apple-phones"]
CASES = [
    ("run --pipeline ", ["auto", "staged", "blas", "fused"]),
    ("compare --pipeline ", ["staged", "blas", "fused", "all"]),
    ("run --type ", TYPES),
    ("ladder --type ", TYPES),
    ("tune --causal --type b", ["bf16"]),
    ("run --math ", ["float", "stored"]),
    ("run --causal --layout ", ["xw", "xwt"]),
    ("run --align ", ["top-left", "bottom-right"]),
    ("run --positions ", ["none", "sinusoidal"]),
    ("run --rotary ", ["none", "halves", "interleaved"]),
    ("run --cache-type ", TYPES + ["i8-token", "i8-head", "q4"]),
    ("run --check ", ["auto", "full", "sample", "off"]),
    ("run --context-order ", ["tokens", "heads"]),
    ("run --launch-seconds ", ["inf"]),
    ("tune --stage ", ["project", "scores", "softmax", "context", "fused"]),
    ("run --device ", ["gpu", "discrete", "integrated", "cpu", "accelerator"]),
    ("doctor --device d", ["discrete"]),
    ("run --example ", EXAMPLES),
    ("run --kernel softmax=1,scores=n", ["softmax=1,scores=naive"]),
    ("run --seed ", []),
    ("run --tokens 5 --see", ["--seed"]),
    ("ladder ", ["project", "scores", "softmax", "context", "fused"]),
    ("ladder --causal so", ["softmax"]),
    ("ladder fused s", []),
    ("explain ", EXAMPLES + ["dictionary", "routing", "bank", "heads", "confusions"]),
    ("exercise ", ["list", "start", "check"]),
    ("exercise start row", ["row-maximum", "row-sum"]),
    ("exercise check gu", ["guard"]),
    ("exercise list ", []),
    ("exercise start guard ", ["folder"]),
    ("run --x ", ["folder", "x.npy"]),
    ("run --wqkv m", ["model.safetensors"]),
    ("run --alibi ", ["auto", "folder", "model.safetensors", "x.npy"]),
    ("run --save ", ["folder"]),
    ("compare --blas x", ["x.npy"]),
    ("help t", ["tune"]),
    ("help help ", []),
    ("nothing --ty", []),
]
# Files are completed one after the other, so the list of a case with an empty word needs all of them.
FILES = ["folder", "model.safetensors", "x.npy"]
CASES = [(line, FILES if line == "run --x " else answers) for line, answers in CASES]


def say(name, wrong):
    global passed, failed
    if wrong:
        failed += 1
        print(f"FAIL {name}: {wrong}")
    else:
        passed += 1
        print(f"ok   {name}")


def skip(name, why):
    global skipped
    skipped += 1
    print(f"skip {name}: {why}")


def help_page(program, *words):
    done = subprocess.run([program, "help", *words], env={**os.environ, "LC_ALL": "C"}, stdin=subprocess.DEVNULL,
                          capture_output=True, encoding="utf-8", timeout=60, check=True)
    return done.stdout


def commands_of(page):
    return re.findall(r"^  ([a-z]+) ", page.partition("examples from")[0], re.M)


def options_of(page):
    return re.findall(r"^  (?:-\w, |    )(--[\w-]+)", page, re.M)


def difference(found, wanted):
    """What is wrong with a set, or an empty text."""
    found, wanted = set(found), set(wanted)
    return "; ".join(f"{what}: {' '.join(sorted(names))}" for what, names in
                     (("missing", wanted - found), ("not expected", found - wanted)) if names)


def complaint(done):
    """What a program that should be silent said, or an empty text."""
    return done.stderr or (f"exit code {done.returncode}" if done.returncode else "")


# ---- the page


def plain(roff):
    """The text of the page, without the marks of its macros."""
    return re.sub(r"\\f[BIR]|\\&|\\:", "", roff).replace(r"\-", "-")


def check_page(page, first, options):
    text = plain(page.read_text(encoding="utf-8"))
    block = dict(re.findall(r"^\.SS clattn (\w+)\n(.*?)(?=^\.S[SH])", text, re.S | re.M))
    listed = re.search(r"^\.SH COMMANDS\n(.*?)^\.SH", text, re.S | re.M)[1]
    say("commands of the page", difference(re.findall(r"^\.TP 10\n([a-z]+)$", listed, re.M), commands_of(first)))
    say("a section for each command", difference(block, options))
    for command, wanted in options.items():
        found = set(re.findall(r"^(?:-\w, )?(--[\w-]+)(?:=\S+)?$", block[command] + listed, re.M))
        for other in re.findall(r"Also these options of clattn\s+(\w+):", block[command]):
            found |= set(re.findall(r"^(--[\w-]+)(?:=\S+)?$", block[other], re.M)) & set(wanted)
        say(f"options of {command} in the page", difference(found, wanted))
    environment = re.findall(r"^  ([A-Z_]+) ", first, re.M)
    found = re.findall(r"^\.TP\n([A-Z_]+)$", text.partition(".SH ENVIRONMENT")[2], re.M)
    say("variables", difference(found, environment))
    codes = re.findall(r"(\d) [a-z]", first.partition("exit codes")[2])
    say("exit codes", difference(re.findall(r"^\.TP 4\n(\d)$", text.partition(".SH EXIT STATUS")[2], re.M), codes))


def check_format(page):
    if shutil.which("groff") is None:
        return skip("format of the page", "there is no groff")
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-P-c", str(page)], capture_output=True, encoding="utf-8",
                          timeout=60, check=False)
    say("groff formats the page without a warning", complaint(done))
    wide = [line for line in re.sub(r".\b", "", done.stdout).splitlines() if len(line) > 80]
    return say("the page has 80 columns", wide[:1])


# ---- completing


def bash_words(line):
    """As bash divides a line at the cursor: = and colons are words of their own."""
    words = re.findall(r"[=:]+|[^\s=:]+", line)
    return words + [""] if line.endswith(" ") else words


def complete_bash(folder, lines, work):
    cases = work / "lines"
    cases.write_text("".join("\t".join(bash_words(line)) + "\n" for line in lines), encoding="utf-8")
    return run(["bash", "--norc", str(HERE / "complete.bash"), str(folder / "bash" / "clattn"), str(cases)], work)


def complete_fish(folder, lines, work):
    cases = work / "lines"
    cases.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    script = folder / "fish" / "clattn.fish"
    return run(["fish", str(HERE / "complete.fish"), str(script), str(cases)], work)


def complete_zsh(folder, lines, work):
    cases, answers = work / "lines", work / "answers"
    cases.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    answers.write_text("", encoding="utf-8")
    shutil.copy(HERE / "zshrc", work / ".zshrc")
    ours, theirs = pty.openpty()
    threading.Thread(target=drain, args=(ours,), daemon=True).start()
    run(["zsh", "-d", "-i"], work, terminal=theirs, ZDOTDIR=str(work), TERM="vt100", FOLDER=str(folder / "zsh"),
        LINES_FILE=str(cases), ANSWERS=str(answers))
    os.close(theirs)
    return answers.read_text(encoding="utf-8").splitlines()


def drain(terminal):
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass


def run(command, work, terminal=None, **variables):
    """The lines that the command prints, run beside FILES."""
    streams = {"stdin": terminal, "stdout": terminal, "stderr": terminal} if terminal is not None else \
        {"stdin": subprocess.DEVNULL, "capture_output": True}
    done = subprocess.run(command, cwd=work / "files", timeout=120, encoding="utf-8", start_new_session=True, check=False,
                          env={**os.environ, "HOME": str(work), "XDG_CONFIG_HOME": str(work), **variables}, **streams)
    if done.returncode != 0 or done.stderr:
        say(f"{Path(command[0]).name} runs", f"exit code {done.returncode}, {done.stderr}")
    return [] if terminal is not None else done.stdout.splitlines()


def bash_answers(line, answers):
    """bash replaces only what follows the last = or colon."""
    word = line.rpartition(" ")[2]
    kept = re.match(r"(.*[=:])?", word)[0]
    return [kept + answer for answer in answers]


def check_shell(name, folder, complete, script, first, options):
    if shutil.which(name) is None:
        return skip(f"completion for {name}", f"there is no {name}")
    done = subprocess.run([name, "-n", str(folder / script)], capture_output=True, encoding="utf-8", timeout=60,
                          check=False)
    say(f"{name} -n", complaint(done))
    cases = [("clattn ", commands_of(first))]
    cases += [(f"clattn {command} --", names) for command, names in options.items()]
    cases += [(f"clattn {line}", answers) for line, answers in CASES]
    # The same options with = in place of the blank, and without what was given already.
    cases += [(f"clattn run --type={start}", [f"--type={word}" for word in TYPES if word.startswith(start)])
              for start in ("", "b")]
    cases += [("clattn run --x=x", ["--x=x.npy"]), ("clattn run --kernel=fused=on", ["--kernel=fused=online"]),
              ("clattn run --type f16 --typ", []), ("clattn run --type=f16 --typ", []),
              ("clattn run --causal --cau", [])]
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        (work / "files" / "folder").mkdir(parents=True)
        for file in FILES[1:]:
            (work / "files" / file).touch()
        answers = complete(folder, [line for line, _ in cases], work)
    if len(answers) != len(cases):
        return say(f"{name} answers", f"{len(answers)} answers to {len(cases)} lines")
    for (line, wanted), answer in zip(cases, answers):
        found = [word for word in answer.split("\t") if word]
        if name == "bash":
            found = bash_answers(line, found)
        if line == "clattn " and name == "bash":
            found = [word for word in found if not word.startswith("-")]
        say(f"{name}: {line}", difference([word.rstrip("/") for word in found], wanted))
    return None


def main(program, folder):
    first = help_page(program)
    commands = [command for command in commands_of(first) if command != "help"]
    options = {command: options_of(help_page(program, command)) for command in commands}
    say("help pages", "" if len(commands) >= 8 and all("--help" in names for names in options.values()) else options)
    check_page(folder / "clattn.1", first, options)
    check_format(folder / "clattn.1")
    check_shell("bash", folder, complete_bash, "bash/clattn", first, options)
    check_shell("zsh", folder, complete_zsh, "zsh/_clattn", first, options)
    check_shell("fish", folder, complete_fish, "fish/clattn.fish", first, options)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else int(os.environ.get("CLATTN_SKIPPED", 0)) if skipped else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip().split("\n\n")[1])
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
