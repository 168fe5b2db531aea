#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real Debian on LUKS with xfs, with a /boot of its own and an ESP, everything on its disk lost. Nobody at the console: the volume is made anew, an
# archive restored, GRUB, its menu and the firmware's entry made. Then the disk starts by itself, under its own systemd, and says so; boot-check,
# inside the plan, predicted that, and before that it would not.
# LOSS_REBUILD=1: the volume gets another identifier, and the initramfs is rebuilt inside the emulated machine, which takes minutes.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || { echo "this test wants root"; exit 77; }
vm_need "$RESCUE" sfdisk zstd debootstrap mkfs.ext4 mkfs.xfs cryptsetup
. "$(dirname "$0")/loss_lib.sh"
loss_base
OLD_XFS=0ddba11e-4444-4444-8444-444444444444 OLD_BOOT=0ddba11e-5555-4555-8555-555555555555 OLD_LUKS=0ddba11e-6666-4666-8666-666666666666
echo luks | loss_file etc/hostname
echo "secret letters" | loss_file home/letters
printf 'UUID=%s / xfs defaults 0 1\nUUID=%s /boot ext4 defaults 0 2\nUUID=DEAD-BEEF /boot/efi vfat umask=0077 0 1\n' $OLD_XFS $OLD_BOOT | loss_file etc/fstab
echo "linux /vmlinuz root=/dev/mapper/cryptroot ro" | loss_file boot/grub/grub.cfg
echo "cryptroot UUID=$OLD_LUKS /etc/keys/root.key luks,initramfs" | loss_file etc/crypttab
mkdir -p "$VM_DIR/backup" "$VM_DIR/old/cryptroot"
head -c 64 /dev/urandom | tee "$VM_DIR/backup/luks.key" | loss_file etc/keys/root.key
chmod 600 "$VM_DIR/own/etc/keys/root.key"
# the initramfs as it was when the old volume was there
echo "cryptroot UUID=$OLD_LUKS /cryptroot/keyfiles/cryptroot.key luks" >"$VM_DIR/old/cryptroot/crypttab"
mkdir "$VM_DIR/old/cryptroot/keyfiles"
install -m 600 "$VM_DIR/backup/luks.key" "$VM_DIR/old/cryptroot/keyfiles/cryptroot.key"
cp "$LOSS_INITRD" "$VM_DIR/initrd"
truncate -s %4 "$VM_DIR/initrd"
(cd "$VM_DIR/old" && find cryptroot | cpio --quiet -o -H newc) >>"$VM_DIR/initrd"
loss_file "boot/initrd.img-$DEBIAN_KVER" <"$VM_DIR/initrd"
loss_own
truncate -s 1200M "$VM_DIR/target.img"
printf 'label: gpt\nstart=2048, size=131072, type=U\nsize=262144, type=L\ntype=L\n' | sfdisk -q "$VM_DIR/target.img"
for at in 1 65 193; do dd if=/dev/urandom of="$VM_DIR/target.img" bs=1M seek=$at count=4 conv=notrunc status=none; done     # what is left of all of them

not_yet() { # boot-check says TEXT
	echo "  - exec:            {id: not-yet, command: [sh, -c, \"rescue boot-check /target | tee /dev/console | grep -q \\\"$1\\\"\"], repeatable: yes}"
}
uuid=", uuid: $OLD_LUKS" before=$(not_yet "no boot entry leads to this ESP") after=
if [ -n "${LOSS_REBUILD:-}" ]; then
	uuid= before= after=$(not_yet "opens 'cryptroot' from UUID=$OLD_LUKS, which is not in this machine"; echo '  - initramfs:       {root: /target}')
fi
cat >"$VM_DIR/plan.yaml" <<END
plan: 1
name: LUKS and xfs, everything is lost
finish: poweroff
devices:
  esp:     {serial: TARGET, partition: 1, access: erase, consent: TARGET}
  boot:    {serial: TARGET, partition: 2, access: erase, consent: TARGET}
  crypt:   {serial: TARGET, partition: 3, access: erase, consent: TARGET}
  secret:  {serial: TARGET, mapper: cryptroot, access: erase, consent: TARGET}
  backup:  {label: BACKUP}
steps:
  - luks-format:     {device: "\${crypt}", key-file: "\${backup}:/luks.key", pbkdf: pbkdf2$uuid}
  - luks-open:       {device: "\${crypt}", key-file: "\${backup}:/luks.key", name: cryptroot}
  - mkfs:            {id: rootfs, device: "\${secret}", type: xfs}
  - mkfs:            {id: bootfs, device: "\${boot}", type: ext4}
  - mkfs:            {id: espfs, device: "\${esp}", type: vfat, label: ESP}
  - mount:           {id: mount-root, device: "\${secret}", at: /target}
  - mount:           {id: mount-boot, device: "\${boot}", at: /target/boot}
  - mount:           {id: mount-esp, device: "\${esp}", at: /target/boot/efi}
  - archive-restore: {id: common, from: "\${backup}:/common.tar.zst", to: /target}
  - archive-restore: {id: own, from: "\${backup}:/own.tar.zst", to: /target}
  - identifiers:     {root: /target}
  - grub-install:    {root: /target}
  - grub-mkconfig:   {root: /target}
$before
  - efi-entry:       {esp: /target/boot/efi, removable: no}
$after
  - boot-check:      {root: /target}
END
loss_recover "$VM_DIR/plan.yaml" 'boot-check: done'
loss_starts uefi 'STARTED luks /dev/mapper/cryptroot xfs secret letters vfat'
