/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GRUB's language and menu: what would start when nobody touches a key. */
#include "unit.h"

#include "grubcfg.h"

/* A filesystem of two devices for the reader: "DEV:PATH" -> text. */
struct file {
	const char *dev, *path, *text;
};

static const struct file *files;

static const struct file *find(const char *dev, const char *path)
{
	for (const struct file *f = files; f && f->dev; f++)
		if (str_eq(f->dev, dev) && str_eq(f->path, path))
			return f;
	return NULL;
}

static char *op_read(void *arg, const char *dev, const char *path, size_t *n)
{
	const struct file *f = find(dev, path);

	(void)arg;
	if (!f)
		return NULL;
	*n = strlen(f->text);
	return xstrdup(f->text);
}

static int op_kind(void *arg, const char *dev, const char *path)
{
	const struct file *f = find(dev, path);

	(void)arg;
	return !f ? 0 : *f->text ? 1 : 3;
}

static char *op_search(void *arg, const char *by, const char *what)
{
	(void)arg;
	return str_eq(by, "uuid") && str_eq(what, "0f-uuid") ? xstrdup("hd0,gpt2") : NULL;
}

static char *op_bls(void *arg, const char *dev, const char *dir)
{
	(void)arg;
	(void)dir;
	return str_eq(dev, "hd0,gpt2") ? xstrdup("menuentry 'Fedora (6.9)' --id 'f-6.9' {\nlinux /vmlinuz root=UUID=z ${kernelopts}\ninitrd /initrd /u\n}\n") : NULL;
}

static const struct grubcfg_ops ops = { op_read, op_kind, op_search, op_bls };

static struct grubcfg *run(const char *text)
{
	struct grubcfg *g = grubcfg_new(&ops, NULL);

	grubcfg_set(g, "root", "hd0,gpt2");
	grubcfg_set(g, "prefix", "(hd0,gpt2)/boot/grub");
	grubcfg_run_text(g, text, strlen(text));
	return g;
}

static void assert_var(const char *text, const char *name, const char *want)
{
	struct grubcfg *g = run(text);

	assert_string_equal(grubcfg_get(g, name), want);
	grubcfg_free(g);
}

static void test_words_variables_and_flow(void **state)
{
	static const struct file some[] = { { "hd0,gpt2", "/there", "x" }, { "hd0,gpt2", "/empty", "" }, { NULL, NULL, NULL } };

	(void)state;
	files = some;
	assert_var("set a='x y'\nset b=\"$a z\"", "b", "x y z");
	assert_var("set a=1; set b=${a}2 # comment\n", "b", "12");
	assert_var("set a='it''s'\n", "a", "its");
	assert_var("set a=a\\ b", "a", "a b");
	assert_var("set a=\"\\$x\"", "a", "$x");
	assert_var("if [ -e /there ]; then set a=y; else set a=n; fi", "a", "y");
	assert_var("if [ -s /empty ]; then set a=y; elif [ -f /empty ]; then set a=f; else set a=n; fi", "a", "f");
	assert_var("if [ x\"$u\" = xy -o 1 -lt 2 ]; then set a=y; fi", "a", "y");
	assert_var("if [ ! -e /nothing -a -n z ]; then\nset a=y\nfi", "a", "y");
	assert_var("if false; then if true; then set a=1; fi; else set a=2; fi", "a", "2");
	assert_var("for i in 1 2 3; do set a=$a$i; done", "a", "123");
	assert_var("set i=aaaa; while [ \"$i\" != a ]; do if [ $i = aaaa ]; then set i=aa; else set i=a; fi; set n=${n}x; done", "n", "xx");
	assert_var("function f {\n  set a=\"$1-$2\"\n}\nf one 'two three'", "a", "one-two three");
	assert_var("if [ \"${next_entry}\" ] ; then set a=1; else set a=0; fi", "a", "0");
	assert_var("search --no-floppy --fs-uuid --set=root --hint-efi=hd9,gpt9 0f-uuid\nset a=$root", "a", "hd0,gpt2");
	assert_var("set root=hd9; search --no-floppy --fs-uuid --set=root gone\nset a=$root", "a", "hd9");
	assert_var("search.fs_uuid 0f-uuid dev hd0,gpt9\n set prefix=($dev)'/x'", "prefix", "(hd0,gpt2)/x");
	assert_var("fi\ndone\n}\nset a=1", "a", "1");
}

/* Endless and senseless scripts end. */
static void test_every_script_ends(void **state)
{
	static const struct file loop[] = { { "hd0,gpt2", "/l", "source /l\nsource /l" },
					     { "hd0,gpt2", "/deep", "source /deep; while true; do true; done" }, { NULL, NULL, NULL } };
	static const char *const bad[] = {
		"while true; do set a=$a; done", "function f { f; f; }\nf", "source /l", "if if if if", "'", "\"${", "menuentry x {", "for", "{{{{{{", "$$$$", "\\",
		"source /deep", "until false; do true; done; while true; do while true; do true; done; done",
	};

	(void)state;
	files = loop;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		grubcfg_free(run(bad[i]));
}

static const char debian[] =
	"if [ -s $prefix/grubenv ]; then\n  set have_grubenv=true\n  load_env\nfi\n"
	"if [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\nelse\n   set default=\"0\"\nfi\n"
	"if [ x\"${feature_menuentry_id}\" = xy ]; then\n  menuentry_id_option=\"--id\"\nelse\n  menuentry_id_option=\"\"\nfi\nexport menuentry_id_option\n"
	"function load_video {\n  if [ x$feature_all_video_module = xy ]; then\n    insmod all_video\n  fi\n}\n"
	"menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-u' {\n\tload_video\n\tinsmod gzio\n"
	"\tif [ x$feature_platform_search_hint = xy ]; then\n\t  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt2  0f-uuid\n\tfi\n"
	"\techo\t'Loading Linux ...'\n\tlinux\t/@/boot/vmlinuz-6.1 root=UUID=0f ro rootflags=subvol=@  quiet\n\tinitrd\t/@/boot/initrd.img-6.1\n}\n"
	"submenu 'Advanced options' $menuentry_id_option 'adv' {\n\tmenuentry 'Debian, 6.1 (recovery)' $menuentry_id_option 'rec' {\n"
	"\t\tlinux /@/boot/vmlinuz-6.1 root=UUID=0f ro single\n\t}\n\tmenuentry 'old' --id=old { linux /gone x; }\n}\n";

static void choose(const char *env, const char *title, const char *args, const char *trouble)
{
	const struct file some[] = { { "hd0,gpt2", "/boot/grub/grubenv", env }, { "hd0,gpt2", "/@/boot/vmlinuz-6.1", "k" }, { "hd0,gpt2", "/vmlinuz", "k" },
				     { "hd0,gpt2", "/initrd", "i" }, { "hd0,gpt2", "/u", "u" }, { "hd0,gpt2", "/@/boot/initrd.img-6.1", "i" }, { NULL, NULL, NULL } };
	struct grubcfg *g;
	struct grubcfg_boot b;
	struct err e = ERR_INIT;

	files = some;
	g = grubcfg_new(&ops, NULL);
	grubcfg_set(g, "root", "hd0,gpt2");
	grubcfg_set(g, "prefix", "(hd0,gpt2)/boot/grub");
	grubcfg_set(g, "feature_menuentry_id", "y");
	grubcfg_set(g, "feature_platform_search_hint", "y");
	grubcfg_run_text(g, debian, strlen(debian));
	assert_int_equal(grubcfg_entries(g), 2);
	assert_int_equal(grubcfg_choose(g, &b, &e), 0);
	assert_string_equal(b.title, title);
	if (args)
		assert_string_equal(b.args, args);
	else
		assert_null(b.kernel);
	if (trouble)
		assert_string_equal(b.trouble, trouble);
	else
		assert_null(b.trouble);
	grubcfg_boot_free(&b);
	grubcfg_free(g);
}

static void test_debians_menu(void **state)
{
	(void)state;
	choose("", "Debian GNU/Linux", "root=UUID=0f ro rootflags=subvol=@ quiet", NULL);
	choose("# GRUB Environment Block\nnext_entry=adv>rec\n####", "Debian, 6.1 (recovery)", "root=UUID=0f ro single", NULL);
	choose("next_entry=1>1\n", "old", NULL, "file '/gone' not found");
	choose("next_entry=no such entry\n", "Debian GNU/Linux", "root=UUID=0f ro rootflags=subvol=@ quiet", NULL);
}

/* T53: entries of the Boot Loader Specification through blscfg; an empty menu is told. */
static void test_blscfg_and_an_empty_menu(void **state)
{
	static const struct file some[] = { { "hd0,gpt2", "/vmlinuz", "k" }, { "hd0,gpt2", "/initrd", "i" }, { NULL, NULL, NULL } };
	struct grubcfg *g;
	struct grubcfg_boot b;
	struct err e = ERR_INIT;

	(void)state;
	files = some;
	g = run("set kernelopts='ro quiet'\nset default=f-6.9\ninsmod blscfg\nblscfg\n");
	assert_int_equal(grubcfg_choose(g, &b, &e), 0);
	assert_string_equal(b.args, "root=UUID=z ro quiet");
	assert_string_equal(b.trouble, "file '/u' not found");
	assert_int_equal(b.initrd.n, 1);
	grubcfg_boot_free(&b);
	grubcfg_free(g);
	g = run("set root=hd7\nblscfg\n");
	assert_int_equal(grubcfg_choose(g, &b, &e), -ENOENT);
	assert_string_equal(e.msg, "the menu is empty");
	grubcfg_free(g);
}

static void test_a_stub_leads_to_the_real_menu(void **state)
{
	static const struct file some[] = {
		{ "hd0,gpt1", "/EFI/debian/grub.cfg", "search.fs_uuid 0f-uuid root hd0,gpt2 \nset prefix=($root)'/@/boot/grub'\nconfigfile $prefix/grub.cfg\n" },
		{ "hd0,gpt2", "/@/boot/grub/grub.cfg", "menuentry a {\nlinux /k root=x\n}\n" }, { "hd0,gpt2", "/k", "k" }, { NULL, NULL, NULL },
	};
	struct grubcfg *g = grubcfg_new(&ops, NULL);
	struct grubcfg_boot b;
	struct err e = ERR_INIT;

	(void)state;
	files = some;
	grubcfg_set(g, "root", "hd0,gpt1");
	assert_int_equal(grubcfg_run_file(g, "/EFI/debian/nothing", &e), -ENOENT);
	assert_int_equal(grubcfg_run_file(g, "/EFI/debian/grub.cfg", &e), 0);
	assert_int_equal(grubcfg_choose(g, &b, &e), 0);
	assert_string_equal(b.kernel_dev, "hd0,gpt2");
	grubcfg_boot_free(&b);
	grubcfg_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_variables_and_flow),
		cmocka_unit_test(test_every_script_ends),
		cmocka_unit_test(test_debians_menu),
		cmocka_unit_test(test_blscfg_and_an_empty_menu),
		cmocka_unit_test(test_a_stub_leads_to_the_real_menu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
