#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What comes out of each damaged filesystem: extract, beside `cp -a` from the best mount and the best of `btrfs restore`. Prints the table of
# docs/extract.md. Every file is compared with what it was. Fails when somebody else gets more, when a file is called good or read that is not
# equal, when a file is not equal and nobody says so, or when the source changed. ONLY=WORD: cases whose name contains it.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../disk/tree_lib.sh"
. "$TOP/tests/damage_lib.sh"
need_root
need mkfs.btrfs mkfs.ext4 mkfs.xfs btrfs debugfs e2fsck xfs_repair xfs_db python3

mkdir "$W/mnt" "$W/out" "$W/cp" "$W/restore"
bad=0
tree() { # DIR: text, binaries, many small files, a deep folder, odd names
	local i
	mkdir -p "$1/etc" "$1/many" "$1/data" "$1/home/deep/er/and/deeper" "$1/odd names"
	for i in $(seq 40); do head -c $((i * 997)) /dev/urandom | base64 >"$1/etc/conf$i"; done
	for i in $(seq 600); do echo "small file $i $RANDOM $RANDOM" >"$1/many/m$i"; done
	for i in $(seq 30); do head -c $((i * 40000)) /dev/urandom >"$1/data/d$i"; head -c 70000 /dev/urandom >"$1/home/deep/er/and/deeper/x$i"; done
	printf a >"$1/odd names/new
line"; printf b >"$1/odd names/$(printf 'bad\377utf')"
	for i in $(seq 200); do ln -s "../many/m$i" "$1/home/link$i"; done
}
truth() { (cd "$W/mnt" && find . -xdev -type f ! -path './lost+found*' -print0 | sort -z | xargs -0 sha256sum -z) >"$W/$1.truth"; }
# base NAME MKFS...: $W/NAME.img, whole, and its truth
base() {
	loop_new "$1" "${SIZE:-350M}"
	"${@:2}" "$LOOP" >/dev/null 2>&1
	mount "$LOOP" "$W/mnt"
	tree "$W/mnt"
	for i in 1 2 3 4 5 6; do sync -f "$W/mnt"; echo "changed $i" >"$W/mnt/etc/conf$i"; done          # life goes on: older roots exist
	sync -f "$W/mnt"
	truth "$1"
	umount "$W/mnt"; loop_end "$LOOP"
}
# crashed NAME MKFS...: the same, as it lies on the disk after a power cut: files were changed, made and synced one by one just before
crashed() {
	loop_new "$1" "${SIZE:-350M}"
	"${@:2}" "$LOOP" >/dev/null 2>&1
	mount "$LOOP" "$W/mnt"
	tree "$W/mnt"
	sync -f "$W/mnt"
	python3 - "$W/mnt" <<'PY'
import os, sys
for i in range(20):
    for p in ('etc/conf%d' % (i + 1), 'etc/new%d' % i):
        f = os.open(sys.argv[1] + '/' + p, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.write(f, os.urandom(5000)); os.fsync(f); os.close(f)
PY
	cp --sparse=always "$W/$1.img" "$W/crash.img"
	truth "$1"
	umount "$W/mnt"; loop_end "$LOOP"
	mv "$W/crash.img" "$W/$1.img"
}
want() { [[ $1 == *${ONLY:-}* ]]; }
copy() { [ -e "$W/$1.truth" ] || "make_$1"; rm -f "$W/d2.img"; cp --sparse=always "$W/$1.img" "$W/d.img"; now=$1; }
copy_both() { copy "$1"; cp --sparse=always "$W/$1-1.img" "$W/d2.img"; }
garbage() { head -c "$3" /dev/urandom | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }    # IMAGE OFFSET BYTES
flip() { python3 -c 'import sys; f = open(sys.argv[1], "r+b"); at = int(sys.argv[2]); f.seek(at); b = f.read(1)[0]; f.seek(at); f.write(bytes([b ^ 1]))' "$1" "$2"; }

count() { # DIR: files that are equal
	(cd "$1" && find . -xdev -type f ! -path './lost+found*' -print0 | sort -z | xargs -0r sha256sum -z 2>/dev/null) >"$W/have"
	python3 -c 'import sys
a, b = (set(open(p, "rb").read().split(b"\0")) - {b""} for p in sys.argv[1:]); print(len(a & b))' "$W/$now.truth" "$W/have"
}
# every way that the kernel has of mounting it read-only, on a copy that may be written to, so that logs are replayed: the most that cp -a brings
best_cp() {
	local o n options=("")
	best=0
	case $1 in
	btrfs) options=(ro ro,degraded ro,rescue=nologreplay ro,rescue=usebackuproot ro,degraded,rescue=usebackuproot,rescue=nologreplay ro,rescue=all ro,degraded,rescue=all,rescue=usebackuproot) ;;
	ext4) options=(ro ro,noload ro,noload,sb=131072) ;;
	xfs) options=(ro,nouuid ro,nouuid,norecovery) ;;
	esac
	for o in "${options[@]}"; do
		rm -rf "${W:?}/cp"; mkdir "$W/cp"
		timeout 30 mount -t "$1" -o "$o" "$LOOP" "$W/mnt" 2>/dev/null || continue
		cp -a "$W/mnt/." "$W/cp/" 2>/dev/null || true
		umount "$W/mnt"
		n=$(count "$W/cp")
		[ "$n" -le $best ] || best=$n
	done
}
best_restore() {
	local u n
	most=-
	[ "$1" = btrfs ] || return 0
	most=0
	for u in 0 1; do
		rm -rf "${W:?}/restore"; mkdir "$W/restore"
		timeout 120 btrfs restore -i -o -x -m -S -s -u $u "$LOOP" "$W/restore" >/dev/null 2>&1 </dev/null || true
		n=$(count "$W/restore")
		[ "$n" -le $most ] || most=$n
	done
}
judge() { # NAME: extract's side of the row, and what must hold
	python3 - "$W/$now.truth" "$W/have" "$(report manifest)" "$(report losses.jsonl)" "$1" "$best" "$most" "$(rung)" "$rc" <<'PY'
import json, re, sys
def hashes(p):
    return {e[66:]: e[:64] for e in open(p, 'rb').read().split(b'\0') if e}
truth, have = hashes(sys.argv[1]), hashes(sys.argv[2])
words = {}
for line in (open(sys.argv[3], 'rb') if sys.argv[3] else []):
    f = line.split()
    if f[1] == b'f':
        path = re.sub(rb'%([0-9A-F]{2})', lambda m: bytes([int(m.group(1), 16)]), f[12])
        if f[0] != b'linked' or path not in words: words[b'.' + path] = f[0].decode()
listed = {}
def raw(s):     # losses.jsonl: \u00XX is a byte that is no UTF-8
    s = re.sub(rb'\\u00([0-9a-f]{2})', lambda m: bytes([int(m.group(1), 16)]), s)
    return re.sub(rb'\\(.)', lambda m: b'\n' if m.group(1) == b'n' else m.group(1), s)
for line in (open(sys.argv[4], 'rb') if sys.argv[4] else []):
    m = re.match(rb'\{"path":"((?:[^"\\]|\\.)*)","what":"(\w+)"', line)
    listed.setdefault(b'.' + raw(m.group(1)), set()).add(m.group(2).decode())
def is_listed(p, kinds):
    while p not in (b'.', b''):
        if listed.get(p, set()) & kinds: return True
        p = p.rsplit(b'/', 1)[0]
    return bool(listed.get(b'./', set()) & kinds)
equal = {p for p in truth if have.get(p) == truth[p]}
try: found = {e[:64] for e in open(sys.argv[2] + '.found', 'rb').read().split(b'\0') if e}
except OSError: found = set()
back = {p for p in set(truth) - equal if truth[p] in found}        # without their names
proven = {p for p in equal if words.get(p) == 'good'}
other = set(truth) - equal - back
holes = {p for p in other if p in have and 'partial' in listed.get(p, set())}
older = {p for p in other - holes if p in have and ('older' in listed.get(p, set()) or words.get(p) == 'older')}
unproven = {p for p in other - holes - older if p in have and words.get(p) == 'unproven'}
lost = other - holes - older - unproven
false = [p for p in have if words.get(p) in ('good', 'read') and p in truth and have[p] != truth[p] and p not in older and not listed.get(p)]
told = not have and int(sys.argv[9]) != 0          # nothing came out, and the exit code says so
silent = [p for p in lost if p in have or not (told or is_listed(p, {'lost', 'older'}))]
best = max(int(sys.argv[6]), 0 if sys.argv[7] == '-' else int(sys.argv[7]))
print('| %s | %d | %s | %d | %d | %d | %d | %s | %s | %s |' % (sys.argv[5], len(truth), '%d' % len(equal) + (' + %d in lost+found' % len(back) if back else ''), len(proven), len(holes), len(older) + len(unproven), len(lost),
      sys.argv[6], sys.argv[7], sys.argv[8] or 'none'))
rc = 0
if len(equal) < best: print('FAILED: somebody else brings %d' % best); rc = 1
if false: print('FAILED: called good, and is not:', false[:3]); rc = 1
for p in silent[:3]: print('silent:', p)
if silent and 'QUIET' not in sys.argv: open(sys.argv[2] + '.silent', 'w').write('%d\n' % len(silent))
sys.exit(rc)
PY
}
sources() { { cat "$W"/d.img "$W"/d2.img 2>/dev/null || true; } | sha256sum; }
ends() { loop_end "$LOOP"; if [ ${#LOOPS[@]} -gt 0 ]; then loop_end "${LOOPS[0]}"; fi; btrfs device scan --forget >/dev/null 2>&1 || true; }
# what somebody else brings, from a copy
others() { # TYPE
	cp --sparse=always "$W/d.img" "$W/o.img"
	[ ! -e "$W/d2.img" ] || { cp --sparse=always "$W/d2.img" "$W/o2.img"; loop_file "$W/o2.img"; btrfs device scan "$LOOP" >/dev/null; }
	loop_file "$W/o.img"
	best_restore "$1"; best_cp "$1"
	ends
	rm -f "$W"/o*.img
}
# row TYPE NAME [option ...]: $W/d.img is damaged, and $W/d2.img is its second device when there is one
row() {
	local type=$1 name=$2 before rc=0
	shift 2
	before=$(sources)
	others "$type"
	rm -rf "$W/out/to" "$W/state"; mkdir "$W/state"
	[ ! -e "$W/d2.img" ] || loop_file "$W/d2.img"
	loop_file "$W/d.img"
	extract_plan "$LOOP" "$W/out/to" "$@"
	[ ! -e "$W/d2.img" ] || { sed -i "s|^devices:|&\n  second: {loop: \"$W/d2.img\"}|" "$W/plan.yaml"; echo '      more: ["${second}"]' >>"$W/plan.yaml"; }
	"$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state" >"$W/run.log" 2>&1 </dev/null || rc=$?
	ends
	rm -f "$W/have.silent"
	mkdir -p "$W/out/to"
	count "$W/out/to" >/dev/null
	rm -f "$W/have.found"
	[ ! -d "$W/out/to/lost+found" ] || find "$W/out/to/lost+found" -type f -print0 | xargs -0r sha256sum -z >"$W/have.found"
	judge "$name" || bad=1

	[ ! -e "$W/have.silent" ] || grep -q 'missing' "$W/run.log" || { echo "FAILED: nothing says that files are missing"; bad=1; }
	[ "$(sources)" = "$before" ] || { echo "FAILED: the source changed"; bad=1; }
	case $rc in 0 | 1 | 7) ;; *) echo "FAILED: exit code $rc"; bad=1 ;; esac
}
btrfs_root() { btrfs inspect-internal dump-tree -t root "$W/$now.img" | grep -A2 "key ($1 ROOT_ITEM" | sed -n 's/.* bytenr \([0-9]*\).*/\1/p' | head -1; }
leaves() { btrfs inspect-internal dump-tree -t "$1" "$W/$now.img" | awk '/^leaf/ {print $2}'; }
roots_after() { btrfs inspect-internal dump-super -f "$W/$now.img" | awk '$1 == "backup_tree_root:" {print $4, $2}' | sort -rn | head -n "$1" | cut -d' ' -f2; }
spoil_data() { # IMAGE FILE...: a wrong bit in the content, on the disk, where it is found
	local f at
	for f in "${@:2}"; do at=$(find_bytes "$1" "$f" 8192); [ "$at" -gt 0 ] || fail "$f is not in the image"; flip "$1" $((at + 77)); done
}
keep_files() { rm -rf "$W/some"; mkdir "$W/some"; cp "$W/mnt/data/d7" "$W/mnt/data/d20" "$W/mnt/home/deep/er/and/deeper/x3" "$W/some"; umount "$W/mnt"; }
keep_both() { loop_file "$W/r.img" -r; mount -o ro,degraded "$LOOP" "$W/mnt"; keep_files; ends; }
# every second MiB behind the first superblock is garbage, the second superblock apart
spoil_half() { local m n=$(($(stat -c %s "$1") >> 20)); for ((m = 1; m < n; m += 2)); do [ $m = 64 ] || dd if=/dev/urandom of="$1" bs=1M seek=$m count=1 conv=notrunc status=none; done; }
keep_some() { loop_file "$W/$1.img" -r; mount -o ro "$LOOP" "$W/mnt"; keep_files; loop_end "$LOOP"; }

echo "| damage | files | equal | of them proven | noted holes | older or unproven, not equal | lost | cp -a, best mount | btrfs restore | rung |"
echo "|---|---|---|---|---|---|---|---|---|---|"
make_b() { base b mkfs.btrfs -f; }
if want "btrfs: none"; then copy b; row btrfs "btrfs: none"; fi
if want "btrfs: first superblock gone"; then copy b; dd if=/dev/zero of="$W/d.img" bs=4096 seek=16 count=1 conv=notrunc status=none; row btrfs "btrfs: first superblock gone"; fi
if want "btrfs: first superblock and checksum tree gone"; then copy b; wipe_blocks "$W/d.img" "$(btrfs_root CSUM_TREE)"; dd if=/dev/zero of="$W/d.img" bs=4096 seek=16 count=1 conv=notrunc status=none; row btrfs "btrfs: first superblock and checksum tree gone"; fi
if want "btrfs: wrong bits in the content of 3 files"; then copy b; keep_some b; spoil_data "$W/d.img" "$W/some"/*; row btrfs "btrfs: wrong bits in the content of 3 files"; fi
if want "btrfs: checksum tree gone"; then copy b; wipe_blocks "$W/d.img" "$(btrfs_root CSUM_TREE)"; row btrfs "btrfs: checksum tree gone"; fi
if want "btrfs: a leaf of the checksum tree gone"; then copy b; wipe_blocks "$W/d.img" "$(leaves csum | sed -n 2p)"; row btrfs "btrfs: a leaf of the checksum tree gone"; fi
if want "btrfs: extent tree gone"; then copy b; wipe_blocks "$W/d.img" "$(btrfs_root EXTENT_TREE)"; row btrfs "btrfs: extent tree gone"; fi
if want "btrfs: extent, device, UUID and free space trees gone"; then copy b; wipe_blocks "$W/d.img" owner:2 owner:10 owner:9 owner:4; row btrfs "btrfs: extent, device, UUID and free space trees gone"; fi
if want "btrfs: newest root tree gone"; then copy b; wipe_blocks "$W/d.img" "$(super "$W/b.img" root)"; row btrfs "btrfs: newest root tree gone"; fi
if want "btrfs: three newest root trees gone"; then copy b; wipe_blocks "$W/d.img" $(roots_after 3); row btrfs "btrfs: three newest root trees gone"; fi
if want "btrfs: root trees of the superblock gone"; then copy b; wipe_blocks "$W/d.img" $(roots_after 4); row btrfs "btrfs: root trees of the superblock gone"; fi
if want "btrfs: a leaf of the file tree gone"; then copy b; wipe_blocks "$W/d.img" "$(leaves 5 | sed -n 3p)"; row btrfs "btrfs: a leaf of the file tree gone"; fi
if want "btrfs: wrong bits in 3 leaves of the file tree"; then copy b; for l in $(leaves 5 | sed -n '2p;5p;7p'); do flip_leaf "$W/d.img" "$l"; done; row btrfs "btrfs: wrong bits in 3 leaves of the file tree"; fi
if want "btrfs: newest chunk tree gone"; then copy b; wipe_blocks "$W/d.img" "$(super "$W/b.img" chunk_root)"; row btrfs "btrfs: newest chunk tree gone"; fi
if want "btrfs: every block of the chunk tree gone"; then copy b; wipe_blocks "$W/d.img" owner:3; row btrfs "btrfs: every block of the chunk tree gone"; fi
make_l() { crashed l mkfs.btrfs -f; }
if want "btrfs: power cut, a log to be replayed"; then copy l; row btrfs "btrfs: power cut, a log to be replayed"; fi
if want "btrfs: power cut, log tree broken"; then copy l; wipe_blocks "$W/d.img" "$(super "$W/l.img" log_root)"; row btrfs "btrfs: power cut, log tree broken"; fi

# RAID1: the second device alone; then both, with different damage
raid() { # NAME MKFS...
	loop_new "$1-1" 300M; A=$LOOP; loop_new "$1" 300M; B=$LOOP
	"${@:2}" "$A" "$B" >/dev/null 2>&1
	mount "$A" "$W/mnt"; tree "$W/mnt"; truth "$1"; umount "$W/mnt"
	loop_end "$A"; loop_end "$B"; btrfs device scan --forget >/dev/null 2>&1 || true
}
make_r() { raid r mkfs.btrfs -f -d raid1 -m raid1; }
if want "btrfs RAID1: one of two devices missing"; then copy r; row btrfs "btrfs RAID1: one of two devices missing"; fi
if want "btrfs RAID1: one of two devices damaged"; then copy_both r; spoil_half "$W/d.img"; row btrfs "btrfs RAID1: one of two devices damaged"; fi
if want "btrfs RAID1: both devices damaged, one file on both"; then
	copy_both r; keep_both; spoil_data "$W/d.img" "$W"/some/d7 "$W"/some/d20; spoil_data "$W/d2.img" "$W"/some/x3 "$W"/some/d20
	row btrfs "btrfs RAID1: both devices damaged, one file on both"
fi
if want "btrfs RAID1: one damaged, the other missing"; then copy r; keep_both; spoil_data "$W/d.img" "$W"/some/*; row btrfs "btrfs RAID1: one damaged, the other missing"; fi
make_s() { raid s mkfs.btrfs -f -d single -m raid1; }
if want "btrfs, only metadata RAID1: one of two devices missing"; then copy s; row btrfs "btrfs, only metadata RAID1: one of two devices missing"; fi

make_e() { base e mkfs.ext4 -qF -b 4096; }
table_block() { debugfs -R "imap $1" "$W/$now.img" 2>/dev/null | sed -n 's/.*at block \([0-9]*\).*/\1/p'; }
if want "ext4: none"; then copy e; row ext4 "ext4: none"; fi
if want "ext4: first superblock gone"; then copy e; dd if=/dev/zero of="$W/d.img" bs=1024 seek=1 count=1 conv=notrunc status=none; row ext4 "ext4: first superblock gone"; fi
if want "ext4: a block of the inode table is garbage"; then copy e; garbage "$W/d.img" $(($(table_block /etc/conf7) * 4096)) 4096; row ext4 "ext4: a block of the inode table is garbage"; fi
if want "ext4: five blocks of the inode table are garbage"; then copy e; for f in /etc/conf7 /many/m100 /many/m300 /data/d7 /home/deep/er/and/deeper/x3; do garbage "$W/d.img" $(($(table_block $f) * 4096)) 4096; done; row ext4 "ext4: five blocks of the inode table are garbage"; fi
if want "ext4: the inodes of /home and around are garbage"; then copy e; garbage "$W/d.img" $(($(table_block /home) * 4096)) 4096; row ext4 "ext4: the inodes of /home and around are garbage"; fi
if want "ext4: the inode of / and around are garbage"; then copy e; garbage "$W/d.img" $(($(table_block /) * 4096)) 4096; row ext4 "ext4: the inode of / and around are garbage"; fi
if want "ext4: a block of a folder is garbage"; then copy e; at=$(debugfs -R 'blocks /many' "$W/e.img" 2>/dev/null | awk '{print $3}'); garbage "$W/d.img" $((at * 4096)) 4096; row ext4 "ext4: a block of a folder is garbage"; fi
if want "ext4: group descriptors are garbage"; then copy e; for b in 1 32769; do garbage "$W/d.img" $((b * 4096)) 192; done; row ext4 "ext4: group descriptors are garbage"; fi
make_j() { crashed j mkfs.ext4 -qF -b 4096; }
if want "ext4: power cut, dirty journal"; then copy j; row ext4 "ext4: power cut, dirty journal"; fi
if want "ext4: power cut, dirty journal, first superblock gone"; then copy j; dd if=/dev/zero of="$W/d.img" bs=1024 seek=1 count=1 conv=notrunc status=none; row ext4 "ext4: power cut, dirty journal, first superblock gone"; fi
if want "ext4: power cut, journal broken"; then copy j; garbage "$W/d.img" $(($(debugfs -R 'blocks <8>' "$W/j.img" 2>/dev/null | awk '{print $1}') * 4096)) 4096; row ext4 "ext4: power cut, journal broken"; fi

make_x() { base x mkfs.xfs -f; }
field() { xfs_db -r -c "$1" -c "p $2" "$W/$now.img" | sed -n 's/.* = //p' | head -1; }
inode_at() { # PATH: where the inode lies
	local ino
	loop_file "$W/$now.img" -r; mount -t xfs -o ro,nouuid,norecovery "$LOOP" "$W/mnt"; ino=$(stat -c %i "$W/mnt$1"); umount "$W/mnt"; loop_end "$LOOP"
	xfs_db -r -c "convert ino $ino daddr" -c "quit" "$W/$now.img" | sed 's/.*(\([0-9]*\)).*/\1/'
}
if want "xfs: none"; then copy x; row xfs "xfs: none"; fi
if want "xfs: first superblock gone"; then copy x; dd if=/dev/zero of="$W/d.img" bs=512 count=1 conv=notrunc status=none; row xfs "xfs: first superblock gone" "type: xfs"; fi
if want "xfs: eight inodes are garbage"; then copy x; garbage "$W/d.img" $(($(inode_at /etc/conf7) * 512)) 4096; row xfs "xfs: eight inodes are garbage"; fi
if want "xfs: the inode of /home and its neighbour are garbage"; then copy x; garbage "$W/d.img" $(($(inode_at /home) * 512)) 512; row xfs "xfs: the inode of /home and its neighbour are garbage"; fi
if want "xfs: AGF and AGI of the first group are garbage"; then copy x; garbage "$W/d.img" 512 512; garbage "$W/d.img" 1024 512; row xfs "xfs: AGF and AGI of the first group are garbage"; fi
if want "xfs: the inode btrees of all groups are garbage"; then copy x; for ((g = 0; g < $(field "sb 0" agcount); g++)); do garbage "$W/d.img" $((($(field "agi $g" root) + g * $(field "sb 0" agblocks)) * 4096)) 4096; done; row xfs "xfs: the inode btrees of all groups are garbage"; fi
make_y() { crashed y mkfs.xfs -f; }
if want "xfs: power cut, dirty log"; then copy y; row xfs "xfs: power cut, dirty log"; fi
if want "xfs: power cut, log broken"; then copy y; at=$(field sb logstart); agblocks=$(field sb agblocks); log2=$(field sb agblklog); at=$(((at >> log2) * agblocks + (at & ((1 << log2) - 1)))); garbage "$W/d.img" $((at * 4096)) 262144; row xfs "xfs: power cut, log broken"; fi
[ $bad = 0 ] || fail "see above"
