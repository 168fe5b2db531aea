#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The generated pages are those that the tables say now, and every manual page is good man(7).
. "$(dirname "$0")/../lib.sh"
cd "$TOP"

"$RESCUE" docs steps >"$W/steps.md"
diff -u docs/steps.md "$W/steps.md" || fail "docs/steps.md is old: run 'make docs'"
for f in docs/*.in; do
	"$RESCUE" docs fill "$f" >"$W/page"
	diff -u "${f%.in}" "$W/page" || fail "${f%.in} is old: run 'make docs'"
done
for f in docs/*.[58]; do
	LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 -Z "$f" >/dev/null 2>"$W/warn" || fail "man cannot show $f"
	[ ! -s "$W/warn" ] || { cat "$W/warn"; fail "$f has warnings"; }
done
bash -n <("$RESCUE" completion)
