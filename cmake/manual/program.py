"""What a program says of itself: commands, options and the words that options allow.

Everything comes from the help pages, which popt prints from the option tables, and from the messages that refuse a
wrong word, "(allowed: ...)". Only two facts are added here: which arguments are not words, and the few words that a
message does not list because another value is allowed, too.
"""
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

FILE, FOLDER, WORDS, KERNELS, FREE = "file", "folder", "words", "kernels", "free"
# By the argument's name in the help page. Every other argument is one of a few words, which the program must list.
KINDS = {"FILE": FILE, "DIR": FOLDER, "LIST": KERNELS, "N": FREE, "N,N,...": FREE, "D": FREE, "P": FREE, "S": FREE,
         "B": FREE, "SCALING": FREE, "C": FREE, "TOKEN": FREE, "TEXT": FREE}
# Words besides files or numbers; the help of the option must name them.
ALSO = {"--alibi": ["auto"], "--launch-seconds": ["inf"]}
DEVICE_KINDS = re.compile(r"or kind: ([a-z, ]+?) \(")
NO_SUCH_WORD = "?"


class Unclear(Exception):
    """The program said something that is not understood here."""


@dataclass
class Option:
    name: str  # "--type"
    short: str  # "-h", or empty
    argument: str  # "TYPE", or empty
    help: str
    kind: str = ""  # empty: no argument
    words: list = field(default_factory=list)


@dataclass
class Section:
    title: str  # empty: none
    options: list


@dataclass
class Word:
    """An argument that is not an option."""
    words: list
    after: str = ""  # only after this first word
    kind: str = WORDS


@dataclass
class Command:
    name: str
    summary: str
    usage: str  # after the command's name
    sections: list
    note: str  # the end of the help page
    words: list = field(default_factory=list)

    def options(self):
        return [option for section in self.sections for option in section.options]


@dataclass
class Program:
    version: str
    title: str
    commands: list
    examples: list  # (name, source) of the articles' examples
    environment: list  # (variable, meaning)
    exit_codes: list  # (code, meaning)
    kernels: list  # (stage, names)


def ask(path, *words, code=0):
    """What the program prints; its messages when it must end with another code."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLATTN_")}
    environment.update(LC_ALL="C", ASAN_OPTIONS="detect_leaks=0")  # popt knows other languages; tests look for leaks
    done = subprocess.run([path, *words], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, encoding="utf-8", timeout=60, check=False)
    if done.returncode != code:
        raise Unclear(f"'{' '.join([str(path), *words])}' ended with {done.returncode} (expected: {code}): "
                      f"{done.stderr.strip()}")
    return done.stdout if code == 0 else done.stderr


def allowed(path, *words):
    """The words at the beginning of the list with which the program refuses these arguments."""
    said = ask(path, *words, code=2)
    found = re.search(r"\(allowed: (.*)\)$", said.strip())
    if found is None:
        raise Unclear(f"'{' '.join([str(path), *words])}' names no words that are allowed: {said.strip()}\n"
                      f"If the argument is no word, add it to KINDS in {__file__}")
    names = []
    for item in found[1].split(", "):
        name = re.fullmatch(r"([\w-]+)( [A-Z].*)?", item)
        if name is None:
            break
        names.append(name[1])
    if not names:
        raise Unclear(f"'{' '.join([str(path), *words])}' begins its list with no word: {said.strip()}")
    return names


# ---- help pages


def read_options(lines):
    """The options of a section. popt breaks long lines; what it broke is joined."""
    options = []
    for line in lines:
        new = re.fullmatch(r"  (?:(-\w), |    )(--[\w-]+)(?:=(\S+))?(?: +(\S.*))?", line)
        more = re.fullmatch(r" {8,}(\S.*)", line)
        if new:
            options.append(Option(new[2], new[1] or "", new[3] or "", new[4] or ""))
        elif more and options:
            options[-1].help = f"{options[-1].help} {more[1]}".strip()
        else:
            raise Unclear(f"this line of a help page is no option: {line}")
    return options


def read_page(text):
    """(usage, sections, note) of a command's help page."""
    first, *rest = text.rstrip("\n").split("\n")
    usage = re.fullmatch(r"Usage: \S+ (?:(?!\[)[a-z]+ ?)?(.*)", first)
    if usage is None:
        raise Unclear(f"a help page begins with: {first}")
    sections, note = [], ""
    for block in "\n".join(rest).split("\n\n"):
        lines = [line for line in block.split("\n") if line]
        if not lines:
            continue
        if lines[0].startswith(" "):
            sections.append(Section("", read_options(lines)))
        elif len(lines) > 1 and lines[1].startswith("  "):
            sections.append(Section(lines[0].rstrip(":"), read_options(lines[1:])))
        else:
            note = " ".join(lines)
    return usage[1], sections, note


def find_words(path, command, option):
    """Fills in what the option's argument may be."""
    if not option.argument:
        return
    option.kind = KINDS.get(option.argument, WORDS)
    kinds = DEVICE_KINDS.search(option.help)
    if kinds and option.name == "--device":
        option.kind, option.words = WORDS, kinds[1].split(", ")
    elif option.kind == WORDS:
        option.words = allowed(path, command, option.name, NO_SUCH_WORD)
    for word in ALSO.get(option.name, []):
        if not re.search(rf"\b{word}\b", option.help):
            raise Unclear(f"the help of {option.name} does not name '{word}': {option.help}")
        option.words = option.words + [word]
        option.kind = WORDS if option.kind == FREE else option.kind


def find_arguments(path, command):
    """The words that are not options."""
    if command.name == "exercise":
        actions = allowed(path, "exercise")
        named = [action for action in actions if f"{action} NAME [DIR]" in command.usage]
        command.words.append(Word(actions))
        for action in named:
            command.words.append(Word(allowed(path, "exercise", action), after=action))
            command.words.append(Word([], after=action, kind=FOLDER))
    elif command.usage.startswith("DIR "):
        command.words.append(Word([], kind=FOLDER))
    elif "|" in command.usage:
        command.words.append(Word(allowed(path, command.name, NO_SUCH_WORD)))


def read_command(path, name, summary):
    usage, sections, note = read_page(ask(path, "help", name))
    command = Command(name, summary, usage, sections, note)
    asked = "run" if usage.startswith("DIR ") else name  # without a folder it refuses that first; run has its options
    for option in command.options():
        find_words(path, asked, option)
    find_arguments(path, command)
    return command


def rows(block):
    """The two columns of a block of the first page."""
    return [tuple(line.strip().split(None, 1)) for line in block]


def read_kernels(folder):
    """The kernels of each stage, from their files: kernels/scores/2_tiled.cl."""
    stages = {}
    for file in sorted(Path(folder).glob("*/*.cl"), key=lambda file: (file.parent.name, len(file.name), file.name)):
        name = re.fullmatch(r"(\d+)_(\w+)\.cl", file.name)
        if name:
            stages.setdefault(file.parent.name, []).append((int(name[1]), name[2]))
    return [(stage, [name for _, name in sorted(names)]) for stage, names in sorted(stages.items())]


def read_program(path, kernels):
    """All that `clattn help` and the pages behind it say."""
    page = ask(path, "help")
    title = re.match(r"clattn (\S+): (.*)\n", page)
    blocks = {}
    for block in page.strip().split("\n\n")[1:]:
        lines = block.split("\n")
        blocks["commands" if lines[0].startswith("  ") else re.match(r"\w+", lines[0])[0]] = lines
    try:
        commands, examples, environment = blocks["commands"], blocks["examples"][1:], blocks["environment"][1:]
        codes = re.findall(r"(\d) (.*?)(?:, (?=\d )|$)", blocks["exit"][0].partition(": ")[2])
        if title is None or not codes:
            raise KeyError("title or exit codes")
    except KeyError as missing:
        raise Unclear(f"'clattn help' has no {missing}") from None
    named = [row for row in rows(commands) if row[0] != "help"]
    return Program(title[1], title[2], [read_command(path, *row) for row in named], rows(examples), rows(environment),
                   codes, read_kernels(kernels))
