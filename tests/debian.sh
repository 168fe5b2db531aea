# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# cached_debootstrap: a small real Debian with kernel, GRUB and initramfs-tools, made once (about a minute) and kept in $O/cache/debian.
# Sets $DEBIAN (the folder; never write to it: copy it, or put an overlay over it) and $DEBIAN_KVER. Skips the test when it cannot be had.
DEBIAN_PACKAGES=linux-image-cloud-amd64,initramfs-tools,grub-efi-amd64-bin,grub-pc-bin,grub2-common,btrfs-progs,dosfstools,systemd-sysv,udev,zstd

# first of apt's own sources that is Debian's; security and updates come on top of it
debian_mirror() {
	apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 2>/dev/null | awk -v c="$1" '$2 == c { print $1; exit }'
}

cached_debootstrap() {
	local codename mirror dir=$O/cache/debian
	DEBIAN=$dir
	[ "$(id -u)" = 0 ] || { echo "this test wants root"; exit 77; }
	command -v debootstrap >/dev/null || { echo "debootstrap is not installed"; exit 77; }
	mkdir -p "$O/cache"
	(
		flock 9
		[ "$(cat "$dir.is" 2>/dev/null)" = "$DEBIAN_PACKAGES" ] && exit 0
		codename=$(. /etc/os-release; echo "${VERSION_CODENAME:-bookworm}")
		mirror=$(debian_mirror "$codename")
		rm -rf --one-file-system "$dir" "$dir.is"
		debootstrap --variant=minbase --merged-usr --include=$DEBIAN_PACKAGES "$codename" "$dir" ${mirror:+"$mirror"} \
			>"$dir.log" 2>&1 9>&- || { tail -n 20 "$dir.log"; exit 1; }
		rm -rf "$dir"/var/cache/apt/archives/*.deb "$dir"/var/lib/apt/lists/* "$dir"/usr/share/doc/* "$dir"/usr/share/locale/*
		printf '%s' "$DEBIAN_PACKAGES" >"$dir.is"
	) 9>"$O/cache/debian.lock" || { echo "debootstrap failed"; exit 1; }
	DEBIAN_KVER=$(basename "$(ls -d "$dir"/lib/modules/*-amd64 | head -n 1)")
}

# debian_layer NAME "PACKAGES": these packages on top of that Debian, kept in $O/cache/NAME. Sets $DEBIAN_LAYERS, the lowerdir= of an overlay that is
# all of it.
layer_install() (
	set -e
	dir=$1
	mkdir -p "$dir/up" "$dir/work" "$dir/tree"
	mount -t overlay overlay -o "lowerdir=$DEBIAN,upperdir=$dir/up,workdir=$dir/work" "$dir/tree"
	mount -t proc proc "$dir/tree/proc"
	cp -L /etc/resolv.conf "$dir/tree/etc/resolv.conf"
	printf '#!/bin/sh\nexit 101\n' >"$dir/tree/usr/sbin/policy-rc.d"
	chmod 755 "$dir/tree/usr/sbin/policy-rc.d"
	mkdir -p "$dir/tree/etc/initramfs-tools"
	echo 'update_initramfs=no' >"$dir/tree/etc/initramfs-tools/update-initramfs.conf"
	chroot "$dir/tree" sh -c "export DEBIAN_FRONTEND=noninteractive; apt-get -q update && apt-get -q -y --no-install-recommends install $2"
	printf 'update_initramfs=yes\nbackup_initramfs=no\n' >"$dir/tree/etc/initramfs-tools/update-initramfs.conf"
	rm -rf "$dir"/tree/var/cache/apt/* "$dir"/tree/var/lib/apt/lists/* "$dir"/tree/usr/share/doc/* "$dir/tree/usr/sbin/policy-rc.d" "$dir/tree/etc/resolv.conf"
)

debian_layer() {
	local dir=$O/cache/$1 packages=$2 is
	cached_debootstrap
	is="$packages over $(stat -c %Y "$DEBIAN.is")"
	(
		flock 9
		[ "$(cat "$dir/is" 2>/dev/null)" = "$is" ] && exit 0
		rm -rf --one-file-system "$dir"
		mkdir -p "$dir"
		export -f layer_install
		export DEBIAN
		unshare -m --propagation private bash -c 'layer_install "$1" "$2"' bash "$dir" "$packages" >"$dir/log" 2>&1 9>&- || { tail -n 20 "$dir/log"; exit 1; }
		printf '%s' "$is" >"$dir/is"
	) 9>"$O/cache/$1.lock" || { echo "the packages $packages cannot be had"; exit 1; }
	DEBIAN_LAYERS=$dir/up:$DEBIAN
}

# stacked_debian: LVM, LUKS and XFS. other_debian: dracut instead of initramfs-tools, systemd-boot, SELinux
stacked_debian() { debian_layer stacked "lvm2 cryptsetup-initramfs xfsprogs"; }
other_debian() { debian_layer other "dracut systemd-boot policycoreutils selinux-policy-default"; }

# cached_full_kernel: Debian's kernel for real machines (not the one for clouds), fetched and unpacked once, never installed.
# Sets $FULL_KERNEL (the folder) and $FULL_KVER. Skips the test when it cannot be had.
cached_full_kernel() {
	local package dir=$O/cache/full-kernel
	apt-cache show linux-image-amd64 >/dev/null 2>&1 || apt-get -qq update
	package=$(apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image-[0-9]/ { print $2; exit }')
	[ -n "$package" ] || { echo "apt does not know linux-image-amd64"; exit 77; }
	mkdir -p "$O/cache"
	(
		flock 9
		[ "$(cat "$dir.is" 2>/dev/null)" = "$package" ] && exit 0
		rm -rf "$dir" "$dir.is" "$dir.deb"
		mkdir -p "$dir.deb"
		cd "$dir.deb"
		apt-get -qq -o APT::Sandbox::User=root download "$package" 9>&- || exit 1
		dpkg-deb -x ./*.deb "$dir"
		depmod -b "$dir" "${package#linux-image-}"
		rm -r "$dir.deb"
		printf '%s' "$package" >"$dir.is"
	) 9>"$O/cache/full-kernel.lock" || { echo "$package cannot be fetched"; exit 1; }
	FULL_KERNEL=$dir FULL_KVER=${package#linux-image-}
}
