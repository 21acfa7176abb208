/*
** unicode.h - what is known of each code point: the tables behind classes,
** clusters and normal forms. Two files have them, a program has one of these:
** text/unicode.c asks utf8proc; infer/unicode.c has tables that were made from
** what the other one says, for programs without utf8proc. Hangul syllables are
** not among them: they are composed by arithmetic.
*/
#ifndef RNLI_UNICODE_H
#define RNLI_UNICODE_H

#include "text/text.h"

enum { RNLI_MAX_PARTS = 64 };  /* of a code point; 18 is the most known */

/* General categories. */
typedef enum rnli_CodeKind {
  RNLI_KIND_SHOWN,             /* punctuation, symbols, spaces */
  RNLI_KIND_HIDDEN,            /* C*, Zl, Zp: controls, unassigned, ... */
  RNLI_KIND_LETTER,
  RNLI_KIND_NUMBER,
  RNLI_KIND_MARK
} rnli_CodeKind;

/* Grapheme_Cluster_Break (UAX #29); PICTURE is Extended_Pictographic. */
typedef enum rnli_Break {
  RNLI_BREAK_OTHER, RNLI_BREAK_CR, RNLI_BREAK_LF, RNLI_BREAK_CONTROL,
  RNLI_BREAK_EXTEND, RNLI_BREAK_ZWJ, RNLI_BREAK_SPACING, RNLI_BREAK_PREPEND,
  RNLI_BREAK_L, RNLI_BREAK_V, RNLI_BREAK_T, RNLI_BREAK_LV, RNLI_BREAK_LVT,
  RNLI_BREAK_REGIONAL, RNLI_BREAK_PICTURE
} rnli_Break;

/* Of a code, 0..RNLI_MAX_CODE. */
rnli_CodeKind rnli_code_kind (int32_t code);
rnli_Break rnli_code_break (int32_t code);

/* Canonical_Combining_Class, 0..254; 0: it is a starter. */
int rnli_code_order (int32_t code);

/*
** What it is taken apart into for a normal form, as far as that goes, and how
** many these are; itself if it is not.
*/
int rnli_code_parts (int32_t code, rnl_Normal form,
                     int32_t part[RNLI_MAX_PARTS]);

/* What a starter and the code after it compose to, or -1. */
int32_t rnli_code_joined (int32_t starter, int32_t code);

#endif
