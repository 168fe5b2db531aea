# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A real Debian on LVM or LUKS that gets lost: what boot_lvm_loss.sh and boot_luks_loss.sh share. Source vm/lib.sh first.
#
#   loss_base                      the common archive ($LOSS_COMMON) and its initramfs ($LOSS_INITRD), made once and kept in $O/cache
#   loss_file PATH <TEXT           a file of this machine alone
#   loss_own                       packs these into $VM_DIR/backup, with the common archive
#   loss_recover PLAN WHAT...      the rescue image runs the plan with nobody at the console; each WHAT must be on the console
#   loss_starts FIRMWARE WHAT      the disk starts by itself and says WHAT
. "$TOP/tests/debian.sh"
LOSS_MODULES="virtio_pci virtio_blk ext4 xfs dm_mod dm_crypt xts aes_generic sha256_generic algif_skcipher crc32c_generic"
LOSS_TOO="vfat nls_cp437 nls_ascii efivarfs"    # not in the initramfs

# the tree at $1: says who started, early, and ends; an initramfs of few modules; GRUB without what is slow in an emulated machine
loss_configure() {
	local t=$1
	mkdir -p "$t/boot/efi" "$t/boot/grub" "$t/etc/keys" "$t/etc/systemd/system/sysinit.target.wants"
	printf 'GRUB_DEFAULT=0\nGRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="console=ttyS0 panic=1"\nGRUB_TERMINAL=console\nGRUB_DISABLE_OS_PROBER=true\nGRUB_DISABLE_SUBMENU=true\nGRUB_DISABLE_RECOVERY=true\n' >"$t/etc/default/grub"
	chmod -x "$t"/etc/grub.d/{05_debian_theme,20_linux_xen,30_os-prober,30_uefi-firmware,40_custom,41_custom}
	sed -i -e 's/^MODULES=.*/MODULES=list/' -e 's/^COMPRESS=.*/COMPRESS=zstd/' "$t/etc/initramfs-tools/initramfs.conf"
	printf 'COMPRESSLEVEL=1\nUMASK=0077\n' >>"$t/etc/initramfs-tools/initramfs.conf"
	printf '%s\n' $LOSS_MODULES >>"$t/etc/initramfs-tools/modules"
	echo 'KEYFILE_PATTERN="/etc/keys/*.key"' >>"$t/etc/cryptsetup-initramfs/conf-hook"
	rm -f "$t"/boot/initrd.img-*
	cat >"$t/etc/systemd/system/says-so.service" <<-'END'
	[Unit]
	DefaultDependencies=no
	After=local-fs.target
	[Service]
	Type=oneshot
	ExecStart=/bin/sh -c 'echo "STARTED $(cat /etc/hostname) $(findmnt -no SOURCE,FSTYPE / | tr -s " ") $(cat /home/letters) $(findmnt -no FSTYPE /boot/efi)" >/dev/console'
	END
	ln -sf ../says-so.service "$t/etc/systemd/system/sysinit.target.wants/says-so.service"
}

# only the modules of the initramfs and a few more: restoring thousands of files takes minutes in an emulated machine
loss_fewer_modules() {
	local t=$1 d=$1/usr/lib/modules/$DEBIAN_KVER keep m
	keep=$(chroot "$t" lsinitramfs "/made" | sed -n 's,.*/\([^/]*\.ko\).*,\1,p'
		for m in $LOSS_TOO; do modprobe -d "$t/usr" -S "$DEBIAN_KVER" --show-depends "$m" 2>/dev/null | sed -n 's,.*/\([^/ ]*\.ko\).*,\1,p'; done)
	find "$d" -name '*.ko*' | grep -vF "$(sed 's,^,/,' <<<"$keep")" | xargs rm -f
	depmod -b "$t/usr" "$DEBIAN_KVER" 2>/dev/null || depmod -b "$t" "$DEBIAN_KVER"
}

loss_pack() ( # loss_pack FOLDER, in a mount namespace of its own
	set -eu
	dir=$1
	mkdir -p "$dir/up" "$dir/work" "$dir/tree"
	mount -t overlay overlay -o "lowerdir=$DEBIAN_LAYERS,upperdir=$dir/up,workdir=$dir/work" "$dir/tree"
	loss_configure "$dir/tree"
	mount -t proc proc "$dir/tree/proc"
	chroot "$dir/tree" mkinitramfs -o /made "$DEBIAN_KVER"
	loss_fewer_modules "$dir/tree"
	umount "$dir/tree/proc"
	mv "$dir/tree/made" "$dir/initrd"
	cd "$dir/tree"
	tar --exclude=./proc --exclude=./sys --exclude=./dev --exclude=./run --exclude=./tmp --exclude=./usr/share/man \
		--exclude=./usr/share/zoneinfo --exclude=./usr/share/i18n --exclude=./usr/share/info --exclude=./usr/share/bash-completion \
		--exclude=./usr/lib/udev/hwdb.bin --exclude=./usr/lib/udev/hwdb.d --exclude=./var/lib/dpkg/info --exclude=./var/cache --exclude='./usr/bin/perl*' \
		--exclude='./usr/lib/x86_64-linux-gnu/perl*' --exclude=./usr/share/perl5 --exclude=./usr/lib/x86_64-linux-gnu/gconv \
		--exclude='./usr/lib/python3*' --exclude='./usr/bin/python3*' --exclude='./usr/lib/x86_64-linux-gnu/libicu*' \
		--exclude=./usr/lib/grub/x86_64-efi/monolithic --exclude=./usr/lib/apt --exclude='./usr/lib/x86_64-linux-gnu/libapt*' --numeric-owner -cf - . | zstd -q -1 -T0 >"$dir/common.tar.zst"
)

loss_base() {
	local dir=$O/cache/loss is
	stacked_debian
	is="$(cat "$O/cache/stacked/is") $(sha256sum <"$TOP/tests/vm/loss_lib.sh")"
	(
		flock 9
		[ "$(cat "$dir/is" 2>/dev/null)" = "$is" ] && exit 0
		rm -rf --one-file-system "$dir"
		mkdir -p "$dir"
		export -f loss_pack loss_configure loss_fewer_modules
		export DEBIAN_LAYERS DEBIAN_KVER LOSS_MODULES LOSS_TOO
		unshare -m --propagation private bash -c 'loss_pack "$1"' bash "$dir" >"$dir/log" 2>&1 9>&- || { tail -n 20 "$dir/log"; exit 1; }
		rm -rf --one-file-system "$dir/up" "$dir/work" "$dir/tree"
		printf '%s' "$is" >"$dir/is"
	) 9>"$O/cache/loss.lock" || vm_fail "the system that gets lost"
	LOSS_COMMON=$dir/common.tar.zst LOSS_INITRD=$dir/initrd
}

loss_file() {
	mkdir -p "$VM_DIR/own/$(dirname "$1")"
	cat >"$VM_DIR/own/$1"
}

loss_own() {
	mkdir -p "$VM_DIR/backup"
	cp "$LOSS_COMMON" "$VM_DIR/backup/common.tar.zst"
	tar -C "$VM_DIR/own" --numeric-owner --owner=0 --group=0 -cf - . | zstd -q -1 >"$VM_DIR/backup/own.tar.zst"
	mkfs.ext4 -q -F -L BACKUP -d "$VM_DIR/backup" "$VM_DIR/backup.img" 300M >/dev/null
	mkfs.ext4 -q -F -L RESCUE-STATE "$VM_DIR/state.img" 64M >/dev/null
}

loss_recover() {
	local what
	"$RESCUE" image --initramfs "$VM_DIR/rescue.img" --plan "$1" --quiet
	shift
	VM_BAD='PLAN FAILED|Kernel panic|the plan does not run by itself'
	VM_SMP=${VM_SMP:-1} vm_new 1024
	vm_firmware uefi "$VM_DIR/vars.fd"
	VM_DISK_CACHE=unsafe vm_disk "$VM_DIR/target.img" virtio TARGET
	VM_DISK_CACHE=unsafe vm_disk "$VM_DIR/backup.img" virtio
	VM_DISK_CACHE=unsafe vm_disk "$VM_DIR/state.img" virtio
	vm_direct "$VM_KERNEL" "$VM_DIR/rescue.img" "rootfstype=ramfs rescue.auto"
	vm_start
	vm_wait 'PLAN FINISHED|powering off now|PLAN FAILED|FAILED' 250
	for what; do vm_has "$what"; done
	vm_wait 'reboot: Power down|powering off now' 60
	vm_off 60
}

loss_starts() {
	local t=$SECONDS
	VM_SMP=${VM_SMP:-1} vm_new 768
	vm_firmware "$1" "$VM_DIR/vars.fd"
	vm_disk "$VM_DIR/target.img" virtio
	VM_BAD='\(initramfs\)|Kernel panic|emergency mode|grub>'
	vm_start
	vm_wait "$2" 150
	vm_cut
	echo "recovered after $t s, started by itself in $((SECONDS - t)) s"
}
