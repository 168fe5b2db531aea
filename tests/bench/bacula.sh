#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# rescue bacula restore beside bextract: the same volumes (written by real daemons), the same minutes, page cache warm.
# What differs from the original in each restored tree; logical MB/s (median of RUNS), seconds of processor in brackets; memory with few and with
# many files. On a tmpfs, so that the programs are measured and not a disk.
# BENCH_MB (size of the tree, 900), RUNS (3), CODINGS ("GZIP LZO plain"), FEW and MANY (files of the memory test, 1000 and 100000; MANY=0: without
# it), TMPDIR (working place, /dev/shm), KEEP=1.
set -eu
export TMPDIR=${TMPDIR:-/dev/shm}
. "$(dirname "$0")/../bacula/lib.sh"
. "$(dirname "$0")/../bacula/tree_lib.sh"
bac_need
bac_lab
mb=${BENCH_MB:-900} runs=${RUNS:-3} many=${MANY:-100000}
echo "working place: $lab ($(stat -f -c %T "$lab")), load when it begins: $(cut -d' ' -f1-3 /proc/loadavg)"

# a system's own files until the size is reached, and the tree with everything a backup can hold
fill() {
	find /usr/lib /usr/share /usr/bin -xdev -type f -size -20M | sort | python3 -c '
import os, shutil, sys
left = int(sys.argv[2]) * 1000000
for n in sys.stdin:
    n = n.rstrip("\n")
    if left <= 0: break
    d = sys.argv[1] + n
    os.makedirs(os.path.dirname(d), exist_ok=True)
    shutil.copy2(n, d)
    left -= os.path.getsize(d)' "$1" "$mb"
	tree_full "$1"
}

# "SECONDS PROCESSOR-SECONDS PEAK-KiB" of a command, which must succeed: timed CMD...
timed() {
	python3 -c 'import resource, subprocess, sys, time
t = time.time()
rc = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
u = resource.getrusage(resource.RUSAGE_CHILDREN)
print("%.3f %.3f %d" % (time.time() - t, u.ru_utime + u.ru_stime, u.ru_maxrss))
sys.exit(rc)' "$@"
}

# kinds of differences between two manifests, as a table
differences() {
	python3 - "$1" "$2" <<'PY'
import sys
def load(p):
    out = {}
    for l in open(p):
        f = l.rstrip("\n").split(" ")
        n, kind, mode, own, mtime = f[:5]; link, xat = f[-2:]; what = f[5:-2]
        holes = what.pop(1) if kind == "f" else ""
        out[n] = dict(kind=kind, mode=mode, owner=own, mtime=mtime, content=" ".join(what), holes=holes, link=link, xattr=xat)
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

rates() { # rates NAME BYTES BYTES-OF-VOLUME OUR-TIMES THEIR-TIMES
	python3 - "$@" <<'PY'
import statistics, sys
name, size, vol = sys.argv[1], int(sys.argv[2]) / 1e6, int(sys.argv[3]) / 1e6
def both(text):
    x = [float(w) for w in text.split()]
    return x[::3], x[1::3]
(a, ca), (b, cb) = both(sys.argv[4]), both(sys.argv[5])
ma, mb = statistics.median(a), statistics.median(b)
print("%-6s %.0f MB in a volume of %.0f MB: rescue %.0f MB/s (%.1f s), bextract %.0f MB/s (%.1f s), ratio %.2f, in the single runs %s" % (name, size, vol,
      size / ma, statistics.median(ca), size / mb, statistics.median(cb), mb / ma, " ".join("%.2f" % (y / x) for x, y in zip(a, b))))
PY
}

one() { # one NAME COMPRESSION
	local name=$1 i size ours="" theirs=""
	rm -rf "$lab/vol" "$lab/work" "$lab/etc"
	mkdir "$lab/vol" "$lab/work" "$lab/etc"
	export BAC_OPTIONS="signature = SHA1; ${2:+compression = $2;} aclsupport = yes; xattrsupport = yes; sparse = yes"
	bac_start
	bac_run Full
	bac_stop
	cat "$lab"/vol/* >/dev/null
	size=$("$RESCUE" bacula verify --quiet --json "$lab/vol" | sed -n 's/.*"bytes":\([0-9]*\).*/\1/p')
	for i in $(seq "$runs"); do
		rm -rf "$lab/a" "$lab/b"; mkdir "$lab/a" "$lab/b"
		ours="$ours $(timed "$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/a" --strip "$lab/src" "$lab/vol")"
		theirs="$theirs $(timed bextract -c "$lab/etc/sd.conf" -V Vol-0001 D "$lab/b")"
	done
	rates "$name" "$size" "$(stat -c %s "$lab/vol/Vol-0001")" "$ours" "$theirs"
	python3 "$top/tests/bacula/manifest.py" "$lab/src" >"$lab/m"
	python3 "$top/tests/bacula/manifest.py" "$lab/a" >"$lab/ma"
	python3 "$top/tests/bacula/manifest.py" "$lab/b/$lab/src" >"$lab/mb"
	echo "       differences from the original: rescue $(differences "$lab/m" "$lab/ma")"
	echo "       differences from the original: bextract $(differences "$lab/m" "$lab/mb")"
}

memory() { # memory FILES
	rm -rf "$lab/src" "$lab/vol" "$lab/work" "$lab/etc" "$lab/a"
	mkdir "$lab/src" "$lab/vol" "$lab/work" "$lab/etc" "$lab/a"
	tree_many "$lab/src" "$1" 1
	bac_start
	bac_run Full
	bac_stop
	read -r _ _ peak < <(timed "$RESCUE" bacula restore --quiet --to "$lab/a" --strip "$lab/src" "$lab/vol")
	echo "memory: $1 files: peak $peak KiB, $(find "$lab/a" -type f | wc -l) restored"
}

codings=${CODINGS-GZIP LZO plain}
[ -z "$codings" ] || fill "$lab/src"
for c in $codings; do
	one "$c" "$([ "$c" = plain ] || echo "$c")"
done
[ "$many" = 0 ] || for n in "${FEW:-1000}" "$many"; do
	memory "$n"
done
