/* SPDX-License-Identifier: MIT */
#include "warden.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "spawn.h"
#include "treadle/clock.h"
#include "treadle/log.h"

/* Row 0 is not used: 0 ends the list of free rows. */
#define ROWS 16384
#define TABLE_SIZE (ROWS * sizeof(int32_t))
#define TABLE_FD 3
#define RETRY_MS 1000 /* doubled each time */
#define RETRY_MAX_MS 60000

struct warden {
	volatile int32_t *rows; /* or NULL */
	int32_t free, unused;   /* first free row; first that never was used */
	int table, pipe;        /* the pipe's end tells that we are gone */
	pid_t pid;              /* or 0 */
	int64_t begun_at, retry_at, retry_ms;
	bool is_told; /* in the log, that it is absent */
};

struct warden *warden_new(void)
{
	struct warden *w = xcalloc(1, sizeof(*w));

	w->unused = 1;
	w->table = w->pipe = -1;
	return w;
}

/* --- its process -------------------------------------------------------- */

/* One that did its work for a while is no reason to wait long. */
static void back_off(struct warden *w)
{
	int64_t now = clock_monotonic_ms();

	if (!w->retry_ms || now - w->begun_at > RETRY_MAX_MS)
		w->retry_ms = RETRY_MS;
	else if (w->retry_ms < RETRY_MAX_MS)
		w->retry_ms *= 2;
	w->retry_at = now + w->retry_ms;
}

static int open_table(struct warden *w, struct error *err)
{
	void *rows = MAP_FAILED;

	w->table = memfd_create("treadle-children", MFD_CLOEXEC);
	if (w->table >= 0 && ftruncate(w->table, TABLE_SIZE) == 0)
		rows = mmap(NULL, TABLE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED, w->table, 0);
	if (rows != MAP_FAILED) {
		w->rows = rows;
		return 0;
	}
	error_set(err, ERR_UNAVAILABLE, "no shared memory: %s",
		  strerror(errno));
	if (w->table >= 0)
		close(w->table);
	w->table = -1;
	return -1;
}

static int begin(struct warden *w, int end, struct error *err)
{
	const char *argv[] = {"treadle-worker", "--warden", NULL};
	const char *env[] = {NULL};
	struct spawn s = {.program = "/proc/self/exe",
			  .argv = argv,
			  .env = env,
			  .path = "",
			  .fds = {end, -1, STDERR_FILENO, w->table},
			  .outlives_us = true};

	if (spawn(&s, &w->pid, err) == 0)
		return 0;
	w->pid = 0;
	return -1;
}

/* The table first: rows are noted also while there is no process. */
static int try_all(struct warden *w, struct error *err)
{
	int ends[2], rc;

	if (!w->rows && open_table(w, err) < 0)
		return -1;
	if (w->pipe >= 0)
		close(w->pipe);
	w->pipe = -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, ERR_UNAVAILABLE, "no pipe: %s",
				 strerror(errno));
	w->pipe = ends[1];
	rc = begin(w, ends[0], err);
	close(ends[0]);
	return rc;
}

int64_t warden_keep(struct warden *w)
{
	int64_t now = clock_monotonic_ms();
	struct error err;

	if (w->pid)
		return 0;
	if (now < w->retry_at)
		return w->retry_at - now;
	if (try_all(w, &err) == 0) {
		w->begun_at = now;
		w->is_told = false;
		return 0;
	}
	if (!w->is_told)
		log_warn("warden absent", NULL,
			 "%s; were this worker killed, what its steps have "
			 "started might go on; tried again",
			 err.text);
	w->is_told = true;
	back_off(w);
	return w->retry_ms;
}

bool warden_reaped(struct warden *w, pid_t pid)
{
	if (pid != w->pid)
		return false;
	w->pid = 0;
	back_off(w);
	return true;
}

/* --- its table ---------------------------------------------------------- */

volatile int32_t *warden_take(struct warden *w)
{
	int32_t row = w->free;

	if (!w->rows)
		return NULL;
	if (row) {
		w->free = -w->rows[row];
		w->rows[row] = 0;
		return &w->rows[row];
	}
	return w->unused < ROWS ? &w->rows[w->unused++] : NULL;
}

void warden_give(struct warden *w, volatile int32_t *row)
{
	if (!row)
		return;
	*row = -w->free;
	w->free = (int32_t)(row - w->rows);
}

void warden_free(struct warden *w)
{
	if (w->pipe >= 0)
		close(w->pipe);
	if (w->rows)
		munmap((void *)(uintptr_t)w->rows, TABLE_SIZE);
	if (w->table >= 0)
		close(w->table);
	free(w);
}

int warden_main(void)
{
	const int32_t *rows;
	ssize_t got;
	char byte;

	/* Whoever stops the worker by its group or name does not mean us. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	rows = mmap(NULL, TABLE_SIZE, PROT_READ, MAP_SHARED, TABLE_FD, 0);
	if (rows == MAP_FAILED)
		return 71;
	do
		got = read(STDIN_FILENO, &byte, 1);
	while (got > 0 || (got < 0 && errno == EINTR));
	for (int i = 1; i < ROWS; i++)
		if (rows[i] > 1)
			kill(-rows[i], SIGKILL);
	return 0;
}
