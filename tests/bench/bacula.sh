#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# rescue bacula restore beside bextract: the same volumes (written by real daemons), the same minutes, page cache warm.
# What differs from the original in each restored tree; logical MB/s (median of RUNS); memory with few and with many files.
# BENCH_MB (size of the tree, 900), RUNS (3), MANY (files of the memory test, 100000).
set -eu
. "$(dirname "$0")/../bacula/lib.sh"
. "$(dirname "$0")/../bacula/tree_lib.sh"
bac_need
bac_lab
mb=${BENCH_MB:-900} runs=${RUNS:-3} many=${MANY:-100000}

# a system's own files until the size is reached, and the tree with everything a backup can hold
fill() {
	mkdir -p "$1/usr"
	( cd /usr && find lib share bin -xdev -type f -size -20M -print 2>/dev/null | sort | awk -v max=$((mb * 1000000)) '{print}' |
		head -60000 | tr '\n' '\0' | python3 -c '
import os, shutil, sys
left = int(sys.argv[2]) * 1000000
for n in sys.stdin.buffer.read().split(b"\0"):
    if not n or left <= 0: break
    d = os.path.join(os.fsencode(sys.argv[1]), b"usr", n)
    os.makedirs(os.path.dirname(d), exist_ok=True)
    try: shutil.copy2(n, d); left -= os.path.getsize(d)
    except OSError: pass
' "$1" "$mb" )
	tree_full "$1"
}

bextract_to() { # bextract_to VOLUME DIR
	bextract -c "$lab/etc/sd.conf" -V "$1" D "$2" >"$lab/bextract.log" 2>&1
}

seconds() { python3 -c 'import subprocess,sys,time; t=time.time(); subprocess.call(sys.argv[1:],stdout=subprocess.DEVNULL); print("%.3f" % (time.time()-t)); sys.exit(0)' "$@"; }

peak() { # peak KiB of a command: peak CMD...
	python3 -c 'import os,subprocess,sys,resource; subprocess.call(sys.argv[1:],stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$@"
}

# kinds of differences between two manifests, as a table
differences() {
	python3 - "$1" "$2" <<'PY'
import sys
def load(p):
    out = {}
    for l in open(p):
        f = l.rstrip("\n").split(" ")
        n, kind, mode, own, mtime = f[:5]; link, xat = f[-2:]; what = " ".join(f[5:-2])
        out[n] = dict(kind=kind, mode=mode, owner=own, mtime=mtime, content=what, link=link, xattr=xat)
    return out
a, b = load(sys.argv[1]), load(sys.argv[2])
c = {}
for n in a:
    if n not in b: c["missing"] = c.get("missing", 0) + 1; continue
    for k in a[n]:
        if a[n][k] != b[n][k]:
            w = {"xattr": "ACL/xattr/capability", "link": "hard link"}.get(k, k)
            c[w] = c.get(w, 0) + 1
for n in b:
    if n not in a: c["should not be there"] = c.get("should not be there", 0) + 1
print(", ".join("%s: %d" % x for x in sorted(c.items())) or "none", "(of %d entries)" % len(a))
PY
}

one() { # one NAME COMPRESSION
	local name=$1 i size t ours="" theirs=""
	rm -rf "$lab/vol" "$lab/work" "$lab/etc"
	mkdir "$lab/vol" "$lab/work" "$lab/etc"
	export BAC_OPTIONS="signature = SHA1; ${2:+compression = $2;} aclsupport = yes; xattrsupport = yes; sparse = yes"
	bac_start
	bac_run Full
	bac_stop
	cat "$lab"/vol/* >/dev/null
	size=$("$RESCUE" bacula verify --quiet --json "$lab/vol" | sed -n 's/.*"bytes":\([0-9]*\).*/\1/p')
	for i in $(seq "$runs"); do
		rm -rf "$lab/a" "$lab/b"; mkdir "$lab/a" "$lab/b"; sync
		t=$(seconds "$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/a" --strip "$lab/src" "$lab/vol")
		ours="$ours $t"
		sync
		t=$(seconds bextract -c "$lab/etc/sd.conf" -V Vol-0001 D "$lab/b")
		theirs="$theirs $t"
		sync
	done
	python3 -c '
import sys, statistics as s
n, size = sys.argv[1], int(sys.argv[2]); a = [float(x) for x in sys.argv[3].split()]; b = [float(x) for x in sys.argv[4].split()]
ma, mb = s.median(a), s.median(b)
print("%-6s logical %.0f MB: rescue %.0f MB/s (with digests compared, and synced), bextract %.0f MB/s, ratio %.2f (single runs %s)" % (n, size/1e6, size/1e6/ma, size/1e6/mb, mb/ma, " ".join("%.2f" % (y/x) for x, y in zip(a, b))))
' "$name" "$size" "$ours" "$theirs"
	python3 "$top/tests/bacula/manifest.py" "$lab/src" >"$lab/m"
	python3 "$top/tests/bacula/manifest.py" "$lab/a" >"$lab/ma"
	python3 "$top/tests/bacula/manifest.py" "$lab/b/$lab/src" >"$lab/mb"
	echo "       differences from the original: rescue $(differences "$lab/m" "$lab/ma")"
	echo "       differences from the original: bextract $(differences "$lab/m" "$lab/mb")"
}

fill "$lab/src"
for c in ${CODINGS:-GZIP LZO plain}; do
	one "$c" "$([ "$c" = plain ] || echo "$c")"
done

for n in 1000 "$many"; do
	rm -rf "$lab/src" "$lab/vol" "$lab/work" "$lab/etc"
	mkdir "$lab/src" "$lab/vol" "$lab/work" "$lab/etc"
	python3 -c '
import os, sys
for i in range(int(sys.argv[2])):
    d = "%s/d%d/e%d" % (sys.argv[1], i // 10000, i // 100)
    if i % 100 == 0: os.makedirs(d)
    open("%s/f%d" % (d, i), "w").write(str(i))' "$lab/src" "$n"
	bac_start
	bac_run Full
	bac_stop
	rm -rf "$lab/a"; mkdir "$lab/a"
	echo "memory: $n files: peak $(peak "$RESCUE" bacula restore --quiet --to "$lab/a" --strip "$lab/src" "$lab/vol") KiB, $(find "$lab/a" -type f | wc -l) restored"
done
