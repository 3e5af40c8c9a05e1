"""The completion for fish, from version 3.0 on."""
from program import FILE, FOLDER, KERNELS

SCRIPT = r'''# Completes clattn in fish. Made from the program's help pages: do not edit.

# OPTION COMMAND...: whether the command is one of these and the option not given yet. An option ends in = if it takes
# an argument, which may be the next word.
function __clattn_takes
    set -l words (commandline -opc)
    set -l option (string trim -r -c = -- $argv[1])
    test (count $words) -ge 2; and contains -- $words[2] $argv[2..-1]; or return 1
    test (count $words) -ge 3; or return 0
    set -l before $words[3..-1]
    if test "$before[-1]=" = "$argv[1]"
        set -e before[-1]
    end
    test (count $before) -eq 0; or not string match -qr -- "^$option(=|\$)" $before
end

function __clattn_without_command
    test (count (commandline -opc)) -eq 1
end

# The words so far that are no options, from the command on.
function __clattn_given
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; or echo $word
    end
end

# Whether these are all of them.
function __clattn_words
    set -l words (__clattn_given)
    test "$words" = "$argv"
end

# As __clattn_words, with one more word after them.
function __clattn_one_more
    set -l words (__clattn_given)
    test (count $words) -eq (math (count $argv) + 1); and test "$words[1..-2]" = "$argv"
end

# A list of kernels, separated by commas.
function __clattn_kernels
    set -l value (string replace -r '^--kernel=' '' -- (commandline -ct))
    set -l head (string match -r '^.*,' -- $value)
    printf "$head%s\n" @KERNELS@
end

complete -c clattn -f
'''


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def short(text):
    return text.partition("; ")[0]


def argument(option):
    if option.kind == FILE:
        return "-r -F" + (f" -a {quoted(' '.join(option.words))}" if option.words else "")
    if option.kind == FOLDER:
        return "-x -a '(__fish_complete_directories)'"
    if option.kind == KERNELS:
        return "-x -a '(__clattn_kernels)'"
    return "-x" + (f" -a {quoted(' '.join(option.words))}" if option.words else "")


def option_lines(program):
    """One line for each different option, with all commands that have it."""
    owners = {}
    for command in program.commands:
        for option in command.options():
            name = option.name + ("=" if option.argument else "")
            line = f"-l {option.name[2:]}" + (f" -s {option.short[1:]}" if option.short else "")
            line += f" {argument(option)}" if option.argument else ""
            owners.setdefault((name, f"{line} -d {quoted(short(option.help))}"), []).append(command.name)
    return [f"complete -c clattn -n '__clattn_takes {name} {' '.join(names)}' {line}"
            for (name, line), names in owners.items()]


def word_lines(command):
    lines, place = [], {}
    for word in command.words:
        at = place[word.after] = place.get(word.after, -1) + 1
        so_far = f"{command.name} {word.after}".strip()
        condition = f"__clattn_{'one_more' if at else 'words'} {so_far}"
        what = "'(__fish_complete_directories)'" if word.kind == FOLDER else quoted(" ".join(word.words))
        lines.append(f"complete -c clattn -n '{condition}' -a {what}")
    return lines


def make(program):
    kernels = " ".join(f"{stage}={name}" for stage, names in program.kernels for name in names)
    names = " ".join(command.name for command in program.commands)
    lines = [f"complete -c clattn -n __clattn_without_command -a {command.name} -d {quoted(command.summary)}"
             for command in program.commands]
    lines += ["complete -c clattn -n __clattn_without_command -a help -d 'show the commands, or a command\\'s options'",
              "complete -c clattn -n __clattn_without_command -s h -l help -d 'show the commands'",
              "complete -c clattn -n __clattn_without_command -l version -d 'show the version'",
              f"complete -c clattn -n '__clattn_words help' -a {quoted(names)}"]
    lines += option_lines(program)
    for command in program.commands:
        lines += word_lines(command)
    return SCRIPT.replace("@KERNELS@", kernels) + "\n".join(lines) + "\n"
