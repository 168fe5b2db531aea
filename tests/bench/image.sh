#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The builder against dracut for the same kernel in one run: time and size; then from kernel start to a prompt, in the same machine.
. "$(dirname "$0")/../vm/lib.sh"
command -v dracut >/dev/null || { echo "dracut is not installed"; exit 77; }
command -v hyperfine >/dev/null || { echo "hyperfine is not installed"; exit 77; }
cd "$VM_DIR"
hyperfine --style none --warmup 1 --runs "${RUNS:-3}" --export-json times.json \
	-n rescue "$RESCUE image --kernel $VM_KVER --initramfs rescue.img --quiet" \
	-n dracut "dracut --no-hostonly --force --kver $VM_KVER dracut.img" >/dev/null 2>&1
python3 - <<'END'
import json, os
t = {r["command"]: r["median"] for r in json.load(open("times.json"))["results"]}
s = {n: os.path.getsize(n + ".img") for n in ("rescue", "dracut")}
print(f"build: rescue {t['rescue']:.2f} s, dracut --no-hostonly {t['dracut']:.2f} s: {t['rescue'] / t['dracut']:.3f} of its time")
print(f"size:  rescue {s['rescue'] / 1e6:.1f} MB, dracut {s['dracut'] / 1e6:.1f} MB: {s['rescue'] / s['dracut']:.2f} of its size")
END
# to IMAGE MARKER WORDS: seconds from the machine's start to the marker (for both, firmware and decompression are in it)
to() {
	local t0
	vm_new 1024
	vm_direct "$VM_KERNEL" "$1" "quiet $3"
	t0=$(date +%s.%N)
	vm_start
	vm_wait "$2" 300
	echo "$(date +%s.%N) $t0" | awk '{ printf "%.1f", $1 - $2 }'
	vm_cut
}
r=$(to rescue.img 'your choice' 'rootfstype=ramfs rescue.wait=0')
d=$(to dracut.img 'Entering emergency mode|# $' 'root=/dev/nothing rd.shell rd.emergency=halt rd.retry=1 rd.timeout=1 rd.break=pre-mount')
echo "prompt: rescue's menu after $r s, dracut's shell (rd.break=pre-mount, no device to wait for) after $d s"
