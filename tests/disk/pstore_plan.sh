#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# pstore-collect in a plan: what it found is known to later steps; a machine without a crash is no error; killed in the middle, the same command goes on
# and nothing is stored twice; a store without room degrades the run and does not stop it.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root
need mkfs.ext4
F=$TOP/tests/fixtures/pstore

fresh() {
	rm -rf "$W/p" "$W/e"
	cp -r "$F/efi-6.1-two-panics/pstore" "$W/p"
	cp -r "$F/efi-6.1-two-panics/efivars" "$W/e"
}
left() { find "$W/p" "$W/e" -type f | wc -l; }
stored() { find "$W/m/store" -path '*/raw*/*' -type f -printf '%f\n' | sort; }
loop_new store 4M
mkfs.ext4 -q "$LOOP"
mkdir "$W/m"
mount "$LOOP" "$W/m"
plan <<E
plan: 1
name: last words
steps:
  - pstore-collect: {id: words, from: $W/p, efivars: $W/e, to: $W/m/store}
  - write-file: {id: note, path: $W/note, content: "\${words.dumps} \${words.records} \${words.left} \${words.newest}"}
E

fresh
runs 0
equal "$(left) $(stored | wc -l)" "0 56" "records left, files stored"
equal "$(cat "$W/note")" "2 28 0 crash on request (SysRq c) by init, kernel 6.1.0-56-cloud-amd64" "facts"
stored >"$W/once"

# no crash: the later step still gets its words
again
runs 0
equal "$(cat "$W/note")" "0 0 0 no crash" "facts without a crash"

# killed where a dump is stored and some of its records are erased; then between two dumps
for point in pstore.erase.unlinked:5 pstore.store.renamed:2 pstore.store.read_back:1; do
	again
	rm -rf "$W/m/store"
	fresh
	RESCUE_FAULT=$point runs 137
	[ "$(left)" -gt 0 ] || fail "$point: nothing was left to do"
	runs 0
	equal "$(left)" 0 "$point: records left"
	stored | diff "$W/once" - || fail "$point: stored otherwise"
	equal "$(cut -d' ' -f3- "$W/note")" "0 crash on request (SysRq c) by init, kernel 6.1.0-56-cloud-amd64" "$point: facts"
done

# no room: the next step runs, the exit code says that something is left
again
rm -rf "$W/m/store"
mkdir "$W/m/store"
dd if=/dev/zero of="$W/m/ballast" bs=1k 2>/dev/null || true
fresh
runs 7
says '28 of 28 crash records stay where they are'
equal "$(left)" 56 "records after a full store"
equal "$(cut -d' ' -f3 "$W/note")" 28 "fact 'left'"
