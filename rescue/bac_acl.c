/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACL text ("user::rw-\nuser:daemon:rwx\n...") to the value of system.posix_acl_access. Names are those of the machine that was backed up:
 * they are looked up in the target's own /etc/passwd and /etc/group. Only when the target has none, this system's are asked.
 */
#include "bac_engine.h"

#include <ctype.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>

#include "fs.h"

enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };

struct entry {
	int tag;
	uint32_t id;
	unsigned int perm;
};

static bool is_number(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

/* "tag:qualifier:perm" cut apart in place. */
static bool cut(char *line, char **tag, char **who, char **perm)
{
	char *end = line + strcspn(line, "#\t");

	*end = '\0';
	*tag = str_trim(line);
	*who = strchr(*tag, ':');
	if (!*who)
		return false;
	*(*who)++ = '\0';
	*perm = strrchr(*who, ':');
	if (!*perm) {                   /* "mask:rwx": old form */
		*perm = *who;
		*who = *who + strlen(*who);
		return true;
	}
	*(*perm)++ = '\0';
	return true;
}

bool bac_acl_needs_names(const char *text)
{
	AUTO_FREE char *copy = xstrdup(text);
	char *save = NULL;

	for (char *l = strtok_r(copy, "\n,", &save); l; l = strtok_r(NULL, "\n,", &save)) {
		char *tag, *who, *perm;

		if (cut(l, &tag, &who, &perm) && *who && !is_number(who))
			return true;
	}
	return false;
}

/* Third field of the line of `name`, as in passwd and group. 1 found, 0 not, -ENOENT no such file. */
static int look_up(int root, const char *file, const char *name, uint32_t *ret)
{
	AUTO_FCLOSE FILE *f = NULL;
	AUTO_FREE char *line = NULL;
	size_t cap = 0, n = strlen(name);
	int fd = root >= 0 ? fs_open_in_root(root, file, O_RDONLY, 0, NULL) : -1;

	if (fd < 0 || !(f = fdopen(fd, "r")))
		return -ENOENT;
	while (getline(&line, &cap, f) > 0) {
		char *p, *end;

		if (strncmp(line, name, n) != 0 || line[n] != ':' || !(p = strchr(line + n + 1, ':')))
			continue;
		*ret = (uint32_t)strtoul(p + 1, &end, 10);
		return end > p + 1;
	}
	return 0;
}

static bool id_of(struct bac_eng *g, bool group, const char *who, uint32_t *ret)
{
	const struct passwd *pw;
	const struct group *gr;
	int r;

	if (is_number(who)) {
		*ret = (uint32_t)strtoul(who, NULL, 10);
		return true;
	}
	r = look_up(g ? g->root : -1, group ? "/etc/group" : "/etc/passwd", who, ret);
	if (r >= 0)
		return r;
	pw = group ? NULL : getpwnam(who);
	gr = group ? getgrnam(who) : NULL;
	if (pw)
		*ret = pw->pw_uid;
	if (gr)
		*ret = gr->gr_gid;
	return pw || gr;
}

static int perm_of(const char *s, unsigned int *ret)
{
	*ret = 0;
	for (; *s; s++) {
		if (*s == 'r')
			*ret |= 4;
		else if (*s == 'w')
			*ret |= 2;
		else if (*s == 'x')
			*ret |= 1;
		else if (*s != '-' && !isspace((unsigned char)*s))
			return -EINVAL;
	}
	return 0;
}

static int tag_of(const char *tag, bool named)
{
	if (*tag == 'u')
		return named ? USER : USER_OBJ;
	if (*tag == 'g')
		return named ? GROUP : GROUP_OBJ;
	return *tag == 'm' ? MASK : *tag == 'o' ? OTHER : 0;
}

static int entry_of(char *line, struct bac_eng *g, struct entry *en, char *ret_name, size_t n)
{
	char *tag, *who, *perm;

	if (!cut(line, &tag, &who, &perm))
		return -EINVAL;
	en->tag = tag_of(tag, *who != '\0');
	en->id = UINT32_MAX;
	if (!en->tag || perm_of(perm, &en->perm) < 0)
		return -EINVAL;
	if ((en->tag == USER || en->tag == GROUP) && !id_of(g, en->tag == GROUP, who, &en->id)) {
		snprintf(ret_name, n, "%s", who);
		return -ESRCH;
	}
	return 0;
}

static void put(struct str *s, uint32_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		str_addc(s, (char)(v >> (8 * i)));
}

static int by_tag(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag - y->tag;
	return x->id < y->id ? -1 : x->id > y->id;
}

int bac_acl_parse(const char *text, struct bac_eng *g, struct str *ret, char *ret_name, size_t n)
{
	AUTO_FREE char *copy = xstrdup(text);
	AUTO_FREE struct entry *list = NULL;
	size_t count = 0;
	char *save = NULL;

	for (char *l = strtok_r(copy, "\n,", &save); l; l = strtok_r(NULL, "\n,", &save)) {
		int r;

		l = str_trim(l);
		if (!*l || *l == '#')
			continue;
		list = xrealloc(list, (count + 1) * sizeof(*list));
		r = entry_of(l, g, &list[count], ret_name, n);
		if (r < 0)
			return r;
		count++;
	}
	if (!count)
		return -EINVAL;
	qsort(list, count, sizeof(*list), by_tag);
	put(ret, 2, 4);
	for (size_t i = 0; i < count; i++) {
		put(ret, (uint32_t)list[i].tag, 2);
		put(ret, list[i].perm, 2);
		put(ret, list[i].id, 4);
	}
	return 0;
}
