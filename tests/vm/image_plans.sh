#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Where a plan comes from, and the words that go with it: https:// from a server whose authority is aboard, and not from one whose is not; a labelled
# filesystem, which is not written to (T63); QEMU's fw_cfg. A fixed address, a card of another name (T98), a keymap (T97), two consoles. LUKS, LVM and md
# are found and left alone.
. "$(dirname "$0")/lib.sh"
vm_need "$RESCUE" openssl python3 mkfs.ext4 loadkeys cryptsetup lvm mdadm
cd "$VM_DIR"
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=test authority" -keyout ca.key -out ca.crt 2>/dev/null
for name in known stranger; do
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout $name.key -out $name.csr 2>/dev/null
done
printf 'subjectAltName=IP:10.0.2.2\n' >names
openssl x509 -req -in known.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile names -out known.crt 2>/dev/null
openssl x509 -req -in stranger.csr -signkey stranger.key -days 30 -extfile names -out stranger.crt 2>/dev/null
mkdir web
cat >server.py <<'END'
import functools, http.server, ssl, threading
for name in ("known", "stranger"):
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(http.server.SimpleHTTPRequestHandler, directory="web"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(name + ".crt", name + ".key")
    web.socket = context.wrap_socket(web.socket, server_side=True)
    print(web.server_port, flush=True)
    threading.Thread(target=web.serve_forever).start()
END
python3 server.py >ports 2>web.log &
server=$!
trap 'kill $server; vm_cleanup' EXIT
for _ in $(seq 600); do [ "$(wc -l <ports)" = 2 ] && break; sleep 0.1; done
known=$(sed -n 1p ports) stranger=$(sed -n 2p ports)
plan() { # plan COMMAND: a plan that runs it, and says on the console which keymap is in force
	printf 'plan: 1\nname: from %s\nfinish: poweroff\nsteps:\n  - exec: {command: [sh, -c, "%s && echo KEYMAP $(busybox dumpkmap </dev/tty1 | sha256sum) >/dev/ttyS0"], repeatable: yes}\n' "$1" "$2"
}
plan https "hostname | grep -qx web-01 && ip addr show eth0 | grep -q 10.0.2.15/24 && ip route | grep -q 'default via 10.0.2.2' && grep -qx 'nameserver 10.0.2.3' /etc/resolv.conf && sh /layers" >web/plan.yaml
cat >layers <<'END'
set -e
modprobe -a dm_crypt raid1
echo secret >/run/key
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /run/key /dev/vda
lvm pvcreate -q /dev/vdb && lvm vgcreate -q vg /dev/vdb && lvm lvcreate -q -y -n lv -L 8M vg && lvm vgchange -q -an vg
mdadm -q --create /dev/md9 --run --level 1 --raid-devices 2 --metadata 1.2 /dev/vdc missing
mdadm -q --wait-clean /dev/md9 || true
mdadm -q --stop /dev/md9
END
printf 'exec 2>/dev/null\nls /dev/mapper | grep -v control\ngrep ^md /proc/mdstat\ngrep ^/ /proc/swaps\necho LOOKED\n' >look
"$RESCUE" image --initramfs rescue.img --add "$VM_DIR/look:/look" --add "$VM_DIR/layers:/layers" --add "$VM_DIR/ca.crt:/etc/ssl/certs/ca-certificates.crt" --quiet
keymap() { vm_text | sed -n 's/^KEYMAP \([0-9a-f]*\).*/\1/p'; }
start() { # start WORDS: with a second serial line
	vm_direct "$VM_KERNEL" rescue.img "rootfstype=ramfs rescue.auto rescue.volatile rescue.wait=5 $1"
	VM_ARGS+=(-chardev "file,id=second,path=$VM_DIR/second" -serial chardev:second)
	vm_start
}
ends() {
	VM_BAD='PLAN FAILED|no plan to run'
	vm_wait 'PLAN FINISHED' 240
	vm_wait 'powering off now' 60
	vm_cut
	VM_BAD=
}

disks() { local i; for i in luks lvm md; do truncate -s 64M $i.img; vm_disk $i.img virtio $i; done; }
vm_new 512
vm_net
disks
start "console=ttyS1,115200n8 ip=10.0.2.15::10.0.2.2:255.255.255.0:web-01:eth0:off:10.0.2.3 rescue.keymap=de rescue.plan=https://10.0.2.2:$known/plan.yaml"
ends
vm_has_not "keymap 'de'"
german=$(keymap)
[ -n "$german" ] || vm_fail "the plan did not say which keymap is in force"
grep -q 'PLAN FINISHED' second || vm_fail "the second console was told nothing"

layers=$(cat luks.img lvm.img md.img | sha256sum)
vm_new 512
vm_net
disks
start "console=ttyS1,115200n8 ip=dhcp rescue.keymap=none-such rescue.plan=https://10.0.2.2:$stranger/plan.yaml"
vm_wait 'your choice' 240
vm_has "no plan from 10.0.2.2:$stranger: no authority aboard vouches for its certificate"
vm_has 'no plan to run'
vm_has "keymap 'none-such': .*going on with the kernel's own"
vm_has 'found +1 LUKS volume.s., not activated: cryptsetup open'
vm_has 'found +1 LVM physical volume.s., not activated: vgchange'
vm_has 'found +1 member.s. of md arrays, not activated: mdadm'
for _ in $(seq 600); do grep -q 'your choice' second && break; sleep 0.2; done
grep -q 'your choice' second || vm_fail "no menu on the second console"
vm_type $'3\n'; vm_wait 'comes back to the menu' 30
vm_type $'sh /look\n'
vm_wait '^LOOKED' 30
vm_text | grep -B1 '^LOOKED' | grep -q 'sh /look' || vm_fail "something was activated"
vm_cut
[ "$layers" = "$(cat luks.img lvm.img md.img | sha256sum)" ] || vm_fail "a disk was written to"

mkdir -p label/sub
plan label true >label/sub/plan.yaml
mkfs.ext4 -q -F -L 'MY PLANS' -d label label.img 32M
hash=$(sha256sum <label.img)
vm_new 512
vm_disk label.img virtio PLANS
start 'rescue.plan="LABEL=MY PLANS:/sub/plan.yaml"'
ends
vm_has 'plan: LABEL=MY PLANS:/sub/plan.yaml'
[ "$(keymap)" != "$german" ] || vm_fail "the keymap made no difference"
[ "$hash" = "$(sha256sum <label.img)" ] || vm_fail "the filesystem with the plan was written to"

plan fw_cfg true >fw.yaml
vm_new 512
vm_net
VM_ARGS+=(-fw_cfg "name=opt/rescue/plan,file=fw.yaml")
start 'ip=eth7:dhcp'
ends
vm_has "ip= names 'eth7', but the wired cards here are: eth0"
vm_has 'no network came up, going on without'
vm_has 'plan: fw_cfg opt/rescue/plan'
