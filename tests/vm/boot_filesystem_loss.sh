#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real Debian on btrfs with subvolumes, lost together with its ESP and the firmware's entry. Nobody at the console: the rescue image makes
# filesystems, restores an archive, corrects identifiers, installs GRUB, writes the entry, proves the chain. Then the disk starts by itself, under its
# own systemd, and says so. boot-check's answer (inside the plan) is the prediction.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || { echo "this test wants root"; exit 77; }
vm_need "$RESCUE" sfdisk zstd debootstrap mkfs.ext4
. "$TOP/tests/debian.sh"
cached_debootstrap
OLD=0ddba11e-2222-4222-8222-222222222222

# what the machine was: its archive names identifiers that no longer exist
system() {
	local t=$VM_DIR/tree
	mkdir -p "$t" "$VM_DIR/up" "$VM_DIR/work" "$VM_DIR/backup"
	mount -t overlay overlay -o "lowerdir=$DEBIAN,upperdir=$VM_DIR/up,workdir=$VM_DIR/work" "$t"
	printf 'UUID=%s / btrfs subvol=@,subvolid=256 0 0\nUUID=%s /home btrfs subvol=@home 0 0\nUUID=DEAD-BEEF /boot/efi vfat umask=0077 0 1\n' $OLD $OLD >"$t/etc/fstab"
	printf 'GRUB_DEFAULT=0\nGRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="console=ttyS0 panic=1"\nGRUB_TERMINAL=console\nGRUB_DISABLE_OS_PROBER=true\n' >"$t/etc/default/grub"
	mkdir -p "$t/boot/efi" "$t/boot/grub" "$t/home/anna"
	echo "root=UUID=$OLD ro rootflags=subvol=@" >"$t/boot/grub/grub.cfg"
	echo "my letters" >"$t/home/anna/letters"
	echo victim >"$t/etc/hostname"
	cat >"$t/etc/systemd/system/says-so.service" <<-'END'
	[Unit]
	Description=Says that this system started by itself
	After=multi-user.target rescue-after-boot.service
	[Service]
	Type=oneshot
	ExecStart=/bin/sh -c 'findmnt -no SOURCE,FSTYPE,OPTIONS / /home >/dev/console; tail -n 2 /var/lib/rescue/after-boot.log >/dev/console; echo "VICTIM-STARTED $(cat /home/anna/letters) $(findmnt -no FSTYPE /boot/efi)" >/dev/console; systemctl poweroff'
	END
	mkdir -p "$t/etc/systemd/system/graphical.target.wants"
	ln -sf ../says-so.service "$t/etc/systemd/system/graphical.target.wants/says-so.service"
	ln -sf /dev/null "$t/etc/systemd/system/systemd-networkd-wait-online.service"
	tar -C "$t" --exclude=./proc --exclude=./sys --exclude=./dev --exclude=./run --exclude=./tmp --exclude=./usr/share/man --exclude=./usr/share/zoneinfo \
		--exclude=./usr/share/i18n --exclude=./usr/share/info --exclude=./usr/lib/grub/i386-pc --exclude='./lib/modules/*/kernel/drivers/net' \
		--exclude='./usr/lib/modules/*/kernel/net' --exclude='./usr/lib/modules/*/kernel/drivers/net' --exclude='./usr/lib/modules/*/kernel/drivers/infiniband' \
		--exclude='./usr/lib/modules/*/kernel/drivers/gpu' --exclude='./usr/lib/modules/*/kernel/drivers/scsi' \
		--numeric-owner -cf - . | zstd -q -1 -T0 >"$VM_DIR/backup/victim.tar.zst"
	umount "$t"
}
system
mkfs.ext4 -q -F -L BACKUP -d "$VM_DIR/backup" "$VM_DIR/backup.img" 300M >/dev/null
mkfs.ext4 -q -F -L RESCUE-STATE "$VM_DIR/state.img" 64M >/dev/null
truncate -s 1500M "$VM_DIR/target.img"
printf 'label: gpt\nstart=2048, size=131072, type=U\ntype=L\n' | sfdisk -q "$VM_DIR/target.img"
dd if=/dev/urandom of="$VM_DIR/target.img" bs=1M seek=1 count=66 conv=notrunc status=none       # what is left of both

cat >"$VM_DIR/plan.yaml" <<'END'
plan: 1
name: victim, everything on its disk is lost
finish: poweroff
devices:
  root:   {serial: TARGET, partition: 2, access: erase, consent: TARGET}
  esp:    {serial: TARGET, partition: 1, access: erase, consent: TARGET}
  backup: {label: BACKUP}
steps:
  - mkfs:            {id: rootfs, device: "${root}", type: btrfs, label: system}
  - mkfs:            {id: espfs, device: "${esp}", type: vfat, label: ESP}
  - subvolumes:      {device: "${root}", create: ["@", "@home"]}
  - mount:           {id: mount-root, device: "${root}", at: /target, options: "subvol=@"}
  - mount:           {id: mount-home, device: "${root}", at: /target/home, options: "subvol=@home"}
  - mount:           {id: mount-esp, device: "${esp}", at: /target/boot/efi}
  - archive-restore: {from: "${backup}:/victim.tar.zst", to: /target}
  - identifiers:     {root: /target}
  - grub-install:    {root: /target}
  - grub-mkconfig:   {root: /target}
  - efi-entry:       {esp: /target/boot/efi, removable: no}
  - after-boot:      {root: /target}
  - boot-check:      {root: /target}
END
"$RESCUE" image --initramfs "$VM_DIR/rescue.img" --plan "$VM_DIR/plan.yaml" --quiet
VM_BAD='PLAN FAILED|Kernel panic'
VM_SMP=2
vm_new 1024
vm_firmware uefi "$VM_DIR/vars.fd"
vm_disk "$VM_DIR/target.img" virtio TARGET
vm_disk "$VM_DIR/backup.img" virtio BACKUP
vm_disk "$VM_DIR/state.img" virtio STATE
vm_direct "$VM_KERNEL" "$VM_DIR/rescue.img" "rootfstype=ramfs rescue.auto"
vm_start
vm_wait 'PLAN FINISHED|powering off now|PLAN FAILED|FAILED' 800
vm_has 'boot-check: done'
vm_has_not 'PLAN FAILED'
vm_wait 'reboot: Power down|powering off now' 60
vm_cut
t=$SECONDS
vm_new 1024
vm_firmware uefi "$VM_DIR/vars.fd"
vm_disk "$VM_DIR/target.img" virtio TARGET
vm_start
vm_wait 'VICTIM-STARTED my letters vfat' 800
vm_has 'the firmware kept Boot'
vm_cut
echo "the recovered machine started by itself, $((SECONDS - t)) s after its power came"
