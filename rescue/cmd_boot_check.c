/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rescue boot-check [ROOT]: will it start by itself? One line a link; exit code 1 when it would not. */
#include "bootchk.h"
#include "cmd.h"
#include "err.h"

static bool json, ignore_nvram;
static const char *esp, *firmware, *arch, *disk;
static struct strv fs;

static const struct cmd_opt opts[] = {
	{ "json", CMD_FLAG, &json, NULL, "Print one JSON object a line." },
	{ "esp", CMD_TEXT, &esp, "DIR", "Folder where the EFI system partition is mounted. Default: as mounted below ROOT." },
	{ "firmware", CMD_TEXT, &firmware, "uefi|bios", "Kind of firmware. Default: UEFI when this machine was started by it or ROOT has an ESP." },
	{ "arch", CMD_TEXT, &arch, "NAME", "Firmware's machine: x64, ia32, aa64, riscv64. Default: this machine's." },
	{ "disk", CMD_TEXT, &disk, "DEVICE", "BIOS: the disk that it starts from. Default: the one that carries /boot." },
	{ "fs", CMD_LIST, &fs, "UUID=DIR", "A filesystem that this kernel cannot mount, as a folder. May be given again." },
	{ "ignore-entries", CMD_FLAG, &ignore_nvram, NULL, "Judge by the removable path alone, as on another machine." },
	CMD_END
};

static void print_json(const struct bootchk_link *l)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	str_addf(&s, "{\"link\":\"%s\",\"state\":\"%s\",\"text\":\"", l->name, bootchk_state_name(l->state));
	str_add_json(&s, l->text ? l->text : "");
	str_add(&s, "\"}\n");
	fputs(str_cstr(&s), stdout);
}

static void print(const struct bootchk *b, const char *root)
{
	for (size_t i = 0; i < b->n; i++)
		if (json)
			print_json(&b->v[i]);
		else
			printf("%-8s %-10s %s\n", bootchk_state_name(b->v[i].state), b->v[i].name, b->v[i].text ? b->v[i].text : "");
	if (json)
		printf("{\"boots\":%s,\"warnings\":%zu}\n", b->boots ? "true" : "false", b->warnings);
	else
		printf("%s %s\n", root, b->boots ? "will start by itself" : "will NOT start by itself: repair the first broken link");
}

static int run(int argc, char **argv)
{
	struct bootchk_req q = { .root = argc ? argv[0] : "/", .esp = esp, .arch = arch, .disk = disk, .fs = fs, .ignore_nvram = ignore_nvram };
	struct bootchk b;
	struct err e = ERR_INIT;
	int rc;

	if (firmware && !str_eq(firmware, "uefi") && !str_eq(firmware, "bios")) {
		cmd_error("boot-check: --firmware '%s': use uefi or bios", firmware);
		return EXIT_USAGE;
	}
	q.firmware = !firmware ? BOOTCHK_AUTO : str_eq(firmware, "uefi") ? BOOTCHK_UEFI : BOOTCHK_BIOS;
	if (bootchk_run(&q, &b, &e) < 0) {
		cmd_error("boot-check: %s", e.msg);
		return EXIT_FAILED;
	}
	print(&b, q.root);
	rc = b.boots ? EXIT_DONE : EXIT_FAILED;
	bootchk_free(&b);
	return rc;
}

const struct cmd cmd_boot_check = {
	.name = "boot-check", .summary = "Follow the whole boot chain offline and say whether the system will start by itself.", .usage = "[ROOT]",
	.manual = "ROOT is a mounted system with its /boot and EFI system partition; default: the running one. Nothing is written. The links: firmware "
		  "entry or removable path, program on the ESP (or boot sector), its configuration, kernel, initramfs, root=, fstab, init. Exit code 0: it "
		  "will start; 1: it will not, the first broken link says why.",
	.opts = opts, .run = run,
};
