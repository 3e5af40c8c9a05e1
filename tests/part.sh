# shellcheck shell=bash
# Splits a long script of cases into several tests. Source it with the part as argument: "2/3" is
# the second of three.
#
# mine: whether the next case belongs to this part. Without an argument all cases do.

part=${1:-1/1}
if ! [[ $part =~ ^([1-9][0-9]*)/([1-9][0-9]*)$ ]] || [ "${BASH_REMATCH[1]}" -gt "${BASH_REMATCH[2]}" ]; then
  echo "part '$part' (allowed: N/M with N from 1 to M)" >&2
  exit 2
fi
part_first=${BASH_REMATCH[1]} part_step=${BASH_REMATCH[2]} part_case=0

mine() {
  part_case=$((part_case + 1))
  [ $(((part_case - part_first) % part_step)) -eq 0 ]
}
