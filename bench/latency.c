/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/clock.h"
#include "treadle/log.h"
#include "treadle/store.h"
#include "treadle/workflow.h"

/*
 * Dispatch latency on an idle system: from the moment a run is submitted to
 * the moment its handler starts.
 *
 * usage: latency SAMPLES
 *
 * The handler is an HTTP server of this very process, so that both moments
 * are taken from one clock. One run at a time: the next is submitted when the
 * server has seen the one before. Needs a worker. Prints one line of JSON.
 */
#define PAUSE_MS 2 /* between runs, so that all is idle again */

struct bench {
	uv_loop_t loop;
	uv_tcp_t server;
	uv_timer_t pause;
	struct store *store;
	struct workflow *workflow;
	int64_t samples, seen;
	int64_t submitted_us;
	int64_t *took_us;
};

static struct bench bench;

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void finish(void)
{
	int64_t *t = bench.took_us;
	int64_t n = bench.samples;

	qsort(t, (size_t)n, sizeof(*t), compare);
	printf("{\"name\":\"dispatch\",\"samples\":%lld,\"p50_us\":%lld,"
	       "\"p90_us\":%lld,\"p99_us\":%lld}\n",
	       (long long)n, (long long)t[n / 2], (long long)t[n * 9 / 10],
	       (long long)t[n * 99 / 100]);
	exit(0);
}

static void on_submitted(void *arg, const struct submitted *answers,
			 size_t count, const struct redis_failure *failure)
{
	(void)arg;
	if (!failure && count == 1 && answers[0].code == SUBMIT_CREATED)
		return;
	fprintf(stderr, "latency: submit: %s\n",
		failure ? failure->error.text : "unexpected answer");
	exit(1);
}

static void submit(uv_timer_t *timer)
{
	char id[RUN_ID_LEN + 1];
	struct submission sub = {.run = id,
				 .digest = bench.workflow->digest,
				 .input = SLICE(""),
				 .key = ""};

	(void)timer;
	run_id_new(0, id);
	bench.submitted_us = clock_monotonic_us();
	store_submit(bench.store, &sub, 1, -1, on_submitted, NULL);
}

/* --- the handler -----------------------------------------------------------
 */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	static char bytes[65536];

	(void)handle;
	(void)size;
	*buf = uv_buf_init(bytes, sizeof(bytes));
}

static void on_close(uv_handle_t *handle)
{
	free(handle);
}

/* One request in one read is all that our own worker sends. */
static void on_request(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	static char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
			       "Content-Length: 2\r\n\r\nok";
	uv_buf_t out = uv_buf_init(answer, sizeof(answer) - 1);

	(void)buf;
	if (len < 0) {
		uv_close((uv_handle_t *)stream, on_close);
		return;
	}
	bench.took_us[bench.seen++] = clock_monotonic_us() - bench.submitted_us;
	uv_try_write(stream, &out, 1);
	if (bench.seen == bench.samples)
		finish();
	uv_timer_start(&bench.pause, submit, PAUSE_MS, 0);
}

static void on_connection(uv_stream_t *server, int status)
{
	uv_tcp_t *client = xcalloc(1, sizeof(*client));

	must(status == 0);
	uv_tcp_init(server->loop, client);
	must(uv_accept(server, (uv_stream_t *)client) == 0);
	uv_tcp_nodelay(client, 1);
	uv_read_start((uv_stream_t *)client, on_alloc, on_request);
}

static int listen_somewhere(void)
{
	struct sockaddr_in address;
	int len = sizeof(address);

	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_tcp_init(&bench.loop, &bench.server);
	must(uv_tcp_bind(&bench.server, (struct sockaddr *)&address, 0) == 0);
	must(uv_listen((uv_stream_t *)&bench.server, 16, on_connection) == 0);
	uv_tcp_getsockname(&bench.server, (struct sockaddr *)&address, &len);
	return ntohs(address.sin_port);
}

/* --- beginning -------------------------------------------------------------
 */

static void on_defined(void *arg, const struct redis_failure *failure)
{
	(void)arg;
	if (failure) {
		fprintf(stderr, "latency: %s\n", failure->error.text);
		exit(1);
	}
	submit(NULL);
}

static void on_open(void *arg, const struct error *err)
{
	(void)arg;
	if (err) {
		fprintf(stderr, "latency: %s\n", err->text);
		exit(1);
	}
	store_define(bench.store, bench.workflow, -1, on_defined, NULL);
}

int main(int argc, char **argv)
{
	struct config *config;
	struct error err;
	char yaml[256];

	argc--;
	argv++;
	if (config_load(CONFIG_PRODUCER, &argc, argv, &config, &err) < 0) {
		fprintf(stderr, "latency: %s\n", err.text);
		return 2;
	}
	if (argc != 1 ||
	    slice_int(slice_of(argv[0]), 1, 1000000, &bench.samples)) {
		fprintf(stderr, "usage: latency SAMPLES\n");
		return 2;
	}
	log_start("latency", LOG_WARN, false);
	uv_loop_init(&bench.loop);
	uv_timer_init(&bench.loop, &bench.pause);
	bench.took_us = xcalloc((size_t)bench.samples, sizeof(int64_t));
	snprintf(yaml, sizeof(yaml),
		 "name: latency\nsteps:\n  call:\n    http: {url: "
		 "\"http://127.0.0.1:%d/\"}\n",
		 listen_somewhere());
	if (workflow_parse(slice_of(yaml), "latency", &bench.workflow, &err)) {
		fprintf(stderr, "latency: %s\n", err.text);
		return 1;
	}
	bench.store = store_start(&bench.loop, config, "latency", 10000,
				  on_open, NULL);
	uv_run(&bench.loop, UV_RUN_DEFAULT);
	return 1;
}
