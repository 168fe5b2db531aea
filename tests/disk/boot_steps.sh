#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Boot repair steps in a real Debian (debootstrap) on btrfs with subvolumes on a real partition: identifiers, initramfs, grub, chroot, after-boot,
# boot-check; and what they refuse. T19 T41 T42 T44 T45 T46 T47 T48 T49 T50 T51 T52 T53 T56 T66.
. "$(dirname "$0")/../lib.sh"
need_root
need sfdisk partx mkfs.btrfs btrfs losetup debootstrap grub-install
. "$TOP/tests/debian.sh"
cached_debootstrap
S=$O/helpers/steprun

# the target: GPT with a BIOS boot partition, btrfs @ and @home, a copy of the Debian
loop_new disk 1500M
disk=$LOOP
printf 'label: gpt\nstart=2048, size=4096, type=21686148-6449-6E6F-744E-656564454649\ntype=L\n' | sfdisk -q --no-reread "$disk" >/dev/null 2>&1
partx -d "$disk" 2>/dev/null || true    # left over from an earlier user of the device
partx -a "$disk" 2>/dev/null || partx -u "$disk"
at_end "partx -d '$disk' 2>/dev/null"
for _ in $(seq 100); do [ -b "${disk}p2" ] && break; sleep 0.1; done
blockdev --setrw "${disk}p2"
mkfs.btrfs -q -f "${disk}p2" >/dev/null 2>&1
T=$W/target
mkdir "$T" "$W/step"
mount "${disk}p2" "$T"
btrfs -q subvolume create "$T/@" && btrfs -q subvolume create "$T/@home"
umount "$T"
mount -o subvol=@ "${disk}p2" "$T"
cp -a --reflink=auto "$DEBIAN/." "$T/"
mkdir -p "$T/home"
mount -o subvol=@home "${disk}p2" "$T/home"
at_end "umount '$T/home' '$T'"
UUID=$(blkid -p -s UUID -o value "${disk}p2")
OLD=0ddba11e-1111-4111-8111-111111111111

# ---- identifiers: every place, found by comparing; bytes around them stay; nothing outside the target changes ----
cat >"$T/etc/fstab" <<-END
	# <file system>	<mount point>   my own notes, UUID=$OLD
	UUID=$OLD	/	btrfs	subvol=@,subvolid=999	0	1 # root

	  UUID=$OLD /home   btrfs noatime,subvol=@home 0 0
END
mkdir -p "$T/etc/kernel" "$T/boot/loader/entries" "$T/boot/efi/EFI/debian" "$T/boot/grub" "$T/etc/initramfs-tools/conf.d"
echo "root=UUID=$OLD ro rootflags=subvol=@,subvolid=999 resume=UUID=5a5a5a5a-5a5a-4a5a-8a5a-5a5a5a5a5a5a quiet" >"$T/etc/kernel/cmdline"
echo "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet resume=UUID=5a5a5a5a-5a5a-4a5a-8a5a-5a5a5a5a5a5a\"" >"$T/etc/default/grub"
echo "RESUME=UUID=5a5a5a5a-5a5a-4a5a-8a5a-5a5a5a5a5a5a" >"$T/etc/initramfs-tools/conf.d/resume"
echo "options root=UUID=$OLD" >"$T/boot/loader/entries/x.conf"
echo "search.fs_uuid $OLD root hd0,gpt2" >"$T/boot/efi/EFI/debian/grub.cfg"
{ printf '# GRUB Environment Block\nkernelopts=root=UUID=%s\n' $OLD; head -c 2000 /dev/zero | tr '\0' '#'; } | head -c 1024 >"$T/boot/grub/grubenv"
echo "$OLD" >"$W/outside"
ln -s "$W/outside" "$T/etc/leads-outside"
cp "$T/etc/fstab" "$W/fstab.before"
"$S" identifiers "$W/step" root="$T" >"$W/out" || { cat "$W/out"; fail "identifiers"; }
equal "$(grep -rIl --exclude-dir=proc "$OLD" "$T/etc" "$T/boot" | grep -v leads-outside | wc -l)" 0 "files that still name the old UUID"
equal "$(sed "s/$OLD/$UUID/; s/subvolid=999/subvolid=256/" "$W/fstab.before")" "$(cat "$T/etc/fstab")" "fstab, byte for byte"
equal "$(stat -c %s "$T/boot/grub/grubenv")" 1024 "grubenv's size"
equal "$(cat "$T/etc/kernel/cmdline")" "root=UUID=$UUID ro rootflags=subvol=@,subvolid=256 quiet" "kernel/cmdline (T43, T66)"
equal "$(cat "$T/etc/initramfs-tools/conf.d/resume")" "RESUME=none" "initramfs-tools' resume"
equal "$(cat "$W/outside")" "$OLD" "a file outside the target (T49)"
cmp "$W/fstab.before" "$W/step/old/etc/fstab"
"$S" identifiers "$W/step" -v root="$T" find=no >/dev/null || fail "verify"
sed -i 's/subvolid=256/subvolid=5/' "$T/etc/kernel/cmdline"
refuses 1 "1 subvolid= in fstab and kernel command lines belong to another filesystem" "$S" identifiers "$W/step" -v root="$T" find=no
sed -i 's/subvolid=5/subvolid=256/' "$T/etc/kernel/cmdline"
echo "UUID=$OLD /late btrfs" >>"$T/etc/fstab"
[ "$("$S" identifiers "$W/step" -v root="$T" find=no | head -c 6)" = verify ] || fail "a stale identifier went unnoticed"
sed -i '$d' "$T/etc/fstab"
rm -r "$T/boot/loader" "$T/boot/efi/EFI" "$T/etc/leads-outside"

# ---- chroot: the target's own command line, /dev and /proc, nothing left mounted; a hanging command ends; a failing one fails ----
"$S" chroot "$W/step" root="$T" "commands=cat /proc/cmdline >/root/cmdline|test -d /proc/self && test -e /dev/disk/by-uuid/$UUID && test -d /sys/class" >"$W/out" ||
	{ cat "$W/out"; fail "chroot"; }
equal "$(cat "$T/root/cmdline")" "root=UUID=$UUID ro rootflags=subvol=@,subvolid=256 quiet" "command line inside (T41)"
[ ! -d "$T/proc/self" ] || fail "/proc is still mounted in the target"
nap=$((100000 + $$))      # nobody else's sleep
refuses 1 "stopped after 2 s" "$S" chroot "$W/step2" root="$T" "commands=sleep $nap & sleep $nap" limit=2s
"$S" chroot "$W/step3" root="$T" "commands=(sleep $nap >/dev/null 2>&1 &)" >/dev/null || fail "chroot with a leftover"
! pgrep -x -f "sleep $nap" >"$W/out" || fail "what a command left behind still runs and holds the target: $(cat "$W/out")"
refuses 1 "'exit 3': /bin/sh: exit code 3" "$S" chroot "$W/step2" root="$T" "commands=exit 3"
cp "$T/bin/dash" "$W/dash" && printf '\267' | dd of="$T/bin/dash" bs=1 seek=18 conv=notrunc status=none      # aarch64
refuses 1 "the target is aarch64, this machine is $(uname -m): its programs cannot run here" "$S" chroot "$W/step2" root="$T" "commands=true"
cat "$W/dash" >"$T/bin/dash"

# ---- boot loader and initramfs; boot-check sees each stage ----
refuses 1 "its boot sector holds no GRUB" "$RESCUE" boot-check --firmware bios "$T"
"$S" grub-install "$W/step" root="$T" firmware=bios >"$W/out" || { cat "$W/out"; fail "grub-install"; }
# T19: a target that starts by UEFI does not get a BIOS loader because its ESP was forgotten
echo "UUID=DEAD-BEEF /boot/efi vfat umask=0077 0 1" >>"$T/etc/fstab"
refuses 1 "the target's fstab has an EFI system partition at '/boot/efi', which is not mounted: mount it first, or say firmware: bios" "$S" grub-install "$W/step" root="$T"
mv "$T/boot/grub/grubenv" "$W/grubenv" && ln -s ../efi/EFI/debian/grubenv "$T/boot/grub/grubenv"      # T47
refuses 1 "grubenv is a link, and the EFI system partition at '/boot/efi' is not mounted: mount it first" "$S" grub-mkconfig "$W/step" root="$T"
rm "$T/boot/grub/grubenv" && mv "$W/grubenv" "$T/boot/grub/grubenv"
sed -i '$d' "$T/etc/fstab"
refuses 1 "which is not there: it stops at its prompt" "$RESCUE" boot-check --firmware bios "$T"
rm -f "$T"/boot/initrd.img-*
"$S" initramfs "$W/step" root="$T" >"$W/out" || { cat "$W/out"; fail "initramfs"; }
"$S" initramfs "$W/step" -v root="$T" modules=virtio_blk >/dev/null || fail "initramfs verify"
refuses 1 "has no driver 'no-such-driver'" "$S" initramfs "$W/step" -v root="$T" modules=no-such-driver
"$S" grub-mkconfig "$W/step" root="$T" >"$W/out" || { cat "$W/out"; fail "grub-mkconfig"; }
grep -q "root=UUID=$UUID" "$T/boot/grub/grub.cfg" || fail "grub.cfg names the device of the minute (T45)"
"$RESCUE" boot-check --firmware bios "$T" >"$W/out" || { cat "$W/out"; fail "boot-check"; }

# T50: a distribution that calls it grub2, built with that folder; T53: a menu that starts nothing
mv "$T/usr/sbin/grub-mkconfig" "$T/usr/sbin/grub2-mkconfig" && mv "$T/boot/grub" "$T/boot/grub2"
cp -a "$T/etc/grub.d" "$W/grub.d" && sed -i 's,/boot/grub\>,/boot/grub2,g' "$T"/etc/grub.d/0*
mv "$T/boot/grub2/grub.cfg" "$W/menu"
"$S" grub-mkconfig "$W/step" root="$T" >"$W/out" || { cat "$W/out"; fail "grub2-mkconfig"; }
grep -q "root=UUID=$UUID" "$T/boot/grub2/grub.cfg" && [ ! -e "$T/boot/grub" ] || { cat "$W/out"; fail "the menu of grub2"; }
: >"$T/boot/grub2/grub.cfg"
refuses 1 "/boot/grub2/grub.cfg starts no kernel: the menu is empty" "$S" grub-mkconfig "$W/step" -v root="$T"
mv "$T/usr/sbin/grub2-mkconfig" "$T/usr/sbin/grub-mkconfig" && mv "$T/boot/grub2" "$T/boot/grub"
rm -r "$T/etc/grub.d" && mv "$W/grub.d" "$T/etc/" && mv "$W/menu" "$T/boot/grub/grub.cfg"

# a grub-mkconfig that fails fails the step; a target without a kernel is told
mv "$T/usr/sbin/grub-mkconfig" "$W/mkconfig"
printf '#!/bin/sh\necho "no space" >&2\nexit 1\n' >"$T/usr/sbin/grub-mkconfig"; chmod 755 "$T/usr/sbin/grub-mkconfig"
refuses 1 "exit code 1: no space" "$S" grub-mkconfig "$W/step" root="$T"
mv "$W/mkconfig" "$T/usr/sbin/grub-mkconfig"
mkdir "$W/kernels" && mv "$T"/boot/vmlinuz-* "$W/kernels/"
refuses 1 "the target has no kernel" "$S" initramfs "$W/step" root="$T"
refuses 1 "kernel" "$RESCUE" boot-check --firmware bios "$T"
mv "$W/kernels"/* "$T/boot/"

# T46: a distribution whose GRUB must not be installed over its signed one: the chain stays byte for byte, its stub leads to the target
shim=/usr/lib/shim/shimx64.efi.signed grub=/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed
[ -e $shim ] && [ -e $grub ] || { echo "$shim or $grub is missing"; exit 77; }
printf '#!/bin/sh\n' >"$T/usr/bin/rpm"; chmod 755 "$T/usr/bin/rpm"
mkdir -p "$T/boot/efi/EFI"
refuses 1 "this distribution's signed shim and GRUB are not on the ESP" "$S" grub-install "$W/step" root="$T" firmware=uefi
mkdir -p "$T/boot/efi/EFI/debian" && cp $shim "$T/boot/efi/EFI/debian/shimx64.efi" && cp $grub "$T/boot/efi/EFI/debian/grubx64.efi"
"$S" grub-install "$W/step" root="$T" firmware=uefi >"$W/out" || { cat "$W/out"; fail "grub-install with a signed chain"; }
cmp $shim "$T/boot/efi/EFI/debian/shimx64.efi" && cmp $grub "$T/boot/efi/EFI/debian/grubx64.efi" || fail "the signed chain was overwritten"
grep -q "^search .* $UUID" "$T/boot/efi/EFI/debian/grub.cfg" && grep -q 'prefix=($dev)/@/boot/grub' "$T/boot/efi/EFI/debian/grub.cfg" || fail "the stub"
rm -r "$T/usr/bin/rpm" "$T/boot/efi/EFI/debian"
# T48: SUSE's own installer; T56: one that installs nothing fails the step
printf '#!/bin/sh\necho "$@" >/root/shim-install\n' >"$T/usr/sbin/shim-install"; chmod 755 "$T/usr/sbin/shim-install"
refuses 1 "no loader on the ESP" "$S" grub-install "$W/step" root="$T" firmware=uefi
equal "$(cat "$T/root/shim-install")" "--config-file=/boot/grub2/grub.cfg --no-nvram" "shim-install's arguments"
rm "$T/usr/sbin/shim-install"
# systemd-boot: in its own place and on the removable path, whole
sdboot=/usr/lib/systemd/boot/efi/systemd-bootx64.efi
mkdir -p "$T${sdboot%/*}" && cp $sdboot "$T$sdboot"
"$S" grub-install "$W/step" root="$T" firmware=uefi loader=systemd-boot >"$W/out" || { cat "$W/out"; fail "systemd-boot"; }
cmp $sdboot "$T/boot/efi/EFI/systemd/systemd-bootx64.efi" && cmp $sdboot "$T/boot/efi/EFI/BOOT/BOOTX64.EFI" && [ -d "$T/boot/efi/loader/entries" ] || fail "systemd-boot on the ESP"
rm -r "$T/boot/efi/EFI" "$T/boot/efi/loader" "$T$sdboot"

# T51: GPT without room for GRUB. T52: a filesystem on the whole disk
loop_new plain 64M
printf 'label: gpt\ntype=L\n' | sfdisk -q --no-reread "$LOOP" >/dev/null 2>&1
partx -d "$LOOP" 2>/dev/null || true
partx -a "$LOOP" 2>/dev/null || partx -u "$LOOP"
at_end "partx -d '$LOOP' 2>/dev/null"
sleep 0.5
refuses 1 "is GPT without a BIOS boot partition (EF02)" "$S" grub-install "$W/step" root="$T" firmware=bios "disks=\${${LOOP#/dev/}}"
loop_new whole 64M
mkfs.ext4 -q "$LOOP"
refuses 1 "holds ext4 on the whole disk: GRUB would overwrite it" "$S" grub-install "$W/step" root="$T" firmware=bios "disks=\${${LOOP#/dev/}}"

# ---- after-boot: the script runs in the target, reminds, compares the entry, and ends when a backup has run ----
mkdir "$W/vars"
export EFIVARFS_PATH=$W/vars
printf '\7\0\0\0\0\0' >"$W/vars/BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c"
printf '\7\0\0\0entry' >"$W/vars/Boot0000-8be4df61-93ca-11d2-aa0d-00e098032b8c"
"$S" after-boot "$W/step" root="$T" "backup-check=test -e /backup-ran" >"$W/out" || { cat "$W/out"; fail "after-boot"; }
mkdir -p "$T/vars" "$T/etc/snapper/configs" && touch "$T/etc/snapper/configs/root"
cp "$W/vars"/* "$T/vars/"
first() { EFIVARFS_PATH=/vars chroot "$T" /bin/sh /var/lib/rescue/after-boot; }
first
grep -q 'No backup has run since' "$T/etc/motd.d/90-rescue" && grep -q snapper "$T/etc/motd.d/90-rescue" || fail "no reminder"
grep -q 'the firmware kept Boot0000' "$T/var/lib/rescue/after-boot.log" || fail "the entry was not compared (T26)"
rm "$T"/vars/Boot0000-*
first
grep -q 'did not keep boot entry Boot0000' "$T/etc/motd.d/90-rescue" || fail "a lost entry went unnoticed (T26)"
touch "$T/backup-ran"
first
[ ! -e "$T/etc/motd.d/90-rescue" ] && [ ! -e "$T/etc/systemd/system/rescue-after-boot.service" ] || fail "the reminder stays after a backup"
