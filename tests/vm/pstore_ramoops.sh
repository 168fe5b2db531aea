#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One machine, never switched off: a panic into EFI variables, a warm reset, a panic into ramoops, a warm reset. Now ramoops holds pstore, so the
# kernel does not show the EFI records at all (T10): both crashes are collected, the second from efivarfs alone. ramoops is loaded with the geometry
# that the crashed kernel had (T7), as `ramoops.*` on the kernel command line would make the rescue image do.
. "$(dirname "$0")/pstore_lib.sh"
vm_need python3
PS_ITEMS=("$(ps_module reed_solomon):/mod/reed_solomon.ko" "$(ps_module ramoops):/mod/ramoops.ko")
ps_crasher null ts_bm
ps_new 2M
ps_guest <<'END'
ram() {
	insmod /mod/reed_solomon.ko
	insmod /mod/ramoops.ko mem_address=0x10000000 mem_size=0x100000 record_size=0x4000 ecc=1
	mount -t pstore pstore $P
}
if [ $BOOT = 1 ]; then pstore || failed pstore; crash; fi
ram || failed ramoops
if [ $BOOT = 2 ]; then insmod /mod/null.ko; crash; fi
insmod /mod/efi-pstore.ko
echo "SHOWN $(ls $P | tr '\n' ' ') HIDDEN $(variables)"
[ "$(ls $P | grep -c efi)" = 0 ] || failed "pstore shows EFI records"
[ "$(variables)" -ge 10 ] || failed "no EFI records"
rescue pstore --to /disk/store; echo "RC $?"
echo "LEFT $(records) $(variables)"
sync
poweroff -f
END
PS_CMDLINE='memmap=1M$0x10000000' ps_boot 600 reset
vm_has '^SHOWN dmesg-ramoops-0 dmesg-ramoops-1 '
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
