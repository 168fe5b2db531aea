/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "blk.h"
#include "device.h"
#include "fault.h"
#include "fs.h"
#include "mnt.h"
#include "run.h"

struct run_dev *run_dev_find(struct run *r, const char *name)
{
	for (size_t i = 0; i < r->n_dev; i++)
		if (str_eq(r->dev[i].pd->name, name))
			return &r->dev[i];
	return NULL;
}

dev_t run_rdev(const char *node)
{
	struct stat st;

	return node && stat(node, &st) == 0 && S_ISBLK(st.st_mode) ? st.st_rdev : 0;
}

/* Where is it now? 0 (node may be NULL: not there yet), or -errno. */
static int locate(struct run *r, struct run_dev *d, struct err *e)
{
	char *node = NULL;
	int rc = run_resolve(r->plan, d->pd, d->node, &node, e);

	if (rc < 0)
		return rc;
	if (d->node && !(node && str_eq(d->node, node)))
		d->ro_set = false;      /* it moved to another node (T58): that one is not protected yet */
	free(d->node);
	d->node = node;
	d->rdev = run_rdev(node);
	return 0;
}

/* What is only read must not be on what is erased, under whatever two names. */
static int keep_apart(const struct run *r, struct err *e)
{
	struct blk *l = NULL;
	size_t n = 0;
	int rc = blk_list(&l, &n, e);

	if (rc == 0)
		rc = device_apart(r->plan, l, n, e);
	blk_list_free(l, n);
	return rc < 0 ? err_wrap(e, rc, "%s", r->plan->path) : 0;
}

int run_dev_open(struct run *r, struct err *e)
{
	int rc = 0;

	r->n_dev = r->plan->n_devices;
	r->dev = xcalloc(r->n_dev, sizeof(*r->dev));
	for (size_t i = 0; i < r->n_dev; i++) {
		r->dev[i].pd = &r->plan->devices[i];
		r->dev[i].identity = device_wanted(r->dev[i].pd);
		r->dev[i].word = r->dev[i].pd->access == ACCESS_ERASE ? device_consent_word(r->dev[i].pd, NULL) : NULL;
	}
	for (size_t i = 0; rc == 0 && i < r->n_dev; i++)
		rc = locate(r, &r->dev[i], e);
	return rc == 0 && r->n_dev > 1 ? keep_apart(r, e) : rc;
}

void run_dev_free(struct run *r)
{
	for (size_t i = 0; i < r->n_dev; i++) {
		free(r->dev[i].identity);
		free(r->dev[i].word);
		free(r->dev[i].node);
		free(r->dev[i].mnt);
	}
	free(r->dev);
	r->dev = NULL;
	r->n_dev = 0;
}

/* ---- read-only at the block device ---- */

/* The flag before any run of this boot touched it: a killed run could not put it back, so the journal remembers. */
static bool flag_before(const struct run *r, const char *key, bool now)
{
	AUTO_FREE char *boot = fs_read_word("/proc/sys/kernel/random/boot_id");
	size_t n = strlen(key);

	for (size_t i = 0; boot && i < r->j.n; i++) {
		const struct journal_rec *rec = &r->j.recs[i];

		if (rec->verb == J_FACT && str_eq(rec->step, "-") && str_eq(rec->boot, boot) && strncmp(rec->payload, key, n) == 0 &&
		    rec->payload[n] == '=')
			return rec->payload[n + 1] == '1';
	}
	return now;
}

/* A filesystem that is mounted for writing would be cut off in the middle of it. */
static int not_mounted_rw(const struct run_dev *d, struct err *e)
{
	CLEANUP(strv_free) struct strv at = STRV_INIT;
	int rc = mnt_targets_of(d->node, &at, e);

	for (size_t i = 0; rc == 0 && i < at.n; i++) {
		struct mnt_info m;

		if (mnt_find(at.v[i], &m, NULL) != 1)
			continue;
		if (!m.read_only)
			rc = err_set(e, -EBUSY, "device '%s' (%s): %s is mounted for writing at '%s', and the plan may only read it: unmount it, or give it access: write",
				     d->pd->name, d->identity, d->node, at.v[i]);
		mnt_info_free(&m);
	}
	return rc;
}

static int is_read_only(const struct run_dev *d, bool *ret, struct err *e)
{
	AUTO_CLOSE int fd = open(d->node, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int ro = 0;

	if (fd < 0 || ioctl(fd, BLKROGET, &ro) < 0)
		return err_errno(e, "device '%s': open %s", d->pd->name, d->node);
	*ret = ro != 0;
	return 0;
}

static int protect(struct run *r, struct run_dev *d, struct err *e)
{
	AUTO_FREE char *key = xasprintf("ro_%s", d->pd->name);
	AUTO_FREE char *fact = NULL;
	bool was = false;
	int rc = not_mounted_rw(d, e);

	if (rc == 0)
		rc = is_read_only(d, &was, e);
	if (rc < 0)
		return rc;
	d->ro_was = flag_before(r, key, was);
	fact = xasprintf("%s=%d", key, d->ro_was);
	if (!was)
		rc = run_record(r, "-", J_FACT, fact, e);
	fault_point("run.device.recorded");
	if (rc == 0 && !was)
		rc = blk_set_read_only(d->node, true, NULL, e);
	d->ro_set = rc == 0;
	fault_point("run.device.protected");
	return rc < 0 ? err_wrap(e, rc, "device '%s'", d->pd->name) : 0;
}

/* Writable again, when it was before a run of this boot set it read-only: a device that is read first and erased later. */
static int unprotect(struct run *r, struct run_dev *d, struct err *e)
{
	AUTO_FREE char *key = xasprintf("ro_%s", d->pd->name);
	bool ro = false;
	int rc = is_read_only(d, &ro, e);

	if (rc < 0 || !ro || flag_before(r, key, true))
		return rc;
	d->ro_set = false;
	return blk_set_read_only(d->node, false, NULL, e);
}

int run_dev_protect(struct run *r, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->n_dev; i++) {
		struct run_dev *d = &r->dev[i];

		if (d->pd->access == ACCESS_READ && d->node && !d->ro_set)
			rc = protect(r, d, e);
		else if (d->pd->access == ACCESS_ERASE && d->node)
			rc = unprotect(r, d, e);        /* left by a run that was killed while it read */
	}
	return rc;
}

static int erases(const struct opt *row, const char *device, bool path UNUSED, void *arg)
{
	return row->access == ACCESS_ERASE && str_eq(device, arg);
}

static bool erased_later(const struct run *r, size_t step, const struct run_dev *d)
{
	for (size_t i = step + 1; i < r->plan->n_steps; i++)
		if (run_refs_each(r->plan->steps[i].type->opts, &r->plan->steps[i].vals, erases, d->pd->name))
			return true;
	return false;
}

/* A device that the plan will erase is read-only as long as steps before that only read it. */
static int set_for(struct run *r, size_t step, struct run_dev *d, const struct opt *row, struct err *e)
{
	if (d->pd->access != ACCESS_ERASE || !d->node)
		return 0;
	if (row->access != ACCESS_READ || !erased_later(r, step, d))
		return unprotect(r, d, e);
	return d->ro_set ? 0 : protect(r, d, e);
}

void run_dev_restore(struct run *r)
{
	for (size_t i = r->n_dev; i-- > 0;) {
		struct run_dev *d = &r->dev[i];
		struct err e = ERR_INIT;

		if (d->mnt && mnt_umount(d->mnt, MNT_F_LAZY, &e) < 0)
			ui_event(&r->ui, UI_WARN, "warning", NULL, "", "%s, going on", e.msg);
		if (d->ro_set && !d->ro_was && d->node && blk_set_read_only(d->node, false, NULL, &e) < 0)
			ui_event(&r->ui, UI_WARN, "warning", NULL, "", "device '%s': %s: it stays read-only, going on", d->pd->name, e.msg);
		free(d->mnt);
		d->mnt = NULL;
		d->ro_set = false;
	}
}

/* The last run was killed after its last record: the plan is finished, the flags are not. */
void run_dev_release(struct run *r)
{
	for (size_t i = 0; i < r->n_dev; i++) {
		struct run_dev *d = &r->dev[i];
		AUTO_FREE char *key = xasprintf("ro_%s", d->pd->name);
		bool now = false;

		if (d->pd->access == ACCESS_READ && d->node && is_read_only(d, &now, NULL) == 0 && now && !flag_before(r, key, true))
			(void)blk_set_read_only(d->node, false, NULL, NULL);
	}
}

/* ---- mounts for "${name}:/path" ---- */

struct mount_job {
	const struct run_dev *d;
	const char *dir;
};

static int mount_in_child(void *arg, struct step_io *io, struct err *e)
{
	const struct mount_job *m = arg;
	bool ro = m->d->pd->access != ACCESS_WRITE;
	AUTO_FREE char *extra = NULL;
	int rc;

	if (!ro)
		return mnt_mount(m->d->node, m->dir, m->d->pd->fs_type, NULL, MNT_F_MKDIR, e);
	rc = mnt_mount_read_only(m->d->node, m->dir, m->d->pd->fs_type, NULL, MNT_F_MKDIR, &extra, e);
	if (rc == 0 && extra)
		step_note(io, "device '%s': its journal was not replayed (%s): what was in it is not seen", m->d->pd->name, extra);
	return rc;
}

/* In a process of its own, so that a dying disk holds up the child and not the runner; the namespace is the same. */
static int mount_device(struct run *r, size_t step, struct run_dev *d, struct err *e)
{
	AUTO_FREE char *dir = xasprintf("%s/dev/%s", r->runtime, d->pd->name);
	AUTO_FREE char *log = run_log_path(r, step);
	struct mount_job m = { .d = d, .dir = dir };
	char place[32];
	struct hook h = { .name = "mount", .step = r->plan->steps[step].id, .place = run_place(r, step, place), .fn = mount_in_child, .arg = &m,
			  .log_path = log, .timeout_s = 600 };
	int rc;

	if (d->pd->access == ACCESS_ERASE)
		return err_set(e, -EPERM, "device '%s': may be erased, so it cannot be used as ${%s}:/path: mount it in a step", d->pd->name, d->pd->name);
	h.io = (struct step_io_init){ .dir = dir, .runtime_dir = r->runtime };
	rc = hook_run(&r->hooks, &h, e);
	if (rc == 0)
		d->mnt = TAKE_PTR(dir);
	return rc < 0 ? err_wrap(e, rc, "device '%s'", d->pd->name) : 0;
}

/* ---- filling a step's references ---- */

struct fill {
	struct run *r;
	size_t step;
	bool act, guard, missing;
	struct err *e;
	enum run_hook hook;
};

static int not_there(struct fill *f, const struct run_dev *d)
{
	f->missing = true;
	return err_set(f->e, -ENODEV, "device '%s' (%s): is not there", d->pd->name, d->identity);
}

static int fill_device(struct fill *f, const char *name, struct run_dev **ret)
{
	struct run_dev *d = run_dev_find(f->r, name);
	int rc;

	if (!d)
		return err_set(f->e, -ENODEV, "device '%s': not in the plan", name);
	rc = locate(f->r, d, f->e);
	if (rc == 0 && d->node && d->pd->access == ACCESS_READ && !d->ro_set)
		rc = protect(f->r, d, f->e);
	*ret = d;
	return rc;
}

static int fill_path(struct fill *f, const struct opt *row, struct opt_path *p)
{
	struct run_dev *d = NULL;
	int rc;

	free(p->real);
	p->real = NULL;
	if (!p->device) {
		p->real = p->path ? xstrdup(p->path) : NULL;
		f->r->stdin_wanted = f->r->stdin_wanted || (p->path && str_eq(p->path, "-"));
		return 0;
	}
	rc = fill_device(f, p->device, &d);
	if (rc < 0)
		return rc;
	if (!d->node) {
		not_there(f, d);
		return 0;
	}
	if (!p->path) {
		p->real = xstrdup(d->node);
		return f->hook == RUN_RUN ? set_for(f->r, f->step, d, row, f->e) : 0;
	}
	if (!d->mnt && (f->act || d->pd->access == ACCESS_READ))
		rc = mount_device(f->r, f->step, d, f->e);
	if (rc == 0 && d->mnt)
		p->real = fs_join(d->mnt, p->path[0] == '/' ? p->path + 1 : p->path);
	return rc;
}

static int fill_one(const struct opt *row, struct opt_device *dev, struct opt_path *path, void *arg)
{
	struct fill *f = arg;
	struct run_dev *d = NULL;
	int rc;

	if (path)
		return fill_path(f, row, path);
	rc = fill_device(f, dev->name, &d);
	if (rc < 0)
		return rc;
	free(dev->path);
	dev->path = d->node ? xstrdup(d->node) : NULL;
	if (!dev->path)
		not_there(f, d);
	rc = f->hook == RUN_RUN ? set_for(f->r, f->step, d, row, f->e) : 0;
	if (rc < 0)
		return rc;
	return dev->path && f->guard && row->access == ACCESS_ERASE ? run_guard(d->pd, dev->path, f->e) : 0;
}

int run_dev_fill(struct run *r, size_t step, void *self, enum run_hook hook, bool act, bool *ret_missing, struct err *e)
{
	struct fill f = { .r = r, .step = step, .act = act, .hook = hook, .guard = hook == RUN_PREFLIGHT || hook == RUN_RUN, .e = e };
	int rc;

	r->stdin_wanted = false;
	rc = opt_each_ref(r->plan->steps[step].type->opts, self, fill_one, &f);
	*ret_missing = f.missing;
	return rc;
}

int run_dev_mount(struct run *r, size_t step, struct run_dev *d, struct err *e)
{
	return d->mnt || !d->node || d->pd->access == ACCESS_ERASE ? 0 : mount_device(r, step, d, e);
}
