#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# rescue efi: entries for real partitions. T19 T20 T23 T27 T29 T31 T32 T39. This kernel has no FAT: the ESPs carry ext4, which no part of rescue minds.
. "$(dirname "$0")/../lib.sh"
need_root
need sfdisk partx mkfs.ext4 losetup

# esp NAME PARTUUID: a disk with one ESP, mounted at $W/NAME, with a loader on it; its partition is $PART
esp() {
	loop_new "$1" 64M
	printf 'label: gpt\nstart=2048, size=65536, type=U, uuid=%s\n' "$2" | sfdisk -q --no-reread "$LOOP" >/dev/null 2>&1
	partx -d "$LOOP" 2>/dev/null || true  # left over from an earlier user of the device
	partx -a "$LOOP" 2>/dev/null || partx -u "$LOOP"
	PART=${LOOP}p1
	at_end "umount '$W/$1' 2>/dev/null; partx -d '$LOOP' 2>/dev/null"
	for _ in $(seq 50); do [ -b "$PART" ] && break; sleep 0.1; done
	mkfs.ext4 -q "$PART"
	mkdir "$W/$1"
	mount "$PART" "$W/$1"
	mkdir -p "$W/$1/EFI/$1"
	printf 'MZ loader of %s' "$1" >"$W/$1/EFI/$1/grubx64.efi"
}
A=aaaaaaaa-1111-4111-8111-111111111111 B=bbbbbbbb-2222-4222-8222-222222222222
export EFIVARFS_PATH=$W/vars
mkdir "$W/vars"
esp one $A
one_loop=$LOOP one_part=$PART
esp two $B
two_part=$PART

# blank NVRAM: entries from what the ESPs hold (T39)
"$RESCUE" efi repair --esp "$W/one" --no-removable >"$W/out"
grep -qF "Boot0000 'one': made: \\EFI\\one\\grubx64.efi on $one_part" "$W/out" || fail "what was made is not told: $(cat "$W/out")"
"$RESCUE" efi list >"$W/list"
grep -qF "> Boot0000* one  HD(1,GPT,$A,0x800,0x10000)/File(\\EFI\\one\\grubx64.efi)" "$W/list" || fail "list: $(cat "$W/list")"
"$RESCUE" efi repair --esp "$W/two" --no-removable >/dev/null
equal "$("$RESCUE" efi list | cut -c1-15 | tr '\n' ';')" "> Boot0000* one;  Boot0001* two;" "order with two ESPs: the one that can start stays first"

# wrong order: --first says which; a first entry that can start nothing gives way by itself
"$RESCUE" efi repair --esp "$W/two" --no-removable --first >/dev/null
equal "$("$RESCUE" efi list | cut -c1-15 | tr '\n' ';')" "> Boot0001* two;  Boot0000* one;" "order after --first"
mv "$W/two/EFI/two" "$W/two/EFI/other"
"$RESCUE" efi repair --esp "$W/two" --no-removable >/dev/null
equal "$("$RESCUE" efi list | cut -c1-17 | tr '\n' ';')" "> Boot0002* other;  Boot0001* two  ;  Boot0000* one  ;" "a first entry whose file is gone"
mv "$W/two/EFI/other" "$W/two/EFI/two"
rm "$W"/vars/Boot0002-*
"$RESCUE" efi repair --esp "$W/two" --no-removable >/dev/null

# a second repair changes nothing, neither variables nor files (T27)
before=$(cd "$W" && find vars one two -type f -exec sha256sum {} + | sort)
"$RESCUE" efi repair --esp "$W/one" --no-removable >"$W/out"
grep -q 'nothing had to be changed' "$W/out" || fail "the second repair did something"
"$RESCUE" efi repair --esp "$W/two" --no-removable >/dev/null
equal "$(cd "$W" && find vars one two -type f -exec sha256sum {} + | sort)" "$before" "after a second repair"

# saved, lost, restored byte for byte; a damaged copy is refused
"$RESCUE" efi save "$W/saved" >/dev/null
rm "$W"/vars/*
"$RESCUE" efi restore "$W/saved" >"$W/out"
grep -q '^3 variables written' "$W/out" || fail "restore"
equal "$(cd "$W" && find vars one two -type f -exec sha256sum {} + | sort)" "$before" "after restore"
head -c 100 "$W/saved" >"$W/short"
refuses 1 "the last line ('end ...') is missing: the file was cut off" "$RESCUE" efi restore "$W/short"
refuses 1 "Is a directory" "$RESCUE" efi restore "$W"

# the partition got another GUID: the own entry follows it, number and order kept (T31)
umount "$W/one"
partx -d "$one_loop"
sfdisk -q --no-reread --part-uuid "$one_loop" 1 cccccccc-3333-4333-8333-333333333333 >/dev/null 2>&1
partx -a "$one_loop" 2>/dev/null || partx -u "$one_loop"
for _ in $(seq 50); do [ -b "$one_part" ] && break; sleep 0.1; done
mount "$one_part" "$W/one"
"$RESCUE" efi repair --esp "$W/one" --no-removable >"$W/out"
grep -qF "Boot0000 'one': corrected" "$W/out" || fail "stale PARTUUID: $(cat "$W/out")"
equal "$("$RESCUE" efi list | grep -c "HD(")" 2 "entries after a new PARTUUID"
"$RESCUE" efi list >"$W/list"
grep -qF "HD(1,GPT,cccccccc-3333-4333-8333-333333333333" "$W/list" || fail "the new GUID is not in the entry"

# the removable path is made unless it is there (T26)
"$RESCUE" efi repair --esp "$W/one" >/dev/null
cmp "$W/one/EFI/one/grubx64.efi" "$W/one/EFI/BOOT/BOOTX64.EFI"

# variables that cannot be written: degraded, and the disk starts all the same (T20, T23, T32)
mount -t tmpfs -o size=64k,nr_inodes=3 tmpfs "$W/vars"
printf x >"$W/vars/a"; printf x >"$W/vars/b"
refuses 7 "DEGRADED: EFI variable Boot0000: the firmware has no room" "$RESCUE" efi repair --esp "$W/two"
cmp "$W/two/EFI/two/grubx64.efi" "$W/two/EFI/BOOT/BOOTX64.EFI"
mount -o remount,ro "$W/vars"
refuses 7 "variables are read-only here" "$RESCUE" efi repair --esp "$W/two"
umount "$W/vars"
if [ ! -d /sys/firmware/efi ]; then     # T19
	refuses 7 "this system was started in BIOS mode" env -u EFIVARFS_PATH "$RESCUE" efi repair --esp "$W/two"
	refuses 1 "this system was started in BIOS mode" env -u EFIVARFS_PATH "$RESCUE" efi list
fi

# an ESP that is full is not called a firmware without room (T25)
rm -rf "$W/two/EFI/BOOT"
dd if=/dev/zero of="$W/two/fill" bs=1M 2>/dev/null || true
dd if=/dev/zero of="$W/two/fill2" bs=1k 2>/dev/null || true
head -c 200000 /dev/urandom >"$W/loader" && mkdir -p "$W/small"
mount -t tmpfs -o size=256k tmpfs "$W/small"
mkdir -p "$W/small/EFI/x" && cp "$W/loader" "$W/small/EFI/x/grubx64.efi"
refuses 1 "the ESP is full: no room for" "$RESCUE" efi repair --esp "$W/small"

# the step: one entry for each member that carries the ESP (T30), facts, verify; degraded when the firmware refuses; required means required
S=$O/helpers/steprun
rm -f "$W"/vars/*
printf '\7\0\0\0\5\0' >"$W/vars/BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c"      # names an entry that does not exist (T34)
both="devices=\${${one_part#/dev/}}|\${${two_part#/dev/}}"
"$S" efi-entry "$W/step" esp="$W/one" "$both" label="R1 'x'" >"$W/out" || { cat "$W/out"; fail "efi-entry"; }
members="> Boot0000* R1 'x'  H;  Boot0001* R1 'x'  H;  Boot0005  (the orde;"
equal "$("$RESCUE" efi list | cut -c1-21 | tr '\n' ';')" "$members" "one entry a member, first; a dangling number stays"
before=$(sha256sum "$W"/vars/*)
"$S" efi-entry "$W/step" esp="$W/one" "$both" label="R1 'x'" >"$W/out"
equal "$(sha256sum "$W"/vars/*)" "$before" "variables after the step ran again"
# what came between the members goes behind both: with the first disk gone it would start instead of the second
printf '\7\0\0\0\0\0\5\0\1\0' >"$W/vars/BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c"
"$S" efi-entry "$W/step" esp="$W/one" "$both" label="R1 'x'" >"$W/out"
equal "$("$RESCUE" efi list | cut -c1-21 | tr '\n' ';')" "$members" "order of the members"
equal "$(sha256sum "$W"/vars/*)" "$before" "variables after the members were brought together"
mount -t tmpfs -o size=64k,nr_inodes=1 tmpfs "$W/vars"
"$S" efi-entry "$W/step" esp="$W/one" "$both" >"$W/out" || { cat "$W/out"; fail "efi-entry with a full NVRAM"; }
refuses 1 "the firmware has no room" "$S" efi-entry "$W/step" esp="$W/one" "$both" required=yes
umount "$W/vars"

# nothing to start, no ESP, wrong words
mkdir "$W/empty"
refuses 1 "no boot loader for this machine" "$RESCUE" efi repair --esp "$W/empty"
refuses 1 "no such folder" "$RESCUE" efi repair --esp "$W/nowhere"
refuses 1 "no file \\EFI\\x\\y.efi" "$RESCUE" efi repair --esp "$W/one" --loader '\EFI\x\y.efi'
refuses 2 "use one of: list, save FILE, restore FILE, repair" "$RESCUE" efi mend
# JSON: every line is an object
"$RESCUE" efi list --json | python3 -c 'import json,sys; [json.loads(l) for l in sys.stdin]'
"$RESCUE" efi repair --json --esp "$W/one" | python3 -c 'import json,sys; [json.loads(l) for l in sys.stdin]'
