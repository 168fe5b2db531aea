#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A restore that is killed at random moments, again and again, ends with the same tree (T93). KILLS: how many kills (5).
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tree_lib.sh"
bac_need
bac_lab
kills=${KILLS:-5} seed=${KILL_SEED:-7}

tree_full "$lab/src"
tree_many "$lab/src/many" 3000 3
bac_start
bac_run Full
tree_change1 "$lab/src"
bac_run Incremental
bac_stop
python3 "$top/tests/bacula/manifest.py" "$lab/src" >"$lab/m"
mkdir "$lab/to"
go() { "$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/to" --state "$lab/state" --strip "$lab/src" "$lab/vol"; }

# at named points, then at random times
for f in bacula.file:1 bacula.file:1500 bacula.session:1 bacula.synced:1 bacula.marked:1 bacula.session:2; do
	rc=0
	RESCUE_FAULT=$f go >/dev/null 2>&1 || rc=$?
	[ $rc = 137 ] || [ $rc = 0 ] || { echo "$f: exit code $rc"; exit 1; }
	if [ $rc = 0 ]; then rm -rf "$lab/to" "$lab/state"; mkdir "$lab/to"; fi
done
n=0
python3 -c "
import random; r = random.Random($seed)
for i in range($kills): print('%.3f' % r.uniform(0.02, 0.9))" >"$lab/times"
while read -r t; do
	rc=0
	timeout -s KILL "$t" "$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/to" --state "$lab/state" --strip "$lab/src" "$lab/vol" >/dev/null 2>&1 || rc=$?
	[ $rc = 137 ] || [ $rc = 124 ] || [ $rc = 0 ] || { echo "exit code $rc"; exit 1; }
	if [ $rc = 0 ]; then rm -rf "$lab/to" "$lab/state"; mkdir "$lab/to"; else n=$((n + 1)); fi
done <"$lab/times"
go
python3 "$top/tests/bacula/manifest.py" "$lab/to" >"$lab/got"
diff "$lab/m" "$lab/got" | head -20
cmp -s "$lab/m" "$lab/got"
[ -z "$(find "$lab/to" -name '.rescue-*')" ]
go | grep -q 'was finished before'              # T59: what finished is finished
# another restore does not take these marks for its own
rc=0
"$RESCUE" bacula restore --quiet --to "$lab/to" --state "$lab/state" --job 1 "$lab/vol" 2>"$lab/err" || rc=$?
[ $rc = 1 ]
grep -q 'belongs to another restore' "$lab/err"
echo "killed $n times at random"
