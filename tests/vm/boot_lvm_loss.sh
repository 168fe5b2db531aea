#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real Debian on LVM with ext4, started by a BIOS, everything on its disk lost. Nobody at the console: the volume is made anew, an archive restored,
# the initramfs, GRUB and its menu made right. Then the disk starts by itself, under its own systemd, and says so; boot-check, inside the plan,
# predicted that, and before GRUB was there that it would not.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || { echo "this test wants root"; exit 77; }
vm_need "$RESCUE" sfdisk zstd debootstrap mkfs.ext4 lvm
. "$(dirname "$0")/loss_lib.sh"
loss_base
OLD=0ddba11e-3333-4333-8333-333333333333
echo lvm | loss_file etc/hostname
echo "my letters" | loss_file home/letters
echo "UUID=$OLD / ext4 errors=remount-ro 0 1" | loss_file etc/fstab
echo "linux /vmlinuz root=UUID=$OLD ro" | loss_file boot/grub/grub.cfg
loss_file "boot/initrd.img-$DEBIAN_KVER" <"$LOSS_INITRD"
loss_own
truncate -s 1200M "$VM_DIR/target.img"
printf 'label: gpt\nstart=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649\nstart=4096, type=E6D6D379-F507-44C2-A23C-238F2A3DF928\n' | sfdisk -q "$VM_DIR/target.img"
dd if=/dev/urandom of="$VM_DIR/target.img" bs=1M seek=1 count=8 conv=notrunc status=none   # what is left of all of them

cat >"$VM_DIR/plan.yaml" <<END
plan: 1
name: LVM and ext4, everything is lost
finish: poweroff
devices:
  disk:    {serial: TARGET, access: write}
  pv:      {serial: TARGET, partition: 2, access: erase, consent: TARGET}
  root:    {serial: TARGET, mapper: vg0/root, access: erase, consent: TARGET}
  backup:  {label: BACKUP}
steps:
  - lvm-create:      {group: vg0, devices: ["\${pv}"], volumes: [{name: root}]}
  - lvm-activate:    {group: vg0, devices: ["\${pv}"]}
  - mkfs:            {id: rootfs, device: "\${root}", type: ext4}
  - mount:           {device: "\${root}", at: /target}
  - archive-restore: {id: common, from: "\${backup}:/common.tar.zst", to: /target}
  - archive-restore: {id: own, from: "\${backup}:/own.tar.zst", to: /target}
  - identifiers:     {root: /target}
  - exec:            {id: stale, command: [sh, -c, "rescue boot-check --firmware bios /target | tee /dev/console | grep -q \"its boot sector holds no GRUB\""], repeatable: yes}
  - grub-install:    {root: /target, firmware: bios, disks: ["\${disk}"]}
  - grub-mkconfig:   {root: /target}
  - boot-check:      {root: /target, firmware: bios}
END
loss_recover "$VM_DIR/plan.yaml" 'boot-check: done'
loss_starts bios 'STARTED lvm /dev/mapper/vg0-root ext4 my letters'
