#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# rescue image: the same bytes twice, and every kind of bad input with its sentence and nothing left behind.
. "$(dirname "$0")/../lib.sh"
need mkfs.ext4 cpio zstd
kernel=$(for k in /boot/vmlinuz-*; do [ -d "/lib/modules/${k#/boot/vmlinuz-}/kernel" ] && echo "$k"; done 2>/dev/null | sort -V | tail -n 1)
[ -n "$kernel" ] || { echo "no kernel with modules is installed"; exit 77; }
release=${kernel#/boot/vmlinuz-}
image() { "$RESCUE" image "$@"; }

# the same inputs, two folders, another number of threads, another time: the same bytes
mkdir "$W/a" "$W/b"
image --kernel "$release" --initramfs "$W/a/i" --threads 1 >"$W/report"
sleep 1
image --kernel "$release" --initramfs "$W/b/other-name" --threads 3 --quiet
cmp "$W/a/i" "$W/b/other-name" || fail "two builds of the same inputs differ"
grep -qE '^  kernel modules +[0-9]+ files' "$W/report" || fail "the report does not say how big the modules are"
zstd -dcq "$W/a/i" | cpio -it --quiet 2>/dev/null >"$W/names"
for f in init usr/sbin/rescue usr/bin/busybox usr/sbin/mkfs.ext4 usr/bin/btrfs usr/lib/systemd/systemd-udevd "usr/lib/modules/$release/modules.dep.bin" etc/rescue/complete; do
	grep -qx "$f" "$W/names" || fail "$f is not aboard"
done
[ "$(head -n 1 "$W/names")" = init ] || fail "PID 1 is not the first file"
[ "$(tail -n 1 "$W/names")" = etc/rescue/complete ] || fail "the proof of completeness is not the last file"
! grep -qE '69-lvm.rules|64-md-raid-assembly' "$W/names" || fail "a udev rule that activates things is aboard"

# bad input: exit code, sentence, and no output
bad() { # bad CODE SENTENCE ARGS...
	local code=$1 sentence=$2
	shift 2
	refuses "$code" "$sentence" "$RESCUE" image --initramfs "$W/out" "$@"
	[ -z "$(ls "$W" | grep '^out')" ] || fail "something was left behind: $(ls "$W")"
}
printf 'prog busybox\napplet sh\nmodule no_such_module\n' >"$W/list"
bad 1 "kernel $release has no module 'no_such_module'" --kernel "$release" --list "$W/list"
printf 'prog busybox\napplet sh\nprog no-such-tool\n' >"$W/list"
bad 1 "list:3: program 'no-such-tool' is not installed" --kernel "$release" --list "$W/list"
mkdir "$W/modules"
bad 1 "modules.dep.bin' is missing: run 'depmod $release' first" --kernel "$release" --modules "$W/modules"
bad 1 "no modules of kernel 9.9.9-none" --kernel 9.9.9-none
bad 1 "not a Linux kernel image" --kernel /bin/sh
bad 1 "'relative/path': give an absolute path" --kernel "$release" --add relative/path
bad 1 "No such file or directory" --kernel "$release" --add /no/such/file
printf 'plan: 1\nsteps: [\n' >"$W/plan.yaml"
bad 1 "plan.yaml:" --kernel "$release" --plan "$W/plan.yaml"
printf 'plan: 1\nname: x\nsteps:\n  - exec: {command: [no-such-tool-9, x]}\n' >"$W/plan.yaml"
bad 1 "step 'exec' runs 'no-such-tool-9', which is not aboard" --kernel "$release" --plan "$W/plan.yaml"
# what each step type runs: not aboard, so no image
printf 'prog busybox\napplet sh true\n' >"$W/list"
while IFS='|' read -r tool package step; do
	printf 'plan: 1\nname: x\ndevices:\n  a: {serial: A, access: erase, consent: A}\n  b: {serial: B}\n  c: {label: C, access: write}\nsteps:\n  - %s\n' "$step" >"$W/plan.yaml"
	bad 1 "plan.yaml:8:5: ${step%%:*}: step '${step%%:*}' runs '$tool', which is not aboard: install $package" --kernel "$release" --list "$W/list" --plan "$W/plan.yaml"
done <<'END'
mkfs.btrfs|btrfs-progs|mkfs: {device: "${a}", type: btrfs}
mke2fs|e2fsprogs|mkfs: {device: "${a}", type: ext4}
mkfs.xfs|xfsprogs|mkfs: {device: "${a}", type: xfs}
mkfs.vfat|dosfstools|mkfs: {device: "${a}", type: vfat}
mkswap|util-linux|mkfs: {device: "${a}", type: swap}
cryptsetup|cryptsetup-bin|luks-open: {device: "${b}", name: n, key-file: /k}
lvm|lvm2|lvm-activate: {group: g, devices: ["${b}"]}
mdadm|mdadm|md-assemble: {devices: ["${b}"], name: n}
dmsetup|dmsetup|extract: {from: "${b}", to: "${c}:/out"}
ddrescue|gddrescue|image-device: {from: "${b}", to: "${c}:/out"}
bextract|bacula-sd|bacula-restore: {engine: bextract, volumes: "${b}:/v", bsr: "${b}:/b", to: /target}
bconsole|bacula-console and bacula-fd|bacula-restore: {engine: bconsole, to: /target, client: c, fileset: f}
END
printf 'plan: 1\nname: x\nsteps:\n  - reboot: {command: [no-such-tool-9, x]}\n' >"$W/plan.yaml"
bad 1 "step 'reboot' runs 'no-such-tool-9', which is not aboard" --kernel "$release" --list "$W/list" --plan "$W/plan.yaml"
printf 'plan: 1\nname: x\nsteps:\n  - exec: {command: ["true"], repeatable: yes}\n' >"$W/plan.yaml"
image --kernel "$release" --list "$W/list" --plan "$W/plan.yaml" --initramfs "$W/out" --quiet && rm "$W/out" || fail "a plan whose tools are aboard is refused"
bad 2 "not a number from 0 to 19" --level 20
bad 2 "exclude each other" --generic --this-machine
refuses 2 "nothing to write" "$RESCUE" image
refuses 1 "--netboot needs the name of a folder" "$RESCUE" image --kernel "$release" --netboot ""
mkdir "$W/foreign"; echo mine >"$W/foreign/file"
refuses 1 "holds other files" "$RESCUE" image --kernel "$release" --netboot "$W/foreign"
[ "$(ls -A "$W/foreign")" = file ] || fail "the foreign folder was changed"

# an output never replaces an input, a device or a link
cp "$W/list" "$W/keys"
refuses 1 "is the same file as the input" "$RESCUE" image --kernel "$release" --ssh-keys "$W/keys" --initramfs "$W/keys"
ln -s target "$W/link"
refuses 1 "is not a regular file" "$RESCUE" image --kernel "$release" --initramfs "$W/link"
refuses 1 "is not a regular file" "$RESCUE" image --kernel "$release" --initramfs /dev/null
[ -c /dev/null ] || fail "/dev/null was replaced"

# firmware that a module names and nobody has is a note; a file that cannot be read is an error (asked without root)
image --kernel "$release" --firmware "$W/modules" --initramfs "$W/out" >"$W/report" && rm "$W/out"
if grep -rqs . "/lib/modules/$release/kernel/drivers/net/ethernet" && modinfo -k "$release" -F firmware mlx5_core 2>/dev/null | grep -q .; then
	grep -q 'note: firmware that modules name and this system does not have' "$W/report" || fail "missing firmware is not told"
fi
if [ "$(id -u)" = 0 ]; then
	echo secret >"$W/secret"; chmod 600 "$W/secret"; chmod 755 "$W"; mkdir -m 777 "$W/open"
	mkdir "$W/bin" && cp "$RESCUE" "$(dirname "$RESCUE")/init" "$W/bin"  # a home folder, where this may have been built, is closed to others
	refuses 1 "Permission denied" setpriv --reuid 65534 --regid 65534 --clear-groups "$W/bin/rescue" image --kernel "$release" --initramfs "$W/open/out" --add "$W/secret:/secret"
	[ -z "$(ls "$W/open")" ] || fail "something was left behind"
	# without root, everything else works
	setpriv --reuid 65534 --regid 65534 --clear-groups "$W/bin/rescue" image --kernel "$release" --initramfs "$W/open/out" --quiet
	cmp "$W/open/out" "$W/a/i" || fail "root and nobody build different images"
	# full disk: no half image
	mkdir "$W/small"; mount -t tmpfs -o size=8M tmpfs "$W/small"
	refuses 1 "No space left on device" "$RESCUE" image --kernel "$release" --initramfs "$W/small/out"
	[ -z "$(ls -A "$W/small")" ] || fail "a full disk left $(ls -A "$W/small")"
fi
