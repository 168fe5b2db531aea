#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# extract and image-device with Debian's kernel and its device mapper: a dirty ext4 journal is replayed on a dm-snapshot without udev; dm-error below
# an inode table, a folder and a file, through ddrescue's image; dm-flakey read until everything is there, killed and resumed; a disk that answers
# late, and one that never does. The disk that all of it is read from has the same content before and after. PARTS: only some of journal errors
# flakey hang.
. "$(dirname "$0")/../vm/lib.sh"
vm_need mkfs.ext4 ddrescue debugfs e2fsck dmsetup setfattr
guest=$VM_DIR/guest.cpio
echo "${PARTS:=journal errors flakey hang}" >"$VM_DIR/parts"
vm_guest "$guest" bin:mkfs.ext4 bin:e2fsck bin:debugfs bin:ddrescue bin:dmsetup bin:blkid bin:setfattr "$RESCUE:/bin/rescue" "$VM_DIR/parts:/parts" \
	mod:virtio_pci mod:virtio_blk mod:ext4 mod:loop mod:fuse mod:dm-mod mod:dm-snapshot mod:dm-delay mod:dm-flakey <<'END'
failed() { echo "FAILED: $*"; tail -n 30 /out; cat /state/*/steps/get/report.txt /state/*/steps/get/losses.txt; dmesg | tail -n 15; exit 1; }
export DM_DISABLE_UDEV=1
mkdir -p /mnt /state /to
# vda: work and state | vdb: the damaged disk
mkfs.ext4 -qF /dev/vda && mount /dev/vda /state || failed "work disk"
mkfs.ext4 -qF -b 4096 -L victim /dev/vdb && mount /dev/vdb /mnt || failed "victim"
mkdir /mnt/d /mnt/e
for i in $(seq 200); do echo "file $i" >/mnt/d/f$i; echo "other $i" >/mnt/e/g$i; done
for i in 1 2 3 4; do dd if=/dev/urandom of=/mnt/big$i bs=4096 count=100 2>/dev/null; done
mkdir /mnt/x; echo "in x" >/mnt/x/file; setfattr -n user.long -v "$(head -c 1500 /dev/urandom | base64 | tr -d '\n')" /mnt/x || failed "setfattr"
umount /mnt; mount /dev/vdb /mnt                # the journal is empty now: what comes is all that it knows
echo newest | dd of=/mnt/newest conv=fsync 2>/dev/null
dd if=/dev/vdb of=/state/crashed bs=1M 2>/dev/null      # as after a power cut now
(cd /mnt && find . -type f | sort | xargs sha256sum) >/want
umount /mnt
dd if=/state/crashed of=/dev/vdb bs=1M 2>/dev/null; sync
before=$(sha256sum </dev/vdb)
serial=$(cat /sys/block/vdb/serial)
plan() { # NAME MAPPER|"" [option: value ...]: extract from the disk, or from a device mapper's node on it
	local name=$1 mapper=$2 o
	shift 2
	{ echo "plan: 1"; echo "name: $name"; echo "devices:"; echo "  src: {serial: $serial${mapper:+, mapper: $mapper}}"
	echo "steps:"; echo "  - extract:"; echo "      id: get"; echo "      from: \"\${src}\""; echo "      to: /state/to-$name"
	for o; do echo "      $o"; done; } >/$name.yaml
}
run() { # NAME CODE
	rescue run /$1.yaml --state /state/$1 --volatile-state </dev/null >/out 2>&1; rc=$?
	[ $rc = $2 ] || failed "$1: exit code $rc, not $2"
}
losses() { cat /state/$1/steps/get/losses.txt; }
sums() { (cd /state/to-$1 && find . -type f ! -path './lost+found/*' | sort | xargs sha256sum); }
same() { sums $1 >/have; diff /want /have >/diff || { head /diff; failed "$1: the files differ"; }; }
nothing_changed() { echo 3 >/proc/sys/vm/drop_caches; [ "$(sha256sum </dev/vdb)" = "$before" ] || failed "$1: the source changed"; }

journal() {
plan journal ""
run journal 0
grep -q "journal replayed on an overlay': holds (dm-snapshot)" /state/journal/steps/get/report.txt || failed "no dm-snapshot"
same journal
nothing_changed journal
[ -z "$(dmsetup ls | grep rescue-cow)" ] || failed "an overlay was left: $(dmsetup ls)"
echo "JOURNAL ON DM-SNAPSHOT"
}

# dm-error below a block of the inode table, a block of the folder /d and one of big2
size=$(cat /sys/block/vdb/size)
block() { debugfs -R "$1" /dev/vdb 2>/dev/null; }
inode=$(block 'imap /e/g30' | sed -n 's/.*at block \([0-9]*\).*/\1/p') data=$(block 'bmap /big2 20')
holes() { # TABLE-LINE-MAKER...: the disk with other targets at these blocks, in order
	local at=0 b
	for b in $(echo $inode $data | tr ' ' '\n' | sort -n); do
		echo "$at $((b * 8 - at)) linear /dev/vdb $at"
		echo "$((b * 8)) 8 error"
		at=$((b * 8 + 8))
	done
	echo "$at $((size - at)) linear /dev/vdb $at"
}
errors() {
holes | dmsetup create bad --readonly || failed "dm-error"
plan errors bad "image-to: /state/image"
run errors 7
grep -q "8192 bytes in 2 places unreadable" /state/errors/steps/get/report.txt || failed "the image"
grep -q "^partial: /big2: bytes 81920-86015: " /state/errors/steps/get/losses.txt || failed "the hole in a file"
lost=$(losses errors | grep -c '^lost: /')
[ $lost -ge 1 ] && [ $lost -le 16 ] || failed "$lost files lost with a block of 16 inodes"
sums errors >/have
[ $(($(wc -l </want) - $(wc -l </have))) = $lost ] || failed "$(wc -l </have) of $(wc -l </want) files, $lost listed"
[ "$(cat /state/to-errors/newest)" = newest ] || failed "the newest file"
[ $(grep -vxFf /want /have | wc -l) = 1 ] || failed "more than the file with the hole differs"
nothing_changed errors
echo "DM-ERROR: $lost lost, a hole, $(wc -l </have) files"
}

# dm-flakey: two seconds of three it answers; image-device reads until it has everything, killed in between
flakey() {
echo "0 $size flakey /dev/vdb 0 2 1" | dmsetup create bad --readonly || failed "dm-flakey"
cat >/flakey.yaml <<E
plan: 1
name: flakey
devices:
  src: {serial: $serial, mapper: bad}
steps:
  - image-device: {id: get, from: "\${src}", to: /state/image, retries: 50}
E
echo "0 $size delay /dev/vdb 0 40" | dmsetup create slow --readonly && dmsetup suspend bad && echo "0 $size flakey /dev/mapper/slow 0 2 1" | dmsetup load bad --readonly && dmsetup resume bad || failed "dm-delay"
rescue run /flakey.yaml --state /state/flakey --volatile-state </dev/null >/out 2>&1 & p=$!
for i in $(seq 300); do [ $(stat -c %b /state/image 2>/dev/null || echo 0) -lt 8000 ] || break; sleep 0.1; done
kill -9 $p; wait $p 2>/dev/null; sleep 1
sync
had=$(grep -c '+' /state/flakey/steps/get/map); [ "$had" -ge 1 ] || failed "no map after the kill"
dmsetup suspend bad && echo "0 $size flakey /dev/vdb 0 2 1" | dmsetup load bad --readonly && dmsetup resume bad || failed "dm-flakey alone"
run flakey 0
grep -q 'nothing missing' /out || failed "flakey: something is missing"
cmp /state/image /dev/vdb || failed "flakey: the image differs"
nothing_changed flakey
echo "DM-FLAKEY IMAGED, KILLED, RESUMED"
}

# reads of big3 take five seconds, reads of big4 never end (until the device is resumed, after everything was told)
hang() {
late=$(block 'bmap /big3 0') never=$(block 'bmap /big4 0') attributes=$(block 'stat /x' | sed -n 's/.*File ACL: \([0-9]*\).*/\1/p')
echo "0 $size linear /dev/vdb 0" | dmsetup create frozen --readonly
{
	echo "$late 100 delay /dev/vdb $((late * 8)) 5000"
	echo "$never 100 linear /dev/mapper/frozen $((never * 8))"
	echo "$attributes 1 linear /dev/mapper/frozen $((attributes * 8))"
} | sort -n >/ranges
at=0; while read -r b n what; do
	[ $at = $((b * 8)) ] || echo "$at $((b * 8 - at)) linear /dev/vdb $at"
	echo "$((b * 8)) $((n * 8)) $what"; at=$(((b + n) * 8))
done </ranges >/table; echo "$at $((size - at)) linear /dev/vdb $at" >>/table
dmsetup create bad --readonly </table || failed "dm-delay: $(cat /table)"
plan hang bad "read-timeout: 3s"
dmsetup suspend --noflush --nolockfs frozen
before_told=$(cut -d. -f1 /proc/uptime)
(until [ "$(grep -c 'no answer' /state/hang/steps/get/losses.txt 2>/dev/null)" = 2 ] || [ $(($(cut -d. -f1 /proc/uptime) - before_told)) -gt 300 ]; do sleep 0.5; done; echo TOLD; dmsetup resume frozen) & p=$!
run hang 7
wait $p
[ "$(losses hang | sort | tr '\n' '|')" = "attributes: /x: read: no answer: Connection timed out|lost: /big4: read: no answer: Connection timed out|" ] || failed "hang: $(losses hang)"
grep -v big4 /want >/want2; sums hang >/have; cmp /want2 /have || failed "hang: the files differ"
nothing_changed hang
echo "LATE AND NEVER"
}
bad=0
for part in $(cat /parts); do
	t0=$(cut -d. -f1 /proc/uptime)
	(set -u; $part) || bad=1
	echo "$part: $(($(cut -d. -f1 /proc/uptime) - t0)) s"
	dmsetup resume frozen 2>/dev/null; rm -rf /state/image /state/to-$part
	for d in bad slow frozen; do dmsetup remove --retry $d 2>/dev/null; done
done
exit $bad
END
truncate -s 48M "$VM_DIR/victim.img"; truncate -s 600M "$VM_DIR/work.img"
vm_new 512
vm_direct "$VM_KERNEL" "$guest" "quiet"
vm_disk "$VM_DIR/work.img" virtio WORK
vm_disk "$VM_DIR/victim.img" virtio VICTIM
vm_run 'VM-EXIT' 240
for m in $PARTS; do
	case $m in
	journal) vm_has 'JOURNAL ON DM-SNAPSHOT' ;;
	errors) vm_has 'DM-ERROR: [0-9]+ lost, a hole' ;;
	flakey) vm_has 'DM-FLAKEY IMAGED, KILLED, RESUMED' ;;
	hang) vm_has 'LATE AND NEVER' ;;
	esac
done
vm_has 'VM-EXIT 0'
vm_text | grep -E '^(DM-|JOURNAL|LATE)'
