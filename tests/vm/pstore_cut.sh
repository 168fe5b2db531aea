#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The power goes at random instants while records are collected, again and again, until a collection comes to its end. Afterwards every record is in the
# store exactly once, whole, and none is left (T14, T15). The test counts only when a cut met something stored and something not yet erased.
# CUTS: how many cuts at least (3); SEED: repeats the instants of an earlier run.
. "$(dirname "$0")/pstore_lib.sh"
vm_need python3
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$((SEED % 32768))
CUTS=${CUTS:-3}
echo "SEED=$SEED"

# after the crash nothing loads efi_pstore or mounts pstore but rescue itself (T11)
echo "efi-pstore.ko:" >"$VM_DIR/modules.dep"
PS_ITEMS=("$(ps_module efi-pstore):/lib/modules/$VM_KVER/efi-pstore.ko" "$VM_DIR/modules.dep:/lib/modules/$VM_KVER/modules.dep")
ps_crasher null ts_bm
ps_new 2M
ps_guest <<'END'
if [ $BOOT = 1 ]; then pstore || failed pstore; insmod /mod/null.ko; crash; fi
if [ $BOOT = 2 ]; then mkdir -p /disk/before; cp $E/dump-type* /disk/before/; sync; fi
# what the last cut left: each record in its old place, or in a dump of the store
left=0 stored=0
for f in /disk/before/*; do
	n=${f##*/} place=0
	if [ -s $E/$n ] && cmp -s $f $E/$n; then left=$((left + 1)); place=1; fi
	for s in /disk/store/2*/raw*/$n; do
		if [ -e $s ] && cmp -s $f $s; then stored=$((stored + 1)); place=1; fi
	done
	[ $place = 1 ] || failed "LOST $n"
done
echo "STATE left $left stored $stored"
echo COLLECTING
(until set -- /disk/store/2*; [ -e "$1" ]; do usleep 30000; done; echo STORED-SOMETHING) &
rescue pstore --to /disk/store >/tmp/out; rc=$?
echo "COLLECTED $rc"
[ $rc = 0 ] || failed "exit code $rc"
grep -q '^efi_pstore ' /proc/modules || failed "efi_pstore was not loaded"
grep -q ' pstore ' /proc/mounts || failed "pstore was not mounted"
[ $(variables) = 0 ] || failed "$(variables) variables left"
sync
poweroff -f
END
ps_boot 300
cp "$PS_NVRAM" "$PS_NVRAM.start"
cp --sparse=always "$PS_DISK" "$PS_DISK.start"
soon() { # soon REGEX: like vm_wait, without a pause in which it could be over
	local end=$((SECONDS + 300))
	until grep -qE "$1" "$VM_LOG"; do [ $SECONDS -lt $end ] || vm_fail "no '$1' within 300 s"; sleep 0.02; done
}
hits=0 cuts=0 span=1200
while :; do
	ps_start
	soon '^COLLECTING'
	state=$(vm_text | grep '^STATE')
	echo "after $cuts cuts: $state"
	if [[ $state =~ left\ ([0-9]+)\ stored\ ([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -gt 0 ] && [ "${BASH_REMATCH[2]}" -gt 0 ]; then hits=$((hits + 1)); fi
	if [ $cuts -ge "$CUTS" ] && [ $hits -gt 0 ]; then break; fi
	[ $hits -gt 0 ] || [ $cuts -lt 30 ] || vm_fail "no cut in $cuts met a half-done collection (SEED=$SEED)"
	# every second cut waits until something is stored: however slow this machine is, the interesting moments are met
	if [ $((cuts % 2)) = 0 ]; then ms=$((RANDOM % span)); else soon '^STORED-SOMETHING'; ms=$((RANDOM % 200)); fi
	t0=$(date +%s%3N)
	while [ $(($(date +%s%3N) - t0)) -lt $ms ] && ! grep -q '^COLLECTED' "$VM_LOG"; do sleep 0.02; done
	vm_cut
	if grep -q '^COLLECTED' "$VM_LOG"; then     # too late to cut anything: from the start again, and sooner
		span=$((ms > 50 ? ms : 50))
		cp "$PS_NVRAM.start" "$PS_NVRAM"
		cp --sparse=always "$PS_DISK.start" "$PS_DISK"
		echo "done within $ms ms"
		continue
	fi
	cuts=$((cuts + 1))
	echo "cut after $ms ms"
done
vm_off 300
vm_has '^COLLECTED 0'
vm_has_not 'JOB FAILED'
ps_files
python3 - "$PS_FILES" <<'END'
import collections, glob, json, os, sys
top = sys.argv[1]
before = {os.path.basename(f): open(f, 'rb').read() for f in glob.glob(top + '/before/*')}
seen = collections.Counter()
for f in glob.glob(top + '/store/*/raw*/dump-type*'):
    assert open(f, 'rb').read() == before[os.path.basename(f)], f
    seen[os.path.basename(f)] += 1
assert set(seen) == set(before), set(before) - set(seen)
assert max(seen.values()) == 1, 'stored twice'
dumps = os.listdir(top + '/store')
assert len(dumps) == 2 and not any(d.startswith('.') for d in dumps), dumps
for d in dumps:
    r = json.load(open(top + '/store/' + d + '/report.json'))
    assert r['missing_parts'] == [] and len(r['records']) == len(glob.glob(top + '/store/' + d + '/raw/dump-type*')), r
print('%d records in %d dumps' % (len(before), len(dumps)))
END
echo "$cuts cuts, $hits of them met a half-done collection"
