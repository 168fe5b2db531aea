#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A plan runs, fails, resumes, finishes; a finished plan does nothing (T59); a changed plan is named.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root
need python3

plan <<E
plan: 1
name: Basic Plan
steps:
  - write-file: {id: a, path: $W/out/a, content: "one\n", parents: yes, mode: "0640"}
  - exec: {id: b, command: [sh, -c, "echo hello from b; echo run >> $W/out/b"]}
  - exec: {id: c, command: [test, -e, $W/allow]}
  - write-file: {id: d, path: $W/out/d, content: "last"}
E

# --from where nothing was run: not a way to skip what comes before it
runs 2 --from d
says "--from d: nothing was run with state directory '$STATE' yet"
[ ! -e "$W/out" ] || fail "--from ran something"
again

# --dry-run changes nothing at all
runs 0 --dry-run
says "dry run: nothing was changed"
[ ! -e "$STATE" ] && [ ! -e "$W/out" ] || fail "a dry run left something"

# a failed step: exit code 1, nothing later runs
runs 1
says "[3/4] c: test: exit code 1"
[ ! -e "$W/out/d" ] || fail "a step after the failed one was run"
equal "$(stat -c %a "$W/out/a")" 640 "mode of a"
equal "$("$RESCUE" log --state "$STATE" b | tail -1)" "hello from b" "log of b"
"$RESCUE" status --state "$STATE" >"$W/run.out"
says "stopped after a failure"
says "c              failed"

# an exec that was begun is not repeated unless a person says so
runs 3
says "c: was begun before and did not finish, and it is not known to be repeatable"
touch "$W/allow"
refuses 2 "--from cc: the plan has no such step" "$RESCUE" run "$W/plan.yaml" --state "$STATE" --volatile-state --from cc
runs 0 --from c
says "[1/4] a: done before"
says "plan 'Basic Plan' is done"
equal "$(wc -l <"$W/out/b")" 1 "runs of b"
"$RESCUE" status --state "$STATE" >"$W/run.out"
says "finished"

# T59: finished is finished
sum=$(digest "$STATE/journal")
rm "$W/out/d"
runs 0
says "is finished; nothing was done"
[ ! -e "$W/out/d" ] || fail "a finished plan did something"
equal "$(digest "$STATE/journal")" "$sum" "journal of a finished plan"

# --from on a finished plan takes a part of it back
runs 0 --from d
[ -e "$W/out/d" ] || fail "--from did not run d again"
equal "$(verbs b begin)" 1 "begins of b"

# a changed plan is refused, the difference is named, and accepted only when told so
sed -i 's/"last"/"changed"/; s/id: b, /id: bb, /' "$W/plan.yaml"
runs 5
says "its journal was written for another plan: step 'bb' was added; step 'd' changed; step 'b' was removed"
says "--accept-changes"
runs 0 --accept-changes
says "the plan changed: step 'd' changed"
equal "$(cat "$W/out/d")" last "a done step that changed stays done"
equal "$(wc -l <"$W/out/b")" 2 "runs of b and bb"
runs 0
says "is finished"
runs 0 --from d
equal "$(cat "$W/out/d")" changed "d after --from"

# repeatable: yes
again
plan <<E
plan: 1
name: repeatable
steps:
  - exec: {id: r, command: [sh, -c, "echo x >> $W/count; test \$(wc -l < $W/count) -ge 2"], repeatable: yes}
E
runs 1
runs 0
equal "$(wc -l <"$W/count")" 2 "runs of r"

# check: the command's own word is not enough
again
plan <<E
plan: 1
name: checked
steps:
  - exec: {id: k, command: ["true"], check: [test, -e, $W/never]}
E
runs 1
says "it was done, but does not hold: check: test: exit code 1"
equal "$(verbs k done)" 0 "done records"

# a preflight that fails: exit code 3, nothing was run, everything that is wrong is named at once
again
plan <<E
plan: 1
name: refused
steps:
  - write-file: {id: f, path: $W/out/f, content: x}
  - exec: {id: m, command: [no-such-program-here]}
  - write-file: {id: g, path: $W/out, content: x}
E
runs 3
says "[2/3] m: no-such-program-here: program not found"
says "[3/3] g: '$W/out': is a folder"
says "2 of 3 steps cannot be done; no step was run"
[ ! -e "$W/out/f" ] || fail "a step was run"
equal "$(grep -c ' begin ' "$STATE/journal" || true)" 0 "begin records"

# facts: the boot id that reboot decided is known to later steps; --json is one object a line
again
plan <<E
plan: 1
name: facts
steps:
  - reboot: {id: r, command: [sh, -c, "kill -9 \$PPID"], wait: 1}
  - write-file: {id: w, path: $W/out/w, content: "\${r.boot}"}
E
runs 1 --json
grep '^{' "$W/run.out" | python3 -c '
import json, sys
e = [json.loads(l) for l in sys.stdin]
assert e[0]["event"] == "plan" and e[-1]["event"] == "exit" and e[-1]["text"] == "1", e
assert any(x["event"] == "begin" and x["step"] == "r" for x in e)
' || fail "--json is not JSON lines"
equal "$(sed -n 's/.* r fact boot=\([^ ]*\) .*/\1/p' "$STATE/journal")" "$(cat /proc/sys/kernel/random/boot_id)" "fact"
# as after a reboot: the fact names another boot, so the step holds and the next one gets the fact
python3 - "$STATE/journal" <<'E'
import sys
def crc(b):
    c = 0xffffffff
    for x in b:
        c ^= x
        for _ in range(8): c = (c >> 1) ^ (0x82F63B78 if c & 1 else 0)
    return c ^ 0xffffffff
out = b""
for l in open(sys.argv[1], "rb"):
    f = l.split(b" ")
    if f[4] == b"fact": f[5] = b"boot=before"
    h = b" ".join(f[:-1]) + b" "
    out += h + b"%08x\n" % crc(h)
open(sys.argv[1], "wb").write(out)
E
runs 0
says "[1/2] r: holds already"
equal "$(cat "$W/out/w")" before "fact in a later step"

# an archive on standard input reaches the step that names it, and no other
again
plan <<E
plan: 1
name: stdin
steps:
  - exec: {id: e, command: [sh, -c, "test \"\$(cat)\" = \"\""]}
  - archive-restore: {id: r, from: "-", to: $W/unpacked}
E
mkdir "$W/tree" && echo piped >"$W/tree/file"
tar -C "$W" -cf - tree | run >"$W/run.out" 2>&1 || { cat "$W/run.out"; fail "restore from standard input"; }
equal "$(cat "$W/unpacked/tree/file")" piped "restored file"
