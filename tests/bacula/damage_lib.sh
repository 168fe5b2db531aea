# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced after lib.sh by tests that damage volumes: what was lost, against what had to be lost. $lab/m: the manifest of what was backed up.

restore() { # restore CODE JOB SRC
	local rc=0
	rm -rf "$lab/to" "$lab/state"
	mkdir "$lab/to"
	"$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/to" --state "$lab/state" --strip "$3" --job "$2" "$lab/vol" >"$lab/out" 2>&1 || rc=$?
	tail -n 40 "$lab/out" | grep 'entries restored' || cat "$lab/out"
	[ $rc = "$1" ] || { cat "$lab/out"; echo "exit code $rc, wanted $1"; exit 1; }
}

same() {
	python3 "$top/tests/bacula/manifest.py" "$2" >"$lab/got"
	diff "$1" "$lab/got" >"$lab/diff" || { head -20 "$lab/diff"; exit 1; }
}

# what the report calls lost, against what had to be: judge FILE-WITH-"SID FI"-LINES SESSION [may]; may: what was touched may have been put right
judge() {
	python3 - "$lab/state/report.json" "$1" "$2" "$lab/m" "$lab/to" "$top/tests/bacula/manifest.py" "${3:-must}" <<'PY'
import json, subprocess, sys
rep = json.load(open(sys.argv[1]))
sid = int(sys.argv[3])
had = {int(l.split()[1]) for l in open(sys.argv[2]) if int(l.split()[0]) == sid}
lost, doubt = set(), set()
for e in rep["entries_list"]:
    if e["kind"] in ("lost", "doubtful"):
        (lost if e["kind"] == "lost" else doubt).update(range(e["file_index"], e.get("to", e["file_index"]) + 1))
print("%s be lost: %d, lost: %d, doubtful: %d, blocks put right: %d, bad places: %d" %
      ({"must": "had to"}.get(sys.argv[7], "touched, could"), len(had), len(lost), len(doubt), rep["repaired_blocks"], rep["bad_areas"]))
assert lost <= had | doubt, "lost without need: %s" % sorted(lost - had)[:20]
assert sys.argv[7] == "may" or had <= lost | doubt, "not reported: %s" % sorted(had - lost - doubt)[:20]
assert rep["lost"] == len(lost) and rep["doubtful"] == len(doubt)
assert rep["restored"] + rep["lost"] == rep["entries"] == rep["expected"], rep
# everything that is there is right, and everything that is not there was named or is nameless
want = {l.split(" ")[0]: l for l in open(sys.argv[4])}
got = {l.split(" ")[0]: l for l in subprocess.run([sys.executable, sys.argv[6], sys.argv[5]], capture_output=True, text=True, check=True).stdout.splitlines(True)}
def plain(l):   # without the column of hard links: other names of the same file may be among the lost
    f = l.split(" ")
    return f[:-2] + f[-1:]
bad = [n for n in got if got[n].split(" ")[1] == "f" and plain(got[n]) != plain(want.get(n, "- - -"))]
assert not bad, "wrong files: %s" % [(got[n], want.get(n)) for n in bad[:3]]
PY
}

sid() { "$RESCUE" bacula list --json "$lab/vol" | sed -n "s/.*\"job\":$1,.*\"session\":\[\([0-9]*\),.*/\1/p"; }
