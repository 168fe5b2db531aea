#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The example step of HACKING.md compiles without a warning, has one public symbol and a sound table, and works.
. "$(dirname "$0")/../lib.sh"
need "${CC:-gcc}" nm
cd "$TOP"

awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' HACKING.md >"$W/symlink.c"
[ "$(wc -l <"$W/symlink.c")" -gt 40 ] || fail "the example was not found"
cat >"$W/main.c" <<'END'
#include "step.h"
extern const struct step_type step_symlink;
struct link_step { struct opt_path path; char *target; };
int main(int argc, char **argv)
{
	struct link_step s = { { NULL, argv[1], argv[1] }, argv[2] };
	struct step_io *io = step_io_new_test("/tmp");
	struct err e = ERR_INIT;
	int rc = argc != 3 || opt_table_check(step_symlink.opts, step_symlink.size, &e) < 0 || step_symlink.verify(&s, io, &e) != 0 ||
		 step_symlink.preflight(&s, io, &e) != 0 || step_symlink.run(&s, io, &e) != 0 || step_symlink.verify(&s, io, &e) != 1 ||
		 step_symlink.preflight(&s, io, &e) != -EEXIST;
	fprintf(stderr, "%s\n", e.msg);
	step_io_free(io);
	return rc;
}
END
flags="-std=gnu17 -D_GNU_SOURCE -Irescue -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror -O1"
# shellcheck disable=SC2086
"${CC:-gcc}" $flags -c -o "$W/symlink.o" "$W/symlink.c"
equal "$(nm -g --defined-only "$W/symlink.o" | awk '{ print $3 }')" step_symlink "public symbols of the example"
libs=$(make --no-print-directory -s print-libs)
# shellcheck disable=SC2086
"${CC:-gcc}" $flags -ffunction-sections -Wl,--gc-sections -Wl,--as-needed -o "$W/example" "$W/main.c" "$W/symlink.o" "$O/librescue.a" -pthread $libs
"$W/example" "$W/link" /somewhere
equal "$(readlink "$W/link")" /somewhere "the link"

# every file that HACKING.md and architecture.md name is there
for f in $(grep -ohE '`(rescue|steps|tests|docs|initramfs)/[a-z0-9_./-]*[a-z]`' HACKING.md docs/architecture.md | tr -d '`' | sort -u); do
	case $f in
	*NAME* | steps/symlink.c | tests/unit/test_step_symlink.c) ;;
	*) [ -e "$f" ] || fail "$f is named in the documentation, and is not there" ;;
	esac
done
for f in $(grep -ohE '`[a-z0-9_]+\.[ch]`' HACKING.md docs/architecture.md | tr -d '`' | sort -u); do
	[ -e "rescue/$f" ] || [ -e "tests/unit/$f" ] || fail "$f is named in the documentation, and is not there"
done
