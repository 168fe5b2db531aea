/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this medium is, what it found wrong with this machine, and which commands help. */
#include <dirent.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "fs.h"
#include "init.h"

#define SMALL_MEMORY (96 * MIB)

static void found(struct session *s, char *sentence)
{
	strv_add(&s->findings, sentence);
	free(sentence);
}

/* ---- disks ---- */

static bool is_disk(const char *name)
{
	static const char *const not[] = { "loop", "ram", "zram", "sr", "fd", "dm-", "md", ".", "nbd" };
	AUTO_FREE char *path = xasprintf("/sys/class/block/%s/partition", name);

	for (size_t i = 0; i < ARRAY_SIZE(not); i++)
		if (str_starts(name, not[i]))
			return false;
	return !fs_exists(path);
}

static void list_disks(struct str *out, size_t *ret_n)
{
	struct dirent **names;
	int n = scandir("/sys/class/block", &names, NULL, alphasort);
	char size[16];

	*ret_n = 0;
	for (int i = 0; i < n; i++) {
		AUTO_FREE char *at = xasprintf("/sys/class/block/%s/size", names[i]->d_name), *sectors = fs_read_word(at);
		AUTO_FREE char *model_at = xasprintf("/sys/class/block/%s/device/model", names[i]->d_name), *model = fs_read_word(model_at);
		AUTO_FREE char *serial_at = xasprintf("/sys/class/block/%s/serial", names[i]->d_name), *serial = fs_read_word(serial_at);
		uint64_t v = 0;

		if (is_disk(names[i]->d_name) && sectors && str_to_u64(sectors, &v) == 0 && v) {
			str_addf(out, "  disk      %s %s%s%s%s%s\n", names[i]->d_name, str_human_size(size, sizeof(size), v * 512), model ? " " : "",
				 model ? model : "", serial && *serial ? " serial " : "", serial ? serial : "");
			++*ret_n;
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

/* ---- devices without a driver (T96): what they would need, by the kernel's own index ---- */

static const char *kind_of(const char *class)
{
	return str_starts(class, "0x01") ? "storage controller" : str_starts(class, "0x02") ? "network card" : str_starts(class, "0x0c03") ? "USB controller" : NULL;
}

static void look_at_device(struct session *s, const char *name)
{
	AUTO_FREE char *driver = xasprintf("/sys/bus/pci/devices/%s/driver", name);
	AUTO_FREE char *class_at = xasprintf("/sys/bus/pci/devices/%s/class", name), *class = fs_read_word(class_at);
	AUTO_FREE char *alias_at = xasprintf("/sys/bus/pci/devices/%s/modalias", name), *alias = fs_read_word(alias_at);
	CLEANUP(str_free) struct str out = STR_INIT;

	if (fs_exists(driver) || !class || !alias || !kind_of(class))
		return;
	if (run_quiet(10, &out, NULL, "modprobe", "-R", alias, NULL) == 0 && out.len) {
		str_cstr(&out);
		out.s[strcspn(out.s, "\n")] = 0;
		found(s, xasprintf("%s %s has no driver: it needs the module %s, which is not aboard (rescue image --generic)", kind_of(class), name, out.s));
	} else {
		found(s, xasprintf("%s %s has no driver in this kernel", kind_of(class), name));
	}
}

static void look_for_drivers(struct session *s)
{
	struct dirent **names;
	int n = scandir("/sys/bus/pci/devices", &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.')
			look_at_device(s, names[i]->d_name);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

/* ---- sleeping layers: present, and left alone ---- */

static size_t count(const char *text, const char *needle)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, needle)); p += strlen(needle))
		n++;
	return n;
}

static void look_for_layers(struct session *s)
{
	static const struct { const char *type, *what, *command; } layers[] = {
		{ "TYPE=\"linux_raid_member\"", "member(s) of md arrays", "mdadm --assemble --scan --readonly" },
		{ "TYPE=\"LVM2_member\"", "LVM physical volume(s)", "vgchange -ay" },
		{ "TYPE=\"crypto_LUKS\"", "LUKS volume(s)", "cryptsetup open --readonly DEVICE NAME" },
	};
	CLEANUP(str_free) struct str out = STR_INIT;

	run_quiet(60, &out, NULL, "blkid", "-c", "/dev/null", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(layers); i++) {
		size_t n = count(str_cstr(&out), layers[i].type);

		if (n)
			found(s, xasprintf("%zu %s, not activated: %s", n, layers[i].what, layers[i].command));
	}
}

static void look_at_memory(struct session *s)
{
	struct sysinfo i;

	if (sysinfo(&i) == 0 && (uint64_t)i.freeram * i.mem_unit < SMALL_MEMORY)
		found(s, xasprintf("little memory is left (%llu MiB): big repairs may need swap (swapon, on a disk that is not to be saved)",
				   (unsigned long long)i.freeram * i.mem_unit / MIB));
}

void banner_look(struct session *s)
{
	CLEANUP(str_free) struct str disks = STR_INIT;
	size_t n;

	list_disks(&disks, &n);
	if (!n)
		found(s, xstrdup("no disk at all: is its controller's driver missing, or a cable loose?"));
	look_for_drivers(s);
	look_for_layers(s);
	look_at_memory(s);
	for (size_t i = 0; i < s->findings.n; i++)
		say("found: %s", s->findings.v[i]);
}

static const char *firmware_kind(void)
{
	AUTO_FREE char *data = NULL;
	size_t n;

	if (!fs_is_dir("/sys/firmware/efi"))
		return "BIOS";
	if (fs_read("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", 16, &data, &n, NULL) == 0 && n == 5 && data[4] == 1)
		return "UEFI, Secure Boot on";
	return "UEFI, Secure Boot off";
}

static void plan_line(struct str *out, const struct session *s)
{
	AUTO_FREE char *command = plan_command(s);

	if (!s->plan) {
		str_addf(out, "  plan      none: %s\n", s->plan_why ? s->plan_why : "");
		return;
	}
	str_addf(out, "  plan      %s: %s\n", s->plan_from, s->finished ? "it has finished" : s->failed ? "IT FAILED, see above" : "it has not run in this boot");
	if (!s->finished)
		str_addf(out, "            %s\n", command);
}

char *banner_text(const struct session *s)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	AUTO_FREE char *vendor = fs_read_word("/sys/class/dmi/id/sys_vendor"), *product = fs_read_word("/sys/class/dmi/id/product_name");
	struct utsname u;
	size_t n;

	uname(&u);
	str_addf(&out, "\n------------------------------------------------------------------------------\n"
		       "rescue %s: a rescue system that lives in memory (Linux %s).\n%s\n\n", RESCUE_VERSION, u.release,
		 s->failed || s->finished ? "Only the plan has changed disks of this machine; nothing else will until you ask for it."
					  : "No disk of this machine has been changed, none will be until you ask for it.");
	str_addf(&out, "  machine   %s %s, %s\n", vendor ? vendor : "", product ? product : "", firmware_kind());
	list_disks(&out, &n);
	str_addf(&out, "  state     %s%s\n", s->state ? STATE_LABEL " on " : "", s->state ? s->state_device : s->state_why ? s->state_why : "none");
	plan_line(&out, s);
	for (size_t i = 0; i < s->findings.n; i++)
		str_addf(&out, "  found     %s\n", s->findings.v[i]);
	str_add(&out, "\n  rescue help: commands and step types     lsblk -f: disks     dmesg: kernel messages\n\n");
	return str_take(&out);
}
