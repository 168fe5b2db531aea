#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ACLs out of an archive of GNU tar: with their numbers when they are in it, by the target's etc/passwd when only names are, and a name
# that nobody knows is a loss that is listed, never dropped in silence.
. "$(dirname "$0")/../lib.sh"
need_root
need tar setfacl getfacl

mkdir "$W/a"
echo hi >"$W/a/f"
setfacl -m u:daemon:r,g:daemon:rw "$W/a/f"
tar -C "$W/a" --acls --format=posix -cf "$W/names.tar" .
tar -C "$W/a" --acls --xattrs --xattrs-include='*' --format=posix -cf "$W/numbers.tar" .

restore() { # restore ARCHIVE WANTED-CODE
	local rc=0
	printf 'plan: 1\nsteps:\n  - archive-restore: {id: r, from: %s, to: %s}\n' "$W/$1" "$W/b" >"$W/plan.yaml"
	"$RESCUE" run --state "$W/state" --volatile-state "$W/plan.yaml" >"$W/out" 2>&1 || rc=$?
	[ $rc = "$2" ] || { cat "$W/out"; fail "$1: exit code $rc, wanted $2"; }
}
again() { rm -rf "$W/b" "$W/state"; mkdir -p "$W/b/etc"; }

again
printf 'daemon:x:77:7::/:\n' >"$W/b/etc/passwd"
printf 'daemon:x:78:\n' >"$W/b/etc/group"
restore names.tar 0
getfacl -nc "$W/b/f" >"$W/acl" 2>/dev/null
grep -qx 'user:77:r--' "$W/acl" || fail "the target's etc/passwd was not asked: $(cat "$W/acl")"
grep -qx 'group:78:rw-' "$W/acl" || fail "the target's etc/group was not asked"

again
printf 'other:x:77:7::/:\n' >"$W/b/etc/passwd"
restore names.tar 7
grep -qF "./f: the ACL entry of 'daemon' comes without a number" "$W/state/steps/r/losses.txt" || fail "the loss is not listed"

again
printf 'other:x:77:7::/:\n' >"$W/b/etc/passwd"
restore numbers.tar 0
equal "$(getfacl -nc "$W/b/f")" "$(getfacl -nc "$W/a/f")" "ACL with its numbers"
