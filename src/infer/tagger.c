/*
** tagger.c - the kind "tagger": a tag for each word of a sentence.
**
**    words, their characters, other columns -> net -> out -> crf
**
** Segmenters tag characters likewise (segmenter.c).
*/
#include <math.h>
#include <stdio.h>

#include "infer/infer.h"

enum {
  MOST_COLUMNS = 256,
  TOGETHER = 2000       /* words that are tagged together */
};

/* {== Description ======================================================== */

/* Is it an integer, not 0, as "%d" writes it? */
static int is_column (const char *name) {
  size_t digits = strspn(*name == '-' ? name + 1 : name, "0123456789");
  const char *first = *name == '-' ? name + 1 : name;
  return digits > 0 && digits < 19 && *first != '0' && first[digits] == '\0';
}


static int read_columns (rnli_Loader *l, const rnli_Json *list,
                         rnli_Tagger *t) {
  rnl_Model *m = l->model;
  int n = 0;
  if (rnli_json_kind(list) == RNLI_OBJECT && rnli_json_count(list) == 0)
    return RNL_OK;
  int status = rnli_strings(l, list, "columns", &m->column, &n);
  for (int i = 0; status == RNL_OK && i < n; i++)
    if (n > MOST_COLUMNS || !is_column(m->column[i]))
      return rnli_misfit(l, "its description is damaged");
  if (status == RNL_OK) t->ncolumns = m->sizes.columns = n;
  return status;
}


/* The scheme of the tags, NULL: none; 0 if the description is damaged. */
static int read_details (const rnli_Json *o, const char **scheme) {
  static const char *const schemes[] = {"BIO", "BIOES"};
  const rnli_Json *name = rnli_json_get(o, "scheme");
  double rate = rnli_member(o, "word_dropout", 0);
  int i = rnli_among(name, "BIO|BIOES");
  *scheme = i < 0 ? NULL : schemes[i];
  return rate >= 0 && rate < 1 && (!name || i >= 0);
}


static int read_description (rnli_Loader *l, rnli_Tagger *t,
                             const char **scheme) {
  const rnli_Json *o;
  int status = rnli_meta_json(l, "tagger", &o);
  if (status != RNL_OK) return status;
  if (!read_details(o, scheme))
    return rnli_misfit(l, "its description is damaged");
  return read_columns(l, rnli_json_get(o, "columns"), t);
}

/* }====================================================================== */

/* {== Loading ============================================================ */

static int load_column (rnli_Loader *l, int i, rnli_Column *c) {
  char key[32], path[32];
  snprintf(key, sizeof key, "feature.%d", i + 1);
  snprintf(path, sizeof path, "features.%d", i + 1);
  return rnli_embedded(l, key, 1, path, -1, &c->words, &c->embed);
}


static int load_columns (rnli_Loader *l, rnli_Tagger *t) {
  int status = RNL_OK;
  t->column = rnli_keep(l, (size_t)t->ncolumns, sizeof *t->column);
  if (!t->column) return RNL_ENOMEM;
  for (int i = 0; status == RNL_OK && i < t->ncolumns; i++)
    status = load_column(l, i, &t->column[i]);
  return status;
}


/* Numbers of a word that the network reads; -1: too many. */
static int width_of (const rnli_Tagger *t) {
  int64_t D = (int64_t)t->embed.D + t->spelt.F;
  for (int i = 0; i < t->ncolumns; i++) D += t->column[i].embed.D;
  return D <= INT32_MAX ? (int)D : -1;
}


static int load_net (rnli_Loader *l, rnli_Tagger *t, const char *scheme) {
  int D = width_of(t), status = RNL_OK;
  if (D < 0 || !rnli_is_class(rnli_layer(l, "rnn"), "LSTM|GRU|RNN"))
    return rnli_misfit(l, "its layers do not fit its words and tags");
  status = rnli_recurrent(l, "rnn", D, NULL, &t->net);
  if (status == RNL_OK && t->net.dirs != 2)
    return rnli_misfit(l, "its recurrent layers do not read in both "
                       "directions");
  if (status == RNL_OK)
    status = rnli_linear(l, "out", 2 * t->net.S, t->tags.n, &t->out);
  t->has_crf = rnli_layer(l, "crf") != NULL;
  if (status == RNL_OK && t->has_crf)
    status = rnli_crf(l, "crf", &t->tags, scheme, &t->crf);
  if (status == RNL_OK) status = rnli_dropout(l, "drop_in");
  return status == RNL_OK ? rnli_dropout(l, "drop") : status;
}


static int load_words (rnli_Loader *l, rnli_Tagger *t) {
  int status = rnli_embedded(l, "words", 1, "embed", -1, &t->words, &t->embed);
  if (status == RNL_OK) status = rnli_spelt(l, &t->spelt);
  return status == RNL_OK ? load_columns(l, t) : status;
}


int rnli_tagger (rnli_Loader *l, const char *scheme, rnli_Tagger **out) {
  const char *own = NULL;
  rnli_Tagger *t = rnli_keep(l, 1, sizeof *t);
  if (!t) return RNL_ENOMEM;
  memset(t, 0, sizeof *t);
  *out = t;
  int status = read_description(l, t, &own);
  if (status == RNL_OK)
    status = rnli_tags(l, "tags", scheme ? "BMES" : "BIES", &t->tags);
  if (status == RNL_OK && own && (rnli_tags_have(&t->tags, 0) ||
                                  !rnli_tags_have(&t->tags, 'O')))
    return rnli_misfit(l, "its tags are not those of its scheme");
  if (status == RNL_OK && !scheme)
    status = rnli_tag_labels(l, &t->tags, own && strcmp(own, "BIO") == 0,
                             &t->labels);
  if (status == RNL_OK && scheme && own)
    return rnli_misfit(l, "its description is damaged");
  if (status == RNL_OK) status = load_words(l, t);
  if (status == RNL_OK)
    status = load_net(l, t, scheme ? scheme : own ? "BIOES" : NULL);
  l->model->sizes.ids = t->embed.V;
  l->model->sizes.outputs = t->tags.n;
  return status;
}


static int load (rnli_Loader *l) {
  rnli_Tagger *t;
  int status = rnli_tagger(l, NULL, &t);
  l->model->made = t;
  return status;
}

/* }====================================================================== */

/* {== Scores ============================================================= */

static float *put_row (float *x, const rnli_Table *embed, int32_t id) {
  size_t D = (size_t)embed->D;
  memcpy(x, embed->row + (size_t)id * D, D * sizeof *x);
  return x + D;
}


/* What the network reads (T,D). */
static int embed (rnl_State *s, const rnli_Tagger *t,
                  const rnli_Sentence *words, float *x) {
  for (int i = 0; i < words->T; i++) {
    x = put_row(x, &t->embed, words->id[i]);
    if (t->spelt.F > 0) {
      int status = rnli_spelt_run(s, &t->spelt, words->word[i].s,
                                  words->word[i].n, x);
      if (status != RNL_OK) return status;
      x += t->spelt.F;
    }
    for (int c = 0; c < t->ncolumns; c++)
      x = put_row(x, &t->column[c].embed, words->column[c][i]);
  }
  return RNL_OK;
}


/* Scores of the tags (T,K), all finite. */
static int make_scores (rnl_State *s, const rnli_Tagger *t,
                        const rnli_Sentence *words, float *score) {
  rnli_Work *w = &s->work;
  size_t T = (size_t)words->T, K = (size_t)t->tags.n;
  float *x = rnli_floats(w, T, (size_t)t->net.D), *h;
  float *y = rnli_floats(w, T, 2 * (size_t)t->net.S);
  if (!x || !y) return RNL_ENOMEM;
  int status = embed(s, t, words, x);
  if (status == RNL_OK)
    status = rnli_run_once(s->model, &t->net, w, words->T, x, y, &h);
  if (status == RNL_OK)
    status = rnli_dense(s->model, &t->out, w, y, words->T, score, K);
  return status == RNL_OK ? rnli_finite(s, score, T * K) : status;
}


/* Lets a word have but the tag that is fixed. */
static void fix_tags (const rnli_Sentence *words, int K, float *score) {
  for (int i = 0; words->fixed && i < words->T; i++, score += K)
    for (int k = 0; words->fixed[i] >= 0 && k < K; k++)
      if (k != words->fixed[i]) score[k] = -INFINITY;
}


static void take_largest (const float *score, int T, int K, int32_t *tag) {
  for (int i = 0; i < T; i++, score += K) {
    tag[i] = 0;
    for (int k = 1; k < K; k++)
      if (score[k] > score[tag[i]]) tag[i] = k;
  }
}


int rnli_tagger_run (rnl_State *s, const rnli_Tagger *t,
                     const rnli_Sentence *words, int32_t *tag) {
  rnli_Mark mark = rnli_work_mark(&s->work);
  int T = words->T, K = t->tags.n;
  float *score = rnli_floats(&s->work, (size_t)T, (size_t)K);
  if (!score) return RNL_ENOMEM;
  int status = make_scores(s, t, words, score);
  if (status != RNL_OK) return status;
  fix_tags(words, K, score);
  if (t->has_crf) status = rnli_crf_decode(&t->crf, &s->work, score, T, tag);
  else take_largest(score, T, K, tag);
  rnli_work_back(&s->work, mark);
  return status;
}

/* }====================================================================== */

/* {== Words of a user ==================================================== */

/* Words from .. to - 1 and what stands beside them. */
typedef struct Part {
  const char *const *words;
  const char *const *const *columns;
  int from, to;
} Part;


/* The ids of a part, and how its words are spelt. */
static int read_part (rnl_State *s, const rnli_Tagger *t, const Part *p,
                      rnli_Piece *word, int32_t *id, int32_t **column) {
  int status = RNL_OK;
  for (int i = 0; status == RNL_OK && i < p->to - p->from; i++) {
    const char *text = p->words[p->from + i];
    word[i] = (rnli_Piece){text, strlen(text)};
    status = rnli_word_id(s, t->words, text, word[i].n, &id[i]);
    for (int c = 0; c < t->ncolumns; c++) {
      const char *beside = p->columns[c][p->from + i];
      column[c][i] = rnli_id_of(t->column[c].words, beside, strlen(beside));
    }
  }
  return status;
}


static int tag_part (rnl_State *s, const rnli_Tagger *t, const Part *p,
                     int32_t *tag) {
  rnli_Mark mark = rnli_work_mark(&s->work);
  size_t T = (size_t)(p->to - p->from);
  rnli_Piece *word = rnli_work(&s->work, T, sizeof *word);
  int32_t *id = rnli_work(&s->work, T, sizeof *id);
  int32_t **column = rnli_work(&s->work, (size_t)t->ncolumns, sizeof *column);
  if (!word || !id || !column) return RNL_ENOMEM;
  for (int c = 0; c < t->ncolumns; c++) {
    column[c] = rnli_work(&s->work, T, sizeof **column);
    if (!column[c]) return RNL_ENOMEM;
  }
  int status = read_part(s, t, p, word, id, column);
  const rnli_Sentence words = {(int)T, word, id, column, NULL};
  if (status == RNL_OK) status = rnli_tagger_run(s, t, &words, tag);
  if (status == RNL_OK) rnli_tags_label(&t->tags, &t->labels, (int)T, tag);
  rnli_work_back(&s->work, mark);
  return status;
}


static int check_words (rnl_State *s, const rnli_Tagger *t,
                        const char *const *words, int n,
                        const char *const *const *columns) {
  int base = s->ctx->base;
  if (n < 0) return rnli_error(s->ctx, RNL_EARG, "cannot tag %d words", n);
  if (t->ncolumns > 0 && !columns)
    return rnli_error(s->ctx, RNL_EARG, "the tagger reads %d column%s beside "
                      "the words", t->ncolumns, t->ncolumns > 1 ? "s" : "");
  for (int i = 0; i < n; i++)
    if (!*words[i])
      return rnli_error(s->ctx, RNL_EARG, "word %d is empty", i + base);
  return RNL_OK;
}


int rnl_state_tag (rnl_State *s, const char *const *words, int n,
                   const char *const *const *columns, int32_t *tags) {
  int status = rnli_expect_kind(s, &rnli_kind_tagger);
  if (status != RNL_OK) return status;
  const rnli_Tagger *t = s->model->made;
  status = check_words(s, t, words, n, columns);
  for (int i = 0; status == RNL_OK && i < n; i += TOGETHER) {
    const Part p = {words, columns, i, n - i < TOGETHER ? n : i + TOGETHER};
    status = tag_part(s, t, &p, tags + i);
  }
  rnli_work_reset(&s->work);
  return status;
}

/* }====================================================================== */


const rnli_Kind rnli_kind_tagger = {"tagger", load, NULL};
