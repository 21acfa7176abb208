/*
** format.h - what the reader of the tables of Unicode, infer/unicode.c, and
** their writer, infer/tables/unicode.c, agree on; the reader says what it means.
*/

/* Those of the parts are a form, rnl_Normal. */
typedef enum Index {
  IN_NFC, IN_NFKC, IN_FOLD, PROPERTIES, COMPOSITES, STARTERS, MARKS, INDEXES
} Index;

enum {
  CODE_BITS = 21, MAX_BITS = 25,   /* of a code; of any field */
  COMMON = 4, SHORT = 2,           /* of a run of one record */
  SLIDE = 0, STEPS, STRINGS,       /* shapes of a run of entries */
  LONGEST = 7 - STRINGS,           /* parts, more are said by a number */
  GAP = 8,                         /* a bit beside the shape */
  LISTED = 8                      /* codes of a list between two rows */
};

/* Numbers of n half bytes begin with leads[n - 1] to leads[n] - 1. */
static const uint8_t leads[] = {0, 7, 11, 13, 14, 15, 16};
