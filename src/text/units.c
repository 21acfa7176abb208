/*
** units.c - text cut as taggers and classifiers read it: what models/words.lua,
** data/units.lua, models/classifier.lua and models/segmenter.lua do.
*/
#include <string.h>

#include "text/units.h"

int rnli_spans_add (rnli_Spans *list, size_t at, size_t n) {
  rnli_Span *span = rnli_grow(list->ctx, list->span, list->n, list->n + 1,
                              sizeof *span, &list->room, "words");
  if (!span) return RNL_ENOMEM;
  list->span = span;
  span[list->n++] = (rnli_Span){at, n};
  return RNL_OK;
}


static int is_space (char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}


rnli_Span rnli_trimmed (const char *s, size_t n) {
  size_t from = 0;
  while (from < n && is_space(s[from])) from++;
  while (n > from && is_space(s[n - 1])) n--;
  return (rnli_Span){from, n - from};
}

/* {== Characters and words =============================================== */

/* Bytes of the character that 's' (n > 0) begins with. */
static size_t char_at (const char *s, size_t n, int32_t *code) {
  int len = rnli_utf8_scan((const unsigned char *)s, n, code);
  return len > 0 ? (size_t)len : 1;
}


int rnli_units_chars (const char *s, size_t n, size_t most, rnli_Spans *out) {
  int status = RNL_OK;
  int32_t code;
  for (size_t i = 0, len; i < n && most > 0 && status == RNL_OK; i += len) {
    len = char_at(s + i, n - i, &code);
    status = rnli_spans_add(out, i, len);
    most--;
  }
  return status;
}


int rnli_units_words (const char *s, size_t n, rnli_Spans *out) {
  int status = RNL_OK;
  for (size_t i = 0, from; status == RNL_OK; ) {
    while (i < n && is_space(s[i])) i++;
    for (from = i; i < n && !is_space(s[i]); ) i++;
    if (i == from) break;
    status = rnli_spans_add(out, from, i - from);
  }
  return status;
}


/* Is the byte part of a term? */
static int in_term (char c) {
  unsigned char b = (unsigned char)c;
  return b >= 0x80 || c == '\'' || c == '-' || (b >= '0' && b <= '9') ||
         (b | 32u) - 'a' < 26;
}


int rnli_units_terms (const char *s, size_t n, rnli_Spans *out) {
  int status = RNL_OK;
  for (size_t i = 0, from; i < n && status == RNL_OK; ) {
    for (from = i; i < n && in_term(s[i]); ) i++;
    if (i == from) i++;   /* punctuation, or white space */
    if (!is_space(s[from])) status = rnli_spans_add(out, from, i - from);
  }
  return status;
}

/* }====================================================================== */

/* {== Sentences ========================================================== */

/* Is the byte among those of 'list', which are of ASCII and not NUL? */
static int is_among (char c, const char *list) {
  return c != '\0' && strchr(list, c) != NULL;
}


/* Bytes of the mark that ends a sentence, of any of three; 0: none. */
static size_t full_stop (const char *s, size_t n) {
  return n >= 3 && (memcmp(s, "\xE3\x80\x82", 3) == 0 ||   /* U+3002 */
                    memcmp(s, "\xEF\xBC\x81", 3) == 0 ||   /* U+FF01 */
                    memcmp(s, "\xEF\xBC\x9F", 3) == 0)     /* U+FF1F */
         ? 3 : 0;
}


/* Does the white space at 'i' come after . ! ? and what closes? */
static int ends_sentence (const char *s, size_t i) {
  while (i > 0 && is_among(s[i - 1], "\"')]")) i--;
  return i > 0 && is_among(s[i - 1], ".!?");
}


/* A line, or a part of one; what is white space alone is none. */
static int add_sentence (rnli_Spans *out, const char *s, size_t from,
                         size_t to) {
  return rnli_trimmed(s + from, to - from).n > 0
         ? rnli_spans_add(out, from, to - from) : RNL_OK;
}


int rnli_units_sentences (const char *s, size_t n, rnli_Spans *out) {
  size_t from = 0, i = 0;
  int status = RNL_OK;
  while (i < n && status == RNL_OK) {
    size_t stop = full_stop(s + i, n - i);
    int line = s[i] == '\n';
    if (stop || line || (is_space(s[i]) && ends_sentence(s, i))) {
      size_t to = line ? i : i + (stop ? stop : 1);
      status = add_sentence(out, s, from, to);
      from = line ? i + 1 : to;
    }
    i += stop ? stop : 1;
  }
  return status == RNL_OK ? add_sentence(out, s, from, n) : status;
}

/* }====================================================================== */

/* {== Parts of a segmenter =============================================== */

static int is_mark (int32_t code) {
  static const int32_t mark[] = {0x3002, 0xFF01, 0xFF1F, 0xFF1B, 0xFF0C};
  for (size_t i = 0; i < sizeof mark / sizeof *mark; i++)
    if (mark[i] == code) return 1;
  return code == '.' || code == '!' || code == '?' || code == ';' ||
         code == ',';
}


/*
** Bytes of the part that 's' (n > 0), without white space, begins with. A mark
** does not end it after the first character.
*/
static size_t part_end (const char *s, size_t n) {
  size_t i = 0, marked = 0;
  for (int k = 0; k < RNLI_MAX_PART && i < n; k++) {
    int32_t code;
    size_t len = char_at(s + i, n - i, &code);
    i += len;
    if (k > 0 && is_mark(code)) marked = i;
  }
  return i < n && marked ? marked : i;
}


/* Adds the parts of a text without white space, which begins at 'at'. */
static int add_parts (rnli_Spans *out, const char *s, size_t at, size_t end) {
  int status = RNL_OK;
  while (at < end && status == RNL_OK) {
    size_t len = part_end(s + at, end - at);
    status = rnli_spans_add(out, at, len);
    at += len;
  }
  return status;
}


/* Bytes of the white space that 's' (n > 0) begins with. */
static size_t gap_at (const char *s, size_t n) {
  if (is_space(*s)) return 1;
  return n >= 3 && memcmp(s, "\xE3\x80\x80", 3) == 0 ? 3 : 0;   /* U+3000 */
}


int rnli_units_parts (const char *s, size_t n, rnli_Spans *out) {
  int status = RNL_OK;
  size_t from = 0, i = 0;
  while (i < n && status == RNL_OK) {
    size_t gap = gap_at(s + i, n - i);
    if (gap) status = add_parts(out, s, from, i);
    i += gap ? gap : 1;
    if (gap) from = i;
  }
  return status == RNL_OK ? add_parts(out, s, from, n) : status;
}

/* }====================================================================== */

/* {== Other text ========================================================= */

int rnli_text_folded (rnl_Context *ctx, const char *s, size_t n, char **out,
                      size_t *nout) {
  int status = rnl_utf8_normalise(ctx, RNL_FOLD, s, n, out, nout);
  for (size_t i = 0; status == RNL_OK && i < *nout; i++)
    if ((*out)[i] >= '0' && (*out)[i] <= '9') (*out)[i] = '0';
  return status;
}


int rnli_text_jamo (rnl_Context *ctx, const char *s, size_t n, char **out,
                    size_t *nout) {
  rnli_Text t = {.ctx = ctx};
  int status = RNL_OK;
  for (size_t i = 0, len; i < n && status == RNL_OK; i += len) {
    int32_t code, letter[3];
    len = char_at(s + i, n - i, &code);
    int letters = len == 3 ? rnli_hangul_parts(code, letter) : 0;
    if (!letters) status = rnli_text_add(&t, s + i, len);
    for (int k = 0; k < letters && status == RNL_OK; k++) {
      char buf[4];
      status = rnli_text_add(&t, buf, (size_t)rnli_utf8_put(letter[k], buf));
    }
  }
  return rnli_text_end(&t, status, out, nout);
}

/* }====================================================================== */
