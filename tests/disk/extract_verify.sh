#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# verify: yes with an archive: it is read back after it was written. A byte that changes on the destination in between is noticed, in content and
# in attributes, compressed and not; what is behind a place that cannot be read is lost; a run that is killed meanwhile only verifies again.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tree_lib.sh"
need_root
need setfattr setfacl python3 bsdtar

MANY=300 DEEP=5 NO_SOCKET=1 nasty_tree "$W/src"
ln -s "/nowhere/$(printf 'x%.0s' $(seq 120))/all" "$W/src/etc/far"       # a tar's own header, which has a checksum, has room for 100 bytes
for i in 1 2 3; do head -c 700000 /dev/urandom >"$W/src/etc/random$i"; done
files=$(find "$W/src" ! -type d -printf x | wc -c)
losses() { sort "$(report losses.txt)"; }
# change BYTES TO: the only place of these bytes in the archive
change() {
	python3 - "$to" "$1" "$2" <<'PY'
import sys
b = bytearray(open(sys.argv[1], 'rb').read()); old, new = (a.encode('latin1') for a in sys.argv[2:])
assert b.count(old) == 1 and len(old) == len(new), b.count(old)
at = b.index(old); b[at:at + len(new)] = new
open(sys.argv[1], 'r+b').write(b)
PY
}
flip() { python3 -c 'import sys; f = open(sys.argv[1], "r+b"); at = int(sys.argv[2]); f.seek(at); b = f.read(1)[0]; f.seek(at); f.write(bytes([b ^ 4]))' "$1" "$2"; }
written() { # ARCHIVE: killed when all is written and nothing was read back
	to=$1
	rm -f "$to"
	extract_plan "$W/src" "$to" "verify: yes"
	RESCUE_FAULT=extract.archive.written:1 run_plan 137
	[ -e "$to" ] && [ ! -e "$to.part" ] || fail "the archive is not whole when it is verified"
}

# nothing is wrong, every kind of file is compared
for to in "$W/all.tar.zst" "$W/all.tar"; do
	extract_plan "$W/src" "$to" "verify: yes"
	run_plan 0 || { losses; exit 1; }
	grep -q "verify: $files files of '$to' were read back, all are equal" "$W/run.log" || fail "$(tail -5 "$W/run.log")"
	[ ! -s "$(report losses.txt)" ] || fail "$(losses)"
done

# a byte of content; killed once more while it is looked for
written "$W/all.tar"
at=$(python3 -c 'import sys; print(open(sys.argv[1], "rb").read().index(open(sys.argv[2], "rb").read()[:512]))' "$to" "$W/src/big")
flip "$to" $((at + 1500000))
RESCUE_FAULT=extract.archive.written:1 KEEP_STATE=1 run_plan 137
before=$(stat -c %i:%Y "$to")
KEEP_STATE=1 run_plan 7
equal "$(losses)" "lost: /big: verify: the archive gives back another content than was read from the source" "losses after a wrong bit"
equal "$(stat -c %i:%Y "$to")" "$before" "the archive, which was not to be written again"
equal "$(grep -o '"lost":[0-9]*' "$(report report.json)")" '"lost":1' "the report"
grep -q "verify: 1 files of '$to' are not what was read from the source" "$W/run.log" || fail "no sentence: $(tail -5 "$W/run.log")"

# an attribute, a link's target, a name: nothing in a tar guards them
written "$W/all.tar"
change "SCHILY.xattr.user.x=hello" "SCHILY.xattr.user.x=hallo"
change "xxxx/all" "xxxx/ill"
change "mtime=981173106.123456789" "mtime=981173106.123456788"
KEEP_STATE=1 run_plan 7 || true
equal "$(losses | tr '\n' '|')" "attributes: /etc/f7: verify: the archive gives back another mode, owner, time or attribute|attributes: /etc/f9: verify: the archive gives back another mode, owner, time or attribute|lost: /etc/far: verify: what the archive gives back has another type, size or target|" "losses after changes in the headers"

# compressed, a wrong bit ends what can be read: each file behind it is listed, and no other one that an unpacker would miss
written "$W/all.tar.zst"
flip "$to" $(($(stat -c %s "$to") / 2))
KEEP_STATE=1 run_plan 7
lost=$(wc -l <"$(report losses.txt)")
equal "$(grep -c '^lost: .*verify: the archive \(cannot be read up to this file: \|gives back another content\)' "$(report losses.txt)")" "$lost" "lines in the losses"
[ "$lost" -gt 0 ] && [ "$lost" -lt "$files" ] || fail "$lost of $files files lost behind a wrong bit"
grep -q "verify: '$to' cannot be read to its end" "$W/run.log" || fail "no sentence about an archive that cannot be read"
mkdir "$W/out"; bsdtar -C "$W/out" -xf "$to" 2>/dev/null && fail "bsdtar sees no damage: the test is wrong"
grep '^lost' "$(report losses.txt)" | sed 's/^lost: \(.*\): verify: .*/\1/' >"$W/lost"
(cd "$W/src" && find . -type f ! -path "./odd names/*" | cut -c2-) | grep -vxFf "$W/lost" | while read -r f; do cmp "$W/src$f" "$W/out$f" || fail "$f: neither listed nor there"; done

# cut off
written "$W/all.tar"
truncate -s -1500000 "$to"
KEEP_STATE=1 run_plan 7
grep -q '^lost: .*verify: the archive cannot be read up to this file: ' "$(report losses.txt)" || fail "nothing is missing from half an archive"

# what only the source's own faults left out is no fault of the archive
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1] + "/sock")' "$W/src"
extract_plan "$W/src" "$W/sock.tar" "verify: yes"
run_plan 7
equal "$(losses)" "lost: /sock: the archive format has no sockets: Operation not supported" "losses of a socket"
grep -q "all are equal" "$W/run.log" || fail "$(tail -5 "$W/run.log")"

# a pipe cannot be read back: said before anything is done
printf 'plan: 1\nname: p\nsteps:\n  - extract:\n      id: get\n      from: "%s"\n      pipe: [sh, -c, "cat >%s/sent"]\n      verify: yes\n' "$W/src" "$W" >"$W/plan.yaml"
rm -rf "$W/state"
refuses 3 "verify: what went into a pipe cannot be read back from here; take 'verify' out" "$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state"
[ ! -e "$W/sent" ] || fail "it was begun all the same"
cat "$W/refuses.out"
