#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Power cuts (SIGKILL of the machine, disks written through) at random instants of an unattended recovery, booted again until it is done; then the
# recovered filesystem must equal the lost one. CUTS (default 50) over as many recoveries as it takes; SEED repeats a sequence.
. "$(dirname "$0")/../vm/lib.sh"
. "$(dirname "$0")/../vm/recovery_lib.sh"
RANDOM=${SEED:-$$}
echo "seed ${SEED:-$$}"
cuts=0 recoveries=0
VM_BAD='PLAN FAILED|Kernel panic'
while [ $cuts -lt "${CUTS:-50}" ]; do
	RECOVERY_FS=$([ $((recoveries % 2)) = 0 ] && echo btrfs || echo ext4)
	rm -f "$VM_DIR/target.img" "$VM_DIR/backup.img" "$VM_DIR/state.img"
	recovery_disks >/dev/null
	recovery_plan "$VM_DIR/plan.yaml" poweroff
	"$RESCUE" image --initramfs "$VM_DIR/rescue.img" --plan "$VM_DIR/plan.yaml" --quiet
	mkfs.ext4 -q -F -L RESCUE-STATE "$VM_DIR/state.img" 64M
	done=
	for ((boot = 1; ; boot++)); do
		vm_new 512
		vm_direct "$VM_KERNEL" "$VM_DIR/rescue.img" "rootfstype=ramfs quiet rescue.auto"
		vm_disk "$VM_DIR/target.img" "$([ $((recoveries % 2)) = 0 ] && echo nvme || echo virtio)" TARGET
		vm_disk "$VM_DIR/backup.img" virtio BACKUP
		vm_disk "$VM_DIR/state.img" virtio STATE
		vm_start
		if [ $boot -le "${CUTS_PER_RUN:-7}" ] && [ $cuts -lt "${CUTS:-50}" ]; then
			vm_wait 'running the plan|finished in an earlier boot' 240
			vm_text | grep -q 'finished in an earlier' && { vm_cut; break; }
			sleep "$(awk -v r=$RANDOM 'BEGIN { printf "%.2f", r / 32767 * 9 }')"
			vm_alive || { vm_gone; break; }
			vm_cut
			cuts=$((cuts + 1))
		else
			vm_wait 'PLAN FINISHED|finished in an earlier boot' 300
			vm_wait 'powering off now|your choice' 60
			vm_cut
			break
		fi
	done
	recovery_check
	recoveries=$((recoveries + 1))
	echo "recovery $recoveries ($RECOVERY_FS): $boot boots, equal; $cuts cuts so far"
done
echo "$cuts power cuts over $recoveries recoveries: nothing lost"
