#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# rescue explain and rescue completion: both speak from the tables.
. "$(dirname "$0")/../lib.sh"

"$RESCUE" explain >"$W/out"
for t in $(sed -n 's/^STEP(\(.*\))$/\1/p' "$TOP/steps/steps.def" | tr _ -); do
	grep -qE "^  $t +[A-Z]" "$W/out" || fail "explain does not list $t"
done
"$RESCUE" explain write-file >"$W/out"
for words in '  mode (text, 3 to 4 bytes, default 0644)' '  path (path, needs access write, required)' 'effect: durable; after an interruption: done if it holds, else run again'; do
	grep -qF -- "$words" "$W/out" || { cat "$W/out"; fail "wanted: $words"; }
done
[ "$(wc -L <"$W/out")" -le 80 ] || fail "a line is longer than a terminal"
"$RESCUE" explain devices | grep -q '  serial (text' || fail "explain devices"
"$RESCUE" explain devices | grep -q '  access (word: read write erase, default read)' || fail "explain devices: access"
"$RESCUE" explain options | grep -q '  on-stall (word: wait cancel, default wait)' || fail "explain options"
"$RESCUE" explain exit-codes | grep -q '^  3  the plan was refused' || fail "explain exit-codes"
refuses 2 "rescue: there is no step type 'wriet-file', did you mean 'write-file'?" "$RESCUE" explain wriet-file
refuses 2 "rescue: there is no step type 'zzzzzz'; 'rescue explain' lists them" "$RESCUE" explain zzzzzz

# completion: sourced into a real bash
"$RESCUE" completion >"$W/completion"
complete_line() { # words on the line; the last one is completed
	bash -uc '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _rescue; echo "${COMPREPLY[@]+"${COMPREPLY[@]}"}"' _ "$W/completion" "$@"
}
equal "$(complete_line rescue expl)" explain "completion of a command"
equal "$(complete_line rescue explain write-)" write-file "completion of a step type"
equal "$(complete_line rescue run --dr)" --dry-run "completion of an option"
equal "$(complete_line rescue help chec)" check "completion behind help"
touch "$W/web.yaml"
equal "$(complete_line rescue check "$W/we")" "$W/web.yaml" "completion of a file"
equal "$(complete_line rescue completion x)" "" "completion where nothing follows"
