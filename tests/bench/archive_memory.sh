#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Peak memory of archive-restore for archives of 10,000, 100,000 and 1,000,000 entries: it should not grow with them.
. "$(dirname "$0")/../lib.sh"
need_root
need python3

entries() { # entries N FILE: a tar of N small files, a hundred a folder, written as a stream
	python3 - "$1" "$2" <<'PY'
import io, sys, tarfile
n = int(sys.argv[1])
with tarfile.open(sys.argv[2], "w", format=tarfile.PAX_FORMAT) as t:
    for i in range(n):
        if i % 100 == 0:
            d = tarfile.TarInfo(f"d{i // 10000}/{i // 100}"); d.type = tarfile.DIRTYPE; d.mode = 0o755; d.mtime = i
            t.addfile(d)
        f = tarfile.TarInfo(f"d{i // 10000}/{i // 100}/{i}"); f.size = 20; f.mtime = i + 0.5
        t.addfile(f, io.BytesIO(b"%020d" % i))
        t.members = []
PY
}

for n in ${SIZES:-10000 100000 1000000}; do
	entries "$n" "$W/a.tar"
	mkdir "$W/to" "$W/state"
	cat >"$W/plan.yaml" <<PLAN
plan: 1
name: memory
steps:
  - archive-restore: {id: restore, from: $W/a.tar, to: $W/to}
PLAN
	"$RESCUE" run "$W/plan.yaml" --state "$W/state" >"$W/log" 2>&1 &
	pid=$! peak=0
	while kill -0 $pid 2>/dev/null; do
		for p in $pid $(pgrep -P $pid || true); do
			m=$(awk '/VmHWM/{print $2}' "/proc/$p/status" 2>/dev/null || true)
			[ -z "$m" ] || [ "$m" -le $peak ] || peak=$m
		done
		sleep 0.05
	done
	wait $pid || { cat "$W/log"; fail "restore of $n entries"; }
	printf '%9d entries: peak %d KiB in the largest process, %s files restored\n' "$n" "$peak" "$(find "$W/to" -type f | wc -l)"
	rm -rf "$W/to" "$W/state"
done
