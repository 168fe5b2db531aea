/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ip=dhcp | ip=DEVICE:dhcp | ip=ADDRESS:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:METHOD:DNS:DNS (Documentation/admin-guide/nfs/nfsroot.rst) */
#include <arpa/inet.h>

#include "boot_args.h"

enum { ADDRESS, SERVER, GATEWAY, NETMASK, HOSTNAME, DEVICE, METHOD, DNS0, DNS1, FIELDS };

static bool is_dhcp(const char *s)
{
	return str_eq(s, "dhcp") || str_eq(s, "on") || str_eq(s, "any") || str_eq(s, "both");
}

static bool is_address(const char *s)
{
	struct in_addr a;

	return inet_pton(AF_INET, s, &a) == 1;
}

static bool device_ok(const char *s)
{
	return *s && strlen(s) < 16 && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(s) && *s != '-' &&
	       !str_eq(s, ".") && !str_eq(s, "..");
}

/* "255.255.255.0" or "24" */
static int prefix_of(const char *mask, unsigned int *ret)
{
	struct in_addr a;
	uint64_t n;
	uint32_t bits;

	if (str_to_u64(mask, &n) == 0 && n <= 32) {
		*ret = (unsigned int)n;
		return 0;
	}
	if (inet_pton(AF_INET, mask, &a) != 1)
		return -EINVAL;
	bits = ntohl(a.s_addr);
	if (~bits & (~bits + 1))
		return -EINVAL;
	*ret = (unsigned int)__builtin_popcount(bits);
	return 0;
}

static size_t split(char *text, char *field[FIELDS])
{
	size_t n = 0;

	for (size_t i = 0; i < FIELDS; i++)
		field[i] = text + strlen(text);
	for (char *p = text; p && n <= FIELDS; n++) {
		char *colon = strchr(p, ':');

		if (n == FIELDS)
			return FIELDS + 1;
		if (colon)
			*colon++ = 0;
		field[n] = p;
		p = colon;
	}
	return n;
}

static char *or_null(const char *s)
{
	return *s ? xstrdup(s) : NULL;
}

static int fixed(char *f[FIELDS], const char *ip, struct boot_net *n, struct err *e)
{
	if (!is_address(f[ADDRESS]) || (*f[GATEWAY] && !is_address(f[GATEWAY])) || prefix_of(f[NETMASK], &n->prefix) < 0)
		return err_set(e, -EINVAL, "ip=%s: address, gateway or netmask is not one (IPv4: ADDRESS::GATEWAY:NETMASK:HOSTNAME:DEVICE)", ip);
	n->address = xstrdup(f[ADDRESS]);
	n->gateway = or_null(f[GATEWAY]);
	for (int i = DNS0; i <= DNS1; i++)
		if (is_address(f[i]))
			strv_add(&n->dns, f[i]);
	return 0;
}

int boot_net_parse(const char *ip, struct boot_net *ret, struct err *e)
{
	AUTO_FREE char *copy = xstrdup(ip);
	char *f[FIELDS];
	size_t n;
	int r = 0;

	*ret = (struct boot_net){ 0 };
	if (is_dhcp(ip)) {
		ret->dhcp = true;
		return 0;
	}
	n = split(copy, f);
	if (n == 2 && is_dhcp(f[1]) && device_ok(f[0])) {
		ret->dhcp = true;
		ret->device = xstrdup(f[0]);
		return 0;
	}
	if (n < 4 || n > FIELDS || (*f[DEVICE] && !device_ok(f[DEVICE])))
		return err_set(e, -EINVAL, "ip=%s: expected dhcp, DEVICE:dhcp or ADDRESS::GATEWAY:NETMASK:HOSTNAME:DEVICE", ip);
	ret->dhcp = is_dhcp(f[METHOD]) && !*f[ADDRESS];
	ret->device = or_null(f[DEVICE]);
	ret->hostname = or_null(f[HOSTNAME]);
	if (!ret->dhcp)
		r = fixed(f, ip, ret, e);
	if (r < 0)
		boot_net_free(ret);
	return r;
}

void boot_net_free(struct boot_net *n)
{
	free(n->device);
	free(n->address);
	free(n->gateway);
	free(n->hostname);
	strv_free(&n->dns);
	*n = (struct boot_net){ 0 };
}
