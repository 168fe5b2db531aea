#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# rescue check: what a person sees when a plan is wrong, and when it is right. tests/unit/test_plan.c has the long table of sentences.
. "$(dirname "$0")/../lib.sh"
cd "$W"

cat >good.yaml <<-'END'
	plan: 1
	name: web-01 after filesystem loss
	devices:
	  root: {serial: S3Z8NB0K, size: 500107862016, partition: 2, access: erase, consent: S3Z8NB0K}
	  usb:  {label: SALVAGE, access: write}
	steps:
	  - write-file:
	      id: note
	      path: "${usb}:/note"
	      content: |
	        first line
	        second line
	  - exec: {id: look, command: [ls, /]}
	finish: reboot
END
"$RESCUE" check good.yaml >out
for words in "plan 'web-01 after filesystem loss' (good.yaml): 2 steps, then reboot" \
	'  root         erase  serial S3Z8NB0K partition 2, 466 GiB, consent is in the plan' '  usb          write  label SALVAGE' \
	'       path: ${usb}:/note' "       content: 'first line\x0asecond line\x0a'" '       command: ls, /' 'The plan is valid.'; do
	grep -qF -- "$words" out || { cat out; fail "wanted: $words"; }
done

# each: exit code 3 and the exact sentence
one() { # one SENTENCE PLAN-LINES...
	local sentence=$1
	shift
	printf '%s\n' "$@" >bad.yaml
	refuses 3 "rescue: $sentence" "$RESCUE" check bad.yaml
	grep -qxF "rescue: $sentence" refuses.out || { cat refuses.out; fail "wanted exactly: $sentence"; }
}
refuses 3 "rescue: plan: open 'none.yaml': No such file or directory" "$RESCUE" check none.yaml
refuses 3 "rescue: plan: " "$RESCUE" check .
head -c 5000 /dev/urandom | tr -d '\000' >bad.yaml
printf '\000' >>bad.yaml
refuses 3 'rescue: bad.yaml: not a plan: the file is not text' "$RESCUE" check bad.yaml
head -c 1100000 /dev/zero | tr '\000' '#' >bad.yaml
refuses 3 "rescue: plan: " "$RESCUE" check bad.yaml
one "bad.yaml:3:5: there is no step type 'wirte-file', did you mean 'write-file'?" 'plan: 1' 'steps:' '  - wirte-file: {path: /x, content: y}'
one "bad.yaml:3:18: write-file: cotent: unknown option, did you mean 'content'?" 'plan: 1' 'steps:' '  - write-file: {cotent: y, path: /x}'
one 'bad.yaml:3:45: write-file: uid: 4294967295 is more than the most allowed, 4294967294' \
	'plan: 1' 'steps:' '  - write-file: {path: /x, content: y, uid: 4294967295}'
one "bad.yaml:3:3: device 'a': a size alone is no identity, two disks can have it: add serial, wwn or loop" \
	'plan: 1' 'devices:' '  a: {size: 10G}' 'steps:' '  - write-file: {path: /x, content: y}'
refuses 2 "check: PLAN is missing (usage: rescue check [OPTIONS] PLAN)" "$RESCUE" check
