"""The manual page, clattn(1), in the macros of man(7).

Commands, options, environment and exit codes come from the help pages. The description is README.md's first paragraph,
the examples are those of docs/using.md, and the date is that of the version in CHANGELOG.md.
"""
import re
import textwrap
from pathlib import Path

from program import Unclear

SPECIAL = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
FILES = [
    ("$XDG_CACHE_HOME/clattn/DEVICE-HASH.json",
     "the tuning record of a device, which `clattn tune` writes and the other commands read"),
    ("$XDG_CACHE_HOME/clattn/programs", "compiled programs, where the driver keeps none itself"),
]
FILES_NOTE = "Without `XDG_CACHE_HOME` both are in `~/.cache/clattn`."
SEE_ALSO = ("The pages in `share/doc/clattn`, below the folder where clattn is installed: `docs/using.md` on commands "
            "and files, `docs/devices.md` on devices, `docs/performance.md` on `ladder`, `compare` and `tune`, "
            "`kernels/README.md` for the course. `clattn-access --help`, where that program is installed.")


def escaped(text):
    """Addresses, which no line has room for, may be broken after a slash or a hyphen."""
    text = "".join(SPECIAL.get(character, character if character.isascii() else rf"\[u{ord(character):04X}]")
                   for character in text)
    return re.sub(r"\S{60,}", lambda word: re.sub(r"(/|\\-)", r"\1\\:", word[0]), text)


def bold(text):
    return rf"\fB{escaped(text)}\fR"


def prose(text):
    """Text with `code` in bold, as in the project's pages, with bold options and *arguments* in italics."""
    parts = re.split(r"(`[^`]+`|\*[A-Z]+\*|(?<![\w-])--[a-z][a-z-]*)", text)
    return "".join(bold(part.strip("`")) if part.startswith(("`", "--")) else
                   rf"\fI{part[1:-1]}\fR" if i % 2 else escaped(part) for i, part in enumerate(parts))


def usage(text):
    """Words of the program in bold, what the user fills in in italics."""
    return re.sub(r"[A-Za-z]+", lambda word: rf"\fI{word[0]}\fR" if word[0].isupper() else bold(word[0]), text)


def tagged(tag, text, width=""):
    return [f".TP {width}".strip(), tag, prose(text) if text else r"\&"]


def wrapped(lines):
    """Breaks long lines of text; a line of text that begins with a dot would be a macro."""
    tag = False
    for line in lines:
        text = not line.startswith(".") or line.startswith("...")
        parts = textwrap.wrap(line, 79, break_long_words=False, break_on_hyphens=False) if text and not tag else [line]
        for part in parts:
            yield rf"\&{part}" if text and part.startswith(".") else part
        tag = line.startswith(".TP")


def option_tag(option):
    names = [name for name in (option.short, option.name) if name]
    tag = ", ".join(map(bold, names))
    return tag + (rf"=\fI{escaped(option.argument)}\fR" if option.argument else "")


def heading(title):
    """The title without the remark in parentheses, which is about the help page."""
    return re.sub(r" \(.*\)$", "", title)


def sentence(summary):
    return summary[:1].upper() + summary[1:] + ("" if summary.endswith("?") else ".")


def common(program):
    """The options with a short name, which all commands have in the same words."""
    first, *others = [command.options() for command in program.commands]
    return [option for option in first if option.short and all(option in other for other in others)]


def options(command, earlier, everywhere):
    """The command's own options, and a line for all sections that an earlier command has, too."""
    lines, same = [], {}
    for section in command.sections:
        owner = next((other for other in earlier if section in other.sections and section.title), None)
        if owner is not None:
            same.setdefault(owner.name, []).append(heading(section.title))
            continue
        if section.title:
            title = heading(section.title)
            lines += [".PP", prose(f"{title[:1].upper()}{title[1:]}:")]
        for option in (option for option in section.options if option not in everywhere):
            lines += tagged(option_tag(option), option.help)
    for name, titles in same.items():
        lines += [".PP", prose(f"Also these options of `clattn {name}`: {', '.join(titles)}.")]
    return lines


def command_page(command, earlier, everywhere):
    shown = re.sub(r"\[OPTION\.\.\.\]", "[OPTIONS]", command.usage)
    lines = [f".SS clattn {command.name}", prose(sentence(command.summary)), ".PP",
             f"{bold('clattn ' + command.name)} {usage(shown)}"]
    names = {tuple(word.words): None for word in command.words if word.after and word.words}
    for words in names:
        lines += [".PP", prose(f"*NAME* is one of {', '.join(words[:-1])} or {words[-1]}.")]
    lines += options(command, earlier, everywhere)
    if command.note and not any(command.note == other.note for other in earlier):
        lines += [".PP", prose(command.note)]
    return lines


def description(readme):
    """The first paragraph, without its links."""
    text = Path(readme).read_text(encoding="utf-8")
    paragraph = text.split("\n\n")[1].replace("\n", " ")
    if not paragraph.startswith("clattn "):
        raise Unclear(f"{readme}: the first paragraph does not begin with clattn")
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", paragraph)


def examples(using):
    """(command, comment) of the first block of commands."""
    text = Path(using).read_text(encoding="utf-8")
    block = re.search(r"^```sh\n(.*?)^```$", text, re.S | re.M)
    found = [re.fullmatch(r"build/(clattn .*?)(?: +# (.*))?", row) for row in (block[1] if block else "").splitlines()]
    if not found or not all(found):
        raise Unclear(f"{using}: the first block of commands has a line without build/clattn")
    return [(row[1], row[2] or "") for row in found]


def date(changelog, version):
    """As in "## 0.2.0 (2026-05-01)"; empty for a version that is not released."""
    text = Path(changelog).read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(version)} \((\d{{4}}-\d\d-\d\d)\)$", text, re.M)
    return found[1] if found else ""


def make(program, source):
    source = Path(source)
    released = date(source / "CHANGELOG.md", program.version)
    lines = [r'.\" Made from the help pages of clattn, README.md and docs/using.md: do not edit.',
             f'.TH CLATTN 1 "{released}" "clattn {program.version}" "User Commands"',
             ".nh", ".ad l",
             ".SH NAME", rf"clattn \- {escaped(program.title)}",
             ".SH SYNOPSIS", rf"{bold('clattn')} \fICOMMAND\fR [\fIOPTIONS\fR]", ".br",
             rf"{bold('clattn help')} [\fICOMMAND\fR]", ".br", bold("clattn --version"),
             ".SH DESCRIPTION", prose(description(source / "README.md")),
             ".SH COMMANDS"]
    for command in program.commands:
        lines += tagged(bold(command.name), command.summary, 10)
    lines += tagged(bold("help"), "show the commands, or a command's options", 10)
    lines += [".PP", prose("The argument of an option follows after = or as the next word. Each option may be given "
                           "once. What applies without the option is in parentheses. Every command has:")]
    everywhere = common(program)
    for option in everywhere:
        lines += tagged(option_tag(option), option.help)
    lines.append(".SH OPTIONS")
    for i, command in enumerate(program.commands):
        lines += command_page(command, program.commands[:i], everywhere)
    lines += [".SH EXAMPLES"]
    for i, (command, comment) in enumerate(examples(source / "docs" / "using.md")):
        lines += [".PP"] * (i > 0) + [bold(command)] + ([".RS", prose(comment), ".RE"] if comment else [])
    lines += [".SS Examples of articles",
              prose("`clattn run --example` *NAME* and `clattn explain` *NAME* take one of these:")]
    for name, origin in program.examples:
        lines += tagged(bold(name), origin)
    lines.append(".SH EXIT STATUS")
    for code, meaning in program.exit_codes:
        lines += tagged(bold(code), meaning, 4)
    lines.append(".SH ENVIRONMENT")
    for variable, meaning in program.environment:
        lines += tagged(bold(variable), meaning)
    lines.append(".SH FILES")
    for name, meaning in FILES:
        lines += tagged(rf"\fI{escaped(name)}\fR", meaning)
    lines += [".PP", prose(FILES_NOTE), ".SH SEE ALSO", prose(SEE_ALSO)]
    return "\n".join(wrapped(lines)) + "\n"
