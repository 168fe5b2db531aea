#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Full, Differential and Incremental, written by real daemons, come back exactly: as of each backup, from the volumes alone (T85 T87 T94).
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tree_lib.sh"
bac_need
bac_lab

same() { # same MANIFEST DIR
	python3 "$top/tests/bacula/manifest.py" "$2" >"$lab/got"
	diff "$1" "$lab/got" >"$lab/diff" || { echo "differs from the original:"; head -20 "$lab/diff"; exit 1; }
}

snap() { python3 "$top/tests/bacula/manifest.py" "$lab/src" >"$lab/m$1"; sleep 1.1; date +%s >"$lab/t$1"; }

restore() { # restore DIR OPTIONS...
	local to=$1
	shift
	rm -rf "$to"
	mkdir "$to"
	"$RESCUE" bacula restore --quiet --no-skeleton --to "$to" --strip "$lab/src" "$@" "$lab/vol"
}

export BAC_OPTIONS="signature = ${SIG:-SHA1}; compression = ${COMP:-GZIP}; aclsupport = yes; xattrsupport = yes; sparse = yes"
tree_full "$lab/src"
bac_start
bac_run Full
snap 1
tree_change1 "$lab/src"
bac_run Differential
snap 2
tree_change2 "$lab/src"
bac_run Incremental
snap 3
bac_stop

"$RESCUE" bacula list "$lab/vol"
"$RESCUE" bacula verify --quiet "$lab/vol"

# one job, the chain by job, the chain by time, the newest state
restore "$lab/to" --job 1
same "$lab/m1" "$lab/to"
restore "$lab/to" --job 2 --chain
same "$lab/m2" "$lab/to"
for i in 1 2 3; do
	restore "$lab/to" --client web-01-fd --before "@$(cat "$lab/t$i")"
	same "$lab/m$i" "$lab/to"
done
restore "$lab/to"
same "$lab/m3" "$lab/to"

# the bootstrap file that the Director wrote, and what a person would write
grep -q 'VolAddr=' "$lab/backup-web.bsr"
restore "$lab/to" --bsr "$lab/backup-web.bsr"
same "$lab/m3" "$lab/to"
printf 'Volume = "Vol-0001"\nClient = web-01-fd # all of it\nJobLevel = F\n' >"$lab/hand.bsr"
restore "$lab/to" --bsr "$lab/hand.bsr"
same "$lab/m1" "$lab/to"
printf 'volume=Vol-0001\njobid=1\nfileregex=/app/1[0-9]*.conf$\n' >"$lab/hand.bsr"
restore "$lab/to" --bsr "$lab/hand.bsr"
[ "$(find "$lab/to" -type f | wc -l)" = 111 ]

# what bextract takes of a bootstrap file, we take, and mean the same by it (it knows nothing of deletions, so those stay out)
names() { (cd "$1" && find . ! -type d | sort); }
while read -r line; do
	printf '%b' "Volume=\"Vol-0001\"\\nMediaType=\"File\"\\n$line\\n" >"$lab/hand.bsr"
	rm -rf "$lab/theirs" "$lab/there"
	mkdir "$lab/theirs"
	bextract -b "$lab/hand.bsr" -c "$lab/etc/sd.conf" D "$lab/theirs" >"$lab/out" 2>&1 || { cat "$lab/hand.bsr" "$lab/out"; exit 1; }
	restore "$lab/to" --bsr "$lab/hand.bsr" 2>"$lab/err" || [ $? = 7 ]
	mkdir -p "$lab/theirs/$lab/src"
	names "$lab/to" >"$lab/ours.txt"
	names "$lab/theirs/$lab/src" >"$lab/theirs.txt"
	diff "$lab/theirs.txt" "$lab/ours.txt" || { cat "$lab/hand.bsr" "$lab/err"; echo "not the files that bextract takes"; exit 1; }
	echo "$line: $(wc -l <"$lab/ours.txt") names, as bextract"
done <<'END'
JobId=1\nFileIndex=1-40,50,60-70
JobId=2
JobId = 1, 2 # two\nFileRegex=conf$
Client = nobody, "web-01-fd"\nFileRegex=numbers
Client="web-01-fd"\nJobId=3
VolSessionId=1\nFileIndex=300-310\nCount=11
VolSessionId=2-3\nFileRegex="change$"
JobId=1\nFileRegex="/app/1[0-9]*.conf$"
JobId=1\nInclude=/nothing\nExclude=/everything\nSlot=4\nDevice="D"\nStorage="St"
JobId=1\nFileIndex=1-30\nStream=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
END
printf 'Volume=Vol-0001\nJobId=1\nStream=3\n' >"$lab/hand.bsr"        # digests, and no content: no file may be there, empty
rm -rf "$lab/state"
restore "$lab/to" --bsr "$lab/hand.bsr" --state "$lab/state" 2>/dev/null && exit 1
[ -z "$(find "$lab/to" -type f -size 0 ! -name zero)" ] && grep -q 'Stream leaves its content out' "$lab/state/report.json"

# into a tree that is in the way: an older state, turned around; the result is the same, whatever was there
restore "$lab/to" --job 1
same "$lab/m1" "$lab/to"

# a part: a hard link whose first name is not in it gets the content all the same (T87)
restore "$lab/to" --job 1 --path "$lab/src/etc"
[ "$(cat "$lab/to/etc/third")" = shared ]
[ "$(find "$lab/to" -mindepth 1 -maxdepth 1)" = "$lab/to/etc" ]

# ACLs hold the name 'daemon': a target whose passwd does not know it is told about, exit code 7, and nothing else is wrong
rm -rf "$lab/to" "$lab/state"
mkdir -p "$lab/to/etc"
echo root:x:0:0::/root:/bin/sh >"$lab/to/etc/passwd"
echo root:x:0: >"$lab/to/etc/group"
rc=0
"$RESCUE" bacula restore --quiet --to "$lab/to" --strip "$lab/src" --state "$lab/state" --job 1 --path "$lab/src/acl" "$lab/vol" 2>/dev/null || rc=$?
[ $rc = 7 ]
[ "$(grep -c "do not know 'daemon'" "$lab/state/report.json")" = "$(grep -c '"kind"' "$lab/state/report.json")" ]
[ "$(cat "$lab/to/acl/caps")" = b ]

# a whole system also gets the folders that its backup leaves out
rm -rf "$lab/to"
mkdir "$lab/to"
"$RESCUE" bacula restore --quiet --to "$lab/to" --strip "$lab/src" "$lab/vol"
[ "$(cd "$lab/to" && stat -c '%a' tmp proc sys dev run boot/efi | tr '\n' ' ')" = "1777 555 555 755 755 755 " ]

# nothing that matches is a failure, not a success with zero files (T88)
rc=0
restore "$lab/to" --path /no/such/path 2>/dev/null || rc=$?
[ $rc = 1 ]
