/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_CONNECTION_H
#define SIMULATOR_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <hiredis/hiredis.h>
#pragma GCC diagnostic pop

#include "treadle/text.h"

/*
 * A real Redis of our own, and the one connection to it. Commands are
 * gathered and written in one piece; replies come in their order. Trouble
 * that is not of the simulation's making ends the program.
 */
#define COMMAND_ARGUMENTS 96
#define COMMAND_BYTES 8192

/* One command in the making. */
struct command {
	const char *arguments[COMMAND_ARGUMENTS];
	size_t lengths[COMMAND_ARGUMENTS];
	char bytes[COMMAND_BYTES];
	size_t used;
	int count;
};

struct connection {
	redisContext *redis;
	pid_t pid;
	char folder[64], socket[96];
	char *library; /* as it is loaded; borrowed */
	size_t library_len;
	int databases, restarts;
};

void command_begin(struct command *c, const char *name);
void command_add(struct command *c, const char *text);
void command_addf(struct command *c, const char *fmt, ...) PRINTF(2, 3);
/* The bytes are borrowed until the command is sent. */
void command_bytes(struct command *c, const char *bytes, size_t len);

/* Starts a server in a new folder of its own and loads the library. */
void connection_open(struct connection *c, char *library, size_t len,
		     int databases);
void connection_close(struct connection *c);
/* kill -9, and again from the append-only file. */
void connection_restart(struct connection *c);

/* Gathers; connection_flush() writes all that is gathered. */
void connection_send(struct connection *c, const struct command *command);
void connection_sendf(struct connection *c, const char *fmt, ...) PRINTF(2, 3);
/* A command whose arguments have no blanks. */
void connection_say(struct connection *c, const char *command);
void connection_flush(struct connection *c);
/* The next reply; freeReplyObject() frees it. */
redisReply *connection_read(struct connection *c);
/* Says and hears one command, with nothing else on its way. */
redisReply *connection_ask(struct connection *c, const char *fmt, ...)
	PRINTF(2, 3);
void connection_load(struct connection *c); /* gathers FUNCTION LOAD */

/* "" where the reply is no text. */
const char *reply_text(const redisReply *reply);
bool reply_is_error(const redisReply *reply);
/* The value of a field in [field, value...], or NULL. */
const char *reply_field(const redisReply *reply, const char *field);

#endif
