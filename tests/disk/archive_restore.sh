#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# archive-restore: archives that other programs made come back whole, it resumes, and refuses what is cut off or wants to leave the target.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tree_lib.sh"
need_root
need mkfs.ext4 tar bsdtar cpio zstd xz setfattr setfacl python3

loop_new src 400M; mkfs.ext4 -qF -b 4096 "$LOOP"; mkdir "$W/src"; mount "$LOOP" "$W/src"
loop_new dst 600M; mkfs.ext4 -qF -b 4096 "$LOOP"; mkdir "$W/dst"; mount "$LOOP" "$W/dst"
at_end "unflag $W/src $W/dst"
NO_SOCKET=1 FLAGS=1 MANY=500 DEEP=6 nasty_tree "$W/src/t"

fresh() { unflag "$W/dst/to"; rm -rf "$W/dst/to" "$W/state"; }
restore() { # ARCHIVE CODE
	fresh
	restore_plan "$1" "$W/dst/to"
	run_plan "$2"
}

# bsdtar's pax archive has everything, compressed by whatever
bsdtar --format pax --acls --xattrs --fflags -C "$W/src/t" -cf "$W/a.tar" .
restore "$W/a.tar" 0
same_tree "$W/src/t" "$W/dst/to"
for z in "zstd -q" xz gzip; do
	$z -1 -c "$W/a.tar" >"$W/a.tar.z"
	restore "$W/a.tar.z" 0
	same_tree "$W/src/t" "$W/dst/to"
done

# GNU tar: no chattr flags in it
chattr -R -i -a -d "$W/src/t" 2>/dev/null || true
tar --format=posix --acls --xattrs --xattrs-include='*' --sparse -C "$W/src/t" -cf "$W/g.tar" .
restore "$W/g.tar" 0
same_tree "$W/src/t" "$W/dst/to"

# cpio has times in seconds, no attributes: contents, modes, owners and links come back
(cd "$W/src/t" && find . -path ./many -prune -o -print0 | cpio -0 --quiet -o -H newc) >"$W/c.cpio"
restore "$W/c.cpio" 0
cmp "$W/src/t/big" "$W/dst/to/big"
equal "$(stat -c %h "$W/dst/to/hard1")" 3 "names of a hard-linked file out of cpio"
cmp "$W/src/t/etc/f1" "$W/dst/to/deep/hard2"

# from a device that it was written to
loop_new tape 100M
dd if="$W/a.tar.z" of="$LOOP" bs=1M conv=fsync status=none
fresh
cat >"$W/plan.yaml" <<PLAN
plan: 1
name: tape
devices:
  tape: {loop: "$W/tape.img", access: read}
steps:
  - archive-restore: {id: put, from: "\${tape}", to: "$W/dst/to"}
PLAN
run_plan 0
equal "$(digest "$W/src/t/big")" "$(digest "$W/dst/to/big")" "a file from a device"

# from standard input
fresh
restore_plan - "$W/dst/to"
mkdir "$W/state"
"$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state" <"$W/g.tar" >"$W/run.log" 2>&1 || { cat "$W/run.log"; fail "from standard input"; }
same_tree "$W/src/t" "$W/dst/to"

# killed at entries and marks, resumed twice: the same tree
for fault in unpack.entry:1 unpack.entry:17 unpack.entry:400 unpack.mark.before-sync:1 unpack.mark.synced:1 step.mark.after:1; do
	fresh
	restore_plan "$W/g.tar" "$W/dst/to"
	RESCUE_FAULT=$fault KEEP_STATE=1 run_plan 137
	(RESCUE_FAULT=$fault KEEP_STATE=1 run_plan 137) || [ $fault = step.mark.after:1 ] || fail "not killed at $fault again"
	KEEP_STATE=1 run_plan 0
	same_tree "$W/src/t" "$W/dst/to"
done

# cut off in the middle: an error that names the last good entry; nothing half-written is left
head -c 2000000 "$W/a.tar" >"$W/cut.tar"
restore "$W/cut.tar" 1
grep -q "the last good entry is '" "$W/run.log" || fail "no last good entry: $(cat "$W/run.log")"
for f in big exact exact1; do
	[ ! -e "$W/dst/to/$f" ] || equal "$(stat -c %s "$W/dst/to/$f")" "$(stat -c %s "$W/src/t/$f")" "size of $f after a cut"
done

# nothing lands outside
python3 - "$W/evil.tar" <<'PY'
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w") as t:
    def add(name, data=None, **k):
        i = tarfile.TarInfo(name)
        for a, v in k.items(): setattr(i, a, v)
        if data: i.size = len(data)
        t.addfile(i, io.BytesIO(data) if data else None)
    add("../evil", b"x"); add("a/../../evil", b"x"); add("up", type=tarfile.SYMTYPE, linkname="..")
    add("up/evil", b"x"); add("abs", type=tarfile.SYMTYPE, linkname="/"); add("abs/evil-rescue", b"x")
    add("h", type=tarfile.LNKTYPE, linkname="../outside"); add("/absolute", b"fine"); add("last", b"fine")
PY
echo mine >"$W/dst/outside"
restore "$W/evil.tar" 7
[ ! -e "$W/dst/evil" ] && [ ! -e /evil-rescue ] || fail "something landed outside"
equal "$(cat "$W/dst/outside")" mine "a file outside"
equal "$(cat "$W/dst/to/absolute")$(cat "$W/dst/to/last")" finefine "what is harmless"
equal "$(grep -c '^refused: ' "$(report losses.txt)")" 5 "refused entries"

# too small, missing, not an archive
loop_new tiny 2M; mkfs.ext4 -qF "$LOOP" 2>/dev/null; mkdir "$W/tiny"; mount "$LOOP" "$W/tiny"
restore_plan "$W/a.tar" "$W/tiny"
refuses 3 "'$W/tiny': too small: " "$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state5"
truncate -s 70M "$W/zeros"; tar -C "$W" -cf "$W/large.tar" zeros; rm "$W/zeros"
restore_plan "$W/large.tar" "$W/tiny"
refuses 3 "the archive needs more than 35.0 MiB (that is half of its own size: only archives of at most 64 MiB are read beforehand)" \
	"$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state9"
rm "$W/large.tar"
restore_plan "$W/missing.tar" "$W/dst/to"
refuses 3 "archive '$W/missing.tar': does not exist" "$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state6"
head -c 100000 /dev/urandom >"$W/noise"
fresh
restore_plan "$W/noise" "$W/dst/to"
refuses 1 "archive '$W/noise'" "$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state7"
