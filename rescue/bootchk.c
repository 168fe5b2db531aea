/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bootchk_int.h"

#include <fcntl.h>
#include <stdarg.h>

#include "efi_var.h"
#include "fs.h"

const char *bootchk_state_name(enum bootchk_state s)
{
	static const char *const names[] = { "ok", "warning", "broken" };

	return names[s];
}

bool bootchk_say(struct bootctx *c, const char *name, enum bootchk_state s, const char *fmt, ...)
{
	struct bootchk *b = c->out;
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	b->v = xrealloc(b->v, (b->n + 1) * sizeof(*b->v));
	b->v[b->n++] = (struct bootchk_link){ name, s, text };
	if (s == BOOTCHK_BAD)
		b->boots = false;
	b->warnings += s == BOOTCHK_WARN;
	return s != BOOTCHK_BAD;
}

void bootchk_free(struct bootchk *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->v[i].text);
	free(b->v);
	*b = (struct bootchk){ 0 };
}

char *bootchk_read(const char *real, size_t max, size_t *ret_n)
{
	char *data = NULL;

	return fs_read(real, max, &data, ret_n, NULL) == 0 ? data : NULL;
}

char *bootchk_read_in_root(struct bootctx *c, const char *path, size_t *ret_n)
{
	AUTO_CLOSE int fd = fs_open_in_root(c->rootfd, path, O_RDONLY | O_NONBLOCK, 0, NULL);
	AUTO_FREE char *proc = fd < 0 ? NULL : xasprintf("/proc/self/fd/%d", fd);

	return proc ? bootchk_read(proc, KERNEL_MAX, ret_n) : NULL;
}

char *bootchk_arg(const char *args, const char *name)
{
	CLEANUP(strv_free) struct strv w = STRV_INIT;
	size_t n = strlen(name);

	strv_split(&w, args ? args : "", " \t\n");
	for (size_t i = w.n; i-- > 0;)
		if (strncmp(w.v[i], name, n) == 0 && w.v[i][n] == '=') {
			char *v = w.v[i] + n + 1;
			size_t len = strlen(v);

			if (len >= 2 && v[0] == '"' && v[len - 1] == '"')
				return xstrndup(v + 1, len - 2);
			return xstrdup(v);
		}
	return NULL;
}

static bool is_esp_place(const char *at)
{
	return str_eq(at, "/boot/efi") || str_eq(at, "/efi") || str_eq(at, "/boot");
}

/* The ESP: given; mounted below the target; or a folder EFI where one belongs. */
static void find_esp(struct bootctx *c)
{
	static const char *const places[] = { "/boot/efi", "/efi", "/boot" };

	if (c->q->esp) {
		c->esp = xstrdup(c->q->esp);
		return;
	}
	for (size_t i = 0; i < c->n_fs && !c->esp; i++)
		if (c->fs[i].at && is_esp_place(c->fs[i].at) && c->fs[i].type && str_starts(c->fs[i].type, "vfat"))
			c->esp = xstrdup(c->fs[i].dir);
	for (size_t i = 0; i < ARRAY_SIZE(places) && !c->esp; i++) {
		AUTO_FREE char *efi = xasprintf("%s%s/EFI", c->q->root, places[i]);

		if (fs_is_dir(efi))
			c->esp = xasprintf("%s%s", c->q->root, places[i]);
	}
}

/* A machine that was started by UEFI is one; in BIOS mode a target with an ESP may still be a UEFI system (T19). */
static bool is_uefi(const struct bootctx *c)
{
	struct err e = ERR_INIT;

	if (c->q->firmware != BOOTCHK_AUTO)
		return c->q->firmware == BOOTCHK_UEFI;
	return efi_var_ready(&e) == 0 || e.code != -ENODEV || c->esp;
}

static void chain(struct bootctx *c)
{
	c->uefi = is_uefi(c);
	if (c->uefi)
		bootchk_efi(c);
	else
		bootchk_bios(c);
	bootchk_root(c);
	bootchk_fstab(c);
	bootchk_init(c);
	bootchk_labels(c);
}

int bootchk_run(const struct bootchk_req *q, struct bootchk *ret, struct err *e)
{
	struct bootctx c = { .q = q, .out = ret, .arch = q->arch ? q->arch : efi_arch() };
	AUTO_FREE char *etc = fs_join(q->root, "etc");
	int r;

	*ret = (struct bootchk){ .boots = true };
	if (!fs_is_dir(etc))
		return err_set(e, -ENOENT, "'%s' is not an installed system: it has no /etc", q->root);
	c.rootfd = open(q->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c.rootfd < 0)
		return err_errno(e, "open '%s'", q->root);
	r = bootfs_collect(&c, e);
	if (r == 0) {
		find_esp(&c);
		chain(&c);
	}
	bootfs_release(&c);
	free(c.esp);
	free(c.args);
	free(c.version);
	close(c.rootfd);
	return r;
}
