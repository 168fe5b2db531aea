#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Progress: one line that is written over on a terminal, a plain line every 10 s elsewhere, objects with --json; Ctrl-C at the terminal.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root
need python3

plan <<E
plan: 1
name: progress
steps:
  - exec: {id: s, command: [sleep, "16"], repeatable: yes}
E
runs 0
grep -Eq '^\[1/1\] s: 1[0-9] s$' "$W/run.out" || { cat "$W/run.out"; fail "no plain line after 10 s"; }
grep -q $'\r' "$W/run.out" && fail "a plain output has carriage returns"

again
sed -i 's/"16"/"5"/' "$W/plan.yaml"
runs 0 --json
python3 - "$W/run.out" <<'E' || fail "no progress objects"
import json, sys
e = [json.loads(l) for l in open(sys.argv[1])]
p = [x for x in e if x["event"] == "progress"]
assert p and all(x["step"] == "s" and x["bytes"] == 0 and "errors" in x for x in p), e
E

# at a terminal: the line is rewritten in place, and Ctrl-C stops with exit code 8
again
sed -i 's/"5"/"120"/' "$W/plan.yaml"
python3 - "$RESCUE" run "$W/plan.yaml" --state "$STATE" --volatile-state >"$W/run.out" 2>&1 <<'E' || { cat "$W/run.out"; fail "the run at a terminal"; }
import os, pty, re, select, sys, time
os.environ["TERM"] = "xterm"
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
out, end, sent = b"", time.time() + 110, False
while time.time() < end:
    if select.select([fd], [], [], 0.2)[0]:
        try:
            d = os.read(fd, 4096)
        except OSError:
            break
        if not d:
            break
        out += d
    if not sent and re.search(rb"\r\x1b\[K\[1/1\] s: \d+ s", out):
        os.write(fd, b"\x03")
        sent = True
sys.stdout.buffer.write(out)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
assert sent, "no progress line"
assert code == 8, code
E
says "stopping where it can be resumed"
says "s: cancelled"
equal "$(verbs s fail)" 1 "fail records"
