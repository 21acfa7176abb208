/*
** units.h - text cut as taggers and classifiers read it. Any bytes will do: one
** that is no UTF-8 is a character by itself. White space is that of ASCII,
** where nothing else is said.
*/
#ifndef RNLI_UNITS_H
#define RNLI_UNITS_H

#include "text/text.h"

typedef struct rnli_Span {
  size_t at, n;   /* bytes of the text */
} rnli_Span;

/* Spans that are being collected; freed by rnli_put(ctx, span). */
typedef struct rnli_Spans {
  rnl_Context *ctx;
  rnli_Span *span;
  size_t n, room;
} rnli_Spans;

int rnli_spans_add (rnli_Spans *list, size_t at, size_t n);

/* The text without white space around it. */
rnli_Span rnli_trimmed (const char *s, size_t n);

/* {== Into pieces, which are put behind those that there are ============= */

enum { RNLI_MAX_SPELT = 100 };   /* characters of a word that are read */

/* Characters, 'most' of them at most. */
int rnli_units_chars (const char *s, size_t n, size_t most, rnli_Spans *out);

/* What white space stands between. */
int rnli_units_words (const char *s, size_t n, rnli_Spans *out);

/*
** Words of a classifier: what white space and punctuation stand between;
** apostrophes and hyphens are parts of words, other punctuation of ASCII is
** words of its own.
*/
int rnli_units_terms (const char *s, size_t n, rnli_Spans *out);

/* Sentences of a classifier: lines, and what ends in . ! ? or their like. */
int rnli_units_sentences (const char *s, size_t n, rnli_Spans *out);

/*
** What a segmenter cuts together: no white space, U+3000 not either, and at
** most RNLI_MAX_PART characters; those of a long text end after a mark of
** punctuation, where there is one.
*/
enum { RNLI_MAX_PART = 1000 };

int rnli_units_parts (const char *s, size_t n, rnli_Spans *out);

/* }====================================================================== */

/* {== Into other text; '*out' as in rnl_utf8_normalise =================== */

/* A word as it is looked up: case folded, digits as 0. */
int rnli_text_folded (rnl_Context *ctx, const char *s, size_t n, char **out,
                      size_t *nout);

/* The two or three letters of each Hangul syllable in its place. */
int rnli_text_jamo (rnl_Context *ctx, const char *s, size_t n, char **out,
                    size_t *nout);

/* }====================================================================== */

#endif
