# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The machine that gets lost: a real Debian on btrfs with subvolumes, an ESP, a letter in /home. Source vm/lib.sh first.
. "$TOP/tests/debian.sh"
cached_debootstrap
VICTIM=$VM_DIR/tree
VICTIM_UUID=0ddba11e-2222-4222-8222-222222222222        # names identifiers that no longer exist

# victim_tree <WORDS: the tree is mounted at $VICTIM (unmount it); once started, the machine runs WORDS (sh) with the console as output, and ends
victim_tree() {
	local t=$VICTIM m
	mkdir -p "$t" "$VM_DIR/up" "$VM_DIR/work"
	mount -t overlay overlay -o "lowerdir=$DEBIAN,upperdir=$VM_DIR/up,workdir=$VM_DIR/work" "$t"
	printf 'UUID=%s / btrfs subvol=@,subvolid=256 0 0\nUUID=%s /home btrfs subvol=@home 0 0\nUUID=DEAD-BEEF /boot/efi vfat umask=0077 0 1\n' \
		$VICTIM_UUID $VICTIM_UUID >"$t/etc/fstab"
	printf 'GRUB_DEFAULT=0\nGRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="console=ttyS0 panic=1"\nGRUB_TERMINAL=console\nGRUB_DISABLE_OS_PROBER=true\nGRUB_DISABLE_SUBMENU=true\nGRUB_DISABLE_RECOVERY=true\n' >"$t/etc/default/grub"
	chmod -x "$t"/etc/grub.d/{05_debian_theme,20_linux_xen,30_os-prober,30_uefi-firmware,40_custom,41_custom}  # slow in an emulated machine
	mkdir -p "$t/boot/efi" "$t/boot/grub" "$t/home/anna"
	echo "root=UUID=$VICTIM_UUID ro rootflags=subvol=@" >"$t/boot/grub/grub.cfg"
	echo "my letters" >"$t/home/anna/letters"
	echo victim >"$t/etc/hostname"
	{ echo 'exec >/dev/console 2>&1'; cat; echo 'systemctl poweroff'; } >"$t/usr/local/sbin/says-so"
	cat >"$t/etc/systemd/system/says-so.service" <<-'END'
	[Unit]
	Description=Says that this system started by itself
	After=multi-user.target rescue-after-boot.service
	[Service]
	Type=oneshot
	ExecStart=/bin/sh /usr/local/sbin/says-so
	END
	mkdir -p "$t/etc/systemd/system/graphical.target.wants"
	ln -sf ../says-so.service "$t/etc/systemd/system/graphical.target.wants/says-so.service"
	for m in systemd-networkd-wait-online.service systemd-logind.service systemd-hwdb-update.service e2scrub_reap.service getty.target \
		{apt-daily,apt-daily-upgrade,dpkg-db-backup,e2scrub_all,fstrim,systemd-tmpfiles-clean}.timer; do ln -sf /dev/null "$t/etc/systemd/system/$m"; done
	# what nothing here needs
	rm -rf "$t"/usr/share/{man,zoneinfo,i18n,info} "$t/usr/lib/grub/i386-pc"
	for m in infiniband gpu scsi; do rm -rf "$t"/usr/lib/modules/*/kernel/drivers/$m; done
}

# victim_pack FILE: the tree as an archive, and the tree is unmounted. Without what a machine can start without, because thousands of files take minutes in
# an emulated machine; of the kernel's modules only those that are not in the initramfs and that this machine loads.
victim_pack() {
	local t=$VICTIM x
	find "$t"/usr/lib/modules -name '*.ko' ! -name fat.ko ! -name vfat.ko ! -name 'nls_*.ko' ! -name efivarfs.ko -delete
	for x in proc sys dev run tmp usr/share/{man,bash-completion,perl5} usr/lib/udev/hwdb.{bin,d} var/lib/dpkg/info var/cache 'usr/bin/perl*' \
		'usr/lib/x86_64-linux-gnu/perl*' usr/lib/x86_64-linux-gnu/gconv 'usr/lib/python3*' 'usr/lib/x86_64-linux-gnu/libicu*' \
		usr/lib/grub/x86_64-efi/monolithic usr/lib/apt 'usr/lib/x86_64-linux-gnu/libapt*'; do echo "./$x"; done >"$VM_DIR/without"
	tar -C "$t" --exclude-from="$VM_DIR/without" --numeric-owner -cf - . | zstd -q -1 -T0 >"$1"
	umount "$t"
}

# victim_disk: $VM_DIR/target.img, GPT with an ESP and a root partition
victim_disk() {
	truncate -s 1500M "$VM_DIR/target.img"
	printf 'label: gpt\nstart=2048, size=131072, type=U\ntype=L\n' | sfdisk -q "$VM_DIR/target.img"
}
