#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Times before 1970 with a fraction: out of an archive of GNU tar, and through our own archive and back through GNU tar.
. "$(dirname "$0")/../lib.sh"
need_root
need tar zstd

mkdir "$W/a" "$W/b" "$W/c"
for t in 1969-07-20T20:17:40.123456789Z 1969-12-31T23:59:58.25Z 1901-12-14T00:00:00.5Z 2026-11-28T16:00:00.987654321Z; do
	touch -d "$t" "$W/a/$t"
done
want=$(cd "$W/a" && stat -c '%n %.9Y' *)
tar -C "$W/a" --format=posix -cf "$W/a.tar" .
run() { # run STEP
	printf 'plan: 1\nsteps:\n  - %s\n' "$1" >"$W/plan.yaml"
	rm -rf "$W/state"
	"$RESCUE" run --state "$W/state" --volatile-state "$W/plan.yaml" >"$W/out" 2>&1 || { cat "$W/out"; fail "$1"; }
}
run "archive-restore: {from: $W/a.tar, to: $W/b}"
equal "$(cd "$W/b" && stat -c '%n %.9Y' *)" "$want" "times out of an archive of GNU tar"
run "extract: {from: $W/a, to: $W/ours.tar}"
tar -C "$W/c" -xf "$W/ours.tar"
equal "$(cd "$W/c" && stat -c '%n %.9Y' *)" "$want" "times that GNU tar reads in our archive"
