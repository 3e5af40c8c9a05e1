# Completes lines with the script for fish: complete.fish SCRIPT FILE. FILE has one line of a user on each line. Prints the
# answers of each, separated by tabs.
source $argv[1]
while read -l line
    set -l found (complete -C "$line" | string replace -r '\t.*' '')
    echo (string join \t -- $found)
end <$argv[2]
