/*
** words.c - words between white space: counting those of a text, choosing the
** frequent ones, text to ids and back.
**
** The words stand one after the other in one block. They are found through a
** table of open addressing, at most half full. It is seeded by where the list
** lies in memory, so that no text can be made whose words collide; nothing
** that is seen depends on the seed.
*/
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "text/text.h"

enum {
  UNKNOWN = 0,          /* ids of the symbols */
  LINE_END = 1,
  LEAST_SLOTS = 1 << 10
};

typedef struct Word {
  uint64_t count;
  size_t at;            /* in the block of text */
  uint32_t len;
  uint32_t hash;
} Word;

struct rnl_Words {
  rnl_Context *ctx;
  int lines;            /* LF is a word: LINE_END */
  int n;
  uint64_t seen;        /* words fed */
  Word *word;           /* room for slots / 2 */
  int32_t *slot;        /* id + 1, or 0 */
  size_t slots;         /* a power of 2 */
  char *text;
  size_t used, size;    /* of 'text' */
};

typedef struct Piece {
  const char *s;
  size_t n;
} Piece;

/* {== White space ======================================================== */

/* Bytes of the white space (Unicode's) that 's' begins with, 0 if none. */
static size_t space_at (const unsigned char *s, size_t n) {
  int32_t c;
  if (s[0] < 0x80) return (size_t)rnli_is_space(s[0]);
  if (s[0] != 0xC2 && (s[0] < 0xE1 || s[0] > 0xE3)) return 0;
  int len = rnli_utf8_scan(s, n, &c);
  return len > 0 && rnli_is_space(c) ? (size_t)len : 0;
}


/* Takes the next word of 'rest'; with 'lines' LF is one. 0: there is none. */
static int next_word (Piece *rest, int lines, Piece *word) {
  const unsigned char *s = (const unsigned char *)rest->s;
  size_t n = rest->n, i = 0, space = 0;
  while (i < n && (space = space_at(s + i, n - i)) > 0 &&
         !(lines && s[i] == '\n'))
    i += space;
  size_t from = i;
  if (i < n && space) i++;   /* LF */
  else while (i < n && !space_at(s + i, n - i)) i++;
  *word = (Piece){rest->s + from, i - from};
  *rest = (Piece){rest->s + i, n - i};
  return i > from;
}


size_t rnl_words_cut (const char *s, size_t n) {
  const unsigned char *p = (const unsigned char *)s;
  for (size_t i = n; i > 0; i--) {
    size_t space = space_at(p + i - 1, n - (i - 1));
    if (space) return i - 1 + space;
  }
  return 0;
}


size_t rnl_words_gap (const char *s, size_t n) {
  const unsigned char *p = (const unsigned char *)s;
  size_t at = rnl_words_cut(s, n);
  while (at > 0) {
    size_t from = at - 1;
    while (from > 0 && (p[from] & 0xC0) == 0x80) from--;
    if (space_at(p + from, at - from) != at - from) break;
    at = from;
  }
  return at;
}

/* }====================================================================== */

/* {== Finding and adding ================================================= */

static uint32_t hash_of (const rnl_Words *w, Piece p) {
  uint64_t d = rnli_mix((uintptr_t)w, p.n), last = 0;
  for (; p.n >= 8; p.s += 8, p.n -= 8) {
    uint64_t part;
    memcpy(&part, p.s, 8);
    d = rnli_mix(d, part);
  }
  if (p.n) memcpy(&last, p.s, p.n);
  d = rnli_mix(rnli_mix(d, last), 0);
  return (uint32_t)(d >> 32 ^ d);
}


/* The slot of a word, or the free one where it belongs. */
static size_t find (const rnl_Words *w, Piece p, uint32_t hash) {
  size_t i = hash & (w->slots - 1);
  for (; w->slot[i]; i = (i + 1) & (w->slots - 1)) {
    const Word *word = &w->word[w->slot[i] - 1];
    if (word->hash == hash && word->len == p.n &&
        memcmp(w->text + word->at, p.s, p.n) == 0)
      break;
  }
  return i;
}


/* Makes room for 'slots' slots, and finds all words their place anew. */
static int grow_table (rnl_Words *w, size_t slots) {
  size_t bytes = rnli_mul(slots, sizeof *w->slot + sizeof *w->word / 2);
  Word *word = rnli_get(w->ctx, bytes);
  if (!word) return rnli_nomem(w->ctx, "a list of words", bytes);
  if (w->n) memcpy(word, w->word, (size_t)w->n * sizeof *word);
  rnli_put(w->ctx, w->word);
  w->word = word;
  w->slot = (int32_t *)(void *)(word + slots / 2);
  w->slots = slots;
  memset(w->slot, 0, slots * sizeof *w->slot);
  for (int i = 0; i < w->n; i++) {
    Piece p = {w->text + word[i].at, word[i].len};
    w->slot[find(w, p, word[i].hash)] = i + 1;
  }
  return RNL_OK;
}


static int grow_text (rnl_Words *w, size_t need) {
  size_t size = w->size ? w->size : LEAST_SLOTS * 8;
  while (size < need) size = rnli_mul(size, 2);
  char *text = rnli_get(w->ctx, size);
  if (!text) return rnli_nomem(w->ctx, "words", size);
  if (w->used) memcpy(text, w->text, w->used);
  rnli_put(w->ctx, w->text);
  w->text = text;
  w->size = size;
  return RNL_OK;
}


/* Adds a word that is not there, with the next id. */
static int add (rnl_Words *w, Piece p, uint32_t hash, uint64_t count) {
  int status = RNL_OK;
  if (w->n == RNL_MAX_WORDS)
    return rnli_error(w->ctx, RNL_ESHAPE, "words: the text has more than %d "
                      "different ones", RNL_MAX_WORDS);
  if (((size_t)w->n + 1) * 2 > w->slots)
    status = grow_table(w, w->slots ? w->slots * 2 : LEAST_SLOTS);
  if (status == RNL_OK && w->used + p.n > w->size)
    status = grow_text(w, w->used + p.n);
  if (status != RNL_OK) return status;
  memcpy(w->text + w->used, p.s, p.n);
  w->word[w->n] = (Word){count, w->used, (uint32_t)p.n, hash};
  w->used += p.n;
  w->slot[find(w, p, hash)] = ++w->n;
  return RNL_OK;
}


static int32_t id_of (const rnl_Words *w, Piece p) {
  int32_t found = p.n > RNL_MAX_WORD ? 0
                  : w->slot[find(w, p, hash_of(w, p))];
  return found ? found - 1 : UNKNOWN;
}

/* }====================================================================== */

/* {== Lists ============================================================== */

int rnl_words_new (rnl_Context *ctx, int lines, rnl_Words **out) {
  static const Piece symbol[] = {{"<unk>", 5}, {"<eos>", 5}};
  *out = NULL;
  rnl_Words *w = rnli_get(ctx, sizeof *w);
  if (!w) return rnli_nomem(ctx, "a list of words", sizeof *w);
  memset(w, 0, sizeof *w);
  w->ctx = ctx;
  w->lines = lines != 0;
  rnl_context_retain(ctx);
  int status = RNL_OK;
  for (int i = 0; i < 1 + w->lines && status == RNL_OK; i++)
    status = add(w, symbol[i], hash_of(w, symbol[i]), 0);
  if (status == RNL_OK) *out = w;
  else rnl_words_free(w);
  return status;
}


void rnl_words_free (rnl_Words *w) {
  if (!w) return;
  rnl_Context *ctx = w->ctx;
  rnli_put(ctx, w->word);
  rnli_put(ctx, w->text);
  rnli_put(ctx, w);
  rnl_context_release(ctx);
}


int rnl_words_size (const rnl_Words *w) {
  return w->n;
}


uint64_t rnl_words_seen (const rnl_Words *w) {
  return w->seen;
}


const char *rnl_words_at (const rnl_Words *w, int id, size_t *n) {
  *n = w->word[id].len;
  return w->text + w->word[id].at;
}


int rnl_words_add (rnl_Words *w, const char *s, size_t n) {
  Piece rest = {s, n}, word;
  int whole = next_word(&rest, 0, &word) && word.n == n;
  if (!whole || n > RNL_MAX_WORD || rnl_utf8_check(s, n, NULL) < n)
    return rnli_error(w->ctx, RNL_EFORMAT, "words: entry %d is no word",
                      w->n + w->ctx->base);
  uint32_t hash = hash_of(w, word);
  if (w->slot[find(w, word, hash)])
    return rnli_error(w->ctx, RNL_EFORMAT, "words: entry %d, '%.*s', is there "
                      "twice", w->n + w->ctx->base, (int)n, s);
  return add(w, word, hash, 0);
}


/* Counts a word; one that is not there joins, unless it is too long. */
static int count_word (rnl_Words *w, Piece p) {
  w->seen++;
  if (p.n > RNL_MAX_WORD) return RNL_OK;
  uint32_t hash = hash_of(w, p);
  int32_t found = w->slot[find(w, p, hash)];
  if (!found) return add(w, p, hash, 1);
  w->word[found - 1].count++;
  return RNL_OK;
}


int rnl_words_feed (rnl_Words *w, const char *s, size_t n) {
  Piece rest = {s, n}, word;
  while (next_word(&rest, w->lines, &word)) {
    int status = w->lines && word.s[0] == '\n' ? (w->seen++, RNL_OK)
                                               : count_word(w, word);
    if (status != RNL_OK) return status;
  }
  return RNL_OK;
}

/* }====================================================================== */

/* {== Choosing =========================================================== */

typedef struct Choice {
  const char *s;
  size_t n;
  uint64_t count;
} Choice;


/* The more frequent first; of two as frequent, the one with smaller bytes. */
static int by_count (const void *a, const void *b) {
  const Choice *x = a, *y = b;
  if (x->count != y->count) return x->count < y->count ? 1 : -1;
  int order = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);
  return order ? order : (x->n > y->n) - (x->n < y->n);
}


/* Words from 'kept' on seen at least 'least' times, in order; how many. */
static int list_choices (const rnl_Words *w, int kept, uint64_t least,
                         Choice *list) {
  int n = 0;
  for (int i = kept; i < w->n; i++) {
    const Word *word = &w->word[i];
    if (word->count >= least)
      list[n++] = (Choice){w->text + word->at, word->len, word->count};
  }
  qsort(list, (size_t)n, sizeof *list, by_count);
  return n;
}


int rnl_words_choose (const rnl_Words *w, int kept, uint64_t least, int most,
                      rnl_Words **out) {
  rnl_Words *made;
  int status = rnl_words_new(w->ctx, w->lines, &made);
  size_t bytes = ((size_t)w->n + 1) * sizeof(Choice);
  *out = NULL;
  if (status != RNL_OK) return status;
  Choice *list = rnli_get(w->ctx, bytes);
  if (!list) status = rnli_nomem(w->ctx, "a list of words", bytes);
  int n = list ? list_choices(w, kept, least, list) : 0;
  for (int i = made->n; i < kept && status == RNL_OK; i++)
    status = rnl_words_add(made, w->text + w->word[i].at, w->word[i].len);
  for (int i = 0; i < n && made->n < most && status == RNL_OK; i++)
    status = rnl_words_add(made, list[i].s, list[i].n);
  rnli_put(w->ctx, list);
  if (status == RNL_OK) *out = made;
  else rnl_words_free(made);
  return status;
}

/* }====================================================================== */

/* {== Text and ids ======================================================= */

int rnl_words_encode (rnl_Words *w, const char *s, size_t n,
                      rnl_Tensor **ids) {
  Piece rest = {s, n}, word;
  size_t count = 0;
  *ids = NULL;
  while (next_word(&rest, w->lines, &word)) count++;
  if (count > INT_MAX)
    return rnli_error(w->ctx, RNL_ESHAPE, "the text has %zu tokens, a tensor "
                      "holds at most %d", count, INT_MAX);
  int dim[1] = {(int)count};
  int status = rnli_tensor_raw(w->ctx, RNL_I32, 1, dim, 0, ids);
  if (status != RNL_OK) return status;
  int32_t *id = (*ids)->data;
  rest = (Piece){s, n};
  while (next_word(&rest, w->lines, &word))
    *id++ = w->lines && word.s[0] == '\n' ? LINE_END : id_of(w, word);
  return RNL_OK;
}


static int is_end (const rnl_Words *w, int32_t id) {
  return w->lines && id == LINE_END;
}


/* Text of id[i] to 'to', if that is not NULL; its length. */
static size_t put_word (const rnl_Words *w, const int32_t *id, size_t i,
                        char *to) {
  if (is_end(w, id[i])) {
    if (to) *to = '\n';
    return 1;
  }
  const Word *word = &w->word[id[i]];
  size_t space = i == 0 || !is_end(w, id[i - 1]);
  if (to) {
    *to = ' ';
    memcpy(to + space, w->text + word->at, word->len);
  }
  return space + word->len;
}


int rnl_words_decode (rnl_Words *w, const int32_t *id, size_t n, char **out,
                      size_t *nout) {
  size_t size = 0;
  int base = w->ctx->base;
  *out = NULL;
  *nout = 0;
  for (size_t i = 0; i < n; i++) {
    if (id[i] < 0 || id[i] >= w->n)
      return rnli_error(w->ctx, RNL_EARG, "decode: id %lld at position %zu is "
                        "not in %d..%d", (long long)id[i] + base,
                        i + (size_t)base, base, w->n - 1 + base);
    size += put_word(w, id, i, NULL);
  }
  char *s = rnli_get(w->ctx, rnli_add(size, 1));
  if (!s) return rnli_nomem(w->ctx, "text", size);
  char *end = s;
  for (size_t i = 0; i < n; i++) end += put_word(w, id, i, end);
  *end = '\0';
  *out = s;
  *nout = size;
  return RNL_OK;
}

/* }====================================================================== */
