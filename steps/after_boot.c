/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * after-boot: what the recovered system does by itself on its first starts: look whether the firmware kept the entry (T26), say so at every
 * login until a backup has run again, and list what else wants care.
 */
#include <fcntl.h>

#include "bac_first.h"
#include "efi_order.h"
#include "efi_var.h"
#include "fs.h"
#include "step.h"

#define DIR_ "var/lib/rescue"
#define SCRIPT DIR_ "/after-boot"

struct after_boot {
	struct opt_path root;
	char *backup, *title, *job, *console;
};

static const struct opt opts[] = {
	{ .key = "root", .type = OPT_PATH, OPT_FIELD(struct after_boot, root), .flags = OPT_REQUIRED, .help = "Folder where the target is mounted." },
	{ .key = "backup-check", .type = OPT_STR, OPT_FIELD(struct after_boot, backup), .max = 500,
	  .help = "Shell command that succeeds once a backup has run again; the reminder ends then. Default: the file "
		  "/var/lib/rescue/backup-done exists." },
	{ .key = "bacula-job", .type = OPT_STR, OPT_FIELD(struct after_boot, job), .min = 1, .max = 127, .excl = "backup-check",
	  .help = "The machine's backup job in Bacula's Director. The first start runs it, follows it to its end and asks the catalog: the reminder ends "
		  "when it ended well, with files. A job that failed is named in the reminder and tried again after ten minutes." },
	{ .key = "bacula-console", .type = OPT_STR, OPT_FIELD(struct after_boot, console), .max = 500, .def = "/etc/bacula/bconsole.conf",
	  .help = "The target's bconsole.conf, also one of a restricted console that may run that job and list it." },
	{ .key = "title", .type = OPT_STR, OPT_FIELD(struct after_boot, title), .max = 200, .def = "This system was recovered by rescue.",
	  .help = "First line of the reminder." },
	OPT_END
};

/* The script is one file of plain sh, so that whoever finds it can read it. Runs at every start and once a day until there is nothing to say. */
static const char script_head[] =
	"#!/bin/sh\n"
	"# Installed by rescue after a recovery. Ends by itself when a backup has run again; to end it now: sh /var/lib/rescue/after-boot stop\n"
	"state=/var/lib/rescue\n"
	"motd=/etc/motd.d/90-rescue\n"
	"profile=/etc/profile.d/rescue-reminder.sh\n"
	"finish() {\n"
	"\trm -f \"$motd\" \"$profile\" /etc/systemd/system/multi-user.target.wants/rescue-after-boot.service \\\n"
	"\t\t/etc/systemd/system/timers.target.wants/rescue-after-boot.timer /etc/systemd/system/rescue-after-boot.* \\\n"
	"\t\t/etc/runlevels/default/rescue-after-boot /etc/init.d/rescue-after-boot \\\n"
	"\t\t/etc/systemd/system/multi-user.target.wants/rescue-first-backup.service /etc/systemd/system/rescue-first-backup.service\n"
	"\techo \"$(date -u +%FT%TZ) a backup has run: the reminder ends\" >>\"$state/after-boot.log\"\n"
	"}\n"
	"[ \"${1:-}\" = stop ] && { finish; exit 0; }\n"
	"vars=${EFIVARFS_PATH:-/sys/firmware/efi/efivars}\n"
	"guid=8be4df61-93ca-11d2-aa0d-00e098032b8c\n"
	"echo \"$(date -u +%FT%TZ) started\" >>\"$state/after-boot.log\"\n"
	"entry=\n"
	"if [ -s \"$state/boot-entry\" ]; then\n"
	"\tname=$(head -n 1 \"$state/boot-entry\") want=$(tail -n 1 \"$state/boot-entry\")\n"
	"\tif [ ! -d \"$vars\" ]; then entry=\"the firmware's variables cannot be seen: not started by UEFI\"\n"
	"\telif [ \"$(od -An -v -tx1 \"$vars/$name-$guid\" 2>/dev/null | tr -d ' \\n')\" = \"$want\" ]; then\n"
	"\t\techo \"$(date -u +%FT%TZ) the firmware kept $name\" >>\"$state/after-boot.log\"\n"
	"\telse entry=\"the firmware did not keep boot entry $name; this start used another way. Run: rescue efi repair (or efibootmgr)\"\n"
	"\tfi\n"
	"\t[ -z \"$entry\" ] || echo \"$(date -u +%FT%TZ) $entry\" >>\"$state/after-boot.log\"\n"
	"fi\n"
	"if [ -x \"$state/backup-check\" ] && \"$state/backup-check\" >/dev/null 2>&1; then finish; exit 0; fi\n"
	"mkdir -p /etc/motd.d\n"
	"{\n"
	"\tcat \"$state/title\"\n"
	"\techo 'No backup has run since: run one now. This line goes away when it succeeded.'\n"
	"\t[ -z \"$entry\" ] || echo \"Attention: $entry\"\n"
	"\t[ ! -s \"$state/backup-problem\" ] || echo \"Attention: $(cat \"$state/backup-problem\")\"\n"
	"\t[ ! -d /etc/snapper/configs ] || [ -z \"$(ls /etc/snapper/configs 2>/dev/null)\" ] ||\n"
	"\t\techo 'snapper is configured: its snapshots were not restored; look at snapper list, and at the .snapshots subvolumes'\n"
	"\t[ ! -d /var/lib/docker ] || echo 'docker: look at docker info and docker ps -a; its storage driver may need the filesystem that it was made on'\n"
	"\t[ ! -d /var/lib/containers/storage ] || echo 'podman: look at podman info; its storage may need a reset (podman system reset)'\n"
	"} >\"$motd.new\" && mv \"$motd.new\" \"$motd\"\n"
	"# shells that do not show motd.d\n"
	"echo '[ -n \"$PS1\" ] && [ -z \"$RESCUE_REMINDED\" ] && { export RESCUE_REMINDED=1; cat /etc/motd.d/90-rescue 2>/dev/null; }' >\"$profile\"\n"
	"exit 0\n";

static const char unit[] =
	"[Unit]\nDescription=After a recovery: firmware entry, reminder until a backup has run\nAfter=local-fs.target\n\n"
	"[Service]\nType=oneshot\nExecStart=/bin/sh /" SCRIPT "\n\n[Install]\nWantedBy=multi-user.target\n";

static const char timer[] =
	"[Unit]\nDescription=After a recovery: look again whether a backup has run\n\n"
	"[Timer]\nOnBootSec=1h\nOnUnitActiveSec=1h\n\n[Install]\nWantedBy=timers.target\n";

static const char openrc[] =
	"#!/sbin/openrc-run\ndescription=\"After a recovery: firmware entry, reminder until a backup has run\"\n"
	"start() {\n\tebegin \"Looking after the recovery\"\n\t/bin/sh /" SCRIPT "\n"
	"\t[ ! -r /" BAC_FIRST " ] || setsid /bin/sh /" BAC_FIRST " </dev/null >/dev/null 2>&1 &\n\teend 0\n}\n";

/* ---- writing below the root, whatever its links say ---- */

static int put(int rootfd, const char *path, const char *text, mode_t mode, struct err *e)
{
	AUTO_FREE char *dir = xstrdup(path), *proc = NULL, *real = NULL, *full = NULL;
	char *slash = strrchr(dir, '/');
	AUTO_CLOSE int fd = -1;

	*slash = 0;
	fd = fs_open_in_root(rootfd, dir, O_PATH | O_DIRECTORY, 0, e);
	if (fd < 0)
		return fd;
	proc = xasprintf("/proc/self/fd/%d", fd);
	real = realpath(proc, NULL);
	if (!real)
		return err_errno(e, "folder '%s'", dir);
	full = fs_join(real, slash + 1);
	return fs_write_atomic(full, text, strlen(text), mode, e);
}

static int make_dir(int rootfd, const char *root, const char *path, struct err *e)
{
	AUTO_FREE char *full = fs_join(root, path);
	AUTO_CLOSE int fd = fs_open_in_root(rootfd, path, O_PATH | O_DIRECTORY, 0, NULL);

	return fd >= 0 ? 0 : fs_mkdir_p(full, 0755, e);
}

static int enable(const struct after_boot *s, const char *link, const char *to, struct err *e)
{
	AUTO_FREE char *path = fs_join(s->root.real, link), *dir = xstrdup(path);

	*strrchr(dir, '/') = 0;
	if (fs_mkdir_p(dir, 0755, e) < 0)
		return -EIO;
	if (symlink(to, path) < 0 && errno != EEXIST)
		return err_errno(e, "link '%s'", path);
	return fs_sync_dir(dir, e);
}

/* The entry that stands first now, bytes and all: what the first start compares with. */
static char *first_entry(void)
{
	CLEANUP(efi_entries_free) struct efi_entries s = { .current = -1 };
	CLEANUP(str_free) struct str t = STR_INIT;
	const struct efi_entry *en;

	if (efi_var_ready(NULL) < 0 || efi_entries_read(&s, NULL) < 0 || !s.n_order)
		return NULL;
	en = efi_entries_find(&s, s.order[0]);
	if (!en)
		return NULL;
	str_addf(&t, "Boot%04X\n%02x%02x%02x%02x", en->num, en->var_attrs & 0xff, en->var_attrs >> 8 & 0xff, en->var_attrs >> 16 & 0xff, en->var_attrs >> 24);
	for (size_t i = 0; i < en->len; i++)
		str_addf(&t, "%02x", en->raw[i]);
	str_addc(&t, '\n');
	return str_take(&t);
}

static bool has(const struct after_boot *s, const char *path)
{
	AUTO_FREE char *full = fs_join(s->root.real, path);

	return fs_exists(full);
}

static int install_unit(struct after_boot *s, int rootfd, struct step_io *io, struct err *e)
{
	int r = 0;

	if (has(s, "etc/systemd") || has(s, "lib/systemd/systemd") || has(s, "usr/lib/systemd/systemd")) {
		r = make_dir(rootfd, s->root.real, "etc/systemd/system", e);
		if (r == 0)
			r = put(rootfd, "/etc/systemd/system/rescue-after-boot.service", unit, 0644, e);
		if (r == 0)
			r = put(rootfd, "/etc/systemd/system/rescue-after-boot.timer", timer, 0644, e);
		if (r == 0)
			r = enable(s, "etc/systemd/system/multi-user.target.wants/rescue-after-boot.service", "../rescue-after-boot.service", e);
		if (r == 0)
			r = enable(s, "etc/systemd/system/timers.target.wants/rescue-after-boot.timer", "../rescue-after-boot.timer", e);
		if (r == 0 && s->job)
			r = put(rootfd, "/etc/systemd/system/rescue-first-backup.service", bac_first_unit, 0644, e);
		if (r == 0 && s->job)
			r = enable(s, "etc/systemd/system/multi-user.target.wants/rescue-first-backup.service", "../rescue-first-backup.service", e);
		return r;
	}
	if (has(s, "sbin/openrc-run") || has(s, "usr/sbin/openrc-run")) {
		r = put(rootfd, "/etc/init.d/rescue-after-boot", openrc, 0755, e);
		return r < 0 ? r : enable(s, "etc/runlevels/default/rescue-after-boot", "/etc/init.d/rescue-after-boot", e);
	}
	step_degraded(io, "the target has neither systemd nor OpenRC: run /" SCRIPT " at its start by other means");
	return 0;
}

static bool has_in_root(int rootfd, const char *path)
{
	AUTO_CLOSE int fd = fs_open_in_root(rootfd, path, O_PATH, 0, NULL);

	return fd >= 0;
}

/* Said now, not by the first start at three in the morning. */
static int check_console(const struct after_boot *s, int rootfd, struct err *e)
{
	static const char *const places[] = { "/usr/sbin/bconsole", "/usr/bin/bconsole", "/sbin/bconsole", "/bin/bconsole" };
	bool there = false;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		there = there || has_in_root(rootfd, places[i]);
	if (!there)
		return err_set(e, -ENOENT, "bacula-job: bconsole is not in the target: was everything restored? Else use backup-check");
	return has_in_root(rootfd, s->console) ? 0 : err_set(e, -ENOENT, "bacula-console '%s' is not in the target", s->console);
}

/* A machine that is recovered a second time was backed up with the answers of the first. */
static int forget(int rootfd, struct err *e)
{
	static const char *const old[] = { "backup-done", "backup-job", "backup-problem", "boot-entry", "first-backup" };
	AUTO_CLOSE int fd = fs_open_in_root(rootfd, DIR_, O_RDONLY | O_DIRECTORY, 0, e);

	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(old); i++)
		if (unlinkat(fd, old[i], 0) < 0 && errno != ENOENT)
			return err_errno(e, "remove '/" DIR_ "/%s'", old[i]);
	return fd < 0 ? fd : 0;
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	struct after_boot *s = self;

	(void)io;
	if (s->job && bac_first_check(s->job, s->console, e) < 0)
		return -EINVAL;
	return s->root.real && has(s, "etc") ? 0 : STEP_LATER;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	struct after_boot *s = self;
	AUTO_CLOSE int rootfd = open(s->root.real, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *entry = first_entry(), *title = xasprintf("%s\n", s->title);
	AUTO_FREE char *first = s->job ? bac_first_script(s->job, s->console) : NULL;
	AUTO_FREE char *check = xasprintf("#!/bin/sh\n%s\n", s->backup ? s->backup : "[ -e /var/lib/rescue/backup-done ]");
	int r;

	if (rootfd < 0)
		return err_errno(e, "open '%s'", s->root.real);
	r = s->job ? check_console(s, rootfd, e) : 0;
	if (r == 0)
		r = make_dir(rootfd, s->root.real, DIR_, e);
	if (r == 0)
		r = forget(rootfd, e);
	if (r == 0)
		r = put(rootfd, "/" DIR_ "/title", title, 0644, e);
	if (r == 0)
		r = put(rootfd, "/" DIR_ "/backup-check", check, 0755, e);
	if (r == 0 && entry)
		r = put(rootfd, "/" DIR_ "/boot-entry", entry, 0644, e);
	if (r == 0)
		r = put(rootfd, "/" SCRIPT, script_head, 0755, e);
	if (r == 0 && first)
		r = put(rootfd, "/" BAC_FIRST, first, 0755, e);
	if (r == 0)
		r = install_unit(s, rootfd, io, e);
	if (r == 0)
		step_note(io, "the first start looks after %sthe backup", entry ? "the firmware's entry and " : "");
	return r;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	struct after_boot *s = self;

	(void)io;
	if (has(s, SCRIPT) && has(s, DIR_ "/backup-check") && (!s->job || has(s, BAC_FIRST)))
		return 1;
	err_set(e, -ENOENT, "/" SCRIPT " is not in the target");
	return 0;
}

const struct step_type step_after_boot = {
	.name = "after-boot", .summary = "Let the recovered system check its boot entry and remind of a backup, until one has run.",
	.manual = "Installs a small script and a unit (systemd, or OpenRC) into the target. At its starts, and every hour under systemd, it compares the "
		  "firmware's boot entry with the one that was written (some firmware removes entries), records the result in "
		  "/var/lib/rescue/after-boot.log, and reminds at every login that no backup has run since the recovery. It also names what was not "
		  "restored by a backup of files: snapper's snapshots, docker's and podman's storage. When the backup check succeeds, all of it is taken "
		  "away again.",
	.opts = opts, .size = sizeof(struct after_boot), .effect = STEP_DURABLE, .resume = STEP_RERUN,
	.preflight = preflight, .run = run, .verify = verify,
};
