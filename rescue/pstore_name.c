/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_name.h"

#include <ctype.h>
#include <errno.h>

#define EFI_GUID_LEN 36
#define YEAR_2000 946684800ULL

static const char *const type_names[PSTORE_TYPE_MAX] = {
	[PSTORE_DMESG] = "dmesg", [PSTORE_MCE] = "mce", [PSTORE_CONSOLE] = "console", [PSTORE_FTRACE] = "ftrace", [PSTORE_RTAS] = "rtas",
	[PSTORE_POWERPC_OFW] = "powerpc-ofw", [PSTORE_POWERPC_COMMON] = "powerpc-common", [PSTORE_PMSG] = "pmsg",
	[PSTORE_POWERPC_OPAL] = "powerpc-opal", [PSTORE_UNKNOWN] = "unknown",
};

const char *pstore_type_name(enum pstore_type t)
{
	return t < PSTORE_TYPE_MAX ? type_names[t] : "unknown";
}

/* Decimal digits up to a non-digit; *p moves behind them. False when there is none or the number does not fit. */
static bool number(const char **p, uint64_t *ret)
{
	uint64_t v = 0;
	const char *s = *p;

	if (!isdigit((unsigned char)*s))
		return false;
	for (; isdigit((unsigned char)*s); s++) {
		unsigned int d = (unsigned int)(*s - '0');

		if (v > (UINT64_MAX - d) / 10)
			return false;
		v = v * 10 + d;
	}
	*p = s;
	*ret = v;
	return true;
}

static bool is_efi(const char *backend)
{
	return str_eq(backend, "efi");
}

/* Numbers as they seem; an ID that is only a part number is the oldest kernels' form. */
static void place_from_id(struct pstore_name *n)
{
	if (!is_efi(n->backend) || !n->has_id)
		return;
	if (n->id / 100000 < YEAR_2000) {
		n->part = n->id < 1000 ? (unsigned int)n->id : 0;
		return;
	}
	n->has_place = true;
	n->time = n->id / 100000;
	n->part = (unsigned int)(n->id / 1000 % 100);
	n->count = (unsigned int)(n->id % 1000);
}

bool pstore_name_time(const struct pstore_name *n, unsigned int part, unsigned int count, uint64_t *ret_time)
{
	uint64_t t;

	if (!n->has_place)
		return false;
	if (n->variable) {
		*ret_time = n->time;
		return true;
	}
	if (n->id < count || (n->id - count) % 1000 || (n->id - count) / 1000 < part)
		return false;
	t = (n->id - count) / 1000 - part;
	if (t % 100)
		return false;
	*ret_time = t / 100;
	return true;
}

static void set_backend(struct pstore_name *n, const char *s, size_t len)
{
	if (len >= sizeof(n->backend))
		len = sizeof(n->backend) - 1;
	memcpy(n->backend, s, len);
	n->backend[len] = '\0';
	if (str_eq(n->backend, "efi_pstore") || str_eq(n->backend, "efi-pstore"))
		strcpy(n->backend, "efi");
}

/* "-PART-COUNT-TIME-C-GUID" and its two older forms, behind the type number. */
static bool variable_numbers(const char *s, const char *end, uint64_t v[3], size_t *n, char *letter)
{
	*n = 0;
	*letter = '\0';
	while (s < end && *s == '-') {
		s++;
		if (*n >= 2 && !*letter && (*s == 'C' || *s == 'D') && s + 1 == end) {
			*letter = *s++;
			continue;
		}
		if (*n == 3 || *letter || !number(&s, &v[*n]))
			return false;
		(*n)++;
	}
	return s == end && *n >= 2;
}

static uint64_t id_of(uint64_t time, uint64_t part, uint64_t count)
{
	return (time * 100 + part) * 1000 + count;
}

static int parse_variable(const char *file, struct pstore_name *ret)
{
	const char *s = file + strlen("dump-type"), *end = file + strlen(file);
	uint64_t type, v[3];
	size_t n;
	char letter;

	set_backend(ret, "efi", 3);
	ret->variable = true;
	if (end - s > EFI_GUID_LEN && end[-EFI_GUID_LEN - 1] == '-' && end[-EFI_GUID_LEN + 8] == '-')
		end -= EFI_GUID_LEN + 1;
	if (!number(&s, &type) || !variable_numbers(s, end, v, &n, &letter) || v[0] > UINT32_MAX || (n == 3 && v[1] > UINT32_MAX))
		return -EINVAL;
	ret->type = type < PSTORE_UNKNOWN ? (enum pstore_type)type : PSTORE_UNKNOWN;
	ret->has_place = ret->has_id = true;
	ret->part = (unsigned int)v[0];
	ret->count = n == 3 ? (unsigned int)v[1] : 0;
	ret->time = v[n - 1];
	ret->id = n == 3 ? id_of(ret->time, ret->part, ret->count) : ret->part;
	ret->packed = letter == 'C';
	ret->plain = letter == 'D';
	return 0;
}

/* The longest type name that starts the file name: "powerpc-ofw" before "powerpc". */
static enum pstore_type type_of(const char *file, size_t *ret_len)
{
	for (size_t t = 0; t < PSTORE_UNKNOWN; t++) {
		size_t n = strlen(type_names[t]);

		if (strncmp(file, type_names[t], n) == 0 && file[n] == '-') {
			*ret_len = n;
			return (enum pstore_type)t;
		}
	}
	*ret_len = strcspn(file, "-");
	return PSTORE_UNKNOWN;
}

/* "efi-179588234401001" behind the type. */
static bool backend_and_id(const char *s, const char *end, struct pstore_name *ret)
{
	const char *dash = memrchr(s, '-', (size_t)(end - s)), *p;

	if (!dash || dash == s)
		return false;
	set_backend(ret, s, (size_t)(dash - s));
	p = dash + 1;
	ret->has_id = number(&p, &ret->id) && p == end;
	return ret->has_id;
}

int pstore_name_parse(const char *file, struct pstore_name *ret)
{
	const char *end = file + strlen(file);
	size_t n;

	*ret = (struct pstore_name){ .type = PSTORE_UNKNOWN, .backend = "unknown" };
	if (str_starts(file, "dump-type"))
		return parse_variable(file, ret);
	if (str_ends(file, PSTORE_PACKED_SUFFIX)) {
		ret->packed = true;
		end -= strlen(PSTORE_PACKED_SUFFIX);
	}
	ret->type = type_of(file, &n);
	if (file + n >= end || !backend_and_id(file + n + 1, end, ret)) {
		ret->type = PSTORE_UNKNOWN;
		return -EINVAL;
	}
	place_from_id(ret);
	return ret->type == PSTORE_UNKNOWN ? -EINVAL : 0;
}
