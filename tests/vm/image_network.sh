#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The plan comes from a web server; one that never answers is waited for a while and then passed by, with a sentence. In that machine ssh lets the holder of
# a key in, and nobody else. Also: a plan from an SMBIOS string.
. "$(dirname "$0")/lib.sh"
vm_need "$RESCUE" python3 ssh ssh-keygen dropbear
cd "$VM_DIR"
ssh-keygen -q -t ed25519 -N '' -f key
ssh-keygen -q -t ed25519 -N '' -f stranger
"$RESCUE" image --initramfs rescue.img --ssh-keys key.pub --quiet
printf 'plan: 1\nname: from afar\nfinish: poweroff\nsteps:\n  - write-file: {path: /run/proof, content: "it ran"}\n' >plan.yaml
cat >server.py <<'END'
import http.server, socket, sys, threading
mute = socket.socket(); mute.bind(("127.0.0.1", 0)); mute.listen(8)          # accepts, never says a word
web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
print(web.server_port, mute.getsockname()[1], flush=True)
web.serve_forever()
END
python3 server.py >ports 2>web.log &
server=$!
trap 'kill $server; vm_cleanup' EXIT
for _ in $(seq 100); do [ -s ports ] && break; sleep 0.1; done
read -r web mute <ports

vm_new 512
vm_direct "$VM_KERNEL" rescue.img "rootfstype=ramfs rescue.auto rescue.volatile rescue.wait=15 ip=dhcp rescue.plan=http://10.0.2.2:$web/plan.yaml"
vm_net
VM_BAD='PLAN FAILED'
vm_start
vm_wait 'PLAN FINISHED' 240
vm_wait 'powering off now' 60
vm_cut

vm_new 512
vm_direct "$VM_KERNEL" rescue.img "rootfstype=ramfs rescue.auto rescue.volatile rescue.wait=15 ip=dhcp rescue.plan=http://10.0.2.2:$mute/plan.yaml"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
vm_net "hostfwd=tcp:127.0.0.1:$port-:22"
vm_start
vm_wait 'your choice' 240
enter() { timeout 170 ssh -F /dev/null -i "$1" -p "$port" -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
	-o ConnectTimeout=150 -o LogLevel=ERROR root@127.0.0.1 'echo inside $(hostname)'; }
[ "$(enter key)" = "inside rescue" ] || vm_fail "ssh with the key does not get in"
! enter stranger 2>/dev/null || vm_fail "ssh let a stranger in"
vm_has "no plan from 10.0.2.2:$mute"
vm_has 'no plan to run'
vm_cut

vm_new 512
vm_direct "$VM_KERNEL" rescue.img "rootfstype=ramfs rescue.auto rescue.volatile rescue.wait=1 rescue.plan=smbios"
printf 'rescue.plan:%s' "$(base64 -w0 plan.yaml)" >oem
VM_ARGS+=(-smbios "type=11,path=oem")
vm_start
vm_wait 'PLAN FINISHED' 240
vm_cut
