/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "efi_order.h"

#include <ctype.h>

#include "efi_var.h"
#include "fault.h"

static int entry_number(const char *name)
{
	if (!str_starts(name, "Boot") || strlen(name) != 8)
		return -1;
	for (int i = 4; i < 8; i++)
		if (!isxdigit((unsigned char)name[i]))
			return -1;
	return (int)strtol(name + 4, NULL, 16);
}

static void entry_name(uint16_t num, char buf[9])
{
	snprintf(buf, 9, "Boot%04X", num);
}

void efi_entries_free(struct efi_entries *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].raw);
		efi_loadopt_free(&s->v[i].opt);
	}
	free(s->v);
	free(s->order);
	*s = (struct efi_entries){ .current = -1, .next = -1 };
}

static int read_u16(const char *name)
{
	AUTO_FREE uint8_t *p = NULL;
	size_t n;

	if (efi_var_get(name, EFI_GLOBAL, NULL, &p, &n, NULL) < 0 || n < 2)
		return -1;
	return p[0] | p[1] << 8;
}

static int read_order(struct efi_entries *s, struct err *e)
{
	AUTO_FREE uint8_t *p = NULL;
	size_t n;
	int r = efi_var_get("BootOrder", EFI_GLOBAL, NULL, &p, &n, e);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_wrap(e, r, "BootOrder");
	s->has_order = true;
	s->n_order = n / 2;
	s->order = xcalloc(s->n_order + 1, sizeof(*s->order));
	for (size_t i = 0; i < s->n_order; i++)
		s->order[i] = (uint16_t)(p[2 * i] | p[2 * i + 1] << 8);
	return 0;
}

static int place_of(const struct efi_entries *s, uint16_t num)
{
	for (size_t i = 0; i < s->n_order; i++)
		if (s->order[i] == num)
			return (int)i;
	return -1;
}

static int read_entry(struct efi_entries *s, const char *name, struct err *e)
{
	struct efi_entry *en = &s->v[s->n];
	int r = efi_var_get(name, EFI_GLOBAL, &en->var_attrs, &en->raw, &en->len, e);

	if (r == -ENOENT)
		return 0;       /* vanished since it was listed, or without content */
	if (r < 0)
		return r;
	en->num = (uint16_t)entry_number(name);
	en->parsed = efi_loadopt_parse(en->raw, en->len, &en->opt, NULL) == 0;
	en->place = place_of(s, en->num);
	s->n++;
	return 0;
}

static int read_all(struct efi_entries *s, struct err *e)
{
	CLEANUP(strv_free) struct strv names = STRV_INIT;
	int r = efi_var_names(EFI_GLOBAL, &names, e);

	if (r == 0)
		r = read_order(s, e);
	s->v = xcalloc(names.n + 1, sizeof(*s->v));
	for (size_t i = 0; r == 0 && i < names.n; i++)
		if (entry_number(names.v[i]) >= 0)
			r = read_entry(s, names.v[i], e);
	s->current = read_u16("BootCurrent");
	s->next = read_u16("BootNext");
	return r;
}

int efi_entries_read(struct efi_entries *ret, struct err *e)
{
	struct efi_entries s = { .current = -1, .next = -1 };
	int r = read_all(&s, e);

	if (r < 0) {
		efi_entries_free(&s);
		return r;
	}
	*ret = s;
	return 0;
}

const struct efi_entry *efi_entries_find(const struct efi_entries *s, uint16_t num)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].num == num)
			return &s->v[i];
	return NULL;
}

static struct efi_loadopt wanted(const struct efi_want *w)
{
	return (struct efi_loadopt){ .attrs = EFI_ACTIVE, .label = (char *)w->label, .has_hd = true, .hd = w->hd,
				     .file = (char *)w->file, .data = (uint8_t *)w->data, .data_len = w->data_len };
}

static bool stands_better(const struct efi_entry *en, const struct efi_entry *than)
{
	return !than || (en->place >= 0 && (than->place < 0 || en->place < than->place));
}

/* The entry to use: same target, best placed; else an own one (label and file) whose partition is gone (T31), best placed too. */
static struct efi_entry *pick(const struct efi_entries *s, const struct efi_want *w)
{
	struct efi_loadopt want = wanted(w);
	struct efi_entry *best = NULL, *old = NULL;

	for (size_t i = 0; i < s->n; i++) {
		struct efi_entry *en = &s->v[i];

		if (!en->parsed || !en->opt.has_hd || !en->opt.file || strcasecmp(en->opt.file, w->file))
			continue;
		if (efi_loadopt_same(&en->opt, &want)) {
			if (stands_better(en, best))
				best = en;
		} else if (str_eq(en->opt.label, w->label) && w->stale && w->stale(&en->opt.hd, w->arg)) {
			if (stands_better(en, old))
				old = en;
		}
	}
	return best ? best : old;
}

/* Lowest number that no entry has and no order names: a dangling number belongs to someone (T34). */
static int free_number(const struct efi_entries *s)
{
	for (int n = 0; n < 0x10000; n++)
		if (!efi_entries_find(s, (uint16_t)n) && place_of(s, (uint16_t)n) < 0)
			return n;
	return -1;
}

static int write_entry(uint16_t num, uint32_t attrs, const struct efi_loadopt *o, struct err *e)
{
	AUTO_FREE uint8_t *raw = NULL;
	char name[9];
	size_t n;
	int r = efi_loadopt_build(o, &raw, &n, e);

	entry_name(num, name);
	return r < 0 ? r : efi_var_set(name, EFI_GLOBAL, attrs, raw, n, e);
}

/* Own entry whose partition is gone, or that is switched off: rewritten under its number, label and data kept. */
static int refresh(struct efi_entry *en, const struct efi_want *w, struct efi_done *done, struct err *e)
{
	struct efi_loadopt o = en->opt, want = wanted(w);

	if (efi_loadopt_same(&en->opt, &want) && (en->opt.attrs & EFI_ACTIVE))
		return 0;
	o.hd = w->hd;
	o.attrs |= EFI_ACTIVE;
	done->rewritten = true;
	return write_entry(en->num, en->var_attrs ? en->var_attrs : EFI_ATTRS, &o, e);
}

static int create(const struct efi_entries *s, const struct efi_want *w, struct efi_done *done, struct err *e)
{
	struct efi_loadopt o = wanted(w);
	int num = free_number(s), r;

	if (num < 0)
		return err_set(e, -ENOSPC, "EFI entries: every number is taken");
	done->num = (uint16_t)num;
	r = write_entry(done->num, EFI_ATTRS, &o, e);
	done->created = r == 0;
	return r;
}

static int write_order(const uint16_t *order, size_t n, struct err *e)
{
	AUTO_FREE uint8_t *raw = xmalloc(2 * n + 1);
	int r;

	for (size_t i = 0; i < n; i++) {
		raw[2 * i] = (uint8_t)order[i];
		raw[2 * i + 1] = (uint8_t)(order[i] >> 8);
	}
	r = efi_var_set("BootOrder", EFI_GLOBAL, EFI_ATTRS, raw, 2 * n, e);
	if (r == -EEXIST)       /* odd firmware (T36): the same whole order once more */
		r = efi_var_set("BootOrder", EFI_GLOBAL, EFI_ATTRS, raw, 2 * n, e);
	return r;
}

int efi_entry_place(const struct efi_entries *s, const struct efi_want *w)
{
	const struct efi_entry *en = pick(s, w);

	return en ? en->place : -1;
}

static bool in_place(const struct efi_entries *s, uint16_t num, const struct efi_want *w)
{
	int at = place_of(s, num), near = place_of(s, w->near);

	if (at < 0)
		return false;
	switch (w->place) {
	case EFI_FIRST: return at == 0;
	case EFI_LAST: return (size_t)at + 1 == s->n_order;
	case EFI_BEHIND: return num == w->near || (near >= 0 && at == near + 1);
	case EFI_BEFORE: return num == w->near || (near >= 0 && at == near - 1);
	default: return true;   /* KEEP, APPEND */
	}
}

/* The order with `num` at its place; all others stay as they are to each other. */
static size_t order_with(const struct efi_entries *s, uint16_t num, const struct efi_want *w, uint16_t *order)
{
	bool todo = true;
	size_t n = 0;

	if (w->place == EFI_FIRST || w->place == EFI_KEEP) {
		order[n++] = num;
		todo = false;
	}
	for (size_t i = 0; i < s->n_order; i++) {
		bool here = todo && s->order[i] == w->near && (w->place == EFI_BEHIND || w->place == EFI_BEFORE);

		if (s->order[i] == num)
			continue;
		if (here && w->place == EFI_BEFORE)
			order[n++] = num;
		order[n++] = s->order[i];
		if (here && w->place == EFI_BEHIND)
			order[n++] = num;
		todo = todo && !here;
	}
	if (todo)
		order[n++] = num;
	return n;
}

static int put_in_order(const struct efi_entries *s, uint16_t num, const struct efi_want *w, struct efi_done *done, struct err *e)
{
	AUTO_FREE uint16_t *order = xcalloc(s->n_order + 1, sizeof(*order));
	int r;

	if (in_place(s, num, w))
		return 0;
	r = write_order(order, order_with(s, num, w, order), e);
	done->ordered = r == 0;
	return r;
}

static void undo_create(const struct efi_done *done)
{
	char name[9];

	entry_name(done->num, name);
	(void)efi_var_delete(name, EFI_GLOBAL, NULL);
}

/*
 * Copies that earlier repairs left (T27): equal in every byte to the entry in use. First out of the order, then deleted,
 * so that a cut between leaves no order that names nothing.
 */
static int drop_doubles(uint16_t keep, struct efi_done *done, struct err *e)
{
	CLEANUP(efi_entries_free) struct efi_entries s = { .current = -1, .next = -1 };
	AUTO_FREE uint16_t *order = NULL;
	const struct efi_entry *mine;
	size_t n = 0;
	int r = efi_entries_read(&s, e);

	mine = r < 0 ? NULL : efi_entries_find(&s, keep);
	if (!mine)
		return r;
	order = xcalloc(s.n_order + 1, sizeof(*order));
	for (size_t i = 0; i < s.n_order; i++) {
		const struct efi_entry *en = efi_entries_find(&s, s.order[i]);

		if (!en || en == mine || en->len != mine->len || memcmp(en->raw, mine->raw, mine->len))
			order[n++] = s.order[i];
	}
	if (n < s.n_order)
		r = write_order(order, n, e);
	for (size_t i = 0; r == 0 && i < s.n; i++) {
		struct efi_done d = { .num = s.v[i].num };

		if (&s.v[i] == mine || s.v[i].len != mine->len || memcmp(s.v[i].raw, mine->raw, mine->len))
			continue;
		undo_create(&d);
		done->doubles++;
	}
	return r;
}

int efi_entry_ensure(const struct efi_want *w, struct efi_done *ret, struct err *e)
{
	CLEANUP(efi_entries_free) struct efi_entries s = { .current = -1, .next = -1 };
	struct efi_done done = { 0 };
	struct efi_entry *en;
	int r = efi_entries_read(&s, e);

	if (r < 0)
		return r;
	en = pick(&s, w);
	if (en)
		done.num = en->num;
	r = en ? refresh(en, w, &done, e) : create(&s, w, &done, e);
	if (r < 0)
		return r;
	fault_point("efi.entry.written");
	r = put_in_order(&s, done.num, w, &done, e);
	if (r < 0 && done.created)
		undo_create(&done);
	if (r < 0)
		return r;
	fault_point("efi.order.written");
	r = drop_doubles(done.num, &done, e);
	*ret = done;
	return r;
}

int efi_entry_holds(const struct efi_want *w, uint16_t *ret_num, struct err *e)
{
	CLEANUP(efi_entries_free) struct efi_entries s = { .current = -1, .next = -1 };
	struct efi_loadopt want = wanted(w);
	struct efi_entry *en;
	int r = efi_entries_read(&s, e);

	if (r < 0)
		return r;
	en = pick(&s, w);
	if (!en || !efi_loadopt_same(&en->opt, &want)) {
		err_set(e, -ENOENT, "no entry for %s on this partition", w->file);
		return 0;
	}
	if (!(en->opt.attrs & EFI_ACTIVE) || !in_place(&s, en->num, w)) {
		err_set(e, -ENOENT, "Boot%04X is %s", en->num, en->opt.attrs & EFI_ACTIVE ? "not at its place in BootOrder" : "not active");
		return 0;
	}
	*ret_num = en->num;
	return 1;
}
