#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A kernel crashed; the rescue image says so in its banner. Without RESCUE-STATE the records are copied to memory and stay in the firmware; with it they
# are taken, and gone from the firmware, also when ramoops.* on the command line makes efi_pstore, which udev had loaded, give way (T7, T10).
# RESETS=1 (tests/torture/image_ramoops.sh): then the image itself crashes, and after a warm reset collects the record that ramoops kept in memory.
. "$(dirname "$0")/lib.sh"
vm_need "$RESCUE" mkfs.ext4 debugfs
cd "$VM_DIR"
vm_guest crash.cpio mod:efi_pstore mod:efivarfs <<'END'
	echo CRASHING
	echo c >/proc/sysrq-trigger
	sleep 60
END
vm_new 512
vm_firmware uefi vars.fd
vm_direct "$VM_KERNEL" crash.cpio quiet
vm_start
vm_wait CRASHING 120
vm_off 60
"$RESCUE" image --initramfs rescue.img --quiet
mkfs.ext4 -q -F -L RESCUE-STATE state.img 64M

asked=0
# ask COMMAND ANSWER: typed into a shell; the last line that it prints must match ANSWER
ask() {
	asked=$((asked + 1))
	vm_type "$1; echo ANSWE\"RED\" $asked"$'\n'
	vm_wait "^ANSWERED $asked" 30
	vm_text | grep -B 1 "^ANSWERED $asked" | grep -qE "$2" || vm_fail "'$1' did not answer '$2'"
}
shell() {
	vm_wait 'your choice' 180
	vm_type $'3\n'
	vm_wait 'comes back to the menu' 30
}
VARIABLES='ls /sys/firmware/efi/efivars | grep -c dump-type0'

vm_new 512
vm_firmware uefi vars.fd
vm_direct "$VM_KERNEL" rescue.img rootfstype=ramfs
vm_start
shell
vm_has 'found: this machine crashed: .*SysRq.*rescue pstore show --to /state/pstore'
vm_has 'copied to /state/pstore, and left in the firmware: there is no RESCUE-STATE'
ask "$VARIABLES" '^[1-9]'
ask 'grep -c ramoops /proc/modules' '^0'
ask 'rescue pstore show --to /state/pstore | grep -c "sysrq triggered crash"' '^[1-9]'
vm_cut

vm_new 512
vm_resets
vm_firmware uefi vars.fd
vm_direct "$VM_KERNEL" rescue.img 'rootfstype=ramfs memmap=1M$0x10000000 ramoops.mem_address=0x10000000 ramoops.mem_size=0x100000 ramoops.record_size=0x8000'
vm_disk state.img virtio STATE
vm_start
shell
vm_has 'found: this machine crashed: .*SysRq'
vm_has 'records found, .* 0 left'
vm_has 'on RESCUE-STATE:/pstore now, and gone from the firmware'
ask "$VARIABLES" '^0'
ask 'cat /sys/module/pstore/parameters/backend' '^ramoops'
if [ -n "${RESETS:-}" ]; then
	vm_type $'sync; echo c >/proc/sysrq-trigger\n'
	vm_wait 'Kernel panic - not syncing: sysrq' 30
	before=$(vm_text | wc -l)
	eval "whole_$(declare -f vm_text)"
	vm_text() { whole_vm_text | tail -n "+$before"; }        # what comes behind the crash
	shell
	vm_has 'found: this machine crashed: .*SysRq'
	vm_has '1 records found, 1 newly stored in /state/pstore, 1 erased, 0 left'
	ask 'ls /sys/fs/pstore | wc -l' '^0'
fi
vm_type $'exit\n'; sleep 1; vm_type $'p\n'
vm_wait 'powering off now' 60
vm_cut
stored=$(debugfs -R 'ls -p /pstore' state.img 2>/dev/null)
grep -q -- '-efi-panic' <<<"$stored" || vm_fail "the first crash is not on the state partition: $stored"
[ -z "${RESETS:-}" ] || grep -q -- '-ramoops-panic' <<<"$stored" || vm_fail "the crash of the image is not on the state partition: $stored"
