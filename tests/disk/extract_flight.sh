#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Big files, of which two pieces are read at once past the page cache: what cannot be read is a hole of that size and no more, a read that hangs is
# waited for, a full destination ends it.
. "$(dirname "$0")/../lib.sh"
need_root
need mkfs.ext4 cmp strace python3
[ -e /dev/fuse ] || { echo "no /dev/fuse"; exit 77; }

mkdir -p "$W/m" "$W/dst" "$W/logs"
mount -t tmpfs -o size=150M tmpfs "$W/dst"
head -c 20000001 /dev/urandom >"$W/below"
copy() { # FROM [OPTION...]
	rm -rf "$W/dst/to" "$W/logs"; mkdir "$W/dst/to" "$W/logs"; rc=0
	"$O/helpers/copytree" "$1" "$W/dst/to" logs="$W/logs" "${@:2}" >"$W/out" 2>"$W/err" || rc=$?
}
holes() { sort "$W/logs/losses.txt" | cut -d: -f2,3 | tr '\n' '|'; }
same_but() { # FILE [OFF LEN]...: FILE is below, with zeros there
	cp "$W/below" "$W/want"
	while [ $# -gt 1 ]; do
		dd if=/dev/zero of="$W/want" bs=1 seek="$2" count="$3" conv=notrunc status=none
		set -- "$1" "${@:4}"
	done
	cmp "$W/want" "$1"
}

# every size around a piece
mkdir "$W/sizes"
for n in 8388607 8388608 8388609 9437183 9437184 9437185 12000000; do head -c $n "$W/below" >"$W/sizes/$n"; done
copy "$W/sizes"
diff -r "$W/sizes" "$W/dst/to" || fail "a file differs"
strace -f -e trace=io_submit -o "$W/trace" "$O/helpers/copytree" "$W/sizes" "$W/dst/to" >/dev/null
equal "$(grep -c 'io_submit.* = 1$' "$W/trace")" 57 "pieces that were asked for ahead"

# bad sectors: inside one piece, over the border of two, at the very end
touch "$W/m/f"
serve() { "$O/helpers/badfile" "$W/below" "$W/m/f" "$@" & server=$!; until [ -s "$W/m/f" ]; do sleep 0.05; done; }
served() { kill -CONT $server 2>/dev/null || true; umount -l "$W/m/f"; wait $server || true; }
at_end "kill -CONT \$server 2>/dev/null; umount -l '$W/m/f' 2>/dev/null"
serve 1228800 4096 3141632 8192 19996672 3329
copy "$W/m"
equal "$rc $(holes)" "0  /f: bytes 1228800-1232895, 3141632-3149823, 19996672-20000000|" "what is missing"
same_but "$W/dst/to/f" 1228800 4096 3141632 8192 19996672 3329
served

# the same below a filesystem, whose direct reads do not wait
loop_new src 60M
mkfs.ext4 -qF "$LOOP"
mkdir "$W/src"
mount "$LOOP" "$W/src"
cp "$W/below" "$W/src/f"
umount "$W/src"
place=$(python3 -c 'import sys; print(open(sys.argv[1], "rb").read().index(open(sys.argv[2], "rb").read()[5242880:5242880 + 4096]))' "$W/src.img" "$W/below")
loop_end "$LOOP"
touch "$W/image"
"$O/helpers/badfile" "$W/src.img" "$W/image" "$place" 4096 & server2=$!
until [ -s "$W/image" ]; do sleep 0.05; done
loop_file "$W/image" -r
mount -o ro,noload "$LOOP" "$W/src"
copy "$W/src" exclude=lost+found
equal "$rc $(holes)" "0  /f: bytes 5242880-5246975|" "what is missing on a filesystem"
same_but "$W/dst/to/f" 5242880 4096
umount "$W/src"
loop_end "$LOOP"
umount -l "$W/image"
wait $server2 || true

# an answer that comes late, and one that does not
hanging() { # SECONDS PATIENCE
	serve 10000000 stop
	rm -rf "$W/dst/to" "$W/logs"; mkdir "$W/dst/to" "$W/logs"; : >"$W/out"
	"$O/helpers/copytree" "$W/m" "$W/dst/to" logs="$W/logs" patience="$2" >"$W/out" & p=$!
	[ "$1" = 0 ] || { sleep "$1"; kill -CONT $server; }
	for i in $(seq 200); do [ ! -s "$W/out" ] || break; sleep 0.1; done
	[ -s "$W/out" ] || fail "it still waits for the disk"
	kill -CONT $server; wait $p
}
hanging 3 2
[ ! -s "$W/logs/losses.txt" ] || fail "listed although it came late: $(cat "$W/logs/losses.txt")"
cmp "$W/below" "$W/dst/to/f"
served
hanging 0 1
equal "$(cat "$W/logs/losses.txt")" "lost: /f: read: no answer: Connection timed out" "losses"
[ ! -e "$W/dst/to/f" ] || fail "half a file was left"
served

# a destination that is full while pieces are on their way
rm -rf "$W/dst/to"
head -c $(($(stat -f -c '%f * %S' "$W/dst") - 30000000)) /dev/zero >"$W/dst/fill"
copy "$W/sizes"
equal "$rc" 1 "exit code with a full destination"
grep -q "^write to '$W/dst/to': No space left on device" "$W/err" || fail "$(cat "$W/err")"
