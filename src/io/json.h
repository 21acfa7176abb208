/*
** json.h - JSON (RFC 8259) as a tree: strictly, in memory that is bounded by
** the text's. Texts are untrusted.
*/
#ifndef RNLI_JSON_H
#define RNLI_JSON_H

#include "core/core.h"

enum { RNLI_JSON_DEPTH = 64 };   /* objects and lists in each other, at most */

typedef enum rnli_JsonKind {
  RNLI_NULL, RNLI_BOOL, RNLI_INT, RNLI_DOUBLE, RNLI_STRING, RNLI_LIST,
  RNLI_OBJECT
} rnli_JsonKind;

typedef struct rnli_Json rnli_Json;

struct rnli_Json {
  rnli_JsonKind kind;
  uint32_t n;                  /* bytes of a string; members of the others */
  const char *key;             /* of an object's member, else NULL */
  const rnli_Json *next;       /* the member behind this one, or NULL */
  union {
    int64_t i;                 /* RNLI_INT; RNLI_BOOL: 0 or 1 */
    double x;                  /* RNLI_DOUBLE */
    const char *s;             /* RNLI_STRING; it ends in a NUL, as keys do */
    const rnli_Json *first;    /* member of a list or object, or NULL */
  };
};

/*
** Reads the 'n' bytes at 's', of at most 'most' values, into one block: at
** '*root' is the tree, which rnli_put frees. A value takes 32 bytes, of which
** there are as many as commas and braces; a string or key, what it has in the
** text. Refused are a key given twice, half a surrogate pair, "\u0000" and a
** number too large for a double. A number without fraction and exponent is
** RNLI_INT where it fits (-0 does not), any other the double nearest to it.
** RNL_ENOMEM, or RNL_EFORMAT with "what: reason at byte N", counted from 0.
*/
int rnli_json_read (rnl_Context *ctx, const char *what, const char *s,
                    size_t n, size_t most, rnli_Json **root);

/*
** The double nearest to the number that the 'n' bytes at 's' are, written as in
** JSON; an infinite one when it is too large.
*/
double rnli_decimal (const char *s, size_t n);

/* What RNLI_INT or RNLI_DOUBLE is. */
static inline double rnli_json_number (const rnli_Json *v) {
  return v->kind == RNLI_INT ? (double)v->i : v->x;
}

/* The member of an object; NULL: there is none, 'v' is no object or NULL. */
const rnli_Json *rnli_json_get (const rnli_Json *v, const char *key);

#endif
