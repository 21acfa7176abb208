/*
** classifier.c - the kind "classifier": a label for a text.
**
**    tokens, characters of words -> net -> pool -> out
**
** A hierarchical one reads sentences so, then their vectors likewise; with
** naive Bayes, what that says of the text goes into 'out' as well
** (lua/rnn/models/bayes.lua): for each label, the sum over the different grams
** of the text, tokens and tokens side by side, over the root of their number.
*/
#include <math.h>

#include "infer/infer.h"

enum { LONGEST = 64 };        /* tokens of a sentence; more begin another one */

typedef struct Classifier {
  int chars;                  /* tokens are characters, not words */
  int hierarchical;
  size_t most;                /* tokens of a text that are read */
  const rnl_Words *words;
  rnli_Table embed;
  const rnl_Words *grams;     /* NULL: no Bayes */
  rnli_Table bayes;           /* (grams, labels) */
  int F;                      /* of the vector of a text, without Bayes */
  rnli_Mlp out;
  rnli_Spelt spelt;
  rnli_Reader reader, sentences;
} Classifier;

/* {== Loading ============================================================ */

/* 0 if the description is damaged. */
static int read_description (const rnli_Json *o, int labels, Classifier *m) {
  int64_t most = rnli_int(o, "max_length", 1, INT64_MAX);
  double rate = rnli_member(o, "word_dropout", -1);
  m->chars = rnli_among(rnli_json_get(o, "tokens"), "words|chars");
  m->hierarchical = rnli_truth(o, "hierarchical");
  m->most = (uint64_t)most < SIZE_MAX ? (size_t)most : SIZE_MAX;
  return m->chars >= 0 && m->hierarchical >= 0 && most >= 1 &&
         rate >= 0 && rate <= 1 && rnli_counts(o, labels);
}


static int load_words (rnli_Loader *l, Classifier *m) {
  int status = rnli_embedded(l, "words", 1, "embed", -1, &m->words, &m->embed);
  if (status == RNL_OK) status = rnli_spelt(l, &m->spelt);
  if (status == RNL_OK && (m->embed.D < 1 ||
                           m->embed.D > INT32_MAX - m->spelt.F))
    return rnli_misfit(l, "its layer 'embed' has no fitting size");
  return status;
}


static int load_bayes (rnli_Loader *l, Classifier *m) {
  if (!rnli_meta(l, "grams")) return RNL_OK;
  return rnli_embedded(l, "grams", 1, "bayes", l->model->sizes.labels,
                       &m->grams, &m->bayes);
}


static int load_layers (rnli_Loader *l, Classifier *m) {
  int K = l->model->sizes.labels;
  int status = rnli_reader(l, "rnn", "pool", m->embed.D + m->spelt.F,
                           &m->reader);
  if (status == RNL_OK && m->hierarchical)
    status = rnli_reader(l, "sentence_rnn", "sentence_pool", m->reader.F,
                         &m->sentences);
  m->F = m->hierarchical ? m->sentences.F : m->reader.F;
  if (status == RNL_OK) status = load_bayes(l, m);
  if (status == RNL_OK && m->F > INT32_MAX - m->bayes.D)
    return rnli_misfit(l, "its layers do not fit its words and labels");
  if (status == RNL_OK)
    status = rnli_mlp(l, "out", m->F + m->bayes.D, K, &m->out);
  if (status == RNL_OK) status = rnli_dropout(l, "drop_in");
  return status == RNL_OK ? rnli_dropout(l, "drop") : status;
}


static int load (rnli_Loader *l) {
  rnl_Model *model = l->model;
  const rnli_Json *o;
  Classifier *m = rnli_made(l, sizeof *m);
  if (!m) return RNL_ENOMEM;
  int status = rnli_labels(l, "labels", &model->label, &model->sizes.labels);
  if (status == RNL_OK) status = rnli_meta_json(l, "classifier", &o);
  if (status != RNL_OK) return status;
  if (!read_description(o, model->sizes.labels, m))
    status = rnli_misfit(l, "its description is damaged");
  if (status == RNL_OK) status = load_words(l, m);
  if (status == RNL_OK) status = load_layers(l, m);
  model->sizes.ids = m->embed.V;
  model->sizes.outputs = model->sizes.labels;
  return status;
}

/* }====================================================================== */

/* {== Text as tokens ===================================================== */

/* A text that is being read. */
typedef struct Reading {
  rnl_State *s;
  const Classifier *m;
  const char *text;
  rnli_Spans token;           /* as many as are read */
  size_t *row;                /* (rows + 1): the token each begins with */
  size_t rows;
  rnli_Text folded;           /* tokens as they are looked up, a space behind
                                 each, if there is Bayes */
  size_t *at;                 /* (tokens + 1): where each begins there */
} Reading;


static int is_space (char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}


/* Token i: white space between characters is one space. */
static rnli_Piece token_at (const Reading *r, size_t i) {
  const char *s = r->text + r->token.span[i].at;
  if (r->m->chars && is_space(*s)) return (rnli_Piece){" ", 1};
  return (rnli_Piece){s, r->token.span[i].n};
}


/* Of characters of white space side by side, from token 'from' on, one. */
static void join_spaces (Reading *r, size_t from) {
  rnli_Span *t = r->token.span;
  size_t n = from;
  for (size_t i = from; i < r->token.n; i++)
    if (i == from || !is_space(r->text[t[i].at]) ||
        !is_space(r->text[t[i - 1].at]))
      t[n++] = t[i];
  r->token.n = n;
}


/* The tokens of a part of the text, those that may be read. */
static int take_tokens (Reading *r, rnli_Span part) {
  size_t from = r->token.n, left = r->m->most - from;
  const char *s = r->text + part.at;
  int status = r->m->chars ? rnli_units_chars(s, part.n, part.n, &r->token)
                           : rnli_units_terms(s, part.n, &r->token);
  for (size_t i = from; i < r->token.n; i++) r->token.span[i].at += part.at;
  if (r->m->chars) join_spaces(r, from);
  if (r->token.n - from > left) r->token.n = from + left;
  return status;
}


/*
** The tokens of all parts, and where rows begin: a part is one, or some of
** LONGEST tokens in a hierarchical model. Each token needs a row at most.
*/
static int read_rows (Reading *r, const rnli_Spans *parts) {
  size_t longest = r->m->hierarchical ? LONGEST : SIZE_MAX, *from;
  int status = RNL_OK;
  from = rnli_work(&r->s->work, rnli_add(parts->n, 1), sizeof *from);
  if (!from) return RNL_ENOMEM;
  for (size_t i = 0; status == RNL_OK && i < parts->n; i++) {
    from[i] = r->token.n;
    if (r->token.n < r->m->most) status = take_tokens(r, parts->span[i]);
  }
  from[parts->n] = r->token.n;
  if (status != RNL_OK) return status;
  r->row = rnli_work(&r->s->work, rnli_add(r->token.n, 1), sizeof *r->row);
  if (!r->row) return RNL_ENOMEM;
  for (size_t i = 0; i < parts->n; i++)
    for (size_t t = from[i]; t < from[i + 1]; t += longest) {
      r->row[r->rows++] = t;
      if (from[i + 1] - t <= longest) break;
    }
  r->row[r->rows] = r->token.n;
  return RNL_OK;
}


static int read_tokens (Reading *r, size_t n) {
  rnli_Spans parts = {.ctx = r->s->ctx};
  int status = r->m->hierarchical ? rnli_units_sentences(r->text, n, &parts)
                                  : rnli_spans_add(&parts, 0, n);
  if (status == RNL_OK) status = read_rows(r, &parts);
  rnli_put(r->s->ctx, parts.span);
  if (status == RNL_OK && r->rows == 0)
    return rnli_error(r->s->ctx, RNL_EARG, "the text has no words to read");
  return status;
}

/* }====================================================================== */

/* {== Vectors ============================================================ */

/* The id of token i; with Bayes it is kept as it is looked up. */
static int look_up (Reading *r, size_t i, int32_t *id) {
  const Classifier *m = r->m;
  rnli_Piece p = token_at(r, i);
  char *folded = NULL;
  int status = RNL_OK;
  if (!m->chars) {
    status = rnli_text_folded(r->s->ctx, p.s, p.n, &folded, &p.n);
    p.s = folded;
  }
  if (status == RNL_OK) *id = rnli_id_of(m->words, p.s, p.n);
  if (status == RNL_OK && m->grams) {
    r->at[i] = r->folded.n;
    status = rnli_text_add(&r->folded, p.s, p.n);
    if (status == RNL_OK) status = rnli_text_add(&r->folded, " ", 1);
  }
  rnl_text_free(r->s->ctx, folded);
  return status;
}


/* The embedded tokens of a row (T,D). */
static int embed (Reading *r, size_t from, size_t to, float *x) {
  const Classifier *m = r->m;
  size_t D = (size_t)m->embed.D;
  for (size_t i = from; i < to; i++) {
    int32_t id = 0;
    int status = look_up(r, i, &id);
    if (status != RNL_OK) return status;
    memcpy(x, m->embed.row + (size_t)id * D, D * sizeof *x);
    x += D;
    if (m->spelt.F == 0) continue;
    rnli_Piece p = token_at(r, i);
    status = rnli_spelt_run(r->s, &m->spelt, p.s, p.n, x);
    if (status != RNL_OK) return status;
    x += m->spelt.F;
  }
  return RNL_OK;
}


/* The vector of a row. */
static int read_row (Reading *r, size_t row, float *y) {
  rnli_Work *w = &r->s->work;
  rnli_Mark mark = rnli_work_mark(w);
  size_t from = r->row[row], to = r->row[row + 1];
  if (to - from > INT32_MAX)
    return rnli_error(r->s->ctx, RNL_EARG, "the text has too many words");
  float *x = rnli_floats(w, to - from, (size_t)r->m->reader.D);
  if (!x) return RNL_ENOMEM;
  int status = embed(r, from, to, x);
  if (status == RNL_OK)
    status = rnli_reader_run(r->s->model, &r->m->reader, w, x,
                             (int)(to - from), y);
  rnli_work_back(w, mark);
  return status;
}


/* The vector of the text. */
static int read_text (Reading *r, float *y) {
  const Classifier *m = r->m;
  size_t F = (size_t)m->reader.F;
  int status = RNL_OK;
  if (!m->hierarchical) return read_row(r, 0, y);
  if (r->rows > INT32_MAX)
    return rnli_error(r->s->ctx, RNL_EARG, "the text has too many sentences");
  float *rows = rnli_floats(&r->s->work, r->rows, F);
  if (!rows) return RNL_ENOMEM;
  for (size_t i = 0; status == RNL_OK && i < r->rows; i++)
    status = read_row(r, i, rows + i * F);
  if (status != RNL_OK) return status;
  return rnli_reader_run(r->s->model, &m->sentences, &r->s->work, rows,
                         (int)r->rows, y);
}

/* }====================================================================== */

/* {== Naive Bayes ======================================================== */

/* The different grams of a text, in a table of open addressing. */
typedef struct Grams {
  const char *text;
  rnli_Piece *slot;
  size_t slots;               /* a power of 2, more than there are grams */
  uint64_t seed;
  size_t n;
} Grams;


/* Is it a gram that there has not been? */
static int is_new (Grams *g, const char *s, size_t n) {
  uint64_t h = rnli_mix(g->seed, n);
  for (size_t i = 0; i < n; i++) h = rnli_mix(h, (unsigned char)s[i]);
  size_t i = (size_t)(h ^ h >> 32) & (g->slots - 1);
  for (; g->slot[i].s; i = (i + 1) & (g->slots - 1))
    if (g->slot[i].n == n && memcmp(g->slot[i].s, s, n) == 0) return 0;
  g->slot[i] = (rnli_Piece){s, n};
  g->n++;
  return 1;
}


static int gram_room (Reading *r, Grams *g) {
  g->slots = 64;
  while (g->slots < rnli_mul(r->token.n, 4)) g->slots *= 2;
  g->slot = rnli_work(&r->s->work, g->slots, sizeof *g->slot);
  if (!g->slot) return RNL_ENOMEM;
  memset(g->slot, 0, g->slots * sizeof *g->slot);
  g->seed = (uintptr_t)g->slot;   /* so that no text can be made to collide */
  return RNL_OK;
}


/* Adds the row of a gram, unless it was there before. */
static void add_gram (const Classifier *m, Grams *g, const char *s, size_t n,
                      double *sum) {
  if (!is_new(g, s, n)) return;
  const float *row = m->bayes.row +
                     (size_t)rnli_id_of(m->grams, s, n) * (size_t)m->bayes.D;
  for (int k = 0; k < m->bayes.D; k++) sum[k] += (double)row[k];
}


/* What Bayes says of the text (labels); tokens have been looked up. */
static int read_bayes (Reading *r, float *b) {
  const Classifier *m = r->m;
  size_t K = (size_t)m->bayes.D, n = r->token.n;
  const char *s = r->folded.s;
  Grams g = {.n = 0};
  double *sum = rnli_work(&r->s->work, K, sizeof *sum);
  int status = gram_room(r, &g);
  if (!sum || status != RNL_OK) return RNL_ENOMEM;
  memset(sum, 0, K * sizeof *sum);
  r->at[n] = r->folded.n;
  for (size_t i = 0; i < n; i++) {   /* a space ends each token */
    add_gram(m, &g, s + r->at[i], r->at[i + 1] - r->at[i] - 1, sum);
    if (i + 1 < n)
      add_gram(m, &g, s + r->at[i], r->at[i + 2] - r->at[i] - 1, sum);
  }
  float norm = (float)(1 / sqrt((double)g.n));
  for (size_t k = 0; k < K; k++) b[k] = (float)sum[k] * norm;
  return RNL_OK;
}

/* }====================================================================== */

/* {== Labels ============================================================= */

static int classify (Reading *r, size_t n, float *p) {
  const Classifier *m = r->m;
  rnli_Work *w = &r->s->work;
  float *y = rnli_floats(w, (size_t)m->out.dense->in, 1);
  if (!y) return RNL_ENOMEM;
  int status = read_tokens(r, n);
  if (status != RNL_OK) return status;
  if (m->grams) {
    r->at = rnli_work(w, rnli_add(r->token.n, 1), sizeof *r->at);
    if (!r->at) return RNL_ENOMEM;
  }
  status = read_text(r, y);
  if (status == RNL_OK && m->grams) status = read_bayes(r, y + m->F);
  if (status == RNL_OK) status = rnli_mlp_run(r->s->model, &m->out, w, y, 1, p);
  if (status != RNL_OK) return status;
  return rnli_softmax(r->s, p, (size_t)r->s->model->sizes.labels);
}


int rnl_state_classify (rnl_State *s, const char *text, size_t n, float *p) {
  int status = rnli_expect_kind(s, &rnli_kind_classifier);
  if (status != RNL_OK) return status;
  Reading r = {.s = s, .m = s->model->made, .text = text,
               .token = {.ctx = s->ctx}, .folded = {.ctx = s->ctx}};
  status = classify(&r, n, p);
  rnli_put(s->ctx, r.token.span);
  rnli_put(s->ctx, r.folded.s);
  rnli_work_reset(&s->work);
  return status;
}

/* }====================================================================== */


const rnli_Kind rnli_kind_classifier = {"classifier", load, NULL};
