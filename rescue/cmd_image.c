/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `rescue image`: builds a medium, and says what is on it. */
#include <stdlib.h>
#include <sys/sysinfo.h>

#include "cmd.h"
#include "fs.h"
#include "image_build.h"
#include "image_find.h"

static const char *initramfs, *uki, *iso, *usb, *netboot, *list, *kernel, *modules, *firmware, *plan, *cmdline, *level, *threads, *ssh_keys,
	*ssh_host_key, *keymap, *sign_key, *sign_cert, *loaders, *state_size, *init;
static struct strv add;
static bool generic, this_machine, attended, print_list, quiet;

static const struct cmd_opt opts[] = {
	{ "initramfs", CMD_TEXT, &initramfs, "FILE", "Write the initramfs alone." },
	{ "uki", CMD_TEXT, &uki, "FILE", "Write a unified kernel image: one EFI file." },
	{ "iso", CMD_TEXT, &iso, "FILE", "Write an ISO image that boots BIOS and UEFI machines." },
	{ "usb", CMD_TEXT, &usb, "FILE", "Write a disk image for a USB stick, with a RESCUE-STATE partition." },
	{ "netboot", CMD_TEXT, &netboot, "DIR", "Fill a folder for a web or TFTP server." },
	{ "plan", CMD_TEXT, &plan, "FILE", "Put this plan aboard; the medium runs it by itself (see --attended)." },
	{ "attended", CMD_FLAG, &attended, NULL, "The plan is aboard, but a person starts it." },
	{ "generic", CMD_FLAG, &generic, NULL, "Take the drivers of every machine (the default)." },
	{ "this-machine", CMD_FLAG, &this_machine, NULL, "Take the drivers that this machine uses." },
	{ "add", CMD_LIST, &add, "WHAT", "Add a file, a folder, SOURCE:/DEST, or the lines of a list (@FILE)." },
	{ "list", CMD_TEXT, &list, "FILE", "Use this list of content instead of the built-in one." },
	{ "print-list", CMD_FLAG, &print_list, NULL, "Print the built-in list of content." },
	{ "kernel", CMD_TEXT, &kernel, "FILE", "Use this kernel image, or the installed one of this release." },
	{ "modules", CMD_TEXT, &modules, "DIR", "Take kernel modules from here instead of /lib/modules/RELEASE." },
	{ "firmware", CMD_TEXT, &firmware, "DIR", "Take firmware from here instead of /lib/firmware." },
	{ "cmdline", CMD_TEXT, &cmdline, "WORDS", "Add words to the kernel command line of the medium." },
	{ "ssh-keys", CMD_TEXT, &ssh_keys, "FILE", "Let the holders of these keys in by ssh (authorized_keys)." },
	{ "ssh-host-key", CMD_TEXT, &ssh_host_key, "FILE", "Use this dropbear host key instead of one made at boot." },
	{ "keymap", CMD_TEXT, &keymap, "NAME", "Load this keymap at boot." },
	{ "state-size", CMD_TEXT, &state_size, "SIZE", "Size of the RESCUE-STATE partition; 128M." },
	{ "sign-key", CMD_TEXT, &sign_key, "FILE", "Sign the unified kernel image with this key (sbsign)." },
	{ "sign-cert", CMD_TEXT, &sign_cert, "FILE", "The certificate that belongs to --sign-key." },
	{ "loaders", CMD_TEXT, &loaders, "DIR", "Take shimx64.efi, grubx64.efi and mmx64.efi from here instead of the installed ones." },
	{ "level", CMD_TEXT, &level, "N", "Compression, 0 (none) to 19; 6." },
	{ "threads", CMD_TEXT, &threads, "N", "Compress with so many threads; one a CPU. The result does not depend on it." },
	{ "init", CMD_TEXT, &init, "FILE", "Use this program as PID 1." },
	{ "quiet", CMD_FLAG, &quiet, NULL, "Say nothing but errors." },
	CMD_END
};

static int number(const char *text, const char *what, uint64_t def, uint64_t max, uint64_t *ret)
{
	*ret = def;
	if (text && (str_to_u64(text, ret) < 0 || *ret > max)) {
		cmd_error("--%s: '%s' is not a number from 0 to %llu", what, text, (unsigned long long)max);
		return -EINVAL;
	}
	return 0;
}

static bool usage_ok(void)
{
	if (!initramfs && !uki && !iso && !usb && !netboot) {
		cmd_error("nothing to write: give --usb, --iso, --uki, --initramfs or --netboot");
		return false;
	}
	if (generic && this_machine) {
		cmd_error("--generic and --this-machine exclude each other");
		return false;
	}
	if (!sign_key != !sign_cert || (sign_key && !uki)) {
		cmd_error("--sign-key and --sign-cert belong together, and to --uki");
		return false;
	}
	if (keymap && (!keymap[0] || strspn(keymap, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@") != strlen(keymap))) {
		cmd_error("--keymap: '%s' is not the name of a keymap", keymap);
		return false;
	}
	return true;
}

/* Numbers of the command line; 0, or -EINVAL after a sentence. */
static int numbers(struct image_job *j)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	uint64_t n_level, n_threads;

	if (number(level, "level", 6, 19, &n_level) < 0 || number(threads, "threads", (uint64_t)get_nprocs(), 256, &n_threads) < 0)
		return -EINVAL;
	j->level = (int)n_level;
	j->threads = (int)n_threads;
	j->mtime = 315532800;           /* 1980: FAT knows no earlier time */
	j->state_size = 128 * MIB;
	if (state_size && (str_to_size(state_size, &j->state_size) < 0 || j->state_size < 16 * MIB || j->state_size > 64 * GIB)) {
		cmd_error("--state-size: '%s' is not a size from 16M to 64G", state_size);
		return -EINVAL;
	}
	j->state_size = j->state_size / MIB * MIB;
	if (epoch && str_to_u64(epoch, &j->mtime) < 0) {
		cmd_error("SOURCE_DATE_EPOCH: '%s' is not a number", epoch);
		return -EINVAL;
	}
	return 0;
}

static void print_parts(const struct image_result *res)
{
	char a[16], b[16];

	for (size_t i = 0; i < res->im->n_parts; i++)
		if (res->im->parts[i].files)
			printf("  %-20s %5llu files  %10s\n", res->im->parts[i].name, (unsigned long long)res->im->parts[i].files,
			       str_human_size(a, sizeof(a), res->im->parts[i].bytes));
	printf("  %-20s %5llu files  %10s, %s compressed\n", "together", (unsigned long long)res->im->files,
	       str_human_size(a, sizeof(a), res->im->bytes), str_human_size(b, sizeof(b), res->initramfs_size));
}

static void report(const struct image_job *j, const struct image_result *res)
{
	printf("kernel %s, drivers for %s\n", j->version, j->this_machine ? "this machine" : "every machine");
	print_parts(res);
	printf("a machine needs %llu MiB of memory to hold it\n", (unsigned long long)res->memory / MIB);
	for (size_t i = 0; i < res->im->notes.n; i++)
		printf("note: %s\n", res->im->notes.v[i]);
	for (size_t i = 0; i < res->said.n; i++)
		printf("%s\n", res->said.v[i]);
	printf("collected in %.1f s, written in %.1f s; sha256 of the initramfs %s\n", res->seconds_collect, res->seconds_write, res->digest);
}

static int build(struct image_job *j)
{
	struct image_result res;
	struct err e = ERR_INIT;
	int r = image_build(j, &res, &e);

	if (r < 0)
		cmd_error("image: %s", e.msg);
	else if (!quiet)
		report(j, &res);
	image_result_free(&res);
	return r == 0 ? EXIT_DONE : r == -EBADMSG && j->plan ? EXIT_REFUSED : EXIT_FAILED;
}

static int run(int argc, char **argv)
{
	AUTO_FREE char *file = NULL, *release = NULL, *own_init = NULL, *module_dir = NULL;
	struct image_job j = { .list = list, .plan = plan, .ssh_keys = ssh_keys, .ssh_host_key = ssh_host_key, .keymap = keymap, .add = &add,
			       .this_machine = this_machine, .cmdline = cmdline, .unattended = plan && !attended, .sign_key = sign_key,
			       .sign_cert = sign_cert, .loaders = loaders, .program = "/proc/self/exe", .firmware = firmware ? firmware : "/lib/firmware",
			       .out_initramfs = initramfs, .out_uki = uki, .out_iso = iso, .out_usb = usb, .out_netboot = netboot };
	struct err e = ERR_INIT;

	(void)argc;
	(void)argv;
	if (print_list)
		return fwrite(image_list_text, 1, image_list_len, stdout) == image_list_len ? EXIT_DONE : EXIT_FAILED;
	if (!usage_ok() || numbers(&j) < 0)
		return EXIT_USAGE;
	if (image_find_kernel(kernel, &file, &release, &e) < 0 || (!init && image_find_init(&own_init, &e) < 0)) {
		cmd_error("image: %s", e.msg);
		return EXIT_FAILED;
	}
	module_dir = modules ? realpath(modules, NULL) : xasprintf("/lib/modules/%s", release);
	j.kernel = file;
	j.version = release;
	j.modules = module_dir ? module_dir : modules;
	j.init = init ? init : own_init;
	return build(&j);
}

const struct cmd cmd_image = {
	.name = "image", .summary = "Build a rescue medium from this system.", .usage = "",
	.manual = "See rescue-image(8).", .opts = opts, .run = run,
};
