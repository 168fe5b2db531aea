#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The engine bconsole goes on after a kill and after a power cut: what was restored and on the disk before the last mark stays and is not sent
# again, what is younger comes again, the job of the attempt before is not left running, the result is that of a restore that was never disturbed.
# KILLS: how many restores, one more than power cuts (2).
if [ -z "${IN_RESUME:-}" ]; then exec env IN_RESUME=1 unshare --mount --propagation private bash "$0" "$@"; fi
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tree_lib.sh"
bac_need mkfs.ext4
bac_lab
trap 'rc=$?; set +e; bac_stop; umount -R "$lab/to" 2>/dev/null; rm -rf "$lab"; exit $rc' EXIT
tree_full "$lab/src"
touch -d '2035-01-01' "$lab/src/usr/bin/grep"
tree_many "$lab/src/var/many" 1800 5 links
BAC_OPTIONS="signature = SHA1; aclsupport = yes; xattrsupport = yes; sparse = yes"
bac_start
bac_run Full
kill "$bac_pid_fd"
wait "$bac_pid_fd" 2>/dev/null || true
# slow enough to be killed in the middle, on a busy machine, too
cp "$lab/etc/fd.conf" "$lab/etc/fast.conf"
sed 's/^FileDaemon {/&\n  Maximum Bandwidth Per Job = 1 mb\/s\n/' "$lab/etc/fd.conf" >"$lab/etc/slow.conf"
speed() { cp "$lab/etc/$1.conf" "$lab/etc/fd.conf"; }

cat >"$lab/plan.yaml" <<END
plan: 1
name: test
steps:
  - bacula-restore: {id: r, to: $lab/to, engine: bconsole, console-config: $lab/etc/bconsole.conf, fd-config: $lab/etc/fd.conf, client: web-01-fd, fileset: FS, restore-job: restore, skeleton: no}
END
disks() { # disks NUMBER: root and var, two filesystems, at $lab/to
	mkdir -p "$lab/to"
	loop_mount "$lab/root$1.img" "$lab/to"
	mkdir -p "$lab/to/$lab/src/var"
	loop_mount "$lab/var$1.img" "$lab/to/$lab/src/var"
}
undisks() { umount "$lab/to/$lab/src/var" "$lab/to"; }
fresh() {
	rm -rf "$lab"/*.img "$lab/state"
	truncate -s 300M "$lab/root1.img" "$lab/var1.img"
	for d in root1 var1; do mkfs.ext4 -q -F -b 4096 -E lazy_itable_init=1 "$lab/$d.img"; done
	disks 1
	rmdir "$lab/to/lost+found" "$lab/to/$lab/src/var/lost+found"
}
go() { "$RESCUE" run "$lab/plan.yaml" --state "$lab/state" --volatile-state >"$lab/out" 2>&1 </dev/null; }
picture() { python3 "$top/tests/bacula/manifest.py" "$lab/to/$lab/src"; }
times() { (cd "$lab/to" && find . -type f ! -name '*
*' -print0 | xargs -0 stat -c '%n %.Z %.W' | sort); }

fresh
go || { cat "$lab/out"; exit 1; }
total=$(bac_sql "select JobFiles from Job where Type='R'")
picture >"$lab/m"
python3 "$top/tests/bacula/manifest.py" "$lab/src" >"$lab/orig"
cmp -s "$lab/m" "$lab/orig" || echo "what the File Daemon itself does not bring back: $(diff "$lab/orig" "$lab/m" | grep -c '^<') entries"
undisks

# what was there at the interruption, what is there at the end, and the mark: judge NAME
judge() {
	python3 - "$lab/before" "$lab/after" "$(grep -o 'console%20[0-9]*' "$lab/state/journal" | sed -n "${2}p" | sed "s|.*%20||")" "$1" <<'PY'
import sys
def load(p):
    return {l.rsplit(" ", 2)[0]: (float(l.rsplit(" ", 2)[1]), l.rsplit(" ", 2)[2]) for l in open(p, errors="surrogateescape")}
before, after, mark = load(sys.argv[1]), load(sys.argv[2]), int(sys.argv[3]) / 1000
old = [n for n in before if before[n][0] < mark - 0.2]
kept = [n for n in before if after[n][1] == before[n][1]]        # time of birth: a further hard link changes the other one
print("%s: %d files were there, %d of them older than the mark; %d stayed, %d were restored again or for the first time" %
      (sys.argv[4], len(before), len(old), len(kept), len(after) - len(kept)))
assert old and set(old) <= set(kept), "older than the mark, and restored again: %s" % (set(old) - set(kept))
assert all(before[n][0] < mark for n in kept), "younger than the mark, and kept"
PY
}
same() { picture >"$lab/got"; diff "$lab/m" "$lab/got" >"$lab/diff" || { cat "$lab/out"; echo "the tree is another one:"; head -20 "$lab/diff"; exit 1; }; }

# the last job brought less than all, and no earlier one still runs: sent_less NAME
sent_less() {
	local id files
	id=$(bac_sql "select max(JobId) from Job where Type='R'")
	files=$(bac_sql "select JobFiles from Job where JobId=$id")
	echo "$1: job $id was $files of $total entries"
	[ "$files" -gt 0 ] && [ "$files" -lt "$total" ] || { cat "$lab/out"; echo "everything was sent again"; exit 1; }
	grep -q 'entries are whole and are not sent again' "$lab/out"
	[ "$(bac_sql "select count(*) from Job where Type='R' and JobStatus in ('C','R','F','S')")" = 0 ] || { echo "an earlier job still runs"; exit 1; }
	[ "$(bac_sql "select JobStatus from Job where JobId=$((id - 1))")" != T ] || { cat "$lab/out" "$lab/work/dir.log"; echo "the killed job went on to its end"; exit 1; }
}

for ((k = 2; k <= ${KILLS:-2}; k++)); do
	fresh
	speed slow
	rc=0
	{ RESCUE_FAULT=bacula.console.marked:$k go || rc=$?; } 2>/dev/null      # the first mark may be older than the first file
	[ $rc = 137 ] || { cat "$lab/out"; echo "exit code $rc, wanted to be killed"; exit 1; }
	for d in root var; do cp --sparse=always "$lab/${d}1.img" "$lab/${d}2.img"; done       # the power goes
	undisks
	disks 2
	times >"$lab/before"
	speed fast
	go || { cat "$lab/out"; exit 1; }
	times >"$lab/after"
	judge "power cut after mark $k" $((k + 1))
	sent_less "power cut after mark $k"
	same
	undisks
done

# killed without a power cut, between marks; and again when the Director has started the second attempt's job, and nobody here knows its number
fresh
speed slow
"$RESCUE" run "$lab/plan.yaml" --state "$lab/state" --volatile-state >"$lab/out" 2>&1 </dev/null &
p=$!
while [ "$(cat "$lab/state/journal" 2>/dev/null | grep -c 'console%20[0-9]')" -lt 3 ]; do kill -0 $p 2>/dev/null || { cat "$lab/out"; exit 1; }; sleep 0.1; done
sleep 1
{ kill -KILL $p; wait $p; } 2>/dev/null || true
sleep 1
times >"$lab/before"
n=$(grep -c 'console%20[0-9]' "$lab/state/journal")
rc=0
{ RESCUE_FAULT=bacula.console.started:1 go || rc=$?; } 2>/dev/null
[ $rc = 137 ] || { cat "$lab/out"; echo "exit code $rc, wanted to be killed"; exit 1; }
speed fast
go || { cat "$lab/out"; exit 1; }
times >"$lab/after"
judge "killed twice" "$n"
sent_less "killed twice"
grep -E 'of the attempt before is cancelled|are restored again; older' "$lab/out" | head -n 1 | grep -q cancelled ||
	{ cat "$lab/out"; echo "the second attempt's job ran on while we looked at the files"; exit 1; }
[ "$(bac_sql "select JobStatus from Job where JobId=(select max(JobId) - 1 from Job where Type='R')")" = A ] || { echo "it was not cancelled"; exit 1; }
same
undisks

# files were there before the first attempt: nobody can tell them from restored ones, so all is restored again
fresh
speed slow
mkdir -p "$lab/to/$lab/src"; echo mine >"$lab/to/$lab/src/stays"; touch -d '2001-01-01' "$lab/to/$lab/src/stays"
timeout -s KILL 5 "$RESCUE" run "$lab/plan.yaml" --state "$lab/state" --volatile-state >"$lab/out" 2>&1 </dev/null && exit 1
sleep 1
speed fast
go || { cat "$lab/out"; exit 1; }
same
undisks

# a backup was made meanwhile, and the Director selects other files than we left marked (a console in between takes some more out): that job is not
# wanted, all is sent again, and from the jobs of the first attempt
fresh
speed slow
rc=0
{ RESCUE_FAULT=bacula.console.marked:2 go || rc=$?; } 2>/dev/null
[ $rc = 137 ] || { cat "$lab/out"; echo "exit code $rc, wanted to be killed"; exit 1; }
sleep 1
speed fast
bacula-fd -f -c "$lab/etc/fd.conf" >"$lab/work/fd.out" 2>&1 &
bac_pid_fd=$!
bac_pids="$bac_pids $!"
echo meanwhile >"$lab/src/will-change"
echo meanwhile >"$lab/src/var/many/d17/f1799"
bac_wait_ready
bac_run Incremental
kill "$bac_pid_fd"
wait "$bac_pid_fd" 2>/dev/null || true
mkdir "$lab/bin"
printf '#!/bin/sh\nsed "s/^done$/unmark *\\n&/" | exec %s "$@"\n' "$(command -v bconsole)" >"$lab/bin/bconsole"
chmod 755 "$lab/bin/bconsole"
PATH=$lab/bin:$PATH go || { cat "$lab/out"; exit 1; }
grep -qE 'the Director selected [0-9]+ files where [0-9]+ are missing, all are sent again' "$lab/out" || { cat "$lab/out"; echo "nobody counted"; exit 1; }
[ "$(bac_sql "select JobStatus from Job where JobId=(select max(JobId) - 1 from Job where Type='R')")" = A ] || { echo "the unwanted job ran on"; exit 1; }
same
undisks
