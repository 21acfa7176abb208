/*
** apart.c - spaces between the words of raw text: its letters, its digits and
** its punctuation, in the manner of Unicode's word boundaries (UAX #29).
**
** No space comes between two letters or digits; before a mark or a joiner, and
** after the joiner U+200D; around one of ' . : and U+2019 between two letters,
** or one of , . ; ' between two digits (don't, e.g, 3.14); between two regional
** indicators (a flag), or two that are the same (..., --). An ideograph is a
** word of its own. Bytes that are no UTF-8 are apart from all else. White space
** that is not ASCII becomes a space, for words end at ASCII alone elsewhere.
*/
#include "text/dict.h"

typedef struct Point {
  int32_t code;      /* -1: no UTF-8, or none */
  int class;         /* rnli_Class; IDEOGRAPH, FLAG */
} Point;

enum { IDEOGRAPH = RNLI_OTHER + 1, FLAG, BYTES, NONE };


static int class_of (int32_t code) {
  if (rnli_is_ideograph(code)) return IDEOGRAPH;
  if (code >= 0x1F1E6 && code <= 0x1F1FF) return FLAG;
  return (int)rnli_utf8_class(code);
}


/* The code point that 's' begins with, or the bytes that are none. */
static Point point_at (const char *s, size_t n, size_t *len) {
  Point p = {-1, NONE};
  *len = 0;
  if (n == 0) return p;
  int got = rnli_utf8_scan((const unsigned char *)s, n, &p.code);
  *len = (size_t)(got < 0 ? -got : got);
  if (got < 0) return (Point){-1, BYTES};
  p.class = class_of(p.code);
  return p;
}


static int in_word (Point p) {
  return p.class == RNLI_LETTER || p.class == RNLI_DIGIT;
}


/* May 'mid' stand within a word between two points of this class? */
static int is_mid (int32_t mid, int class) {
  if (mid == '\'' || mid == '.' || mid == 0x2019) return 1;
  return class == RNLI_LETTER ? mid == ':' || mid == 0xB7 || mid == 0x2027
                              : mid == ',' || mid == ';';
}


/* Do 'a', 'mid', 'b' make one word? Marks after 'a' were passed over. */
static int spans (Point a, Point mid, Point b) {
  return in_word(a) && a.class == b.class && is_mid(mid.code, a.class);
}


/*
** Does a word end between 'a' and 'b', both no white space? 'before' is what
** stands before 'a', 'after' what stands behind 'b'; 'joined': the last code
** point is U+200D.
*/
static int parts (Point before, Point a, Point b, Point after, int joined) {
  if (b.class == RNLI_JOINER || (joined && b.class != BYTES)) return 0;
  if (in_word(a) && in_word(b)) return 0;
  if (a.class == FLAG && b.class == FLAG) return before.class == FLAG;
  if (spans(a, b, after) || spans(before, a, b)) return 0;
  return a.code < 0 || a.code != b.code || a.class == IDEOGRAPH;
}


/* What stands before the next point. */
typedef struct Seen {
  Point before, a;   /* NONE: a word begins */
  int joined;
} Seen;

static const Point none = {-1, NONE};


/* Passes over 'b'; does a word end before it, where no white space is? */
static int step (Seen *w, Point b, Point after) {
  int gap = w->a.class == NONE || w->a.class == RNLI_SPACE ||
            b.class == RNLI_SPACE;
  int part = !gap && parts(w->before, w->a, b, after, w->joined);
  w->joined = b.code == 0x200D;
  if (b.class != RNLI_JOINER || gap) {
    w->before = part ? none : w->a;
    w->a = b;
  }
  return part;
}


int rnl_text_apart (rnl_Context *ctx, const char *s, size_t n, char **out,
                    size_t *nout) {
  rnli_Text t = {.ctx = ctx};
  Seen w = {none, none, 0};
  size_t len, next;
  int status = RNL_OK;
  for (Point b = point_at(s, n, &len), after; len > 0; b = after, len = next) {
    int wide = b.class == RNLI_SPACE && len > 1;
    after = point_at(s + len, n - len, &next);
    if (step(&w, b, after)) status = rnli_text_add(&t, " ", 1);
    if (status == RNL_OK)
      status = rnli_text_add(&t, wide ? " " : s, wide ? 1 : len);
    if (status != RNL_OK) break;
    s += len;
    n -= len;
  }
  return rnli_text_end(&t, status, out, nout);
}
