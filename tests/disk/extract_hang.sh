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
	at_end "umount -l '$W/m/$i' 2>/dev/null"
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

# A folder whose attributes get no answer when everything in it is done: it stays, with its times, and is listed; one that answers late is whole.
mute_folder() { # SECONDS PATIENCE name|"" [OPTION...]: into $TO, $W/to
	rm -rf "$W/to" "$W/logs"; mkdir -p "$W/to" "$W/logs" "$W/mute"; : >"$W/out"
	"$O/helpers/mutedir" "$W/mute" "$1" $3 & server=$!
	at_end "umount -l '$W/mute' 2>/dev/null"
	until mountpoint -q "$W/mute"; do sleep 0.05; done
	"$O/helpers/copytree" "$W/mute" "${TO:-$W/to}" logs="$W/logs" patience="$2" "${@:4}" >"$W/out" & p=$!
	for i in $(seq 200); do [ ! -s "$W/out" ] || break; sleep 0.1; done
	kill $server; wait $server || true; umount -l "$W/mute"; wait $p
}
its_folder() {
	equal "$(cat "$W/to/sub/f")" file "the file in the mute folder"
	equal "$(stat -c %Y "$W/to/sub" "$W/to" | uniq)" 1286705410 "times of the mute folder and the one around"
}
mute_folder 0 1 ''; its_folder
grep -q "^files 1 folders 2 .* lost 0 partial 0 attributes 1 " "$W/out" || fail "$(cat "$W/out")"
equal "$(cat "$W/logs/losses.txt")" "attributes: /sub: read: no answer: Connection timed out" "losses with a mute folder"
mute_folder 4 3 ''; its_folder
grep -q "^files 1 folders 2 .* attributes 0 " "$W/out" || fail "$(cat "$W/out")"
[ ! -s "$W/logs/losses.txt" ] || fail "a folder listed although it came late: $(cat "$W/logs/losses.txt")"
# a path that comes first, and the disk does not even say whether it is there
mute_folder 0 1 name first=/sub
grep -q "^files 0 folders 1 .* lost 1 " "$W/out" || fail "$(cat "$W/out")"
equal "$(cat "$W/logs/losses.txt")" "lost: /sub: read: no answer: Connection timed out" "losses with a path of 'first'"
mute_folder 4 3 name first=/sub; its_folder
[ ! -s "$W/logs/losses.txt" ] || fail "a path listed although it came late: $(cat "$W/logs/losses.txt")"
# what an archive of an earlier run has under two names is looked up again before anything else
mkdir -p "$W/before/sub" "$W/earlier"
echo file >"$W/before/sub/f"
ln "$W/before/sub/f" "$W/before/sub/g"
"$O/helpers/copytree" "$W/before" "$W/links.tar.zst" archive=yes logs="$W/earlier" >/dev/null
equal "$(grep -c ' inode:.* /sub/[fg]' "$W/earlier/manifest")" 2 "names with an inode in the manifest"
again=("logs=$W/earlier" archive=yes "resume=archive 0 manifest $(stat -c %s "$W/earlier/manifest") losses 0 text 0")
TO=$W/links.tar.zst mute_folder 0 1 name "${again[@]}"
grep -q "^files 0 .* lost 1 " "$W/out" || fail "resumed: $(cat "$W/out")"
equal "$(cat "$W/earlier/losses.txt")" "lost: /sub: read: no answer: Connection timed out" "losses of a resumed archive"
TO=$W/links.tar.zst mute_folder 3 2 name "${again[@]}"
grep -q "^files 1 .* lost 0 " "$W/out" || fail "resumed, with a late answer: $(cat "$W/out")"

# Only so many make files in btrfs at once. As many reads that hang, before everything else and each in the middle of
# a file that has been made, keep nobody from it.
loop_new btrfs 300M
mkfs.btrfs -qf "$LOOP" >/dev/null 2>&1
mkdir "$W/btrfs"
mount "$LOOP" "$W/btrfs"
at_end "umount -l '$W/btrfs'"
halves=()
mkdir "$W/m/b/halves"
for i in $(seq $(($(getconf _NPROCESSORS_ONLN) + 1))); do
	touch "$W/m/b/halves/$i"
	"$O/helpers/badfile" "$W/below" "$W/m/b/halves/$i" 2500000 stop & halves+=($!)
	at_end "umount -l '$W/m/b/halves/$i' 2>/dev/null"
	until [ -s "$W/m/b/halves/$i" ]; do sleep 0.05; done
done
at_end "kill -CONT ${halves[*]} 2>/dev/null"
rm -rf "$W/logs"; mkdir "$W/logs" "$W/btrfs/to"; : >"$W/out"
"$O/helpers/copytree" "$W/m" "$W/btrfs/to" first=/b/halves logs="$W/logs" patience=1 >"$W/out" & p=$!
for i in $(seq 200); do [ ! -s "$W/out" ] || break; sleep 0.1; done
[ -s "$W/out" ] || fail "it waits for files whose reads hang"
grep -q "^files 303 .* lost ${#halves[@]} " "$W/out" || fail "$(cat "$W/out")"
[ -z "$(ls "$W/btrfs/to/b/halves")" ] || fail "half a file was left"
kill -CONT "${halves[@]}"
wait $p
umount -l "$W"/m/b/halves/*
rm -r "$W/m/b/halves"
umount "$W/btrfs"

# Into an archive, which has one member after the other: a read that hangs in the middle of a big file holds up that file alone. Without an
# answer its member is filled up, and the rest of it is noted; what is answered late is in the archive a second time, whole.
for s in "${servers[@]}"; do kill "$s"; done
umount -l "$W/m/a/deep/dumb" "$W/m/a/dumb too"
rm "$W/m/a/deep/dumb" "$W/m/a/dumb too"
mute() { # a server that stops before it has read the byte 2500000
	touch "$W/m/b/mute"
	"$O/helpers/badfile" "$W/below" "$W/m/b/mute" 2500000 stop & server=$!
	until [ -s "$W/m/b/mute" ]; do sleep 0.05; done
}
muted() { kill -CONT $server 2>/dev/null || true; umount -l "$W/m/b/mute"; wait $server || true; }
at_end "kill -CONT \$server 2>/dev/null; umount -l '$W/m/b/mute' 2>/dev/null"
archive() { rm -rf "$W/logs"; mkdir "$W/logs"; : >"$W/out"; "$O/helpers/copytree" "$W/m" "$W/all.tar.zst" archive=yes logs="$W/logs" patience="$1" >"$W/out" & p=$!; }
told() { for i in $(seq 200); do [ ! -s "$W/out" ] || return 0; sleep 0.1; done; fail "it still waits for the disk"; }
unpacked() { # into $W/again; everything but the file is as it should be
	rm -rf "$W/again"; mkdir "$W/again"
	tar -C "$W/again" --zstd -xf "${1:-$W/all.tar.zst}" 2>"$W/tar.err" || fail "tar finds the archive damaged"
	diff -r --exclude=mute "$W/m" "$W/again" || fail "another file differs"
	equal "$(stat -c %s "$W/again/b/mute")" "$(stat -c %s "$W/below")" "size of the file that hung"
}
partial="partial: /b/mute: bytes 2097152-3145727: read: no answer: Connection timed out"

mute
archive 1; told
grep -q "^files 302 .* lost 0 partial 1 " "$W/out" || fail "$(cat "$W/out")"
equal "$(cat "$W/logs/losses.txt")" "$partial" "losses"
equal "$(grep -c '^partial f .*/b/mute$' "$W/logs/manifest")" 1 "the manifest"
muted; wait $p
unpacked
cmp -n 2097152 "$W/below" "$W/again/b/mute" || fail "what was read before"
cmp <(tail -c +2097153 "$W/again/b/mute") <(head -c 1M /dev/zero) || fail "what was not read is something else than zeros"

mute
archive 2; sleep 4; kill -CONT $server; wait $p
grep -q "^files 302 .* lost 0 partial 0 " "$W/out" || fail "$(cat "$W/out")"
[ ! -s "$W/logs/losses.txt" ] || fail "listed although it came late: $(cat "$W/logs/losses.txt")"
equal "$(tar --zstd -tf "$W/all.tar.zst" 2>/dev/null | grep -c /b/mute)" 2 "members of the file"
muted
unpacked
cmp "$W/below" "$W/again/b/mute" || fail "the second member"

# the same through a plan, into a program
mute
printf 'plan: 1\nname: p\nsteps:\n  - extract:\n      id: get\n      from: "%s"\n      pipe: [sh, -c, "cat >%s"]\n      read-timeout: 1s\n' "$W/m" "$W/sent.tar.zst" >"$W/plan.yaml"
mkdir "$W/state"
rc=0; "$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state" >"$W/run.log" 2>&1 </dev/null & p=$!
for i in $(seq 200); do grep -q 'see .*losses.txt' "$W/run.log" && break; sleep 0.1; done
muted
wait $p || rc=$?
equal "$rc" 7 "exit code of a run with a file that hung"
equal "$(cat "$W"/state/steps/get/losses.txt)" "$partial" "losses of a pipe"
unpacked "$W/sent.tar.zst"
