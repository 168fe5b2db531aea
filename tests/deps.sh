#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what `build`, `demo` or `check` (the default) needs on Debian or Ubuntu.
# Does nothing, quickly, when everything is there already.
set -eu

build="gcc make pkg-config git libc6-dev libblkid-dev libmount-dev libfdisk-dev libbtrfsutil-dev
 libarchive-dev libyaml-dev libefivar-dev libefiboot-dev libkmod-dev libssl-dev
 zlib1g-dev libdeflate-dev libzstd-dev liblzo2-dev liblz4-dev libxxhash-dev libacl1-dev libattr1-dev nettle-dev liblzma-dev libbz2-dev"
demo="$build btrfs-progs e2fsprogs dosfstools xfsprogs util-linux fdisk tar zstd attr acl"
check="$demo clang libclang-rt-14-dev llvm valgrind libcmocka-dev python3 mtools gdisk rsync strace
 xz-utils lzop cpio kmod udev busybox-static cryptsetup-bin lvm2 mdadm dmsetup smartmontools nano
 kbd console-data ca-certificates dropbear-bin openssh-client
 qemu-system-x86 qemu-utils ovmf seabios debootstrap dracut-core xorriso squashfs-tools
 grub-efi-amd64-bin grub-efi-amd64-signed shim-signed grub-pc-bin grub-common grub2-common
 systemd-boot-efi sbsigntool efibootmgr
 linux-image-cloud-amd64 gddrescue
 bacula-sd bacula-fd bacula-director bacula-director-sqlite3 bacula-console sqlite3
 libarchive-tools hyperfine man-db"

want=${1:-check}
case $want in
build) list=$build ;;
demo) list=$demo ;;
check) list=$check ;;
*) echo "usage: tests/deps.sh [build|demo|check]" >&2; exit 2 ;;
esac

missing=
for p in $list; do
	s=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)
	[ "$s" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "tests/deps.sh: these packages are missing, run it as root:$missing" >&2
	exit 1
fi
echo "tests/deps.sh: installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 $missing >/dev/null
