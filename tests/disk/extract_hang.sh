#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Files whose reads hang (the FUSE server below them is stopped): everything else is copied, what never gets an answer is listed, and an
# answer that comes late is taken.
. "$(dirname "$0")/../lib.sh"
need_root
[ -e /dev/fuse ] || { echo "no /dev/fuse"; exit 77; }

mkdir -p "$W/m/a/deep" "$W/m/b" "$W/logs"
for i in $(seq 1 300); do echo "file $i" >"$W/m/a/f$i"; done
head -c 3M /dev/urandom >"$W/below"; head -c 2M /dev/urandom >"$W/m/b/fine"
servers=()
for i in a/deep/dumb "a/dumb too"; do
	touch "$W/m/$i"
	"$O/helpers/badfile" "$W/below" "$W/m/$i" & servers+=($!)
	at_end "umount -l '$W/m/$i'"
	until [ -s "$W/m/$i" ]; do sleep 0.05; done
done
at_end "kill -CONT ${servers[*]} 2>/dev/null"
touch -d '2010-10-10 10:10:10' "$W/m/a/deep" "$W/m/a" "$W/m/b" "$W/m"
copy() { rm -rf "$W/to" "$W/logs"; mkdir "$W/to" "$W/logs"; : >"$W/out"; "$O/helpers/copytree" "$W/m" "$W/to" logs="$W/logs" patience="$1" >"$W/out" & p=$!; }

# no answer at all
kill -STOP "${servers[@]}"
copy 1
for i in $(seq 200); do [ ! -s "$W/out" ] || break; sleep 0.1; done
[ -s "$W/out" ] || fail "it still waits for the disk"
grep -q "^files 301 folders 4 .* lost 2 " "$W/out" || fail "$(cat "$W/out")"
equal "$(sort "$W/logs/losses.txt" | tr '\n' '|')" \
	"lost: /a/deep/dumb: read: no answer: Connection timed out|lost: /a/dumb too: read: no answer: Connection timed out|" "losses"
cmp "$W/m/b/fine" "$W/to/b/fine"
[ "$(find "$W/to" -name 'dumb*' | wc -l)" = 0 ] || fail "half a file was left"
equal "$(stat -c %Y "$W/to/a/deep" "$W/to/a" "$W/to/b" "$W/to" | uniq)" "$(stat -c %Y "$W/m")" "times of the folders around"
[ ! -e "$W/to/.rescue-hard-links" ] || fail "the nursery of hard links is still there"
kill -CONT "${servers[@]}"
wait $p

# answers after five seconds, when everything else is done
kill -STOP "${servers[@]}"
copy 3
sleep 5
kill -CONT "${servers[@]}"
wait $p
[ ! -s "$W/logs/losses.txt" ] || fail "listed although it came late: $(cat "$W/logs/losses.txt")"
for i in a/deep/dumb "a/dumb too"; do cmp "$W/below" "$W/to/$i"; done
equal "$(find "$W/to" -type f | wc -l)" 303 "number of files"
