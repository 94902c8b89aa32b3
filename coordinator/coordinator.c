/* SPDX-License-Identifier: MIT */
#include "coordinator.h"

#include <string.h>

/*
 * Stopping goes backwards: the duties let go of their leads; when that was
 * said, the store stops, which answers whatever was still asked; then nobody
 * waits for an answer any more and the HTTP server ends.
 */
static void on_store_stopped(void *arg)
{
	struct coordinator *c = arg;

	c->store = NULL;
	routes_clear(&c->routes);
	if (c->http)
		http_stop(c->http);
	c->http = NULL;
}

void coordinator_goodbye_wait(struct coordinator *c)
{
	c->goodbyes++;
}

void coordinator_goodbye_done(struct coordinator *c)
{
	must(c->goodbyes > 0 && c->is_stopping);
	if (--c->goodbyes == 0)
		store_stop(c->store, on_store_stopped, c);
}

static void on_timers_stopped(void *arg)
{
	coordinator_goodbye_done(arg);
}

void coordinator_stop(struct coordinator *c)
{
	if (c->is_stopping)
		return;
	c->is_stopping = true;
	coordinator_goodbye_wait(c);
	coordinator_goodbye_wait(c);
	timers_stop(&c->timers, on_timers_stopped, c);
	reclaim_stop(&c->reclaim);
	janitor_stop(&c->janitor);
	coordinator_goodbye_done(c);
}

/* Another one of the newer version has its duties from now on. */
static void on_outdated(void *arg, const struct error *err)
{
	struct coordinator *c = arg;

	if (c->is_stopping)
		return;
	log_error("coordinator outdated", NULL, "%s; it stops", err->text);
	c->exit_code = error_exit_code(err->kind);
	coordinator_stop(c);
}

static void on_open(void *arg, const struct error *err)
{
	struct coordinator *c = arg;

	if (c->is_stopping)
		return;
	if (err) {
		log_error("coordinator refused", NULL, "%s", err->text);
		c->exit_code = error_exit_code(err->kind);
		coordinator_stop(c);
		return;
	}
	log_info("coordinator ready", NULL, "as %s on %s", c->id,
		 store_keys(c->store));
	timers_open(&c->timers);
	duty_poke(&c->reclaim.duty);
	duty_poke(&c->janitor.duty);
}

int coordinator_start(struct coordinator *c, uv_loop_t *loop,
		      const struct config *config, struct error *err)
{
	memset(c, 0, sizeof(*c));
	c->loop = loop;
	c->config = config;
	c->patience_ms = config->redis.timeout;
	c->rewrite.coordinator = c;
	worker_id_new(c->id);
	if (*config->coordinator.listen &&
	    http_start(loop, config->coordinator.listen, routes_answer, c,
		       &c->http, err))
		return -1;
	timers_start(&c->timers, c);
	reclaim_start(&c->reclaim, c);
	janitor_start(&c->janitor, c);
	c->store = store_start(loop, config, "treadle-coordinator", -1, on_open,
			       c);
	store_on_outdated(c->store, on_outdated, c);
	routes_init(&c->routes, c->store);
	if (c->http)
		log_info("coordinator listening", NULL, "%s",
			 http_url(c->http));
	return 0;
}
