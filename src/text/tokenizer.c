/*
** tokenizer.c - tokenizers of model files: what lua/rnn/tokenizers do, each of
** which says in spec() what its specification is.
*/
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text/dict.h"
#include "text/tokenizer.h"

typedef rnli_Piece Piece;

/* Words of specifications. */
enum {
  SINGLE = 1, NFC = 2, NFKC = 4, BYTES = 8, BYTES_SEEN = 16, UNICODE = 32,
  LINES = 64,
  FORM = NFC | NFKC, ANY_BYTES = BYTES | BYTES_SEEN
};

enum { NBYTE = 256, HEX_CODE = 6, HEX_ID = 7, MOST_SHOWN = 40 };

struct rnli_Tokenizer {
  rnl_Context *ctx;
  size_t most;           /* ids that are listed, at most */
  unsigned options;
  rnl_Vocab *vocab;      /* of "byte" and "char" */
  rnl_Bpe *bpe;
  rnl_Words *words;      /* of the others */
  int spaced;            /* "word", "dict": words stand after spaces */
  rnl_Dict *dict, *user; /* of "dict"; user words */
};

static const Piece GAP = {"\xE2\x96\x81", 3};   /* white space: U+2581 */

/* {== Reading specifications ============================================= */

static int damaged (rnl_Context *ctx, const char *what) {
  return rnli_error(ctx, RNL_EFORMAT, "tokenizer: %s damaged", what);
}


static int damaged_all (rnl_Context *ctx) {
  return damaged(ctx, "its description is");
}


static int damaged_list (rnl_Context *ctx) {
  return damaged(ctx, "its list of characters is");
}


/* Says, of an error but that of memory, that a tokenizer has it. */
static int blame (rnl_Context *ctx, int status, const char *where) {
  char text[sizeof ctx->err];
  if (status == RNL_OK || status == RNL_ENOMEM) return status;
  memcpy(text, ctx->err, sizeof text);
  return rnli_error(ctx, RNL_EFORMAT, "tokenizer: %s%s", where, text);
}


/* The first n bytes. */
static Piece take_bytes (Piece *rest, size_t n) {
  Piece p = {rest->s, n};
  *rest = (Piece){rest->s + n, rest->n - n};
  return p;
}


/* Passes over 'p', which 'rest' must begin with; 0 if it does not. */
static int pass (Piece *rest, Piece p) {
  if (rest->n < p.n || memcmp(rest->s, p.s, p.n) != 0) return 0;
  take_bytes(rest, p.n);
  return 1;
}


static int pass_text (Piece *rest, const char *s) {
  return pass(rest, (Piece){s, strlen(s)});
}


static int is_word (Piece p, const char *s) {
  return pass_text(&p, s) && p.n == 0;
}


/* What stands before the next byte of 'ends', or before the end. */
static Piece take (Piece *rest, const char *ends) {
  size_t i = 0;
  while (i < rest->n && (rest->s[i] == '\0' || !strchr(ends, rest->s[i]))) i++;
  return take_bytes(rest, i);
}


/* The lower-case letters and hyphens that come next. */
static Piece take_name (Piece *rest) {
  size_t i = 0;
  while (i < rest->n && ((rest->s[i] >= 'a' && rest->s[i] <= 'z') ||
                         rest->s[i] == '-'))
    i++;
  return take_bytes(rest, i);
}


/*
** Takes an option, one of 'known'. They stand in the order of their bits, and
** of those that exclude each other there is one.
*/
static int read_option (rnli_Tokenizer *t, Piece *rest, unsigned known) {
  static const struct {
    char name[12];
    unsigned option, least;   /* the first of those that exclude it */
  } list[] = {
    {"single", SINGLE, SINGLE}, {"nfc", NFC, NFC}, {"nfkc", NFKC, NFC},
    {"bytes", BYTES, BYTES}, {"bytes-seen", BYTES_SEEN, BYTES},
    {"unicode", UNICODE, UNICODE}, {"lines", LINES, LINES}};
  Piece word = take_name(rest);
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    if (!(known & list[i].option) || !is_word(word, list[i].name)) continue;
    if (t->options >= list[i].least) return damaged_all(t->ctx);
    t->options |= list[i].option;
    return RNL_OK;
  }
  if (word.n == 0) return damaged_all(t->ctx);
  return rnli_error(t->ctx, RNL_EFORMAT, "tokenizer: unknown option '%.*s'",
                    word.n < MOST_SHOWN ? (int)word.n : MOST_SHOWN, word.s);
}


/* Options, each after a space, then " :". */
static int read_options (rnli_Tokenizer *t, Piece *rest, unsigned known) {
  int status = RNL_OK;
  while (status == RNL_OK && !pass_text(rest, " :"))
    status = pass_text(rest, " ") ? read_option(t, rest, known)
                                  : damaged_all(t->ctx);
  return status;
}


/* The next of a list of items, each after one space; 0: there is none. */
static int next_item (Piece *rest, Piece *item) {
  if (rest->n < 2 || rest->s[0] != ' ' || rest->s[1] == ' ') return 0;
  pass_text(rest, " ");
  *item = take(rest, " ");
  return 1;
}


/* Takes a number in hexadecimal of at most 'most' digits; -1: there is none. */
static int32_t take_hex (Piece *rest, size_t most) {
  int32_t x = 0;
  size_t i = 0;
  for (; i < rest->n; i++) {
    char c = rest->s[i];
    int digit = c >= '0' && c <= '9' ? c - '0'
              : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) break;
    if (i == most || (i == 1 && x == 0)) return -1;   /* "0a" is "a" */
    x = x * 16 + digit;
  }
  take_bytes(rest, i);
  return i > 0 ? x : -1;
}


/* How many there are, each after a space, if these are not too many. */
static int count_items (const rnli_Tokenizer *t, Piece rest, size_t *n) {
  *n = 0;
  for (size_t i = 0; i < rest.n; i++) *n += rest.s[i] == ' ';
  if (*n <= t->most) return RNL_OK;
  return rnli_error(t->ctx, RNL_EFORMAT, "tokenizer: it has more than %zu ids",
                    t->most);
}

/* }====================================================================== */

/* {== Bytes and characters =============================================== */

static int read_byte (rnli_Tokenizer *t, Piece rest) {
  int status = pass_text(&rest, " ") ? read_option(t, &rest, FORM) : RNL_OK;
  if (status == RNL_OK && rest.n > 0) status = damaged_all(t->ctx);
  if (status != RNL_OK) return status;
  return rnl_vocab_new(t->ctx, NULL, 0, 1, &t->vocab);
}


static int add_codes (rnli_Ids *codes, size_t most, int32_t first,
                      int32_t last) {
  size_t n = (size_t)(last - first) + 1;
  if (codes->n + n > most) return damaged_list(codes->ctx);
  int status = rnli_ids_room(codes, n);
  while (status == RNL_OK && first <= last) codes->id[codes->n++] = first++;
  return status;
}


/*
** Code points, "61 63-65". '*split' tells of a run that was not written as one,
** for which the list itself has no word.
*/
static int read_codes (const rnli_Tokenizer *t, Piece rest, rnli_Ids *codes,
                       int *split) {
  size_t most = t->most < RNLI_MAX_CODE ? t->most : RNLI_MAX_CODE + 1, n;
  Piece item;
  int status = count_items(t, rest, &n);
  if (status == RNL_OK && n > 0) status = rnli_ids_room(codes, n);
  *split = 0;
  while (status == RNL_OK && next_item(&rest, &item)) {
    int32_t first = take_hex(&item, HEX_CODE), last = first;
    if (pass_text(&item, "-")) {
      last = take_hex(&item, HEX_CODE);
      if (last <= first) return damaged_list(codes->ctx);
    }
    if (first < 0 || last > RNLI_MAX_CODE || item.n > 0)
      return damaged_list(codes->ctx);
    *split |= codes->n > 0 && codes->id[codes->n - 1] + 1 == first;
    status = add_codes(codes, most, first, last);
  }
  return status == RNL_OK && rest.n > 0 ? damaged_all(codes->ctx) : status;
}


static int read_char (rnli_Tokenizer *t, Piece rest) {
  rnli_Ids codes = {.ctx = t->ctx};
  int split, status = read_options(t, &rest, FORM | ANY_BYTES);
  if (status != RNL_OK) return status;
  status = read_codes(t, rest, &codes, &split);
  if (status == RNL_OK)
    status = blame(t->ctx, rnl_vocab_new(t->ctx, codes.id, (int)codes.n,
                                         (t->options & ANY_BYTES) != 0,
                                         &t->vocab), "");
  rnli_put(t->ctx, codes.id);
  return status == RNL_OK && split ? damaged_all(t->ctx) : status;
}

/* }====================================================================== */

/* {== Byte pairs ========================================================= */

/* Pairs of tokens, "74+68". */
static int read_pairs (const rnli_Tokenizer *t, Piece rest, rnli_Ids *pairs) {
  Piece item;
  size_t n;
  int status = count_items(t, rest, &n);
  if (status == RNL_OK && n > 0) status = rnli_ids_room(pairs, 2 * n);
  if (status != RNL_OK) return status;
  while (next_item(&rest, &item)) {
    int32_t left = take_hex(&item, HEX_ID);
    int plus = pass_text(&item, "+");
    int32_t right = take_hex(&item, HEX_ID);
    if (left < 0 || !plus || right < 0 || item.n > 0)
      return damaged_all(pairs->ctx);
    pairs->id[pairs->n++] = left;
    pairs->id[pairs->n++] = right;
  }
  return rest.n > 0 ? damaged_all(pairs->ctx) : RNL_OK;
}


static int read_bpe (rnli_Tokenizer *t, Piece rest) {
  rnli_Ids pairs = {.ctx = t->ctx};
  int status = read_options(t, &rest, FORM);
  if (status != RNL_OK) return status;
  status = read_pairs(t, rest, &pairs);
  if (status == RNL_OK)
    status = blame(t->ctx, rnl_bpe_new(t->ctx, pairs.id, pairs.n / 2, &t->bpe),
                   "");
  rnli_put(t->ctx, pairs.id);
  return status;
}

/* }====================================================================== */

/* {== Clusters and words ================================================= */

static int list_room (rnli_Tokenizer *t, Piece rest) {
  size_t n;
  int status = count_items(t, rest, &n);
  return status == RNL_OK ? rnli_words_room(t->words, n, rest.n - n) : status;
}


/* Adds the cluster that an item tells the code points of, "65+301". */
static int add_cluster (rnli_Tokenizer *t, Piece item) {
  char s[RNL_MAX_CLUSTER + 4];
  size_t n = 0;
  do {
    int32_t code = take_hex(&item, HEX_CODE);
    if (code < 0 || code > RNLI_MAX_CODE) return damaged_list(t->ctx);
    n += (size_t)rnli_utf8_put(code, s + n);
  } while (n <= RNL_MAX_CLUSTER && pass_text(&item, "+"));
  if (item.n > 0) return damaged_list(t->ctx);
  return blame(t->ctx, rnl_words_add(t->words, s, n), "");
}


static int read_grapheme (rnli_Tokenizer *t, Piece rest) {
  Piece item;
  int status = read_options(t, &rest, FORM | ANY_BYTES);
  if (status == RNL_OK)
    status = rnl_words_new(t->ctx, t->options & ANY_BYTES
                           ? RNL_CLUSTERS_BYTES : RNL_CLUSTERS, &t->words);
  if (status == RNL_OK) status = list_room(t, rest);
  while (status == RNL_OK && next_item(&rest, &item))
    status = add_cluster(t, item);
  return status == RNL_OK && rest.n > 0 ? damaged_all(t->ctx) : status;
}


static int read_words (rnli_Tokenizer *t, Piece rest, unsigned known) {
  Piece item;
  int status = read_options(t, &rest, known);
  t->spaced = 1;
  if (status == RNL_OK)
    status = rnl_words_new(t->ctx, t->options & LINES ? RNL_LINES : RNL_WORDS,
                           &t->words);
  if (status == RNL_OK) status = list_room(t, rest);
  while (status == RNL_OK && next_item(&rest, &item))
    status = blame(t->ctx, rnl_words_add(t->words, item.s, item.n), "");
  return status == RNL_OK && rest.n > 0 ? damaged_all(t->ctx) : status;
}


static int read_word (rnli_Tokenizer *t, Piece rest) {
  return read_words(t, rest, FORM | UNICODE | LINES);
}

/* }====================================================================== */

/* {== Dictionaries ======================================================= */

/* Are the lines what a dictionary is written as? */
static int same_lines (const rnl_Dict *d, const rnl_Entry *list, Piece rest) {
  char freq[32];
  for (size_t i = 0; i < rnl_dict_size(d); i++) {
    const rnl_Entry *e = &list[i];
    snprintf(freq, sizeof freq, " %" PRIu64, e->freq);
    if (!pass(&rest, (Piece){e->s, e->n}) || !pass_text(&rest, freq) ||
        (*e->tag && !(pass_text(&rest, " ") && pass_text(&rest, e->tag))) ||
        !pass_text(&rest, "\n"))
      return 0;
  }
  return rest.n == 0;
}


static int read_lines (rnl_Context *ctx, Piece lines, rnl_Dict **out) {
  char where[32];
  rnl_Entry *list;
  size_t line;
  int status = rnl_dict_new(ctx, out);
  if (status != RNL_OK) return status;
  status = rnl_dict_read(*out, lines.s, lines.n, &line);
  snprintf(where, sizeof where, "line %zu: ", line);
  status = blame(ctx, status, where);
  if (status == RNL_OK) status = rnl_dict_list(*out, &list);
  if (status != RNL_OK) return status;
  if (!same_lines(*out, list, lines)) status = damaged_all(ctx);
  rnl_entries_free(ctx, list);
  return status;
}


/* The words that have ids; lines of the dictionary, a blank one, the user's. */
static int read_dict (rnli_Tokenizer *t, Piece rest) {
  Piece first = take(&rest, "\n"), lines = rest;
  size_t i = 0;
  while (i + 1 < lines.n && memcmp(lines.s + i, "\n\n", 2) != 0) i++;
  if (i + 1 >= lines.n) return damaged_all(t->ctx);
  Piece words = {lines.s + 1, i};
  Piece user = {lines.s + i + 2, lines.n - i - 2};
  int status = read_words(t, first, SINGLE | FORM | UNICODE | LINES);
  if (status == RNL_OK) status = read_lines(t->ctx, words, &t->dict);
  if (status == RNL_OK) status = read_lines(t->ctx, user, &t->user);
  if (status == RNL_OK && !(t->options & SINGLE))
    status = rnli_dict_spell(t->dict);
  return status;
}

/* }====================================================================== */

/* {== Making ============================================================= */

static int read_spec (rnli_Tokenizer *t, Piece spec) {
  static const struct {
    char name[16];
    int (*read) (rnli_Tokenizer *t, Piece rest);
  } kind[] = {{"byte", read_byte}, {"char", read_char}, {"bpe", read_bpe},
              {"grapheme", read_grapheme}, {"word", read_word},
              {"dict", read_dict}};
  Piece name = take(&spec, " \n");
  for (size_t i = 0; i < sizeof kind / sizeof *kind; i++)
    if (is_word(name, kind[i].name)) return kind[i].read(t, spec);
  return damaged_all(t->ctx);
}


int rnli_tokenizer_new (rnl_Context *ctx, const char *spec, size_t n,
                        size_t most, rnli_Tokenizer **out) {
  rnli_Tokenizer *t = rnli_get(ctx, sizeof *t);
  *out = NULL;
  if (!t) return rnli_nomem(ctx, "a tokenizer", sizeof *t);
  *t = (rnli_Tokenizer){.ctx = ctx, .most = most};
  rnl_context_retain(ctx);
  int status = read_spec(t, (Piece){spec, n});
  if (status == RNL_OK) *out = t;
  else rnli_tokenizer_free(t);
  return status;
}


void rnli_tokenizer_free (rnli_Tokenizer *t) {
  if (!t) return;
  rnl_Context *ctx = t->ctx;
  rnl_vocab_free(t->vocab);
  rnl_bpe_free(t->bpe);
  rnl_words_free(t->words);
  rnl_dict_free(t->dict);
  rnl_dict_free(t->user);
  rnli_put(ctx, t);
  rnl_context_release(ctx);
}


int rnli_tokenizer_size (const rnli_Tokenizer *t) {
  if (t->vocab) return rnl_vocab_size(t->vocab);
  if (t->bpe) return rnl_bpe_size(t->bpe);
  return rnl_words_size(t->words) + (t->options & ANY_BYTES ? NBYTE : 0);
}


int rnli_tokenizer_usable (const rnli_Tokenizer *t) {
  return rnli_tokenizer_size(t) - (t->options & BYTES ? NBYTE : 0);
}

/* }====================================================================== */

/* {== Text to ids ======================================================== */

/* Ids of the white space between words: of its line ends, or one. */
static int gap_ids (const rnli_Tokenizer *t, Piece gap, rnli_Ids *ids) {
  int lines = t->options & LINES && memchr(gap.s, '\n', gap.n) != NULL;
  if (gap.n > 0 && !lines) gap = GAP;
  return rnli_words_ids(t->words, gap.s, gap.n, ids);
}


/* Ids of words and of what stands between them. */
static int cut_ids (const rnli_Tokenizer *t, Piece text, const rnl_Cut *cut,
                    size_t n, rnli_Ids *ids) {
  size_t at = 0;
  int status = RNL_OK;
  for (size_t i = 0; i < n && status == RNL_OK; i++) {
    size_t from = cut[i].from, to = cut[i].to;
    if (cut[i].kind == RNL_CUT_SPACE) continue;
    status = gap_ids(t, (Piece){text.s + at, from - at}, ids);
    if (status == RNL_OK)
      status = rnli_words_ids(t->words, text.s + from, to - from, ids);
    at = to;
  }
  if (status != RNL_OK) return status;
  return gap_ids(t, (Piece){text.s + at, text.n - at}, ids);
}


/* Words that the dictionary cuts a text into. */
static int dict_ids (const rnli_Tokenizer *t, Piece text, rnli_Ids *ids) {
  const rnl_Dict *user = t->user;
  rnl_CutMode mode = t->options & SINGLE ? RNL_CUT_BEST : RNL_CUT_GUESS;
  rnl_Cut *cut;
  size_t n;
  int status = rnli_dict_cut(t->dict, &user, 1, mode, ids->ctx, text.s, text.n,
                             &cut, &n);
  if (status == RNL_OK) status = cut_ids(t, text, cut, n, ids);
  rnl_cuts_free(ids->ctx, cut);
  return status;
}


/* Words of a text, with punctuation apart. */
static int apart_ids (const rnli_Tokenizer *t, Piece text, rnli_Ids *ids) {
  char *s;
  size_t n;
  int status = rnl_text_apart(ids->ctx, text.s, text.n, &s, &n);
  if (status != RNL_OK) return status;
  status = rnli_words_ids(t->words, s, n, ids);
  rnl_text_free(ids->ctx, s);
  return status;
}


/* Ids of a text in the normal form of the tokenizer. */
static int prepared_ids (const rnli_Tokenizer *t, Piece text, rnli_Ids *ids) {
  if (t->vocab) return rnli_vocab_ids(t->vocab, text.s, text.n, ids);
  if (t->bpe) return rnli_bpe_ids(t->bpe, text.s, text.n, ids);
  if (t->dict) return dict_ids(t, text, ids);
  if (t->options & UNICODE) return apart_ids(t, text, ids);
  return rnli_words_ids(t->words, text.s, text.n, ids);
}


int rnli_tokenizer_ids (const rnli_Tokenizer *t, const char *s, size_t n,
                        rnli_Ids *ids) {
  Piece text = {s, n};
  char *form;
  if (!(t->options & FORM)) return prepared_ids(t, text, ids);
  int status = rnl_utf8_normalise(ids->ctx, t->options & NFC ? RNL_NFC
                                  : RNL_NFKC, s, n, &form, &text.n);
  if (status != RNL_OK) return status;
  text.s = form;
  status = prepared_ids(t, text, ids);
  rnl_text_free(ids->ctx, form);
  return status;
}

/* }====================================================================== */

/* {== Ids to text ======================================================== */

/* Words as they were before a dictionary cut them: takes the spaces out. */
static size_t join_words (char *s, size_t n) {
  size_t kept = 0;
  for (size_t i = 0, used; i < n; i += used) {
    int gap = n - i >= GAP.n && memcmp(s + i, GAP.s, GAP.n) == 0;
    used = gap ? GAP.n : 1;
    if (s[i] != ' ') s[kept++] = gap ? ' ' : s[i];
  }
  s[kept] = '\0';
  return kept;
}


int rnli_tokenizer_text (const rnli_Tokenizer *t, rnl_Context *ctx,
                         const int32_t *id, size_t n, char **out,
                         size_t *nout) {
  if (t->vocab) return rnli_vocab_text(t->vocab, ctx, id, n, out, nout);
  if (t->bpe) return rnli_bpe_text(t->bpe, ctx, id, n, out, nout);
  int status = rnli_words_text(t->words, ctx, id, n, out, nout);
  if (status == RNL_OK && t->dict) *nout = join_words(*out, *nout);
  return status;
}


/* What was held and what comes, but for the start of a character. */
static int hold (rnli_Stream *s, rnl_Context *ctx, const char *more, size_t n,
                 int ends, char **out, size_t *nout) {
  rnli_Text t = {.ctx = ctx};
  int status = rnli_text_room(&t, rnli_add(n, sizeof s->held));
  if (status != RNL_OK) return status;
  rnli_text_add(&t, s->held, s->nheld);   /* there is room */
  rnli_text_add(&t, more, n);
  s->nheld = ends ? 0 : rnl_utf8_tail(t.s, t.n);
  t.n -= s->nheld;
  memcpy(s->held, t.s + t.n, s->nheld);
  status = rnl_utf8_repair(ctx, 1, t.s, t.n, out, nout);
  rnli_put(ctx, t.s);
  return status;
}


/* The first word of a line has no space before it. */
static size_t trim (rnli_Stream *s, char *word, size_t n) {
  if (s->begins && n > 0 && word[0] == ' ') memmove(word, word + 1, n--);
  s->begins = n == 1 && word[0] == '\n';
  return n;
}


int rnli_stream_next (rnli_Stream *s, rnl_Context *ctx, const int32_t *id,
                      char **out, size_t *nout) {
  const rnli_Tokenizer *t = s->tok;
  char *text = NULL;
  size_t n = 0;
  int status = RNL_OK;
  *out = NULL;
  *nout = 0;
  if (id) status = rnli_tokenizer_text(t, ctx, id, 1, &text, &n);
  if (status != RNL_OK) return status;
  if (id && t->spaced) {
    *out = text;
    *nout = t->dict ? n : trim(s, text, n);
    return RNL_OK;
  }
  status = hold(s, ctx, text, n, !id, out, nout);
  rnl_text_free(ctx, text);
  return status;
}

/* }====================================================================== */
