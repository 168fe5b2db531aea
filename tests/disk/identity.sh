#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An identity fits exactly one device or the plan stops: none, two, the wrong size or type, a copy with the same UUID (T62), a disk
# of the same size (T57). Held and too small targets are refused before the first byte; a dirty source is not replayed (T63).
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root
need mkfs.ext4 mkfs.xfs mkfs.btrfs sfdisk partx dumpe2fs

# plan_for DEVICE-MAP: a plan that only reads it
plan_for() {
	plan <<-E
		plan: 1
		name: identity
		devices:
		  it: $1
		steps:
		  - exec: {id: look, command: [sh, -c, "echo \$RESCUE_DEVICE_it > $W/node"], reads: ["\${it}"], repeatable: yes}
	E
}
finds() { # finds DEVICE-MAP NODE
	again
	plan_for "$1"
	runs 0
	equal "$(cat "$W/node")" "$2" "device for $1"
}
finds_not() { # finds_not DEVICE-MAP SENTENCE; without exec in the plan, which may be there to make the device
	again
	rm -f "$W/node"
	plan <<-E
		plan: 1
		name: identity
		devices:
		  it: $1
		steps:
		  - write-file: {path: $W/node, content: x}
	E
	runs 3
	says "$2"
	[ ! -e "$W/node" ] || fail "a step was run"
}

# labels and UUIDs of this run alone: another run on the same machine must not be what fits
T=T$$ G=$(cat /proc/sys/kernel/random/uuid)
loop_new one 64M; one=$LOOP
loop_new two 64M; two=$LOOP
mkfs.ext4 -q -F -L "$T-TWIN" "$one"
mkfs.ext4 -q -F -L "$T-OTHER" "$two"
uuid=$(blkid -p -o value -s UUID "$one")

# exactly one, by each word
finds "{loop: $W/one.img}" "$one"
finds "{loop: $W/one.img, size: 64M, type: ext4}" "$one"
finds "{label: $T-TWIN}" "$one"
finds "{uuid: $uuid}" "$one"
finds "{uuid: ${uuid^^}, type: ext4}" "$one"

# none: what is there instead is said
finds_not "{loop: $W/three.img}" "device 'it' (loop file $W/three.img): nothing in this machine fits; there is: "
finds_not "{serial: NO-SUCH-SERIAL}" "device 'it' (serial NO-SUCH-SERIAL): nothing in this machine fits; there is: "
finds_not "{label: $T-NONE}" "$one (loop file $W/one.img, 64.0 MiB, label $T-TWIN)"
finds_not "{loop: $W/one.img, partition: 3}" "the disk is there, but nothing on it fits; there is: $one (loop file $W/one.img, 64.0 MiB, label $T-TWIN)"

# the right one, but not as the plan knows it
finds_not "{loop: $W/one.img, size: 65M}" "$one has the right identity, but 67108864 bytes where the plan says 68157440: not touched"
finds_not "{label: $T-TWIN, type: xfs}" "$one has the right identity, but holds ext4 where the plan says xfs: not touched"

# T62: a copy made with dd fits as well as its original; more words decide
cp "$W/one.img" "$W/copy.img"
loop_file "$W/copy.img"; copy=$LOOP
finds_not "{uuid: $uuid}" "both fit: which one is meant?"
grep -qF "$one" "$W/run.out" && grep -qF "$copy" "$W/run.out" || fail "both must be named"
finds_not "{label: $T-TWIN}" "both fit"
finds "{label: $T-TWIN, loop: $W/copy.img}" "$copy"
loop_end "$copy"
finds "{uuid: $uuid}" "$one"

# T62: the devices of one btrfs share its UUID and are not two
loop_new pool1 128M; pool1=$LOOP
loop_new pool2 128M; pool2=$LOOP
mkfs.btrfs -q -L "$T-POOL" "$pool1" "$pool2" 2>/dev/null
again
plan_for "{label: $T-POOL}"
runs 0

# partitions: by number, by GUID; a cloned disk has each GUID twice (T62)
loop_new disk 64M; disk=$LOOP
printf 'label: gpt\nsize=20M,uuid=%s\nsize=20M,name=second\n' "$G" |
	sfdisk -q --no-reread --no-tell-kernel "$disk"
partx -a "$disk"
at_end "partx -d $disk 2>/dev/null"
finds "{loop: $W/disk.img, partition: 2}" "${disk}p2"
finds "{partuuid: ${G^^}}" "${disk}p1"
finds "{loop: $W/disk.img, size: 64M, partition: 1}" "${disk}p1"
finds_not "{loop: $W/disk.img, partition: 3}" "the disk is there, but nothing on it fits"
cp "$W/disk.img" "$W/clone.img"
loop_file "$W/clone.img"; clone=$LOOP
partx -a "$clone"
at_end "partx -d $clone 2>/dev/null"
finds_not "{partuuid: $G}" "both fit"
partx -d "$clone"
loop_end "$clone"

# ---- erasing ----

erase_plan() { # erase_plan DEVICE-MAP TYPE
	again
	plan <<-E
		plan: 1
		name: erase
		devices:
		  root: $1
		steps:
		  - mkfs: {id: fs, device: "\${root}", type: $2}
	E
}

# T57: two devices of one size: the size is no identity, and the one that is not named keeps every byte
erase_plan "{size: 64M, access: erase}" ext4
runs 3
says "device 'root': a size alone is no identity, two disks can have it: add serial, wwn or loop"
before=$(digest "$two")
erase_plan "{loop: $W/one.img, size: 64M, access: erase, consent: $W/one.img}" ext4
runs 0
equal "$(digest "$two")" "$before" "the other device of the same size"
[ "$(blkid -p -o value -s UUID "$one")" != "$uuid" ] || fail "the target was not made anew"

# one device under two names: it is not read-only and erased in one plan
before=$(digest "$two")
again
plan <<-E
	plan: 1
	name: two names
	devices:
	  root: {loop: $W/two.img, access: erase, consent: $W/two.img}
	  old:  {label: $T-OTHER}
	steps:
	  - mkfs: {id: fs, device: "\${root}", type: ext4}
E
runs 3
says "devices 'root' and 'old' are both $two: the plan erases one and wants to keep the other"
equal "$(digest "$two")" "$before" "a device under two names"

# named by what erasing destroys: refused by check already
erase_plan "{label: $T-OTHER, access: erase}" ext4
runs 3
says "cannot be named by uuid, label or type, which are gone after erasing"

# held: a loop device on top of it, and a partition of it that is mounted
loop_file "$two"; upper=$LOOP
before=$(digest "$two")
erase_plan "{loop: $W/two.img, access: erase, consent: $W/two.img}" ext4
runs 3
says "'$two' is held by '${upper#/dev/}'"
loop_end "$upper"
equal "$(digest "$two")" "$before" "a held target"
mkfs.ext4 -q -F "${disk}p2"
mkdir "$W/m"
mount "${disk}p2" "$W/m"
erase_plan "{loop: $W/disk.img, access: erase, consent: $W/disk.img}" ext4
runs 3
says "'${disk}p2' is mounted at '$W/m'"
umount "$W/m"

# mounted where this process does not see it: the kernel still knows
mkdir "$W/hidden"
unshare --mount --propagation private sh -c "mount $two $W/hidden && echo yes >$W/mounted && exec sleep 60" & hidden=$!
at_end "kill $hidden 2>/dev/null"
wait_for 20 test -s "$W/mounted"
erase_plan "{loop: $W/two.img, access: erase, consent: $W/two.img}" ext4
runs 3
says "'$two' is mounted at '$W/hidden' in the mount namespace of process"
kill $hidden
wait $hidden 2>/dev/null || true
wait_for 20 sh -c "! grep -qs $W/hidden /proc/[0-9]*/mountinfo"

# too small: refused while the old content is still there
loop_new small 2M; small=$LOOP
echo old | dd of="$small" conv=notrunc,fsync status=none
before=$(digest "$small")
for type in btrfs xfs; do
	erase_plan "{loop: $W/small.img, access: erase, consent: $W/small.img}" $type
	runs 3
	says "fs: "
	equal "$(digest "$small")" "$before" "a target that is too small for $type"
done

# ---- T63: a filesystem that was not unmounted: reading it must not replay its journal ----

dirty() { # dirty NAME TYPE: $W/NAME.img as a power cut leaves it
	truncate -s "$3" "$W/live.img"
	"mkfs.$2" -q "$W/live.img"
	loop_file "$W/live.img"
	mount "$LOOP" "$W/m"
	echo "before the crash" >"$W/m/file"
	umount "$W/m"                   # xfs writes it to its place only now
	mount "$LOOP" "$W/m"
	seq 200 | xargs -I@ mkdir "$W/m/@"
	sync -f "$W/m"
	cp "$W/live.img" "$W/$1.img"
	umount "$W/m"
	loop_end "$LOOP"
	rm "$W/live.img"
}
dirty crashed-ext4 ext4 64M
dumpe2fs -h "$W/crashed-ext4.img" 2>/dev/null | grep -q needs_recovery || fail "the test's filesystem is not dirty"
dirty crashed-xfs xfs 320M
for type in ext4 xfs; do
	loop_file "$W/crashed-$type.img"; source=$LOOP
	before=$(digest "$source")
	again
	plan <<-E
		plan: 1
		name: dirty
		devices:
		  src: {loop: $W/crashed-$type.img}
		steps:
		  - exec: {id: read, command: [sh, -c, "cat \$FROM > $W/read"], files: [{name: FROM, path: "\${src}:/file"}], repeatable: yes}
	E
	runs 0
	equal "$(cat "$W/read")" "before the crash" "file of the dirty $type"
	equal "$(digest "$source")" "$before" "content of the dirty $type after it was read"
	equal "$(blockdev --getro "$source")" 0 "the flag is given back"
	loop_end "$source"
done
