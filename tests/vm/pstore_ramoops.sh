#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One machine, never switched off: a panic into EFI variables, a warm reset, a panic into ramoops, a warm reset. Then efi_pstore holds pstore. Without
# `ramoops.*` on the kernel command line ramoops is not loaded, so that nothing erases its records (T7). With it, efi_pstore gives way, ramoops gets the
# geometry of the crashed kernel, and both crashes are collected, the first from efivarfs alone (T10).
. "$(dirname "$0")/pstore_lib.sh"
vm_need python3
printf 'efi-pstore.ko:\nramoops.ko: reed_solomon.ko\nreed_solomon.ko:\n' >"$VM_DIR/modules.dep"
PS_ITEMS=("$VM_DIR/modules.dep:/lib/modules/$VM_KVER/modules.dep")
for m in efi-pstore ramoops reed_solomon; do PS_ITEMS+=("$(ps_module $m):/lib/modules/$VM_KVER/$m.ko"); done
ps_crasher null ts_bm
ps_new 2M
ps_guest <<'END'
M=/lib/modules/$(uname -r)
ram() {
	insmod $M/reed_solomon.ko
	insmod $M/ramoops.ko mem_address=0x10000000 mem_size=0x100000 record_size=0x4000 ecc=1
	mount -t pstore pstore $P
}
if [ $BOOT = 1 ]; then pstore || failed pstore; crash; fi
if [ $BOOT = 2 ]; then ram || failed ramoops; insmod /mod/null.ko; crash; fi
pstore || failed pstore
echo "SHOWN $(ls $P | grep -c efi) $(ls $P | grep -c ramoops) VARIABLES $(variables)"
sed 's/ramoops\.[^ ]*//g' /proc/cmdline >/tmp/cmdline
mount --bind /tmp/cmdline /proc/cmdline
rescue pstore list --to /disk/store >/dev/null || failed list
grep -q '^ramoops ' /proc/modules && failed "ramoops was loaded without its geometry"
umount /proc/cmdline
rescue pstore list --to /disk/store
echo "BACKEND $(cat /sys/module/pstore/parameters/backend) SHOWN $(ls $P | tr '\n' ' ')"
rescue pstore --to /disk/store; echo "RC $?"
echo "LEFT $(records) $(variables)"
sync
poweroff -f
END
PS_CMDLINE='memmap=1M$0x10000000 ramoops.mem_address=0x10000000 ramoops.mem_size=0x100000 ramoops.record_size=0x4000 ramoops.ecc=1' ps_boot 600 reset
vm_has '^SHOWN [1-9][0-9]* 0 VARIABLES [1-9]'
vm_has '^BACKEND ramoops SHOWN dmesg-ramoops-0 dmesg-ramoops-1 '
vm_has '^RC 0$'
vm_has '^LEFT 0 0$'
vm_has 'records are in efivarfs only'
ps_files
python3 - "$PS_FILES/store" <<'END'
import json, os, sys
lines = sorted((r['backend'], r['reason'], r['explanation']['line']) for r in (json.load(open(sys.argv[1] + '/' + d + '/report.json')) for d in os.listdir(sys.argv[1])))
for l in lines: print(*l)
assert [(b, r) for b, r, _ in lines] == [('efi', 'Panic'), ('ramoops', 'Oops'), ('ramoops', 'Panic')], lines
assert 'init_bm' in lines[1][2] and lines[0][2].startswith('crash on request') and lines[2][2].startswith('crash on request'), lines
END
