# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# A small system that boots for real (Debian's shim, GRUB, kernel and initramfs; btrfs with subvolumes; an init that mounts fstab and says
# so), and ways to break it. Sourced after lib.sh or vm/lib.sh. Wants: B (scratch folder), O, RESCUE; sets BOOT_DISK, BOOT_ROOT, BOOT_ESP.
. "$TOP/tests/debian.sh"
BOOT_UUID=$(cat /proc/sys/kernel/random/uuid)     # another one each time: two filesystems of one UUID cannot be mounted beside each other
BOOT_STALE=deadbeef-0000-4000-8000-00000000dead
BOOT_ESP_ID=CAFEB007
BOOT_MARK=BOOTED-BY-ITSELF
# what the console shows when a machine has given up
BOOT_GAVE_UP='grub> |Kernel panic|\(initramfs\)|EMERGENCY|Shell>|No bootable|Not bootable|BdsDxe: failed to load|need to load the kernel first|end Kernel|premature end of file|invalid magic'

# boot_system DIR: the tree of the system, made once
boot_system() {
	local d=$1 k
	mkdir -p "$d"/{boot/grub,boot/efi,etc,proc,sys,dev,run,tmp,home,sbin,bin,"lib/modules/$DEBIAN_KVER",root}
	cp "$DEBIAN/boot/vmlinuz-$DEBIAN_KVER" "$DEBIAN/boot/initrd.img-$DEBIAN_KVER" "$d/boot/"
	for k in modules.dep modules.builtin; do cp "$DEBIAN/lib/modules/$DEBIAN_KVER/$k" "$d/lib/modules/$DEBIAN_KVER/"; done
	cp /bin/busybox "$d/bin/busybox"
	for k in sh mount poweroff echo mkdir cat sleep; do ln -sf busybox "$d/bin/$k"; done
	cat >"$d/sbin/init" <<-END
	#!/bin/sh
	exec >/dev/console 2>&1 </dev/console
	export PATH=/bin
	mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev 2>/dev/null
	while read -r what at type opts rest; do
		case \$what in UUID=*) ;; *) continue ;; esac
		[ \$at != / ] && [ \$type != vfat ] || continue
		mount -t \$type -o \$opts \$what \$at && continue
		case \$opts in *nofail*) continue ;; esac
		echo "EMERGENCY: \$at cannot be mounted"; poweroff -f
	done </etc/fstab
	echo "$BOOT_MARK \$(cat /home/marker)"
	poweroff -f
	END
	chmod 755 "$d/sbin/init"
	printf 'UUID=%s / btrfs rw,subvol=@ 0 0\nUUID=%s /home btrfs rw,subvol=@home 0 0\nUUID=CAFE-B007 /boot/efi vfat nofail 0 0\n' \
		$BOOT_UUID $BOOT_UUID >"$d/etc/fstab"
	cat >"$d/boot/grub/grub.cfg" <<-END
	set default=0
	set timeout=0
	menuentry 'Debian' --id simple {
		search --no-floppy --fs-uuid --set=root $BOOT_UUID
		linux /@/boot/vmlinuz-$DEBIAN_KVER root=UUID=$BOOT_UUID ro rootflags=subvol=@ console=ttyS0 panic=1 quiet
		initrd /@/boot/initrd.img-$DEBIAN_KVER
	}
	submenu 'Advanced' --id advanced {
		menuentry 'old kernel' --id old {
			linux /@/boot/vmlinuz-0.1 root=UUID=$BOOT_UUID ro
		}
	}
	END
}

# boot_esp DIR [VENDOR-ONLY]: shim and GRUB as Debian signs them; the removable path too unless VENDOR-ONLY
boot_esp() {
	mkdir -p "$1/EFI/debian"
	cp /usr/lib/shim/shimx64.efi.signed "$1/EFI/debian/shimx64.efi"
	cp /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed "$1/EFI/debian/grubx64.efi"
	printf "search.fs_uuid %s root\nset prefix=(\$root)'/@/boot/grub'\nconfigfile \$prefix/grub.cfg\n" $BOOT_UUID >"$1/EFI/debian/grub.cfg"
	[ -n "${2:-}" ] && return 0
	mkdir -p "$1/EFI/BOOT"
	cp "$1/EFI/debian/shimx64.efi" "$1/EFI/BOOT/BOOTX64.EFI"
	cp "$1/EFI/debian/grubx64.efi" "$1/EFI/BOOT/grubx64.efi"
}

# boot_base: $B/base.img, a disk with ESP (empty) and root filesystem; $B/esp.base, what belongs on the ESP
boot_base() {
	local loop
	cached_debootstrap
	truncate -s 512M "$B/base.img"
	printf 'label: gpt\nstart=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649\nstart=4096, size=131072, type=U, uuid=e5e5e5e5-0000-4000-8000-000000000001\nstart=135168, type=L\n' |
		sfdisk -q "$B/base.img"
	loop=$(losetup --find --show --offset $((135168 * 512)) --sizelimit $(((1048576 - 135168 - 2048) * 512)) "$B/base.img")
	blockdev --setrw "$loop"
	mkfs.btrfs -q -f -U $BOOT_UUID "$loop" >"$B/mkfs.log" 2>&1 || { cat "$B/mkfs.log"; return 1; }
	mkdir -p "$B/mnt" "$B/esp.base"
	mount "$loop" "$B/mnt"
	btrfs -q subvolume create "$B/mnt/@" && btrfs -q subvolume create "$B/mnt/@home"
	boot_system "$B/mnt/@"
	echo "home is here" >"$B/mnt/@home/marker"
	umount "$B/mnt"
	losetup -d "$loop"
	boot_esp "$B/esp.base"
	cp "$DEBIAN/boot/vmlinuz-$DEBIAN_KVER" "$B/vmlinuz"
	cp "$DEBIAN/boot/initrd.img-$DEBIAN_KVER" "$B/initrd"
}

# boot_open: a fresh copy of the base as $BOOT_DISK, root (top of the filesystem) at $B/top, subvolume @ at $BOOT_ROOT, ESP's files in $BOOT_ESP
boot_open() {
	BOOT_DISK=$B/disk.img BOOT_ROOT=$B/root BOOT_ESP=$B/esp
	cp --sparse=always "$B/base.img" "$BOOT_DISK"
	rm -rf "$BOOT_ESP"; cp -a "$B/esp.base" "$BOOT_ESP"
	mkdir -p "$BOOT_ROOT" "$B/top"
	BOOT_LOOP=$(losetup --find --show "$BOOT_DISK")
	blockdev --setrw "$BOOT_LOOP"   # an earlier user of the loop device may have left it read-only
	partx -d "$BOOT_LOOP" 2>/dev/null || true
	partx -a "$BOOT_LOOP" 2>/dev/null || partx -u "$BOOT_LOOP" 2>/dev/null || true
	for _ in $(seq 100); do [ -b "${BOOT_LOOP}p3" ] && break; sleep 0.1; done
	blockdev --setrw "${BOOT_LOOP}p3"
	mount "${BOOT_LOOP}p3" "$B/top"
	mount -o subvol=@ "${BOOT_LOOP}p3" "$BOOT_ROOT"
	mount -o subvol=@home "${BOOT_LOOP}p3" "$BOOT_ROOT/home"
}

# boot_close: unmounts, and puts the ESP's files onto the disk as FAT
boot_close() {
	[ -n "${BOOT_LOOP:-}" ] || return 0
	umount "$BOOT_ROOT/home" "$BOOT_ROOT" "$B/top" 2>/dev/null || true
	partx -d "$BOOT_LOOP" 2>/dev/null || { sleep 0.3; partx -d "$BOOT_LOOP" 2>/dev/null; } || true
	losetup -d "$BOOT_LOOP"
	BOOT_LOOP=
}
boot_write_esp() {
	rm -f "$B/fat"
	truncate -s 64M "$B/fat"
	mkfs.vfat -F 32 -s 1 -i $BOOT_ESP_ID "$B/fat" >/dev/null
	(cd "$BOOT_ESP" && find . -mindepth 1 -maxdepth 1 -exec mcopy -s -Q -i "$B/fat" {} ::/ \;)
	dd if="$B/fat" of="$BOOT_DISK" bs=1M seek=2 conv=notrunc status=none
}

# ---- variants: NAME FIRMWARE BOOTS WHAT ----
BOOT_VARIANTS='
good			uefi yes nothing is broken
no-kernel		uefi no the kernel file is missing
short-kernel		uefi no the kernel is truncated
empty-kernel		uefi no the kernel is empty
no-initrd		uefi no the initramfs is missing
short-initrd		uefi no the initramfs is truncated
empty-initrd		uefi no the initramfs is empty
bad-initrd		uefi no one block in the middle of the initramfs is overwritten
no-driver		uefi no the initramfs lacks the driver of the root filesystem
other-kernel		uefi no the initramfs was made for another kernel
initrd-plus		uefi yes a plain archive behind the compressed initramfs
xz-crc64		uefi no an initramfs whose xz has a checksum that the kernel does not know
stale-root		uefi no a stale UUID in root= only
stale-search		uefi yes a stale UUID in the menu entry'"'"'s search only: GRUB complains and goes on
stale-stub		uefi no a stale UUID in the stub on the ESP only
stale-fstab		uefi no a stale UUID in fstab only
stale-fstab-nofail	uefi yes a stale UUID in fstab, with nofail
wrong-prefix		uefi no the stub names a folder that does not exist
no-stub			uefi no the stub is missing
no-grub			uefi no shim is there, GRUB is not
short-loader		uefi no GRUB is truncated
no-removable		uefi no blank NVRAM and no removable path
no-subvolume		uefi no rootflags= names a subvolume that does not exist
no-home			uefi no the subvolume of /home in fstab does not exist
no-root			uefi no the kernel command line has no root=
no-init			uefi no /sbin/init is missing
init-mode		uefi no /sbin/init is not executable
init-loader		uefi no the interpreter of /sbin/init is missing
empty-menu		uefi no grub.cfg is empty
default-old		uefi no the default entry starts a kernel that is gone
sdboot			uefi yes systemd-boot instead of GRUB
sdboot-empty		uefi no systemd-boot without entries
sdboot-initrd		uefi no systemd-boot, its entry names an initramfs that is missing
sdboot-stale		uefi no systemd-boot, a stale UUID in its entry
sdboot-kernel		uefi no systemd-boot, the kernel on the ESP is truncated
uki			uefi yes a unified kernel image on the removable path
uki-stale		uefi no a unified kernel image with a stale UUID inside
uki-initrd		uefi no a unified kernel image without an initramfs
uki-short		uefi no a unified kernel image that is truncated
bios			bios yes GRUB for BIOS
bios-mbr		bios no the boot sector is empty
bios-core		bios no the core image is overwritten
bios-menu		bios no grub.cfg is missing
bios-initrd		bios no GRUB for BIOS, the initramfs is truncated
bios-stale		bios no GRUB for BIOS, a stale UUID in root=
'

boot_repack() { # boot_repack COMMAND: unpacks the initramfs, runs COMMAND inside, packs it again
	rm -rf "$B/unpacked"; mkdir "$B/unpacked"
	unmkinitramfs "$BOOT_ROOT/boot/initrd.img-$DEBIAN_KVER" "$B/unpacked"
	(cd "$B/unpacked"; [ -d main ] && cd main; eval "$1"; find . | cpio --quiet -o -H newc | gzip -1 >"$BOOT_ROOT/boot/initrd.img-$DEBIAN_KVER")
}
boot_bios() { grub-install --target=i386-pc --boot-directory="$BOOT_ROOT/boot" "$BOOT_LOOP" >"$B/grub-install.log" 2>&1 || { cat "$B/grub-install.log"; return 1; }; }
boot_sdboot() {
	rm -rf "$BOOT_ESP/EFI"; mkdir -p "$BOOT_ESP/EFI/BOOT" "$BOOT_ESP/loader/entries"
	cp /usr/lib/systemd/boot/efi/systemd-bootx64.efi "$BOOT_ESP/EFI/BOOT/BOOTX64.EFI"
	cp "$B/vmlinuz" "$B/initrd" "$BOOT_ESP/"
	printf 'title Debian\nlinux /vmlinuz\ninitrd /initrd\noptions root=UUID=%s ro rootflags=subvol=@ console=ttyS0 panic=1 quiet\n' $BOOT_UUID >"$BOOT_ESP/loader/entries/debian.conf"
	printf 'timeout 0\n' >"$BOOT_ESP/loader/loader.conf"
}
boot_uki() { # boot_uki UUID
	rm -rf "$BOOT_ESP/EFI"; mkdir -p "$BOOT_ESP/EFI/BOOT"
	printf 'root=UUID=%s ro rootflags=subvol=@ console=ttyS0 panic=1 quiet' "$1" >"$B/cmdline"
	objcopy --add-section .cmdline="$B/cmdline" --change-section-vma .cmdline=0x30000 \
		--add-section .linux="$B/vmlinuz" --change-section-vma .linux=0x2000000 \
		--add-section .initrd="$B/initrd" --change-section-vma .initrd=0x4000000 \
		/usr/lib/systemd/boot/efi/linuxx64.efi.stub "$BOOT_ESP/EFI/BOOT/BOOTX64.EFI"
}

# boot_break NAME: makes the copy that boot_open opened this variant
boot_break() {
	local k=$BOOT_ROOT/boot/vmlinuz-$DEBIAN_KVER i=$BOOT_ROOT/boot/initrd.img-$DEBIAN_KVER c=$BOOT_ROOT/boot/grub/grub.cfg s=$BOOT_ESP/EFI/debian/grub.cfg
	case $1 in
	good) ;;
	no-kernel) rm "$k" ;;
	short-kernel) truncate -s 3000000 "$k" ;;
	empty-kernel) : >"$k" ;;
	no-initrd) rm "$i" ;;
	short-initrd) truncate -s 6000000 "$i" ;;
	empty-initrd) : >"$i" ;;
	bad-initrd) dd if=/dev/zero of="$i" bs=64k seek=60 count=1 conv=notrunc status=none ;;
	no-driver) boot_repack 'find . -name "btrfs.ko*" -delete' ;;
	other-kernel) boot_repack 'for d in lib/modules/* usr/lib/modules/*; do [ -d "$d" ] && [ ! -L "${d%/*}" ] && mv "$d" "${d%/*}/0.1-other"; done; true' ;;
	initrd-plus) (cd "$B" && echo kept >note && echo note | cpio --quiet -o -H newc) >"$B/plus.cpio"
		truncate -s %4 "$i" && cat "$B/plus.cpio" >>"$i" ;;
	xz-crc64) boot_repack true && gzip -dc "$i" | xz -1 -T0 --check=crc64 >"$B/repacked" && cp "$B/repacked" "$i" ;;
	stale-root) sed -i "s/root=UUID=$BOOT_UUID/root=UUID=$BOOT_STALE/" "$c" ;;
	stale-search) sed -i "s/--set=root $BOOT_UUID/--set=root $BOOT_STALE/" "$c" ;;
	stale-stub) sed -i "s/$BOOT_UUID/$BOOT_STALE/" "$s" ;;
	stale-fstab) sed -i "\\,/home,s/$BOOT_UUID/$BOOT_STALE/" "$BOOT_ROOT/etc/fstab" ;;
	stale-fstab-nofail) printf 'UUID=%s /root btrfs rw,nofail 0 0\n' $BOOT_STALE >>"$BOOT_ROOT/etc/fstab" ;;
	wrong-prefix) sed -i 's,/@/boot/grub,/@/boot/grub2,' "$s" ;;
	no-stub) rm "$s" ;;
	no-grub) rm "$BOOT_ESP/EFI/BOOT/grubx64.efi" ;;
	short-loader) truncate -s 2000000 "$BOOT_ESP/EFI/BOOT/grubx64.efi" ;;
	no-removable) rm -r "$BOOT_ESP/EFI/BOOT" ;;
	no-subvolume) sed -i 's/subvol=@ /subvol=@gone /' "$c" ;;
	no-home) sed -i 's/subvol=@home/subvol=@homes/' "$BOOT_ROOT/etc/fstab" ;;
	no-root) sed -i "s/root=UUID=$BOOT_UUID//" "$c" ;;
	no-init) rm "$BOOT_ROOT/sbin/init" ;;
	init-mode) chmod 644 "$BOOT_ROOT/sbin/init" ;;
	init-loader) sed -i '1s,.*,#!/bin/dash-of-another-time,' "$BOOT_ROOT/sbin/init" ;;
	empty-menu) : >"$c" ;;
	default-old) sed -i "s/^set default=.*/set default='advanced>old'/" "$c" ;;
	sdboot) boot_sdboot ;;
	sdboot-empty) boot_sdboot; rm "$BOOT_ESP"/loader/entries/* ;;
	sdboot-initrd) boot_sdboot; rm "$BOOT_ESP/initrd" ;;
	sdboot-stale) boot_sdboot; sed -i "s/$BOOT_UUID/$BOOT_STALE/" "$BOOT_ESP"/loader/entries/* ;;
	sdboot-kernel) boot_sdboot; truncate -s 3000000 "$BOOT_ESP/vmlinuz" ;;
	uki) boot_uki $BOOT_UUID ;;
	uki-stale) boot_uki $BOOT_STALE ;;
	uki-initrd) boot_uki $BOOT_UUID; objcopy --remove-section .initrd "$BOOT_ESP/EFI/BOOT/BOOTX64.EFI" ;;
	uki-short) boot_uki $BOOT_UUID; truncate -s 9000000 "$BOOT_ESP/EFI/BOOT/BOOTX64.EFI" ;;
	bios) boot_bios ;;
	bios-mbr) boot_bios; dd if=/dev/zero of="$BOOT_LOOP" bs=440 count=1 conv=notrunc status=none ;;
	bios-core) boot_bios; dd if=/dev/zero of="$BOOT_LOOP" bs=512 seek=2060 count=40 conv=notrunc status=none ;;
	bios-menu) boot_bios; rm "$c" ;;
	bios-initrd) boot_bios; truncate -s 6000000 "$i" ;;
	bios-stale) boot_bios; sed -i "s/root=UUID=$BOOT_UUID/root=UUID=$BOOT_STALE/" "$c" ;;
	*) echo "no variant $1"; return 1 ;;
	esac
}

# boot_predict FIRMWARE: yes or no; the whole answer is in $B/prediction
boot_predict() {
	local rc=0
	mkdir -p "$B/novars"
	EFIVARFS_PATH=$B/novars "$RESCUE" boot-check --firmware "$1" --esp "$BOOT_ESP" --fs "CAFE-B007=$BOOT_ESP" "$BOOT_ROOT" >"$B/prediction" 2>&1 || rc=$?
	case $rc in 0) echo yes ;; 1) echo no ;; *) echo "exit code $rc" ;; esac
}

# boot_happens FIRMWARE [SECONDS]: yes or no in $B/happened, by starting $BOOT_DISK, or the disks $BOOT_DISKS of $B (vm/lib.sh)
boot_happens() {
	local end=$((SECONDS + ${2:-150})) yes=no disk
	vm_new 768
	vm_firmware "$1" "${BOOT_VARS:-$B/vars.$VM_COUNT.fd}"
	for disk in ${BOOT_DISKS:-}; do vm_disk "$B/$disk.img" virtio; done
	[ -n "${BOOT_DISKS:-}" ] || vm_disk "$BOOT_DISK" virtio
	vm_start
	VM_ASKED=-1
	while vm_alive && [ $SECONDS -lt $end ]; do
		if vm_grew && vm_text | grep -qE "$BOOT_MARK home is here|$BOOT_GAVE_UP"; then break; fi
		sleep 0.2
	done
	vm_text | grep -q "$BOOT_MARK home is here" && yes=yes
	vm_cut
	echo $yes >"$B/happened"
}
