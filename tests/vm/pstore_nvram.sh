#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Oopses and panics in several boots fill NVRAM with their records, until an EFI boot entry can no longer be written. Collecting them takes each of them
# whole, erases them with proof, and after one start of the firmware the entry can be written (T14, T22, T23, T24).
. "$(dirname "$0")/pstore_lib.sh"
ps_crasher null ts_bm
ps_crasher bug ts_fsm
ps_new 2M
ps_guest <<'END'
avail() { stat -f -c %a $E; }
free() { stat -f -c 'blocks %b free %f available %a' $E; }
entry() { # a boot entry as an EFI-stub kernel has it, with its command line in the optional data: 900 bytes
	printf '\007\000\000\000\001\000\000\000\004\000x\000\000\000\177\377\004\000' >/tmp/entry
	dd if=/dev/zero bs=882 count=1 2>/dev/null | tr '\000' 'r' >>/tmp/entry
	dd if=/tmp/entry of=$E/Boot0077-8be4df61-93ca-11d2-aa0d-00e098032b8c bs=4096
}
if [ ! -e /disk/collected ]; then
	insmod /mod/efi-pstore.ko
	mount -t pstore -o kmsg_bytes=64000 pstore $P || failed pstore
	[ $BOOT -le 8 ] || failed "NVRAM does not fill up"
	echo "$BOOT: $(variables) variables, $(free)"
	if [ $BOOT = 1 ]; then insmod /mod/null.ko; insmod /mod/bug.ko; fi
	if [ $BOOT -lt 3 ] || [ "$(avail)" -ge 900 ]; then crash; fi
	echo "FULL: $(variables) variables, $(free)"
	[ "$(records)" = "$(variables)" ] || failed "pstore shows $(records) of $(variables) variables"
	entry 2>/tmp/why && failed "the entry could be written"
	cat /tmp/why
	grep -q 'No space left on device' /tmp/why || failed "it failed otherwise"
	rm -f $E/Boot0077*
	mkdir -p /disk/before/p /disk/before/e
	cp $P/* /disk/before/p/
	cp $E/dump-type* /disk/before/e/
	n=$(variables)
	# no room in the store, then a store that cannot be written: everything stays, and the exit code says so (T18)
	mkdir /small /ro
	mount -t tmpfs -o size=24k tmpfs /small
	rescue pstore --to /small/store --volatile-store; echo "RC-FULL $?"
	mount -t tmpfs -o ro tmpfs /ro
	rescue pstore --to /ro/store --volatile-store; echo "RC-RO $?"
	[ "$(variables)" -gt 0 ] || failed "erased without a place to put it"
	cp $E/dump-type* /tmp/; ls /small/store >/dev/null 2>&1 && cp -r /small/store /disk/small
	sync
	echo "LEFT-AFTER-FULL $(variables) of $n"
	rescue pstore --to /disk/store; echo "RC-COLLECT $?"
	[ "$(variables)" = 0 ] || { ls -la $E/dump-type*; echo "LISTED-STILL $(variables)"; }
	echo "AFTER: $(free)"
	rescue pstore list --to /disk/store
	rescue pstore --to /disk/store; echo "RC-AGAIN $?"
	touch /disk/collected
	sync
	reboot -f
fi
echo "NEXT BOOT: $(variables) variables, $(free)"
pstore
[ "$(variables)" = 0 ] && [ "$(records)" = 0 ] || failed "records came back"
entry || failed "the entry still cannot be written"
cmp /tmp/entry $E/Boot0077-8be4df61-93ca-11d2-aa0d-00e098032b8c || failed "the entry reads back wrong"
echo ENTRY-WRITTEN
sync
poweroff -f
END
n=0
while [ $n -lt 10 ]; do
	ps_boot 300
	vm_text | grep -E 'variables|RC-|^[0-9]+ records' || true
	if vm_text | grep -q ENTRY-WRITTEN; then break; fi
	n=$((n + 1))
done
vm_has ENTRY-WRITTEN
ps_said '^RC-FULL (7|9)$'
ps_said '^RC-RO 9$'
ps_said '^RC-COLLECT 0$'
ps_said '^RC-AGAIN 0$'

# On the disk: every record as it was, byte for byte, in exactly one dump; every dump explained.
ps_files
vm_need python3
python3 - "$PS_FILES" <<'END'
import glob, hashlib, json, os, sys
top = sys.argv[1]
stored = {}
for f in glob.glob(top + '/store/*/raw*/*'):
    name = os.path.basename(f)
    assert name not in stored, 'twice: ' + f
    stored[name] = open(f, 'rb').read()
before = {os.path.basename(f): open(f, 'rb').read() for f in glob.glob(top + '/before/*/*')}
assert len(before) > 70, len(before)
assert stored == before, 'the store is not what was there: %d %d' % (len(stored), len(before))
dumps = sorted(os.listdir(top + '/store'))
reports = [json.load(open(top + '/store/' + d + '/report.json')) for d in dumps]
lines = [r['explanation']['line'] for r in reports]
print('\n'.join(d + ': ' + l for d, l in zip(dumps, lines)))
assert len(dumps) >= 4, dumps
assert sum(l.startswith('crash on request') for l in lines) >= 2, lines
assert sum('init_bm' in l for l in lines) == 1 and sum('init_fsm' in l for l in lines) == 1, lines
for d, r in zip(dumps, reports):
    log = open(top + '/store/' + d + '/dmesg.txt').read()
    stamps = [float(l.split('[')[1].split(']')[0]) for l in log.splitlines() if l.startswith('<')]
    assert all(b > a - 1 for a, b in zip(stamps, stamps[1:])), d + ': the log goes back in time'
assert sum(len(r['records']) for r in reports) * 2 == len(before)
END
