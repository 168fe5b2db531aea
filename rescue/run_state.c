/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <sys/statvfs.h>

#include "fault.h"
#include "fs.h"
#include "run.h"

#define FREE_BYTES (4 * MIB)    /* a journal of thousands of marks, and logs */
#define FREE_INODES 32
#define PLAN_COPY "plan.yaml"

char *runner_default_state(const char *plan_name)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	for (const char *p = plan_name ? plan_name : "plan"; *p; p++) {
		if (isalnum((unsigned char)*p))
			str_addc(&s, (char)tolower((unsigned char)*p));
		else if (s.len && s.s[s.len - 1] != '-')
			str_addc(&s, '-');
	}
	while (s.len && s.s[s.len - 1] == '-')
		s.s[--s.len] = '\0';
	return fs_join(RUNNER_STATE_ROOT, s.len ? str_cstr(&s) : "plan");
}

char *run_log_path(const struct run *r, size_t step)
{
	return xasprintf("%s/logs/%02zu-%s.log", r->state, step + 1, r->plan->steps[step].id);
}

/* ---- may it be used? ---- */

/* The folder itself, or the nearest one above it that exists. The caller frees. */
static char *nearest_existing(const char *dir)
{
	char *path = xstrdup(dir);

	while (!fs_is_dir(path)) {
		char *slash = strrchr(path, '/');

		if (!slash || slash == path) {
			strcpy(path, slash ? "/" : ".");
			break;
		}
		*slash = '\0';
	}
	return path;
}

static int check_place(struct run *r, struct err *e)
{
	AUTO_FREE char *there = nearest_existing(r->state);
	int v;

	if (run_dev_conflict(r, there, e))
		return -EPERM;
	v = r->o->volatile_state ? 0 : fs_is_volatile(there, e);
	if (v > 0)
		return err_set(e, -EPERM, "it would lie in memory (tmpfs), and a reboot forgets it: give --state DIR on a disk, or --volatile-state");
	return v;
}

static int check_space(struct run *r, struct err *e)
{
	struct statvfs st;
	uint64_t left;
	char buf[32];

	if (statvfs(r->state, &st) < 0)
		return err_errno(e, "statvfs");
	left = (uint64_t)st.f_bavail * st.f_frsize;
	if (left < FREE_BYTES)
		return err_set(e, -ENOSPC, "only %s are free there, 4 MiB are needed: make room, or give another folder with --state",
			       str_human_size(buf, sizeof(buf), left));
	if (st.f_files && st.f_favail < FREE_INODES)
		return err_set(e, -ENOSPC, "only %llu inodes are free there, %d are needed: make room, or give another folder with --state",
			       (unsigned long long)st.f_favail, FREE_INODES);
	return 0;
}

static int make(struct run *r, struct err *e)
{
	AUTO_FREE char *logs = fs_join(r->state, "logs");
	int rc = check_place(r, e);

	if (rc == 0)
		rc = fs_mkdir_p(r->state, 0700, e);
	if (rc == 0)
		rc = check_space(r, e);
	if (rc == 0)
		rc = fs_mkdir_p(logs, 0700, e);
	return rc == 0 ? fs_sync_parent(r->state, e) : rc;
}

int run_state_open(struct run *r, struct err *e)
{
	AUTO_FREE char *copy = NULL;
	int rc;

	if (make(r, e) < 0) {
		err_wrap(e, e->code, "state directory '%s'", r->state);
		return EXIT_STATE;
	}
	rc = journal_open(&r->j, r->state, e);
	if (rc < 0)
		return rc == -EBUSY ? EXIT_BUSY : rc == -EBADMSG ? EXIT_JOURNAL : EXIT_STATE;
	copy = fs_join(r->state, PLAN_COPY);
	if (r->j.n == 0 && fs_exists(copy)) {
		err_set(e, -EBADMSG, "journal '%s': empty, although this state directory was used before: what was done is not known; look at '%s/logs', "
			"then start in a new state directory", r->j.path, r->state);
		return EXIT_JOURNAL;
	}
	return EXIT_DONE;
}

/* ---- whose journal is it? ---- */

static void describe_changes(struct run *r, struct strv *ret)
{
	AUTO_FREE char *copy = fs_join(r->state, PLAN_COPY);
	struct plan *was = NULL;

	if (plan_load(copy, &was, NULL) == 0)
		plan_diff(was, r->plan, ret);
	else
		strv_add(ret, "the earlier plan's copy cannot be read, so the difference is not known");
	if (!ret->n)
		strv_add(ret, "only its text (comments, order of options)");
	plan_free(was);
}

static int check_owner(struct run *r, struct err *e)
{
	CLEANUP(strv_free) struct strv changes = STRV_INIT;
	CLEANUP(str_free) struct str s = STR_INIT;

	if (!r->st.digest || str_eq(r->st.digest, r->plan->digest))
		return EXIT_DONE;
	describe_changes(r, &changes);
	for (size_t i = 0; i < changes.n; i++) {
		str_addf(&s, "%s%s", i ? "; " : "", changes.v[i]);
		if (r->o->accept_changes)
			ui_event(&r->ui, UI_STEP, "changed", NULL, "", "the plan changed: %s", changes.v[i]);
	}
	if (r->o->accept_changes)
		return EXIT_DONE;
	err_set(e, -EBADMSG, "state directory '%s': its journal was written for another plan: %s: go on with --accept-changes, or give another --state",
		r->state, str_cstr(&s));
	return EXIT_JOURNAL;
}

/* --from: taken back from the last step to the first, so that dying in between never leaves a done step behind an undone one. */
static int take_back(struct run *r, struct err *e)
{
	size_t from = 0;
	int rc = 0;

	while (from < r->plan->n_steps && !str_eq(r->plan->steps[from].id, r->o->from))
		from++;
	for (size_t i = r->plan->n_steps; rc == 0 && i-- > from;) {
		rc = run_witness_remove(r, i, e);
		if (rc == 0)
			rc = run_record(r, r->plan->steps[i].id, J_RESUME, RUNSTATE_AGAIN, e);
	}
	return rc;
}

static int save_copy(struct run *r, struct err *e)
{
	AUTO_FREE char *copy = fs_join(r->state, PLAN_COPY);
	AUTO_FREE char *old = NULL;
	size_t len;

	if (fs_read(copy, r->plan->len, &old, &len, NULL) == 0 && len == r->plan->len && memcmp(old, r->plan->text, len) == 0)
		return 0;
	return fs_write_atomic(copy, r->plan->text, r->plan->len, 0600, e);
}

int run_state_begin(struct run *r, struct err *e)
{
	bool fresh = r->j.n == 0;
	int rc = check_owner(r, e);

	if (rc != EXIT_DONE)
		return rc;
	if (r->o->from && fresh) {
		err_set(e, -EINVAL, "--from %s: nothing was run with state directory '%s' yet, so there is nothing to take back", r->o->from, r->state);
		return EXIT_USAGE;
	}
	rc = r->o->from ? take_back(r, e) : 0;
	if (rc == 0)
		rc = run_record(r, "-", fresh ? J_PLAN : J_RESUME, r->plan->digest, e);
	fault_point("run.state.recorded");
	if (rc == 0)
		rc = save_copy(r, e);
	if (rc < 0)
		err_wrap(e, rc, "state directory '%s'", r->state);
	return rc < 0 ? EXIT_STATE : EXIT_DONE;
}
