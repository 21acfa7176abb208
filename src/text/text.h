/*
** text.h - what the files of text share: one decoder of UTF-8.
*/
#ifndef RNLI_TEXT_H
#define RNLI_TEXT_H

#include <string.h>

#include "core/core.h"

enum { RNLI_MAX_CODE = 0x10FFFF };

/*
** Functions that are 'inline' and not 'static' are also compiled, once, for
** calls that the compiler does not put them in the place of: see decode.c.
*/

/* Is 'code' a Unicode scalar value? */
inline int rnli_is_scalar (int32_t code) {
  return code >= 0 && code <= RNLI_MAX_CODE && (code & ~0x7FF) != 0xD800;
}

/*
** The sequence of UTF-8 at 's' (n > 0 bytes), by table 3-7 of the Unicode
** Standard. Returns its length and sets '*code'; or, when it is broken, minus
** the length (1..3) of the longest start of a sequence there is: the "maximal
** subpart" that one U+FFFD stands for.
*/
inline int rnli_utf8_scan (const unsigned char *s, size_t n, int32_t *code) {
  unsigned c = s[0];
  *code = (int32_t)c;
  if (c < 0x80) return 1;
  if ((c & 0xF0) == 0xE0 && n >= 3 && (s[1] & 0xC0) == 0x80 &&
      (s[2] & 0xC0) == 0x80) {   /* the most frequent way, made short */
    int32_t x = (int32_t)((c & 15) << 12 | (s[1] & 63u) << 6 | (s[2] & 63u));
    if (x >= 0x800 && rnli_is_scalar(x)) {
      *code = x;
      return 3;
    }
  }
  if (c < 0xC2 || c > 0xF4) return -1;
  int len = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
  unsigned lo = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
  unsigned hi = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
  unsigned x = c & (0x7Fu >> len);
  for (int i = 1; i < len; i++) {
    if ((size_t)i >= n || s[i] < lo || s[i] > hi) return -i;
    x = x << 6 | (s[i] & 0x3Fu);
    lo = 0x80;
    hi = 0xBF;
  }
  *code = (int32_t)x;
  return len;
}

/* Writes a scalar value; returns how many bytes it has. */
inline int rnli_utf8_put (int32_t code, char buf[4]) {
  if (code < 0x80) {
    buf[0] = (char)code;
    return 1;
  }
  int len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (int i = len - 1; i > 0; i--) {
    buf[i] = (char)(0x80 | (code & 0x3F));
    code >>= 6;
  }
  buf[0] = (char)((0xF00 >> len & 0xFF) | code);
  return len;
}

/* Is 'code' white space (Unicode's White_Space)? */
inline int rnli_is_space (int32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

static inline int rnli_is_syllable (int32_t c) {   /* of Hangul */
  return c >= 0xAC00 && c <= 0xD7A3;
}

/* Bytes of ASCII that 's' begins with, eight at a time; maybe not all. */
inline size_t rnli_ascii_run (const unsigned char *s, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t word;
    memcpy(&word, s + i, sizeof word);
    if (word & 0x8080808080808080u) break;
  }
  return i;
}

/*
** A block of elements of 'each' bytes, 'n' of them in use, with room for
** 'need' (> 0): it grows to twice the size at least, so that appending is
** linear. NULL, with the text of RNL_ENOMEM, when memory is refused; then 'p'
** is as it was.
*/
void *rnli_grow (rnl_Context *ctx, void *p, size_t n, size_t need,
                 size_t each, size_t *room, const char *what);

/* A text that is being made. */
typedef struct rnli_Text {
  rnl_Context *ctx;
  char *s;
  size_t n, room;
} rnli_Text;

int rnli_text_room (rnli_Text *t, size_t more);   /* for so many bytes more */
int rnli_text_add (rnli_Text *t, const void *s, size_t n);

/*
** Hands the text over, ended by a NUL, unless 'status' tells of a failure; the
** return value is that of both. Then it is let go of, and '*out' is NULL.
*/
int rnli_text_end (rnli_Text *t, int status, char **out, size_t *nout);

rnl_Context *rnli_scanner_context (const rnl_Scanner *s);

/* Has the scanner seen 'code', 0..RNLI_MAX_CODE? */
int rnli_scanner_has (const rnl_Scanner *s, int32_t code);

rnl_Context *rnli_vocab_context (const rnl_Vocab *v);

/* The id of 'code', 0..RNLI_MAX_CODE, or -1. */
int32_t rnli_vocab_id (const rnl_Vocab *v, int32_t code);

/* Some unknown symbols, each once: code points, or -1 - a broken byte. */
enum { RNLI_SHOWN = 10 };      /* that a message names */

typedef struct rnli_Unknown {
  int32_t what[RNLI_SHOWN];
  size_t where[RNLI_SHOWN];    /* bytes of the text before; SIZE_MAX: none */
  int n;
  int more;
} rnli_Unknown;

void rnli_unknown_note (rnli_Unknown *u, int32_t what, size_t where);

/* RNL_EFORMAT: "characters not in the vocabulary: 'é' (U+00E9), ..." */
int rnli_unknown_error (rnl_Context *ctx, const rnli_Unknown *u);

/* Can 'code' stand in a message: is it no control, mark or unassigned? */
int rnli_utf8_visible (int32_t code);

/*
** What a code point is to words that are cut into pieces. What joins (marks,
** the joiners U+200C and U+200D) is as what stands before it.
*/
typedef enum rnli_Class {
  RNLI_SPACE, RNLI_LETTER, RNLI_DIGIT, RNLI_JOINER, RNLI_OTHER
} rnli_Class;

rnli_Class rnli_utf8_class (int32_t code);

/*
** Bytes of the extended grapheme cluster (UAX #29) that 's' (n > 0) begins
** with, at most RNL_MAX_CLUSTER. Bytes that are no UTF-8 are apart from others,
** as rnli_utf8_scan gives them.
*/
size_t rnli_utf8_cluster (const unsigned char *s, size_t n);

/* The 2 or 3 letters of a Hangul syllable, and how many; 0: it is none. */
int rnli_hangul_parts (int32_t code, int32_t part[3]);

/* A part of a text. */
typedef struct rnli_Piece {
  const char *s;
  size_t n;
} rnli_Piece;

/* {== Lists of strings, inside the engine ================================ */

rnl_Context *rnli_words_context (const rnl_Words *w);

/* The id of a string, or -1. */
int32_t rnli_words_find (const rnl_Words *w, const char *s, size_t n);

/* Exactly so much room for n words more, of so many bytes. */
int rnli_words_room (rnl_Words *w, size_t n, size_t bytes);

/* Adds a string of at most RNL_MAX_WORD bytes that is not there. */
int rnli_words_put (rnl_Words *w, const char *s, size_t n);

/* How often it was fed. */
uint64_t rnli_words_count (const rnl_Words *w, int id);

/* Bytes of the piece (RNL_PIECES) that 's' (n > 0) begins with. */
size_t rnli_piece (const unsigned char *s, size_t n);

/* Ids that are being collected. */
typedef struct rnli_Ids {
  rnl_Context *ctx;
  int32_t *id;
  size_t n, room;
} rnli_Ids;

/* Room for 'more' ids behind the n that there are. */
inline int rnli_ids_room (rnli_Ids *ids, size_t more) {
  if (ids->n + more <= ids->room) return RNL_OK;
  int32_t *id = rnli_grow(ids->ctx, ids->id, ids->n, ids->n + more, sizeof *id,
                          &ids->room, "ids");
  if (!id) return RNL_ENOMEM;
  ids->id = id;
  return RNL_OK;
}

/* }====================================================================== */

/* {== Text and ids ======================================================= */

/*
** Threads may share what is only read here: memory and messages are of the
** context of the ids, or of 'ctx'. Ids are put behind those that there are; on
** failure some may have been. '*out' is as in rnl_utf8_normalise.
*/
int rnli_vocab_ids (const rnl_Vocab *v, const char *s, size_t n,
                    rnli_Ids *ids);
int rnli_vocab_text (const rnl_Vocab *v, rnl_Context *ctx, const int32_t *id,
                     size_t n, char **out, size_t *nout);
int rnli_words_ids (const rnl_Words *w, const char *s, size_t n,
                    rnli_Ids *ids);
int rnli_words_text (const rnl_Words *w, rnl_Context *ctx, const int32_t *id,
                     size_t n, char **out, size_t *nout);
int rnli_bpe_ids (const rnl_Bpe *b, const char *s, size_t n, rnli_Ids *ids);
int rnli_bpe_text (const rnl_Bpe *b, rnl_Context *ctx, const int32_t *id,
                   size_t n, char **out, size_t *nout);

/* }====================================================================== */

#endif
