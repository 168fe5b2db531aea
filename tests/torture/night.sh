#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The whole night with power cuts (SIGKILL of the machine, disks written through) at random instants, NIGHTS (2) times: the first offline from a
# disk full of volumes, the next over the network through the Director, and so on. CUTS_PER_NIGHT (6), CUT_MAX seconds (60) between them;
# SEED repeats a sequence. The machine's own whole backup is what must succeed in the morning.
. "$(dirname "$0")/../vm/night_lib.sh"
RANDOM=${SEED:-$$}
echo "seed ${SEED:-$$}"
night_backup
cuts=0
for ((night = 1; night <= ${NIGHTS:-2}; night++)); do
	engine=$([ $(((night + ${FIRST:-0}) % 2)) = 1 ] && echo volumes || echo bconsole)
	night_loss
	night_plan "$engine" backup-web
	for ((boot = 1; ; boot++)); do
		night_machine
		if [ $boot -le "${CUTS_PER_NIGHT:-6}" ]; then
			vm_wait 'running the plan|finished in an earlier boot' 240
			vm_text | grep -q 'finished in an earlier' && { vm_cut; break; }
			after=$(awk -v r=$RANDOM -v m="${CUT_MAX:-60}" 'BEGIN { printf "%.2f", r / 32767 * m }')
			for ((i = 0; i < ${after%.*} * 5; i++)); do vm_alive || break; sleep 0.2; done
			if ! vm_alive; then                                             # by itself: only after the plan's end
				vm_text | grep -qE 'powering off now|PLAN FINISHED' || vm_fail "the machine ended in boot $boot without the plan's end"
				vm_gone
				break
			fi
			echo "night $night, boot $boot: cut after $after s: $(vm_text | grep -oE '(begin|done|step) .*|[a-z-]+: (done|running).*' | tail -n 1)"
			vm_cut
			cuts=$((cuts + 1))
		else
			vm_wait 'PLAN FINISHED|finished in an earlier boot' 900
			vm_wait 'powering off now|your choice' 60
			vm_cut
			break
		fi
	done
	before=$(bac_sql "select count(*) from Job where Name='backup-web'")
	night_morning
	[ "$(bac_sql "select count(*) from Job where Name='backup-web'")" = $((before + 1)) ] || vm_fail "not exactly one first backup"
	echo "night $night ($engine): $boot boots, the machine started and its first backup of $(bac_sql "select JobFiles from Job where Name='backup-web' order by JobId desc limit 1") files succeeded; $cuts cuts so far"
done
echo "$cuts power cuts over ${NIGHTS:-2} nights: nothing lost"
