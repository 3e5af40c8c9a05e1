"""The completion for zsh."""
from program import FILE, FOLDER, KERNELS, WORDS

SCRIPT = r'''#compdef clattn
# Completes clattn in zsh. Made from the program's help pages: do not edit.

_clattn_kernels() {
  _values -s , kernel \
@KERNELS@
}

_clattn_words_or_files() {
  _alternative "words:word:($*)" 'files:file:_files'
}

_clattn_commands() {
  local -a commands=(
@COMMANDS@
  )
  _describe -t commands command commands
}

_clattn() {
  local curcontext=$curcontext state line ret=1
  typeset -A opt_args
  _arguments -C \
    '(- *)'{-h,--help}'[show the commands]' \
    '(- *)--version[show the version]' \
    '1: :->command' \
    '*:: :->argument' && ret=0
  case $state in
  command) _clattn_commands && ret=0 ;;
  argument)
    curcontext=${curcontext%:*:*}:clattn-$words[1]:
    case $words[1] in
    help) _arguments '1: :_clattn_commands' && ret=0 ;;
@CASES@
    esac
    ;;
  esac
  return ret
}

_clattn "$@"
'''


def short(text):
    """The first part of a help text."""
    return text.partition("; ")[0]


def quoted(text, special):
    for character in special:
        text = text.replace(character, "\\" + character)
    return text.replace("'", "'\\''")


def action(kind, words):
    if kind == FILE:
        if not words:
            return "_files"
        return f" _clattn_words_or_files {' '.join(words)}"
    return {FOLDER: "_files -/", KERNELS: "_clattn_kernels", WORDS: f"({' '.join(words)})"}.get(kind, " ")


def option_lines(option):
    text = quoted(short(option.help), "\\[]:")
    if option.short:
        return [f"'(- *)'{{{option.short},{option.name}}}'[{text}]'"]
    if not option.argument:
        return [f"'{option.name}[{text}]'"]
    return [f"'{option.name}=[{text}]:{option.argument}:{action(option.kind, option.words)}'"]


def word_lines(command):
    """Words that depend on the first one are chosen by it."""
    if not command.words:
        return []
    lines = [f"'1: :({' '.join(command.words[0].words)})'"]
    later = {}
    for word in command.words[1:]:
        later.setdefault(word.after, []).append(word)
    for at in range(max(map(len, later.values()), default=0)):
        cases = " ".join(f"{after}) {alternative(words[at])} ;;" for after, words in later.items() if at < len(words))
        lines.append(f"'{at + 2}: :{{ case $line[1] in {cases} esac }}'")
    return lines


def alternative(word):
    return "_files -/" if word.kind == FOLDER else f"compadd -- {' '.join(word.words)}"


def case(command):
    lines = [line for option in command.options() for line in option_lines(option)] + word_lines(command)
    arguments = " \\\n".join(f"        {line}" for line in lines)
    return f"    {command.name})\n      _arguments \\\n{arguments} && ret=0\n      ;;"


def make(program):
    commands = [(command.name, command.summary) for command in program.commands]
    commands.append(("help", "show the commands, or a command's options"))
    kernels = " \\\n".join(f"    '{stage}[kernel of {stage}]:{stage}:({' '.join(names)})'"
                           for stage, names in program.kernels)
    return (SCRIPT.replace("@KERNELS@", kernels).replace("@CASES@", "\n".join(map(case, program.commands)))
            .replace("@COMMANDS@", "\n".join(f"    '{name}:{quoted(text, chr(92) + ':')}'" for name, text in commands)))
