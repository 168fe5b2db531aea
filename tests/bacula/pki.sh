#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Encrypted backups of the real File Daemon: with the key everything comes back, without it nothing pretends to.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tree_lib.sh"
bac_need openssl
bac_lab
tree_full "$lab/src"
export BAC_PKI=1 BAC_OPTIONS="signature = SHA1; compression = GZIP; aclsupport = yes; xattrsupport = yes; sparse = yes"
bac_start
bac_run Full
bac_stop
python3 "$top/tests/bacula/manifest.py" "$lab/src" >"$lab/m"
for key in fd.key master.key; do
	rm -rf "$lab/to"
	mkdir "$lab/to"
	"$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/to" --strip "$lab/src" --key "$lab/etc/$key" "$lab/vol"
	python3 "$top/tests/bacula/manifest.py" "$lab/to" >"$lab/got"
	diff "$lab/m" "$lab/got"
done
for key in "" other; do
	rm -rf "$lab/to" "$lab/state"
	mkdir "$lab/to"
	[ -z "$key" ] || openssl genrsa -out "$lab/other" 2048 2>/dev/null
	rc=0
	"$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/to" --state "$lab/state" --strip "$lab/src" ${key:+--key "$lab/other"} "$lab/vol" >"$lab/out" 2>&1 || rc=$?
	[ $rc = 7 ]
	grep -q "$([ -n "$key" ] && echo 'encrypted for another key' || echo 'encrypted and no key was given')" "$lab/state/report.json"
	# only the files that were empty are there, none that had content
	[ "$(cd "$lab/to" && find . -type f | sort | tr "\n" " ")" = "./future ./old ./zero " ]
	[ -h "$lab/to/links/relative" ]
done

# Signatures and no digests: with the key of the machine every content is proven by them; with the master's key nothing is, and nothing is lost.
rm -rf "$lab/vol" "$lab/work" "$lab/etc"
mkdir "$lab/vol" "$lab/work" "$lab/etc"
BAC_OPTIONS="compression = GZIP; aclsupport = yes; xattrsupport = yes; sparse = yes"
bac_start
bac_run Full
bac_stop
proven() { # proven KEY CODE: sets $n, files proven
	local rc=0
	rm -rf "$lab/to" "$lab/state"; mkdir "$lab/to"
	"$RESCUE" bacula restore --json --quiet --no-skeleton --to "$lab/to" --state "$lab/state" --strip "$lab/src" --key "$lab/etc/$1" "$lab/vol" >"$lab/out" 2>&1 || rc=$?
	[ $rc = "$2" ] || { cat "$lab/out"; echo "exit code $rc, wanted $2"; exit 1; }
	n=$(sed -n 's/.*"verified":\([0-9]*\).*/\1/p' "$lab/out")
}
proven master.key 0
[ "$n" = 0 ]
proven fd.key 0
[ "$n" -gt 300 ] || { cat "$lab/out"; echo "signatures are not looked at"; exit 1; }
all=$n
# one signature is that of another content (its block's CRC is right): that file is lost, and says why
python3 - "$lab/vol/Vol-0001" <<'PY'
import struct, sys, zlib
d = bytearray(open(sys.argv[1], "rb").read())
off, n = 0, 0
while off + 24 <= len(d) and n < 5:
    length = struct.unpack(">I", d[off + 4:off + 8])[0]
    p = off + 24
    while p + 12 <= off + length:
        fi, stream, size = struct.unpack(">iiI", d[p:p + 12]); p += 12
        if stream & 0x7ff == 19 and p + size <= off + length:
            n += 1
            if n == 5:
                d[p + size - 1] ^= 1
                break
        p += size
    d[off:off + 4] = struct.pack(">I", zlib.crc32(bytes(d[off + 4:off + length])))
    off += length
assert n == 5
open(sys.argv[1], "wb").write(d)
PY
proven fd.key 7
[ "$n" = $((all - 1)) ]
grep -q 'does not match its signature' "$lab/state/report.json"
