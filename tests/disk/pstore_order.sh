#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What comes before what (T14): no record is erased before its copy and the folders above it were synced and read again; and a medium that lies, or fails,
# costs nothing.
. "$(dirname "$0")/../lib.sh"
need python3 strace
F=$TOP/tests/fixtures/pstore
S=$W/store

fresh() {
	rm -rf "$W/p" "$W/e"
	cp -r "$F/efi-6.1-two-panics/pstore" "$W/p"
	cp -r "$F/efi-6.1-two-panics/efivars" "$W/e"
}
# traced STRACE-OPTION...: collects under strace; exit code in $rc
traced() {
	rc=0
	strace -f -y -s 0 -o "$W/trace" "$@" "$RESCUE" pstore --from "$W/p" --efivars "$W/e" --to "$S" --volatile-store >"$W/out" 2>&1 || rc=$?
}
left() { find "$W/p" "$W/e" -type f | wc -l; }

# ---- the order of system calls
fresh
traced -e trace=openat,read,write,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat
equal $rc 0 "exit code: $(cat "$W/out")"
python3 - "$W/trace" "$W" <<'END'
import os, re, sys
trace, W = sys.argv[1:]
written, synced, reread, dirs, erased, tmp = {}, set(), set(), set(), 0, {}
for line in open(trace):
    call = re.sub(r'^\d+ +', '', line)
    path = lambda: re.search(r'<([^>]*)>', call).group(1)
    names = re.findall(r'"([^"]*)"', call)
    if call.startswith('write(') and W + '/store/' in call:
        written[path()] = True
    elif re.match(r'f(data)?sync\(', call):
        p = path(); synced.add(p); dirs.add(p)
    elif call.startswith('rename') and '= 0' in call:           # what was written and synced has a new name now, also below a renamed folder
        old, new = names[0], names[1]
        for s in (synced, dirs):
            s |= {new + p[len(old):] for p in set(s) if p == old or p.startswith(old + '/')}
        dirs.discard(os.path.dirname(new))                      # the folder that holds the new name must be synced again
        reread -= {p for p in reread if p.startswith(new)}
    elif call.startswith('read(') and W + '/store/2' in call:
        reread.add(path())
    elif call.startswith('unlink') and re.search(r'"%s/[pe]/' % W, call) and '= 0' in call:
        name = os.path.basename(names[0]); erased += 1
        raws = [p for p in synced if re.search(r'/store/2[^/]*/raw/' + re.escape(name) + '$', p)]
        assert raws, 'erased before its copy was synced: ' + name
        raw = raws[0]; dump = os.path.dirname(os.path.dirname(raw))
        for d in (os.path.dirname(raw), dump, W + '/store'):
            assert d in dirs, 'erased before %s was synced: %s' % (d, name)
        assert raw in reread, 'erased before its copy was read again: ' + name
assert erased == 56, erased
END

cp -r "$S" "$W/good"

# ---- a medium that says it wrote, and did not: the first byte of one record is lost. Its dump stays; the next run stores it whole and erases it
for nth in 1 2 13 28; do
	rm -rf "$S"
	fresh
	traced -e trace=write -e inject=write:retval=1:when=$nth
	[ $rc = 7 ] || [ $rc = 9 ] || fail "write $nth lied: exit code $rc: $(cat "$W/out")"
	[ "$(left)" -ge 28 ] || fail "write $nth lied, and only $(left) records are left: $(cat "$W/out")"
	traced -e trace=none
	equal "$rc $(left)" "0 0" "after write $nth lied: $(cat "$W/out")"
	"$RESCUE" pstore list --to "$S" >"$W/out"
	equal "$(grep -c 'crash on request (SysRq c) by init' "$W/out")" 2 "dumps after write $nth lied: $(cat "$W/out")"
	for f in "$F"/efi-6.1-two-panics/*/*; do
		found=
		for s in "$S"/2*/raw*/"${f##*/}"; do cmp -s "$f" "$s" && found=1; done
		[ -n "$found" ] || fail "write $nth lied: ${f##*/} is not in the store as it was"
	done
done

# ---- the same with the log and the report, which follow the records: they are made again, and nothing has to stay
for nth in 29 30; do
	rm -rf "$S"
	fresh
	traced -e trace=write -e inject=write:retval=1:when=$nth
	equal "$rc $(left)" "0 0" "write $nth lied: $(cat "$W/out")"
	diff -r "$W/good" "$S" || fail "write $nth lied, and the store is not what it should be"
done

# ---- a sync that fails: nothing is erased on its word
for nth in 1 3 20; do
	rm -rf "$S"
	fresh
	traced -e trace=fsync,fdatasync -e inject=fsync,fdatasync:error=EIO:when=$nth
	[ $rc = 7 ] || [ $rc = 9 ] || [ $rc = 1 ] || fail "sync $nth failed: exit code $rc: $(cat "$W/out")"
	[ "$(left)" -ge 28 ] || fail "sync $nth failed, and only $(left) records are left"
	traced -e trace=none
	equal "$rc $(left)" "0 0" "after sync $nth failed: $(cat "$W/out")"
done
