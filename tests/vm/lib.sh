# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Virtual machines for tests. A scenario is a short script:
#
#   . "$(dirname "$0")/lib.sh"
#   vm_guest "$VM_DIR/guest.cpio" bin:mkfs.ext4 mod:ext4 mod:virtio_blk <<'END'
#   	mkfs.ext4 -q /dev/vda && echo GUEST-SAYS-OK
#   END
#   truncate -s 64M "$VM_DIR/disk.img"
#   vm_new
#   vm_direct "$VM_KERNEL" "$VM_DIR/guest.cpio" ""
#   vm_disk "$VM_DIR/disk.img" virtio
#   vm_run 'GUEST-SAYS-OK' 120
#
# A machine succeeds only by printing a marker on its serial console before a deadline. It never reboots by itself (-no-reboot, unless vm_resets;
# panic=1), never outlives the script, and a power cut is SIGKILL of its process. Software emulation only: no /dev/kvm needed.
# Variables for a scenario: VM_DIR (scratch), VM_KERNEL, VM_KVER, VM_CACHE (built images, kept), VM_LOG (serial console of the machine).
set -eu
TOP=${TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
O=${O:-$TOP/build}
RESCUE=${RESCUE:-$O/rescue}
export LC_ALL=C.UTF-8
VM_CACHE=$O/vm
mkdir -p "$VM_CACHE"
VM_DIR=$(mktemp -d "${TMPDIR:-/var/tmp}/rescue-vm.XXXXXX")
VM_PID=
VM_COUNT=0
VM_LOG=
VM_ARGS=()
VM_SLOW=${VM_SLOW:-3}           # every deadline is multiplied by this: hosts are busy, and nothing here measures speed
# A processor without AVX and without fast string instructions: a program that finds them uses them, and in software they are the slow way (a quarter of
# a boot's time). With what makes ciphers and random numbers quick.
VM_CPU=${VM_CPU:-qemu64,+arat,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand,+aes,+pclmulqdq}
# VM_TIMES=FILE: how much of each deadline was used is added to this file

vm_cleanup() {
	[ -z "$VM_PID" ] || kill -KILL "$VM_PID" 2>/dev/null || true
	rm -rf "$VM_DIR"
}
trap vm_cleanup EXIT
trap 'exit 130' INT TERM

vm_fail() {
	echo "FAIL: $*" >&2
	[ -z "$VM_LOG" ] || [ ! -e "$VM_LOG" ] || { echo "--- last lines of $VM_LOG" >&2; vm_text | tail -n "${VM_TAIL:-50}" >&2; }
	exit 1
}

# vm_need PROGRAM-OR-FILE...: the test is skipped, by name, when one is missing
vm_need() {
	local n
	for n in "$@"; do
		case $n in
		/*) [ -e "$n" ] || { echo "$n is missing"; exit 77; } ;;
		*) PATH=$PATH:/sbin:/usr/sbin command -v "$n" >/dev/null || { echo "$n is missing"; exit 77; } ;;
		esac
	done
}

vm_need qemu-system-x86_64 busybox cpio python3
# The newest Debian kernel that has its modules.
VM_KERNEL=$(for k in /boot/vmlinuz-*; do [ -d "/lib/modules/${k#/boot/vmlinuz-}/kernel" ] && echo "$k"; done 2>/dev/null | sort -V | tail -n 1)
[ -n "$VM_KERNEL" ] || { echo "no /boot/vmlinuz-* with its folder in /lib/modules is installed"; exit 77; }
VM_KVER=${VM_KERNEL#/boot/vmlinuz-}

# ---- a small guest made of busybox -------------------------------------------------------------------------------------------------

# vm_add DIR SRC [DEST]: one file, with the libraries it needs when it is a program
vm_add() {
	local dir=$1 src=$2 dest=${3:-$2} l
	mkdir -p "$dir/$(dirname "$dest")"
	cp -L --preserve=mode "$src" "$dir/$dest"
	{ ldd "$src" 2>/dev/null || true; } | grep -o '/[^ ]*' | while read -r l; do
		[ -e "$dir/$l" ] || { mkdir -p "$dir/$(dirname "$l")"; cp -L --preserve=mode "$l" "$dir/$l"; }
	done
}

# vm_guest OUT ITEM... <SCRIPT: an initramfs whose init loads the modules in the order given, runs SCRIPT (sh) and powers off.
# ITEM: mod:NAME (with what it needs), bin:PROGRAM (with libraries), SRC:DEST, or a path. Module files are taken from $VM_KVER.
# The script's exit code is printed as "VM-EXIT N" (vm_run waits for a marker: print your own, or use 'VM-EXIT 0').
vm_guest() {
	local out=$1 d item f n=0
	shift
	d=$(mktemp -d "$VM_DIR/guest.XXXXXX")
	mkdir -p "$d/bin" "$d/sbin" "$d/usr/bin" "$d/usr/sbin" "$d/proc" "$d/sys" "$d/dev" "$d/run" "$d/tmp" "$d/mods" "$d/etc" "$d/root"
	: >"$d/mods/list"
	vm_add "$d" "$(command -v busybox)" /bin/busybox
	for item in "$@"; do
		case $item in
		mod:*)	modprobe -S "$VM_KVER" --show-depends "${item#mod:}" | while read -r what f _; do
				[ "$what" = insmod ] || continue
				grep -qxF "${f##*/}" "$d/mods/list" && continue
				cp "$f" "$d/mods/" && echo "${f##*/}" >>"$d/mods/list"
			done || vm_fail "no module ${item#mod:}" ;;
		bin:*)	f=$(PATH=$PATH:/sbin:/usr/sbin command -v "${item#bin:}") || vm_fail "no program ${item#bin:}"
			vm_add "$d" "$f" "/bin/${item##*/}"
			[ "${item##*/}" != "${item#bin:}" ] && vm_add "$d" "$f" "/bin/$(basename "$f")"
			: ;;
		*:*)	vm_add "$d" "${item%%:*}" "${item#*:}" ;;
		*)	vm_add "$d" "$item" ;;
		esac
		n=$((n + 1))
	done
	cat >"$d/script"
	cat >"$d/init" <<-'END'
	#!/bin/busybox sh
	/bin/busybox --install -s /bin 2>/dev/null
	export PATH=/bin:/sbin:/usr/bin:/usr/sbin LC_ALL=C.UTF-8
	mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev; mount -t tmpfs tmpfs /run
	while read -r m; do insmod "/mods/$m" || echo "insmod $m failed"; done </mods/list
	mount -t efivarfs efivarfs /sys/firmware/efi/efivars 2>/dev/null
	sh /script
	echo "VM-EXIT $?"
	sync
	poweroff -f
	END
	chmod 755 "$d/init"
	(cd "$d" && find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc -R 0:0) >"$out"
	rm -rf "$d"
}

# ---- a machine ---------------------------------------------------------------------------------------------------------------------

# vm_new [MEGABYTES]: starts the description of a machine without disks, network or display. Serial console -> VM_LOG
vm_new() {
	VM_COUNT=$((VM_COUNT + 1))
	VM_LOG=$VM_DIR/console.$VM_COUNT
	VM_IN=$VM_DIR/input.$VM_COUNT
	VM_DISKS=0
	VM_SCSI=
	VM_APPEND=
	VM_ARGS=(-machine q35,accel=tcg,smm=off -cpu "$VM_CPU" -smp "${VM_SMP:-1}" -m "${1:-512}" -nodefaults -display none -no-reboot
		-rtc base=utc -device virtio-rng-pci -chardev stdio,id=con,signal=off -serial chardev:con)
}

# vm_scsi: the machine has a SCSI controller
vm_scsi() {
	[ -n "$VM_SCSI" ] || VM_ARGS+=(-device virtio-scsi-pci,id=scsi)
	VM_SCSI=1
}

# vm_resets: a reset stays inside the machine, and its memory survives
vm_resets() {
	local a args=()
	for a in "${VM_ARGS[@]}"; do [ "$a" = -no-reboot ] || args+=("$a"); done
	VM_ARGS=("${args[@]}")
}

# vm_direct KERNEL INITRD [CMDLINE]: the machine starts this kernel itself, without a boot loader
vm_direct() {
	VM_ARGS+=(-kernel "$1" -initrd "$2" -append "console=ttyS0 panic=1 oops=panic no_timer_check ${3:-}")
}

# vm_firmware bios|uefi|small|secure|own [VARS]: small: UEFI with 56 KiB for variables; secure: Secure Boot with the keys that Debian's shim is
# signed for; own: with OVMF's test key (/usr/share/ovmf/PkKek-1-snakeoil.*) and no other. VARS keeps the variables from one boot to the next; it is made when missing
vm_firmware() {
	local code vars=${2:-$VM_DIR/vars.$VM_COUNT.fd} from
	case $1 in
	bios) return ;;
	uefi) code=/usr/share/OVMF/OVMF_CODE_4M.fd from=/usr/share/OVMF/OVMF_VARS_4M.fd ;;
	small) code=/usr/share/OVMF/OVMF_CODE.fd from=/usr/share/OVMF/OVMF_VARS.fd ;;
	secure | own) code=/usr/share/OVMF/OVMF_CODE_4M.ms.fd from=/usr/share/OVMF/OVMF_VARS_4M.ms.fd
		[ "$1" = secure ] || { code=/usr/share/OVMF/OVMF_CODE_4M.snakeoil.fd from=/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd; }
		VM_ARGS[1]=q35,accel=tcg,smm=on
		VM_ARGS+=(-global driver=cfi.pflash01,property=secure,value=on -global ICH9-LPC.disable_s3=1) ;;
	*) vm_fail "vm_firmware: $1?" ;;
	esac
	vm_need "$code" "$from"
	[ -e "$vars" ] || cp "$from" "$vars"
	VM_ARGS+=(-drive "if=pflash,format=raw,unit=0,readonly=on,file=$code" -drive "if=pflash,format=raw,unit=1,file=$vars")
}

# vm_disk FILE virtio|nvme|scsi|cdrom|usb [SERIAL] [bootindex=N]: raw image, written through to the file so that a power cut loses what it should
vm_disk() {
	local id=d$VM_DISKS serial=${3:-} more=${4:+,$4} cache=${VM_DISK_CACHE:-writethrough}
	VM_DISKS=$((VM_DISKS + 1))
	[ -n "$serial" ] || serial=TESTDISK$VM_DISKS
	case $2 in
	cdrom)	vm_scsi; VM_ARGS+=(-drive "if=none,id=$id,format=raw,media=cdrom,readonly=on,file=$1" -device "scsi-cd,drive=$id,bus=scsi.0$more"); return ;;
	esac
	VM_ARGS+=(-drive "if=none,id=$id,format=raw,cache=$cache,discard=unmap,file=$1")
	case $2 in
	virtio) VM_ARGS+=(-device "virtio-blk-pci,drive=$id,serial=$serial$more") ;;
	nvme) VM_ARGS+=(-device "nvme,drive=$id,serial=$serial$more") ;;
	scsi) vm_scsi; VM_ARGS+=(-device "scsi-hd,drive=$id,bus=scsi.0,serial=$serial$more") ;;
	usb) VM_ARGS+=(-device "qemu-xhci,id=xhci$id" -device "usb-storage,bus=xhci$id.0,drive=$id,serial=$serial$more") ;;
	*) vm_fail "vm_disk: $2?" ;;
	esac
}

# vm_net [FORWARDS]: user network on a virtio card; the host is 10.0.2.2
vm_net() {
	VM_ARGS+=(-netdev "user,id=net0${1:+,$1}" -device virtio-net-pci,netdev=net0,romfile=)
}

# vm_start: in the background
vm_start() {
	: >"$VM_LOG"
	rm -f "$VM_IN"; mkfifo "$VM_IN"
	exec 8<>"$VM_IN"
	timeout -k 5 "${VM_LIMIT:-900}" qemu-system-x86_64 "${VM_ARGS[@]}" <"$VM_IN" >"$VM_LOG" 2>"$VM_LOG.err" 8>&- 9>&- &
	VM_WRAP=$!
	VM_PID=
	for _ in $(seq 100); do
		VM_PID=$(cat "/proc/$VM_WRAP/task/$VM_WRAP/children" 2>/dev/null | tr -d ' ')
		[ -z "$VM_PID" ] || return 0
		kill -0 "$VM_WRAP" 2>/dev/null || break
		sleep 0.05
	done
	cat "$VM_LOG.err" >&2
	vm_fail "qemu did not start"
}

vm_alive() {
	[ -n "$VM_PID" ] && kill -0 "$VM_PID" 2>/dev/null
}

# vm_text: the console without terminal control sequences
vm_text() {
	sed -e 's/\x1b\[[0-9;?=]*[A-Za-z]//g' -e 's/[\r\x00]//g' "$VM_LOG"
}

# vm_grew: there may be more on the console than at the last call. Asked five times a second, so it starts no process.
vm_grew() {
	VM_ASKED=$((VM_ASKED + 1))
	[ $((VM_ASKED % 10)) = 0 ] || [ "$VM_LOG" -nt "$VM_DIR/looked" ] || return 1
	: >"$VM_DIR/looked"
}

# vm_again: an emulated timer that is late on a busy host makes the kernel panic before anything of ours runs: the machine is switched on again
vm_again() {
	grep -q "Kernel panic - not syncing: IO-APIC + timer doesn't work" "$VM_DIR/text" || return 0
	echo "the emulated timer was late: the machine is switched on again" >&2
	vm_cut
	vm_start
}

# vm_wait MARKER SECONDS: until the console shows a line that matches the extended regular expression; fails the test otherwise, and at
# once when the console shows what VM_BAD matches
vm_wait() {
	local begin=$SECONDS end=$((SECONDS + $2 * VM_SLOW))
	VM_ASKED=-1
	while :; do
		if vm_grew; then
			vm_text >"$VM_DIR/text"
			if grep -qE -- "$1" "$VM_DIR/text"; then break; fi
			vm_again
			[ -z "${VM_BAD:-}" ] || ! grep -qE -- "$VM_BAD" "$VM_DIR/text" || { sleep 1; vm_fail "'$VM_BAD' instead of '$1'"; }
		fi
		vm_alive || { vm_text | grep -qE -- "$1" && return 0; cat "$VM_LOG.err" >&2; vm_fail "the machine ended without '$1'"; }
		[ $SECONDS -lt $end ] || vm_fail "no '$1' within $2 s"
		sleep 0.2
	done
	[ -z "${VM_TIMES:-}" ] || printf '%d of %d s: %s: %s\n' $((SECONDS - begin)) $(($2 * VM_SLOW)) "${0##*/}" "$1" >>"$VM_TIMES"
}

# vm_off SECONDS: until the machine powers off or resets by itself
vm_off() {
	local end=$((SECONDS + $1 * VM_SLOW))
	while vm_alive; do
		[ $SECONDS -lt $end ] || vm_fail "the machine did not end within $1 s"
		sleep 0.2
	done
	vm_gone
}

vm_gone() {
	{ wait "$VM_WRAP"; } 2>/dev/null || true
	VM_PID=
	exec 8>&-
}

# vm_cut: the power goes
vm_cut() {
	[ -z "$VM_PID" ] || kill -KILL "$VM_PID" 2>/dev/null || true
	vm_gone
}

# vm_type TEXT: typed on the serial console
vm_type() {
	printf '%s' "$1" >&8
}

# vm_run MARKER SECONDS: start, wait for the marker, then power off (by itself within 30 s, else cut)
vm_run() {
	local end
	vm_start
	vm_wait "$1" "$2"
	end=$((SECONDS + ${VM_GRACE:-10}))
	while vm_alive && [ $SECONDS -lt $end ]; do sleep 0.2; done
	vm_cut
}

# vm_has REGEX / vm_has_not REGEX: about the console of the last machine
vm_has() {
	vm_text | grep -qE -- "$1" || vm_fail "the console does not show '$1'"
}
vm_has_not() {
	! vm_text | grep -qE -- "$1" || vm_fail "the console shows '$1'"
}
