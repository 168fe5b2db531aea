#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A Full backup that stores only what is not in a base job, then a Differential: each state comes back from the volumes alone, also when the restore
# is killed in the base job, and from the bootstrap file, which does not name the base job. A base job that is gone is what is lost, by name.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tree_lib.sh"
bac_need
bac_lab

restore() { # restore CODE OPTIONS...: into $lab/to
	local want=$1 rc=0
	shift
	rm -rf "$lab/to"
	mkdir "$lab/to"
	{ "$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/to" --strip "$lab/src" "$@" "$lab/vol" >"$lab/out" 2>&1 || rc=$?; } 2>/dev/null
	[ $rc = "$want" ] || { cat "$lab/out"; echo "exit code $rc, wanted $want: $*"; exit 1; }
}
same() {
	python3 "$top/tests/bacula/manifest.py" "$lab/to" >"$lab/got"
	diff "$1" "$lab/got" >"$lab/diff" || { echo "differs from the original:"; head -20 "$lab/diff"; exit 1; }
}
report() { sed -n "s/^ \"$1\": \([0-9]*\),/\1/p" "$lab/state/report.json"; }
snap() { python3 "$top/tests/bacula/manifest.py" "$lab/src" >"$lab/m$1"; sleep 1.1; date +%s >"$lab/t$1"; }

tree_full "$lab/src"
echo early >"$lab/src/early"
BAC_DIR_EXTRA="FileSet { Name = BaseFS; Ignore FileSet Changes = yes
  Include { Options { signature = SHA1; compression = GZIP; aclsupport = yes; xattrsupport = yes; sparse = yes; Accurate = pinugsmc; BaseJob = pinugsmc }
  File = \"$lab/src\" } }
Pool { Name = BaseP; Pool Type = Backup; AutoPrune = no; Recycle = no; Label Format = \"Base-\"; Maximum Volume Jobs = 1 }
Job { Name = base-web; Type = Backup; Level = Base; Client = web-01-fd; FileSet = BaseFS; Storage = St; Pool = BaseP; Messages = M }
Job { Name = based; Type = Backup; Level = Full; Base = base-web; Accurate = yes; Client = web-01-fd; FileSet = BaseFS; Storage = St; Pool = P; Messages = M
  Write Bootstrap = \"$lab/based.bsr\" }"
bac_start
bac_run Base base-web                           # an older one: its files look the same, most of them are
rm "$lab/src/early"
echo in the second >"$lab/src/in-the-second"
echo later >"$lab/src/will-change"
bac_run Base base-web
tree_change1 "$lab/src"
bac_run Full based
cp "$lab/based.bsr" "$lab/full.bsr"
[ "$(bac_sql "select count(*) from BaseFiles where JobId=3")" -gt 300 ]        # it is what this test is about
snap 1
tree_change2 "$lab/src"
rm "$lab/src/etc/app/7.conf"
bac_run Differential based
snap 2
bac_stop

restore 0 --job 3
same "$lab/m1"
restore 0 --client web-01-fd --before "@$(cat "$lab/t1")"
same "$lab/m1"
restore 0
same "$lab/m2"
"$RESCUE" bacula verify --quiet --job 3 "$lab/vol" >"$lab/out"
grep -q '^360 of 360 entries can be restored' "$lab/out" || { cat "$lab/out"; exit 1; }
[ "$("$RESCUE" bacula ls --quiet --job 3 "$lab/vol" 2>/dev/null | wc -l)" = 360 ]

# the Director's bootstrap file of the Full names the Full alone: with it Bacula's own tools bring back nine files
grep -q 'Base-' "$lab/full.bsr" && { echo "the bootstrap file names the base job: this test has lost its point"; exit 1; }
restore 0 --bsr "$lab/full.bsr"
same "$lab/m1"
restore 0 --bsr "$lab/based.bsr"
same "$lab/m2"

# a hard link of the base job whose first name is not wanted gets the content
restore 0 --job 3 --path "$lab/src/acl/caps-link"
[ "$(cat "$lab/to/acl/caps-link")" = b ] && getcap "$lab/to/acl/caps-link" | grep -q cap_net_raw

# killed while it reads the Full, the base job, the Differential
for f in bacula.file:3 bacula.file:30 bacula.file:330 bacula.session:1 bacula.base:1 bacula.marked:1 bacula.session:2 bacula.marked:2; do
	rm -rf "$lab/state"
	rc=0
	RESCUE_FAULT=$f restore 137 --state "$lab/state"
	"$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/to" --strip "$lab/src" --state "$lab/state" "$lab/vol" >"$lab/out" 2>&1 ||
		{ echo "$f: exit code $?"; cat "$lab/out"; exit 1; }
	same "$lab/m2"
	[ $(($(report restored) + $(report deletions))) = "$(report entries)" ] || { cat "$lab/state/report.json"; exit 1; }
done

# the base job's volume is not there: what an older one has in the same state comes from there; both are not there: exactly what is in neither is lost
lost_are() { # lost_are COUNT NAME...: the report names them, or at least the names given
	python3 - "$lab/state/report.json" "$@" <<'PY'
import json, sys
rep = json.load(open(sys.argv[1]))
lost = [e["path"] for e in rep["entries_list"] if e["kind"] == "lost"]
print("lost %d of %d" % (len(lost), rep["entries"]))
assert rep["entries"] == 360 == rep["restored"] + rep["lost"] and len(set(lost)) == rep["lost"] == int(sys.argv[2]), lost[:5]
assert all(any(l.endswith(n) for l in lost) for n in sys.argv[3:])
PY
	# nothing is there in another state than it was
	python3 "$top/tests/bacula/manifest.py" "$lab/to" >"$lab/got"
	grep -vE ' d ' "$lab/got" | grep -vFxf "$lab/m1" && { echo "files that are not as they were"; exit 1; }
	[ ! -e "$lab/to/early" ] && [ "$(cat "$lab/to/will-change")" = new ]
}
mv "$lab/vol/Base-0002" "$lab/"
rm -rf "$lab/state"
restore 7 --job 3 --state "$lab/state"
lost_are 1 /in-the-second
rm -rf "$lab/state"
restore 7 --bsr "$lab/full.bsr" --state "$lab/state"
lost_are 1 /in-the-second
mv "$lab/vol/Base-0001" "$lab/"
rm -rf "$lab/state"
restore 7 --job 3 --state "$lab/state"
lost_are "$(bac_sql "select count(*) from BaseFiles where JobId=3")" /in-the-second /etc/app/7.conf /acl/caps-link /links/dangling
