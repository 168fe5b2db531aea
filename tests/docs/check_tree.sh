#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the tree promises about itself.
. "$(dirname "$0")/../lib.sh"
cd "$TOP"
bad=0
wrong() { echo "$*"; bad=1; }

sources=$(find rescue steps tests docs $(ls -d initramfs 2>/dev/null) -name "*.[ch]" -o -name "*.def" -o -name "*.sh" -o -name "*.py" | sort)
[ "$(echo "$sources" | wc -l)" -gt 50 ] || fail "the sources were not found"

# licence of every source file, in its first three lines
for f in $sources Makefile; do
	head -n 3 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' || wrong "$f: no SPDX line"
done

# a step file exports one constant, is listed once, and knows neither runner nor journal nor plan
for f in steps/*.c; do
	name=$(basename "$f" .c)
	equal "$(grep -c "^STEP($name)$" steps/steps.def)" 1 "$f: lines in steps.def"
	symbols=$(nm -g --defined-only "$O/obj/steps/$name.o" | awk '{ print $3 }')
	[ "$symbols" = "step_$name" ] || wrong "$f: public symbols: $(echo $symbols), wanted only step_$name"
	! grep -nE '#include "(runner|run|journal|plan|step_io|cmd)\.h"' "$f" || wrong "$f: a step includes step.h and helpers only"
done
for id in $(sed -n 's/^STEP(\(.*\))$/\1/p' steps/steps.def); do
	[ -e "steps/$id.c" ] || wrong "steps.def: $id: there is no steps/$id.c"
done
for id in $(sed -n 's/^CMD(\(.*\))$/\1/p' rescue/cmd.def); do
	[ -e "rescue/cmd_$id.c" ] || wrong "cmd.def: $id: there is no rescue/cmd_$id.c"
done

# helpers and steps return sentences; only commands, the runner's screen and PID 1 speak
speakers=$(grep -lE '(^|[^a-z_])(printf|puts|putchar|perror|vprintf)\(|fprintf\((stderr|stdout)' rescue/*.c steps/*.c |
	grep -vE '^rescue/(cmd|ui|run)[a-z_]*\.c$' || true)
[ -z "$speakers" ] || wrong "these print, though only commands and the runner may: $(echo $speakers)"

# a system library's header is in one helper only (files that share the first word of their name)
for h in blkid/blkid.h libmount/libmount.h libfdisk/libfdisk.h yaml.h btrfsutil.h efivar/efivar.h efiboot.h libkmod.h; do
	users=$(grep -lsE "#include <$h>" rescue/*.c rescue/*.h steps/*.c initramfs/*.c 2>/dev/null | sed 's,.*/,,; s/[_.].*//' | sort -u || true)
	[ "$(echo "$users" | wc -w)" -le 1 ] || wrong "<$h> is included by several helpers: $(echo $users)"
done
! grep -ln '#include <\(blkid\|libmount\|libfdisk\|yaml\|archive\|btrfsutil\|efivar\|efiboot\|libkmod\)' steps/*.c || wrong "a step includes a system library"

# each fuzz target has a corpus
for f in tests/fuzz/fuzz_*.c; do
	n=$(basename "$f" .c)
	[ -n "$(ls "tests/fuzz/corpus/${n#fuzz_}" 2>/dev/null)" ] || wrong "$f: no corpus in tests/fuzz/corpus/${n#fuzz_}"
done

# names of the machine that it was written on have no place here
! grep -rnIE '/(work|root)/(wt|main|shared)|BRIEF[.]md' --exclude-dir=build --exclude-dir=.git --exclude=.git . || wrong "paths of somebody's machine"

# size of files: told, not refused, up to a limit
for f in $(echo "$sources" | grep -E '^(rescue|steps|initramfs)/'); do
	n=$(wc -l <"$f")
	[ "$n" -le 400 ] || echo "note: $f has $n lines"
	[ "$n" -le 600 ] || wrong "$f: $n lines, split it"
done

[ $bad = 0 ] || fail "see above"
