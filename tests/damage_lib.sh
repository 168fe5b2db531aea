# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Sourced after lib.sh: real damage, by overwriting what a filesystem needs.

# wipe_blocks IMAGE ADDRESS|owner:TREE ...: every copy of these btrfs tree blocks
wipe_blocks() {
	python3 - "$@" <<'PY'
import mmap, struct, sys
f = open(sys.argv[1], 'r+b'); m = mmap.mmap(f.fileno(), 0); fsid = m[65536 + 32:65536 + 48]; n = 0
for at in range(0, len(m) - 4096, 4096):
    if at in (65536, 64 << 20) or m[at + 32:at + 48] != fsid: continue
    where, = struct.unpack_from('<Q', m, at + 48); owner, = struct.unpack_from('<Q', m, at + 88)
    if str(where) in sys.argv[2:] or 'owner:%d' % owner in sys.argv[2:]:
        m[at:at + 4096] = b'\xaa' * 4096; n += 1
sys.exit(n == 0)
PY
}
# super IMAGE FIELD: of a btrfs
super() { btrfs inspect-internal dump-super -f "$1" | awk -v k="$2" '$1 == k {print $2}'; }
# find_bytes IMAGE FILE [SKIP]: where the file's first 4096 bytes (after SKIP) lie in the image
find_bytes() {
	python3 - "$1" "$2" "${3:-0}" <<'PY'
import mmap, sys
want = open(sys.argv[2], 'rb').read()[int(sys.argv[3]):][:4096]
f = open(sys.argv[1], 'rb'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
print(m.find(want))
PY
}
# flip_leaf IMAGE ADDRESS: a wrong bit in every copy of this btrfs leaf, where nothing is used
flip_leaf() {
	python3 - "$1" "$2" <<'PY'
import mmap, struct, sys
f = open(sys.argv[1], 'r+b'); m = mmap.mmap(f.fileno(), 0); fsid = m[65536 + 32:65536 + 48]; n = 0
for at in range(1 << 20, len(m) - 4096, 4096):
    if m[at + 32:at + 48] == fsid and struct.unpack_from('<Q', m, at + 48)[0] == int(sys.argv[2]):
        free = at + 101 + 25 * struct.unpack_from('<I', m, at + 96)[0]
        m[free + 8] ^= 1; n += 1       # behind the last key
sys.exit(n == 0)
PY
}
