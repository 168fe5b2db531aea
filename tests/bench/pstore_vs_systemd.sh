#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The same records, collected by systemd-pstore and by rescue: what each gets right. Records are those of really crashed kernels (tests/fixtures/pstore)
# or changed from them; where it says "typed" they are made up. Prints the table of docs/pstore.md; ends with 1 when rescue gets a case wrong.
. "$(dirname "$0")/../lib.sh"
need python3 strace
need_root
SD=${SYSTEMD_PSTORE:-/lib/systemd/systemd-pstore}
[ -x "$SD" ] || { echo "$SD is not installed"; exit 77; }
export SD W
exec python3 - "$TOP/tests/fixtures/pstore" <<'END'
import glob, json, os, re, shutil, subprocess, sys, zlib
F, W, SD, R = sys.argv[1], os.environ['W'], os.environ['SD'], os.environ['RESCUE']
P, E, D1, D2 = (W + '/' + x for x in ('p', 'e', 'd1', 'd2'))

def fresh(files, efivars=()):
    for d in (P, E):
        shutil.rmtree(d, ignore_errors=True); os.makedirs(d)
    for d, l in ((P, files), (E, efivars)):
        for n, data in l: open(d + '/' + n, 'wb').write(data)
def sample(pattern):
    return [(os.path.basename(f), open(f, 'rb').read()) for f in sorted(glob.glob(F + '/' + pattern))]
def systemd(files, efivars=(), to=D1):
    fresh(files, efivars)
    return subprocess.run([SD, P, to], capture_output=True, env=dict(os.environ, SYSTEMD_LOG_TARGET='console')).returncode
def rescue(files, efivars=(), to=D2, more=()):
    fresh(files, efivars)
    return subprocess.run([R, 'pstore', '--from', P, '--efivars', E, '--to', to, '--volatile-store', *more], capture_output=True).returncode
def texts(d):
    logs = [open(f, errors='replace').read() for f in glob.glob(d + '/**/dmesg.txt', recursive=True)]
    if logs: return logs
    out = []
    for root, _, files in os.walk(d):
        if '/raw' in root: continue
        for f in files:
            if f.endswith('.json'): continue
            try: out.append(open(root + '/' + f, 'rb').read().decode())
            except UnicodeDecodeError: pass
    return out
HEAD = re.compile(r'^([A-Z][a-z]+#\d+ Part\d+|dmesg-[\w.-]+:)$')
def body(t):
    return [l for l in t.splitlines() if l and not HEAD.match(l) and not l.startswith('[rescue:')]     # headers, names of files and empty lines: no matter
def whole(parts):       # parts: text of part 1, 2, ...
    return [l for p in reversed(parts) for l in body(p.decode())]
def has(d, want):       # exactly one file is this log, nothing more, nothing less
    return sum(body(t) == w for t in texts(d) for w in [want]) == 1
def clean():
    for d in (D1, D2): shutil.rmtree(d, ignore_errors=True); os.makedirs(d)

two = sample('efi-6.1-two-panics/pstore/*'); twov = sample('efi-6.1-two-panics/efivars/*')
one = [f for f in two if f[0] < 'dmesg-efi-179588235']; onev = [v for v in twov if '-179588234' in v[0]]
part = lambda n: int(n[-5:-3])
log1 = whole([d for n, d in sorted(one, key=lambda f: part(f[0]))])
log2 = whole([d for n, d in sorted([f for f in two if f not in one], key=lambda f: part(f[0]))])
burst = sample('burst/dmesg*'); erst = sample('erst/*'); packed = sample('packed/*.enc.z'); ram = sample('ramoops/*'); old = sample('efi-3.11/*')
many = sample('many/*')
def dumps_of(files, count):
    return whole([d for n, d in sorted([f for f in files if f[0].endswith('%03d' % count)], key=lambda f: part(f[0]))])
many_files, many_parts = [], {}
for n, d in many:
    p, c, t = int(n.split('-')[2]), int(n.split('-')[3]), int(n.split('-')[4])
    text = zlib.decompress(d[4:], -15)
    many_files.append(('dmesg-efi-%d' % ((t * 100 + p) * 1000 + c), text)); many_parts[p] = text
many_log = whole([many_parts[p] for p in sorted(many_parts)])

rows = []
def case(name, sd, rs):
    clean(); a = bool(sd()); clean(); b = bool(rs())
    rows.append((name, a, b))
def both(name, files, check, efivars=()):
    case(name, lambda: (systemd(files, efivars), check(D1))[1], lambda: (rescue(files, efivars), check(D2))[1])

both('a panic of 14 parts, whole, oldest text first', one, lambda d: has(d, log1))
both('two boots that both died with Panic#1: two logs', two, lambda d: has(d, log1) and has(d, log2))
both('three oopses and a panic within two seconds: four logs', burst, lambda d: all(has(d, dumps_of(burst, c)) for c in (1, 2, 3, 4)))
both('records of a 3.11 kernel (dmesg-efi-1, -2, -3): one log', old, lambda d: has(d, whole([x[1] for x in old])))
both('ERST, an oops and a panic in one boot: two logs', erst, lambda d: has(d, whole([erst[0][1], erst[1][1]])) and has(d, whole([erst[2][1], erst[3][1]])))
plain = [(n.replace('.enc.z', ''), zlib.decompress(d, -15)) for n, d in packed]
both('records that the kernel left packed (.enc.z): readable', packed, lambda d: has(d, whole([x[1] for x in plain])))
both('a dump of 108 parts, names overflowing: one log', many_files, lambda d: has(d, many_log))
both('new kernels\' names (dmesg-efi_pstore-)', [(n.replace('efi-', 'efi_pstore-'), d) for n, d in one], lambda d: has(d, log1))
both('records that only efivarfs has (another backend came first)', [], lambda d: has(d, log1), onev)
gap = [f for f in one if part(f[0]) != 7]
both('a part is missing: the log says where', gap, lambda d: any('part 7 is missing' in t for t in texts(d)))
both('an empty record beside a whole dump: still one log', one + [('dmesg-efi-179588234502001', b'')], lambda d: has(d, log1))
both('an unknown kind of record is kept (typed)', [('newthing-efi-12', b'what is this\n')],
     lambda d: any(open(f, 'rb').read() == b'what is this\n' for f in glob.glob(d + '/**', recursive=True) if os.path.isfile(f)))
a, b = b'Panic#1 Part1\n<0>[ 3.0] first\n', b'Panic#1 Part1\n<0>[ 4.0] second\n'
def twice(run, d):
    run([('dmesg-ramoops-0', a)]); run([('dmesg-ramoops-0', b)])
    return any('first' in t for t in texts(d)) and any('second' in t for t in texts(d))
case('ramoops, the same name in the next boot: both kept (typed)', lambda: twice(systemd, D1), lambda: twice(rescue, D2))
def again(run, d):      # power gone between copying and erasing: the same records once more
    run(one); run(one)
    return has(d, log1) and os.listdir(P) == []
case('run again after a power cut between copy and erase: no text twice', lambda: again(systemd, D1), lambda: again(rescue, D2))
def full(run, d):
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', d], check=True)
    try:
        rc = run(one, (), d)
        return len(os.listdir(P)) == 14 and rc != 0
    finally: subprocess.run(['umount', d], check=True)
case('no room for the copy: records stay and the exit code says so', lambda: full(systemd, D1), lambda: full(rescue, D2))
def readonly(run, d):
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'ro', 'tmpfs', d], check=True)
    try:
        rc = run(one, (), d)
        return len(os.listdir(P)) == 14 and rc != 0
    finally: subprocess.run(['umount', d], check=True)
case('a store that cannot be written: records stay and the exit code says so', lambda: readonly(systemd, D1), lambda: readonly(rescue, D2))
def stubborn(run, d):   # unlink() in pstore reports success, the variable is still there
    rc = run(one, onev, d)
    return rc != 0 or os.listdir(E) == []
case('the record is gone from NVRAM afterwards, or the exit code says no', lambda: stubborn(systemd, D1), lambda: stubborn(rescue, D2))
def durable(argv):      # strace: is every copy synced before the first record is unlinked?
    fresh(one)
    log = W + '/strace'
    subprocess.run(['strace', '-f', '-o', log, '-e', 'trace=fsync,fdatasync,sync,syncfs,unlink,unlinkat,rename,renameat,renameat2'] + argv, capture_output=True)
    syncs = 0
    for l in open(log):
        if re.search(r'unlink(at)?\(.*dmesg-efi', l): return syncs >= 14
        syncs += bool(re.search(r'\bf(data)?sync\(|\bsyncfs\(', l))
    return False
case('copies are on the medium before the first record is erased (strace)', lambda: durable([SD, P, D1]),
     lambda: durable([R, 'pstore', '--from', P, '--efivars', E, '--to', D2, '--volatile-store']))
both('says what happened: kind, function, command, kernel', old, lambda d: any('btrfs_clean_one_deleted_snapshot+0x49/0x150 by btrfs-cleaner' in
     open(f, errors='replace').read() for f in glob.glob(d + '/**', recursive=True) if os.path.isfile(f)))

version = subprocess.run(['systemctl', '--version'], capture_output=True, text=True).stdout.split('\n')[0] or 'systemd'
print('| case | %s | rescue |\n|---|---|---|' % re.sub(r' \(.*', '', version))
for n, a, b in rows: print('| %s | %s | %s |' % (n, 'yes' if a else 'no', 'yes' if b else 'no'))
print('| right of %d | %d | %d |' % (len(rows), sum(a for _, a, _ in rows), sum(b for _, _, b in rows)))
sys.exit(0 if all(b for _, _, b in rows) and len(rows) >= 15 else 1)
END
