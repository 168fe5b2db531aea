#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGTERM during mkfs leaves a plan that goes on; `rescue shell` stands inside the run's mounts and leaves none; what is ephemeral is
# established again by a resume.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root
need mkfs.ext4

loop_new target 64M; target=$LOOP
loop_new source 16M; source=$LOOP
mkfs.ext4 -q -F "$source"
mkdir "$W/bin"
cat >"$W/bin/mkfs.ext4" <<E
#!/bin/sh
echo \$\$ >$W/mkfs.pid
[ -e $W/quick ] || sleep 300
exec $(command -v mkfs.ext4) "\$@"
E
cp "$W/bin/mkfs.ext4" "$W/bin/mke2fs"
chmod +x "$W/bin/mkfs.ext4" "$W/bin/mke2fs"
export PATH=$W/bin:$PATH

plan <<E
plan: 1
name: cancel mkfs
devices:
  root: {loop: $W/target.img, access: erase, consent: $W/target.img}
  src: {loop: $W/source.img}
steps:
  - mkfs: {id: fs, device: "\${root}", type: ext4, label: kept}
  - mount: {id: top, device: "\${root}", at: $W/t}
  - write-file: {id: f, path: $W/t/file, content: "in the target"}
  - exec: {id: wait, command: [test, -e, $W/allow], repeatable: yes}
  - write-file: {id: g, path: $W/t/second, content: "after the resume"}
E
start
wait_for 90 test -s "$W/mkfs.pid"
kill -TERM $p
ends 8
says "[1/5] fs: cancelled"
kill -0 "$(cat "$W/mkfs.pid")" 2>/dev/null && fail "mkfs is alive"
equal "$(grep -c ' fs done ' "$STATE/journal" || true)" 0 "done records of mkfs"
touch "$W/quick"
runs 1
says "[4/5] wait"
uuid=$(blkid -p -o value -s UUID "$target")
equal "$(sed -n 's/.* fs fact uuid=\([^ ]*\) .*/\1/p' "$STATE/journal" | sort -u)" "$uuid" "the UUID decided first is the one on disk"
equal "$(blkid -p -o value -s LABEL "$target")" kept "label"

# a shell in the middle: the mount is there again, the read-only device too, and nothing afterwards
rc=0
SHELL=/bin/sh "$RESCUE" shell --state "$STATE" >"$W/run.out" 2>&1 <<E || rc=$?
cat $W/t/file
ls -d \$RESCUE_RUNTIME/dev/src/lost+found
touch \$RESCUE_RUNTIME/dev/src/x && echo written
exit 0
E
equal $rc 0 "exit code of the shell"
says "in the target"
says "dev/src/lost+found"
grep -q written "$W/run.out" && fail "a device that may only be read was written"
grep -q " $W/t \| /run/rescue" /proc/self/mountinfo && fail "the shell left a mount"
equal "$(blockdev --getro "$source")" 0 "read-only flag after the shell"

# the resume mounts again before it goes on, and makes no new filesystem
touch "$W/allow"
runs 0
says "[1/5] fs: done before"
equal "$(blkid -p -o value -s UUID "$target")" "$uuid" "UUID after the resume"
mkdir "$W/m" && mount -o ro "$target" "$W/m"
equal "$(cat "$W/m/file" "$W/m/second")" "in the targetafter the resume" "files"
umount "$W/m"

# a journal that lost its end does not know that the filesystem was made; the witness does
sed -i '/ fs done /,$d' "$STATE/journal"
runs 5
says "lines are missing at its end: it does not know that step 'fs' was done"
equal "$(blkid -p -o value -s UUID "$target")" "$uuid" "UUID after the refusal"
