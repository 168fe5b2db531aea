#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Names with newlines, quotes, bytes that are no UTF-8, and paths longer than PATH_MAX in the lists of losses: one line a file in both, all of
# losses.jsonl is JSON, and every path can be told to the last byte. What is not damaged comes out under its own name.
. "$(dirname "$0")/../lib.sh"
need_root
need mkfs.btrfs python3

mkdir "$W/mnt" "$W/out"
loop_new b 160M
mkfs.btrfs -qf -m single "$LOOP" >/dev/null 2>&1
mount "$LOOP" "$W/mnt"
cat >"$W/names.py" <<'PY'
import json, mmap, os, re, sys
NAMES = [b'new\nline', b'two\n\nlost: nothing', b'bad\xff\xfeutf', b'e\xe9 latin1', 'e\u00e9 utf8'.encode(), b'quote " back \\ slash', b'tab\tbell\x07del\x7f', b'n' * 255,
         b'over\xc0\xaflong', b'surro\xed\xa0\x80gate', b'%41 percent', b'\\u0041', b' lead and trail ']
DEEP = b'/'.join([b'd' * 250] * 20)                # 5,019 bytes
def below(fd, path):                               # a folder deep down, one step after the other
    fd = os.dup(fd)
    for part in path.split(b'/'):
        try: os.mkdir(part, dir_fd=fd)
        except FileExistsError: pass
        new = os.open(part, os.O_RDONLY, dir_fd=fd); os.close(fd); fd = new
    return fd
def put(fd, name, data):
    f = os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=fd); os.write(f, data); os.close(f)
def content(name, part):                           # what no other file has
    return ((b'%d ' % (hash_of(name) + part)) * 4096)[:4096]
def hash_of(name): return int.from_bytes(__import__('hashlib').sha1(name).digest()[:6], 'big')
mode, arg = sys.argv[1], os.fsencode(sys.argv[2])
if mode == 'make':
    top = os.open(arg, os.O_RDONLY)
    for d in (below(top, b'half'), below(top, b'whole'), below(top, DEEP + b'/half')):
        for n in NAMES: put(d, n, content(n, os.fstat(d).st_ino) + content(n, os.fstat(d).st_ino + 1))
    for n in NAMES: put(below(top, b'gone'), n, content(n, 7))
elif mode == 'spoil':                              # a wrong bit in the second block of each file in half/, in the only one of gone/
    ids = [int(x) for x in sys.argv[3:]]
    f = open(arg, 'r+b'); m = mmap.mmap(f.fileno(), 0)
    for n in NAMES:
        for c in [content(n, i + 1) for i in ids] + [content(n, 7)]:
            at = m.find(c); assert at > 0, n; m[at + 99] ^= 1
elif mode == 'check':                              # the lists
    want = {b'/half/' + n: 'partial' for n in NAMES} | {b'/' + DEEP + b'/half/' + n: 'partial' for n in NAMES} | {b'/gone/' + n: 'lost' for n in NAMES}
    have = {}
    for line in open(arg + b'/losses.jsonl', 'rb').read().decode('utf-8').split('\n')[:-1]:
        j = json.loads(line)
        raw = re.sub(rb'%([0-9A-F]{2})', lambda x: bytes([int(x.group(1), 16)]), j['raw'].encode()) if 'raw' in j else j['path'].encode()
        assert raw not in have, raw
        have[raw] = j['what']
        assert j['ranges'] == ([[4096, 4096]] if j['what'] == 'partial' else []), j
    assert have == want, {k: (have.get(k), want.get(k)) for k in set(have) ^ set(want)}
    text = open(arg + b'/losses.txt', 'rb').read().decode('utf-8').split('\n')[:-1]
    assert len(text) == len(want), len(text)
    for line in text:
        assert re.match('(partial|lost): /', line) and line.isprintable(), line
elif mode == 'files':                              # every file's content, holes are zeros
    top = os.open(arg, os.O_RDONLY)
    for d in sys.argv[3:]:
        fd = below(top, DEEP + b'/half') if d == 'DEEP' else below(top, d.encode())
        for n in NAMES:
            data = os.read(os.open(n, os.O_RDONLY, dir_fd=fd), 9000)
            print(d, n, __import__('hashlib').sha1(data if d == 'whole' else data[:4096]).hexdigest(), len(data), d == 'whole' or data[4096:] == bytes(4096))
PY
py() { python3 "$W/names.py" "$@"; }
py make "$W/mnt"
deep=$(printf "/$(printf 'd%.0s' $(seq 250))%.0s" $(seq 20))
ids=$(cd "$W/mnt" && stat -c %i half; cd "$W/mnt" && for i in $(seq 20); do cd "$(printf 'd%.0s' $(seq 250))"; done; stat -c %i half)
[ ${#deep} -gt 5000 ] || fail "the deep folder is not deep"
py files "$W/mnt" whole >"$W/whole"
py files "$W/mnt" half DEEP | sed 's/ False$/ True/' >"$W/half"
umount "$W/mnt"; loop_end "$LOOP"
py spoil "$W/b.img" $ids
loop_file "$W/b.img" -r
mount -o ro "$LOOP" "$W/mnt"
mkdir "$W/out/to" "$W/logs"
"$O/helpers/copytree" "$W/mnt" "$W/out/to" logs="$W/logs" >"$W/log" || fail "copytree: $(cat "$W/log")"
umount "$W/mnt"
py check "$W/logs" || fail "the lists of losses"
py files "$W/out/to" whole | cmp - "$W/whole" || fail "files that are not damaged"
py files "$W/out/to" half DEEP | cmp - "$W/half" || fail "files with a hole"
equal "$(find "$W/out/to/gone" -type f | wc -l)" 0 "files of which nothing could be read"
