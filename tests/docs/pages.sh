#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Man pages are valid, and nothing that a user can type or meet is missing from them. The words come from the sources, not from
# the generator, so that a generator that forgets something is noticed.
. "$(dirname "$0")/../lib.sh"
cd "$TOP"

# a word as man(7) source has it
source_of() { printf '%s' "$1" | sed 's/-/\\-/g'; }

commands=$(sed -n 's/^CMD(\(.*\))$/\1/p' rescue/cmd.def | tr _ -)
[ -n "$commands" ] || fail "no command found in cmd.def"
for c in $commands; do
	grep -qE "^\.SS rescue $c( |$)" docs/rescue.8 || fail "command $c is not in rescue.8"
	"$RESCUE" help | grep -qE "^  $c +[A-Z].*\.$" || fail "command $c is not in the help"
	for o in $("$RESCUE" help "$c" | sed -n 's/^  --\([a-z-]*\) .*/\1/p'); do
		grep -qF -- "\\-\\-$(source_of "$o")" docs/rescue.8 || fail "option --$o of $c is not in rescue.8"
	done
done

codes=$(sed -n 's/^\tX(EXIT_[A-Z]*, *\([0-9]*\),.*/\1/p' rescue/exitcode.h)
[ "$(echo "$codes" | wc -l)" -ge 10 ] || fail "exit codes were not found in exitcode.h"
for c in $codes; do
	grep -qx "\.B $c" docs/rescue.8 || fail "exit code $c is not in rescue.8"
done

types=$(sed -n 's/^STEP(\(.*\))$/\1/p' steps/steps.def | tr _ -)
for t in $types; do
	grep -qx "\.SS $(source_of "$t" | sed 's/\\/\\\\/g')" docs/rescue-plan.5 || fail "step type $t is not in rescue-plan.5"
	grep -qx "## $t" docs/steps.md || fail "step type $t is not in steps.md"
	"$RESCUE" explain "$t" >"$W/out" || fail "rescue explain $t"
	grep -q "^$t - " "$W/out" || fail "rescue explain $t says something else"
done

# every variant of a broken system was started, and is in the table
for v in $(sed -n "/^BOOT_VARIANTS=/,/^'$/p" tests/boot_lib.sh | sed -n 's/^\([a-z0-9-]*\)\t.*/\1/p'); do
	grep -q "^| $v |" docs/boot-check.md || fail "variant $v is not in the table of docs/boot-check.md"
done
