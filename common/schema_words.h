/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_SCHEMA_WORDS_H
#define TREADLE_SCHEMA_WORDS_H

#include "treadle/base.h"
#include "treadle/value.h"

/* What schema.c and schema_check.c share: the types of JSON Schema. */
enum schema_type {
	SCHEMA_NULL,
	SCHEMA_BOOLEAN,
	SCHEMA_INTEGER,
	SCHEMA_NUMBER,
	SCHEMA_STRING,
	SCHEMA_ARRAY,
	SCHEMA_OBJECT,
	SCHEMA_TYPE_COUNT
};

extern const char *const schema_types[SCHEMA_TYPE_COUNT];

/* The type called so, or -1. */
int schema_type_find(jv name);

/* Bit per type that the keyword "type" allows; all where there is none. */
unsigned schema_types_allowed(jv schema);

/* As schema_apply(), of a value that is called `at` in messages. */
int schema_apply_at(jv schema, jv *value, const char *at, struct error *err);

#endif
