/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image_find.h"

#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/utsname.h>

#include "fs.h"

int image_kernel_release(const uint8_t *d, size_t n, char **ret, struct err *e)
{
	size_t at;
	const uint8_t *end;

	if (n < 0x210 || memcmp(d + 0x202, "HdrS", 4) != 0)
		return err_set(e, -EBADMSG, "not a Linux kernel image (bzImage)");
	at = (size_t)(d[0x20e] | d[0x20f] << 8) + 0x200;
	end = at < n ? memchr(d + at, 0, n - at) : NULL;
	if (!end || at == 0x200)
		return err_set(e, -EBADMSG, "the kernel image does not say its release");
	*ret = xstrndup((const char *)d + at, strcspn((const char *)d + at, " "));
	if ((*ret)[0] && !strchr(*ret, '/') && !str_starts(*ret, "."))
		return 0;
	free(*ret);
	*ret = NULL;
	return err_set(e, -EBADMSG, "the kernel image has a strange release");
}

static int release_of_file(const char *path, char **ret, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FREE uint8_t *head = xmalloc(64 * KIB);
	ssize_t n;

	if (fd < 0)
		return err_errno(e, "kernel '%s'", path);
	n = pread(fd, head, 64 * KIB, 0);
	if (n < 0)
		return err_errno(e, "kernel '%s'", path);
	return err_wrap(e, image_kernel_release(head, (size_t)n, ret, e), "kernel '%s'", path);
}

static bool has_modules(const char *release)
{
	AUTO_FREE char *path = xasprintf("/lib/modules/%s/kernel", release);

	return fs_is_dir(path);
}

static char *file_of(const char *release)
{
	static const char *const forms[] = { "/boot/vmlinuz-%s", "/boot/kernel-%s", "/boot/vmlinux-%s", "/lib/modules/%s/vmlinuz" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		char *path = xasprintf(forms[i], release);

		if (fs_exists(path))
			return path;
		free(path);
	}
	return NULL;
}

/* The highest release in /lib/modules that has a kernel image; without any image, the highest that has modules. */
static char *newest(void)
{
	struct dirent **names;
	int n = scandir("/lib/modules", &names, NULL, versionsort);
	char *best = NULL;

	for (int pass = 0; pass < 2 && !best; pass++)
		for (int i = n - 1; i >= 0 && !best; i--) {
			AUTO_FREE char *file = file_of(names[i]->d_name);

			if (names[i]->d_name[0] != '.' && has_modules(names[i]->d_name) && (file || pass))
				best = xstrdup(names[i]->d_name);
		}
	for (int i = 0; i < n; i++)
		free(names[i]);
	if (n >= 0)
		free(names);
	return best;
}

int image_find_kernel(const char *want, char **ret_file, char **ret_release, struct err *e)
{
	struct utsname u;

	if (want && strchr(want, '/')) {
		int r = release_of_file(want, ret_release, e);

		if (r == 0)
			*ret_file = xstrdup(want);
		return r;
	}
	uname(&u);
	*ret_release = want ? xstrdup(want) : has_modules(u.release) ? xstrdup(u.release) : newest();
	if (!*ret_release)
		return err_set(e, -ENOENT, "/lib/modules: no kernel has its modules installed here: name one with --kernel, and --modules if they are elsewhere");
	*ret_file = file_of(*ret_release);
	return 0;
}

int image_find_init(char **ret, struct err *e)
{
	static const char *const places[] = { "init", "../lib/rescue/init", "../share/rescue/init" };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *dir;

	if (n < 0)
		return err_errno(e, "read /proc/self/exe");
	self[n] = 0;
	dir = dirname(self);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char *path = fs_join(dir, places[i]);

		if (access(path, X_OK) == 0) {
			*ret = path;
			return 0;
		}
		free(path);
	}
	return err_set(e, -ENOENT, "PID 1 of the image ('init') is not beside this program: name it with --init");
}
