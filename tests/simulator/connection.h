/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_CONNECTION_H
#define SIMULATOR_CONNECTION_H

#include <stdbool.h>
#include <sys/types.h>

#include "treadle/redis.h"

/*
 * A real Redis of our own, and the one connection to it. Commands are
 * gathered and written in one piece; replies come in their order. Trouble
 * that is not of the simulation's making ends the program.
 */
struct resp_reader;

struct connection {
	int fd;
	pid_t pid;
	char folder[64], socket[96];
	char *library; /* as it is loaded; borrowed */
	size_t library_len;
	int databases, restarts;
	struct command command; /* in the making */
	struct buf gathered;
	struct resp_reader *reader;
};

/* Starts a server in a new folder of its own and loads the library. */
void connection_open(struct connection *c, char *library, size_t len,
		     int databases);
void connection_close(struct connection *c);
/* kill -9, and again from the append-only file. */
void connection_restart(struct connection *c);

/* Begins a command: arguments are added to it before connection_send(). */
struct command *connection_begin(struct connection *c, const char *name);
void command_addf(struct command *c, const char *fmt, ...) PRINTF(2, 3);
/* Gathers what was begun; connection_flush() writes all that is gathered. */
void connection_send(struct connection *c);
/* Gathers a command whose arguments have no blanks. */
void connection_sendf(struct connection *c, const char *fmt, ...) PRINTF(2, 3);
void connection_load(struct connection *c); /* gathers FUNCTION LOAD */
void connection_flush(struct connection *c);
/* The next reply; borrowed until the one after it is asked for. */
const struct reply *connection_read(struct connection *c);
/* Says and hears one command, with nothing else on its way. */
const struct reply *connection_ask(struct connection *c, const char *fmt, ...)
	PRINTF(2, 3);

/* "" where the reply is no text. */
const char *reply_text(const struct reply *reply);
bool reply_is_error(const struct reply *reply);
/* The value of a field in [field, value...], or NULL. */
const char *reply_field(const struct reply *reply, const char *field);

#endif
