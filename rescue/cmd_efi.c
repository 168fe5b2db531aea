/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rescue efi list | save FILE | restore FILE | repair: the firmware's boot entries. */
#include "cmd.h"

#include <sys/mount.h>

#include "efi_repair.h"
#include "efi_var.h"
#include "err.h"
#include "fs.h"

static bool json, first, no_removable;
static const char *esp, *loader, *label;

static const struct cmd_opt opts[] = {
	{ "json", CMD_FLAG, &json, NULL, "Print one JSON object a line." },
	{ "esp", CMD_TEXT, &esp, "DIR", "Repair: folder where the EFI system partition is mounted. Default: every one that this machine has." },
	{ "loader", CMD_TEXT, &loader, "FILE", "Repair: only this loader, for example '\\EFI\\debian\\shimx64.efi'." },
	{ "label", CMD_TEXT, &label, "TEXT", "Repair: name of the entry in the firmware's menu." },
	{ "first", CMD_FLAG, &first, NULL, "Repair: put the best loader first even when another entry that can start stands there." },
	{ "no-removable", CMD_FLAG, &no_removable, NULL, "Repair: do not make \\EFI\\BOOT when it is missing." },
	CMD_END
};

static int failed(const struct err *e)
{
	cmd_error("efi: %s", e->msg);
	return EXIT_FAILED;
}

/* Text of a firmware on a terminal: control characters shown as '?'; backslashes stay, they are everywhere here. */
static void add_text(struct str *s, const char *text)
{
	for (; *text; text++)
		str_addc(s, (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
}

/* ---- list ---- */

static void list_json(const struct efi_entry *en)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	str_addf(&s, "{\"entry\":\"Boot%04X\",\"place\":%d,\"active\":%s,\"label\":\"", en->num, en->place,
		 en->parsed && (en->opt.attrs & EFI_ACTIVE) ? "true" : "false");
	str_add_json(&s, en->parsed ? en->opt.label : "");
	str_add(&s, "\",\"path\":\"");
	str_add_json(&s, en->parsed ? en->opt.path : "");
	str_addf(&s, "\",\"readable\":%s,\"data\":%zu}\n", en->parsed ? "true" : "false", en->parsed ? en->opt.data_len : 0);
	fputs(str_cstr(&s), stdout);
}

static void list_line(const struct efi_entries *s, const struct efi_entry *en)
{
	CLEANUP(str_free) struct str t = STR_INIT;

	str_addf(&t, "%c Boot%04X%c ", en->place == 0 ? '>' : en->place > 0 ? ' ' : '-', en->num,
		 en->parsed && (en->opt.attrs & EFI_ACTIVE) ? '*' : ' ');
	add_text(&t, en->parsed ? en->opt.label : "(unreadable)");
	str_add(&t, "  ");
	add_text(&t, en->parsed ? en->opt.path : "");
	if (en->parsed && en->opt.data_len)
		str_addf(&t, "  + %zu bytes data", en->opt.data_len);
	if (s->current == en->num)
		str_add(&t, "  (started now)");
	if (s->next == en->num)
		str_add(&t, "  (next start only)");
	printf("%s\n", str_cstr(&t));
}

static void list_room(void)
{
	uint64_t room, total;
	char a[32], b[32];

	if (efi_var_space(&room, &total, NULL) == 0)
		printf("room for variables: %s of %s\n", str_human_size(a, sizeof(a), room), str_human_size(b, sizeof(b), total));
}

static int cmd_list(void)
{
	CLEANUP(efi_entries_free) struct efi_entries s = { .current = -1, .next = -1 };
	struct err e = ERR_INIT;

	if (efi_var_ready(&e) < 0 || efi_entries_read(&s, &e) < 0)
		return failed(&e);
	for (size_t at = 0; at < s.n_order; at++) {
		const struct efi_entry *en = efi_entries_find(&s, s.order[at]);

		if (en && json)
			list_json(en);
		else if (en)
			list_line(&s, en);
		else if (json)
			printf("{\"entry\":\"Boot%04X\",\"place\":%zu,\"missing\":true}\n", s.order[at], at);
		else
			printf("%c Boot%04X  (the order names it, it does not exist)\n", at ? ' ' : '>', s.order[at]);
	}
	for (size_t i = 0; i < s.n; i++)
		if (s.v[i].place < 0)
			json ? list_json(&s.v[i]) : list_line(&s, &s.v[i]);
	if (!json)
		list_room();
	return EXIT_DONE;
}

/* ---- save, restore ---- */

static int cmd_save(const char *file)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	struct err e = ERR_INIT;

	if (efi_var_ready(&e) < 0 || efi_save(&s, &e) < 0 || fs_write_atomic(file, s.s, s.len, 0600, &e) < 0)
		return failed(&e);
	printf("%s: %zu bytes\n", file, s.len);
	return EXIT_DONE;
}

static int cmd_restore(const char *file)
{
	AUTO_FREE char *text = NULL;
	struct err e = ERR_INIT;
	unsigned int written;
	size_t n;

	if (fs_read(file, 16 * MIB, &text, &n, &e) < 0 || efi_var_ready(&e) < 0)
		return failed(&e);
	if (efi_restore(text, n, &written, &e) < 0) {
		err_wrap(&e, e.code, "%s", file);
		return failed(&e);
	}
	printf(written ? "%u variables written, every one read back\n" : "%u variables written: all is as in the file already\n", written);
	return EXIT_DONE;
}

/* ---- repair ---- */

static void say(void *arg, const char *line)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	(void)arg;
	str_add(&s, json ? "{\"event\":\"note\",\"text\":\"" : "");
	json ? str_add_json(&s, line) : add_text(&s, line);
	str_add(&s, json ? "\"}\n" : "\n");
	fputs(str_cstr(&s), stdout);
}

static void conclude(const struct efi_repair *r, const char *where)
{
	AUTO_FREE char *line = r->degraded
		? xasprintf("%s: DEGRADED: %s; the disk starts by its removable path \\EFI\\BOOT", where, r->degraded)
		: xasprintf("%s: %s will be started%s", where, r->first, r->written ? "" : "; nothing had to be changed");

	say(NULL, line);
}

static int repair_folder(const char *dir, const char *device, const char *where, struct err *e)
{
	struct esp_part *v = NULL;
	struct efi_repair r = { .esp = dir, .file = loader, .label = label, .place = EFI_FIRST, .removable = !no_removable, .say = say };
	AUTO_FREE char *file = NULL, *name = NULL;
	int rc;

	if (esp_parts(device ? device : dir, &v, &r.n_parts, e) < 0)
		say(NULL, e->msg);
	r.parts = v;
	rc = 0;
	if (first && !loader) {
		rc = efi_repair_pick(&r, &file, &name, e);
		r.file = file;
		r.label = label ? label : name;
	}
	if (rc == 0)
		rc = efi_repair(&r, e);
	if (rc == 0)
		conclude(&r, where);
	rc = rc < 0 ? rc : r.degraded ? 1 : 0;
	free(r.first);
	free(r.degraded);
	esp_parts_free(v, r.n_parts);
	return rc;
}

/* An ESP that is not mounted: mounted for as long as it takes. */
static int repair_device(const char *dev, struct err *e)
{
	char dir[] = "/tmp/rescue-esp-XXXXXX";
	int rc;

	if (!mkdtemp(dir))
		return err_errno(e, "create '%s'", dir);
	rc = mount(dev, dir, "vfat", MS_NODEV | MS_NOEXEC | MS_NOSUID, "") < 0 ? err_errno(e, "mount '%s'", dev) : 0;
	if (rc == 0) {
		rc = repair_folder(dir, dev, dev, e);
		if (umount2(dir, 0) < 0 && rc >= 0)
			rc = err_errno(e, "umount '%s'", dev);
	}
	(void)rmdir(dir);
	return rc;
}

static int repair_all(struct err *e)
{
	CLEANUP(strv_free) struct strv devs = STRV_INIT;
	int rc = esp_devices(&devs, e), worst = 0;
	size_t good = 0;

	if (rc < 0)
		return rc;
	if (!devs.n)
		return err_set(e, -ENOENT, "this machine has no EFI system partition; name a folder with --esp");
	for (size_t i = devs.n; i-- > 0;) {
		rc = repair_device(devs.v[i], e);
		if (rc == -ENOENT || rc == -EINVAL) {
			say(NULL, e->msg);      /* an empty ESP beside a good one is no failure */
			continue;
		}
		if (rc < 0)
			return rc;
		good++;
		worst = rc > worst ? rc : worst;
	}
	return good ? worst : err_set(e, -ENOENT, "no EFI system partition of this machine holds a boot loader; restore it first");
}

static int cmd_repair(void)
{
	struct err e = ERR_INIT;
	int rc = esp ? repair_folder(esp, NULL, esp, &e) : repair_all(&e);

	if (rc < 0)
		return failed(&e);
	return rc ? EXIT_DEGRADED : EXIT_DONE;
}

static int run(int argc, char **argv)
{
	if (argc == 1 && str_eq(argv[0], "list"))
		return cmd_list();
	if (argc == 1 && str_eq(argv[0], "repair"))
		return cmd_repair();
	if (argc == 2 && str_eq(argv[0], "save"))
		return cmd_save(argv[1]);
	if (argc == 2 && str_eq(argv[0], "restore"))
		return cmd_restore(argv[1]);
	cmd_error("efi: use one of: list, save FILE, restore FILE, repair");
	return EXIT_USAGE;
}

const struct cmd cmd_efi = {
	.name = "efi", .summary = "Show, save, restore or repair the firmware's boot entries.", .usage = "ACTION [FILE]",
	.manual = "ACTION is list, save FILE, restore FILE or repair.\n\n"
		  "After a BIOS reset, 'rescue efi repair' makes the entries again from what the EFI system partitions hold; nothing must have been "
		  "saved before. A second repair changes nothing.",
	.opts = opts, .run = run,
};
