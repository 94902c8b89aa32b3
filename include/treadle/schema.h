/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_SCHEMA_H
#define TREADLE_SCHEMA_H

#include "treadle/base.h"
#include "treadle/value.h"

/*
 * The part of JSON Schema that describes a run's input: type, properties,
 * required, additionalProperties (a boolean), items, enum, pattern,
 * minLength, maxLength, minItems, maxItems, minimum, maximum, default,
 * description, title. Patterns are POSIX extended regular expressions.
 */

/*
 * Is it a schema? path is put before messages, places may be invalid: with
 * them an error begins with "path:line: ".
 */
int schema_check(jv schema, jv places, const char *path, struct error *err);

/*
 * Fills in the defaults of what is missing in *value (owns the old, gives the
 * new), then checks it. An error names the place: "input.pages[2].name: ...".
 */
int schema_apply(jv schema, jv *value, struct error *err);

/*
 * What the schema says of one property, for reading "-i key=value": the text
 * as it is where the type is string (or can be), else parsed as JSON. Where
 * no type is declared: JSON if it is JSON, else the text. Gives *value.
 */
int schema_read(jv schema, const char *key, struct slice text, jv *value,
		struct error *err);

#endif
