# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The whole night: a machine that Bacula backs up loses its filesystem. The rescue medium saves what is newer than the backup into the Director on
# the host (10.0.2.2 seen from the guest, loopback here), makes filesystems, restores, repairs the boot; the machine starts by itself and its
# first backup succeeds. Real Director, Storage and File Daemons throughout: the machine's File Daemon runs in its own tree before, in the
# rescue system between, and under its own systemd afterwards.
if [ -z "${IN_NIGHT:-}" ] && [ "$(id -u)" = 0 ]; then exec env IN_NIGHT=1 unshare --mount --propagation private bash "$0" "$@"; fi
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
vm_need "$RESCUE" sfdisk debootstrap mkfs.ext4 mkfs.btrfs btrfs btrfs-map-logical
. "$TOP/tests/bacula/lib.sh"
bac_need
. "$TOP/tests/vm/victim_lib.sh"
bac_lab
trap 'rc=$?; set +e; bac_stop; umount "$VICTIM" 2>/dev/null; rm -rf "$lab"; vm_cleanup; exit $rc' EXIT

# ---- before: the machine is backed up ----

# what the machine has of Bacula: programs, configuration, a unit; and a network card
night_victim() {
	local t=$VICTIM p m
	victim_tree <<-'END'
	i=0
	while { [ ! -e /var/lib/rescue/backup-done ] || [ -e /etc/motd.d/90-rescue ]; } && [ $i -lt 900 ]; do sleep 1; i=$((i + 1)); done
	cat /var/lib/rescue/after-boot.log
	echo "VICTIM-STARTED $(cat /home/anna/letters) $(findmnt -no FSTYPE /boot/efi) backup $(cat /var/lib/rescue/backup-done) reminders $(ls /etc/motd.d | wc -l)"
	END
	rm -rf "$t"/usr/lib/modules/*/kernel/{sound,drivers/{media,iio,staging,input,usb,hid}}
	find "$t"/usr/lib/modules/*/kernel/{net,drivers/net} -name '*.ko' ! -name failover.ko ! -name net_failover.ko ! -name virtio_net.ko -delete
	for p in bacula-fd bconsole; do vm_add "$t" "$(command -v $p)" /usr/sbin/$p; done
	mkdir -p "$t/etc/bacula" "$t/var/lib/bacula" "$t/etc/systemd/network" "$t/etc/systemd/system/multi-user.target.wants" "$t/etc/modules-load.d"
	sed -e '/FDAddress/s/FDAddress = [^;]*;//' -e "s#\"$lab/work\"#\"/var/lib/bacula\"#g" "$lab/etc/fd.conf" >"$t/etc/bacula/bacula-fd.conf"
	sed 's/address = 127.0.0.1/address = 10.0.2.2/' "$lab/etc/bconsole.conf" >"$t/etc/bacula/bconsole.conf"
	printf '[Match]\nName=e*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n' >"$t/etc/systemd/network/10-wired.network"
	printf '[Service]\nExecStart=/usr/sbin/bacula-fd -f -c /etc/bacula/bacula-fd.conf\n' >"$t/etc/systemd/system/bacula-fd.service"
	ln -sf /etc/systemd/system/bacula-fd.service "$t/etc/systemd/system/multi-user.target.wants/"
	ln -sf /usr/lib/systemd/system/systemd-networkd.service "$t/etc/systemd/system/multi-user.target.wants/"
	echo virtio_net >"$t/etc/modules-load.d/net.conf"
}

night_backup() {
	BAC_FILES=/
	BAC_OPTIONS="signature = SHA1; compression = LZO; aclsupport = yes; xattrsupport = yes; sparse = yes; onefs = no"  # the recovered /home is a subvolume
	BAC_EXCLUDE="/proc /sys /dev /run /tmp /boot/efi"
	BAC_DIR_EXTRA='FileSet { Name = SalvageFS; Include { Options { signature = SHA1; onefs = no }; File = /damaged/home } }
FileSet { Name = FewFS; Include { Options { signature = SHA1; onefs = no }; File = /etc; File = /home; File = /var/lib/rescue } }
Pool { Name = SalvagePool; Pool Type = Backup; AutoPrune = no; Recycle = no; Label Format = "Salvage-" }
Job { Name = salvage; Type = Backup; Level = Full; Client = web-01-fd; FileSet = SalvageFS; Storage = St; Pool = SalvagePool; Messages = M }
Job { Name = backup-few; Type = Backup; Level = Full; Client = web-01-fd; FileSet = FewFS; Storage = St; Pool = P; Messages = M }'
	bac_config
	bac_db
	night_victim
	bac_start
	kill "$bac_pid_fd"; wait "$bac_pid_fd" 2>/dev/null || true
	mount --bind /dev "$VICTIM/dev"
	chroot "$VICTIM" /usr/sbin/bacula-fd -f -c /etc/bacula/bacula-fd.conf >"$lab/work/victim-fd.out" 2>&1 &
	bac_pid_fd=$!
	bac_pids="$bac_pids $!"
	bac_run Full
	kill "$bac_pid_fd"; wait "$bac_pid_fd" 2>/dev/null || true
	umount "$VICTIM/dev" "$VICTIM"
	# from now on the client is behind the machine's network: it reaches the Storage Daemon at another address than the Director does
	sed -i 's/^Client { Name = web-01-fd;/& FD Storage Address = 10.0.2.2;/' "$lab/etc/dir.conf"
	bac_console reload >/dev/null
	cp -r "$lab/vol" "$VM_DIR/volumes"      # what was taken to the vault
	NIGHT_FDPORT=$((bac_port + 1))
}

# ---- the loss: a filesystem whose extent tree is gone, both copies; a letter in it is newer than the backup ----
night_loss() {
	local fs=$VM_DIR/fs.img root at i
	rm -rf "$VM_DIR/lost" "$fs"
	mkdir -p "$VM_DIR/lost"
	truncate -s 1G "$fs"
	mkfs.btrfs -q -m dup "$fs" >/dev/null 2>&1
	loop_mount "$fs" "$VM_DIR/lost"
	mkdir -p "$VM_DIR/lost/home/anna"
	echo "written after the backup" >"$VM_DIR/lost/home/anna/newest"
	head -c 3000000 /dev/urandom >"$VM_DIR/lost/home/anna/photo"
	for i in 1 2 3 4 5; do echo $i >"$VM_DIR/lost/home/anna/count"; sync -f "$VM_DIR/lost"; done    # the older roots know these files, too
	rm -rf "$VM_DIR/newest"; cp -r "$VM_DIR/lost/home/anna" "$VM_DIR/newest"
	umount "$VM_DIR/lost"
	root=$(btrfs inspect-internal dump-tree -t root "$fs" | awk '/\(EXTENT_TREE ROOT_ITEM 0\)/ { f = 1 } f && /bytenr/ { for (i = 1; i < NF; i++) if ($i == "bytenr") { print $(i + 1); exit } }')
	for at in $(btrfs-map-logical -l "$root" "$fs" | sed -n 's/.*physical \([0-9]*\) device.*/\1/p'); do
		dd if=/dev/zero of="$fs" bs=4096 seek=$((at / 4096)) count=4 conv=notrunc status=none
	done
	victim_disk
	dd if="$fs" of="$VM_DIR/target.img" bs=1M seek=65 conv=notrunc,sparse status=none
	rm -f "$fs" "$VM_DIR/state.img" "$VM_DIR/vars.fd"
	dd if=/dev/urandom of="$VM_DIR/target.img" bs=1M seek=1 count=64 conv=notrunc status=none       # the ESP is noise
	mkfs.ext4 -q -F -L RESCUE-STATE "$VM_DIR/state.img" 64M >/dev/null
}

# night_plan volumes|bconsole JOB: the rescue medium with its plan, and with the Bacula configuration that was kept
night_plan() {
	local restore="bacula-restore: {id: restore, volumes: \"\${vault}:/volumes\", client: web-01-fd, to: /target}" vault="  vault: {label: VAULT}"
	local keys="console-config: /etc/bacula/bconsole.conf, fd-config: /etc/bacula/bacula-fd.conf, client: web-01-fd"
	if [ "$1" = bconsole ]; then
		vault=
		restore="bacula-restore: {id: restore, engine: bconsole, $keys, fileset: FS, restore-job: restore, job: backup-web, to: /target}"
	elif [ ! -e "$VM_DIR/vault.img" ]; then
		mkdir "$VM_DIR/vault" && mv "$VM_DIR/volumes" "$VM_DIR/vault/volumes"
		mkfs.ext4 -q -F -L VAULT -d "$VM_DIR/vault" "$VM_DIR/vault.img" $(($(du -sm "$VM_DIR/vault" | cut -f1) + 60))M >/dev/null
	fi
	cat >"$VM_DIR/plan.yaml" <<-END
	plan: 1
	name: victim, the whole night
	finish: poweroff
	devices:
	  root:   {serial: TARGET, partition: 2, access: erase, consent: TARGET}
	  esp:    {serial: TARGET, partition: 1, access: erase, consent: TARGET}
	$vault
	steps:
	  - bacula-salvage:  {id: salvage, from: "\${root}", $keys, job: salvage, fileset: SalvageFS, regular-job: backup-web, min-files: 2}
	  - mkfs:            {id: rootfs, device: "\${root}", type: btrfs, label: system}
	  - mkfs:            {id: espfs, device: "\${esp}", type: vfat, label: ESP}
	  - subvolumes:      {device: "\${root}", create: ["@", "@home"]}
	  - mount:           {id: mount-root, device: "\${root}", at: /target, options: "subvol=@"}
	  - mount:           {id: mount-home, device: "\${root}", at: /target/home, options: "subvol=@home"}
	  - $restore
	  - mount:           {id: mount-esp, device: "\${esp}", at: /target/boot/efi}
	  - identifiers:     {root: /target}
	  - grub-install:    {root: /target}
	  - grub-mkconfig:   {root: /target}
	  - efi-entry:       {esp: /target/boot/efi, removable: no}
	  - after-boot:      {root: /target, bacula-job: $2}
	  - boot-check:      {root: /target}
	END
	"$RESCUE" image --initramfs "$VM_DIR/rescue.img" --plan "$VM_DIR/plan.yaml" --add "$VM_DIR/up/etc/bacula/bconsole.conf:/etc/bacula/bconsole.conf" \
		--add "$VM_DIR/up/etc/bacula/bacula-fd.conf:/etc/bacula/bacula-fd.conf" --quiet
}

# ---- the night ----
VM_BAD='PLAN FAILED|Kernel panic|the plan does not run by itself'
VM_SMP=2

# night_machine: the medium is started
night_machine() {
	vm_new 1024
	vm_firmware uefi "$VM_DIR/vars.fd"
	vm_disk "$VM_DIR/target.img" virtio TARGET
	vm_disk "$VM_DIR/state.img" virtio STATE
	[ ! -e "$VM_DIR/vault.img" ] || vm_disk "$VM_DIR/vault.img" virtio VAULT
	vm_net "hostfwd=tcp:127.0.0.1:$NIGHT_FDPORT-:$NIGHT_FDPORT"
	vm_direct "$VM_KERNEL" "$VM_DIR/rescue.img" "rootfstype=ramfs rescue.auto ip=10.0.2.15::10.0.2.2:255.255.255.0:rescue::off"
	vm_start
}

# night_morning: the disk starts by itself, and the machine's first backup succeeds
night_morning() {
	local id
	vm_new 1024
	vm_firmware uefi "$VM_DIR/vars.fd"
	vm_disk "$VM_DIR/target.img" virtio TARGET
	vm_net "hostfwd=tcp:127.0.0.1:$NIGHT_FDPORT-:$NIGHT_FDPORT"
	vm_start
	VM_TAIL=200 vm_wait 'VICTIM-STARTED my letters vfat backup [0-9]+ reminders 0' 900
	vm_has 'the firmware kept Boot'
	vm_cut
	id=$(vm_text | sed -n 's/.*VICTIM-STARTED.* backup \([0-9]*\) .*/\1/p')
	[ "$(bac_sql "select JobStatus from Job where JobId=$id and JobFiles>20 and JobErrors=0")" = T ] || vm_fail "the catalog does not have job $id"
	# the machine's own backup has what the next loss would need
	[ "$(bac_sql "select count(*) from File join Path using (PathId) join Filename using (FilenameId) where JobId=$id and Path='/home/anna/' and Name='letters'")" = 1 ] ||
		vm_fail "the letter is not in job $id"
	# what was newer than the backup is in Bacula; the real chain has exactly the jobs that belong to it
	rm -rf "$lab/newest"; mkdir "$lab/newest"
	"$RESCUE" bacula restore --quiet --no-skeleton --job-name salvage --to "$lab/newest" --strip /damaged "$lab/vol"
	cmp "$lab/newest/home/anna/newest" "$VM_DIR/newest/newest"
	cmp "$lab/newest/home/anna/photo" "$VM_DIR/newest/photo"
}
