/*
** words.c - lists of words (or grapheme clusters, or pieces of words): counting
** those of a text, choosing the frequent ones, text to ids and back.
**
** The words stand one after the other in one block. They are found through a
** table of open addressing, at most two thirds full. It is seeded by where the
** list lies in memory, so that no text can be made whose words collide; nothing
** that is seen depends on the seed. A word takes 10 bytes beside its text, and
** 8 more once words are counted.
*/
#include <stdlib.h>
#include <string.h>

#include "text/text.h"

enum {
  UNKNOWN = 0,          /* ids of the symbols */
  LINE_END = 1,
  NBYTE = 256,
  LEAST = 64,           /* words that there is room for, once there is one */
  WEIGHT = 24           /* bytes that a word counts for, beside its text */
};

typedef rnli_Piece Piece;

/*
** What a list is of. 'next' takes the next word of 'rest'; it returns 0 if
** there is none.
*/
typedef struct Kind {
  int symbols;          /* "<unk>", "<eos>" */
  int bytes;            /* ids of bytes, behind the words */
  int spaced;           /* decoded words stand after a space */
  int (*next) (Piece *rest, Piece *word);
} Kind;

struct rnl_Words {
  rnl_Context *ctx;
  const Kind *kind;
  int n;
  uintptr_t seed;       /* of hashes */
  uint64_t seen;        /* words fed */
  size_t limit;         /* see rnl_words_limit; 0: none */
  size_t room;          /* for words */
  uint64_t *count;      /* (room), or NULL: nothing has been counted */
  uint32_t *at;         /* (room + 1): where each begins; at[n] is the end */
  int32_t *slot;        /* (slots): id + 1, or 0 */
  size_t slots;
  char *text;
  size_t size;          /* of its room */
};

/* {== Text into words ==================================================== */

static const unsigned char *bytes_of (const char *s) {
  return (const unsigned char *)s;
}


/* Bytes of the white space (Unicode's) that 's' begins with, 0 if none. */
static size_t space_at (const unsigned char *s, size_t n) {
  int32_t c;
  if (s[0] < 0x80) return (size_t)rnli_is_space(s[0]);
  if (s[0] != 0xC2 && (s[0] < 0xE1 || s[0] > 0xE3)) return 0;
  int len = rnli_utf8_scan(s, n, &c);
  return len > 0 && rnli_is_space(c) ? (size_t)len : 0;
}


/* The first 'n' bytes of 'rest' after 'from' are a word. */
static int take (Piece *rest, size_t from, size_t n, Piece *word) {
  *word = (Piece){rest->s + from, n};
  *rest = (Piece){rest->s + from + n, rest->n - from - n};
  return n > 0;
}


/* What white space stands between; with 'lines' LF is a word. */
static int next_spaced (Piece *rest, int lines, Piece *word) {
  const unsigned char *s = bytes_of(rest->s);
  size_t n = rest->n, i = 0, space = 0;
  while (i < n && (space = space_at(s + i, n - i)) > 0 &&
         !(lines && s[i] == '\n'))
    i += space;
  size_t from = i;
  if (i < n && space) i++;   /* LF */
  else while (i < n && !space_at(s + i, n - i)) i++;
  return take(rest, from, i - from, word);
}


static int next_word (Piece *rest, Piece *word) {
  return next_spaced(rest, 0, word);
}


static int next_of_line (Piece *rest, Piece *word) {
  return next_spaced(rest, 1, word);
}


static int next_cluster (Piece *rest, Piece *word) {
  return rest->n > 0 &&
         take(rest, 0, rnli_utf8_cluster(bytes_of(rest->s), rest->n), word);
}


static int next_piece (Piece *rest, Piece *word) {
  return rest->n > 0 &&
         take(rest, 0, rnli_piece(bytes_of(rest->s), rest->n), word);
}


/* The class of what 's' (n > 0) begins with, and how many bytes it has. */
static rnli_Class class_at (const unsigned char *s, size_t n, size_t *len) {
  int32_t code;
  int got = rnli_utf8_scan(s, n, &code);
  *len = (size_t)(got < 0 ? -got : got);
  return got < 0 ? RNLI_OTHER : rnli_utf8_class(code);
}


/*
** Where the run of class 'c' ends that has come to 'i', at most RNL_MAX_PIECE
** bytes from the start of 's'. '*last' gets where its last code point is.
*/
static size_t run_end (const unsigned char *s, size_t n, size_t i,
                       rnli_Class c, size_t *last) {
  size_t len;
  while (i < n) {
    rnli_Class d = class_at(s + i, n - i, &len);
    int joins = d == c || (d == RNLI_JOINER && c != RNLI_SPACE);
    if (!joins || i + len > RNL_MAX_PIECE) break;
    *last = i;
    i += len;
  }
  return i;
}


size_t rnli_piece (const unsigned char *s, size_t n) {
  size_t len, last = 0;
  rnli_Class c = class_at(s, n, &len);
  size_t i = run_end(s, n, len, c, &last);
  if (c != RNLI_SPACE || i == n || s[last] != ' ') return i;
  c = class_at(s + i, n - i, &len);
  if (c == RNLI_SPACE) return i;     /* the run is longer than a piece */
  if (last > 0) return last;         /* the space is for the next word */
  return run_end(s, n, i, c, &last);
}


static const Kind kinds[] = {
  [RNL_WORDS] = {1, 0, 1, next_word},
  [RNL_LINES] = {2, 0, 1, next_of_line},
  [RNL_CLUSTERS] = {1, 0, 0, next_cluster},
  [RNL_CLUSTERS_BYTES] = {0, NBYTE, 0, next_cluster},
  [RNL_PIECES] = {0, 0, 0, next_piece}
};


/* Bytes up to the end of the last white space. */
static size_t cut_spaced (const unsigned char *s, size_t n) {
  for (size_t i = n; i > 0; i--) {
    size_t space = space_at(s + i - 1, n - (i - 1));
    if (space) return i - 1 + space;
  }
  return 0;
}


size_t rnl_words_cut (rnl_WordKind kind, const char *s, size_t n) {
  if (kinds[kind].spaced) return cut_spaced(bytes_of(s), n);
  Piece rest = {s, n - rnl_utf8_tail(s, n)}, word = {s, 0};
  while (kinds[kind].next(&rest, &word)) continue;
  return (size_t)(word.s - s);   /* more text may join the last one */
}


size_t rnl_words_gap (const char *s, size_t n) {
  const unsigned char *p = (const unsigned char *)s;
  size_t at = cut_spaced(p, n);
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
  uint64_t d = rnli_mix(w->seed, p.n), last = 0;
  for (; p.n >= 8; p.s += 8, p.n -= 8) {
    uint64_t part;
    memcpy(&part, p.s, 8);
    d = rnli_mix(d, part);
  }
  if (p.n) memcpy(&last, p.s, p.n);
  d = rnli_mix(rnli_mix(d, last), 0);
  return (uint32_t)(d >> 32 ^ d);
}


static Piece word_at (const rnl_Words *w, int id) {
  uint32_t at = w->at[id];
  return (Piece){w->text + at, w->at[id + 1] - at};
}


/* The slot of a word, or the free one where it belongs. */
static size_t find (const rnl_Words *w, Piece p) {
  size_t i = (size_t)((uint64_t)hash_of(w, p) * w->slots >> 32);
  for (; w->slot[i]; i = i + 1 < w->slots ? i + 1 : 0) {
    Piece word = word_at(w, w->slot[i] - 1);
    if (word.n == p.n && memcmp(word.s, p.s, p.n) == 0) break;
  }
  return i;
}


/* Makes room for words, and finds them all their place anew. */
static int grow_table (rnl_Words *w, size_t room, int counts) {
  size_t n = (size_t)w->n, slots = room + room / 2 + 1;
  size_t bytes = rnli_mul(slots + room + 1, sizeof *w->at);
  if (counts) bytes = rnli_add(bytes, rnli_mul(room, sizeof *w->count));
  uint64_t *block = rnli_get(w->ctx, bytes);
  if (!block) return rnli_nomem(w->ctx, "a list of words", bytes);
  rnl_Words grown = *w;
  grown.count = counts ? block : NULL;
  grown.at = (uint32_t *)(block + (counts ? room : 0));
  grown.slot = (int32_t *)(grown.at + room + 1);
  grown.slots = slots;
  grown.room = room;
  if (counts) memset(grown.count, 0, room * sizeof *w->count);
  if (w->count) memcpy(grown.count, w->count, n * sizeof *w->count);
  grown.at[0] = 0;
  if (w->at) memcpy(grown.at, w->at, (n + 1) * sizeof *w->at);
  rnli_put(w->ctx, w->count ? (void *)w->count : w->at);
  *w = grown;
  memset(w->slot, 0, slots * sizeof *w->slot);
  for (int i = 0; i < w->n; i++) w->slot[find(w, word_at(w, i))] = i + 1;
  return RNL_OK;
}


/* Makes room for a word of n bytes more. */
static int grow (rnl_Words *w, size_t n) {
  size_t used = w->at[w->n], room = 2 * w->room;
  if (w->n == RNL_MAX_WORDS)
    return rnli_error(w->ctx, RNL_ESHAPE, "words: the text has more than %d "
                      "different ones", RNL_MAX_WORDS);
  if (n > UINT32_MAX - used)
    return rnli_error(w->ctx, RNL_ESHAPE, "words: different ones have more "
                      "than 4 GiB");
  char *text = rnli_grow(w->ctx, w->text, used, used + n + 1, 1, &w->size,
                         "words");
  if (!text) return RNL_ENOMEM;
  w->text = text;
  if ((size_t)w->n < w->room) return RNL_OK;
  return grow_table(w, room > LEAST ? room : LEAST, w->count != NULL);
}


/* Adds a word that is not there, with the next id. */
static int add (rnl_Words *w, Piece p) {
  int status = grow(w, p.n);
  if (status != RNL_OK) return status;
  uint32_t at = w->at[w->n];
  memcpy(w->text + at, p.s, p.n);
  w->at[w->n + 1] = at + (uint32_t)p.n;
  w->slot[find(w, p)] = w->n + 1;
  w->n++;
  return RNL_OK;
}


int rnli_words_room (rnl_Words *w, size_t n, size_t bytes) {
  size_t used = w->at[w->n];
  char *text = rnli_grow(w->ctx, w->text, used, used + bytes + 1, 1, &w->size,
                         "words");
  if (!text) return RNL_ENOMEM;
  w->text = text;
  n += (size_t)w->n;
  return n > w->room ? grow_table(w, n, w->count != NULL) : RNL_OK;
}


int32_t rnli_words_find (const rnl_Words *w, const char *s, size_t n) {
  return n > RNL_MAX_WORD ? -1 : w->slot[find(w, (Piece){s, n})] - 1;
}


int rnli_words_put (rnl_Words *w, const char *s, size_t n) {
  return add(w, (Piece){s, n});
}

/* }====================================================================== */

/* {== Lists ============================================================== */

int rnl_words_new (rnl_Context *ctx, rnl_WordKind kind, rnl_Words **out) {
  static const Piece symbol[] = {{"<unk>", 5}, {"<eos>", 5}};
  *out = NULL;
  rnl_Words *w = rnli_get(ctx, sizeof *w);
  if (!w) return rnli_nomem(ctx, "a list of words", sizeof *w);
  memset(w, 0, sizeof *w);
  w->ctx = ctx;
  w->kind = &kinds[kind];
  w->seed = (uintptr_t)w;
  rnl_context_retain(ctx);
  int status = grow_table(w, 0, 0);
  for (int i = 0; i < w->kind->symbols && status == RNL_OK; i++)
    status = add(w, symbol[i]);
  if (status == RNL_OK) *out = w;
  else rnl_words_free(w);
  return status;
}


void rnl_words_free (rnl_Words *w) {
  if (!w) return;
  rnl_Context *ctx = w->ctx;
  rnli_put(ctx, w->count ? (void *)w->count : w->at);
  rnli_put(ctx, w->text);
  rnli_put(ctx, w);
  rnl_context_release(ctx);
}


rnl_Context *rnli_words_context (const rnl_Words *w) {
  return w->ctx;
}


int rnl_words_size (const rnl_Words *w) {
  return w->n;
}


uint64_t rnli_words_count (const rnl_Words *w, int id) {
  return w->count ? w->count[id] : 0;
}


uint64_t rnl_words_seen (const rnl_Words *w) {
  return w->seen;
}


const char *rnl_words_at (const rnl_Words *w, int id, size_t *n) {
  Piece word = word_at(w, id);
  *n = word.n;
  return word.s;
}


/*
** May the word stand in a list? A cluster need not be one by the tables of this
** machine: those of other versions of Unicode differ.
*/
static int is_word (const rnl_Words *w, Piece p) {
  Piece rest = p, word;
  if (p.n == 0 || rnl_utf8_check(p.s, p.n, NULL) < p.n) return 0;
  if (!w->kind->spaced) return p.n <= RNL_MAX_CLUSTER;
  return p.n <= RNL_MAX_WORD && next_word(&rest, &word) && word.n == p.n;
}


int rnl_words_add (rnl_Words *w, const char *s, size_t n) {
  Piece word = {s, n};
  if (!is_word(w, word))
    return rnli_error(w->ctx, RNL_EFORMAT, "words: entry %d is no word",
                      w->n + w->ctx->base);
  if (w->slot[find(w, word)])
    return rnli_error(w->ctx, RNL_EFORMAT, "words: entry %d, '%.*s', is there "
                      "twice", w->n + w->ctx->base, (int)n, s);
  return add(w, word);
}


static int is_end (const rnl_Words *w, Piece p) {
  return w->kind == &kinds[RNL_LINES] && p.s[0] == '\n';
}


/* Is the word one that is learnt? */
static int counts (const rnl_Words *w, Piece p) {
  int32_t code;
  if (is_end(w, p) || p.n > RNL_MAX_WORD) return 0;
  return w->kind->next != next_cluster ||
         rnli_utf8_scan(bytes_of(p.s), p.n, &code) > 0;
}


/* Bytes that the words take up. */
static size_t weight (const rnl_Words *w) {
  return w->at[w->n] + (size_t)w->n * WEIGHT;
}


static int keep_half (rnl_Words *w);


static int add_counted (rnl_Words *w, Piece p, uint64_t count) {
  int status = add(w, p);
  if (status == RNL_OK) w->count[w->n - 1] = count;
  return status;
}


/* Counts a word; one that is not there joins. */
static int count_word (rnl_Words *w, Piece p) {
  int32_t found = w->slot[find(w, p)];
  if (found) {
    w->count[found - 1]++;
    return RNL_OK;
  }
  int status = add_counted(w, p, 1);
  if (status == RNL_OK && w->limit && weight(w) > w->limit)
    status = keep_half(w);
  return status;
}


int rnl_words_feed (rnl_Words *w, const char *s, size_t n) {
  Piece rest = {s, n}, word;
  int status = w->count ? RNL_OK : grow_table(w, w->room + LEAST, 1);
  if (status != RNL_OK) return status;
  while (w->kind->next(&rest, &word)) {
    status = counts(w, word) ? count_word(w, word) : RNL_OK;
    if (status != RNL_OK) return status;
    w->seen++;
  }
  return RNL_OK;
}


void rnl_words_limit (rnl_Words *w, size_t bytes) {
  w->limit = bytes;
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


/*
** Words from 'kept' on seen at least 'least' times, in order: a list that is to
** be freed, and how many they are.
*/
static int list_choices (const rnl_Words *w, int kept, uint64_t least,
                         Choice **out, int *nout) {
  size_t bytes = ((size_t)w->n + 1) * sizeof(Choice);
  Choice *list = *out = rnli_get(w->ctx, bytes);
  int n = *nout = 0;
  if (!list) return rnli_nomem(w->ctx, "a list of words", bytes);
  for (int i = kept; i < w->n; i++) {
    Piece word = word_at(w, i);
    uint64_t count = rnli_words_count(w, i);
    if (count >= least) list[n++] = (Choice){word.s, word.n, count};
  }
  qsort(list, (size_t)n, sizeof *list, by_count);
  *nout = n;
  return RNL_OK;
}


/* Lets go of the rarest words, so that half of the limit is free. */
static int keep_half (rnl_Words *w) {
  rnl_Words *made, was;
  Choice *list;
  int n, symbols = w->kind->symbols;
  int status = rnl_words_new(w->ctx, (rnl_WordKind)(w->kind - kinds), &made);
  if (status != RNL_OK) return status;
  status = list_choices(w, symbols, 0, &list, &n);
  if (status == RNL_OK) status = grow_table(made, (size_t)n + LEAST, 1);
  for (int i = 0; i < n && status == RNL_OK; i++) {
    Piece p = {list[i].s, list[i].n};
    if (weight(made) + p.n > w->limit / 2) break;
    status = add_counted(made, p, list[i].count);
  }
  rnli_put(w->ctx, list);
  if (status == RNL_OK) {
    made->limit = w->limit;
    made->seen = w->seen;
    was = *w;
    *w = *made;
    *made = was;
  }
  rnl_words_free(made);
  return status;
}


int rnl_words_choose (const rnl_Words *w, int kept, uint64_t least, int most,
                      rnl_Words **out) {
  rnl_Words *made;
  Choice *list;
  int n;
  int status = rnl_words_new(w->ctx, (rnl_WordKind)(w->kind - kinds), &made);
  *out = NULL;
  if (status != RNL_OK) return status;
  status = list_choices(w, kept, least, &list, &n);
  for (int i = made->n; i < kept && status == RNL_OK; i++) {
    Piece word = word_at(w, i);
    status = rnl_words_add(made, word.s, word.n);
  }
  for (int i = 0; i < n && made->n < most && status == RNL_OK; i++)
    status = rnl_words_add(made, list[i].s, list[i].n);
  rnli_put(w->ctx, list);
  if (status == RNL_OK) *out = made;
  else rnl_words_free(made);
  return status;
}

/* }====================================================================== */

/* {== Text and ids ======================================================= */

/* Appends the id of a word, or those of its bytes. */
static int add_ids (const rnl_Words *w, Piece p, rnli_Ids *ids) {
  int32_t id = is_end(w, p) ? LINE_END : rnli_words_find(w, p.s, p.n);
  int bytes = id < 0 && w->kind->bytes;
  int status = rnli_ids_room(ids, bytes ? p.n : 1);
  if (status != RNL_OK) return status;
  if (!bytes) ids->id[ids->n++] = id < 0 ? UNKNOWN : id;
  for (size_t i = 0; bytes && i < p.n; i++)
    ids->id[ids->n++] = w->n + bytes_of(p.s)[i];
  return RNL_OK;
}


int rnli_words_ids (const rnl_Words *w, const char *s, size_t n,
                    rnli_Ids *ids) {
  Piece rest = {s, n}, word;
  int status = RNL_OK;
  while (status == RNL_OK && w->kind->next(&rest, &word))
    status = add_ids(w, word, ids);
  return status;
}


/* Text of id[i] to 'to', if that is not NULL; its length. */
static size_t put_word (const rnl_Words *w, const int32_t *id, size_t i,
                        char *to) {
  int lines = w->kind == &kinds[RNL_LINES];
  if (id[i] >= w->n || (lines && id[i] == LINE_END)) {
    if (to) *to = lines ? '\n' : (char)(unsigned char)(id[i] - w->n);
    return 1;
  }
  Piece word = word_at(w, id[i]);
  size_t space = w->kind->spaced &&
                 !(lines && i > 0 && id[i - 1] == LINE_END);
  if (to) {
    if (space) *to = ' ';
    memcpy(to + space, word.s, word.n);
  }
  return space + word.n;
}


int rnli_words_text (const rnl_Words *w, rnl_Context *ctx, const int32_t *id,
                     size_t n, char **out, size_t *nout) {
  size_t size = 0;
  int base = ctx->base, most = w->n + w->kind->bytes;
  *out = NULL;
  *nout = 0;
  for (size_t i = 0; i < n; i++) {
    if (id[i] < 0 || id[i] >= most)
      return rnli_error(ctx, RNL_EARG, "decode: id %lld at position %zu is "
                        "not in %d..%d", (long long)id[i] + base,
                        i + (size_t)base, base, most - 1 + base);
    size += put_word(w, id, i, NULL);
  }
  char *s = rnli_get(ctx, rnli_add(size, 1));
  if (!s) return rnli_nomem(ctx, "text", size);
  char *end = s;
  for (size_t i = 0; i < n; i++) end += put_word(w, id, i, end);
  *end = '\0';
  *out = s;
  *nout = size;
  return RNL_OK;
}


int rnl_words_decode (const rnl_Words *w, const int32_t *id, size_t n,
                      char **out, size_t *nout) {
  return rnli_words_text(w, w->ctx, id, n, out, nout);
}

/* }====================================================================== */
