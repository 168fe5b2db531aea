#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a mark of archive-restore vouches for survives a power cut, on every filesystem of the target: the disks are copied at the instant of the kill,
# without what the kernel had not written yet, and the restore goes on with the copies. The state has a disk of its own, which is copied, too.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tree_lib.sh"
need_root
need mkfs.ext4 bsdtar bzip2 python3 setfattr setfacl

mkdir -p "$W/src/var"
mount -t tmpfs tmpfs "$W/src/var"               # a manifest ends at a mount point
NO_SOCKET=1 MANY=400 DEEP=3 nasty_tree "$W/src"
python3 - "$W/src" <<'PY'
import os, random, sys
r = random.Random(1)
for i in range(1800):
    d = "%s/var/d%d" % (sys.argv[1], i // 100) if i % 2 else "%s/etc/d%d" % (sys.argv[1], i // 100)
    os.makedirs(d, exist_ok=True)
    open("%s/f%d" % (d, i), "wb").write(r.randbytes(r.choice([0, 100, 5000, 40000])))
PY
find "$W/src/var" "$W/src/etc" -type d -exec touch -d '2010-10-10 10:10:10.25' {} +
# what is refused is the first entry; folders get their times at the end, so what is noted for that must survive as well. bzip2 unpacks slowly
python3 - "$W/evil.tar" <<'PY'
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as t:
    i = tarfile.TarInfo("../evil"); i.size = 1; t.addfile(i, io.BytesIO(b"x"))
PY
bsdtar --format pax --acls --xattrs -C "$W/src" -cf "$W/a.tar" "@$W/evil.tar" .
entries=$(bsdtar -tf "$W/a.tar" | wc -l)
bzip2 -1 "$W/a.tar"

disks() { # disks NUMBER: root, var and state, three filesystems
	mkdir -p "$W/to" "$W/state"
	loop_file "$W/root$1.img"; mount "$LOOP" "$W/to"
	mkdir -p "$W/to/var"
	loop_file "$W/var$1.img"; mount "$LOOP" "$W/to/var"
	loop_file "$W/state$1.img"; mount "$LOOP" "$W/state"
}
undisks() {
	local m d
	for m in state to/var to; do
		d=$(findmnt -no SOURCE "$W/$m")
		umount "$W/$m"
		loop_end "$d"
	done
}
fresh() {
	rm -f "$W"/*.img
	truncate -s 200M "$W/root1.img" "$W/var1.img"
	truncate -s 30M "$W/state1.img"
	for d in root var state; do mkfs.ext4 -qF -b 4096 -E lazy_itable_init=1 "$W/${d}1.img"; done
	disks 1
	rmdir "$W/to/lost+found" "$W/to/var/lost+found"
}
same() {
	same_tree "$W/src" "$W/to"
	same_tree "$W/src/var" "$W/to/var"
}

restore_plan "$W/a.tar.bz2" "$W/to" "mark: 1"
fresh
KEEP_STATE=1 run_plan 7
same
echo "undisturbed: $(grep -c ' put mark ' "$W/state/journal") marks"
undisks

# after the first mark, and after the last one, which says that everything is there
for f in step.mark.after:1 run.acted:1; do
	fresh
	{ RESCUE_FAULT=$f KEEP_STATE=1 run_plan 137; } 2>/dev/null
	for d in root var state; do cp --sparse=always "$W/${d}1.img" "$W/${d}2.img"; done      # the power goes
	undisks
	disks 2
	KEEP_STATE=1 run_plan 7
	before=$(sed -n 's/.* \([0-9]*\) entries were there from before.*/\1/p' "$W/run.log")
	echo "$f: ${before:-0} of $entries entries were vouched for"
	[ "${before:-0}" -gt 0 ] || { cat "$W/run.log"; fail "$f: it did not go on from a mark"; }
	same
	equal "$(grep -c '^refused: ' "$(report losses.txt)")" 1 "refused entries after a power cut at $f"
	undisks
done
