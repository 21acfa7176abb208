/*
** seq2seq.c - the kind "seq2seq": its layers, and steps of them. The layers of
** a file are those that seq2seq.build of lua/rnn/models/seq2seq.lua makes.
*/
#include "infer/seq2seq.h"

/* {== Loading ============================================================ */

static int misfit (rnli_Loader *l, const char *path) {
  return rnli_misfit(l, "its layer '%s' does not fit the others, or its "
                     "vocabularies", path);
}


static int load_units (rnli_Loader *l, rnli_Seq2seq *m) {
  const rnli_Json *o;
  int status = rnli_meta_json(l, "seq2seq", &o);
  if (status != RNL_OK) return status;
  int source = rnli_among(rnli_json_get(o, "source_units"),
                          "words|chars|jamo");
  int target = rnli_among(rnli_json_get(o, "target_units"), "words|chars");
  if (source < 0 || target < 0)
    return rnli_misfit(l, "its description is damaged");
  m->source_units = (rnli_Units)source;
  m->target_units = (rnli_Units)target;
  return RNL_OK;
}


/* One vocabulary for both sides, or two; and their embeddings. */
static int load_tokens (rnli_Loader *l, rnli_Seq2seq *m) {
  int shared = rnli_meta(l, "vocabulary") != NULL;
  int status = rnli_embedded(l, shared ? "vocabulary" : "vocabulary.source",
                             RNLI_SYMBOLS, "source", -1, &m->source, &m->read);
  if (status == RNL_OK && !shared)
    status = rnli_embedded(l, "vocabulary.target", RNLI_SYMBOLS, "target",
                           m->read.D, &m->target, &m->written);
  if (status != RNL_OK || !shared) return status;
  m->target = m->source;
  m->written = m->read;
  return rnli_layer(l, "target") ? misfit(l, "target") : RNL_OK;
}


/* A recurrent layer of the class LSTM or GRU without a projection. */
static int load_cell (rnli_Loader *l, const char *path, int D,
                      rnli_Recurrent *r) {
  if (!rnli_is_class(rnli_layer(l, path), "LSTM|GRU")) return misfit(l, path);
  int status = rnli_recurrent(l, path, D, NULL, r);
  return status == RNL_OK && r->S != r->H ? misfit(l, path) : status;
}


/* Features that the encoder gives. */
static int features_of (const rnli_Seq2seq *m) {
  return m->encoder.dirs * m->encoder.H;
}


static int load_cells (rnli_Loader *l, rnli_Seq2seq *m) {
  int D = rnli_size(rnli_layer(l, "decoder"), 0);
  int status = load_cell(l, "encoder", m->read.D, &m->encoder);
  if (status != RNL_OK) return status;
  m->feeds = D > m->read.D;
  status = load_cell(l, "decoder", m->feeds ? D : m->read.D, &m->decoder);
  if (status != RNL_OK) return status;
  if (m->decoder.dirs != 1 || m->decoder.L != m->encoder.L ||
      m->decoder.cells != m->encoder.cells)
    return misfit(l, "decoder");
  return RNL_OK;
}


/* There is one exactly when a state of the encoder is none of the decoder. */
static int load_bridge (rnli_Loader *l, rnli_Seq2seq *m) {
  int64_t in = (int64_t)m->encoder.L * features_of(m);
  int64_t out = (int64_t)m->decoder.L * m->decoder.H;
  m->bridges = m->encoder.dirs > 1 || in != out;
  if (in > INT32_MAX || out > INT32_MAX) return misfit(l, "bridge.h");
  if (m->bridges != (rnli_layer(l, "bridge.h") != NULL) ||
      (m->bridges && m->encoder.cells) != (rnli_layer(l, "bridge.c") != NULL))
    return misfit(l, "bridge.h");
  if (!m->bridges) return RNL_OK;
  int status = rnli_linear(l, "bridge.h", (int)in, (int)out, &m->bridge_h);
  if (status == RNL_OK && m->encoder.cells)
    status = rnli_linear(l, "bridge.c", (int)in, (int)out, &m->bridge_c);
  return status;
}


static int load_attention (rnli_Loader *l, rnli_Seq2seq *m, int tied) {
  int H = m->decoder.H;
  m->attends = rnli_layer(l, "attention") != NULL;
  m->A = tied && m->attends ? m->read.D : H;
  if (m->attends != (rnli_layer(l, "combine") != NULL))
    return misfit(l, "combine");
  if (m->feeds && (!m->attends ||
                   (int64_t)m->decoder.D != (int64_t)m->read.D + m->A))
    return misfit(l, "decoder");
  if (!m->attends) return RNL_OK;
  int status = rnli_attention(l, "attention", H, features_of(m),
                              &m->attention);
  if (status != RNL_OK) return status;
  if (m->attention.C > INT32_MAX - H) return misfit(l, "attention");
  return rnli_linear(l, "combine", H + m->attention.C, m->A, &m->combine);
}


static int load_out (rnli_Loader *l, int tied, rnli_Seq2seq *m) {
  const rnli_Json *layer = rnli_layer(l, "out");
  if ((!tied && !rnli_is_class(layer, "Linear")) ||
      rnli_size(layer, 0) != m->A ||
      rnli_size(layer, 1) != rnl_words_size(m->target))
    return misfit(l, "out");
  return rnli_head(l, "out", &m->written, &m->out);
}


/* No layer but those of such a model. */
static int check_paths (rnli_Loader *l) {
  static const char paths[] = "source|target|encoder|decoder|out|bridge.h|"
                              "bridge.c|attention|combine|drop";
  const rnli_Json *drop = rnli_layer(l, "drop");
  for (const rnli_Json *x = rnli_json_first(l->layers); x;
       x = rnli_json_next(x))
    if (rnli_among(x, paths) < 0)
      return rnli_misfit(l, "has a layer '%s', which no such model has",
                         rnli_json_brief(x).text);
  return drop && !rnli_is_class(drop, "Dropout") ? misfit(l, "drop") : RNL_OK;
}


static int load (rnli_Loader *l) {
  rnl_Sizes *sizes = &l->model->sizes;
  rnli_Seq2seq *m = rnli_made(l, sizeof *m);
  int tied = rnli_is_class(rnli_layer(l, "out"), "TiedLinear");
  if (!m) return RNL_ENOMEM;
  int status = check_paths(l);
  if (status == RNL_OK) status = load_units(l, m);
  if (status == RNL_OK) status = load_tokens(l, m);
  if (status == RNL_OK) status = load_cells(l, m);
  if (status == RNL_OK) status = load_bridge(l, m);
  if (status == RNL_OK) status = load_attention(l, m, tied);
  if (status == RNL_OK) status = load_out(l, tied, m);
  if (status != RNL_OK) return status;
  sizes->ids = m->read.V;
  sizes->outputs = m->out.U;
  return RNL_OK;
}

/* }====================================================================== */

/* {== States of the decoder ============================================== */

int rnli_writer (const rnli_Seq2seq *m, rnli_Work *w, int R,
                 rnli_Writer *to) {
  size_t rows = rnli_mul((size_t)m->decoder.L, (size_t)R);
  size_t H = (size_t)m->decoder.H, A = (size_t)m->A;
  *to = (rnli_Writer){.h = rnli_floats(w, rows, H)};
  if (m->decoder.cells) to->c = rnli_floats(w, rows, H);
  if (m->feeds) to->feed = rnli_floats(w, (size_t)R, A);
  return to->h && (to->c || !m->decoder.cells) && (to->feed || !m->feeds)
         ? RNL_OK : RNL_ENOMEM;
}


/* Rows of F numbers, of L layers. */
static void pick_rows (const float *all, int rows, const int *from, int R,
                       int L, int F, float *to) {
  size_t n = (size_t)F;
  for (int l = 0; all && l < L; l++, all += (size_t)rows * n)
    for (int i = 0; i < R; i++, to += n)
      memcpy(to, all + (size_t)from[i] * n, n * sizeof *to);
}


void rnli_writer_pick (const rnli_Seq2seq *m, const rnli_Writer *all, int rows,
                       const int *from, int R, rnli_Writer *to) {
  int L = m->decoder.L, H = m->decoder.H;
  pick_rows(all->h, rows, from, R, L, H, to->h);
  pick_rows(all->c, rows, from, R, L, H, to->c);
  pick_rows(all->feed, rows, from, R, 1, m->A, to->feed);
}

/* }====================================================================== */

/* {== Running ============================================================ */

/* A part of the first state of one row: h or c of the encoder's last (n). */
static int bridge (rnl_State *s, const rnli_Dense *d, const float *last,
                   size_t n, float *to) {
  const rnli_Seq2seq *m = s->model->made;
  if (!m->bridges) {
    memcpy(to, last, n * sizeof *to);
    return RNL_OK;
  }
  int status = rnli_dense(s->model, d, &s->work, last, 1, to, (size_t)d->out);
  if (status == RNL_OK) rnli_tanh_all(to, (size_t)d->out);
  return status;
}


int rnli_seq2seq_read (rnl_State *s, const int32_t *ids, int S,
                       rnli_Writer *to, rnli_Memory *memory) {
  const rnli_Seq2seq *m = s->model->made;
  const rnli_Recurrent *r = &m->encoder;
  size_t D = (size_t)m->read.D, n = (size_t)r->L * (size_t)features_of(m);
  float *x = rnli_floats(&s->work, (size_t)S, D);
  float *e = rnli_floats(&s->work, (size_t)S, (size_t)features_of(m));
  float *h = rnli_floats(&s->work, n, 1);
  float *c = rnli_floats(&s->work, r->cells ? n : 0, 1);
  int64_t t = 0;
  if (!x || !e || !h || !c) return RNL_ENOMEM;
  rnli_embed(&m->read, ids, S, x, D);
  rnli_recurrent_begin(r, 1, h, c);
  int status = rnli_recurrent_run(s->model, r, &s->work, S, x, h, c, &t, e);
  if (status == RNL_OK) status = bridge(s, &m->bridge_h, h, n, to->h);
  if (status == RNL_OK && r->cells)
    status = bridge(s, &m->bridge_c, c, n, to->c);
  if (m->feeds) memset(to->feed, 0, (size_t)m->A * sizeof *to->feed);
  if (status != RNL_OK || !m->attends) return status;
  return rnli_remember(s->model, &m->attention, &s->work, e, S, memory);
}


/* h~ (R,A) of outputs of the decoder h (R,H). */
static int attend (rnl_State *s, const float *h, int R,
                   const rnli_Memory *memory, float *out, float *weights) {
  const rnli_Seq2seq *m = s->model->made;
  size_t rows = (size_t)R, H = (size_t)m->decoder.H, A = (size_t)m->A;
  size_t C = (size_t)m->attention.C;
  float *c = rnli_floats(&s->work, rows, C);
  float *hc = rnli_floats(&s->work, rows, H + C);
  if (!c || !hc) return RNL_ENOMEM;
  int status = rnli_attend(s->model, &m->attention, &s->work, memory, h, R, c,
                           weights);
  if (status != RNL_OK) return status;
  rnli_copy(hc, H + C, h, H, rows, H);
  rnli_copy(hc + H, H + C, c, C, rows, C);
  status = rnli_dense(s->model, &m->combine, &s->work, hc, R, out, A);
  if (status == RNL_OK) rnli_tanh_all(out, rows * A);
  return status;
}


/* Outputs of the decoder (R,H) for an id in each row. */
static int advance (rnl_State *s, const int32_t *ids, int R,
                    rnli_Writer *state, float *y) {
  const rnli_Seq2seq *m = s->model->made;
  size_t D = (size_t)m->decoder.D, E = (size_t)m->written.D, A = (size_t)m->A;
  float *x = rnli_floats(&s->work, (size_t)R, D);
  int64_t t = 0;
  if (!x) return RNL_ENOMEM;
  rnli_embed(&m->written, ids, R, x, D);
  if (m->feeds) rnli_copy(x + E, D, state->feed, A, (size_t)R, A);
  return rnli_recurrent_step(s->model, &m->decoder, &s->work, R, x, NULL,
                             state->h, state->c, &t, y);
}


int rnli_seq2seq_write (rnl_State *s, const int32_t *ids, int R,
                        rnli_Writer *state, const rnli_Memory *memory,
                        float *scores, float *weights) {
  const rnli_Seq2seq *m = s->model->made;
  rnli_Mark mark = rnli_work_mark(&s->work);
  size_t n = (size_t)R * (size_t)m->A;
  float *y = rnli_floats(&s->work, (size_t)R, (size_t)m->decoder.H);
  float *out = m->attends ? rnli_floats(&s->work, n, 1) : y;
  if (!y || !out) return RNL_ENOMEM;
  int status = advance(s, ids, R, state, y);
  if (status == RNL_OK && m->attends)
    status = attend(s, y, R, memory, out, weights);
  if (status == RNL_OK && m->feeds)
    memcpy(state->feed, out, n * sizeof *out);
  if (status == RNL_OK)
    status = rnli_head_run(s->model, &m->out, &s->work, out, R, scores,
                           (size_t)m->out.U);
  rnli_work_back(&s->work, mark);
  return status;
}

/* }====================================================================== */


const rnli_Kind rnli_kind_seq2seq = {"seq2seq", load, NULL};
