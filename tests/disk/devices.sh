#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# rescue devices on real filesystems: identity, use, and damage that can be seen without mounting. Nothing is written.
. "$(dirname "$0")/../lib.sh"
need_root
need mkfs.btrfs mkfs.ext4 mkfs.xfs mkfs.vfat sfdisk cryptsetup python3 partx

says() { # says DEVICE WORDS
	"$RESCUE" devices "$1" >"$W/out"
	grep -qF -- "$2" "$W/out" || { cat "$W/out"; fail "wanted: $2"; }
}
says_no_damage() {
	"$RESCUE" devices "$1" >"$W/out"
	! grep DAMAGE "$W/out" || fail "$1 is whole"
}
zero() { dd if=/dev/zero of="$1" bs=1 seek="$2" count="$3" conv=notrunc status=none; sync "$1"; }

loop_new btrfs 300M
u=$(cat /proc/sys/kernel/random/uuid)
b=$LOOP
mkfs.btrfs -q -L pool -U "$u" "$b" 2>/dev/null
says "$b" "loop file $W/btrfs.img"
says "$b" "holds      btrfs, label pool, uuid $u"
says "$b" "in a plan  {loop: $W/btrfs.img, size: 314572800}"
says_no_damage "$b"
before=$(digest "$W/btrfs.img")
"$RESCUE" devices "$b" >/dev/null
equal "$(digest "$W/btrfs.img")" "$before" "looking at a device changed it"
mkdir "$W/m"
mount "$b" "$W/m"
says "$b" "mounted    $W/m"
umount "$W/m"
zero "$b" 65536 4096
says "$b" 'DAMAGE     btrfs: the superblock at 64 KiB is gone, its copy at 64 MiB is whole'
loop_end "$b"

loop_new ext4 200M
mkfs.ext4 -q -F -b 4096 "$LOOP"
says_no_damage "$LOOP"
zero "$LOOP" 1024 1024
says "$LOOP" "DAMAGE     ext4: the first superblock is gone, a copy is at block 32768: 'e2fsck -b 32768 -B 4096' repairs from it"
e2fsck -y -b 32768 -B 4096 "$LOOP" >/dev/null 2>&1 || true      # the advice is good
says_no_damage "$LOOP"
truncate -s 100M "$W/ext4.img"
losetup -c "$LOOP"
says "$LOOP" 'DAMAGE     ext4: the filesystem has 200 MiB (209715200 bytes), its device only 100 MiB (104857600): the end is cut off'
loop_end "$LOOP"

loop_new xfs 400M
mkfs.xfs -q -f "$LOOP"
says_no_damage "$LOOP"
zero "$LOOP" 0 512
says "$LOOP" 'DAMAGE     xfs: the first superblock is gone, the second is at byte 104857600'
loop_end "$LOOP"

loop_new vfat 64M
mkfs.vfat -F 32 -n ESP "$LOOP" >/dev/null
says "$LOOP" 'holds      vfat, label ESP'
says_no_damage "$LOOP"
zero "$LOOP" 0 512
says "$LOOP" 'DAMAGE     vfat: the boot sector is gone, its copy in sector 6 is there'
loop_end "$LOOP"

loop_new luks 64M
echo secret | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$LOOP" -
says "$LOOP" 'holds      crypto_LUKS'
says_no_damage "$LOOP"
zero "$LOOP" 0 4096
says "$LOOP" 'DAMAGE     luks: the first header is gone, the second at byte 16384 is there'
loop_end "$LOOP"

# a partition table with a start and no end, an end and no start, and neither (T67)
loop_new disk 100M
d=$LOOP
printf 'label: gpt\nsize=50M,name=root\n' | sfdisk -q --no-reread --no-tell-kernel "$d"
says "$d" 'holds      partition table gpt'
says_no_damage "$d"
cp "$W/disk.img" "$W/good.img"
zero "$d" $((100 * 1048576 - 512)) 512
says "$d" 'DAMAGE     gpt: the copy of the table at the end of the disk is gone'
zero "$d" 512 512
says "$d" 'DAMAGE     gpt: only the protective MBR is left, both tables are gone'
dd if="$W/good.img" of="$d" bs=1M conv=notrunc status=none
zero "$d" 0 1024
says "$d" 'DAMAGE     gpt: the table at the start of the disk is gone, its copy at the end is there'
dd if="$W/good.img" of="$d" bs=1M conv=notrunc status=none
zero "$d" 0 512
says "$d" 'DAMAGE     gpt: there is no protective MBR'
dd if="$W/good.img" of="$d" bs=1M conv=notrunc status=none
sync "$d"
partx -a "$d" 2>/dev/null || true
says "${d}p1" "loop file $W/disk.img partition 1"
says "${d}p1" "partition name root"
says "${d}p1" "in a plan  {loop: $W/disk.img, partition: 1}"
partx -d "$d"
loop_end "$d"

# two valid signatures: nobody may choose; and a copy made with dd has the same UUID (T62)
truncate -s 200M "$W/other.img"
mkfs.ext4 -q -F "$W/other.img"
loop_new two 200M
mkfs.btrfs -q "$LOOP" 2>/dev/null
dd if="$W/other.img" of="$LOOP" bs=1024 skip=1 seek=1 count=1 conv=notrunc status=none
sync "$LOOP"
says "$LOOP" 'DAMAGE     has valid signatures of more than one filesystem'
loop_end "$LOOP"
loop_new first 64M
one=$LOOP
mkfs.ext4 -q -F "$one"
cp "$W/first.img" "$W/second.img"
loop_file "$W/second.img"
says "$one" "DAMAGE     has the same UUID as $LOOP: one is a copy"
says "$LOOP" "DAMAGE     has the same UUID as $one: one is a copy"

# a swap space with a suspended system (T65)
loop_new swap 64M
mkswap "$LOOP" >/dev/null
printf 'S1SUSPEND\0' | dd of="$LOOP" bs=1 seek=4086 conv=notrunc status=none
sync "$LOOP"
says "$LOOP" 'DAMAGE     holds a suspended system'

"$RESCUE" devices --json >"$W/json"
python3 - "$W/json" "$LOOP" <<-'END'
	import json, sys
	devices = [json.loads(l) for l in open(sys.argv[1])]
	mine = [d for d in devices if d["path"] == sys.argv[2]]
	assert len(mine) == 1, devices
	assert mine[0]["size"] == 64 << 20 and mine[0]["damage"][0].startswith("holds a suspended system") and mine[0]["mounts"] == []
END
refuses 1 "rescue: devices: '/dev/nothing': there is no such block device" "$RESCUE" devices /dev/nothing
