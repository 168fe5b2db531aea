/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network, only when ip= asks for it. Nothing here waits for a person: a network that does not come up is said and passed by. */
#include <dirent.h>
#include <fcntl.h>

#include "fs.h"
#include "init.h"

#define SCRIPT RUN_DIR "/udhcpc"

/* What the DHCP client runs with the answer; values arrive as variables. */
static const char script[] =
	"#!/bin/sh\n"
	"[ \"$1\" = bound ] || [ \"$1\" = renew ] || exit 0\n"
	"ifconfig \"$interface\" \"$ip\" netmask \"${subnet:-255.255.255.0}\" up\n"
	"for r in $router; do route add default gw \"$r\" dev \"$interface\" && break; done\n"
	": >/etc/resolv.conf\n"
	"[ -z \"$domain\" ] || echo \"search $domain\" >>/etc/resolv.conf\n"
	"for d in $dns; do echo \"nameserver $d\" >>/etc/resolv.conf; done\n";

/* Wired interfaces that a real device stands behind. */
static void interfaces(struct strv *ret)
{
	struct dirent **names;
	int n = scandir("/sys/class/net", &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		AUTO_FREE char *device = xasprintf("/sys/class/net/%s/device", names[i]->d_name);
		AUTO_FREE char *wireless = xasprintf("/sys/class/net/%s/wireless", names[i]->d_name);

		if (names[i]->d_name[0] != '.' && fs_exists(device) && !fs_exists(wireless))
			strv_add(ret, names[i]->d_name);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static bool have_interface(struct session *s)
{
	CLEANUP(strv_free) struct strv l = STRV_INIT;

	(void)s;
	interfaces(&l);
	return l.n > 0;
}

static int dhcp(const char *interface, struct err *e)
{
	int r = run_quiet(10, NULL, e, "ifconfig", interface, "up", NULL);

	return r < 0 ? r : run_quiet(40, NULL, e, "udhcpc", "-i", interface, "-s", SCRIPT, "-n", "-q", "-t", "5", "-T", "3", NULL);
}

static int fixed(const struct boot_net *n, const char *interface, struct err *e)
{
	AUTO_FREE char *address = xasprintf("%s/%u", n->address, n->prefix);
	CLEANUP(str_free) struct str dns = STR_INIT;
	int r = run_quiet(10, NULL, e, "ip", "addr", "add", address, "dev", interface, NULL);

	if (r == 0)
		r = run_quiet(10, NULL, e, "ip", "link", "set", interface, "up", NULL);
	if (r == 0 && n->gateway)
		r = run_quiet(10, NULL, e, "ip", "route", "add", "default", "via", n->gateway, NULL);
	for (size_t i = 0; i < n->dns.n; i++)
		str_addf(&dns, "nameserver %s\n", n->dns.v[i]);
	if (r == 0 && dns.len)
		r = fs_write_atomic("/etc/resolv.conf", dns.s, dns.len, 0644, e);
	return r;
}

/* Names of cards change with the machine they are plugged into (T98). */
static void say_other_names(const char *wanted, const struct strv *l)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	for (size_t i = 0; i < l->n; i++)
		str_addf(&s, " %s", l->v[i]);
	say("network: ip= names '%s', but the wired cards here are:%s", wanted, str_cstr(&s));
}

static void bring_up(const struct boot_net *n)
{
	CLEANUP(strv_free) struct strv l = STRV_INIT;
	struct err e = ERR_INIT;

	interfaces(&l);
	if (n->device && !strv_has(&l, n->device))
		say_other_names(n->device, &l);
	for (size_t i = 0; i < l.n; i++) {
		if (n->device && !str_eq(n->device, l.v[i]))
			continue;
		if ((n->dhcp ? dhcp(l.v[i], &e) : fixed(n, l.v[i], &e)) == 0) {
			say("network: %s is up", l.v[i]);
			return;
		}
		say("network: %s: %s", l.v[i], e.msg);
	}
	say("no network came up, going on without");
}

void net_start(struct session *s)
{
	CLEANUP(boot_net_free) struct boot_net n = { 0 };
	struct err e = ERR_INIT;

	if (!s->args.ip || str_eq(s->args.ip, "none") || str_eq(s->args.ip, "off"))
		return;
	if (boot_net_parse(s->args.ip, &n, &e) < 0) {
		say("%s: no network", e.msg);
		return;
	}
	if (fs_write_atomic(SCRIPT, script, sizeof(script) - 1, 0755, &e) < 0)
		say("%s", e.msg);
	if (n.hostname && sethostname(n.hostname, strlen(n.hostname)) < 0)
		say("host name '%s': %s, going on", n.hostname, strerror(errno));
	if (!devices_wait(s, have_interface, "a wired network card"))
		say("no wired network card has a driver here, going on without network");
	else
		bring_up(&n);
}
