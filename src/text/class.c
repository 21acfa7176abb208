/*
** class.c - what code points are to words and messages; grapheme clusters.
**
** Clusters go by the rules GB3 to GB13 of UAX #29 as they were up to Unicode
** 15.0, whatever version the tables are of: GB9c, which came later and joins
** the conjuncts of Indic scripts, would give the same text other ids.
*/
#include "text/unicode.h"

int rnli_utf8_visible (int32_t code) {
  rnli_CodeKind kind = rnli_code_kind(code);
  return kind != RNLI_KIND_HIDDEN && kind != RNLI_KIND_MARK;
}


rnli_Class rnli_utf8_class (int32_t code) {
  if (code < 0x80) {
    if (((uint32_t)code | 32) - 'a' < 26) return RNLI_LETTER;
    if ((uint32_t)code - '0' < 10) return RNLI_DIGIT;
    return rnli_is_space(code) ? RNLI_SPACE : RNLI_OTHER;
  }
  if (rnli_is_space(code)) return RNLI_SPACE;
  if (code == 0x200C || code == 0x200D) return RNLI_JOINER;
  switch (rnli_code_kind(code)) {
    case RNLI_KIND_LETTER: return RNLI_LETTER;
    case RNLI_KIND_NUMBER: return RNLI_DIGIT;
    case RNLI_KIND_MARK: return RNLI_JOINER;
    default: return RNLI_OTHER;
  }
}

/* {== Grapheme clusters ================================================== */

/* What a cluster ends with so far, beside its last property. */
typedef enum Tail {
  PLAIN,
  PICTURE,   /* a picture, and what extends it */
  ZWJ,       /* and U+200D */
  FLAG       /* the second of two regional indicators */
} Tail;


static int is_control (rnli_Break b) {
  return b == RNLI_BREAK_CR || b == RNLI_BREAK_LF || b == RNLI_BREAK_CONTROL;
}


/* Does 'b' belong to the cluster that 'a' ends? */
static int joins (rnli_Break a, rnli_Break b, Tail tail) {
  if (a == RNLI_BREAK_CR && b == RNLI_BREAK_LF) return 1;
  if (is_control(a) || is_control(b)) return 0;
  if (b == RNLI_BREAK_EXTEND || b == RNLI_BREAK_ZWJ ||
      b == RNLI_BREAK_SPACING || a == RNLI_BREAK_PREPEND)
    return 1;
  switch (b) {
    case RNLI_BREAK_L: case RNLI_BREAK_LV: case RNLI_BREAK_LVT:
      return a == RNLI_BREAK_L;
    case RNLI_BREAK_V:
      return a == RNLI_BREAK_L || a == RNLI_BREAK_V || a == RNLI_BREAK_LV;
    case RNLI_BREAK_T:
      return a == RNLI_BREAK_V || a == RNLI_BREAK_LV || a == RNLI_BREAK_T ||
             a == RNLI_BREAK_LVT;
    case RNLI_BREAK_PICTURE: return tail == ZWJ;
    case RNLI_BREAK_REGIONAL: return a == b && tail != FLAG;
    default: return 0;
  }
}


static Tail tail_after (Tail tail, rnli_Break a, rnli_Break b) {
  if (b == RNLI_BREAK_PICTURE) return PICTURE;
  if (tail == PICTURE && b == RNLI_BREAK_EXTEND) return PICTURE;
  if (tail == PICTURE && b == RNLI_BREAK_ZWJ) return ZWJ;
  return a == RNLI_BREAK_REGIONAL && b == a ? FLAG : PLAIN;
}


size_t rnli_utf8_cluster (const unsigned char *s, size_t n) {
  int32_t code;
  if (s[0] < 0x80 && s[0] != '\r' && (n == 1 || s[1] < 0x80)) return 1;
  int len = rnli_utf8_scan(s, n, &code);
  if (len < 0) return (size_t)-len;
  size_t i = (size_t)len;
  rnli_Break a = rnli_code_break(code), b;
  Tail tail = tail_after(PLAIN, RNLI_BREAK_OTHER, a);
  for (; i < n; i += (size_t)len, tail = tail_after(tail, a, b), a = b) {
    len = rnli_utf8_scan(s + i, n - i, &code);
    if (len < 0 || i + (size_t)len > RNL_MAX_CLUSTER) break;
    b = rnli_code_break(code);
    if (!joins(a, b, tail)) break;
  }
  return i;
}

/* }====================================================================== */
