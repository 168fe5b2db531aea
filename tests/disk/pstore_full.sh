#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A store without room, a store that cannot be written, a source that cannot be erased: records stay, the exit code says so, and the next run goes on (T13, T18).
. "$(dirname "$0")/../lib.sh"
need_root
need mkfs.ext4 python3
F=$TOP/tests/fixtures/pstore

fresh() { # fresh: $P and $E hold the two panics again
	rm -rf "$W/p" "$W/e"
	cp -r "$F/efi-6.1-two-panics/pstore" "$W/p"
	cp -r "$F/efi-6.1-two-panics/efivars" "$W/e"
}
count() { find "$1" -type f | wc -l; }
collect() { "$RESCUE" pstore --from "$W/p" --efivars "$W/e" --to "$W/m/store" "$@"; }
code() { local rc=0; "$@" >"$W/out" 2>&1 || rc=$?; echo $rc; }
stored() { find "$W/m/store" -path '*/raw/*' -type f 2>/dev/null | wc -l; }

loop_new store 1M
mkfs.ext4 -q -b 1024 -I 256 -N 128 -O ^has_journal,^resize_inode "$LOOP"
mkdir "$W/m"
mount "$LOOP" "$W/m"

# ---- full: not even the store's folder fits, then no record
fresh
dd if=/dev/zero of="$W/m/ballast" bs=1k 2>/dev/null || true
equal "$(code collect)" 9 "exit code, no room for the folder"
grep -q '28 crash records stay where they are: .*No space left on device' "$W/out" || fail "no sentence: $(cat "$W/out")"
rm "$W/m/ballast"
mkdir "$W/m/store"
dd if=/dev/zero of="$W/m/ballast" bs=1k 2>/dev/null || true
equal "$(code collect)" 9 "exit code, no room at all"
grep -q 'No space left on device: its 14 records stay where they are' "$W/out" || fail "no sentence: $(cat "$W/out")"
equal "$(count "$W/p") $(count "$W/e")" "28 28" "records after a full store"
equal "$(find "$W/m/store" -mindepth 1 | wc -l)" 0 "leftovers in the full store"

# ---- room for one of the two dumps: the newest, with its last words, and the exit code says that it was not everything
rm "$W/m/ballast"
"$RESCUE" pstore --from "$W/p" --efivars "$W/e" --to "$W/m/measure" --keep >/dev/null
both=$(du -sk "$W/m/measure" | cut -f1)
rm -r "$W/m/measure"
dd if=/dev/zero of="$W/m/ballast" bs=1k count=$(($(stat -f -c %f "$W/m") - both * 3 / 4)) 2>/dev/null
equal "$(code collect)" 7 "exit code, room for one dump: $(cat "$W/out")"
equal "$(count "$W/p") $(count "$W/e")" "14 14" "records after a store with room for one"
equal "$(find "$W/m/store" -mindepth 1 -maxdepth 1 | wc -l)" 1 "dumps"
ls "$W/m/store" | grep -q 20261128T161235Z || fail "not the newest: $(ls "$W/m/store")"

# ---- room again: the rest
rm "$W/m/ballast"
equal "$(code collect)" 0 "exit code, room again: $(cat "$W/out")"
equal "$(count "$W/p") $(count "$W/e") $(stored)" "0 0 56" "after the second run"

# ---- read-only
fresh
mount -o remount,ro "$W/m"
equal "$(code collect)" 0 "read-only, but every record is stored already: $(cat "$W/out")"
equal "$(count "$W/p") $(count "$W/e")" "0 0" "known records, read-only store"
mount -o remount,rw "$W/m"
rm -rf "$W/m/store"/*
mount -o remount,ro "$W/m"
fresh
equal "$(code collect)" 9 "exit code, read-only store: $(cat "$W/out")"
grep -q 'Read-only file system' "$W/out" || fail "no sentence: $(cat "$W/out")"
equal "$(count "$W/p") $(count "$W/e")" "28 28" "records after a read-only store"
mount -o remount,rw "$W/m"

# ---- variables that do not go away although their pstore files do (T13): safe in the store, and the exit code says that NVRAM is not free
mount --bind "$W/e" "$W/e"
mount -o remount,bind,ro "$W/e"
equal "$(code collect)" 7 "exit code, variables stay: $(cat "$W/out")"
grep -q 'it is safe in the store, but still in its old place' "$W/out" || fail "no sentence: $(cat "$W/out")"
equal "$(count "$W/e") $(stored)" "28 56" "variables that stay"
umount "$W/e"
equal "$(code collect)" 0 "exit code afterwards: $(cat "$W/out")"
equal "$(count "$W/e") $(stored)" "0 56" "variables afterwards"

# ---- the command's other words
"$RESCUE" pstore list --from "$W/p" --to "$W/m/store" >"$W/out"
equal "$(grep -c 'crash on request (SysRq c) by init' "$W/out")" 2 "list"
"$RESCUE" pstore show --to "$W/m/store" >"$W/out"
grep -q 'Kernel panic - not syncing: sysrq triggered crash' "$W/out" || fail "show has no log"
refuses 1 "no dump, or not exactly one" "$RESCUE" pstore show nothing --to "$W/m/store"
refuses 2 "a store is not a source" "$RESCUE" pstore --from "$W/m/store" --to "$W/m/store"
refuses 1 "is not a folder" "$RESCUE" pstore --from "$W/nowhere" --to "$W/m/store"
refuses 2 "pstore: say 'collect'" "$RESCUE" pstore tidy
"$RESCUE" pstore decode "$F"/efi-3.11/* >"$W/out"
grep -q 'both list poisons at once: a list entry was deleted twice' "$W/out" || fail "decode: $(cat "$W/out")"
"$RESCUE" pstore decode "$F"/packed/*.enc.z >"$W/out"
grep -q 'sysrq triggered crash' "$W/out" || fail "decode of .enc.z"
fresh
collect --json >"$W/out"
python3 - "$W/out" <<'END'
import json, sys
r = json.load(open(sys.argv[1]))
assert r['records'] == 28 and r['stored'] == 0 and r['erased'] == 28 and r['left'] == 0 and len(r['dumps']) == 2, r
assert all(d['seen_before'] == 1 for d in r['dumps']), r
END
"$RESCUE" pstore show --json --to "$W/m/store" | python3 -c 'import json, sys; r = json.load(sys.stdin); assert r["report"]["explanation"]["comm"] == "init" and "sysrq" in r["log"]'
