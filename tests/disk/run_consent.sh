#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Consent is bound to what will be destroyed; silence is no (T60). A mounted or held target is refused before anything else happens.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root
need python3 mkfs.ext4

loop_new target 64M; target=$LOOP
echo "precious" | dd of="$target" bs=4k seek=100 conv=fsync status=none
before=$(digest "$target")
untouched() { equal "$(digest "$target")" "$before" "content of the target"; }

mkplan() { # mkplan DEVICE-OPTIONS
	plan <<E
plan: 1
name: consent
devices:
  root: {loop: $W/target.img, access: erase$1}
steps:
  - write-file: {id: first, path: $W/first, content: "1"}
  - mkfs: {id: fs, device: "\${root}", type: ext4}
E
}

# nobody agreed: exit code 4 before the first byte, whatever stdin says
mkplan ""
runs 4
says "fs: device 'root' (loop file $W/target.img) would be destroyed, and nobody agreed: give --yes-erase '$W/target.img'"
untouched
[ ! -e "$W/first" ] || fail "a step was run before consent"
yes | run >"$W/run.out" 2>&1 && fail "yes on a pipe is no consent"
untouched

# consent for something else is none
runs 4 --yes-erase "$W/other.img"
untouched
mkplan ", consent: $W/other.img"
again
runs 4
says "consent '$W/other.img' names another device than '$W/target.img'"
untouched

# pty WORD: the run at a terminal, where a person types WORD
pty() {
	python3 - "$1" "$RESCUE" run "$W/plan.yaml" --state "$STATE" --volatile-state <<'E'
import os, pty, select, sys, time
word, cmd = sys.argv[1], sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(cmd[0], cmd)
out, end, typed = b"", time.time() + 120, False
while time.time() < end:
    if select.select([fd], [], [], 0.2)[0]:
        try:
            d = os.read(fd, 4096)
        except OSError:
            break
        if not d:
            break
        out += d
    if not typed and (b"to agree" in out or b"Type yes" in out):
        typed = True
        if word == "^C":
            os.write(fd, b"\x03")
        elif word != "-":
            os.write(fd, word.encode() + b"\n")
    if word == "-" and typed and time.time() > end - 117:
        os.kill(pid, 15)
        word = "--"
sys.stdout.buffer.write(out)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
E
}
typed() { # typed CODE WORD
	local rc=0
	pty "$2" >"$W/run.out" 2>&1 || rc=$?
	[ $rc = "$1" ] || { cat "$W/run.out"; fail "exit code $rc, wanted $1, after typing '$2'"; }
}
mkplan ""
again
typed 4 yes
says "everything on device 'root' will be destroyed: loop file $W/target.img, now $target"
untouched
typed 8 ^C
untouched
typed 8 -       # T60: nothing typed for seconds; then it is ended from outside, and nothing happened
untouched

# held: mounted, or open by somebody else
mkfs.ext4 -q -F "$target"
mkdir "$W/m" && mount "$target" "$W/m"
before=$(digest "$W/target.img")
again
runs 3 --yes-erase "$W/target.img"
says "[2/2] fs: device 'root': "
says "$W/m"
umount "$W/m"

# agreed at the terminal
typed 0 "$W/target.img"
[ -e "$W/first" ] || fail "did not run"
[ "$(blkid -o value -s TYPE "$target")" = ext4 ] || fail "no filesystem was made"
equal "$(grep -c ' fs consent ' "$STATE/journal")" 1 "consent records"

# done is done: no second mkfs, no second question; --from asks again
uuid=$(blkid -p -o value -s UUID "$target")
runs 0
equal "$(blkid -p -o value -s UUID "$target")" "$uuid" "UUID after a finished plan ran again"
runs 4 --from fs
equal "$(blkid -p -o value -s UUID "$target")" "$uuid" "UUID without consent for --from"
runs 0 --from fs --yes-erase "$W/target.img"
[ "$(blkid -p -o value -s UUID "$target")" != "$uuid" ] || fail "--from fs did not make a new filesystem"

# a plan that was agreed to is not asked about again when it resumes
again
plan <<E
plan: 1
name: resume
devices:
  root: {loop: $W/target.img, access: erase}
steps:
  - mkfs: {id: fs, device: "\${root}", type: ext4}
  - exec: {id: x, command: [test, -e, $W/allow], repeatable: yes}
  - mkfs: {id: fs2, device: "\${root}", type: ext4, label: second}
E
runs 1 --yes-erase "$W/target.img"
touch "$W/allow"
runs 0
equal "$(blkid -p -o value -s LABEL "$target")" second "label"

# confirm: yes and no at the terminal, and nobody there
again
plan <<E
plan: 1
name: confirm
steps:
  - confirm: {id: c, message: "Is the cable in?"}
E
runs 1
says "nobody can be asked: 'Is the cable in?'"
typed 1 no
typed 0 yes
runs 0
