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
#include "text/units.h"

typedef struct Point {
  int32_t code;      /* -1: no UTF-8, or none */
  int class;         /* rnli_Class; IDEOGRAPH, FLAG */
  size_t at, len;
} Point;

enum { IDEOGRAPH = RNLI_OTHER + 1, FLAG, BYTES, NONE };


static int class_of (int32_t code) {
  if (rnli_is_ideograph(code)) return IDEOGRAPH;
  if (code >= 0x1F1E6 && code <= 0x1F1FF) return FLAG;
  return (int)rnli_utf8_class(code);
}


/* The code point at 'at', or the bytes there that are none. */
static Point point_at (const char *s, size_t n, size_t at) {
  Point p = {-1, NONE, at, 0};
  if (at >= n) return p;
  int len = rnli_utf8_scan((const unsigned char *)s + at, n - at, &p.code);
  if (len < 0) return (Point){-1, BYTES, at, (size_t)-len};
  p.len = (size_t)len;
  p.class = class_of(p.code);
  return p;
}


static int in_word (const Point *p) {
  return p->class == RNLI_LETTER || p->class == RNLI_DIGIT;
}


/* May 'mid' stand within a word between two points of this class? */
static int is_mid (int32_t mid, int class) {
  if (mid == '\'' || mid == '.' || mid == 0x2019) return 1;
  return class == RNLI_LETTER ? mid == ':' || mid == 0xB7 || mid == 0x2027
                              : mid == ',' || mid == ';';
}


/* Do 'a', 'mid', 'b' make one word? Marks after 'a' were passed over. */
static int spans (const Point *a, const Point *mid, const Point *b) {
  return in_word(a) && a->class == b->class && is_mid(mid->code, a->class);
}


/*
** Does a word end between 'a' and 'b', both no white space? 'before' is what
** stands before 'a', 'after' what stands behind 'b'; 'joined': the last code
** point is U+200D.
*/
static int parts (const Point *before, const Point *a, const Point *b,
                  const Point *after, int joined) {
  if (b->class == RNLI_JOINER || (joined && b->class != BYTES)) return 0;
  if (in_word(a) && in_word(b)) return 0;
  if (a->class == FLAG && b->class == FLAG) return before->class == FLAG;
  if (spans(a, b, after) || spans(before, a, b)) return 0;
  return a->code < 0 || a->code != b->code || a->class == IDEOGRAPH;
}


/* A place in a text, and what is around it. */
typedef struct Walk {
  const char *s;
  size_t n;
  Point before, a, b;   /* b comes next; NONE: it is the end */
  int joined;
} Walk;


static Walk begin (const char *s, size_t n) {
  Point none = {-1, NONE, 0, 0};
  return (Walk){s, n, none, none, point_at(s, n, 0), 0};
}


/* Passes over w->b; does a word end before it, where no white space is? */
static int step (Walk *w) {
  Point b = w->b, after = point_at(w->s, w->n, b.at + b.len);
  int gap = w->a.class == NONE || w->a.class == RNLI_SPACE ||
            b.class == RNLI_SPACE;
  int part = !gap && parts(&w->before, &w->a, &b, &after, w->joined);
  w->joined = b.code == 0x200D;
  if (b.class != RNLI_JOINER || gap || w->a.class == NONE) {
    w->before = part ? (Point){-1, NONE, 0, 0} : w->a;
    w->a = b;
  }
  w->b = after;
  return part;
}


int rnl_text_apart (rnl_Context *ctx, const char *s, size_t n, char **out,
                    size_t *nout) {
  rnli_Text t = {.ctx = ctx};
  Walk w = begin(s, n);
  int status = RNL_OK;
  while (status == RNL_OK && w.b.class != NONE) {
    Point p = w.b;
    int wide = p.class == RNLI_SPACE && p.len > 1;
    if (step(&w)) status = rnli_text_add(&t, " ", 1);
    if (status == RNL_OK)
      status = rnli_text_add(&t, wide ? " " : s + p.at, wide ? 1 : p.len);
  }
  return rnli_text_end(&t, status, out, nout);
}


int rnli_units_tokens (const char *s, size_t n, rnli_Spans *out) {
  Walk w = begin(s, n);
  size_t from = 0;
  int status = RNL_OK;
  while (status == RNL_OK && w.b.class != NONE) {
    Point p = w.b;
    int space = p.class == RNLI_SPACE, part = step(&w);
    if ((part || space) && p.at > from)
      status = rnli_spans_add(out, from, p.at - from);
    if (part) from = p.at;
    if (space) from = p.at + p.len;
  }
  if (status != RNL_OK || from == n) return status;
  return rnli_spans_add(out, from, n - from);
}
