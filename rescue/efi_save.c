/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "efi_order.h"

#include <ctype.h>

#include "efi_var.h"
#include "hash.h"

#define HEAD "rescue-efi 1\n"

static bool wanted_name(const char *name)
{
	size_t n = strlen(name);

	if (str_eq(name, "BootOrder") || str_eq(name, "Timeout"))
		return true;
	return n == 8 && str_starts(name, "Boot") && strspn(name + 4, "0123456789ABCDEFabcdef") == 4;
}

static int save_one(struct str *out, const char *name, struct err *e)
{
	AUTO_FREE uint8_t *data = NULL;
	uint32_t attrs;
	size_t n;
	int r = efi_var_get(name, EFI_GLOBAL, &attrs, &data, &n, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	str_addf(out, "%s %u ", name, attrs);
	for (size_t i = 0; i < n; i++)
		str_addf(out, "%02x", data[i]);
	str_addc(out, '\n');
	return 0;
}

int efi_save(struct str *out, struct err *e)
{
	CLEANUP(strv_free) struct strv names = STRV_INIT;
	int r = efi_var_names(EFI_GLOBAL, &names, e);

	str_add(out, HEAD);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		if (wanted_name(names.v[i]))
			r = save_one(out, names.v[i], e);
	if (r == 0)
		str_addf(out, "end %08x\n", hash_crc32c(0, out->s, out->len));
	return r;
}

void efi_saved_free(struct efi_saved *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].data);
	free(v);
}

static int parse_hex(const char *t, struct efi_saved *s)
{
	size_t n = strlen(t);

	if (n % 2 || strspn(t, "0123456789abcdef") != n)
		return -EBADMSG;
	s->len = n / 2;
	s->data = xmalloc(s->len + 1);
	for (size_t i = 0; i < s->len; i++) {
		char two[3] = { t[2 * i], t[2 * i + 1], 0 };

		s->data[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return 0;
}

static int parse_line(char *line, struct efi_saved *s)
{
	char *name = line, *attrs = strchr(line, ' '), *hex = attrs ? strchr(attrs + 1, ' ') : NULL;
	uint64_t v;

	if (!hex)
		return -EBADMSG;
	*attrs++ = 0;
	*hex++ = 0;
	if (!wanted_name(name) || str_to_u64(attrs, &v) < 0 || v > UINT32_MAX)
		return -EBADMSG;
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->attrs = (uint32_t)v;
	return parse_hex(hex, s);
}

/* The last line vouches for all bytes before it. *ret_body is where it begins. */
static int check_sum(const char *text, size_t n, size_t *ret_body, struct err *e)
{
	char line[sizeof("end 01234567\n")];
	size_t at = n;

	if (n < sizeof(HEAD) - 1 || memcmp(text, HEAD, sizeof(HEAD) - 1))
		return err_set(e, -EBADMSG, "this is not a file that 'rescue efi save' wrote");
	while (at > 1 && text[at - 2] != '\n')
		at--;
	at = at ? at - 1 : 0;
	if (n - at != sizeof(line) - 1 || memcmp(text + at, "end ", 4) != 0 || text[n - 1] != '\n')
		return err_set(e, -EBADMSG, "the last line ('end ...') is missing: the file was cut off");
	snprintf(line, sizeof(line), "end %08x\n", hash_crc32c(0, text, at));
	if (memcmp(text + at, line, sizeof(line) - 1) != 0)
		return err_set(e, -EBADMSG, "the checksum does not match: the file was changed or damaged");
	*ret_body = at;
	return 0;
}

int efi_saved_parse(const char *text, size_t n, struct efi_saved **ret, size_t *ret_n, struct err *e)
{
	CLEANUP(strv_free) struct strv lines = STRV_INIT;
	AUTO_FREE char *body = NULL;
	struct efi_saved *v;
	size_t end = 0;
	int r = check_sum(text, n, &end, e);

	if (r < 0)
		return r;
	body = xstrndup(text + sizeof(HEAD) - 1, end - (sizeof(HEAD) - 1));
	strv_split(&lines, body, "\n");
	v = xcalloc(lines.n + 1, sizeof(*v));
	for (size_t i = 0; r == 0 && i < lines.n; i++)
		r = parse_line(lines.v[i], &v[i]);
	if (r < 0) {
		efi_saved_free(v, lines.n);
		return err_set(e, r, "a line is malformed");
	}
	*ret = v;
	*ret_n = lines.n;
	return 0;
}

struct restore {
	const struct efi_saved *saved;
	size_t n;
	struct efi_entries now;
	uint16_t *from, *to;
	size_t n_map;
	unsigned int written;
};

static bool number_taken(const struct restore *r, uint16_t num)
{
	if (efi_entries_find(&r->now, num))
		return true;
	for (size_t i = 0; i < r->n_map; i++)
		if (r->to[i] == num)
			return true;
	for (size_t i = 0; i < r->n; i++)
		if (str_starts(r->saved[i].name, "Boot") && isxdigit((unsigned char)r->saved[i].name[4]) && strlen(r->saved[i].name) == 8 &&
		    strtol(r->saved[i].name + 4, NULL, 16) == num)
			return true;
	return false;
}

static const struct efi_entry *equal_entry(const struct restore *r, const struct efi_saved *s, uint16_t num)
{
	const struct efi_entry *same = efi_entries_find(&r->now, num);

	if (same && same->len == s->len && !memcmp(same->raw, s->data, s->len))
		return same;
	for (size_t i = 0; i < r->now.n; i++)
		if (r->now.v[i].len == s->len && !memcmp(r->now.v[i].raw, s->data, s->len))
			return &r->now.v[i];
	return NULL;
}

static int restore_entry(struct restore *r, const struct efi_saved *s, struct err *e)
{
	uint16_t num = (uint16_t)strtol(s->name + 4, NULL, 16), to = num;
	const struct efi_entry *same = equal_entry(r, s, num);
	char name[9];
	int rc = 0;

	if (same) {
		to = same->num;
	} else {
		if (efi_entries_find(&r->now, num))
			for (to = 0; number_taken(r, to); to++)
				if (to == UINT16_MAX)
					return err_set(e, -ENOSPC, "EFI entries: every number is taken");
		snprintf(name, sizeof(name), "Boot%04X", to);
		rc = efi_var_set(name, EFI_GLOBAL, s->attrs, s->data, s->len, e);
		r->written += rc == 0;
	}
	r->from[r->n_map] = num;
	r->to[r->n_map++] = to;
	return rc;
}

static uint16_t mapped(const struct restore *r, uint16_t num)
{
	for (size_t i = 0; i < r->n_map; i++)
		if (r->from[i] == num)
			return r->to[i];
	return num;
}

static void order_add(struct str *o, uint16_t num)
{
	for (size_t i = 0; i + 1 < o->len; i += 2)
		if ((uint8_t)o->s[i] == (num & 0xff) && (uint8_t)o->s[i + 1] == num >> 8)
			return;
	str_addc(o, (char)(num & 0xff));
	str_addc(o, (char)(num >> 8));
}

/* The saved order first, then what the firmware has gained since. */
static int restore_order(struct restore *r, const struct efi_saved *s, struct err *e)
{
	CLEANUP(str_free) struct str o = STR_INIT;
	AUTO_FREE uint8_t *now = NULL;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i + 1 < s->len; i += 2)
		order_add(&o, mapped(r, (uint16_t)(s->data[i] | s->data[i + 1] << 8)));
	for (size_t i = 0; i < r->now.n_order; i++)
		order_add(&o, r->now.order[i]);
	if (efi_var_get("BootOrder", EFI_GLOBAL, NULL, &now, &n, NULL) == 0 && n == o.len && (!n || !memcmp(now, o.s, n)))
		return 0;
	rc = efi_var_set("BootOrder", EFI_GLOBAL, EFI_ATTRS, o.s, o.len, e);
	r->written += rc == 0;
	return rc;
}

static int restore_all(struct restore *r, struct err *e)
{
	const struct efi_saved *order = NULL;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->n; i++) {
		if (str_eq(r->saved[i].name, "BootOrder"))
			order = &r->saved[i];
		else if (str_starts(r->saved[i].name, "Boot"))
			rc = restore_entry(r, &r->saved[i], e);
	}
	return rc == 0 && order ? restore_order(r, order, e) : rc;
}

int efi_restore(const char *text, size_t n, unsigned int *ret_written, struct err *e)
{
	struct restore r = { .now = { .current = -1, .next = -1 } };
	struct efi_saved *saved = NULL;
	int rc = efi_saved_parse(text, n, &saved, &r.n, e);

	if (rc < 0)
		return rc;
	r.saved = saved;
	r.from = xcalloc(r.n + 1, sizeof(*r.from));
	r.to = xcalloc(r.n + 1, sizeof(*r.to));
	rc = efi_entries_read(&r.now, e);
	if (rc == 0)
		rc = restore_all(&r, e);
	if (rc == 0)
		*ret_written = r.written;
	efi_entries_free(&r.now);
	efi_saved_free(saved, r.n);
	free(r.from);
	free(r.to);
	return rc;
}
