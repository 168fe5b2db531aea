# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Sourced by pstore_*.sh: machines with OVMF, NVRAM that outlives them ($PS_NVRAM) and one ext4 disk ($PS_DISK), whose kernels crash and whose
# next boot collects. The guest's script knows from $BOOT (1, 2, ...; counted on the disk) which boot it is.
#
#   ps_new 2M|4M               fresh NVRAM (56 or 252 KiB for variables) and a fresh disk
#   ps_guest <<'END'           the guest's script; it calls crash, reboot -f or poweroff -f; helpers: pstore, crash, failed WORDS
#   ps_boot SECONDS [reset]    runs until the machine goes off; with `reset` resets stay inside QEMU (memory survives); fails on "JOB FAILED"
#   ps_files                   the disk's files in $PS_FILES, after e2fsck
# shellcheck source=tests/vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
vm_need mkfs.ext4 debugfs e2fsck modprobe modinfo

PS_CMDLINE=
PS_ARGS=()
PS_ITEMS=()
PS_MEM=512
PS_NVRAM=$VM_DIR/nvram.fd
PS_DISK=$VM_DIR/disk.img
PS_FILES=$VM_DIR/files

ps_new() {
	case $1 in
	2M) PS_OVMF=/usr/share/OVMF/OVMF_CODE.fd; vm_need /usr/share/OVMF/OVMF_VARS.fd; cp /usr/share/OVMF/OVMF_VARS.fd "$PS_NVRAM" ;;
	4M) PS_OVMF=/usr/share/OVMF/OVMF_CODE_4M.fd; vm_need /usr/share/OVMF/OVMF_VARS_4M.fd; cp /usr/share/OVMF/OVMF_VARS_4M.fd "$PS_NVRAM" ;;
	esac
	vm_need "$PS_OVMF"
	rm -f "$PS_DISK"
	truncate -s "${PS_DISK_SIZE:-64M}" "$PS_DISK"
	mkfs.ext4 -q -F -b 1024 "$PS_DISK"
}

ps_module() {
	modinfo -k "$VM_KVER" -F filename "$1" 2>/dev/null || vm_fail "the kernel has no module $1"
}

# ps_crasher null|bug|gpf MODULE: adds /mod/KIND.ko to the guest, a module that crashes the kernel (an oops, not a panic) when it is loaded
ps_crasher() {
	python3 "$TOP/tests/fixtures/pstore/crashing_module.py" "$1" "$(ps_module "$2")" "$VM_DIR/$1.ko"
	PS_ITEMS+=("$VM_DIR/$1.ko:/mod/$1.ko")
}

ps_guest() {
	local items=(mod:virtio_pci mod:virtio_blk mod:efivarfs "$(ps_module efi-pstore):/mod/efi-pstore.ko")
	[ -z "${PS_WITHOUT_RESCUE:-}" ] && items+=("$RESCUE:/bin/rescue")
	{ cat <<'END'
n=0
while [ ! -b /dev/vda ] && [ $n -lt 100 ]; do usleep 100000; n=$((n + 1)); done
failed() { echo "JOB FAILED: $*"; sync; poweroff -f; sleep 60; }
mkdir -p /disk
mount -t ext4 /dev/vda /disk || failed "no disk"
BOOT=$(($(cat /disk/boot 2>/dev/null || echo 0) + 1))
echo $BOOT >/disk/boot
sync
echo 1 >/proc/sys/kernel/sysrq
pstore() { insmod /mod/efi-pstore.ko "$@" && mount -t pstore pstore /sys/fs/pstore; }
crash() { sync; echo c >/proc/sysrq-trigger; sleep 60; }
E=/sys/firmware/efi/efivars
P=/sys/fs/pstore
records() { ls $P | wc -l; }
variables() { ls $E | grep -c '^dump-type'; }
echo "JOB BOOT $BOOT"
END
	cat; } | vm_guest "$VM_DIR/guest.cpio" "${items[@]}" "${PS_ITEMS[@]}"
}

ps_start() {
	vm_new "$PS_MEM"
	[ "${1:-}" != reset ] || vm_resets
	VM_ARGS+=(-kernel "$VM_KERNEL" -initrd "$VM_DIR/guest.cpio" -append "console=ttyS0 panic=1 loglevel=${PS_LOGLEVEL:-4} $PS_CMDLINE"
		-drive "if=pflash,format=raw,unit=0,readonly=on,file=$PS_OVMF" -drive "if=pflash,format=raw,unit=1,file=$PS_NVRAM" "${PS_ARGS[@]}")
	vm_disk "$PS_DISK" virtio
	vm_start
}

ps_boot() {
	ps_start "${2:-}"
	vm_off "$1"
	vm_text >>"$VM_DIR/said"
	if vm_text | grep -q 'JOB FAILED'; then vm_fail "$(vm_text | grep 'JOB FAILED')"; fi
}

# ps_said REGEX: some boot of this test printed such a line
ps_said() {
	grep -qE -- "$1" "$VM_DIR/said" || vm_fail "no boot said '$1'"
}

ps_files() {
	rm -rf "$PS_FILES"
	mkdir "$PS_FILES"
	e2fsck -p "$PS_DISK" >"$VM_DIR/e2fsck" 2>&1 || [ $? -le 1 ] || vm_fail "the guest's disk: $(cat "$VM_DIR/e2fsck")"
	debugfs -R "rdump / $PS_FILES" "$PS_DISK" >/dev/null 2>&1
}
