#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The whole night, once: salvage into the Director, restore offline from a disk full of volumes with a power cut in the middle of it, repair,
# start, first backup. Over the network, and with cuts at random times: tests/torture/night.sh.
. "$(dirname "$0")/../vm/night_lib.sh"
night_backup
night_loss
night_plan volumes backup-few
night_machine
vm_wait 'restore: begin' 300
sleep 4
vm_cut
[ "$(bac_sql "select count(*) from Job where Name='salvage' and JobStatus='T'")" = 1 ] || vm_fail "the salvage is not in the catalog"
night_machine
vm_wait 'PLAN FINISHED' 600
vm_has 'boot-check: done'
vm_wait 'reboot: Power down|powering off now' 60
vm_cut
[ "$(bac_sql "select count(*) from Job where Name='salvage'")" = 1 ] || vm_fail "the resumed plan salvaged again, from a filesystem that was made anew"
t=$SECONDS
night_morning
echo "the first backup of the recovered machine succeeded $((SECONDS - t)) s after its power came"
