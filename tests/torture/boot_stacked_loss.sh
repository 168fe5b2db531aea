#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two real Debians in one machine, both lost: "lvm" on LVM with ext4, started by a BIOS; "luks" on LUKS with xfs, an own /boot and an ESP, started by
# UEFI. One plan, nobody at the console: volumes and filesystems are made anew with other identifiers, the archives restored, everything corrected;
# each then starts by itself, under its own systemd, and says so. boot-check (inside the plan) predicted that, and, before the initramfs was rebuilt,
# that the one on LUKS would not start: it waited for a volume that is gone.
. "$(dirname "$0")/../vm/lib.sh"
[ "$(id -u)" = 0 ] || { echo "this test wants root"; exit 77; }
vm_need "$RESCUE" sfdisk zstd debootstrap mkfs.ext4 cryptsetup lvm mkfs.xfs
. "$TOP/tests/debian.sh"
stacked_debian
OLD_LVM=0ddba11e-3333-4333-8333-333333333333 OLD_XFS=0ddba11e-4444-4444-8444-444444444444 OLD_BOOT=0ddba11e-5555-4555-8555-555555555555
OLD_LUKS=0ddba11e-6666-4666-8666-666666666666
T=$VM_DIR/tree

says_so() {
	cat >"$T/etc/systemd/system/says-so.service" <<-'END'
	[Unit]
	DefaultDependencies=no
	After=local-fs.target
	[Service]
	Type=oneshot
	ExecStart=/bin/sh -c 'echo "STARTED $(cat /etc/hostname) $(findmnt -no SOURCE,FSTYPE / | tr -s " ") $(cat /home/letters) $(findmnt -no FSTYPE /boot/efi)" >/dev/console'
	END
	mkdir -p "$T/etc/systemd/system/sysinit.target.wants"
	ln -sf ../says-so.service "$T/etc/systemd/system/sysinit.target.wants/says-so.service"
}

# what both have
common() {
	mkdir -p "$T/boot/efi" "$T/boot/grub" "$T/etc/keys"
	printf 'GRUB_DEFAULT=0\nGRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="console=ttyS0 panic=1"\nGRUB_TERMINAL=console\nGRUB_DISABLE_OS_PROBER=true\n' >"$T/etc/default/grub"
	sed -i -e 's/^MODULES=.*/MODULES=list/' -e 's/^COMPRESS=.*/COMPRESS=zstd/' "$T/etc/initramfs-tools/initramfs.conf"
	printf 'COMPRESSLEVEL=1\nUMASK=0077\n' >>"$T/etc/initramfs-tools/initramfs.conf"
	printf '%s\n' virtio_pci virtio_blk ext4 xfs dm_mod dm_crypt xts aes_generic sha256_generic algif_skcipher crc32c_generic >>"$T/etc/initramfs-tools/modules"
	echo 'KEYFILE_PATTERN="/etc/keys/*.key"' >>"$T/etc/cryptsetup-initramfs/conf-hook"
	rm -f "$T"/boot/initrd.img-*
	chmod -x "$T"/etc/grub.d/{05_debian_theme,20_linux_xen,30_os-prober,30_uefi-firmware,40_custom,41_custom}     # slow in an emulated machine
	says_so
}

archive() { # archive NAME PATH...
	local name=$1
	shift
	tar -C "$T" --exclude=./proc --exclude=./sys --exclude=./dev --exclude=./run --exclude=./tmp --exclude=./usr/share/man --exclude=./usr/share/zoneinfo \
		--exclude=./usr/share/i18n --exclude=./usr/share/info --exclude=./usr/lib/udev/hwdb.bin --exclude='./usr/lib/modules/*/kernel/net' \
		--exclude='./usr/lib/modules/*/kernel/sound' --exclude='./usr/lib/modules/*/kernel/drivers/net' --exclude='./usr/lib/modules/*/kernel/drivers/gpu' \
		--exclude='./usr/lib/modules/*/kernel/drivers/infiniband' --exclude='./usr/lib/modules/*/kernel/drivers/scsi' \
		--numeric-owner -cf - "$@" | zstd -q -1 -T0 >"$VM_DIR/backup/$name.tar.zst"
}

# the archives name identifiers that exist no more
archives() {
	local k=boot/initrd.img-$DEBIAN_KVER root
	mkdir -p "$T" "$VM_DIR/up" "$VM_DIR/work" "$VM_DIR/backup" "$VM_DIR/old/cryptroot"
	mount -t overlay overlay -o "lowerdir=$DEBIAN_LAYERS,upperdir=$VM_DIR/up,workdir=$VM_DIR/work" "$T"
	common
	mount -t proc proc "$T/proc"
	chroot "$T" mkinitramfs -o "/$k.made" "$DEBIAN_KVER" >"$VM_DIR/mkinitramfs.log" 2>&1 || { cat "$VM_DIR/mkinitramfs.log"; exit 1; }
	umount "$T/proc"
	mv "$T/$k.made" "$VM_DIR/initrd"
	archive both .
	root="root=UUID=$OLD_LVM"
	cp "$VM_DIR/initrd" "$T/$k"
	echo lvm >"$T/etc/hostname"; echo "my letters" >"$T/home/letters"
	echo "UUID=$OLD_LVM / ext4 errors=remount-ro 0 1" >"$T/etc/fstab"
	echo "linux /vmlinuz $root ro" >"$T/boot/grub/grub.cfg"
	archive lvm ./etc/hostname ./etc/fstab ./home ./boot/grub ./$k
	echo luks >"$T/etc/hostname"; echo "secret letters" >"$T/home/letters"
	printf 'UUID=%s / xfs defaults 0 1\nUUID=%s /boot ext4 defaults 0 2\nUUID=DEAD-BEEF /boot/efi vfat umask=0077 0 1\n' $OLD_XFS $OLD_BOOT >"$T/etc/fstab"
	echo "cryptroot UUID=$OLD_LUKS /etc/keys/root.key luks,initramfs" >"$T/etc/crypttab"
	echo "cryptroot UUID=$OLD_LUKS /cryptroot/keyfiles/cryptroot.key luks" >"$VM_DIR/old/cryptroot/crypttab"
	(cd "$VM_DIR/old" && find cryptroot | cpio --quiet -o -H newc) | cat - "$VM_DIR/initrd" >"$T/$k"       # as it was when the old volume was there
	head -c 64 /dev/urandom | tee "$VM_DIR/backup/luks.key" >"$T/etc/keys/root.key"
	archive luks ./etc/hostname ./etc/fstab ./etc/crypttab ./etc/keys ./home ./boot/grub ./$k
	umount "$T"
}

disks() {
	truncate -s 1200M "$VM_DIR/lvm.img" "$VM_DIR/luks.img"
	printf 'label: gpt\nstart=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649\nstart=4096, type=E6D6D379-F507-44C2-A23C-238F2A3DF928\n' | sfdisk -q "$VM_DIR/lvm.img"
	printf 'label: gpt\nstart=2048, size=131072, type=U\nsize=262144, type=L\ntype=L\n' | sfdisk -q "$VM_DIR/luks.img"
	dd if=/dev/urandom of="$VM_DIR/lvm.img" bs=1M seek=1 count=8 conv=notrunc status=none   # what is left of all of them
	for at in 1 65 193; do dd if=/dev/urandom of="$VM_DIR/luks.img" bs=1M seek=$at count=4 conv=notrunc status=none; done
	mkfs.ext4 -q -F -L BACKUP -d "$VM_DIR/backup" "$VM_DIR/backup.img" 400M >/dev/null
	mkfs.ext4 -q -F -L RESCUE-STATE "$VM_DIR/state.img" 64M >/dev/null
}
archives
disks
cat >"$VM_DIR/plan.yaml" <<END
plan: 1
name: two systems, everything on their disks is lost
finish: poweroff
devices:
  disk:    {serial: LVMDISK, access: write}
  pv:      {serial: LVMDISK, partition: 2, access: erase, consent: LVMDISK}
  root:    {serial: LVMDISK, mapper: vg0/root, access: erase, consent: LVMDISK}
  esp:     {serial: LUKSDISK, partition: 1, access: erase, consent: LUKSDISK}
  boot:    {serial: LUKSDISK, partition: 2, access: erase, consent: LUKSDISK}
  crypt:   {serial: LUKSDISK, partition: 3, access: erase, consent: LUKSDISK}
  secret:  {serial: LUKSDISK, mapper: cryptroot, access: erase, consent: LUKSDISK}
  backup:  {label: BACKUP}
steps:
  - lvm-create:      {group: vg0, devices: ["\${pv}"], volumes: [{name: root}]}
  - lvm-activate:    {group: vg0, devices: ["\${pv}"]}
  - luks-format:     {device: "\${crypt}", key-file: "\${backup}:/luks.key", pbkdf: pbkdf2}
  - luks-open:       {device: "\${crypt}", key-file: "\${backup}:/luks.key", name: cryptroot}
  - mkfs:            {id: lvmfs, device: "\${root}", type: ext4}
  - mkfs:            {id: luksfs, device: "\${secret}", type: xfs}
  - mkfs:            {id: bootfs, device: "\${boot}", type: ext4}
  - mkfs:            {id: espfs, device: "\${esp}", type: vfat, label: ESP}
  - mount:           {id: mount-lvm, device: "\${root}", at: /lvm}
  - archive-restore: {id: lvm-both, from: "\${backup}:/both.tar.zst", to: /lvm}
  - archive-restore: {id: lvm-own, from: "\${backup}:/lvm.tar.zst", to: /lvm}
  - identifiers:     {id: lvm-ids, root: /lvm, find: no, map: [{old: $OLD_LVM, new: "\${lvmfs.uuid}"}]}
  - grub-install:    {id: lvm-grub, root: /lvm, firmware: bios, disks: ["\${disk}"]}
  - grub-mkconfig:   {id: lvm-menu, root: /lvm}
  - boot-check:      {id: lvm-check, root: /lvm, firmware: bios}
  - mount:           {id: mount-luks, device: "\${secret}", at: /luks}
  - mount:           {id: mount-boot, device: "\${boot}", at: /luks/boot}
  - mount:           {id: mount-esp, device: "\${esp}", at: /luks/boot/efi}
  - archive-restore: {id: luks-both, from: "\${backup}:/both.tar.zst", to: /luks}
  - archive-restore: {id: luks-own, from: "\${backup}:/luks.tar.zst", to: /luks}
  - identifiers:     {id: luks-ids, root: /luks}
  - grub-install:    {id: luks-grub, root: /luks}
  - grub-mkconfig:   {id: luks-menu, root: /luks}
  - efi-entry:       {esp: /luks/boot/efi, removable: no}
  - exec:            {id: stale, command: [sh, -c, "rescue boot-check /luks | tee /dev/console | grep -q \"opens 'cryptroot' from UUID=$OLD_LUKS, which is not in this machine\""], repeatable: yes}
  - initramfs:       {root: /luks}
  - boot-check:      {id: luks-check, root: /luks}
END
"$RESCUE" image --initramfs "$VM_DIR/rescue.img" --plan "$VM_DIR/plan.yaml" --quiet
prepared=$SECONDS
VM_BAD='PLAN FAILED|Kernel panic'
VM_SMP=2
vm_new 1024
vm_firmware uefi "$VM_DIR/vars.fd"
for d in lvm luks backup state; do VM_DISK_CACHE=unsafe vm_disk "$VM_DIR/$d.img" virtio "$(case $d in lvm) echo LVMDISK ;; luks) echo LUKSDISK ;; *) echo $d ;; esac)"; done
vm_direct "$VM_KERNEL" "$VM_DIR/rescue.img" "rootfstype=ramfs rescue.auto"
vm_start
vm_wait 'PLAN FINISHED|powering off now|PLAN FAILED|FAILED' 800
vm_has 'luks-check: done'
vm_has 'lvm-check: done'
vm_wait 'reboot: Power down|powering off now' 60
vm_off 60
recovered=$SECONDS

started() { # started FIRMWARE DISK WHAT
	vm_new 768
	vm_firmware "$1" "$VM_DIR/vars.fd"
	vm_disk "$VM_DIR/$2.img" virtio
	VM_BAD='\(initramfs\)|Kernel panic|emergency mode' vm_start
	VM_BAD='\(initramfs\)|Kernel panic|emergency mode' vm_wait "$3" 400
	vm_cut
}
started bios lvm 'STARTED lvm /dev/mapper/vg0-root ext4 my letters'
started uefi luks 'STARTED luks /dev/mapper/cryptroot xfs secret letters vfat'
echo "both started by themselves: prepared in $prepared s, recovered in $((recovered - prepared)) s, both started in $((SECONDS - recovered)) s"
