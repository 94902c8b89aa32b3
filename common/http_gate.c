/* SPDX-License-Identifier: MIT */
#include "http_gate.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A little less than libcurl remembers an answer for. */
#define KNOWN_MS 50000
#define HOSTS_KEPT 256
#define WIDTH_MAX 32 /* threads that ask for one name, at the most */

struct gate_host {
	struct gate_host *next;
	size_t ahead, width;            /* how many find out, how many may */
	struct gate_pass *first, **end; /* these wait */
	uint64_t known_until;
	size_t len;
	char name[]; /* with the port, as it was written */
};

static bool is_idle(const struct gate_host *h, uint64_t now_ms)
{
	return !h->ahead && !h->first && h->known_until <= now_ms;
}

static void forget_idle(struct http_gate *g, uint64_t now_ms)
{
	struct gate_host **link = &g->hosts;

	while (*link) {
		struct gate_host *h = *link;

		if (!is_idle(h, now_ms)) {
			link = &h->next;
			continue;
		}
		*link = h->next;
		free(h);
		g->count--;
	}
}

static struct gate_host *host_new(struct http_gate *g, struct slice name)
{
	struct gate_host *h = xcalloc(1, sizeof(*h) + name.len + 1);

	h->end = &h->first;
	h->width = 1;
	h->len = name.len;
	memcpy(h->name, name.data, name.len);
	h->next = g->hosts;
	g->hosts = h;
	g->count++;
	return h;
}

/* The one asked for last is in front: most workers call few hosts. */
static struct gate_host *host_get(struct http_gate *g, struct slice name,
				  uint64_t now_ms)
{
	struct gate_host **link = &g->hosts, *h;

	for (; (h = *link); link = &h->next) {
		if (h->len != name.len ||
		    strncasecmp(h->name, name.data, name.len) != 0)
			continue;
		*link = h->next;
		h->next = g->hosts;
		g->hosts = h;
		return h;
	}
	if (g->count >= HOSTS_KEPT)
		forget_idle(g, now_ms);
	return host_new(g, name);
}

void gate_clear(struct http_gate *g)
{
	while (g->hosts) {
		struct gate_host *h = g->hosts;

		must(!h->ahead && !h->first);
		g->hosts = h->next;
		free(h);
	}
	g->count = 0;
}

bool gate_enter(struct http_gate *g, struct gate_pass *p,
		struct http_call *call, struct slice host, uint64_t now_ms)
{
	struct gate_host *h = host_get(g, host, now_ms);

	*p = (struct gate_pass){.call = call};
	if (h->known_until > now_ms)
		return true;
	p->host = h;
	if (h->ahead < h->width) {
		h->ahead++;
		return true;
	}
	p->is_waiting = true;
	*h->end = p;
	h->end = &p->next;
	return false;
}

static void stop_waiting(struct gate_host *h, struct gate_pass *p)
{
	struct gate_pass **link = &h->first;

	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	if (h->end == &p->next)
		h->end = link;
	p->is_waiting = false;
}

static bool may_go(const struct gate_host *h, uint64_t now_ms)
{
	return h->first && (h->known_until > now_ms || h->ahead < h->width);
}

bool gate_open(struct gate_pass *p, uint64_t now_ms)
{
	struct gate_host *h = p->host;

	if (!h)
		return false;
	h->known_until = now_ms + KNOWN_MS;
	h->width = 1;
	h->ahead--;
	p->host = NULL;
	return may_go(h, now_ms);
}

bool gate_leave(struct gate_pass *p, uint64_t now_ms)
{
	struct gate_host *h = p->host;

	if (!h)
		return false;
	p->host = NULL;
	if (p->is_waiting) {
		stop_waiting(h, p);
		return false;
	}
	/* It has not found out. That may take long, so more go now. */
	h->ahead--;
	h->width = h->width < WIDTH_MAX ? 2 * h->width : WIDTH_MAX;
	return may_go(h, now_ms);
}

struct http_call *gate_next(struct http_gate *g, uint64_t now_ms)
{
	struct gate_host *h = g->hosts;
	struct gate_pass *p;

	while (h && !may_go(h, now_ms))
		h = h->next;
	if (!h)
		return NULL;
	p = h->first;
	stop_waiting(h, p);
	if (h->known_until > now_ms)
		p->host = NULL;
	else
		h->ahead++;
	return p->call;
}
