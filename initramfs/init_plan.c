/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan: found where rescue.plan= says, or built in, or given by the firmware; copied to one place, run by `rescue run`. */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "child.h"
#include "fs.h"
#include "init.h"

#define PLAN_MAX (16 * MIB)
#define BUILTIN "/etc/rescue/plan.yaml"
#define FW_CFG "/sys/firmware/qemu_fw_cfg/by_name/opt/rescue/plan/raw"
#define SMBIOS_PREFIX "rescue.plan:"
#define FETCH_S 60

static int take(const char *text, size_t n, struct err *e)
{
	return n ? fs_write_atomic(PLAN_FILE, text, n, 0600, e) : err_set(e, -ENODATA, "the plan is empty");
}

static int from_file(const char *path, struct err *e)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	int r = fs_read(path, PLAN_MAX, &text, &n, e);

	return r < 0 ? r : take(text, n, e);
}

static int from_smbios(struct err *e)
{
	AUTO_FREE char *raw = NULL, *text = NULL;
	size_t n, len;
	int r;

	run_quiet(20, NULL, NULL, "modprobe", "-q", "dmi-sysfs", NULL);
	r = fs_read("/sys/firmware/dmi/entries/11-0/raw", MIB, &raw, &n, e);
	if (r == 0)
		r = boot_smbios((const uint8_t *)raw, n, SMBIOS_PREFIX, &text, &len, e);
	return r < 0 ? r : take(text, len, e);
}

static int from_fw_cfg(struct err *e)
{
	run_quiet(20, NULL, NULL, "modprobe", "-q", "qemu_fw_cfg", NULL);
	return from_file(FW_CFG, e);
}

/* ---- a labelled filesystem: looked into with the device read-only, so that no journal is replayed (T63) ---- */

static int set_read_only(const char *device, int on, int *ret_was)
{
	AUTO_CLOSE int fd = open(device, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || (ret_was && ioctl(fd, BLKROGET, ret_was) < 0) || ioctl(fd, BLKROSET, &on) < 0)
		return -errno;
	return 0;
}

static int mount_to_read(const char *device, const char *at, struct err *e)
{
	static const struct { const char *type, *options; } tries[] = {
		{ "ext4", "noload" }, { "vfat", NULL }, { "iso9660", NULL }, { "btrfs", "norecovery" }, { "btrfs", NULL }, { "xfs", "norecovery" },
		{ "udf", NULL }, { "exfat", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(tries); i++)
		if (mount(device, at, tries[i].type, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, tries[i].options) == 0)
			return 0;
	return err_errno(e, "mount '%s'", device);
}

static int from_device(const char *device, const char *path, struct err *e)
{
	AUTO_FREE char *full = fs_join(RUN_DIR "/medium", path);
	int was = 0, r;

	r = set_read_only(device, 1, &was);
	if (r < 0)
		return err_code(e, r, "set '%s' read-only", device);
	mkdir(RUN_DIR "/medium", 0700);
	r = mount_to_read(device, RUN_DIR "/medium", e);
	if (r == 0) {
		r = from_file(full, e);
		umount(RUN_DIR "/medium");
	}
	set_read_only(device, was, NULL);
	return r;
}

static const char *wanted_label;

static void encode_label(struct str *s, const char *label)
{
	for (; *label; label++) {
		bool plain = (*label >= '0' && *label <= '9') || (*label >= 'a' && *label <= 'z') || (*label >= 'A' && *label <= 'Z') ||
			     strchr("#+-.:=@_", *label) || *label < 0;

		if (plain)
			str_addc(s, *label);
		else
			str_addf(s, "\\x%02x", (unsigned char)*label);
	}
}

static bool label_there(struct session *s)
{
	CLEANUP(str_free) struct str path = STR_INIT;

	(void)s;
	str_add(&path, "/dev/disk/by-label/");
	encode_label(&path, wanted_label);
	return access(str_cstr(&path), F_OK) == 0;
}

static int from_label(struct session *s, const struct boot_plan *p, struct err *e)
{
	CLEANUP(str_free) struct str path = STR_INIT;
	AUTO_FREE char *what = xasprintf("a filesystem labelled '%s'", p->label), *device = NULL;

	if (s->state && str_eq(p->label, STATE_LABEL)) {
		AUTO_FREE char *full = fs_join(STATE_DIR, p->path);

		return from_file(full, e);
	}
	wanted_label = p->label;
	if (!devices_wait(s, label_there, what))
		return err_set(e, -ENODEV, "no filesystem is labelled '%s'", p->label);
	str_add(&path, "/dev/disk/by-label/");
	encode_label(&path, p->label);
	device = realpath(str_cstr(&path), NULL);
	return device ? from_device(device, p->path, e) : err_errno(e, "'%s'", str_cstr(&path));
}

/* ---- the network ---- */

static int fetch(const struct boot_plan *p, struct str *out, struct err *e)
{
	AUTO_FREE char *where = xasprintf("%s:%s", p->host, p->port);
	AUTO_FREE char *request = xasprintf("GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: rescue/" RESCUE_VERSION "\r\nConnection: close\r\n\r\n", p->path, p->host);
	const char *plain[] = { "nc", "-w", "20", p->host, p->port, NULL };
	struct in_addr address;
	const char *tls[] = { "openssl", "s_client", "-quiet", "-verify_return_error",
			      inet_pton(AF_INET, p->host, &address) == 1 ? "-verify_ip" : "-verify_hostname", p->host, "-servername", p->host, "-CAfile",
			      "/etc/ssl/certs/ca-certificates.crt", "-connect", where, NULL };
	struct child c = { .argv = p->kind == BOOT_PLAN_HTTPS ? tls : plain, .input = request, .input_len = strlen(request), .out = out,
			   .out_max = PLAN_MAX, .timeout_s = FETCH_S, .quiet_stderr = true };

	return child_run(&c, e);
}

static bool not_vouched_for(const struct err *e)
{
	return strstr(e->msg, "verify failed") || strstr(e->msg, "verification failed");
}

static int from_network(struct session *s, const struct boot_plan *p, struct err *e)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	const char *body;
	size_t n;
	int r;

	if (!s->args.ip)
		return err_set(e, -ENETDOWN, "the plan is on the network, but no ip= is on the kernel command line (ip=dhcp)");
	say("fetching the plan from %s:%s, at most %d s", p->host, p->port, FETCH_S);
	r = fetch(p, &out, e);
	if (r < 0 && p->kind == BOOT_PLAN_HTTPS && !out.len && not_vouched_for(e))
		return err_set(e, -EKEYREJECTED, "no plan from %s:%s: no authority aboard vouches for its certificate, or it is another name's "
			       "(rescue image --add CA.crt:/etc/ssl/certs/ca-certificates.crt)", p->host, p->port);
	if (r == -ETIMEDOUT || (r < 0 && !out.len))
		return err_wrap(e, r, "no plan from %s:%s", p->host, p->port);
	r = boot_http_body(str_cstr(&out), out.len, &body, &n, e);
	return r < 0 ? err_wrap(e, r, "plan from %s:%s", p->host, p->port) : take(body, n, e);
}

/* ---- choosing ---- */

static int from_state(const char *path, const struct session *s, struct err *e)
{
	AUTO_FREE char *full = fs_join(STATE_DIR, path);

	return s->state ? from_file(full, e) : err_set(e, -ENODEV, "%s", s->state_why ? s->state_why : "no " STATE_LABEL);
}

/* Nobody said where: built in, from the hypervisor or the firmware, on the state partition. */
static int from_anywhere(struct session *s, struct err *e)
{
	s->plan_from = xstrdup("built in");
	if (fs_exists(BUILTIN))
		return from_file(BUILTIN, e);
	free(s->plan_from);
	s->plan_from = xstrdup("plan.yaml on " STATE_LABEL);
	if (s->state && fs_exists(STATE_DIR "/plan.yaml"))
		return from_file(STATE_DIR "/plan.yaml", e);
	free(s->plan_from);
	s->plan_from = xstrdup("fw_cfg opt/rescue/plan");
	if (from_fw_cfg(NULL) == 0)
		return 0;
	free(s->plan_from);
	s->plan_from = NULL;
	return err_set(e, -ENOENT, "no plan is on this medium, and none was named with rescue.plan=");
}

static int get_plan(struct session *s, struct err *e)
{
	CLEANUP(boot_plan_free) struct boot_plan p = { 0 };
	int r = boot_plan_parse(s->args.plan, &p, e);

	if (r < 0)
		return r;
	if (p.kind == BOOT_PLAN_ANY)
		return from_anywhere(s, e);
	s->plan_from = xstrdup(s->args.plan);
	switch (p.kind) {
	case BOOT_PLAN_BUILTIN: return from_file(BUILTIN, e);
	case BOOT_PLAN_STATE: return from_state(p.path, s, e);
	case BOOT_PLAN_LABEL: return from_label(s, &p, e);
	case BOOT_PLAN_FW_CFG: return from_fw_cfg(e);
	case BOOT_PLAN_SMBIOS: return from_smbios(e);
	default: return from_network(s, &p, e);
	}
}

static int describe_plan(struct session *s, struct err *e)
{
	CLEANUP(str_free) struct str sum = STR_INIT;
	AUTO_FREE char *text = NULL, *done = NULL;
	size_t n;
	int r = run_quiet(30, &sum, e, "sha256sum", PLAN_FILE, NULL);

	if (r == 0)
		r = fs_read(PLAN_FILE, PLAN_MAX, &text, &n, e);
	if (r < 0)
		return r;
	snprintf(s->digest, sizeof(s->digest), "%.64s", str_cstr(&sum));
	free(s->finish);
	s->finish = xstrdup(boot_plan_finish(text));
	done = xasprintf(STATE_DIR "/finished-%.16s", s->digest);
	s->finished = s->state && fs_exists(done);
	s->plan = true;
	return 0;
}

void plan_find(struct session *s)
{
	struct err e = ERR_INIT;
	int r;

	unlink(PLAN_FILE);
	r = get_plan(s, &e);
	if (r == 0)
		r = describe_plan(s, &e);
	if (r < 0)
		s->plan_why = xstrdup(e.msg);
	if (r < 0 && (r != -ENOENT || s->args.plan))
		say("plan: %s", e.msg);
	if (s->plan)
		say("plan: %s (%s)%s", s->plan_from, PLAN_FILE, s->finished ? ", finished in an earlier boot" : "");
}
