#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A btrfs on two devices, both given: the log is replayed, and older roots are taken, on overlays of both; both stay as they were to the last bit
# (T62, T63).
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tree_lib.sh"
. "$TOP/tests/damage_lib.sh"
need_root
need mkfs.btrfs btrfs python3

mkdir "$W/mnt" "$W/out"
loop_new a 160M; A=$LOOP
loop_new b 160M; B=$LOOP
mkfs.btrfs -qf -d raid0 -m raid1 "$A" "$B" >/dev/null 2>&1    # no file is whole without both
mount "$A" "$W/mnt"
for i in $(seq 50); do head -c 200000 /dev/urandom >"$W/mnt/f$i"; done
sync -f "$W/mnt"
tree_of() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum); }
log_of() { super "$1" log_root; }
for i in 1 2 3 4 5 6 7 8; do            # as after a power cut; again when somebody else's sync(2) came between
	head -c 300000 /dev/urandom >"$W/mnt/newest$i"
	python3 -c 'import os,sys; os.fsync(os.open(sys.argv[1], os.O_RDONLY))' "$W/mnt/newest$i"
	cp --sparse=always "$W/a.img" "$W/a2.img"; cp --sparse=always "$W/b.img" "$W/b2.img"
	[ "$(log_of "$W/a2.img")" = 0 ] || [ "$(log_of "$W/b2.img")" = 0 ] || break
done
[ "$(log_of "$W/b2.img")" != 0 ] || fail "there is no log: this test tests nothing"
tree_of "$W/mnt" >"$W/want"
umount "$W/mnt"
loop_end "$A"; loop_end "$B"
btrfs device scan --forget

# extract_both CODE: from a2.img, with b2.img
extract_both() {
	local before
	before=$(cat "$W/a2.img" "$W/b2.img" | sha256sum)
	loop_file "$W/b2.img"; B=$LOOP
	loop_file "$W/a2.img"
	rm -rf "$W/out/to"
	extract_plan "$LOOP" "$W/out/to" 'more: ["${second}"]'
	sed -i "s|^devices:|&\n  second: {loop: \"$W/b2.img\"}|" "$W/plan.yaml"
	run_plan "$1"
	loop_end "$LOOP"; loop_end "$B"
	equal "$(cat "$W/a2.img" "$W/b2.img" | sha256sum)" "$before" "the two devices after extract"
	! losetup -a | grep -q "$W" || fail "an overlay was left: $(losetup -a)"
}
extract_both 0
equal "$(rung)" "log replayed on an overlay" "rung"
tree_of "$W/out/to" | diff "$W/want" - || fail "files are missing"

# both copies of the log are broken: without it, and the run says so
log=$(log_of "$W/a2.img")
wipe_blocks "$W/a2.img" "$log"; wipe_blocks "$W/b2.img" "$log"
extract_both 7
equal "$(rung)" nologreplay "rung with a broken log"
grep -q 'its log could not be replayed' "$W/run.log" || fail "the run does not say that the log is missing"
diff <(grep -v newest "$W/want") <(tree_of "$W/out/to" | grep -v newest) || fail "files from before the log"

# and the newest root tree: the one before it, which both devices must name
root=$(super "$W/a2.img" root)
wipe_blocks "$W/a2.img" "$root"; wipe_blocks "$W/b2.img" "$root"
extract_both 7
case $(rung) in *"before the newest, on an overlay") ;; *) cat "$(report report.txt)"; fail "rung '$(rung)' without the newest root tree" ;; esac
grep -q 'the newest state cannot be shown' "$W/run.log" || fail "the run does not say that it is an older state"
