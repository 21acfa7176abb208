/*
** translate.c - beam search for what a sequence to sequence model makes of a
** text: lua/rnn/translate.lua and lua/rnn/hypotheses.lua, for one text.
*/
#include <math.h>

#include "infer/seq2seq.h"
#include "infer/topk.h"
#include "text/units.h"

enum { MOST_WIDTH = 1 << 16, MOST_LENGTH = 1 << 24 };

/* {== Tokens of a text =================================================== */

typedef struct Token {
  const char *s;
  size_t n;
} Token;

typedef struct Tokens {
  char *letters;              /* the text, cut into letters of Hangul */
  rnli_Spans spans;
  Token *token;
  int n;
} Tokens;


static int cut (const rnli_Seq2seq *m, rnl_Context *ctx, const char *s,
                size_t n, Tokens *t) {
  if (m->source_units == RNLI_UNITS_WORDS)
    return rnli_units_words(s, n, &t->spans);
  if (m->source_units == RNLI_UNITS_JAMO) {
    int status = rnli_text_jamo(ctx, s, n, &t->letters, &n);
    if (status != RNL_OK) return status;
    s = t->letters;
  }
  rnli_Span all = rnli_trimmed(s, n);
  int status = rnli_units_chars(s + all.at, all.n, SIZE_MAX, &t->spans);
  for (size_t i = 0; i < t->spans.n; i++) t->spans.span[i].at += all.at;
  return status;
}


/* The tokens of a text; what they are made of is freed by free_tokens. */
static int cut_text (rnl_State *s, const char *text, size_t n, Tokens *t) {
  *t = (Tokens){.spans = {.ctx = s->ctx}};
  int status = cut(s->model->made, s->ctx, text, n, t);
  if (status != RNL_OK) return status;
  if (t->spans.n > INT32_MAX)
    return rnli_error(s->ctx, RNL_EARG, "translate: %zu tokens are too many",
                      t->spans.n);
  t->n = (int)t->spans.n;
  t->token = rnli_work(&s->work, t->spans.n, sizeof *t->token);
  if (!t->token) return RNL_ENOMEM;
  for (int i = 0; i < t->n; i++)
    t->token[i] = (Token){(t->letters ? t->letters : text) +
                          t->spans.span[i].at, t->spans.span[i].n};
  return RNL_OK;
}


static void free_tokens (rnl_Context *ctx, Tokens *t) {
  rnl_text_free(ctx, t->letters);
  rnli_put(ctx, t->spans.span);
}

/* }====================================================================== */

/* {== Options ============================================================ */

static int is_number (double x) {
  return x >= 0 && x <= HUGE_VAL && !isinf(x);
}


static int wants_attention (const rnl_Translate *o) {
  return o->attention || o->copy || o->beta > 0;
}


static int check_options (rnl_State *s, const rnl_Translate *o) {
  const rnli_Seq2seq *m = s->model->made;
  const char *norm = o->normalise;
  rnl_Context *ctx = s->ctx;
  if (o->width < 1 || o->width > MOST_WIDTH)
    return rnli_error(ctx, RNL_EARG, "translate: 'width' must be from 1 to "
                      "%d, got %d", MOST_WIDTH, o->width);
  if (o->n < 1 || o->n > o->width)
    return rnli_error(ctx, RNL_EARG, "translate: 'n' must be from 1 to "
                      "'width', %d, got %d", o->width, o->n);
  if (!norm || (strcmp(norm, "gnmt") != 0 && strcmp(norm, "length") != 0))
    return rnli_error(ctx, RNL_EARG, "translate: 'normalise' must be gnmt or "
                      "length");
  if (!is_number(o->alpha) || !is_number(o->beta) || !is_number(o->ratio) ||
      o->min_length < 0 || o->length < 0)
    return rnli_error(ctx, RNL_EARG, "translate: 'alpha', 'beta', "
                      "'min_length', 'ratio' and 'length' must be 0 or more");
  if (wants_attention(o) && !m->attends)
    return rnli_error(ctx, RNL_EARG, "translate: 'attention', 'beta' and "
                      "'copy' need a model with attention");
  return RNL_OK;
}

/* }====================================================================== */

/* {== Searches =========================================================== */

/* A text is its last token and the text before. */
typedef struct Text {
  const struct Text *before;
  int32_t id;
  int row;                    /* it was made from */
  int tokens;                 /* without the end */
  double logp, score;
  const float *weights;       /* (S) of attention of that token, or NULL */
} Text;

typedef struct Search {
  rnl_State *s;
  const rnli_Seq2seq *m;
  const rnl_Translate *o;
  const Token *source;
  int S;                      /* tokens of the source and its end */
  int least, most;            /* tokens of a result */
  rnli_Memory memory;
  rnli_Writer state, other;   /* of the live texts, one after the other */
  Text **live, **kept, **done;
  int nlive, nkept, ndone, ended;
  int k;                      /* continuations of a text */
  int32_t *ids;               /* (width,k) likeliest first, */
  float *logps;               /* (width,k) */
  int *head;                  /* (width) the next of each */
  float *last;                /* (width) log p of the end */
  float *scores;              /* (width,V) */
  int32_t *read;              /* (width) */
  int *from;                  /* (width) */
} Search;


static int start (rnl_State *s, const rnl_Translate *o, const Token *source,
                  int n, Search *z) {
  const rnli_Seq2seq *m = s->model->made;
  rnli_Work *w = &s->work;
  size_t W = (size_t)o->width, V = (size_t)m->out.U, k;
  double most = floor(o->ratio * n) + o->length;
  *z = (Search){.s = s, .m = m, .o = o, .source = source, .S = n + 1};
  if (n >= INT32_MAX || most > MOST_LENGTH)
    return rnli_error(s->ctx, RNL_EARG, "translate: %d tokens could become "
                      "%.0f; take a smaller 'ratio' or 'length'", n, most);
  z->most = (int)most;
  z->least = o->min_length < z->most ? o->min_length : z->most;
  z->k = o->width + 2 < m->out.U ? o->width + 2 : m->out.U;
  k = (size_t)z->k;
  z->live = rnli_work(w, W, 3 * sizeof *z->live);
  z->head = rnli_work(w, W, 2 * sizeof *z->head);
  z->ids = rnli_work(w, W, (k + 1) * sizeof *z->ids);
  z->scores = rnli_floats(w, W, V + k + 1);
  if (!z->live || !z->head || !z->ids || !z->scores) return RNL_ENOMEM;
  z->kept = z->live + W;
  z->done = z->kept + W;
  z->from = z->head + W;
  z->read = z->ids + W * k;
  z->logps = z->scores + W * V;
  z->last = z->logps + W * k;
  int status = rnli_writer(m, w, o->width, &z->state);
  return status == RNL_OK ? rnli_writer(m, w, o->width, &z->other) : status;
}


static Text *new_text (Search *z, const Text *like) {
  Text *text = rnli_work(&z->s->text, 1, sizeof *text);
  if (text) *text = *like;
  return text;
}


/* Reads the source; one text is live, which has only begun. */
static int read_source (Search *z) {
  const Text root = {.id = RNLI_BEGIN};
  int32_t *ids = rnli_work(&z->s->work, (size_t)z->S, sizeof *ids);
  if (!ids) return RNL_ENOMEM;
  for (int i = 0; i < z->S - 1; i++) {
    int32_t id = rnli_id_of(z->m->source, z->source[i].s, z->source[i].n);
    ids[i] = id < RNLI_SYMBOLS ? RNLI_UNKNOWN : id;
  }
  ids[z->S - 1] = RNLI_END;
  z->live[0] = new_text(z, &root);
  if (!z->live[0]) return RNL_ENOMEM;
  z->nlive = 1;
  return rnli_seq2seq_read(z->s, ids, z->S, &z->state, &z->memory);
}

/* }====================================================================== */

/* {== Worth of texts ===================================================== */

static double norm (const Search *z, int n) {
  double base = strcmp(z->o->normalise, "gnmt") == 0 ? (5.0 + n) / 6 : n;
  return pow(base, z->o->alpha);
}


/* log of how much of each token of the source was looked at, summed. */
static double coverage (const Search *z, const Text *text) {
  double sum = 0;
  for (int i = 0; i < z->S; i++) {
    double seen = 0;
    for (const Text *t = text; t->before; t = t->before)
      seen += (double)t->weights[i];
    sum += log(fmax(fmin((double)(float)seen, 1), 1e-30));
  }
  return sum;
}


static double score (const Search *z, const Text *text) {
  double x = text->logp / norm(z, text->tokens + 1);
  return z->o->beta > 0 ? x + z->o->beta * coverage(z, text) : x;
}


/* Takes a text that has ended; of those with the same score the first is the
** better. */
static void finish (Search *z, Text *text) {
  int i = 0, n = z->o->n;
  text->score = score(z, text);
  while (i < z->ndone && z->done[i]->score >= text->score) i++;
  z->ended++;
  if (i == n) return;
  if (z->ndone < n) z->ndone++;
  memmove(z->done + i + 1, z->done + i,
          (size_t)(z->ndone - 1 - i) * sizeof *z->done);
  z->done[i] = text;
}


/* Can nothing that goes on be among the best any more? */
static int is_over (const Search *z) {
  if (z->nlive == 0) return 1;
  if (z->ndone < z->o->n) return 0;
  return z->done[z->ndone - 1]->score >=
         z->live[0]->logp / norm(z, z->most + 1);
}

/* }====================================================================== */

/* {== A step ============================================================= */

static int is_nan (const float *x, size_t n) {
  int bad = 0;
  for (size_t i = 0; i < n; i++) bad |= x[i] != x[i];
  return bad;
}


/* What may follow each live text: of one that is full, its end alone. */
static int continuations (Search *z) {
  size_t V = (size_t)z->m->out.U, k = (size_t)z->k;
  for (size_t w = 0; w < (size_t)z->nlive; w++) {
    float *x = z->scores + w * V;
    rnli_log_softmax(x, V);
    if (is_nan(x, V))
      return rnli_error(z->s->ctx, RNL_EDIVERGED, "translate: the scores are "
                        "not finite: the model has diverged or is damaged");
    rnli_topk(x, (int)V, z->k, z->ids + w * k);
    for (size_t i = 0; i < k; i++)
      z->logps[w * k + i] = x[z->ids[w * k + i]];
    z->last[w] = x[RNLI_END];
    z->head[w] = 0;
  }
  return RNL_OK;
}


/* The continuation of a live text that comes next; 0 when there is none. */
static int next_of (const Search *z, int w, int32_t *id, double *logp) {
  int i = z->head[w], full = z->live[w]->tokens == z->most;
  size_t at = (size_t)w * (size_t)z->k + (size_t)i;
  if (i >= (full ? 1 : z->k)) return 0;
  *id = full ? RNLI_END : z->ids[at];
  *logp = z->live[w]->logp + (double)(full ? z->last[w] : z->logps[at]);
  return 1;
}


/* The live text with the likeliest continuation, of equals the first; -1. */
static int likeliest (const Search *z, int32_t *id, double *logp) {
  int best = -1;
  for (int w = 0; w < z->nlive; w++) {
    int32_t own;
    double x;
    if (!next_of(z, w, &own, &x) || (best >= 0 && !(x > *logp))) continue;
    best = w;
    *id = own;
    *logp = x;
  }
  return best;
}


/* Goes on by one token with the likeliest of all continuations. */
static int advance (Search *z, const float *weights) {
  int w;
  Text next;
  z->nkept = 0;
  while (z->nkept + z->ended < z->o->width &&
         (w = likeliest(z, &next.id, &next.logp)) >= 0) {
    const Text *text = z->live[w];
    z->head[w]++;
    if (next.id == RNLI_BEGIN ||
        (next.id == RNLI_END && text->tokens < z->least))
      continue;
    next.before = text;
    next.row = w;
    next.tokens = text->tokens + (next.id != RNLI_END);
    next.weights = weights ? weights + (size_t)w * (size_t)z->S : NULL;
    Text *made = new_text(z, &next);
    if (!made) return RNL_ENOMEM;
    if (next.id == RNLI_END) finish(z, made);
    else z->kept[z->nkept++] = made;
  }
  return RNL_OK;
}


/* What was kept is live now. */
static void turn (Search *z) {
  Text **live = z->live;
  rnli_Writer state = z->state;
  for (int w = 0; w < z->nkept; w++) z->from[w] = z->kept[w]->row;
  rnli_writer_pick(z->m, &z->state, z->nlive, z->from, z->nkept, &z->other);
  z->live = z->kept;
  z->kept = live;
  z->nlive = z->nkept;
  z->state = z->other;
  z->other = state;
}


static int step (Search *z) {
  float *weights = NULL;
  if (wants_attention(z->o)) {
    weights = rnli_floats(&z->s->text, (size_t)z->nlive, (size_t)z->S);
    if (!weights) return RNL_ENOMEM;
  }
  for (int w = 0; w < z->nlive; w++) z->read[w] = z->live[w]->id;
  int status = rnli_seq2seq_write(z->s, z->read, z->nlive, &z->state,
                                  &z->memory, z->scores, weights);
  if (status == RNL_OK) status = continuations(z);
  if (status == RNL_OK) status = advance(z, weights);
  if (status == RNL_OK) turn(z);
  return status;
}

/* }====================================================================== */

/* {== Results ============================================================ */

/* Where a row has its largest number, among the first n > 0. */
static int argmax (const float *x, int n) {
  int best = 0;
  for (int i = 1; i < n; i++)
    if (x[i] > x[best]) best = i;
  return best;
}


static Token token_of (const Search *z, const Text *t) {
  Token token;
  if (z->o->copy && t->id == RNLI_UNKNOWN && z->S > 1)
    return z->source[argmax(t->weights, z->S - 1)];
  token.s = rnl_words_at(z->m->target, t->id, &token.n);
  return token;
}


/* Attention along a text (tokens + 1, S). */
static int copy_attention (const Search *z, const Text *text, float **out) {
  size_t S = (size_t)z->S, row = (size_t)text->tokens;
  float *to = rnli_floats(&z->s->text, row + 1, S);
  *out = to;
  if (!to) return RNL_ENOMEM;
  for (const Text *t = text; t->before; t = t->before, row--)
    memcpy(to + row * S, t->weights, S * sizeof *to);
  return RNL_OK;
}


/*
** The tokens of a text that has ended, its last one being the end; their bytes
** lie in memory that stays.
*/
static int copy_tokens (const Search *z, const Text *text, const char **token,
                        rnl_Translation *out) {
  size_t bytes = 1, gap = z->m->target_units == RNLI_UNITS_WORDS;
  for (const Text *t = text->before; t->before; t = t->before)
    bytes = rnli_add(bytes, token_of(z, t).n + 1);
  char *each = rnli_work(&z->s->text, bytes, 1);
  char *all = rnli_work(&z->s->text, bytes, 1);
  if (!each || !all) return RNL_ENOMEM;
  all += bytes - 1;
  *all = '\0';
  size_t i = (size_t)text->tokens;
  for (const Text *t = text->before; t->before; t = t->before) {
    Token own = token_of(z, t);
    token[--i] = memcpy(each, own.s, own.n);
    each[own.n] = '\0';
    each += own.n + 1;
    all -= own.n;
    memcpy(all, own.s, own.n);
    out->n += own.n + (i > 0 ? gap : 0);
    if (i > 0 && gap) *--all = ' ';
  }
  out->text = all;
  return RNL_OK;
}


static int result_of (const Search *z, const Text *text,
                      rnl_Translation *out) {
  size_t n = (size_t)text->tokens;
  const char **token = rnli_work(&z->s->text, n, sizeof *token);
  float *attention = NULL;
  if (!token) return RNL_ENOMEM;
  *out = (rnl_Translation){.tokens = token, .ntokens = text->tokens,
                           .logp = text->logp, .score = text->score,
                           .full = text->tokens >= z->most};
  int status = copy_tokens(z, text, token, out);
  if (status == RNL_OK && z->o->attention)
    status = copy_attention(z, text, &attention);
  out->attention = attention;
  return status;
}


static int results_of (const Search *z, const rnl_Translation **out,
                       int *nout) {
  rnl_Translation *list = rnli_work(&z->s->text, (size_t)z->ndone,
                                    sizeof *list);
  int status = list ? RNL_OK : RNL_ENOMEM;
  for (int i = 0; status == RNL_OK && i < z->ndone; i++)
    status = result_of(z, z->done[i], &list[i]);
  if (status != RNL_OK) return status;
  *out = list;
  *nout = z->ndone;
  return RNL_OK;
}

/* }====================================================================== */


static int search (rnl_State *s, const rnl_Translate *o, const Token *token,
                   int n, const rnl_Translation **out, int *nout) {
  Search z;
  int status = start(s, o, token, n, &z);
  if (status == RNL_OK) status = read_source(&z);
  while (status == RNL_OK && !is_over(&z)) status = step(&z);
  return status == RNL_OK ? results_of(&z, out, nout) : status;
}


/* Checks what is asked for; the options, those by default too, go to '*o'. */
static int begin (rnl_State *s, const rnl_Translate *given, rnl_Translate *o,
                  const rnl_Translation **out, int *nout) {
  *out = NULL;
  *nout = 0;
  int status = rnli_expect_kind(s, &rnli_kind_seq2seq);
  if (status == RNL_OK && given && !rnli_options(o, sizeof *o, given))
    status = rnli_error(s->ctx, RNL_EARG, "translate: options must begin with "
                        "RNL_TRANSLATE");
  if (status == RNL_OK) status = check_options(s, o);
  if (status == RNL_OK) rnli_work_reset(&s->text);
  return status;
}


int rnl_state_translate_tokens (rnl_State *s, const rnl_Translate *options,
                                const char *const *tokens, int n,
                                const rnl_Translation **out, int *nout) {
  rnl_Translate o = RNL_TRANSLATE;
  int status = begin(s, options, &o, out, nout);
  if (status == RNL_OK && n < 0)
    status = rnli_error(s->ctx, RNL_EARG, "translate: there cannot be %d "
                        "tokens", n);
  if (status != RNL_OK) return status;
  Token *token = rnli_work(&s->work, (size_t)n, sizeof *token);
  if (!token) status = RNL_ENOMEM;
  for (int i = 0; status == RNL_OK && i < n; i++)
    token[i] = (Token){tokens[i], strlen(tokens[i])};
  if (status == RNL_OK) status = search(s, &o, token, n, out, nout);
  rnli_work_reset(&s->work);
  return status;
}


int rnl_state_translate (rnl_State *s, const rnl_Translate *options,
                         const char *text, size_t n,
                         const rnl_Translation **out, int *nout) {
  rnl_Translate o = RNL_TRANSLATE;
  Tokens tokens;
  int status = begin(s, options, &o, out, nout);
  if (status != RNL_OK) return status;
  status = cut_text(s, text, n, &tokens);
  if (status == RNL_OK && tokens.n > 0)
    status = search(s, &o, tokens.token, tokens.n, out, nout);
  free_tokens(s->ctx, &tokens);
  rnli_work_reset(&s->work);
  return status;
}
