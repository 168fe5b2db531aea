/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run mounts is seen by this run only, and ends with its last process: a killed runner leaves no mount behind. */
#include <sched.h>
#include <sys/mount.h>

#include "fs.h"
#include "run.h"

#define ROOT "/run/rescue"

int run_ns_enter(struct run *r, struct err *e)
{
	if (unshare(CLONE_NEWNS) < 0)
		return errno == EPERM ? err_set(e, -EPERM, "a plan can only be run by root (mount namespace: not permitted)")
				      : err_errno(e, "make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_errno(e, "make the mount namespace private");
	if (fs_mkdir_p(ROOT, 0700, e) < 0)
		return e->code;
	if (mount("rescue", ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") < 0)
		return err_errno(e, "mount tmpfs at " ROOT);
	r->runtime = xasprintf(ROOT "/%d", (int)getpid());
	return fs_mkdir_p(r->runtime, 0700, e);
}

void run_ns_leave(struct run *r)
{
	if (r->runtime)
		(void)umount2(ROOT, MNT_DETACH);
	free(r->runtime);
	r->runtime = NULL;
}
