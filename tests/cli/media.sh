#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Media without booting them: the same bytes for the same inputs in another folder; a signature that the right certificate proves and the wrong
# one does not; the drivers of this machine.
. "$(dirname "$0")/../lib.sh"
need mkfs.ext4 mkfs.vfat mcopy xorriso grub-mkimage sbsign sbverify openssl cpio zstd modprobe
kernel=$(for k in /boot/vmlinuz-*; do [ -d "/lib/modules/${k#/boot/vmlinuz-}/kernel" ] && echo "$k"; done 2>/dev/null | sort -V | tail -n 1)
[ -n "$kernel" ] || { echo "no kernel with modules is installed"; exit 77; }
release=${kernel#/boot/vmlinuz-}
image() { "$RESCUE" image --kernel "$release" "$@"; }
modules() { zstd -dcq "$1" | cpio -it --quiet 2>/dev/null | sed -n 's|.*/\([^/]*\)\.ko.*|\1|p' | tr - _ | sort; }

# every output twice, by other paths, from another folder, at another second, with another number of threads
mkdir "$W/a" "$W/b" "$W/b/deep"
image --usb "$W/a/usb" --iso "$W/a/iso" --uki "$W/a/uki" --initramfs "$W/a/img" --netboot "$W/a/net" >"$W/first"
sleep 1.1
cd "$W/b"
image --usb deep/stick.img --iso x.iso --uki x.efi --initramfs x --netboot deep/net --threads 3 --quiet
cd /
cmp "$W/a/usb" "$W/b/deep/stick.img" && cmp "$W/a/iso" "$W/b/x.iso" && cmp "$W/a/uki" "$W/b/x.efi" && cmp "$W/a/img" "$W/b/x" || fail "two builds differ"
diff -r "$W/a/net" "$W/b/deep/net" || fail "two netboot folders differ"
rm -r "$W/b"
[ "$(stat -c %s "$W/a/img")" -lt 67108864 ] || fail "T95: an initramfs of $(stat -c %s "$W/a/img") bytes is more than every loader takes"
# and time is an input (a short list is enough from here on)
printf 'prog busybox\napplet sh\n' >"$W/list"
SOURCE_DATE_EPOCH=1700000000 image --list "$W/list" --iso "$W/later" --quiet
! cmp -s "$W/a/iso" "$W/later" || fail "SOURCE_DATE_EPOCH changed nothing"
xorriso -indev "$W/later" -pvd_info 2>/dev/null | grep -q '^Creation Time: *20231114221320' || fail "the ISO does not carry SOURCE_DATE_EPOCH"
rm "$W/later"

# signed: by this key and no other; still the same kernel inside
for k in own other; do
	openssl req -new -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$k" -keyout "$W/$k.key" -out "$W/$k.crt" 2>/dev/null
done
image --list "$W/list" --uki "$W/signed" --sign-key "$W/own.key" --sign-cert "$W/own.crt" >"$W/report"
grep -q 'unified kernel image, signed' "$W/report" || fail "the report does not say that it is signed"
sbverify --cert "$W/own.crt" "$W/signed" >"$W/verified" 2>&1 || fail "the signature does not verify"
! grep -q 'gap' "$W/verified" || fail "firmware may see other bytes than those signed: $(cat "$W/verified")"
! sbverify --cert "$W/other.crt" "$W/signed" >/dev/null 2>&1 || fail "a foreign certificate verifies it"
objcopy -O binary --only-section=.linux "$W/signed" "$W/inside"
cmp -n "$(stat -c %s "$kernel")" "$kernel" "$W/inside" || fail "the kernel in the signed image is another"
refuses 1 "sbsign" "$RESCUE" image --kernel "$release" --list "$W/list" --uki "$W/out" --sign-key "$W/own.key" --sign-cert "$W/other.crt"
refuses 2 "belong together" "$RESCUE" image --kernel "$release" --uki "$W/out" --sign-key "$W/own.key"
[ -z "$(ls "$W" | grep ^out)" ] || fail "a signature that failed left $(ls "$W" | grep ^out)"

# signed loaders from a folder, as Fedora keeps them: they are taken, and the menu is where that vendor's GRUB looks; a folder without them is refused
mkdir -p "$W/EFI/fedora" "$W/EFI/none"
echo "a shim" >"$W/EFI/fedora/shimx64.efi"; echo "a grub" >"$W/EFI/fedora/grubx64.efi"; echo "a manager" >"$W/EFI/fedora/mmx64.efi"
image --list "$W/list" --usb "$W/fedora" --loaders "$W/EFI/fedora" >"$W/report"
esp=$W/fedora@@$(($(sfdisk -d "$W/fedora" | sed -n 's/.*start= *\([0-9]*\),.*C12A7328.*/\1/p') * 512))
for f in BOOTX64.EFI:shim grubx64.efi:grub mmx64.efi:manager; do
	equal "$(mtype -i "$esp" "::/EFI/BOOT/${f%:*}")" "a ${f#*:}" "${f%:*} on the medium"
done
mtype -i "$esp" ::/EFI/fedora/grub.cfg | cmp - <(mtype -i "$esp" ::/EFI/BOOT/grub.cfg) || fail "the menu is not in \\EFI\\fedora"
refuses 1 "none': there is no shimx64.efi with a grubx64.efi beside it" "$RESCUE" image --kernel "$release" --list "$W/list" --usb "$W/out" --loaders "$W/EFI/none"
[ ! -e "$W/out" ] || fail "a refused build left a file"

# T100: a loader that this machine's firmware has revoked is told at once; the installed one is not revoked by its own shim
! grep -q 'is revoked by' "$W/first" || fail "the installed GRUB is revoked"
mkdir "$W/efi"
printf '\7\0\0\0sbat,1,2099010100\ngrub,99\n' >"$W/efi/SbatLevelRT-605dab50-e046-4300-abb6-3dd810dd8b23"
EFIVARFS_PATH=$W/efi image --list "$W/list" --iso "$W/revoked" >"$W/report"
grep -q "warning: .*grubx64.efi.signed' is revoked by this machine's firmware (grub is generation .*, the least that starts is 99)" "$W/report" ||
	fail "a revoked loader is not told: $(cat "$W/report")"
rm "$W/revoked"

# a full disk: a sentence, and nothing is left of any output
if [ "$(id -u)" = 0 ]; then
	mkdir "$W/small"
	mount -t tmpfs -o size=20M tmpfs "$W/small"
	for out in usb iso uki netboot; do           # the initramfs itself fits
		refuses 1 "" "$RESCUE" image --kernel "$release" --list "$W/list" --$out "$W/small/out"
		[ -z "$(ls -A "$W/small")" ] || fail "--$out left $(ls -AR "$W/small") on a full disk"
		grep -qiE 'no space|full' "$W/refuses.out" || fail "--$out does not say that the disk is full: $(cat "$W/refuses.out")"
	done
	mkdir "$W/small/out"                         # one from an earlier build stays as it was
	for f in .rescue-netboot vmlinuz initramfs.img mine; do echo $f >"$W/small/out/$f"; done
	refuses 1 "No space left on device" "$RESCUE" image --kernel "$release" --list "$W/list" --netboot "$W/small/out"
	[ "$(cd "$W/small/out" && ls -A | tr '\n' ' ')" = ".rescue-netboot initramfs.img mine vmlinuz " ] && [ "$(cat "$W/small/out/vmlinuz")" = vmlinuz ] ||
		fail "a full disk changed an earlier folder"
	umount "$W/small"
fi

# this machine: fewer drivers; but each driver that a device of this machine asks for, and that --generic has, is there
image --this-machine --initramfs "$W/here" --quiet
modules "$W/a/img" >"$W/generic"
modules "$W/here" >"$W/mine"
[ "$(wc -l <"$W/mine")" -lt "$(wc -l <"$W/generic")" ] || fail "--this-machine takes as many modules as --generic"
[ -z "$(comm -13 "$W/generic" "$W/mine")" ] || fail "--this-machine takes more than --generic: $(comm -13 "$W/generic" "$W/mine")"
find /sys/devices -name modalias -exec cat {} + | sort -u | while read -r a; do modprobe -S "$release" -R -- "$a" 2>/dev/null || true; done | tr - _ | sort -u >"$W/asked"
[ -z "$(comm -12 "$W/asked" "$W/generic" | comm -23 - "$W/mine")" ] || fail "not aboard: $(comm -12 "$W/asked" "$W/generic" | comm -23 - "$W/mine")"
grep -qx vfat "$W/mine" || fail "vfat is not aboard: what a plan mounts is always there"
echo "modules: $(wc -l <"$W/generic") generic, $(wc -l <"$W/mine") for this machine; $(wc -l <"$W/asked") asked for"
