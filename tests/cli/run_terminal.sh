#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A terminal that stands still (Ctrl-S, a serial line with nobody at its end) and a pipe whose reader sleeps hold no run; what was said
# arrives later. A step that stops for nothing but SIGKILL gets it at the second Ctrl-C.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need python3

plan <<E
plan: 1
name: terminal
steps:
  - exec: {id: one, command: [sh, -c, "sleep 2; seq 200000"], repeatable: yes}
  - write-file: {id: two, path: $W/file, content: done}
E
cat >"$W/paused.py" <<'E'
import os, pty, select, sys, time
state, mark = sys.argv[1], sys.argv[2]
os.environ["TERM"] = "xterm"
pid, fd = pty.fork()
if pid == 0:
    time.sleep(0.3)                 # until the terminal is stopped
    os.execv(sys.argv[3], sys.argv[3:])
os.write(fd, b"\x13")               # Ctrl-S
end = time.time() + 120
while time.time() < end and not os.path.exists(mark):
    time.sleep(0.1)
assert os.path.exists(mark), "the run waits for the terminal"
assert not select.select([fd], [], [], 0)[0], "the terminal was not stopped: this test shows nothing"
os.write(fd, b"\x11")               # Ctrl-Q
out = b""
while time.time() < end:
    try:
        d = os.read(fd, 4096)
    except OSError:
        break
    out += d
sys.stdout.buffer.write(out)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
E
python3 "$W/paused.py" "$STATE" "$W/file" "$RESCUE" run "$W/plan.yaml" --state "$STATE" --volatile-state >"$W/run.out" 2>&1 ||
	{ cat "$W/run.out"; fail "the run at a terminal that stands still"; }
says "[1/2] one: done"
says "[2/2] two: done"

# a pipe that is full, and nobody reads
again
rm -f "$W/file"
mkfifo "$W/pipe"
sleep 300 <"$W/pipe" & reader=$!
at_end "kill $reader 2>/dev/null"
{ python3 -c "print('x' * 65535)"; exec "$RESCUE" run "$W/plan.yaml" --state "$STATE" --volatile-state; } >"$W/pipe" 2>&1 </dev/null & p=$!
wait_for 60 test -e "$W/file"
kill $reader
wait $p || true

# the second Ctrl-C
again
plan <<E
plan: 1
name: deaf
steps:
  - exec: {id: deaf, command: [sh, -c, "trap '' TERM; echo \$\$ >$W/deaf.pid; while :; do sleep 0.2; done"], repeatable: yes}
E
set -m # a job's SIGINT is not ignored then
start
set +m
wait_for 60 test -s "$W/deaf.pid"
deaf=$(cat "$W/deaf.pid")
kill -INT $p
wait_for 20 grep -qF "stopping where it can be resumed (once more: kill)" "$W/run.out"
sleep 0.5
kill -0 "$deaf" || fail "the first Ctrl-C did not leave time"
t0=$SECONDS
kill -INT $p
ends 8
[ $((SECONDS - t0)) -lt 20 ] || fail "the second Ctrl-C waited for the step"
says "[1/1] deaf: cancelled"
kill -0 "$deaf" 2>/dev/null && fail "the step is alive"
sed -i 's/while :; do sleep 0.2; done/:/' "$W/plan.yaml"
runs 0 --accept-changes
