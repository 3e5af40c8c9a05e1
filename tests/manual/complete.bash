# shellcheck shell=bash
# Completes lines with the script for bash: complete.bash SCRIPT FILE. FILE has one case on a line: the words, separated by
# tabs, as bash hands them over; the last one is completed. Prints the answers of each case, separated by tabs.
# shellcheck source=/dev/null
source "$1"
compopt() { :; } # allowed only while readline completes
while IFS= read -r line; do
  COMP_WORDS=()
  while [[ $line == *$'\t'* ]]; do
    COMP_WORDS+=("${line%%$'\t'*}")
    line=${line#*$'\t'}
  done
  COMP_WORDS+=("$line")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _clattn
  (IFS=$'\t' && printf '%s\n' "${COMPREPLY[*]}")
done <"$2"
