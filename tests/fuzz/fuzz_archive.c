/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives through our own extraction code into an empty folder; a file beside the folder must stay the only one there. */
#include <dirent.h>
#include <fcntl.h>

#include "fs.h"
#include "unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int entries(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static void extract(const char *dir, const uint8_t *data, size_t size)
{
	AUTO_FREE char *to = fs_join(dir, "to");
	AUTO_CLOSE int root = -1;
	struct unpack_opts o = { .max_bytes = MIB, .max_entries = 200, .no_devices = true, .root_name = "to" };
	struct unpack_result res;
	struct err e = ERR_INIT;

	if (mkdir(to, 0700) < 0)
		abort();
	root = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	o.root = root;
	if (arc_in_open_memory(&o.in, data, size, &e) == 0) {
		if (unpack(&o, &res, &e) < 0 && !*e.msg)
			abort();
		arc_in_close(o.in);
	}
	if (entries(dir) != 3)
		abort();                /* something landed outside */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	AUTO_FREE char *dir = xasprintf("%s/rescue-fuzz-XXXXXX", tmp);

	if (!mkdtemp(dir))
		abort();
	extract(dir, data, size);
	(void)fs_remove_tree(dir, NULL);
	return 0;
}
