#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the engine of extract needs in memory: COUNTS ("10000 100000 1000000") small files, in one folder and in folders of 100 each.
. "$(dirname "$0")/../lib.sh"
need_root
need python3
mount -t tmpfs -o size=8G,nr_inodes=0 tmpfs "$W"
mkdir "$W/logs"
for n in ${COUNTS:-10000 100000 1000000}; do
	for per in "$n" 100; do
		python3 - "$W/src" "$n" "$per" <<'P'
import os, sys
top, n, per = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for i in range(n):
    if i % per == 0:
        d = "%s/%d" % (top, i // per)
        os.makedirs(d)
    fd = os.open("%s/a file with a name of some length, number %d" % (d, i), os.O_WRONLY | os.O_CREAT)
    if i % 50 == 0:
        os.write(fd, b"some content")
    os.close(fd)
P
		mkdir "$W/dst"
		t0=$(date +%s%N)
		"$O/helpers/copytree" "$W/src" "$W/dst" logs="$W/logs" mark=5 >"$W/out"
		printf '%8d files, %7d in a folder: %s, %d ms\n' "$n" "$per" "$(grep -o 'peak.*' "$W/out")" $((($(date +%s%N) - t0) / 1000000))
		grep -q "^files $n " "$W/out" || fail "$(cat "$W/out")"
		rm -rf "$W/src" "$W/dst"
	done
done
