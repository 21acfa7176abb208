/*
** text.h - what the files of text share: one decoder of UTF-8.
*/
#ifndef RNLI_TEXT_H
#define RNLI_TEXT_H

#include <string.h>

#include "core/core.h"

enum { RNLI_MAX_CODE = 0x10FFFF };

/* Is 'code' a Unicode scalar value? */
static inline int rnli_is_scalar (int32_t code) {
  return code >= 0 && code <= RNLI_MAX_CODE && (code & ~0x7FF) != 0xD800;
}

/*
** The sequence of UTF-8 at 's' (n > 0 bytes), by table 3-7 of the Unicode
** Standard. Returns its length and sets '*code'; or, when it is broken, minus
** the length (1..3) of the longest start of a sequence there is: the "maximal
** subpart" that one U+FFFD stands for.
*/
static inline int rnli_utf8_scan (const unsigned char *s, size_t n,
                                  int32_t *code) {
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

/* Is 'code' white space (Unicode's White_Space)? */
static inline int rnli_is_space (int32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

/* Bytes of ASCII that 's' begins with, eight at a time; maybe not all. */
static inline size_t rnli_ascii_run (const unsigned char *s, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t word;
    memcpy(&word, s + i, sizeof word);
    if (word & 0x8080808080808080u) break;
  }
  return i;
}

rnl_Context *rnli_scanner_context (const rnl_Scanner *s);

/* Has the scanner seen 'code', 0..RNLI_MAX_CODE? */
int rnli_scanner_has (const rnl_Scanner *s, int32_t code);

/* Can 'code' stand in a message: is it no control, mark or unassigned? */
int rnli_utf8_visible (int32_t code);

/* 'L', 'M' or 'N' for letters, marks and numbers, 'Z' for all others. */
char rnli_utf8_class (int32_t code);

#endif
