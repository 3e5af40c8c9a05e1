"""The completion for bash. It needs no other script, and works with bash 3.2, too."""
from program import FILE, FOLDER, FREE, KERNELS, WORDS

SCRIPT = r'''# Completes clattn in bash. Made from the program's help pages: do not edit.

_clattn() {
  local -a words=()
  local at token glued='' last=0 option='' value lead='' head='' kind='' list='' prefix actual candidate seen before
  # Bash separates words at = and at colons; an option with its value is one word here.
  for ((at = 0; at <= COMP_CWORD; at++)); do
    token=${COMP_WORDS[at]}
    if [[ ${#words[@]} -gt 0 && ($token == [=:]* || -n $glued) ]]; then
      words[last]+=$token
    else
      words+=("$token")
      last=$((${#words[@]} - 1))
    fi
    glued=''
    if [[ $token == *[=:] ]]; then glued=1; fi
  done
  value=${words[last]}
  actual=${COMP_WORDS[COMP_CWORD]}
  if [[ $actual == [=:] ]]; then actual=''; fi
  prefix=${value%"$actual"} # bash keeps this part of the word itself
  COMPREPLY=()

  local command=${words[1]}
  before=${words[last - 1]}
  if [[ $last -gt 2 && $before == --* && $before != *=* ]] && _clattn_argument "$command" "$before"; then
    option=$before
  elif [[ $last -gt 1 && $value == --*=* ]] && _clattn_argument "$command" "${value%%=*}"; then
    option=${value%%=*}
    lead=$option=
    value=${value#*=}
  elif [[ $last -eq 1 ]]; then
    kind='words' list='@FIRST@'
  elif [[ $value == -* ]]; then
    kind='words'
    for candidate in $(_clattn_options "$command"); do # an option is allowed once
      seen=''
      for token in "${words[@]:2:last - 2}"; do
        if [[ $token == "$candidate" || $token == "$candidate"=* ]]; then seen=1; fi
      done
      if [[ -z $seen ]]; then list+=" $candidate"; fi
    done
  else
    _clattn_word
  fi

  if [[ $kind == kernels ]]; then # a list, separated by commas
    head=${value%"${value##*,}"}
    value=${value##*,}
    compopt -o nospace 2>/dev/null
  elif [[ $kind == file || $kind == folder ]]; then
    compopt -o filenames 2>/dev/null
  fi
  while IFS= read -r candidate; do
    candidate=$lead$head$candidate
    COMPREPLY+=("${candidate#"$prefix"}")
  done < <(
    if [[ -n $list ]]; then compgen -W "$list" -- "$value"; fi
    if [[ $kind == file ]]; then compgen -f -- "$value"; fi
    if [[ $kind == folder ]]; then compgen -d -- "$value"; fi
  )
}

# Whether the option of the command takes an argument. Sets kind and list.
_clattn_argument() {
  case "$1 $2" in
@ARGUMENTS@
  *) return 1 ;;
  esac
}

_clattn_options() {
  case $1 in
@OPTIONS@
  esac
}

# Sets kind and list for a word that is no option.
_clattn_word() {
  local -a given=()
  local token skip=''
  for token in "${words[@]:2:last - 2}"; do
    if [[ -n $skip ]]; then
      skip=''
    elif [[ $token == --*=* ]]; then
      :
    elif [[ $token == -* ]]; then
      if _clattn_argument "$command" "$token"; then skip=1; fi
      kind='' list=''
    else
      given+=("$token")
    fi
  done
  case "$command ${#given[@]} ${given[0]}" in
@WORDS@
  esac
}

complete -F _clattn clattn
'''


def settings(kind, words):
    if kind == FREE:
        return "kind='free'"
    return " ".join([f"kind='{kind}'"] + ([f"list='{' '.join(words)}'"] if words else []))


def arguments(program):
    """A case for each kind of argument; kernels are known for the whole program."""
    kernels = [f"{stage}={name}" for stage, names in program.kernels for name in names]
    cases = {}
    for command in program.commands:
        for option in command.options():
            if option.argument:
                words = kernels if option.kind == KERNELS else option.words
                cases.setdefault(settings(option.kind, words), []).append(f"'{command.name} {option.name}'")
    return "\n".join(f"  {' | '.join(names)})\n    {what} ;;" for what, names in cases.items())


def options(program):
    lines = []
    for command in program.commands:
        names = [name for option in command.options() for name in (option.name, option.short) if name]
        lines.append(f"  {command.name}) echo '{' '.join(names)}' ;;")
    return "\n".join(lines)


def words(program):
    lines = ["  'help 0 ') kind='words' list='%s' ;;" % " ".join(command.name for command in program.commands)]
    for command in program.commands:
        place = {}
        for word in command.words:
            at = place[word.after] = place.get(word.after, 0 if not word.after else 1)
            place[word.after] += 1
            assert word.kind in (WORDS, FILE, FOLDER)
            lines.append(f"  '{command.name} {at} {word.after}') {settings(word.kind, word.words)} ;;")
    return "\n".join(lines)


def make(program):
    first = [command.name for command in program.commands] + ["help", "--help", "-h", "--version"]
    return (SCRIPT.replace("@FIRST@", " ".join(first)).replace("@ARGUMENTS@", arguments(program))
            .replace("@OPTIONS@", options(program)).replace("@WORDS@", words(program)))
