#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Kills extract with SIGKILL at TORTURE_KILLS (20) random times of a copy of TREE (/usr/share), resumes it, compares the trees, and says how much
# was copied a second time. MARK (1) is the plan's option. ARCHIVE=yes: into a .tar.zst, which is unpacked to be compared. The source should lie
# still meanwhile, and its hard links inside it.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../disk/tree_lib.sh"
need_root
need mkfs.ext4
kills=${TORTURE_KILLS:-20} tree=${TREE:-/usr/share} mark=${MARK:-1}

loop_new target $(($(du -sxm "$tree" | cut -f1) * 2 + 512))M
to=$W/m/to
[ -z "${ARCHIVE:-}" ] || to=$W/m/to.tar.zst
extract_plan "$tree" "$to" "mark: $mark"
cp "$W/plan.yaml" "$W/extract.yaml"
mkdir "$W/m"
fresh() {
	mountpoint -q "$W/m" && umount "$W/m"
	mkfs.ext4 -qF -i 4096 "$LOOP"
	mount "$LOOP" "$W/m"
}
bytes_of() { find "$1" -xdev -type f -printf '%D:%i %s\n' | sort -u | awk '{s += $2} END {printf "%d\n", s}'; }
from_report() { grep -o "\"$1\":[0-9]*" "$(report report.json)" | cut -d: -f2; }

# known: bytes of content that reached the manifest, marked or not (what is in no manifest yet is not seen here)
known() { awk '$2 == "f" && $8 != "-" {n[$12 == "-" ? NR : $12] = $6} END {for (i in n) s += n[i]; printf "%d\n", s}' "$(report manifest)"; }
unpack() {
	rm -rf "$W/state"
	restore_plan "$to" "$W/m/to"
	run_plan 0
	cp "$W/extract.yaml" "$W/plan.yaml"
}

fresh
"$RESCUE" manifest "$tree" >"$W/source"
t0=$(date +%s%N)
run_plan 0
took=$((($(date +%s%N) - t0) / 1000000)) total=$(from_report bytes)
echo "undisturbed: $took ms, $total bytes, $(from_report files) files"
RANDOM=${TORTURE_SEED:-42}
hit=0
while [ $hit -lt "$kills" ]; do
	fresh
	rm -rf "$W/state"; mkdir "$W/state"
	setsid "$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state" >"$W/run.log" 2>&1 </dev/null & p=$!
	sleep "$(awk -v r=$RANDOM -v t=$took 'BEGIN {printf "%.3f", 0.1 + r / 32768 * t / 1000}')"
	kill -KILL $p 2>/dev/null || true
	rc=0; { wait $p || rc=$?; } 2>/dev/null
	[ $rc = 137 ] || continue
	while pgrep -f "$W/plan.yaml" >/dev/null; do sleep 0.1; done            # its helpers end with it, but not at once
	hit=$((hit + 1))
	sync -f "$W/m"
	[ -d "$W/m/to" ] && there=$(bytes_of "$W/m/to") || there=0
	[ -z "${ARCHIVE:-}" ] || there=$(known)
	KEEP_STATE=1 run_plan 0
	again=$(from_report bytes) kept=$(from_report present)
	[ -z "${ARCHIVE:-}" ] || unpack
	"$RESCUE" manifest --skip lost+found "$W/m/to" | cmp -s - "$W/source" || fail "kill $hit: the resumed copy is another tree"
	echo "$((again - (total - there))) bytes copied twice ($there were there, $kept files kept)" | tee -a "$W/twice"
done
sort -n "$W/twice" | awk '{v[NR] = $1} END {printf "%d kills: copied twice: median %.1f MB, most %.1f MB\n", NR, v[int((NR + 1) / 2)] / 1e6, v[NR] / 1e6}'
