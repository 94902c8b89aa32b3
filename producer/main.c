/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "treadle/log.h"
#include "call.h"
#include "child.h"
#include "help.h"

/*
 * treadle: the command line.
 *
 * Finds the verb, reads options and flags, runs it, and turns what it returns
 * into an exit code and, for an error, exactly one line on standard error.
 */
static const struct verb *const verbs[] = {
#define GROUP(title)
#define VERB(name) &verb_##name,
#include "verbs.def"
#undef GROUP
#undef VERB
};

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < countof(verbs); i++) {
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	}
	return NULL;
}

const char *verb_nearest(const char *wrong)
{
	const char *names[countof(verbs)];

	for (size_t i = 0; i < countof(verbs); i++)
		names[i] = verbs[i]->name;
	return text_nearest(wrong, names, countof(names));
}

static int complain(const struct error *err)
{
	struct output talk;
	struct buf line;

	output_init(&talk, stderr);
	fflush(stdout);
	buf_init(&line, 4 * sizeof(err->text));
	buf_adds(&line, "treadle: ");
	output_escape(&line, slice_of(err->text));
	buf_addc(&line, '\n');
	output_write(&talk, buf_slice(&line));
	buf_clear(&line);
	return error_exit_code(err->kind);
}

/*
 * Takes "--" and what follows off argv: it is for the verb alone, and may
 * look like our own options.
 */
static char **split_tail(int *argc, char **argv)
{
	for (int i = 0; i < *argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			argv[i] = NULL;
			*argc = i;
			return &argv[i + 1];
		}
	}
	return NULL;
}

/* Takes the verb, the first word that isn't a flag, out of argv. */
static int take_verb(int *argc, char **argv, const struct verb **verb,
		     struct error *err)
{
	int at = 0;

	while (at < *argc && argv[at][0] == '-')
		at++;
	if (at == *argc)
		return error_set(err, ERR_USAGE,
				 "what shall be done? (see: treadle help)");
	*verb = verb_find(argv[at]);
	if (!*verb) {
		const char *nearest = verb_nearest(argv[at]);
		return error_set(err, ERR_USAGE,
				 "there is no verb %.64s%s%s (see: treadle "
				 "help)",
				 argv[at], nearest ? "; did you mean " : "",
				 nearest ? nearest : "");
	}
	for (; at < *argc; at++)
		argv[at] = argv[at + 1];
	*argc -= 1;
	return 0;
}

static bool is_one_of(const char *word, const char *a, const char *b)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

/* Help and version need no configuration, not even a valid one. */
static bool answer_early(int argc, char **argv)
{
	struct output out;
	bool is_help = argc == 0;
	const struct verb *verb = NULL;

	output_init(&out, stdout);
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		is_help = is_help || is_one_of(argv[i], "--help", "-h");
		if (argv[i][0] != '-' && !verb)
			verb = verb_find(argv[i]);
	}
	if (argc > 0 && is_one_of(argv[0], "--version", "-V")) {
		puts("treadle " TREADLE_VERSION);
		return true;
	}
	if (is_help && verb)
		help_verb(&out, verb);
	else if (is_help)
		help_overview(&out);
	return is_help;
}

/* What we start reads the same file as we do. */
static void share_config_file(char **argv)
{
	for (; *argv; argv++) {
		if (strcmp(*argv, "--config") == 0 && argv[1])
			setenv("TREADLE_CONFIG", argv[1], 1);
		else if (strncmp(*argv, "--config=", 9) == 0)
			setenv("TREADLE_CONFIG", *argv + 9, 1);
	}
}

static int run_verb(int argc, char **argv, char **tail, struct error *err)
{
	struct config *config;
	struct call call = {.args = NULL};
	int rc = -1;

	share_config_file(argv);
	if (config_load(CONFIG_PRODUCER, &argc, argv, &config, err) != 0)
		return -1;
	argv[argc] = NULL;
	/* A verb says itself what happened; only what helps to debug is logged.
	 */
	log_start("treadle",
		  strcmp(config->log.level, "debug") == 0 ? LOG_DEBUG
							  : LOG_ERROR,
		  strcmp(config->log.format, "json") == 0);

	call.config = config;
	const struct verb *verb;
	if (take_verb(&argc, argv, &verb, err) == 0 &&
	    call_init(&call, verb, argv, tail, err) == 0)
		rc = verb->run(&call, err);
	call_clear(&call);
	config_free(config);
	log_flush();
	return rc;
}

/*
 * Output that could not be written must not look like success, unless it was
 * the reader who had enough, as `head` has.
 */
static int finish_output(int rc)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
	struct error err;

	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return rc;
	if (errno == EPIPE || (poll(&out, 1, 0) == 1 && out.revents & POLLERR))
		return rc;
	error_set(&err, ERR_SYSTEM, "cannot write to standard output%s%s",
		  errno ? ": " : "", errno ? strerror(errno) : "");
	return complain(&err);
}

int main(int argc, char **argv)
{
	struct error err = {0};

	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && strcmp(argv[1], CHILD_VERB) == 0)
		return child_become(argv + 2);
	argc--;
	argv++;
	if (answer_early(argc, argv))
		return finish_output(argc == 0 ? error_exit_code(ERR_USAGE)
					       : 0);

	char **tail = split_tail(&argc, argv);
	int rc = run_verb(argc, argv, tail, &err);
	if (rc < 0)
		rc = complain(&err);
	else if (rc == CALL_EXPLAINED)
		rc = 0;
	return finish_output(rc);
}
