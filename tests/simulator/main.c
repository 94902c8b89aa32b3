/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "treadle/text.h"

#include "action.h"
#include "simulation.h"

/*
 * The simulator: its options, its lanes, its figures.
 */

/* --- what is said at the end ------------------------------------------------
 */

static int64_t total_of(const int64_t *figures, int count)
{
	int64_t total = 0;

	for (int i = 0; i < count; i++)
		total += figures[i];
	return total;
}

/* That all lanes and their servers have had, in seconds. */
static double processor_time(void)
{
	struct rusage all;

	getrusage(RUSAGE_CHILDREN, &all);
	return (double)(all.ru_utime.tv_sec + all.ru_stime.tv_sec) +
	       (double)(all.ru_utime.tv_usec + all.ru_stime.tv_usec) / 1e6;
}

static void print_figures(const struct options *o, const struct outcome *all,
			  double seconds)
{
	const struct figures *f = &all->figures;
	int64_t actions = total_of(f->actions, ACTIONS);

	printf("seed %" PRIu64 ", %d worlds, %" PRId64 " actions in %.1f s: "
	       "%.0f/s, in %d lanes, %.0f us of processor time each\n",
	       o->seed, all->over, actions, seconds, (double)actions / seconds,
	       o->lanes, 1e6 * processor_time() / (double)actions);
	printf("%" PRId64 " runs, %" PRId64 " workers, %" PRId64
	       " full scans, %d restarts of Redis\n\n",
	       f->runs, f->workers, f->scans, all->restarts);
	printf("%-36s %10s\n", "actions", "");
	for (int i = 0; i < ACTION_RESTART; i++)
		printf("  %-34s %10" PRId64 "\n",
		       action_text((enum action_kind)i), f->actions[i]);
	printf("%-36s %10s\n", "faults", "");
	for (int i = 1; i < FATES; i++)
		printf("  %-34s %10" PRId64 "\n", fate_text((enum fate)i),
		       f->fates[i]);
	printf("%-24s %11s %10s\n", "functions", "calls", "lost replies");
	for (int i = 0; i < CALL_COUNT; i++)
		if (f->calls[i])
			printf("  %-22s %11" PRId64 " %10" PRId64 "\n",
			       call_name((enum function)i), f->calls[i],
			       f->lost_replies[i]);
	printf("digest %016" PRIx64 "\n", all->digest);
}

/* --- options ----------------------------------------------------------------
 */

static void usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: simulator --library FILE [--seed N] [--seconds N | "
		"--worlds N | --world N]\n"
		"                 [--lanes N] [--no-shrink] [--tell]\n"
		"  --library FILE  the library, simulated (tests/simulator/"
		"simulated)\n"
		"  --seed N        equal seeds, equal worlds (now)\n"
		"  --seconds N     no new world after so many seconds (10)\n"
		"  --worlds N      so many worlds instead\n"
		"  --world N       this world alone\n"
		"  --lanes N       so many processes side by side, 8 at most "
		"(a core each)\n"
		"  --no-shrink     show a failure as it came\n"
		"  --tell          tell each action (best with --world)\n");
	exit(status);
}

static uint64_t read_number(const char *text)
{
	char *end;
	uint64_t number = strtoull(text, &end, 10);

	if (end == text || *end)
		usage(2);
	return number;
}

static const char *read_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"seed", required_argument, NULL, 's'},
		{"seconds", required_argument, NULL, 't'},
		{"worlds", required_argument, NULL, 'n'},
		{"world", required_argument, NULL, 'w'},
		{"lanes", required_argument, NULL, 'p'},
		{"library", required_argument, NULL, 'l'},
		{"no-shrink", no_argument, NULL, 'x'},
		{"tell", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0}};
	const char *library = NULL;
	int c;

	*o = (struct options){.seed = (uint64_t)time(NULL),
			      .seconds = 10,
			      .worlds = -1,
			      .world = -1,
			      .lanes = (int)sysconf(_SC_NPROCESSORS_ONLN),
			      .shrinks = true};
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o->seed = read_number(optarg);
			break;
		case 't':
			o->seconds = (double)read_number(optarg);
			break;
		case 'n':
			o->worlds = (int)read_number(optarg);
			break;
		case 'w':
			o->world = (int)read_number(optarg);
			break;
		case 'p':
			o->lanes = (int)read_number(optarg);
			break;
		case 'l':
			library = optarg;
			break;
		case 'v':
			o->tells = true;
			break;
		case 'x':
			o->shrinks = false;
			break;
		default:
			usage(c == 'h' ? 0 : 2);
		}
	}
	if (optind < argc || !library)
		usage(2);
	if (o->world >= 0 || o->tells || o->lanes < 1)
		o->lanes = 1;
	if (o->lanes > LANES_MAX)
		o->lanes = LANES_MAX;
	if (o->worlds >= 0 && o->lanes > o->worlds)
		o->lanes = o->worlds > 0 ? o->worlds : 1;
	return library;
}

static char *read_library(const char *path, size_t *len)
{
	struct buf b;
	FILE *file = fopen(path, "r");
	size_t got;
	char *room;

	buf_init(&b, 1 << 20);
	if (!file) {
		perror(path);
		exit(2);
	}
	while ((room = buf_room(&b, 65536)) &&
	       (got = fread(room, 1, 65536, file)) > 0)
		b.len += got;
	fclose(file);
	*len = b.len;
	return b.data;
}

/* --- lanes ------------------------------------------------------------------
 */

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void begin_lane(const struct options *o, int lane, struct lanes *lanes)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0) {
		perror("fork");
		exit(70);
	}
	if (pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(70);
	exit(simulation_run(o, lane, lanes));
}

/* The worst exit status of all lanes; one that dies takes the others along. */
static int await_lanes(struct lanes *lanes)
{
	int worst = 0, status;

	while (wait(&status) > 0) {
		status = WIFEXITED(status) ? WEXITSTATUS(status) : 70;
		worst = status > worst ? status : worst;
		if (status)
			lanes->is_broken = true;
	}
	return worst;
}

static void add_figures(int64_t *to, const int64_t *figures, size_t count)
{
	for (size_t i = 0; i < count; i++)
		to[i] += figures[i];
}

static struct outcome sum_up(const struct options *o, const struct lanes *lanes)
{
	struct outcome all = lanes->outcomes[0];

	for (int i = 1; i < o->lanes; i++) {
		const struct outcome *one = &lanes->outcomes[i];

		add_figures((int64_t *)&all.figures,
			    (const int64_t *)&one->figures,
			    sizeof(all.figures) / sizeof(int64_t));
		all.over += one->over;
		all.restarts += one->restarts;
		all.digest += one->digest;
	}
	return all;
}

int main(int argc, char **argv)
{
	struct options o;
	struct outcome all;
	const char *library = read_options(argc, argv, &o);
	struct lanes *lanes = mmap(NULL, sizeof(*lanes), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double begun = now_s();
	int status;

	must(lanes != MAP_FAILED);
	o.library = read_library(library, &o.library_len);
	for (int i = 0; i < o.lanes; i++)
		begin_lane(&o, i, lanes);
	status = await_lanes(lanes);
	all = sum_up(&o, lanes);
	if (status == 0)
		print_figures(&o, &all, now_s() - begun);
	free(o.library);
	return status;
}
