#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# luks-open, luks-format, lvm-activate, lvm-create and md-assemble in a machine with Debian's kernel: LUKS on a disk, LVM on two, RAID 1 and RAID 5 on three, each
# holding a filesystem that the plan mounts. T64: a RAID 5 that is dirty and lacks a member is refused, and nothing is written to it.
. "$(dirname "$0")/lib.sh"
vm_need cryptsetup lvm mdadm mke2fs
guest=$VM_DIR/guest.cpio
vm_guest "$guest" bin:cryptsetup bin:lvm bin:mdadm bin:mke2fs bin:mkfs.ext4 bin:blkid "$RESCUE:/bin/rescue" \
	mod:virtio_pci mod:virtio_blk mod:ext4 mod:dm-mod mod:dm-crypt mod:raid1 mod:raid456 mod:xts mod:aes_generic mod:sha256_generic mod:algif_skcipher <<'END'
failed() { echo "FAILED: $*"; exit 1; }
export DM_DISABLE_UDEV=1
mkdir -p /mnt /etc/lvm /key
# vda LUKS | vdb vdc LVM | vdd vde RAID 1 | vdf vdg vdh RAID 5
printf 'a key with\na newline' >/key/luks
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /key/luks /dev/vda || failed luksFormat
cryptsetup open --key-file /key/luks /dev/vda plain && mke2fs -q -L in-luks /dev/mapper/plain && cryptsetup close plain || failed luks
lvm pvcreate -q /dev/vdb /dev/vdc >/dev/null && lvm vgcreate -q vg-one /dev/vdb /dev/vdc >/dev/null || failed vgcreate
lvm lvcreate -q -n root -L 32M vg-one -y >/dev/null && lvm lvcreate -q -n wide -i 2 -L 32M vg-one -y >/dev/null || failed lvcreate
mke2fs -q -L in-lvm /dev/mapper/vg--one-root && lvm vgchange -q -an vg-one >/dev/null || failed lvm
mdadm -q --create /dev/md1 --run --level 1 --raid-devices 2 --metadata 1.2 /dev/vdd /dev/vde && mke2fs -q -L in-raid1 /dev/md1 || failed raid1
mdadm -q --wait /dev/md1; mdadm -q --stop /dev/md1
mdadm -q --create /dev/md5 --run --level 5 --raid-devices 3 --assume-clean /dev/vdf /dev/vdg /dev/vdh && mke2fs -q -L in-raid5 /dev/md5 || failed raid5
mdadm -q --wait-clean /dev/md5; mdadm -q --stop /dev/md5
echo MADE
serial() { cat /sys/block/$1/serial; }
cat >/plan.yaml <<E
plan: 1
name: everything that is stacked
devices:
  crypt: {serial: $(serial vda), access: write}
  pv1: {serial: $(serial vdb), access: write}
  pv2: {serial: $(serial vdc), access: write}
  m1: {serial: $(serial vdd), access: write}
  m2: {serial: $(serial vde), access: write}
  r1: {serial: $(serial vdf)}
  r2: {serial: $(serial vdg)}
  r3: {serial: $(serial vdh)}
  a: {label: in-luks, access: write}
  b: {label: in-lvm, access: write}
  c: {label: in-raid1, access: write}
  d: {label: in-raid5}
steps:
  - luks-open: {device: "\${crypt}", name: secret, key-file: /key/luks}
  - lvm-activate: {group: vg-one, devices: ["\${pv1}", "\${pv2}"]}
  - md-assemble: {id: one, devices: ["\${m1}", "\${m2}"], name: one, read-only: no}
  - md-assemble: {id: five, devices: ["\${r1}", "\${r2}", "\${r3}"], name: five}
  - mount: {id: ma, device: "\${a}", at: /mnt/a}
  - mount: {id: mb, device: "\${b}", at: /mnt/b}
  - mount: {id: mc, device: "\${c}", at: /mnt/c}
  - mount: {id: md, device: "\${d}", at: /mnt/d}
  - exec: {command: [sh, -c, "grep -c /mnt/ /proc/mounts >/mounts; touch /mnt/a/x /mnt/b/x /mnt/c/x && ! touch /mnt/d/x"], repeatable: yes}
E
rescue run /plan.yaml --state /state --volatile-state </dev/null >/out 2>&1 || { cat /out; cat /state/logs/*; failed "the plan"; }
[ "$(cat /mounts)" = 4 ] || failed "mounts: $(cat /mounts)"
ls /dev/mapper/secret /dev/mapper/vg--one-wide /dev/md/one /dev/md/five || failed nodes
cat /sys/block/md*/md/array_state | sort | tr '\n' ' '
grep -rq 'with.a newline' /state && failed "the key is in the state directory"
# again after a "reboot": everything is established again, whatever the journal says
cryptsetup close secret && lvm vgchange -q -an vg-one >/dev/null && mdadm -q --stop --scan || failed close
rm -rf /state
rescue run /plan.yaml --state /state --volatile-state </dev/null >/out 2>&1 || { cat /out; failed "the plan, again"; }
cryptsetup close secret && lvm vgchange -q -an vg-one >/dev/null && mdadm -q --stop --scan || failed close
echo WORKS

# what is stacked can be erased: named by what survives that, found after the steps that make it appear
printf 'another key' >/key/new
array=$(mdadm --examine /dev/vdd | sed -n 's/.*Array UUID : //p')
cat >/lost.yaml <<E
plan: 1
name: their filesystems are lost
devices:
  crypt: {serial: $(serial vda), access: erase, consent: $(serial vda)}
  pv1: {serial: $(serial vdb), access: erase, consent: $(serial vdb)}
  pv2: {serial: $(serial vdc), access: erase, consent: $(serial vdc)}
  m1: {serial: $(serial vdd), access: write}
  m2: {serial: $(serial vde), access: write}
  a: {serial: $(serial vda), mapper: secret, access: erase, consent: $(serial vda)}
  b: {serial: $(serial vdb), mapper: vg-one/root, access: erase, consent: $(serial vdb)}
  c: {array: "$array", access: erase, consent: "$array"}
steps:
  - luks-format: {device: "\${crypt}", key-file: /key/new, uuid: 11111111-2222-4333-8444-555555555555, label: crypt, pbkdf: pbkdf2}
  - lvm-create: {group: vg-one, devices: ["\${pv1}", "\${pv2}"], volumes: [{name: root, size: 33000000}, {name: rest}]}
  - luks-open: {device: "\${crypt}", name: secret, key-file: /key/new}
  - lvm-activate: {group: vg-one, devices: ["\${pv1}", "\${pv2}"]}
  - md-assemble: {id: one, devices: ["\${m1}", "\${m2}"], name: one, read-only: no}
  - mkfs: {id: fa, device: "\${a}", type: ext4, label: new-luks}
  - mkfs: {id: fb, device: "\${b}", type: ext4, label: new-lvm}
  - mkfs: {id: fc, device: "\${c}", type: ext4, label: new-raid1}
E
rm -rf /state
RESCUE_FAULT=lvm_create.group:1 rescue run /lost.yaml --state /state --volatile-state </dev/null >/out 2>&1 && failed "it was not killed"
rescue run /lost.yaml --state /state --volatile-state </dev/null >/out 2>&1 || { cat /out /state/logs/*; failed "the plan that erases"; }
[ "$(blkid -p -s UUID -o value /dev/vda)" = 11111111-2222-4333-8444-555555555555 ] || failed "the UUID of the LUKS volume"
grep -rq 'another key' /state && failed "the new key is in the state directory"
lvm lvs --noheadings -o lv_name,lv_size --units b --nosuffix vg-one
for l in luks lvm raid1; do blkid -L new-$l >/dev/null || failed "no filesystem new-$l"; done
blkid -L in-luks || blkid -L in-lvm && failed "the old filesystem is still there"
rescue devices >/out
grep -F "in a plan  {serial: $(serial vdb), mapper: vg--one-root}" /out && grep -F "in a plan  {serial: $(serial vda), mapper: secret}" /out || { cat /out; failed devices; }
rescue run /lost.yaml --state /state --volatile-state </dev/null | grep 'finished' || failed "it is not finished"
# mdadm.conf of a restored system names an array that is gone: the only one that it does not name took its place (T42)
mkdir -p /sys-root/etc/mdadm
other=$(mdadm --examine /dev/vdf | sed -n 's/.*Array UUID : //p')
printf '# mine\nARRAY /dev/md/one metadata=1.2 UUID=0ddba11e:12345678:9abcdef0:12345678\nARRAY /dev/md/five UUID=%s\n' $other >/sys-root/etc/mdadm/mdadm.conf
printf 'plan: 1\nname: arrays\nsteps:\n  - identifiers: {root: /sys-root}\n' >/ids.yaml
rm -rf /state
mdadm -q --assemble /dev/md5 /dev/vdf /dev/vdg /dev/vdh || failed assemble
rescue run /ids.yaml --state /state --volatile-state </dev/null >/out 2>&1 || { cat /out; failed identifiers; }
printf '# mine\nARRAY /dev/md/one metadata=1.2 UUID=%s\nARRAY /dev/md/five UUID=%s\n' $array $other | cmp - /sys-root/etc/mdadm/mdadm.conf || { cat /out /sys-root/etc/mdadm/mdadm.conf; failed "mdadm.conf"; }
cryptsetup close secret && lvm vgchange -q -an vg-one >/dev/null && mdadm -q --stop --scan || failed close
# a volume of that name on another disk is another volume
sed -e "/mapper: vg-one/s/$(serial vdb)/$(serial vdf)/g" -e '/luks-format\|lvm-create/d' /lost.yaml >/elsewhere.yaml
rm -rf /state
rescue run /elsewhere.yaml --state /state --volatile-state </dev/null >/out 2>&1 && failed "erased the volume of another disk"
grep -e "device 'b'" /out || { cat /out; failed "no sentence about the other disk"; }
blkid -L new-lvm >/dev/null || failed "the volume of another disk was erased"
cryptsetup close secret; lvm vgchange -q -an vg-one >/dev/null; mdadm -q --stop --scan
echo ERASED

# refusals: a plan of this one step
refused() { # TEXT STEP
	{ sed '/^steps:/q' /plan.yaml; echo "  - $2"; } >/other.yaml; rm -rf /state
	rescue run /other.yaml --state /state --volatile-state </dev/null >/out 2>&1 && failed "not refused: $1"
	grep -qF "$1" /out || { cat /out; failed "it does not say: $1"; }
}
echo wrong >/key/wrong
refused "No key available with this passphrase" 'luks-open: {device: "${crypt}", name: secret, key-file: /key/wrong}'
refused "is no LUKS device: there is LVM2_member on it" 'luks-open: {device: "${pv1}", name: secret, key-file: /key/luks}'
refused "activate volume group 'vg-one'" 'lvm-activate: {group: vg-one, devices: ["${pv1}"]}'
lvm vgchange -q -an vg-one >/dev/null
refused "has 2 of 3 members: add the missing one, or say 'degraded: yes'" 'md-assemble: {devices: ["${r1}", "${r2}"], name: five}'
refused "belong to different arrays" 'md-assemble: {devices: ["${m1}", "${r2}"], name: one}'

# T64: cut the array off in the middle of a write: the superblocks stay dirty
mdadm -q --assemble /dev/md5 /dev/vdf /dev/vdg /dev/vdh || failed assemble
echo 100 >/sys/block/md5/md/safe_mode_delay 2>/dev/null
dd if=/dev/urandom of=/dev/md5 bs=64k seek=200 count=4 conv=fsync 2>/dev/null
for d in vdf vdg vdh; do dd if=/dev/$d of=/save.$d bs=1M count=1 2>/dev/null; done
mdadm -q --wait-clean /dev/md5; mdadm -q --stop /dev/md5
for d in vdf vdg vdh; do dd if=/save.$d of=/dev/$d bs=1M conv=fsync,notrunc 2>/dev/null; done
mdadm --examine /dev/vdf | grep -q 'State : active' || failed "the array is not dirty, this proves nothing"
for d in vdf vdg; do sha256sum /dev/$d; done >/before
refused "array 'five' is dirty and has 2 of 3 members: nobody knows which blocks are wrong" \
	'md-assemble: {devices: ["${r1}", "${r2}"], name: five, degraded: yes}'
for d in vdf vdg; do sha256sum /dev/$d; done | cmp - /before || failed "a member was written to"
echo ALL-STACKED-OK
END
for i in 0 1 2 3 4 5 6 7; do truncate -s 64M "$VM_DIR/d$i.img"; done
VM_SMP=2 vm_new 768
vm_direct "$VM_KERNEL" "$guest" quiet
for i in 0 1 2 3 4 5 6 7; do VM_DISK_CACHE=unsafe vm_disk "$VM_DIR/d$i.img" virtio SER0$i; done
vm_run '^(ALL-STACKED-OK|FAILED|VM-EXIT)' 600
vm_has '^ALL-STACKED-OK'
echo "took $SECONDS s"
