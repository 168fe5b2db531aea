#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The same steps in a real Debian that has dracut instead of initramfs-tools, systemd-boot instead of GRUB, and SELinux: every program is the
# distribution's. T41 T44 T50 T54.
. "$(dirname "$0")/../lib.sh"
need_root
need mkfs.btrfs losetup debootstrap setfattr getfattr
. "$TOP/tests/debian.sh"
other_debian
S=$O/helpers/steprun
loop_new disk 1500M
mkfs.btrfs -q -f "$LOOP" >/dev/null 2>&1
UUID=$(blkid -p -s UUID -o value "$LOOP")
T=$W/target
mkdir "$T" "$W/all" "$W/step"
mount "$LOOP" "$T"
mount -t overlay overlay -o "lowerdir=$DEBIAN_LAYERS" "$W/all"
at_end "umount '$W/all' '$T/boot/efi' '$T'"
cp -a "$W/all/." "$T/"
[ ! -e "$T/usr/sbin/update-initramfs" ] && [ -x "$T/usr/bin/dracut" ] && [ -x "$T/usr/bin/bootctl" ] || fail "the target is not what this test wants"
echo "UUID=$UUID / btrfs defaults 0 0" >"$T/etc/fstab"
rm -f "$T"/boot/initrd* "$T"/boot/initramfs*

# ---- dracut, found by itself; what it builds is looked into ----
"$S" initramfs "$W/step" root="$T" modules=virtio_blk >"$W/out" 2>&1 || { cat "$W/out"; fail "initramfs with dracut"; }
grep -q "dracut: Executing: .*dracut --force --kver $DEBIAN_KVER" "$W/out" || { cat "$W/out"; fail "not dracut ($DEBIAN_KVER)"; }
made=$(ls "$T"/boot/init*"$DEBIAN_KVER"*)
refuses 1 "has no driver 'no-such-driver'" "$S" initramfs "$W/step" -v root="$T" modules=no-such-driver
cp "$made" "$W/made"
truncate -s 3000000 "$made"
refuses 1 "cut off" "$S" initramfs "$W/step" -v root="$T"
cp "$W/made" "$made"
refuses 1 "the target has no mkinitcpio" "$S" initramfs "$W/step" root="$T" tool=mkinitcpio

# ---- systemd-boot by the step is what bootctl itself would install ----
mkdir -p "$T/boot/efi"
mount -t tmpfs -o size=300m tmpfs "$T/boot/efi"         # this kernel has no FAT
mkdir "$T/boot/efi/EFI"
"$S" grub-install "$W/step" root="$T" firmware=uefi loader=systemd-boot >"$W/out" || { cat "$W/out"; fail "systemd-boot"; }
mkdir -p "$T/theirs/EFI"
"$S" chroot "$W/step" root="$T" "commands=SYSTEMD_RELAX_ESP_CHECKS=1 SYSTEMD_ESP_PATH=/theirs bootctl --no-variables install" >"$W/out" 2>&1 ||
	{ cat "$W/out"; fail "bootctl"; }
for f in EFI/systemd/systemd-bootx64.efi EFI/BOOT/BOOTX64.EFI; do cmp "$T/theirs/$f" "$T/boot/efi/$f"; done
rm -r "$T/theirs"
refuses 1 "broken   config" "$RESCUE" boot-check --firmware uefi --ignore-entries --esp "$T/boot/efi" "$T"

# ---- kernel-install writes the entry: with the target's command line, not the rescue system's (T41) ----
echo "root=UUID=$UUID ro quiet mark-of-the-target" >"$T/etc/kernel/cmdline"
printf 'layout=bls\nBOOT_ROOT=/boot/efi\n' >"$T/etc/kernel/install.conf"
cat /proc/sys/kernel/random/uuid | tr -d - >"$T/etc/machine-id"
mkdir -p "$T/boot/efi/$(cat "$T/etc/machine-id")"
"$S" initramfs "$W/step" root="$T" tool=kernel-install >"$W/out" || { cat "$W/out"; fail "kernel-install"; }
entry=$(ls "$T"/boot/efi/loader/entries/*.conf)
grep -q 'mark-of-the-target' "$entry" || { cat "$entry"; fail "the entry's command line"; }
for w in $(cat /proc/cmdline); do case $w in ro | quiet | rw) ;; *) ! grep -qF " $w" "$entry" || fail "the entry has '$w' of this system" ;; esac; done
"$RESCUE" boot-check --firmware uefi --ignore-entries --esp "$T/boot/efi" "$T" >"$W/out" || { cat "$W/out"; fail "boot-check"; }
on_esp=$(ls "$T"/boot/efi/*/"$DEBIAN_KVER"/init*)
"$S" initramfs "$W/step" -v root="$T" tool=kernel-install modules=virtio_blk >"$W/out" || { cat "$W/out"; fail "verify on the ESP"; }
mv "$on_esp" "$W/on-esp"
refuses 1 "no initramfs for kernel $DEBIAN_KVER in /boot or on the ESP" "$S" initramfs "$W/step" -v root="$T" tool=kernel-install
head -c 3000000 "$W/on-esp" >"$on_esp"
refuses 1 "cut off" "$S" initramfs "$W/step" -v root="$T" tool=kernel-install
rm "$on_esp"
refuses 1 "initramfs" "$RESCUE" boot-check --firmware uefi --ignore-entries --esp "$T/boot/efi" "$T"
mv "$W/on-esp" "$on_esp"

# ---- T54: enforcing, a restore without labels; labelled offline with the target's own setfiles and policy ----
sed -i -e 's/^SELINUX=.*/SELINUX=enforcing/' -e 's/^SELINUXTYPE=.*/SELINUXTYPE=default/' "$T/etc/selinux/config"
refuses 1 "SELinux is enforcing, but" "$RESCUE" boot-check --firmware uefi --ignore-entries --esp "$T/boot/efi" "$T"
"$S" chroot "$W/step" root="$T" "commands=setfiles -m -F -e /proc -e /sys -e /dev -e /run -e /boot/efi /etc/selinux/default/contexts/files/file_contexts /" limit=300s >"$W/out" ||
	{ cat "$W/out"; fail "setfiles"; }
getfattr -n security.selinux --only-values "$T/usr/lib/systemd/systemd" 2>/dev/null | grep -q :init_exec_t: || fail "the first program has the wrong label"
"$RESCUE" boot-check --firmware uefi --ignore-entries --esp "$T/boot/efi" "$T" >"$W/out" || { cat "$W/out"; fail "boot-check after setfiles"; }
grep -q 'files looked at have labels' "$W/out" || fail "boot-check does not tell"
setfattr -x security.selinux "$T/etc/passwd"
refuses 1 "/etc/passwd first" "$RESCUE" boot-check --firmware uefi --ignore-entries --esp "$T/boot/efi" "$T"
