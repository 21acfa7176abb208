/*
** format.h - what the reader of the tables of Unicode, infer/unicode.c, and
** their writer, infer/tables/unicode.c, agree on; the reader says what they
** mean. It has no guard, so that its names are those of who includes it.
*/

/* The first three are forms, as rnl_Normal. */
typedef enum Index {
  IN_NFC, IN_NFKC, IN_FOLD, PROPERTIES, COMPOSITES, STARTERS, MARKS, INDEXES
} Index;

enum {
  CODE_BITS = 21,                  /* of a code and one more */
  MAX_BITS = 25,                   /* of a field: it is in four bytes */
  COMMON = 4, SHORT = 2,           /* of a run of one record */
  SLIDE = 0, STEPS, STRINGS,       /* shapes of a run of parts */
  LONGEST = 7 - STRINGS,           /* string that has a shape of its own */
  GAP = 8,                         /* a bit beside the shape */
  LISTED = 8                       /* codes of a list in a row */
};

/* A number of n half bytes begins with one of leads[n - 1] to leads[n] - 1. */
static const uint8_t leads[] = {0, 8, 12, 13, 14, 15, 16};
