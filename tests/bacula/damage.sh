#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Damaged volumes of real daemons (T82 T83 T93): what was lost is compared, file by file, with what had to be lost by a second reader (vol.py).
# DAMAGE_MB: size of the data (24); DAMAGE_FLIPS: bytes that are changed at random places (100); DAMAGE_SEED.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tree_lib.sh"
. "$(dirname "$0")/damage_lib.sh"
bac_need
bac_lab
mb=${DAMAGE_MB:-24} seed=${DAMAGE_SEED:-1}

tree_full "$lab/src"
mkdir "$lab/src2"
python3 - "$lab/src" "$lab/src2" "$mb" "$seed" <<'PY'
import os, random, sys
r = random.Random(int(sys.argv[4]))
left = int(sys.argv[3]) * 1000000
i = 0
while left > 0:
    d = "%s/many/d%d" % (sys.argv[1], i // 50)
    os.makedirs(d, exist_ok=True)
    n = r.choice([0, 10, 500, 3000, 20000, 70000, 300000])
    open("%s/f%d" % (d, i), "wb").write(r.randbytes(n)); left -= n; i += 1
for i in range(300):
    open("%s/g%d" % (sys.argv[2], i), "wb").write(r.randbytes(r.choice([5, 4000, 60000])))
PY
export BAC_OPTIONS="signature = SHA256; aclsupport = yes; xattrsupport = yes; sparse = yes"
export BAC_VOLSIZE=$((mb * 400000))
bac_start
# two jobs at once: their blocks interleave
two=$(bac_console "run job=backup-two level=Full yes" | sed -n 's/.*JobId=\([0-9]*\).*/\1/p' | tail -1)
bac_run Full
one=$bac_jobid
bac_wait_job "$two"
bac_stop
python3 "$top/tests/bacula/manifest.py" "$lab/src" >"$lab/m"
python3 "$top/tests/bacula/manifest.py" "$lab/src2" >"$lab/m2"
ls -l "$lab/vol"
[ "$(ls "$lab/vol" | wc -l)" -ge 3 ]
cp -r "$lab/vol" "$lab/good"

s1=$(sid "$one")

echo "== undamaged: interleaved, over several volumes"
restore 0 "$one" "$lab/src"
same "$lab/m" "$lab/to"
restore 0 "$two" "$lab/src2"
same "$lab/m2" "$lab/to"

echo "== volumes under other names, in another order"
i=9; for v in "$lab"/vol/*; do mv "$v" "$lab/vol/x$i"; i=$((i - 1)); done
restore 0 "$one" "$lab/src"
same "$lab/m" "$lab/to"
rm -r "$lab/vol"; cp -r "$lab/good" "$lab/vol"

# hurt BYTES COUNT: that many bytes changed inside COUNT blocks of each volume, never the label; what they touch goes to $lab/touched
hurt() {
	: >"$lab/touched"
	for v in "$lab"/vol/*; do
		python3 "$top/tests/bacula/vol.py" blocks "$v" >"$lab/blocks"
		python3 - "$v" "$1" "$2" "$seed" "$lab/blocks" >"$lab/offs" <<'PY'
import os, random, sys
p, n, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
r = random.Random(os.path.basename(p) + seed + str(n))
blocks = [l.split() for l in open(sys.argv[5])][1:]
with open(p, "r+b") as f:
    for b in r.sample(blocks, min(count, len(blocks) * 2 // 3)):
        o = int(b[0]) + r.randrange(int(b[1]) - n)
        f.seek(o); d = f.read(n); f.seek(o); f.write(bytes(x ^ r.randrange(1, 256) for x in d)); print(o, end=" ")
PY
		python3 "$top/tests/bacula/vol.py" touched "$lab/good/$(basename "$v")" $(cat "$lab/offs") >>"$lab/touched"
	done
}

# One wrong byte in a block is found by the CRC alone, except where two places would explain it (about one block in 250): never wrongly.
echo "== one wrong byte in each of many blocks: put right"
hurt 1 40
rc=0
rm -rf "$lab/to" "$lab/state"; mkdir "$lab/to"
"$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/to" --state "$lab/state" --strip "$lab/src" --job "$one" "$lab/vol" >"$lab/out" 2>&1 || rc=$?
[ $rc = 0 ] || [ $rc = 7 ]
python3 - "$lab/state/report.json" "$lab/touched" <<'PY'
import json, sys
rep = json.load(open(sys.argv[1])); hit = {l for l in open(sys.argv[2])}
print("repaired: %d, bad places: %d, lost: %d of %d touched" % (rep["repaired_blocks"], rep["bad_areas"], rep["lost"], len(hit)))
assert rep["repaired_blocks"] > 50 and rep["bad_areas"] <= 5 and rep["lost"] < len(hit) / 4
PY
[ $rc = 7 ] || same "$lab/m" "$lab/to"
rm -r "$lab/vol"; cp -r "$lab/good" "$lab/vol"

flips=${DAMAGE_FLIPS:-100}
echo "== $flips wrong bytes at random places, headers of blocks, too: nothing is lost but what they touch"
: >"$lab/touched"
: >"$lab/hit"
for v in "$lab"/vol/*; do
	python3 "$top/tests/bacula/vol.py" blocks "$v" | sed "1d; s#^#$v #" >>"$lab/hit"
done
python3 - "$lab/hit" "$flips" "$seed" >"$lab/offs" <<'PY'
import collections, random, sys
r = random.Random("flips" + sys.argv[3])
blocks = [l.rsplit(" ", 5) for l in open(sys.argv[1])]
hits = collections.Counter()
for _ in range(int(sys.argv[2])):
    b = r.choices(blocks, [int(b[2]) for b in blocks])[0]
    hits[b[0], b[1]] += 1
    o = int(b[1]) + r.randrange(int(b[2]))
    with open(b[0], "r+b") as f:
        f.seek(o); d = f.read(1); f.seek(o); f.write(bytes([d[0] ^ r.randrange(1, 256)]))
    print(b[0], o)
print("%d blocks of %d are hit, %d of them more than once" % (len(hits), len(blocks), sum(n > 1 for n in hits.values())), file=sys.stderr)
PY
for v in "$lab"/vol/*; do
	python3 "$top/tests/bacula/vol.py" touched "$lab/good/$(basename "$v")" $(sed -n "s#^$v ##p" "$lab/offs") >>"$lab/touched"
done
rc=0
rm -rf "$lab/to" "$lab/state"; mkdir "$lab/to"
"$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/to" --state "$lab/state" --strip "$lab/src" --job "$one" "$lab/vol" >"$lab/out" 2>&1 || rc=$?
[ $rc = 0 ] || [ $rc = 7 ]
judge "$lab/touched" "$s1" may
rm -r "$lab/vol"; cp -r "$lab/good" "$lab/vol"

echo "== twelve wrong bytes at many places: exactly the files that are touched"
hurt 12 6
restore 7 "$one" "$lab/src"
judge "$lab/touched" "$s1"
rm -r "$lab/vol"; cp -r "$lab/good" "$lab/vol"

echo "== a volume in the middle is missing"
second=$(ls "$lab/vol" | sed -n 2p)
python3 "$top/tests/bacula/vol.py" touched "$lab/vol/$second" $(python3 "$top/tests/bacula/vol.py" blocks "$lab/vol/$second" | cut -d' ' -f1) >"$lab/touched"
rm "$lab/vol/$second"
restore 7 "$one" "$lab/src"
judge "$lab/touched" "$s1"
rm -r "$lab/vol"; cp -r "$lab/good" "$lab/vol"

echo "== the last volume is cut off"
last=$(ls "$lab/vol" | tail -n 1)
size=$(stat -c %s "$lab/vol/$last")
python3 "$top/tests/bacula/vol.py" touched "$lab/vol/$last" $(python3 "$top/tests/bacula/vol.py" blocks "$lab/vol/$last" |
	awk -v c=$((size / 2)) '$1 + $2 > c {print $1}') >"$lab/touched"
truncate -s $((size / 2)) "$lab/vol/$last"
rm -rf "$lab/to" "$lab/state"; mkdir "$lab/to"; rc=0
"$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/to" --state "$lab/state" --strip "$lab/src" --bsr "$lab/backup-web.bsr" "$lab/vol" >"$lab/out" 2>&1 || rc=$?
[ $rc = 7 ]
judge "$lab/touched" "$s1"
