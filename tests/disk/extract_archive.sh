#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An archive that is killed goes on behind its last mark: nothing is missing, hard links stay links, partial files are listed once, and zstd, GNU
# tar, bsdtar and archive-restore see one whole archive.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tree_lib.sh"
need_root
need mkfs.ext4 setfattr setfacl python3 tar zstd bsdtar

loop_new disk 1500M
mkfs.ext4 -qF -O ^has_journal "$LOOP"; mkdir "$W/m"; mount "$LOOP" "$W/m"
MANY=500 DEEP=5 NO_SOCKET=1 nasty_tree "$W/m/src"
python3 - "$W/m/src" <<'PY'
import os, sys
for d in range(12): os.makedirs('%s/part%d' % (sys.argv[1], d))
for d in range(12):
    for i in range(250):
        p = '%s/part%d/f%d' % (sys.argv[1], d, i)
        open(p, 'wb').write(os.urandom(100000))
        if i % 25 == 0: os.link(p, '%s/part%d/second-name-%d' % (sys.argv[1], (d + 5) % 12, d * 1000 + i))
PY
restored() { # everything is in the archive, as often as it should be
	zstd -qt "$W/m/all.tar.zst" || fail "zstd finds the archive damaged"
	tar -tf "$W/m/all.tar.zst" >"$W/names" 2>"$W/tar.err" || { cat "$W/tar.err"; fail "GNU tar cannot read it to its end"; }
	twice=$(grep -v '/$' "$W/names" | sort | uniq -d | wc -l)
	[ "$twice" -le 2 ] || fail "$twice names are in the archive twice, with two threads"      # what was written while the mark was made
	bsdtar -tf "$W/m/all.tar.zst" >/dev/null || fail "bsdtar cannot read it to its end"
	rm -rf "$W/m/again" "$W/state"
	restore_plan "$W/m/all.tar.zst" "$W/m/again"
	run_plan 0
	same_tree "$W/m/src" "$W/m/again"
	rm -rf "$W/m/again"
}
# slow_run POINT:N: killed there; the copying stands still for a second now and then, so that marks come in the middle of it
slow_run() {
	local p i hook rc=0
	rm -rf "$W/state"; mkdir "$W/state"
	RESCUE_FAULT=$1 "$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state" >"$W/run.log" 2>&1 </dev/null & p=$!
	for i in 30 100 170 240; do
		while kill -0 $p 2>/dev/null && [ "$(stat -c %s "$W/m/all.tar.zst.part" 2>/dev/null || echo 0)" -lt $((i * 1000000)) ]; do sleep 0.01; done
		hook=$(pgrep -P $p) || break
		kill -STOP $hook 2>/dev/null; sleep 1.3; kill -CONT $hook 2>/dev/null || true
	done
	{ wait $p || rc=$?; } 2>/dev/null
	[ $rc = 137 ] && return 0
	[ $rc = 0 ] && [ "${2:-3}" -gt 0 ] || { tail -n 20 "$W/run.log"; fail "exit code $rc, wanted 137"; }
	rm -f "$W"/m/all.tar*           # it was through before its second mark
	slow_run "$1" $((${2:-3} - 1))
}
for kill in copy.mark.synced:2 copy.mark.before-sync:1; do
	rm -f "$W"/m/all.tar*
	extract_plan "$W/m/src" "$W/m/all.tar.zst" "mark: 1s" "threads: 2" "verify: yes"
	slow_run $kill
	[ -e "$W/m/all.tar.zst.part" ] && [ ! -e "$W/m/all.tar.zst" ] || fail "an archive that is not whole has its name"
	cut=$(stat -c %s "$W/m/all.tar.zst.part")
	head -c 100000 /dev/urandom >>"$W/m/all.tar.zst.part"           # what was written behind the mark may be anything
	KEEP_STATE=1 run_plan 0
	grep -q "were read back, all are equal" "$W/run.log" || fail "$kill: it was not verified"
	present=$(grep -o '"present":[0-9]*' "$(report report.json)" | cut -d: -f2)
	case $kill in
	*:2) [ "$present" -gt 100 ] || fail "$kill: it began anew: $present files kept" ;;
	*) equal "$present" 0 "$kill: files kept without a mark" ;;
	esac
	cut -d" " -f13 "$(report manifest)" | sort >"$W/listed"; (cd "$W/m/src" && "$RESCUE" manifest . | grep -v ^d | cut -d" " -f12 | sort) | diff - "$W/listed" || fail "$kill: the manifest"
	echo "$kill: $cut bytes written, $present files kept"
	restored
done
