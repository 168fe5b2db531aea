/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * init.h - the rescue system from the kernel's first process to the menu.
 *
 * PID 1 (init.c) does next to nothing: it mounts /proc, /sys, /dev and /run, starts the session, reaps, and restarts or powers off. The session
 * (session.c and the other init_*.c) is its child and does everything else: devices, state partition, plan, menus. It may crash: PID 1 says so
 * and starts it again, without anything automatic. If that does not help, every console gets a plain shell.
 *
 * "Touch nothing": no md, LVM or LUKS device is assembled, no swap is used, nothing is mounted for writing except RESCUE-STATE, which is ours.
 * One exception, init_pstore.c: crash records move from the firmware to RESCUE-STATE.
 */
#ifndef RESCUE_INIT_H
#define RESCUE_INIT_H

#include "boot_args.h"
#include "err.h"
#include "str.h"

#define RUN_DIR "/run/rescue"
#define PLAN_FILE RUN_DIR "/plan.yaml"
#define STATE_DIR "/state"
#define STATE_LABEL "RESCUE-STATE"

/* How the session ends: its exit code tells PID 1 what to do. Anything else is a crash. */
enum { SESSION_REBOOT = 20, SESSION_POWEROFF = 21, SESSION_HALT = 22 };

struct session {
	struct boot_args args;
	bool again;             /* started again after a crash: nothing automatic */
	/* RESCUE-STATE */
	bool state;             /* mounted on STATE_DIR */
	char *state_device, *state_why;         /* why not: a sentence */
	/* plan */
	bool plan;              /* PLAN_FILE is there */
	char *plan_from, *plan_why;
	char digest[65];
	char *finish;           /* what the plan wants at its end */
	bool finished;          /* it has finished in an earlier boot */
	bool failed;            /* the run of this boot failed */
	struct strv findings;   /* what is wrong with this machine, a sentence each */
};

/* ---- speaking (init_say.c): every console, the kernel log, and the log on RESCUE-STATE once that is mounted ---- */
void say(const char *fmt, ...) PRINTF_LIKE(1, 2);
void say_lines(const char *text, size_t n);             /* a program's output, as it is */
void say_open(void);                                    /* finds the consoles: may be asked again, some come later */
void say_to_file(const char *path);                     /* from now on there too, and what was said before */
const struct strv *say_consoles(void);                  /* device nodes for people: "/dev/tty1", "/dev/ttyS0" */

/* ---- PID 1's own (init_pid1.c) ---- */
void pid1_mounts(void);
void pid1_end(int how) __attribute__((noreturn));       /* SESSION_*: kill, unmount, sync, then reboot(2) from a child */
pid_t pid1_console_shell(const char *device);           /* a plain shell on a console */

int session_main(bool again);                           /* never returns normally: exit code SESSION_* */

/* ---- parts of the session ---- */
void devices_start(struct session *s);                  /* udev, coldplug, waits */
bool devices_wait(struct session *s, bool (*ready)(struct session *s), const char *what);
void state_mount(struct session *s);
void state_release(struct session *s);
void net_start(struct session *s);
void plan_find(struct session *s);
int plan_run(struct session *s);                        /* unattended; 0: it finished */
void pstore_look(struct session *s);                    /* last words of a crash: findings; taken to RESCUE-STATE */
void banner_look(struct session *s);                    /* fills findings */
char *banner_text(const struct session *s);             /* the caller frees */
void menu_loop(const struct session *s) __attribute__((noreturn));      /* on standard input and output */
/* The command that runs or resumes the plan, as a person would type it; the caller frees. */
char *plan_command(const struct session *s);
int run_quiet(uint64_t timeout_s, struct str *out, struct err *e, const char *prog, ...) __attribute__((sentinel));

#endif
