/* SPDX-License-Identifier: MIT */
#include "warden.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "spawn.h"
#include "treadle/log.h"

/* Row 0 is not used: 0 ends the list of free rows. */
#define ROWS 16384
#define TABLE_SIZE (ROWS * sizeof(int32_t))
#define TABLE_FD 3

struct warden {
	volatile int32_t *rows;
	int32_t free, unused; /* first free row; first that never was used */
	int table, pipe;      /* the pipe's end tells that we are gone */
	pid_t pid;            /* or 0 */
};

struct warden *warden_new(void)
{
	struct warden *w = xcalloc(1, sizeof(*w));
	void *rows = MAP_FAILED;

	w->unused = 1;
	w->pipe = -1;
	w->table = memfd_create("treadle-children", MFD_CLOEXEC);
	if (w->table >= 0 && ftruncate(w->table, TABLE_SIZE) == 0)
		rows = mmap(NULL, TABLE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED, w->table, 0);
	if (rows != MAP_FAILED)
		w->rows = rows;
	else
		log_warn("warden absent", NULL,
			 "no shared memory; were this worker killed, what its "
			 "steps have started might go on");
	return w;
}

static void begin(struct warden *w, int end)
{
	const char *argv[] = {"treadle-worker", "--warden", NULL};
	const char *env[] = {NULL};
	struct spawn s = {.program = "/proc/self/exe",
			  .argv = argv,
			  .env = env,
			  .path = "",
			  .fds = {end, -1, STDERR_FILENO, w->table},
			  .outlives_us = true};
	struct error err;

	if (spawn(&s, &w->pid, &err) == 0)
		return;
	w->pid = 0;
	log_warn("warden absent", NULL, "%s", err.text);
}

void warden_keep(struct warden *w)
{
	int ends[2];

	if (w->pid || !w->rows)
		return;
	if (w->pipe >= 0)
		close(w->pipe);
	w->pipe = -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	w->pipe = ends[1];
	begin(w, ends[0]);
	close(ends[0]);
}

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

bool warden_reaped(struct warden *w, pid_t pid)
{
	if (pid != w->pid)
		return false;
	w->pid = 0;
	return true;
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
