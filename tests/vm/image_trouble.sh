#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What goes wrong: no state partition, a plan that fails, two disks of one size, no more memory than the report asks for (256 MiB at most), a network plan that never answers, a session that crashes.
. "$(dirname "$0")/lib.sh"
vm_need "$RESCUE" mkfs.ext4 debugfs
cd "$VM_DIR"
cat >plan.yaml <<'END'
plan: 1
name: one of two equal disks
finish: poweroff
devices:
  root: {serial: RIGHT, access: erase, consent: RIGHT}
steps:
  - mkfs: {device: "${root}", type: ext4, label: made}
  - exec: {id: breaks, command: [sh, -c, "echo breaking on purpose; exit 3"], repeatable: yes}
END
"$RESCUE" image --initramfs rescue.img --plan plan.yaml >report
memory=$(sed -n 's/^a machine needs \([0-9]*\) MiB of memory.*/\1/p' report)
[ "$memory" -le 256 ] || vm_fail "256 MiB are not enough: $memory"
for d in wrong right other; do truncate -s 48M $d.img; head -c 1M /dev/urandom | dd of=$d.img conv=notrunc status=none; done
mkfs.ext4 -q -F -L RESCUE-STATE state.img 48M
before=$(cat wrong.img other.img | sha256sum) right=$(sha256sum <right.img)
disks() { vm_disk wrong.img virtio WRONG; vm_disk right.img virtio RIGHT; vm_disk other.img nvme OTHER; }

# Nobody at the console and no RESCUE-STATE: nothing runs, the menu says why, no disk changes. Serial line only.
vm_new "$memory"
vm_direct "$VM_KERNEL" rescue.img "rootfstype=ramfs rescue.auto rescue.wait=1"
disks
vm_start
vm_wait 'your choice' 180
vm_has 'the plan does not run by itself: no partition is labelled RESCUE-STATE'
vm_has_not 'Out of memory|Initramfs unpacking failed|PLAN F'
# A crash of the session is no crash of the machine: PID 1 starts it again, with nothing automatic.
vm_type $'3\n'; vm_wait 'exit. comes back to the menu' 30
vm_type $'kill -SEGV $(cat /proc/1/task/1/children | cut -d" " -f1)\n'
vm_wait 'the rescue session crashed \(signal 11\): starting it again' 30
vm_cut
[ "$before$right" = "$(cat wrong.img other.img | sha256sum)$(sha256sum <right.img)" ] || vm_fail "a disk changed although nothing was asked for"

# Too little memory, here because a tmpfs holds half of it at most: not everything could be unpacked; PID 1 was the first, and says so.
vm_new "$memory"
vm_direct "$VM_KERNEL" rescue.img "rootfstype=tmpfs rescue.wait=1"
vm_start
vm_wait "this machine's memory is too small for the rescue system: files are missing, expect programs to fail" 180
vm_has 'Initramfs unpacking failed'
vm_cut

# A plan that fails: a sentence, the log on the state partition, the command that goes on, a menu; only the named disk of three changed (T57, T58).
vm_new 512
vm_direct "$VM_KERNEL" rescue.img "rootfstype=ramfs rescue.auto"
disks
vm_disk state.img virtio STATE
vm_start
vm_wait 'PLAN FAILED \(exit code 1\)' 180
vm_wait 'your choice' 60
vm_has 'go on with: rescue run /run/rescue/plan.yaml --state /state/runs/'
vm_type $'p\n'
vm_wait 'powering off now' 60
vm_cut
[ "$before" = "$(cat wrong.img other.img | sha256sum)" ] || vm_fail "a disk that the plan does not name changed"
[ "$(blkid -p -s LABEL -o value right.img)" = made ] || vm_fail "the named disk did not get its filesystem"
run=$(debugfs -R 'ls -p /runs' state.img 2>/dev/null | grep -oE '[0-9a-f]{16}' | head -n 1)
debugfs -R "cat /runs/$run/logs/02-breaks.log" state.img 2>/dev/null | grep -q 'breaking on purpose' || vm_fail "no log of the failed step on the state partition"
