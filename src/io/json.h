/*
** json.h - JSON (RFC 8259) as it stands: a text is checked once, strictly; then
** a value is the place in it where the value begins, and takes no memory. Texts
** are untrusted.
*/
#ifndef RNLI_JSON_H
#define RNLI_JSON_H

#include "core/core.h"
#include "io/io.h"

enum { RNLI_JSON_DEPTH = 64 };   /* objects and lists in each other, at most */

typedef enum rnli_JsonKind {
  RNLI_NONE, RNLI_NULL, RNLI_BOOL, RNLI_NUMBER, RNLI_STRING, RNLI_LIST,
  RNLI_OBJECT
} rnli_JsonKind;

/* A value of a text that has been read; NULL: there is none. */
typedef struct rnli_Json rnli_Json;

/*
** Checks the text 's' of 'n' bytes, behind which is a NUL, and of at most
** 'most' values: '*root' is its value, as long as the text stays. Refused are a
** key given twice, half a surrogate pair, "\u0000" and a number too large for a
** double. RNL_ENOMEM, or RNL_EFORMAT with "what: reason at byte N", counted
** from 0. Memory: while an object of more than 32 members is read 4 bytes for
** each of them, and a quarter of that. Time: linear, but for sorting keys.
*/
int rnli_json_read (rnl_Context *ctx, const char *what, const char *s,
                    size_t n, size_t most, const rnli_Json **root);

/* What a value is. RNLI_NONE: there is none. */
rnli_JsonKind rnli_json_kind (const rnli_Json *v);

/*
** The members of a list or an object, in their order; NULL: there is none, or
** 'v' is something else. A member of an object is its key, a string, behind
** which is its value; the next one is behind both.
*/
const rnli_Json *rnli_json_first (const rnli_Json *v);
const rnli_Json *rnli_json_next (const rnli_Json *member);
const rnli_Json *rnli_json_value (const rnli_Json *key);

/* How many members there are. Takes the time to pass over them. */
size_t rnli_json_count (const rnli_Json *v);

/* The value of a key; NULL: there is none. Looks at one after the other. */
const rnli_Json *rnli_json_get (const rnli_Json *v, const char *key);

/* Is it that string? */
int rnli_json_is (const rnli_Json *v, const char *s);

/*
** Writes a string to 'to', of 'room' > 0 bytes, ended by a NUL; what has no
** room is left out. 'to' may be the value itself, which then is none any more,
** and needs no more room. Returns the bytes of the whole string.
*/
size_t rnli_json_text (const rnli_Json *v, char *to, size_t room);

/* A string fit for a message. */
rnli_Brief rnli_json_brief (const rnli_Json *v);

/*
** Is it an integer from 'least' to 'most', written without fraction, exponent
** and "-0"? Then it goes to '*out'.
*/
int rnli_json_int (const rnli_Json *v, int64_t least, int64_t most,
                   int64_t *out);

/* The double nearest to a number; NaN: it is none. */
double rnli_json_number (const rnli_Json *v);

/*
** The double nearest to the number that the 'n' bytes at 's' are, written as in
** JSON; an infinite one when it is too large.
*/
double rnli_decimal (const char *s, size_t n);

/*
** Sorts n numbers: 'order' tells, as strcmp does, how two stand to each other,
** and gets 'of'. In place, and in the same time for any numbers.
*/
void rnli_sort (uint32_t *x, size_t n,
                int (*order) (const void *of, uint32_t a, uint32_t b),
                const void *of);

#endif
