/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "efi_repair.h"

#include <stdarg.h>

#include "efi_var.h"
#include "fs.h"

static void say(struct efi_repair *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct efi_repair *r, const char *fmt, ...)
{
	AUTO_FREE char *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) < 0)
		line = NULL;
	va_end(ap);
	if (r->say && line)
		r->say(r->arg, line);
}

static const char *arch_of(const struct efi_repair *r)
{
	return r->arch ? r->arch : efi_arch();
}

/* What is on the ESP, reduced to `file` when one was asked for. */
static int loaders(const struct efi_repair *r, struct esp_loader **ret, size_t *ret_n, struct err *e)
{
	AUTO_FREE char *real = r->file ? esp_find(r->esp, r->file) : NULL;
	struct esp_loader *v, *one;
	size_t n;
	int rc = esp_scan(r->esp, arch_of(r), &v, &n, e);

	if (rc < 0)
		return rc;
	if (r->file && real) {
		one = xcalloc(1, sizeof(*one));
		for (size_t i = 0; i < n && !one->file; i++)
			if (strcasecmp(v[i].file, r->file) == 0) {
				*one = v[i];
				v[i] = (struct esp_loader){ 0 };
			}
		if (!one->file)
			*one = (struct esp_loader){ .source = ESP_KNOWN, .file = xstrdup(r->file), .label = xstrdup("Linux") };
		esp_loaders_free(v, n);
		v = one;
		n = 1;
	}
	if (!n || (r->file && !real)) {
		esp_loaders_free(v, n);
		return err_set(e, -ENOENT, "ESP '%s': %s%s", r->esp, r->file ? "no file " : "no boot loader for this machine; install one first",
			       r->file ? r->file : "");
	}
	if (r->label) {
		free(v[0].label);
		v[0].label = xstrdup(r->label);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

int efi_repair_pick(const struct efi_repair *r, char **ret_file, char **ret_label, struct err *e)
{
	struct esp_loader *v;
	size_t n;
	int rc = loaders(r, &v, &n, e);

	if (rc < 0)
		return rc;
	*ret_file = xstrdup(v[0].file);
	*ret_label = xstrdup(v[0].label);
	esp_loaders_free(v, n);
	return 0;
}

static bool is_here(const struct efi_repair *r, const struct efi_hd *hd)
{
	for (size_t p = 0; p < r->n_parts; p++)
		if (efi_hd_same(&r->parts[p].hd, hd))
			return true;
	return false;
}

/* A partition that this repair is about is never gone: one member does not take the entry of another. */
static bool is_gone(const struct efi_hd *hd, void *arg)
{
	return !is_here(arg, hd) && esp_hd_is_gone(hd, NULL);
}

static struct efi_want want_of(const struct efi_repair *r, const struct esp_loader *l, size_t part, enum efi_place place)
{
	return (struct efi_want){ .label = l->label, .file = l->file, .hd = r->parts[part].hd, .data = l->data, .data_len = l->data_len,
				  .place = place, .stale = is_gone, .arg = (void *)r };
}

static void say_done(struct efi_repair *r, const struct efi_done *d, const struct esp_loader *l, size_t part)
{
	const char *what = d->created ? "made" : d->rewritten ? "corrected" : d->ordered ? "put in its place" : NULL;

	if (what)
		say(r, "Boot%04X '%s': %s: %s on %s", d->num, l->label, what, l->file, r->parts[part].dev);
	if (d->doubles)
		say(r, "Boot%04X '%s': %u identical copies removed", d->num, l->label, d->doubles);
	r->written += d->created + d->rewritten + d->ordered + d->doubles;
}

/* The partition whose entry stands best: the others come behind it, so that nobody else moves up when an entry shall stay where it is. */
static int best_placed(const struct efi_repair *r, const struct esp_loader *l, size_t *ret, struct err *e)
{
	CLEANUP(efi_entries_free) struct efi_entries s = { .current = -1, .next = -1 };
	int best = -1, rc = efi_entries_read(&s, e);

	*ret = 0;
	for (size_t p = 0; rc == 0 && p < r->n_parts; p++) {
		struct efi_want w = want_of(r, l, p, EFI_KEEP);
		int at = efi_entry_place(&s, &w);

		if (at < 0 || (best >= 0 && at >= best))
			continue;
		best = at;
		*ret = p;
	}
	return rc;
}

/*
 * Does `one` for every partition that carries the loader, so that their entries stand directly one behind the other: when the first disk of a
 * mirror is gone, the second is next and no other system (T30). From the front, or for `last` from the end.
 */
static int each_part(const struct efi_repair *r, const struct esp_loader *l, enum efi_place place,
		     int (*one)(void *arg, const struct efi_want *w, size_t part, uint16_t *ret_num, struct err *e), void *arg, struct err *e)
{
	size_t lead = place == EFI_LAST ? r->n_parts - 1 : 0;
	uint16_t near = 0;
	int rc = place == EFI_KEEP || place == EFI_APPEND ? best_placed(r, l, &lead, e) : 0;

	for (size_t k = 0; rc >= 0 && k < r->n_parts; k++) {
		size_t p = place == EFI_LAST ? lead - k : k == 0 ? lead : k <= lead ? k - 1 : k;
		struct efi_want w = want_of(r, l, p, k == 0 ? place : place == EFI_LAST ? EFI_BEFORE : EFI_BEHIND);

		w.near = near;
		rc = one(arg, &w, p, &near, e);
		if (rc == 0)
			return 0;
	}
	return rc < 0 ? rc : 1;
}

struct making {
	struct efi_repair *r;
	const struct esp_loader *l;
	uint16_t num;   /* on the first partition */
};

static int make_one(void *arg, const struct efi_want *w, size_t part, uint16_t *ret_num, struct err *e)
{
	struct making *m = arg;
	struct efi_done d = { 0 };
	int rc = efi_entry_ensure(w, &d, e);

	if (rc < 0)
		return rc;
	say_done(m->r, &d, m->l, part);
	if (part == 0)
		m->num = d.num;
	*ret_num = d.num;
	return 1;
}

static int look_at_one(void *arg, const struct efi_want *w, size_t part, uint16_t *ret_num, struct err *e)
{
	(void)arg;
	(void)part;
	return efi_entry_holds(w, ret_num, e);
}

/*
 * True when the first entry of the order can start something: it names a partition of this machine and, if that is this ESP, a file that
 * is there. Then someone chose it, and repairing one ESP after the other does not change places for ever.
 */
static bool first_is_chosen(const struct efi_repair *r)
{
	CLEANUP(efi_entries_free) struct efi_entries s = { .current = -1 };
	AUTO_FREE char *file = NULL;
	const struct efi_entry *en;

	if (efi_entries_read(&s, NULL) < 0)
		return false;
	en = s.n_order ? efi_entries_find(&s, s.order[0]) : NULL;
	if (!en || !en->parsed || !(en->opt.attrs & EFI_ACTIVE) || !en->opt.has_hd || !en->opt.file)
		return false;
	if (!is_here(r, &en->opt.hd))
		return !esp_hd_is_gone(&en->opt.hd, NULL);
	file = esp_find(r->esp, en->opt.file);
	return file != NULL;
}

/* Last first: each new entry goes to the front, so the best ends there. */
static int all_entries(struct efi_repair *r, const struct esp_loader *v, size_t n, struct err *e)
{
	bool chosen = !r->file && first_is_chosen(r);
	int rc = 0;

	for (size_t i = n; rc >= 0 && i-- > 0;) {
		struct making m = { .r = r, .l = &v[i] };

		if (v[i].source == ESP_REMOVABLE && n > 1)
			continue;       /* needs no entry */
		rc = each_part(r, &v[i], chosen ? EFI_APPEND : i == 0 ? r->place : EFI_KEEP, make_one, &m, e);
		r->num = m.num;
	}
	return rc < 0 ? rc : 0;
}

/* Counts dumps that fill the NVRAM, for the sentence. */
static size_t dumps(void)
{
	CLEANUP(strv_free) struct strv names = STRV_INIT;

	(void)efi_var_names("cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0", &names, NULL);
	return names.n;
}

static char *why(const struct err *e)
{
	size_t n = e->code == -ENOSPC ? dumps() : 0;

	if (n)
		return xasprintf("%s; %zu crash dumps fill it: collect and erase them (step pstore), restart once so that the firmware "
				 "reclaims the room, repair again", e->msg, n);
	if (e->code == -ENOSPC)
		return xasprintf("%s; some firmware frees deleted variables only at a restart", e->msg);
	return xstrdup(e->msg);
}

static bool is_refusal(int code)
{
	return code == -ENOSPC || code == -EROFS || code == -EPERM || code == -EACCES || code == -EINVAL || code == -EIO || code == -ENODEV ||
	       code == -ENOENT || code == -ENXIO;
}

static int removable(struct efi_repair *r, const struct esp_loader *l, bool force, struct err *e)
{
	bool changed = false;
	int rc;

	if (l->source == ESP_REMOVABLE)
		return 0;
	rc = esp_removable(r->esp, arch_of(r), l->file, l->label, force, &changed, e);
	if (rc == 0 && changed) {
		say(r, "removable path \\EFI\\BOOT: starts %s", l->file);
		r->written++;
	}
	return rc;
}

int efi_repair(struct efi_repair *r, struct err *e)
{
	struct esp_loader *v;
	struct err refused = ERR_INIT;
	size_t n;
	int rc = loaders(r, &v, &n, e);

	if (rc < 0)
		return rc;
	rc = r->n_parts ? efi_var_ready(&refused)
			: err_set(&refused, -ENXIO, "ESP '%s': the partition is not known, so no entry can name it", r->esp);
	if (rc == 0)
		rc = all_entries(r, v, n, &refused);
	if (rc < 0 && (r->entries_only || !is_refusal(rc))) {
		esp_loaders_free(v, n);
		return err_set(e, rc, "%s", refused.msg);
	}
	if (rc < 0)
		r->degraded = why(&refused);
	rc = r->degraded || r->removable ? removable(r, &v[0], r->degraded != NULL, e) : 0;
	r->first = xstrdup(v[0].file);
	esp_loaders_free(v, n);
	return rc;
}

static int same_files(const char *esp, const char *a, const char *b, struct err *e)
{
	AUTO_FREE char *pa = esp_find(esp, a), *pb = esp_find(esp, b), *da = NULL, *db = NULL;
	size_t na, nb;
	int r;

	if (!pa || !pb) {
		err_set(e, -ENOENT, "ESP '%s': no file %s", esp, pa ? b : a);
		return 0;
	}
	r = fs_read(pa, 256 * MIB, &da, &na, e);
	if (r == 0)
		r = fs_read(pb, 256 * MIB, &db, &nb, e);
	if (r < 0)
		return r;
	if (na == nb && memcmp(da, db, na) == 0)
		return 1;
	err_set(e, -EIO, "ESP '%s': %s is not a copy of %s", esp, b, a);
	return 0;
}

int efi_repair_holds(const struct efi_repair *r, const char *file, const char *label, bool degraded, struct err *e)
{
	AUTO_FREE char *path = esp_find(r->esp, file), *boot = esp_removable_name(arch_of(r));
	struct esp_loader l = { .file = (char *)file, .label = (char *)label };

	if (!path) {
		err_set(e, -ENOENT, "ESP '%s': no file %s", r->esp, file);
		return 0;
	}
	if (degraded)
		return same_files(r->esp, file, boot, e);
	return each_part(r, &l, r->place, look_at_one, NULL, e);
}
